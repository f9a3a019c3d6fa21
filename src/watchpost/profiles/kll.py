"""The quantile sketch: KLL exactly as the original runs it, so a table read in order gives its file bit for bit.

Deterministic (no random bits), sequential and mergeable: merged pieces give an equally valid sketch within its bound.
Which level is compacted when depends only on how many values came, never on the values. So a whole batch is planned
first, and then every level compacts all its segments, those of several columns in one go. Columns of equal length share
the plan. The sorted segments of level 0 also yield exact counts in given cells, at no second pass.

Source: contract 2.2 (level sizes and content verified against files of the service); Karnin, Lang, Liberty 2016,
arXiv 1603.05346.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from watchpost import kernels
from watchpost.kernels.quantiles import Levels, compact
from watchpost.profiles.statistics import KLL_SHRINK, KLL_SIZE, CellCounts, Sketch

Floats = NDArray[np.float64]
Numbers = NDArray[np.float64 | np.int32]

_EMPTY: Floats = np.empty(0)
_COMPILED_STRIDE = 1 << 18  # values compacted in one call of the kernels: 2 MiB, and as much again to work with
_STRIDE = 32_768  # values planned and compacted at once: 256 KiB, so that every step works inside a core's own cache


@cache
def capacity(height: int) -> int:
    """How many items level `height` may hold before it is compacted: 2050, 1314, 842, 540, 346 and so on."""
    return int(2 * (ceil(KLL_SIZE * KLL_SHRINK**height / 2) + 1))


@lru_cache(maxsize=256)
def plan(counts: tuple[int, ...], arriving: int) -> tuple[tuple[int, ...], ...]:
    """The compactions that `arriving` values cause in a sketch whose levels hold `counts` items.

    Returns: for each level, the lengths (all even) of the segments it compacts, in order. Segments lie behind each
    other in the level's stream of items: an odd last item stays and opens the next segment.
    """
    held = list(counts)
    segments: list[list[int]] = [[] for _ in held]
    total, size = sum(capacity(h) for h in range(len(held))), sum(held)
    while arriving > 0:
        # One compaction runs as soon as the sketch holds one item more than its capacity.
        step = min(arriving, total - size + 1)
        held[0] += step
        size += step
        arriving -= step
        if size <= total:
            break
        height = _first_full(held)
        if height + 1 == len(held):
            held.append(0)
            segments.append([])
            total += capacity(height + 1)
        even = held[height] & ~1
        held[height] -= even
        held[height + 1] += even // 2
        size -= even // 2
        segments[height].append(even)
    return tuple(tuple(lengths) for lengths in segments)


def _first_full(held: Sequence[int]) -> int:
    return next(height for height, count in enumerate(held) if count >= capacity(height))


class _Level:
    """One level: runs of items in arrival order, each item standing for 2**height values."""

    __slots__ = ("compactions", "count", "offset", "runs")

    def __init__(self) -> None:
        self.runs: list[Numbers] = []
        self.count = 0
        self.compactions = 0
        self.offset = 0

    def append(self, run: Numbers) -> None:
        if len(run):
            self.runs.append(run)
            self.count += len(run)

    def items(self) -> Numbers:
        return self.runs[0] if len(self.runs) == 1 else np.concatenate(self.runs) if self.runs else _EMPTY

    def take(self, length: int) -> list[Numbers]:
        """Remove the first `length` items and return them as runs, which the caller must not change."""
        taken, rest = [], length
        while rest:
            run = self.runs.pop(0)
            if len(run) > rest:
                # A copy, lest a few items keep a whole batch alive.
                self.runs.insert(0, run[rest:].copy())
                run = run[:rest]
            taken.append(run)
            rest -= len(run)
        self.count -= length
        return taken

    def halves(self, compactions: int) -> list[int]:
        """Which half (0: even positions, 1: odd) each of the next compactions keeps; every odd one changes sides."""
        kept = []
        for number in range(self.compactions, self.compactions + compactions):
            self.offset ^= number & 1
            kept.append(self.offset)
        self.compactions += compactions
        return kept


class QuantileSketch:
    """Approximate distribution of a stream of finite numbers in bounded memory (about 35 kB).

    Args: edges: ascending finite numbers; when given, exact counts in the cells they cut are kept beside the sketch.
    """

    __slots__ = ("_below", "_counted", "_levels", "edges")

    def __init__(self, edges: Floats | None = None) -> None:
        self._levels = [_Level()]
        self.edges = edges
        self._below = np.zeros(0 if edges is None else len(edges), dtype=np.int64)  # counted values <= each edge
        self._counted = 0

    def update(self, values: Numbers) -> None:
        """Add finite values, shape (n,), in order; int32 sorts twice as fast as float64. The array is not kept."""
        if not self._update_compiled(values):
            update_together([self], [values])

    def _update_compiled(self, values: Numbers) -> bool:
        """`update` by the compiled kernels, which leave no work to share; False, and nothing done, without them."""
        if kernels.available():
            for start in range(0, len(values), _COMPILED_STRIDE):
                self._add_compiled(values[start : start + _COMPILED_STRIDE])
        return kernels.available()

    def _add_compiled(self, values: Numbers) -> None:
        held = len(self._levels)
        segments = plan(tuple(level.count for level in self._levels), len(values))
        if not any(segments):
            self._levels[0].append(values.copy())
            return
        self._levels += [_Level() for _ in range(len(segments) - held)]
        lowest, *higher = self._levels
        waiting = lowest.items()
        levels = Levels(
            np.array([level.count for level in self._levels]),
            np.array([level.compactions for level in self._levels]),
            np.array([level.offset for level in self._levels]),
        )
        above = np.concatenate([_EMPTY, *(run for level in higher for run in level.runs)])
        edges = _EMPTY if self.edges is None else self.edges
        kept = compact(levels, segments, waiting, above, values, edges, self._below)
        assert kept is not None
        compacted = sum(segments[0])
        if self.edges is not None:
            self._counted += compacted
        arrived = values[max(compacted - len(waiting), 0) :]
        # Only where something waits on: nothing, joined to whole numbers, would make them floats.
        rest = np.concatenate((waiting[compacted:], arrived)) if compacted < len(waiting) else arrived.copy()
        for level, count, compactions, offset in zip(
            self._levels,
            *(array.tolist() for array in (levels.counts, levels.compactions, levels.offsets)),
            strict=True,
        ):
            level.compactions, level.offset = compactions, offset
            if level is lowest:
                level.runs, level.count = [rest], len(rest)
            else:
                level.runs, level.count, kept = [kept[:count]], count, kept[count:]

    def history(self) -> tuple[tuple[int, int, int], ...]:
        """What decides the next compactions. Sketches of equal history, given as many values each, stay in step."""
        return tuple((level.count, level.compactions, level.offset) for level in self._levels)

    def merge(self, other: "QuantileSketch") -> "QuantileSketch":
        """Both streams as one sketch; neither part changes. Raises ValueError when they count different cells."""
        if not _same_edges(self.edges, other.edges):
            raise ValueError("sketches that count different cells cannot be merged")
        merged = QuantileSketch(self.edges)
        merged._below, merged._counted = self._below + other._below, self._counted + other._counted
        merged._levels = [_Level() for _ in range(max(len(self._levels), len(other._levels)))]
        for part in (self, other):
            for level, addition in zip(merged._levels, part._levels, strict=False):
                level.runs += addition.runs
                level.count += addition.count
                level.compactions += addition.compactions
                level.offset ^= addition.offset
        while sum(level.count for level in merged._levels) >= sum(map(capacity, range(len(merged._levels)))):
            height = _first_full([level.count for level in merged._levels])
            if height + 1 == len(merged._levels):
                merged._levels.append(_Level())
            _compact([merged], height, (merged._levels[height].count & ~1,))
        return merged

    def _count_cells(self, ordered: Numbers) -> None:
        if self.edges is not None:
            self._below += ordered.searchsorted(self.edges, side="right")
            self._counted += len(ordered)

    @property
    def count(self) -> int:
        """How many values were added."""
        return sum(level.count << height for height, level in enumerate(self._levels))

    def sketch(self) -> Sketch:
        """The content as a plain value, level 0 first, each level in its internal order."""
        return Sketch(tuple(level.items().astype(np.float64) for level in self._levels))

    def cells(self) -> CellCounts | None:
        """Exact counts in the cells, or None when no edges were given."""
        if self.edges is None:
            return None
        waiting = np.sort(self._levels[0].items())
        below = self._below + waiting.searchsorted(self.edges, side="right")
        counts = np.diff(np.concatenate(([0], below, [self._counted + len(waiting)])))
        return CellCounts(self.edges, counts)


def update_together(sketches: Sequence[QuantileSketch], values: Sequence[Numbers]) -> None:
    """Add to each sketch its own values, all in step: one plan, and one sort call for a segment of all columns.

    The result is that of updating one by one; but sorting several columns in one call lets threads run side by side.

    Args: sketches: at least one, of equal `history()`. values: one array of finite numbers each, all of one length.
    """
    first = sketches[0]
    for start in range(0, len(values[0]), _STRIDE):
        parts = [column[start : start + _STRIDE] for column in values]
        segments = plan(tuple(level.count for level in first._levels), len(parts[0]))
        for sketch, part in zip(sketches, parts, strict=True):
            sketch._levels += [_Level() for _ in range(len(segments) - len(sketch._levels))]
            # Without a compaction the part stays as it is, and the caller's array must not live on in it.
            sketch._levels[0].append(part if segments[0] else part.copy())
        for height, lengths in enumerate(segments):
            if lengths:
                _compact(sketches, height, lengths)


def _compact(sketches: Sequence[QuantileSketch], height: int, lengths: Sequence[int]) -> None:
    """Compact the same segments of one level of every sketch into the level above, which exists."""
    taken = [sketch._levels[height].take(sum(lengths)) for sketch in sketches]
    halves = [sketch._levels[height].halves(len(lengths)) for sketch in sketches]  # all the same, as they are in step
    integers = all(run.dtype == np.int32 for runs in taken for run in runs)
    rows = np.empty((len(sketches), sum(lengths)), np.int32 if integers else np.float64)
    for row, runs in zip(rows, taken, strict=True):
        np.concatenate(runs, out=row)
    # Higher levels are a few sorted runs behind each other: a merge sort joins them without comparing anew.
    kind: Literal["stable"] | None = "stable" if height > 1 else None
    kept, start = [], 0
    for half, length in zip(halves[0], lengths, strict=True):
        segment = rows[:, start : start + length]
        segment.sort(axis=1, kind=kind)
        kept.append(segment[:, half::2])
        start += length
        if not height:
            for sketch, ordered in zip(sketches, segment, strict=True):
                sketch._count_cells(ordered)
    for sketch, run in zip(sketches, np.concatenate(kept, axis=1), strict=True):
        sketch._levels[height + 1].append(run)


def _same_edges(a: Floats | None, b: Floats | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))
