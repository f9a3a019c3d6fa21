"""Weights of the cells between two keys, counted by place: what takes sorting where keys lie far apart."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Keys = NDArray[np.int64]


class KeyedRows(NamedTuple):
    """Rows to count, shapes (n,): keys, the kind of each (None: all 0) and the weight of each (None: all 1)."""

    keys: Keys
    kinds: NDArray[np.integer | np.bool_] | None = None
    weights: Floats | None = None


class DenseCells:
    """The weight of every kind in each of `width` consecutive cells, the first of which has the key `low`."""

    __slots__ = ("_bits", "_kinds", "_low", "_totals", "_width")

    def __init__(self, low: int, width: int, kinds: int) -> None:
        self._low, self._width, self._kinds = low, width, kinds
        self._bits = (kinds - 1).bit_length()  # a cell's kinds lie beside each other, padded to a power of two
        # Whole numbers until a weight comes.
        self._totals: Floats | NDArray[np.int64] = np.zeros(width << self._bits, np.int64)

    def count(self, pieces: Iterable[KeyedRows], rows: int, *, weighted: bool) -> list[KeyedRows]:
        """Count the rows whose cells are here, and return the others. rows: of all pieces. The keys are not kept.

        Small pieces are best: their temporaries stay in the processor's cache.
        """
        places = np.empty(rows, np.int64)
        held = np.ones(rows) if weighted else None
        filled, rest = 0, []
        for piece in pieces:
            keys, kinds, weights = piece
            offsets = keys - self._low
            # As an unsigned number, what lies below the lowest cell is above all others.
            above = offsets.view(np.uint64)
            if int(above.max(initial=0)) >= self._width:
                inside = above < np.uint64(self._width)
                rest.append(_chosen(piece, ~inside))
                _, kinds, weights = _chosen(piece, inside)
                offsets = offsets[inside]
            end = filled + len(offsets)
            offsets <<= self._bits
            if kinds is None:
                places[filled:end] = offsets
            else:
                np.add(offsets, kinds, out=places[filled:end])
            if held is not None and weights is not None:
                held[filled:end] = weights
            filled = end
        counted = np.bincount(places[:filled], None if held is None else held[:filled], minlength=len(self._totals))
        if held is None:
            self._totals += counted
        else:
            self._totals = self._totals + counted
        return rest

    def cells(self) -> tuple[Keys, Floats]:
        """The keys of the cells that hold weight, ascending, shape (n,), and their weights, shape (kinds, n)."""
        own = [self._totals[kind :: 1 << self._bits] for kind in range(self._kinds)]
        held = np.zeros(self._width, np.bool_)
        for totals in own:
            held |= totals != 0
        filled = np.flatnonzero(held)
        return filled + self._low, np.stack([totals[filled].astype(np.float64) for totals in own])


def _chosen(rows: KeyedRows, flags: NDArray[np.bool_]) -> KeyedRows:
    keys, kinds, weights = rows
    return KeyedRows(keys[flags], None if kinds is None else kinds[flags], None if weights is None else weights[flags])
