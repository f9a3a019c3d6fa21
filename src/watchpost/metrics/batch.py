"""Reported data on their way in: whatever their shape, one loose cell each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import NamedTuple

import numpy as np

from watchpost.metrics.cells import LAST_START, Cells, keys
from watchpost.metrics.identity import Datum, Metric
from watchpost.metrics.sketch import Floats, Integers


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
    Raises: ValueError: a datum has neither form, or its timestamp is before 1970.
    """
    single = [d for d in data if len(d.values) == 1 and (not d.counts or d.counts[0] == 1.0)]
    if len(single) == len(data):
        return singles(
            [Series(d.metric, d.unit) for d in data],
            np.array([d.timestamp for d in data], dtype=np.float64),
            np.array([d.values[0] for d in data], dtype=np.float64),
            np.array([d.resolution == 1 for d in data], dtype=np.bool_),
        )
    figures = np.array([_figures(d) for d in data], dtype=np.float64)
    items = [tuple(zip(*sorted(_counted(d).items()), strict=True)) if _distributed(d) else ((), ()) for d in data]
    count, total, low, high = (np.ascontiguousarray(column) for column in figures.T)
    known = np.array([bool(d.values) or _regular(d) for d in data], dtype=np.bool_)
    timestamps = np.array([d.timestamp for d in data], dtype=np.float64)
    fine = np.array([d.resolution == 1 for d in data], dtype=np.bool_)
    cells = Cells(
        _keys(timestamps, fine),
        count,
        total,
        low,
        high,
        known & (low >= 0),
        np.zeros(len(data), dtype=np.bool_),
        np.array([len(values) for values, _ in items], dtype=np.int64),
        np.array([v for values, _ in items for v in values], dtype=np.float64),
        np.array([w for _, weights in items for w in weights], dtype=np.float64),
    )
    return Batch(tuple(Series(d.metric, d.unit) for d in data), cells)


def singles(
    series: Sequence[Series], timestamps: Floats, values: Floats, fine: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> Batch:
    """Data of one value each; timestamps in epoch seconds; fine: reported at a resolution of one second."""
    none, no = np.zeros(len(series), dtype=np.int64), np.zeros(len(series), dtype=np.bool_)
    nothing, ones = np.empty(0), np.ones(len(series))
    cells = Cells(
        _keys(timestamps, fine), ones, values, values, values, values >= 0, no, none, nothing, nothing
    )
    return Batch(tuple(series), cells)


def _keys(timestamps: Floats, fine: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Integers:
    if len(timestamps) and not (timestamps.min() >= 0 and timestamps.max() <= LAST_START):
        raise ValueError(f"A datum's timestamp must lie between 1970 and 2242, in epoch seconds: {timestamps.min()}.")
    second = np.floor(timestamps).astype(np.int64)
    return keys(np.int64(0) * second, second - np.where(fine, 0, second % 60), fine)


def _figures(datum: Datum) -> tuple[float, float, float, float]:
    if datum.values:
        counted = _counted(datum)
        total = sum(value * count for value, count in counted.items())
        return sum(counted.values()), total, min(counted), max(counted)
    if datum.statistics is None:
        raise ValueError(f"A datum of {datum.metric.name!r} has neither values nor statistics.")
    return datum.statistics


def _counted(datum: Datum) -> dict[float, float]:
    counts = datum.counts or (1.0,) * len(datum.values)
    counted: dict[float, float] = {}
    for value, count in zip(datum.values, counts, strict=True):
        counted[value] = counted.get(value, 0.0) + count
    return counted


def _distributed(datum: Datum) -> bool:
    return len(set(datum.values)) > 1 and min(datum.values) >= 0


def _regular(datum: Datum) -> bool:
    """Whether a statistic set's samples are all one value. Source: CloudWatch, "Percentiles"; contract 2.1."""
    if datum.statistics is None:
        return False
    count, total, low, high = datum.statistics
    return low == high and total == low * count


