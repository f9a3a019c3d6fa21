"""Cells as bytes and back: what the log of reported data and the chunks of history hold.

A pack has three parts, so that a question reads no more than it needs and thousands of packs are read by joining their
bytes: cells of one sample (16 bytes each), all other cells (45 bytes each), and the sketches of the latter.
"""

from collections.abc import Iterable
from typing import NamedTuple
from zlib import compress, decompress

import numpy as np

from watchpost.metrics.cells import EMPTY, Cells, joined
from watchpost.metrics.sketch import Flags, Floats, Integers

_SINGLE = np.dtype([("key", "<i8"), ("value", "<f8")])
_CELL = np.dtype(
    [
        ("key", "<i8"),
        ("count", "<f8"),
        ("total", "<f8"),
        ("low", "<f8"),
        ("high", "<f8"),
        ("items", "<u4"),
        ("flags", "u1"),
    ]
)
_WHOLE, _COARSE = 1, 2


class Pack(NamedTuple):
    """Cells as bytes: those of one sample, the others, the sketches of the others (compressed; empty if none)."""

    singles: bytes
    others: bytes
    sketches: bytes


def pack(cells: Cells) -> Pack:
    """The cells, loose or not, as bytes."""
    return _without_sketches(cells)._replace(sketches=_packed_sketches(cells.values, cells.weights))


def _without_sketches(cells: Cells) -> Pack:
    alone = _alone(cells)
    singles = np.empty(np.count_nonzero(alone), dtype=_SINGLE)
    singles["key"], singles["value"] = cells.key[alone], cells.low[alone]
    if alone.all():
        return Pack(singles.tobytes(), b"", b"")
    rest = cells[~alone]
    others = np.empty(len(rest), dtype=_CELL)
    for column in ("key", "count", "total", "low", "high", "items"):
        others[column] = getattr(rest, column)
    others["flags"] = rest.whole * _WHOLE + rest.coarse * _COARSE
    return Pack(singles.tobytes(), others.tobytes(), b"")


def unpack(packs: Iterable[Pack], sketches: bool = True) -> Cells:
    """The cells of all packs behind each other: loose.

    Args: sketches: False leaves them out (the packs' third part may then be anything): see `Cells.plain`.
    """
    all_packs = list(packs)
    singles = np.frombuffer(b"".join([p.singles for p in all_packs]), dtype=_SINGLE)
    others = np.frombuffer(b"".join([p.others for p in all_packs]), dtype=_CELL)
    alone = _of_singles(singles) if len(singles) else EMPTY
    rest = _of_others(others, [p.sketches for p in all_packs] if sketches else []) if len(others) else EMPTY
    cells = joined([part for part in (alone, rest) if len(part)])
    return cells if sketches else cells.plain()


def _of_singles(singles: "np.ndarray[tuple[int], np.dtype[np.void]]") -> Cells:
    count, value = np.ones(len(singles)), np.ascontiguousarray(singles["value"])
    none, no = np.zeros(len(singles), dtype=np.int64), np.zeros(len(singles), dtype=np.bool_)
    return Cells(
        np.ascontiguousarray(singles["key"]),
        count,
        value,
        value,
        value,
        value >= 0,
        no,
        none,
        EMPTY.values,
        EMPTY.values,
    )


def _of_others(others: "np.ndarray[tuple[int], np.dtype[np.void]]", sketches: list[bytes]) -> Cells:
    key, count, total, low, high = (np.ascontiguousarray(others[x]) for x in ("key", "count", "total", "low", "high"))
    whole, coarse = (others["flags"] & _WHOLE) > 0, (others["flags"] & _COARSE) > 0
    parts = [_unpacked_sketches(part) for part in sketches if part]
    values = np.concatenate([v for v, _ in parts]) if parts else EMPTY.values
    weights = np.concatenate([w for _, w in parts]) if parts else EMPTY.values
    items = others["items"].astype(np.int64) if sketches else np.zeros(len(others), dtype=np.int64)
    return Cells(key, count, total, low, high, whole, coarse, items, values, weights)


def _packed_sketches(values: Floats, weights: Floats) -> bytes:
    if len(values) == 0:
        return b""
    # Bytes of equal rank side by side: rounded values share their low bytes and small counts most of theirs, so that
    # an item shrinks from 16 bytes to about 3.
    table = np.stack((values, weights)).astype("<f8").view(np.uint8).reshape(2, -1, 8)
    return compress(np.ascontiguousarray(table.transpose(0, 2, 1)).tobytes(), 1)


def _unpacked_sketches(packed: bytes) -> tuple[Floats, Floats]:
    table = np.frombuffer(decompress(packed), dtype=np.uint8).reshape(2, 8, -1)
    values, weights = np.ascontiguousarray(table.transpose(0, 2, 1)).view("<f8").reshape(2, -1)
    return values, weights


def _alone(cells: Cells) -> Flags:
    alone: Flags = (cells.count == 1) & (cells.low == cells.high) & (cells.total == cells.low)
    # A single is read back as whole unless it is negative, so only such are packed as singles.
    alone &= cells.whole == (cells.low >= 0)
    return alone


def pack_each(cells: Cells, first: Integers) -> list[Pack]:
    """Stretches of cells, each in a pack of its own: from `first[0]` on, from `first[1]` on, and so on.

    Args: first: ascending positions, beginning with 0; as fast for thousands of short stretches as for one long.
    """
    whole = _without_sketches(cells)
    alone = _alone(cells)
    singles = np.append(np.cumsum(alone) - alone, np.count_nonzero(alone))[np.append(first, len(cells))]
    others = np.append(first, len(cells)) - singles
    items = np.append(np.cumsum(cells.items) - cells.items, cells.items.sum())[np.append(first, len(cells))]
    of_singles, of_others = (singles * _SINGLE.itemsize).tolist(), (others * _CELL.itemsize).tolist()
    of_items = items.tolist()
    return [
        Pack(
            whole.singles[of_singles[i] : of_singles[i + 1]],
            whole.others[of_others[i] : of_others[i + 1]],
            _packed_sketches(cells.values[of_items[i] : of_items[i + 1]], cells.weights[of_items[i] : of_items[i + 1]]),
        )
        for i in range(len(first))
    ]
