"""The array evaluator against a slow one, written point by point from the published rules, on random expressions."""

from dataclasses import dataclass
from itertools import pairwise
from math import floor, inf, isfinite, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.metrics.expressions.parser import parse
from watchpost.metrics.expressions.syntax import Function, Listing, Name, Negation, Node, Number, Operation, Word, text

from .store_of_points import START, calculated

Slots = list[float | None]


@dataclass
class Many:
    members: list[Slots]


Figure = float | None | Slots | Many


def reference(node: Node, metrics: dict[str, Slots]) -> Figure:
    """The value of an expression, one point at a time; a scalar that is undefined is None."""
    match node:
        case Number(value):
            return value
        case Name(name):
            return metrics[name]
        case Listing(items):
            return Many([each for each in (reference(item, metrics) for item in items) if isinstance(each, list)])
        case Negation(operand):
            return mapped(lambda x: -x, reference(operand, metrics))
        case Operation(first, rest):
            total = reference(first, metrics)
            for operator, operand in rest:
                total = paired(operator, total, reference(operand, metrics))
            return total
        case Function(name, arguments):
            return called(name, arguments, metrics)
    raise AssertionError(node)


def mapped(function, figure: Figure) -> Figure:
    def one(x: float | None) -> float | None:
        if x is None:
            return None
        try:
            value = function(x)
        except ValueError:
            return None
        return value if isfinite(value) else None

    match figure:
        case list():
            return [one(x) for x in figure]
        case Many(members):
            return Many([[one(x) for x in member] for member in members])
    return one(figure)


def paired(operator: str, left: Figure, right: Figure) -> Figure:
    if isinstance(left, Many) or isinstance(right, Many):
        size = len(left.members) if isinstance(left, Many) else len(right.members)
        lefts = left.members if isinstance(left, Many) else [left] * size
        rights = right.members if isinstance(right, Many) else [right] * size
        return Many([paired(operator, x, y) for x, y in zip(lefts, rights, strict=True)])
    if isinstance(left, list) and isinstance(right, list):
        return [
            None if x is None and y is None else one(operator, x or 0.0, y or 0.0)
            for x, y in zip(left, right, strict=True)
        ]
    if isinstance(left, list):
        return [None if x is None or right is None else one(operator, x, right) for x in left]
    if isinstance(right, list):
        return [None if y is None or left is None else one(operator, left, y) for y in right]
    return None if left is None or right is None else one(operator, left, right)


