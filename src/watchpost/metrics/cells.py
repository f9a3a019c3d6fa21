"""What is kept of reported data: one cell per series and moment, in columns.

A cell holds count, sum, minimum, maximum and the sketch of the samples of one series (a number for metric and unit)
that fell into one second or minute, or into a longer period once it was rolled up. Merging cells is the one operation
behind everything: storing, rolling up, and answering for any period.

A cell's key is one integer: `series << 34 | start << 1 | fine`, `start` in epoch seconds, `fine` 1 for data reported
at a resolution of one second. So cells ascend by series, then by time, and a range of a series is one slice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from watchpost.metrics.sketch import Flags, Floats, Integers, combine

_SERIES_SHIFT = 34
_START_MASK = (1 << 33) - 1
LAST_START = _START_MASK


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Cells of many series; one row a cell, all columns of the same length.

    Args: key: int64; ascending and each once, except in loose cells, which only `merge` accepts. count, total, low,
    high: float64, the number, sum, minimum and maximum of the samples; count > 0. whole: bool, whether the distribution
    is known; False once a statistic set or a negative value went in, as CloudWatch has no percentiles of those. coarse:
    bool, whether the sketch is rounded. items: int64, how many items of `values` and `weights` are the cell's; 0 where
    the sketch is plain anyway (minimum = maximum) or not known. values, weights: float64, the sketches behind each
    other, each ascending by value.
    """

    key: Integers
    count: Floats
    total: Floats
    low: Floats
    high: Floats
    whole: Flags
    coarse: Flags
    items: Integers
    values: Floats
    weights: Floats

    def __len__(self) -> int:
        return len(self.key)

    @property
    def series(self) -> Integers:
        """The number of each cell's series."""
        return self.key >> _SERIES_SHIFT

    @property
    def start(self) -> Integers:
        """Where each cell starts, in epoch seconds."""
        return (self.key >> 1) & _START_MASK

    @property
    def fine(self) -> Flags:
        """Whether each cell was reported at a resolution of one second."""
        return (self.key & 1).astype(np.bool_)

    def __getitem__(self, chosen: slice | Flags | Integers) -> "Cells":
        """Some of the cells: a slice, a mask, or positions."""
        items = self.items[chosen]
        if items.any():
            taken = ranges((np.cumsum(self.items) - self.items)[chosen], items)
            values, weights = self.values[taken], self.weights[taken]
        else:
            values, weights = _NONE, _NONE
        # Cells of one sample have one array for all three, which is picked from once.
        total = self.total[chosen]
        return Cells(
            self.key[chosen],
            self.count[chosen],
            total,
            total if self.low is self.total else self.low[chosen],
            total if self.high is self.total else self.high[chosen],
            self.whole[chosen],
            self.coarse[chosen],
            items,
            values,
            weights,
        )

    def explicit(self) -> tuple[Integers, Floats, Floats]:
        """Every cell's sketch as items, none left out: lengths per cell (0 where it is not known), values, weights."""
        implied = self.whole & (self.items == 0)
        lengths = self.items + implied
        values, weights = np.empty(lengths.sum()), np.empty(lengths.sum())
        of_implied = np.repeat(implied, lengths)
        values[of_implied], weights[of_implied] = self.low[implied], self.count[implied]
        values[~of_implied], weights[~of_implied] = self.values, self.weights
        return lengths, values, weights

    def plain(self) -> "Cells":
        """The same without sketches: smaller, and all that count, sum, minimum, maximum and average need."""
        known = np.zeros(len(self), dtype=np.bool_)
        return replace(
            self, whole=known, coarse=known, items=np.zeros(len(self), dtype=np.int64), values=_NONE, weights=_NONE
        )

    def of(self, series: Integers, start: int, end: int) -> "Cells":
        """The cells of some series (ascending numbers, each once) that start in [start, end)."""
        first = np.searchsorted(self.key, keys(series, np.int64(max(start, 0))))
        last = np.searchsorted(self.key, keys(series, np.int64(min(max(end, 0), LAST_START))))
        lengths = np.maximum(last - first, 0)
        return self if lengths.sum() == len(self) else self[ranges(first, lengths)]


