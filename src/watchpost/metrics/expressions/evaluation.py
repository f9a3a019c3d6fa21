"""From nodes to values: the walk over an expression, and the functions that ask something of the request."""

from difflib import get_close_matches
from typing import Protocol

import numpy as np

from watchpost.metrics.expressions.functions import FUNCTIONS
from watchpost.metrics.expressions.operators import chain, negate, numeric
from watchpost.metrics.expressions.syntax import (
    Function,
    InvalidExpression,
    Listing,
    Name,
    Negation,
    Node,
    Number,
    Operation,
    Text,
    Word,
    text,
)
from watchpost.metrics.expressions.values import Array, Grid, Option, Series, Strings, Value, type_name

REFUSED = {
    "INSIGHT_RULE_METRIC": "Contributor Insights rules do not exist here",
    "LAMBDA": "no AWS Lambda connector can be called from here",
    "SERVICE_QUOTA": "there are no AWS service quotas here",
    "DB_PERF_INSIGHTS": "there are no Amazon RDS databases here",
}
"""Functions of CloudWatch that cannot mean anything on this server, and why."""

_OF_THE_REQUEST = {
    "METRICS": ("METRICS([text])", 0, 1),
    "PERIOD": ("PERIOD(metric id)", 1, 1),
    "TIME_SERIES": ("TIME_SERIES(S)", 1, 1),
    "SEARCH": ("SEARCH('expression', 'statistic'[, period])", 2, 3),
    "ANOMALY_DETECTION_BAND": ("ANOMALY_DETECTION_BAND(TS[, standard deviations])", 1, 2),
}

_OPTIONS = frozenset({"REPEAT", "LINEAR", "ASC", "DESC", "AVG", "MIN", "MAX", "SUM"})


class Request(Protocol):
    """What an expression may ask of the request it stands in."""

    def value(self, name: str) -> Value:
        """The value of another query; InvalidExpression if there is none of that id."""

    def stats(self, name_part: str) -> Array:
        """The metric queries (not expressions) whose id contains the text."""

    def grid(self, name: str | None) -> Grid:
        """The periods of a metric query, or (None) those that a constant series takes here.

        InvalidExpression if the id is no metric query.
        """

    def search(self, expression: str, stat: str, period: int | None) -> Array:
        """The series that SEARCH finds."""

    def band(self, node: Node, deviations: float) -> Array:
        """The anomaly detection band around an expression: two series, lower and upper."""


def evaluate(node: Node, request: Request) -> Value:  # noqa: PLR0911  one return a kind of node
    """The value of an expression.

    Raises: InvalidExpression: types that do not fit, an unknown function or id, a refused function.
    """
    match node:
        case Number(number):
            return number
        case Text(string):
            return string
        case Name(name):
            return request.value(name)
        case Word(word):
            if word not in _OPTIONS:
                raise InvalidExpression(f"{word!r} is no id (ids begin with a lower-case letter) and no option.")
            return Option(word)
        case Negation(operand):
            return negate(numeric(evaluate(operand, request), "Unary minus"))
        case Operation(first, rest):
            start = numeric(evaluate(first, request), f"Operator {rest[0][0]}")
            return chain(start, [(op, numeric(evaluate(each, request), f"Operator {op}")) for op, each in rest])
        case Listing(items):
            return _listing([evaluate(item, request) for item in items])
        case Function(name, arguments):
            if name in _OF_THE_REQUEST:
                return _of_the_request(name, arguments, request)
            check_function(name, len(arguments))
            return FUNCTIONS[name].apply(tuple(evaluate(each, request) for each in arguments))


def check_function(name: str, count: int) -> None:
    """That the function exists and takes so many arguments.

    Raises: InvalidExpression otherwise, with the nearest name or the usage.
    """
    if name in REFUSED:
        raise InvalidExpression(f"{name} is not supported: {REFUSED[name]}.")
    known = {**_OF_THE_REQUEST, **{each: (d.usage, d.least, d.most) for each, d in FUNCTIONS.items()}}
    if name not in known:
        near = get_close_matches(name.upper(), known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InvalidExpression(f"Unknown function {name}.{hint}")
    usage, least, most = known[name]
    if not least <= count <= most:
        raise InvalidExpression(f"{name} was given {count} argument{'s' * (count != 1)}; its form is {usage}.")


def _listing(items: list[Value]) -> Value:
    if items and all(isinstance(item, str) for item in items):
        return Strings(tuple(item for item in items if isinstance(item, str)))
    members: list[Series] = []
    for item in items:
        match item:
            case Series():
                members.append(item)
            case Array():
                members.extend(item.members)
            case _:
                raise InvalidExpression(f"An array holds time series, or only strings; not {type_name(item)}.")
    return Array(tuple(members))


def _of_the_request(name: str, arguments: tuple[Node, ...], request: Request) -> Value:
    check_function(name, len(arguments))
    match name, arguments:
        case "METRICS", parts:
            return request.stats(_part_of_ids(parts, request))
        case "PERIOD", (Name(metric),):
            return float(request.grid(metric).period)
        case "PERIOD", (other,):
            raise InvalidExpression(f"PERIOD takes the id of a metric, not {text(other)!r}.")
        case "TIME_SERIES", (constant,):
            return _constant(evaluate(constant, request), request)
        case "SEARCH", (what, stat, *rest):
            return _search(what, stat, tuple(rest), request)
        case "ANOMALY_DETECTION_BAND", (node, *rest):
            return request.band(node, _deviations(rest, request))
    raise AssertionError(name)


def _part_of_ids(arguments: tuple[Node, ...], request: Request) -> str:
    match [evaluate(each, request) for each in arguments]:
        case []:
            return ""
        case [str(part)] | [Strings((part,))]:
            return part
        case [other, *_]:
            raise InvalidExpression(f"METRICS takes one string, a part of the ids, not {type_name(other)}.")
    raise AssertionError(arguments)


def _constant(value: Value, request: Request) -> Series:
    if not isinstance(value, float):
        raise InvalidExpression(f"TIME_SERIES takes a scalar, not {type_name(value)}.")
    grid = request.grid(None)
    return Series(grid, np.full(grid.count, value))


def _search(what: Node, stat: Node, rest: tuple[Node, ...], request: Request) -> Array:
    match what, stat, rest:
        case Text(expression), Text(statistic), ():
            return request.search(expression, statistic, None)
        case Text(expression), Text(statistic), (Number(period),) if period.is_integer():
            return request.search(expression, statistic, int(period))
    raise InvalidExpression(f"SEARCH takes literal arguments only: {_OF_THE_REQUEST['SEARCH'][0]}.")


def _deviations(rest: list[Node], request: Request) -> float:
    deviations = evaluate(rest[0], request) if rest else 2.0
    if not isinstance(deviations, float) or not 0 < deviations < float("inf"):
        raise InvalidExpression("ANOMALY_DETECTION_BAND's second argument is a number of standard deviations above 0.")
    return deviations
