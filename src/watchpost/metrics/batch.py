"""Reported data on their way in: whatever their shape, one loose cell each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from watchpost.metrics.cells import LAST_START, Cells, keys
from watchpost.metrics.identity import Datum, Metric
from watchpost.metrics.sketch import Flags, Floats, Integers, combine

_UNKNOWN = (np.nan,) * 4


class Series(NamedTuple):
    """A population of data: a metric and a unit."""

    metric: Metric
    unit: str


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Data of one request: `series[i]` is what `cells` row i belongs to; the keys' series are still 0."""

    series: tuple[Series, ...]
    cells: Cells

    def __len__(self) -> int:
        return len(self.series)

    def numbered(self, numbers: Mapping[Series, int]) -> Cells:
        """The loose cells with the numbers of their series. Raises: KeyError: a series has none."""
        series = np.array([numbers[s] for s in self.series], dtype=np.int64)
        own = self.cells
        key = keys(series, own.start, own.fine)
        return Cells(
            key, own.count, own.total, own.low, own.high, own.whole, own.coarse, own.items, own.values, own.weights
        )


def batch(data: Sequence[Datum]) -> Batch:
    """The data as loose cells.

    A statistic set says how its samples are distributed only if minimum and maximum are one, and sum agrees.
    Raises: ValueError: a datum has neither form, its timestamp is before 1970, or a figure is not finite.
    """
    if all(len(d.values) == 1 and (not d.counts or d.counts[0] == 1.0) for d in data):
        return singles(
            [Series(d.metric, d.unit) for d in data],
            np.array([d.timestamp for d in data], dtype=np.float64),
            np.array([d.values[0] for d in data], dtype=np.float64),
            np.array([d.resolution == 1 for d in data], dtype=np.bool_),
        )
    fine = np.array([d.resolution == 1 for d in data], dtype=np.bool_)
    key = _keys(np.array([d.timestamp for d in data], dtype=np.float64), fine)
    count, total, low, high = np.array([d.statistics or _UNKNOWN for d in data], dtype=np.float64).T.copy()
    lengths = np.array([len(d.values) for d in data], dtype=np.int64)
    group = np.repeat(np.arange(len(data)), lengths)
    values = np.array([value for d in data for value in d.values], dtype=np.float64)
    weights = np.array([times for d in data for times in d.counts or (1.0,) * len(d.values)], dtype=np.float64)
    valued = lengths > 0
    # A set of equal samples is as good as the samples.
    known = valued | ((low == high) & (total == low * count))
    if len(values):
        first = (np.cumsum(lengths) - lengths)[valued]
        count[valued], total[valued] = np.add.reduceat(weights, first), np.add.reduceat(values * weights, first)
        low[valued], high[valued] = np.minimum.reduceat(values, first), np.maximum.reduceat(values, first)
    if not np.isfinite(total).all():
        raise ValueError("A datum has neither values nor statistics, or they are not finite.")
    whole = known & (low >= 0)
    sketched = (whole & (low < high))[group]
    items = combine(group[sketched], values[sketched], weights[sketched], np.zeros(len(data), dtype=np.bool_))
    lengths = np.bincount(items.group, minlength=len(data)).astype(np.int64)
    cells = Cells(key, count, total, low, high, whole, items.coarse, lengths, items.values, items.weights)
    return Batch(tuple([Series(d.metric, d.unit) for d in data]), cells)


def singles(series: Sequence[Series], timestamps: Floats, values: Floats, fine: Flags) -> Batch:
    """Data of one value each; timestamps in epoch seconds; fine: reported at a resolution of one second.

    Raises: ValueError: a value is not finite, or a timestamp is before 1970.
    """
    if not np.isfinite(values).all():
        raise ValueError("A datum's value is not finite.")
    none, no = np.zeros(len(series), dtype=np.int64), np.zeros(len(series), dtype=np.bool_)
    nothing, ones = np.empty(0), np.ones(len(series))
    cells = Cells(_keys(timestamps, fine), ones, values, values, values, values >= 0, no, none, nothing, nothing)
    return Batch(tuple(series), cells)


def _keys(timestamps: Floats, fine: Flags) -> Integers:
    if len(timestamps) and not (timestamps.min() >= 0 and timestamps.max() <= LAST_START):
        raise ValueError(f"A datum's timestamp must lie between 1970 and 2242, in epoch seconds: {timestamps.min()}.")
    second = np.floor(timestamps).astype(np.int64)
    return keys(np.int64(0) * second, second - np.where(fine, 0, second % 60), fine)
