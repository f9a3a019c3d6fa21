"""AVG, MIN, MAX, SUM, STDDEV, DATAPOINT_COUNT: a series to a scalar, an array to a series; and SORT, SLICE.

Over an array, AVG counts a series without a point at a timestamp as 0, as CloudWatch's documentation says; the other
reductions see only the points that are there. A timestamp at which no series has a point stays empty. STDDEV is the
population's (division by n).
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from watchpost.metrics.expressions.syntax import InvalidExpression
from watchpost.metrics.expressions.values import NOWHERE, Array, Floats, Series, Value, stacked, type_name

Reduction = Callable[[Floats], Floats]
Order = Literal["ASC", "DESC"]

# Each takes values of shape [members, slots], NaN where absent, with at least one present in every column.
REDUCTIONS: dict[str, Reduction] = {
    "AVG": lambda v: np.nansum(v, axis=0) / len(v),
    "MIN": lambda v: np.nanmin(v, axis=0),
    "MAX": lambda v: np.nanmax(v, axis=0),
    "SUM": lambda v: np.nansum(v, axis=0),
    "STDDEV": lambda v: np.nanstd(v, axis=0),
    "DATAPOINT_COUNT": lambda v: (~np.isnan(v)).sum(axis=0).astype(np.float64),
}

# What a series without any point has: nothing to average, but a sum and a count of zero.
_EMPTY = {"SUM": 0.0, "DATAPOINT_COUNT": 0.0}


def reduce(name: str, value: Series | Array) -> float | Series:
    """The reduction `name` over the points of a series, or over the members of an array at each timestamp.

    A series without points gives NaN (undefined), but 0 for SUM and DATAPOINT_COUNT.
    An array without members gives the series without periods.
    """
    if isinstance(value, Series):
        present = value.values[~np.isnan(value.values)]
        if not present.size:
            return _EMPTY.get(name, float("nan"))
        with np.errstate(over="ignore"):
            result = float(REDUCTIONS[name](present[:, None])[0])
        return result if np.isfinite(result) else float("nan")
    if not value.members:
        return NOWHERE
    grid, values = stacked(value.members)
    some = ~np.isnan(values).all(axis=0)
    out = np.full(grid.count, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        out[some] = REDUCTIONS[name](values[:, some])
    return Series(grid, np.where(np.isfinite(out), out, np.nan))


def sort(array: Array, by: str, order: Order, limit: int | None) -> Array:
    """The members by their AVG, MIN, MAX or SUM; equal ones keep their order, those without points come last."""
    sign = 1.0 if order == "ASC" else -1.0

    def rank(series: Series) -> tuple[bool, float]:
        key = reduce(by, series)
        assert isinstance(key, float)
        absent = np.isnan(key) or bool(np.isnan(series.values).all())
        return absent, 0.0 if absent else sign * key

    return Array(tuple(sorted(array.members, key=rank)[:limit]))


def take(array: Array, start: int, end: int | None) -> Series | Array:
    """Members from `start` (zero-based) to before `end`; exactly one member comes as a series."""
    members = array.members[start:end]
    return members[0] if len(members) == 1 else Array(members)


def whole(value: Value, place: str) -> int:
    """The scalar as a count.

    Raises: InvalidExpression: not a whole number of 0 or more; `place` says what it was for.
    """
    if not isinstance(value, float) or not value.is_integer() or value < 0:
        seen = repr(value) if isinstance(value, float) else type_name(value)
        raise InvalidExpression(f"{place} takes a whole number of 0 or more, not {seen}.")
    return int(value)