_NONE: Floats = np.empty(0)
_NO_NUMBERS: Integers = np.empty(0, dtype=np.int64)
_NO_FLAGS: Flags = np.empty(0, dtype=np.bool_)
EMPTY = Cells(_NO_NUMBERS, _NONE, _NONE, _NONE, _NONE, _NO_FLAGS, _NO_FLAGS, _NO_NUMBERS, _NONE, _NONE)


def keys(series: Integers, start: Integers | np.int64, fine: Flags | bool = False) -> Integers:
    """The keys of cells; arguments broadcast. `start` must lie in [0, LAST_START]."""
    key: Integers = (series << _SERIES_SHIFT) | (start << 1) | np.asarray(fine, dtype=np.int64)
    return key


def ranges(first: Integers, lengths: Integers) -> NDArray[np.int64]:
    """Positions first[0], first[0] + 1, …, `lengths[0]` of them, then those from first[1], and so on.

    >>> ranges(np.array([5, 0]), np.array([2, 3]))
    array([5, 6, 0, 1, 2])
    """
    shift = first - (np.cumsum(lengths) - lengths)
    return np.repeat(shift, lengths) + np.arange(lengths.sum())


def joined(parts: Sequence[Cells]) -> Cells:
    """Cells behind each other as they are: loose."""
    match len(parts):
        case 0:
            return EMPTY
        case 1:
            return parts[0]
    columns = [[p.key, p.count, p.total, p.low, p.high, p.whole, p.coarse, p.items, p.values, p.weights] for p in parts]
    return Cells(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def merge(parts: Sequence[Cells]) -> Cells:
    """Union of cells, loose or not: what has the same key becomes one cell. Associative and commutative."""
    loose = joined([part for part in parts if len(part)])
    if len(loose) > 1 and not (loose.key[1:] > loose.key[:-1]).all():
        loose = loose[np.argsort(loose.key, kind="stable")]
        return regroup(loose, loose.key)
    return loose


def rolled(cells: Cells, period: int, origin: int = 0) -> Cells:
    """The cells by periods: each becomes part of the period that it starts in.

    Args: cells: ascending. period: seconds; must be a multiple of what the cells stand for, or cells stay as they are.
    origin: epoch second at which some period starts; None may start before it if they are to keep their order.
    """
    into = (cells.start - origin) % period
    aligned: Integers = cells.key - (into << 1) - (cells.key & 1)
    return regroup(cells, aligned)


def regroup(cells: Cells, key: Integers) -> Cells:
    """The cells under new keys (ascending, in the order of the cells): equal keys become one cell."""
    if len(cells) == 0:
        return cells
    new = np.empty(len(key), dtype=np.bool_)
    new[0] = True
    np.not_equal(key[1:], key[:-1], out=new[1:])
    first = np.flatnonzero(new)
    if len(first) == len(key):
        return replace(cells, key=key)
    low, high = np.minimum.reduceat(cells.low, first), np.maximum.reduceat(cells.high, first)
    known = bool(cells.whole.any())
    whole = np.logical_and.reduceat(cells.whole, first) if known else np.zeros(len(first), dtype=np.bool_)
    # One value, however often, needs no sketch; and what is not known of a part is not known of the whole.
    sketched = whole & (low < high)
    items, values, weights = np.zeros(len(first), dtype=np.int64), _NONE, _NONE
    coarse = np.logical_or.reduceat(cells.coarse, first) & sketched if known else whole
    if known and sketched.any():
        group = np.cumsum(new) - 1
        lengths, values, weights = cells.explicit()
        of_item = np.repeat(group, lengths)
        wanted = sketched[of_item]
        of_item, values, weights, coarse = combine(of_item[wanted], values[wanted], weights[wanted], coarse)
        items = np.bincount(of_item, minlength=len(first)).astype(np.int64)
    count, total = np.add.reduceat(cells.count, first), np.add.reduceat(cells.total, first)
    return Cells(key[first], count, total, low, high, whole, coarse, items, values, weights)
