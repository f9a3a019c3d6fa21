"""Functions of one series that look at neighbouring points or at the calendar: FILL, DIFF, RATE, HOUR and others."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from watchpost.metrics.expressions.values import Floats, Series, common_grid, on_grid


def diff(series: Series) -> Series:
    """Each point minus the point before it; the first point has none and is dropped."""
    present, out = _present(series)
    out[present[1:]] = np.diff(series.values[present])
    return series.having(_finite(out))


def diff_time(series: Series) -> Series:
    """Seconds from the point before to this one."""
    present, out = _present(series)
    out[present[1:]] = np.diff(present) * float(series.grid.period)
    return series.having(out)


def rate(series: Series) -> Series:
    """DIFF / DIFF_TIME: change per second since the point before."""
    return series.having(_finite(diff(series).values / diff_time(series).values))


def running_sum(series: Series) -> Series:
    """Sum of this point and all before it; gaps stay gaps."""
    present, out = _present(series)
    with np.errstate(over="ignore"):
        out[present] = np.cumsum(series.values[present])
    return series.having(_finite(out))


def fill_value(series: Series, filler: float) -> Series:
    """A constant in every period without a datapoint."""
    return series.having(np.where(np.isnan(series.values), filler, series.values))


def fill_repeat(series: Series) -> Series:
    """The latest value before the gap; a gap at the very start stays."""
    present = np.where(np.isnan(series.values), -1, np.arange(series.grid.count))
    latest = np.maximum.accumulate(present) if series.grid.count else present
    return series.having(np.where(latest >= 0, series.values[latest], np.nan))


def fill_linear(series: Series) -> Series:
    """A straight line between the points on both sides of a gap; gaps at the two ends stay."""
    present, _ = _present(series)
    if not present.size:
        return series
    every = np.arange(series.grid.count)
    line = np.interp(every, present, series.values[present], left=np.nan, right=np.nan)
    return series.having(np.where(np.isnan(series.values), line, series.values))


def fill_series(series: Series, filler: Series) -> Series:
    """The other series' value where this one has none."""
    grid = common_grid((series, filler))
    own, other = on_grid(series, grid), on_grid(filler, grid)
    return Series(grid, np.where(np.isnan(own), other, own), series.label, series.stat)


Calendar = Callable[[NDArray[np.int64]], NDArray[np.int64]]


def minute(epoch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Minute of the hour, 0 to 59, UTC like all of these."""
    return epoch // 60 % 60


def hour(epoch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hour of the day, 0 to 23."""
    return epoch // 3600 % 24


def day(epoch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Day of the week, 1 Monday to 7 Sunday; 1970-01-01 was a Thursday."""
    return (epoch // 86400 + 3) % 7 + 1


def date(epoch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Day of the month, 1 to 31."""
    days = epoch.astype("datetime64[s]").astype("datetime64[D]")
    first: NDArray[np.int64] = days.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return days.astype(np.int64) - first + 1


def month(epoch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Month of the year, 1 to 12."""
    return epoch.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12 + 1


def year(epoch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Year of the calendar."""
    return epoch.astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64) + 1970


def calendar(part: Calendar, series: Series) -> Series:
    """`part` of every period's start, with or without a datapoint there."""
    return series.having(part(series.grid.timestamps()).astype(np.float64))


def _present(series: Series) -> tuple[NDArray[np.int64], Floats]:
    return np.flatnonzero(~np.isnan(series.values)).astype(np.int64), np.full(series.grid.count, np.nan)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)
