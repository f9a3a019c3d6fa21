"""The functions of metric math that need nothing but their arguments.

What needs the request (METRICS, PERIOD, TIME_SERIES, SEARCH, ANOMALY_DETECTION_BAND) is in `evaluation`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from watchpost.metrics.expressions import gaps
from watchpost.metrics.expressions.operators import broadcast, numeric, pointwise
from watchpost.metrics.expressions.reductions import REDUCTIONS, reduce, sort, take, whole
from watchpost.metrics.expressions.syntax import InvalidExpression
from watchpost.metrics.expressions.values import (
    NOWHERE,
    Array,
    Floats,
    Option,
    Series,
    Value,
    common_grid,
    on_grid,
    type_name,
)

Arguments = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """A function: how it is written, how many arguments it takes at least and at most, and what it does."""

    usage: str
    least: int
    most: int
    apply: Callable[[Arguments], Value]


def _each(function: Callable[[Floats], Floats]) -> Callable[[Arguments], Value]:
    return lambda arguments: pointwise(function, numeric(arguments[0], "The function"))


def _series(name: str, function: Callable[[Series], Series]) -> Callable[[Arguments], Value]:
    """A function of one series that goes member by member over an array."""

    def apply(arguments: Arguments) -> Value:
        match arguments[0]:
            case Series() as series:
                return function(series)
            case Array(members):
                return Array(tuple(function(each) for each in members))
            case other:
                raise InvalidExpression(f"{name} takes a time series or an array of them, not {type_name(other)}.")

    return apply


def _reduce(name: str, arguments: Arguments) -> Value:
    value = arguments[0]
    if isinstance(value, Series | Array):
        return reduce(name, value)
    raise InvalidExpression(f"{name} takes a time series or an array of them, not {type_name(value)}.")


def _array(name: str, value: Value) -> Array:
    """The argument as an array; one series is an array of one."""
    match value:
        case Array():
            return value
        case Series():
            return Array((value,))
        case _:
            raise InvalidExpression(f"{name} takes an array of time series, not {type_name(value)}.")


def _fill(arguments: Arguments) -> Value:
    value, filler = numeric(arguments[0], "FILL"), arguments[1]
    if isinstance(value, float):
        raise InvalidExpression("FILL takes a time series or an array of them, not a scalar.")
    match filler:
        case Option("REPEAT"):
            return _series("FILL", gaps.fill_repeat)((value,))
        case Option("LINEAR"):
            return _series("FILL", gaps.fill_linear)((value,))
        case float() | Series() | Array():
            return broadcast(_filled, (value, filler), "FILL")
        case _:
            raise InvalidExpression(
                f"FILL fills with a number, a time series, REPEAT or LINEAR, not {type_name(filler)}."
            )


def _filled(series: float | Series, filler: float | Series) -> Series:
    assert isinstance(series, Series)
    return gaps.fill_series(series, filler) if isinstance(filler, Series) else gaps.fill_value(series, filler)


def _if(arguments: Arguments) -> Value:
    condition, *branches = (numeric(each, "IF") for each in arguments)
    if isinstance(condition, float):
        if np.isnan(condition):
            return float("nan")
        if condition != 0:
            return branches[0]
        return branches[1] if len(branches) > 1 else NOWHERE
    return broadcast(_chosen, (condition, *branches), "IF")


def _chosen(condition: float | Series, yes: float | Series, no: float | Series = float("nan")) -> Series:
    """One condition, one or two branches; the rule for gaps is the published table's (see the docs).

    A missing condition drops the point. A true branch without a point there gives 0. A false branch without a point
    gives 0 beside a series, and drops the point beside a scalar.
    """
    assert isinstance(condition, Series)
    involved = [each for each in (condition, yes, no) if isinstance(each, Series)]
    grid = common_grid(involved)
    when = on_grid(condition, grid)
    true = on_grid(yes, grid) if isinstance(yes, Series) else np.full(grid.count, yes)
    false = on_grid(no, grid) if isinstance(no, Series) else np.full(grid.count, no)
    if isinstance(yes, Series):
        true = np.where(np.isnan(true), 0.0, true)
        if isinstance(no, Series):
            false = np.where(np.isnan(false), 0.0, false)
    return Series(grid, np.where(np.isnan(when), np.nan, np.where(when != 0, true, false)))


def _sort(arguments: Arguments) -> Value:
    array, by, order = _array("SORT", arguments[0]), arguments[1], arguments[2]
    if not isinstance(by, Option) or by.word not in ("AVG", "MIN", "MAX", "SUM"):
        raise InvalidExpression(f"SORT sorts by AVG, MIN, MAX or SUM, not by {type_name(by)}.")
    if not isinstance(order, Option) or order.word not in ("ASC", "DESC"):
        raise InvalidExpression(f"SORT sorts ASC or DESC, not {type_name(order)}.")
    limit = whole(arguments[3], "SORT's fourth argument") if len(arguments) > 3 else None
    return sort(array, by.word, "ASC" if order.word == "ASC" else "DESC", limit)


def _slice(arguments: Arguments) -> Value:
    start = whole(arguments[1], "SLICE's start")
    end = whole(arguments[2], "SLICE's end") if len(arguments) > 2 else None
    return take(_array("SLICE", arguments[0]), start, end)


def _remove_empty(arguments: Arguments) -> Value:
    members = _array("REMOVE_EMPTY", arguments[0]).members
    return Array(tuple(each for each in members if not np.isnan(each.values).all()))


def _end(name: str, index: int, arguments: Arguments) -> Value:
    members = _array(name, arguments[0]).members
    return members[index] if members else NOWHERE


def _one(name: str, apply: Callable[[Arguments], Value], argument: str = "TS | TS[]") -> Definition:
    return Definition(f"{name}({argument})", 1, 1, apply)


FUNCTIONS: Mapping[str, Definition] = {
    **{
        name: _one(name, _each(function))
        for name, function in {
            "ABS": np.abs,
            "CEIL": np.ceil,
            "FLOOR": np.floor,
            "LOG": np.log,
            "LOG10": np.log10,
        }.items()
    },
    **{name: _one(name, partial(_reduce, name)) for name in REDUCTIONS},
    **{
        name: _one(name, _series(name, function))
        for name, function in {
            "DIFF": gaps.diff,
            "DIFF_TIME": gaps.diff_time,
            "RATE": gaps.rate,
            "RUNNING_SUM": gaps.running_sum,
        }.items()
    },
    **{
        name: _one(name, _series(name, partial(gaps.calendar, part)))
        for name, part in {
            "MINUTE": gaps.minute,
            "HOUR": gaps.hour,
            "DAY": gaps.day,
            "DATE": gaps.date,
            "MONTH": gaps.month,
            "YEAR": gaps.year,
            "EPOCH": lambda epoch: epoch,
        }.items()
    },
    "METRIC_COUNT": _one(
        "METRIC_COUNT", lambda arguments: float(len(_array("METRIC_COUNT", arguments[0]).members)), "TS[]"
    ),
    "FILL": Definition("FILL(TS | TS[], S | TS | REPEAT | LINEAR)", 2, 2, _fill),
    "FIRST": _one("FIRST", partial(_end, "FIRST", 0), "TS[]"),
    "LAST": _one("LAST", partial(_end, "LAST", -1), "TS[]"),
    "IF": Definition("IF(condition, value if not 0[, value if 0])", 2, 3, _if),
    "REMOVE_EMPTY": _one("REMOVE_EMPTY", _remove_empty, "TS[]"),
    "SLICE": Definition("SLICE(TS[], from[, to])", 2, 3, _slice),
    "SORT": Definition("SORT(TS[], AVG | MIN | MAX | SUM, ASC | DESC[, limit])", 3, 4, _sort),
}
