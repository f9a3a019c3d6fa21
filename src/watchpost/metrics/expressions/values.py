"""What metric math computes with: scalars (float), time series, arrays of time series, and text.

A time series lives on a grid of periods; NaN stands where a period has no datapoint, so every operation is one pass
over arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchpost.metrics.expressions.syntax import InvalidExpression
from watchpost.metrics.identity import MetricStat, Points

MOST_SLOTS = 1_000_000
"""Periods a grid may have: a year and nine months of minutes."""

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """`count` periods of `period` seconds from `start` (epoch seconds) on."""

    start: int
    period: int
    count: int

    @classmethod
    def over(cls, start: int, end: int, period: int, aligned: bool = True) -> "Grid":
        """The periods that touch [start, end).

        With `aligned` the first begins at the multiple of the period at or before `start`, otherwise at `start`.

        Raises: InvalidExpression: more than a million periods.
        """
        first = start - start % period if aligned else start
        grid = cls(first, period, max(-(-(end - first) // period), 0))
        if grid.count > MOST_SLOTS:
            raise InvalidExpression(
                f"The time range holds {grid.count} periods of {period} seconds; an expression is computed over at "
                f"most {MOST_SLOTS}. Take a longer period or a shorter range."
            )
        return grid

    @property
    def end(self) -> int:
        """Epoch seconds, excluded."""
        return self.start + self.count * self.period

    def timestamps(self) -> NDArray[np.int64]:
        """Starts of the periods, epoch seconds, shape [count]."""
        return np.arange(self.count, dtype=np.int64) * self.period + self.start


@dataclass(frozen=True, slots=True)
class Series:
    """TS: one value or NaN (no datapoint) per period of the grid, shape [grid.count].

    `label` is what tells the series from others in the same array; `stat` is the metric behind it, when there is one.
    """

    grid: Grid
    values: Floats
    label: str = ""
    stat: MetricStat | None = None

    def having(self, values: Floats) -> "Series":
        """The same series with other values."""
        return replace(self, values=values)

    def points(self) -> Points:
        """Only the periods that have a datapoint."""
        present = np.flatnonzero(~np.isnan(self.values))
        return Points(present.astype(np.int64) * self.grid.period + self.grid.start, self.values[present])


NOWHERE = Series(Grid(0, 60, 0), np.empty(0))
"""The series without any period: what is left of an array without members."""


@dataclass(frozen=True, slots=True)
class Array:
    """TS[]."""

    members: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Strings:
    """String[]."""

    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """A bare word handed to a function."""

    word: str


Numeric: TypeAlias = float | Series | Array
Value: TypeAlias = Numeric | str | Strings | Option


def type_name(value: Value) -> str:
    """How CloudWatch's documentation calls the value's type."""
    match value:
        case float():
            return "a scalar"
        case Series():
            return "a time series"
        case Array():
            return "an array of time series"
        case str():
            return "a string"
        case Strings():
            return "an array of strings"
        case Option(word):
            return f"the word {word}"


def from_points(points: Points, grid: Grid, label: str = "", stat: MetricStat | None = None) -> Series:
    """The series of these points on the grid.

    Points that lie outside are left out; a point inside a period counts for that period.
    """
    values = np.full(grid.count, np.nan)
    slots = (points.timestamps - grid.start) // grid.period
    inside = (slots >= 0) & (slots < grid.count)
    values[slots[inside]] = points.values[inside]
    return Series(grid, values, label, stat)


def common_grid(series: Sequence[Series]) -> Grid:
    """The coarsest grid on which the start of every period of every series is the start of a period.

    Grids without periods do not count.
    """
    grids = [each.grid for each in series if each.grid.count] or [series[0].grid]
    if all(grid == grids[0] for grid in grids):
        return grids[0]
    start = min(grid.start for grid in grids)
    period = gcd(*(grid.period for grid in grids), *(grid.start - start for grid in grids))
    return Grid.over(start, max(grid.end for grid in grids), period, aligned=False)


def on_grid(series: Series, grid: Grid) -> Floats:
    """The series' values on a grid that `common_grid` made; shape [grid.count]."""
    if series.grid == grid:
        return series.values
    values = np.full(grid.count, np.nan)
    if not series.grid.count:
        return values
    step, offset = series.grid.period // grid.period, (series.grid.start - grid.start) // grid.period
    values[offset : offset + step * series.grid.count : step] = series.values
    return values


def stacked(series: Sequence[Series]) -> tuple[Grid, Floats]:
    """The common grid and the values on it, shape [len(series), grid.count]; at least one series."""
    grid = common_grid(series)
    return grid, np.stack([on_grid(each, grid) for each in series])
