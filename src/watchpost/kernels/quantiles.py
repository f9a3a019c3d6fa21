"""The compactions of a quantile sketch: level 0 sorted by numpy's vector units, the levels above merged."""

import ctypes
import mmap
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from watchpost.kernels import address, function, size

Floats = NDArray[np.float64]
Numbers = NDArray[np.float64 | np.int32]
Counts = NDArray[np.int64]

_DOUBLE, _INT32 = 0, 1
_HELD = 1 << 21  # numbers of eight bytes that a thread may keep room for
_threads = threading.local()


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels of a sketch, the lowest first, those that are about to come included.

    counts: items each holds; only the first is not looked at. compactions: so far. offsets: the half that the last one
    kept, 0 or 1. The arrays are changed by `compact`.
    """

    counts: Counts
    compactions: Counts
    offsets: Counts


def compact(
    levels: Levels,
    segments: Sequence[Sequence[int]],
    waiting: Numbers,
    above: Floats,
    values: Numbers,
    edges: Floats,
    below: Counts,
) -> Floats | None:
    """Compact segments of every level, the lowest first; best for at most some hundred thousand values at once.

    Args: segments: lengths of those that each level compacts, all even. waiting: the items of level 0. above: those of
    the levels above, level by level. values: what arrives at level 0, finite. edges, below: to each number in `below`
    is added how many of the values compacted in level 0 are at most that edge; both contiguous.
    Returns: the items that the levels above level 0 hold now, level by level; None without the compiled kernels.
    """
    cut, merge = function("wp_cut_segments", None), function("wp_compact", None)
    if cut is None or merge is None:
        return None
    lengths = np.fromiter(chain.from_iterable(segments), np.int64)
    integers = values.dtype == np.int32 and (waiting.dtype == np.int32 or not len(waiting))
    width = max(segments[0], default=0)
    room = len(above) + sum(segments[0]) // 2
    work, kept, rest = _work(
        4 * room, len(above) + sum(sum(level) // 2 for level in segments), len(segments[0]) * width
    )
    table = rest.view(np.int32 if integers else np.float64)[: len(segments[0]) * width].reshape(-1, max(width, 1))
    waiting, values = _contiguous(waiting), _contiguous(values)
    cut(
        address(waiting), _type(waiting), size(waiting), address(values), _type(values), address(lengths),
        size(table), _count(width), _count(integers), address(table),
    )  # fmt: skip
    table.sort(axis=1)
    merge(
        address(table), _type(table), _count(width), size(levels.counts),
        address(np.fromiter(map(len, segments), np.int64)), address(lengths), address(levels.compactions),
        address(levels.offsets), address(above), address(levels.counts), address(kept), address(edges),
        size(edges), address(below), address(work), _count(room),
    )  # fmt: skip
    return kept[: int(levels.counts[1:].sum())].copy()


def _work(*sizes: int) -> list[Floats]:
    """Room for so many numbers each, this thread's own: fresh memory for every call would cost more than the call.

    Mapped by itself, as among the C library's own it would keep what is freed around it from being given back.
    """
    needed = max(sum(sizes), 1)
    held: Floats | None = getattr(_threads, "work", None)
    if held is None or len(held) < needed:
        held = np.frombuffer(mmap.mmap(-1, 8 << (needed - 1).bit_length()))
        if needed <= _HELD:
            _threads.work = held
    return np.split(held[: sum(sizes)], np.cumsum(sizes[:-1]))


def _contiguous(array: Numbers) -> Numbers:
    return np.ascontiguousarray(array, np.int32 if array.dtype == np.int32 else np.float64)


def _count(number: int) -> ctypes.c_int64:
    return ctypes.c_int64(number)


def _type(array: NDArray[np.generic]) -> ctypes.c_int64:
    return ctypes.c_int64(_INT32 if array.dtype == np.int32 else _DOUBLE)
