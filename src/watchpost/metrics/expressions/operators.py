"""Arithmetic, comparison and logic on scalars, series and arrays of series.

Rules, from CloudWatch's documentation: a timestamp that only one of two series has counts as 0 in the other; a
timestamp that neither has stays empty; a result that is no finite number (a division by zero, the root of a negative
number) is dropped. Comparisons and logic give 1 or 0.
"""

from collections.abc import Callable
from functools import reduce
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchpost.metrics.expressions.syntax import InvalidExpression
from watchpost.metrics.expressions.values import (
    Array,
    Floats,
    Grid,
    Numeric,
    Series,
    Value,
    common_grid,
    on_grid,
    type_name,
)

Flags: TypeAlias = NDArray[np.bool_]
Pointwise: TypeAlias = Callable[[Floats, Floats], Floats]

_OPERATORS: dict[str, Pointwise] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    "==": lambda x, y: (x == y).astype(np.float64),
    "!=": lambda x, y: (x != y).astype(np.float64),
    "<": lambda x, y: (x < y).astype(np.float64),
    "<=": lambda x, y: (x <= y).astype(np.float64),
    ">": lambda x, y: (x > y).astype(np.float64),
    ">=": lambda x, y: (x >= y).astype(np.float64),
    "AND": lambda x, y: ((x != 0) & (y != 0)).astype(np.float64),
    "OR": lambda x, y: ((x != 0) | (y != 0)).astype(np.float64),
}


def numeric(value: Value, place: str) -> Numeric:
    """The value, known to be a number, a series or an array of series.

    Raises: InvalidExpression: it is text; `place` says where it stands.
    """
    if isinstance(value, float | Series | Array):
        return value
    raise InvalidExpression(f"{place} takes numbers and time series, not {type_name(value)}.")


def operate(operator: str, left: Numeric, right: Numeric) -> Numeric:
    """One binary operation; the type of the result is the larger of the two (S < TS < TS[]).

    Raises: InvalidExpression: two arrays of different length.
    """

    def both(x: float | Series, y: float | Series) -> float | Series:
        return _combine(_OPERATORS[operator], x, y)

    return broadcast(both, (left, right), f"Operator {operator}")


def chain(first: Numeric, rest: list[tuple[str, Numeric]]) -> Numeric:
    """`first op value op value …` of one precedence: from the left, but `^` from the right."""
    if rest and rest[0][0] == "^":
        *before, last = [first, *(value for _, value in rest)]
        return reduce(lambda power, value: operate("^", value, power), reversed(before), last)
    return reduce(lambda value, step: operate(step[0], value, step[1]), rest, first)


def negate(value: Numeric) -> Numeric:
    """Unary minus."""
    return pointwise(np.negative, value)


def pointwise(function: Callable[[Floats], Floats], value: Numeric) -> Numeric:
    """`function` of every value; results that are no finite numbers are dropped."""
    match value:
        case float():
            return float(_finite(function, np.array([value]))[0])
        case Series():
            return value.having(_finite(function, value.values))
        case Array(members):
            return Array(tuple(each.having(_finite(function, each.values)) for each in members))


def broadcast(
    function: Callable[..., float | Series], arguments: tuple[Numeric, ...], place: str
) -> float | Series | Array:
    """`function` of the arguments where arrays go member by member, beside scalars and series that stay the same.

    Members of the result keep the label of the first array's members. Raises: InvalidExpression: arrays of different
    length; `place` says where.
    """
    arrays = [each.members for each in arguments if isinstance(each, Array)]
    if not arrays:
        return function(*arguments)
    if len({len(members) for members in arrays}) > 1:
        lengths = " and ".join(str(len(members)) for members in arrays)
        raise InvalidExpression(f"{place} cannot pair arrays of {lengths} time series: give arrays of one length.")
    found: list[Series] = []
    for index, model in enumerate(arrays[0]):
        result = function(*(each.members[index] if isinstance(each, Array) else each for each in arguments))
        found.append(as_series(result, model.grid, model.label))
    return Array(tuple(found))


def as_series(value: float | Series, grid: Grid, label: str) -> Series:
    """The series under this label; a scalar becomes a constant one. Undefined scalars (NaN) become empty series."""
    if isinstance(value, Series):
        return Series(value.grid, value.values, label, value.stat)
    return Series(grid, np.full(grid.count, value), label)


def _combine(function: Pointwise, left: float | Series, right: float | Series) -> float | Series:
    if isinstance(left, float) and isinstance(right, float):
        if np.isnan(left) or np.isnan(right):
            return float("nan")
        return float(_finite(lambda pair: function(pair[:1], pair[1:]), np.array([left, right]))[0])
    if isinstance(left, Series) and isinstance(right, Series):
        grid = common_grid((left, right))
        x, y = on_grid(left, grid), on_grid(right, grid)
        absent_x, absent_y = np.isnan(x), np.isnan(y)
        values = _present(function, np.where(absent_x, 0.0, x), np.where(absent_y, 0.0, y), absent_x & absent_y)
        return Series(grid, values)
    if isinstance(left, Series):
        assert isinstance(right, float)
        return left.having(_present(function, left.values, np.array(right), np.isnan(left.values) | np.isnan(right)))
    assert isinstance(right, Series)
    return right.having(_present(function, np.array(left), right.values, np.isnan(right.values) | np.isnan(left)))


def _present(function: Pointwise, x: Floats, y: Floats, absent: Flags) -> Floats:
    with np.errstate(all="ignore"):
        values = function(x, y)
    dropped = absent | ~np.isfinite(values)
    if dropped.any():
        values[dropped] = np.nan
    return values


def _finite(function: Callable[[Floats], Floats], values: Floats) -> Floats:
    with np.errstate(all="ignore"):
        result = function(values)
    return np.where(np.isfinite(result), result, np.nan)