def one(operator: str, x: float, y: float) -> float | None:
    match operator:
        case "+":
            value = x + y
        case "-":
            value = x - y
        case "*":
            value = x * y
        case "/":
            value = x / y if y else inf
        case "AND":
            value = float(x != 0 and y != 0)
        case "OR":
            value = float(x != 0 or y != 0)
        case _:
            value = float({"==": x == y, "!=": x != y, "<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[operator])
    return value if isfinite(value) else None


def called(name: str, arguments: tuple[Node, ...], metrics: dict[str, Slots]) -> Figure:  # noqa: PLR0911  one a function
    if name == "FILL" and isinstance(arguments[1], Word):
        return each(repeated if arguments[1].word == "REPEAT" else interpolated, reference(arguments[0], metrics))
    values = [reference(argument, metrics) for argument in arguments]
    match name, values:
        case "ABS", [x]:
            return mapped(abs, x)
        case "FLOOR", [x]:
            return mapped(floor, x)
        case "LOG", [x]:
            return mapped(lambda v: log(v) if v > 0 else inf, x)
        case "FILL", [x, filler]:
            return each(lambda s: [filler if v is None else v for v in s], x)
        case "DIFF", [x]:
            return each(differences, x)
        case "RUNNING_SUM", [x]:
            return each(running, x)
        case (("SUM" | "MIN" | "MAX" | "AVG" | "DATAPOINT_COUNT"), [list() as x]):
            return over_time(name, x)
        case (("SUM" | "MIN" | "MAX" | "AVG" | "DATAPOINT_COUNT"), [Many(members)]):
            return [across(name, list(column)) for column in zip(*members, strict=True)]
        case "IF", [list() as condition, yes, no]:
            return [chosen(c, at(yes, i), at(no, i), yes, no) for i, c in enumerate(condition)]
    raise AssertionError(name)


def each(function, figure: Figure) -> Figure:
    return Many([function(member) for member in figure.members]) if isinstance(figure, Many) else function(figure)


def repeated(slots: Slots) -> Slots:
    last, out = None, []
    for value in slots:
        last = value if value is not None else last
        out.append(last)
    return out


def interpolated(slots: Slots) -> Slots:
    known = [i for i, value in enumerate(slots) if value is not None]
    out = list(slots)
    for left, right in pairwise(known):
        for i in range(left + 1, right):
            out[i] = slots[left] + (slots[right] - slots[left]) / (right - left) * (i - left)
    return out


def differences(slots: Slots) -> Slots:
    last, out = None, []
    for value in slots:
        out.append(None if value is None or last is None else value - last)
        last = value if value is not None else last
    return out


def running(slots: Slots) -> Slots:
    total, out = 0.0, []
    for value in slots:
        total += value or 0.0
        out.append(None if value is None else total)
    return out


def over_time(name: str, slots: Slots) -> float | None:
    present = [value for value in slots if value is not None]
    if name == "DATAPOINT_COUNT":
        return float(len(present))
    if name == "SUM":
        return sum(present)
    if not present:
        return None
    return {"MIN": min(present), "MAX": max(present), "AVG": sum(present) / len(present)}[name]


def across(name: str, column: Slots) -> float | None:
    present = [value for value in column if value is not None]
    if not present:
        return None
    return sum(present) / len(column) if name == "AVG" else over_time(name, present)


def at(branch: Figure, slot: int) -> float | None:
    return branch[slot] if isinstance(branch, list) else branch


def chosen(c: float | None, yes: float | None, no: float | None, true: Figure, false: Figure) -> float | None:
    if c is None:
        return None
    if c != 0:
        return 0.0 if yes is None and isinstance(true, list) else yes
    return 0.0 if no is None and isinstance(true, list) and isinstance(false, list) else no


SCALARS = st.deferred(
    lambda: (
        st.integers(0, 4).map(lambda n: Number(float(n)))
        | st.builds(lambda name, of: Function(name, (of,)), st.sampled_from(["SUM", "AVG", "MIN", "MAX"]), SERIES)
    )
)
OPERATORS = st.sampled_from(["+", "-", "*", "/", "AND", "OR", "==", "<", ">=", "!="])
SERIES: st.SearchStrategy[Node] = st.recursive(
    st.sampled_from(["m1", "m2", "m3"]).map(Name),
    lambda inner: st.one_of(
        st.builds(lambda a, op, b: Operation(a, ((op, b),)), inner, OPERATORS, inner | SCALARS),
        st.builds(lambda a, op, b: Operation(a, ((op, b),)), SCALARS, OPERATORS, inner),
        inner.map(Negation),
        st.builds(
            lambda f, x: Function(f, (x,)), st.sampled_from(["ABS", "FLOOR", "LOG", "DIFF", "RUNNING_SUM"]), inner
        ),
        st.builds(
            lambda x, f: Function("FILL", (x, f)), inner, st.sampled_from([Word("REPEAT"), Word("LINEAR"), Number(3.0)])
        ),
        st.builds(
            lambda f, a, b: Function(f, (Listing((a, b)),)),
            st.sampled_from(["SUM", "AVG", "MIN", "MAX", "DATAPOINT_COUNT"]),
            inner,
            inner,
        ),
        st.builds(
            lambda c, a, b: Function("IF", (c, a, b)), inner, inner | st.just(Number(5.0)), inner | st.just(Number(7.0))
        ),
    ),
    max_leaves=8,
)
SLOTS = st.lists(st.none() | st.integers(-3, 3).map(float), min_size=6, max_size=6)


@settings(max_examples=250)
@given(SERIES, SLOTS, SLOTS, SLOTS)
def test_every_expression_gives_what_the_rules_give_point_by_point(node: Node, m1: Slots, m2: Slots, m3: Slots) -> None:
    written = text(node)
    assert parse(written) == node
    expected = reference(node, {"m1": m1, "m2": m2, "m3": m3})
    assert isinstance(expected, list)
    found = calculated(written, m1=m1, m2=m2, m3=m3)
    assert found == [None if v is None else pytest.approx(v, rel=1e-9, abs=1e-9) for v in expected], START
