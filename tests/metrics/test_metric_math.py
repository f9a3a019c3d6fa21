"""Metric math: the laws it keeps, CloudWatch's published rows, and what it says about mistakes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.metrics.expressions.parser import parse
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
from watchpost.metrics.expressions.values import Grid, Series, common_grid, on_grid

from .store_of_points import Values, calculated, results

NOTHING = None
GAPPY = st.lists(st.none() | st.integers(-50, 50).map(float), min_size=1, max_size=12)


def approx(values: Values) -> object:
    return [None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9) for value in values]


# --- laws -----------------------------------------------------------------------------------------------------------

CHAINS = [["OR"], ["AND"], ["==", "!=", "<", "<=", ">", ">="], ["+", "-"], ["*", "/"], ["^"]]


def operations(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    def of(operators: list[str]) -> st.SearchStrategy[Node]:
        step = st.tuples(st.sampled_from(operators), inner)
        return st.builds(Operation, inner, st.lists(step, min_size=1, max_size=3).map(tuple))

    return st.one_of([of(operators) for operators in CHAINS])


NODES = st.recursive(
    st.floats(0, 1e300).map(Number)
    | st.integers(0, 10**6).map(lambda n: Number(float(n)))
    | st.text(max_size=8).map(Text)
    | st.from_regex(r"[a-z][A-Za-z0-9_]{0,5}", fullmatch=True).map(Name)
    | st.sampled_from(["REPEAT", "ASC", "MAX"]).map(Word),
    lambda inner: (
        operations(inner)
        | inner.map(Negation)
        | st.lists(inner, max_size=3).map(lambda items: Listing(tuple(items)))
        | st.builds(Function, st.sampled_from(["SUM", "IF", "FILL"]), st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=12,
)


@given(NODES)
def test_a_printed_expression_parses_to_itself(node: Node) -> None:
    assert parse(text(node)) == node


@given(st.text(max_size=60) | st.text("m1+-*/^()[],'\"<>=&|ANDOR ", max_size=60))
def test_any_text_is_parsed_or_refused_with_a_sentence(anything: str) -> None:
    try:
        parse(anything)
    except InvalidExpression as problem:
        assert problem.message.endswith(".")  # noqa: PT017  either outcome is right; this is what the second must say


@given(GAPPY, st.integers(-5, 5))
def test_filling_with_a_number_leaves_no_gap_and_touches_no_point(m: Values, filler: int) -> None:
    assert calculated(f"FILL(m, {filler})", m=m) == [filler if value is None else value for value in m]


@given(GAPPY)
def test_repeating_and_interpolating_touch_no_point(m: Values) -> None:
    for way in ("REPEAT", "LINEAR"):
        filled = calculated(f"FILL(m, {way})", m=m)
        assert all(value in (None, after) for value, after in zip(m, filled, strict=True))


@given(GAPPY)
def test_interpolated_values_lie_between_their_neighbours(m: Values) -> None:
    filled = calculated("FILL(m, LINEAR)", m=m)
    known = [i for i, value in enumerate(m) if value is not None]
    for left, right in pairwise(known):
        low, high = sorted((m[left] or 0.0, m[right] or 0.0))
        assert all(low - 1e-9 <= (filled[i] or 0.0) <= high + 1e-9 for i in range(left, right))
    inside = range(known[0], known[-1] + 1) if known else range(0)
    assert [i for i, value in enumerate(filled) if value is not None] == list(inside)


@given(GAPPY)
def test_rate_times_elapsed_time_is_the_difference(m: Values) -> None:
    assert calculated("RATE(m) * DIFF_TIME(m)", m=m) == approx(calculated("DIFF(m)", m=m))


@given(GAPPY)
def test_summing_the_differences_gives_the_series_back_up_to_its_start(m: Values) -> None:
    first = next((value for value in m if value is not None), 0.0)
    rebuilt = calculated(f"RUNNING_SUM(DIFF(m)) + {first}".replace("+ -", "- "), m=m)
    without_first = list(m)
    for i, value in enumerate(m):
        if value is not None:
            without_first[i] = None
            break
    assert rebuilt == approx(without_first)


@given(st.lists(GAPPY, min_size=1, max_size=5), st.integers(0, 6), st.integers(0, 6))
def test_slices_of_a_sorted_array_are_slices_of_the_order(series: list[Values], start: int, end: int) -> None:
    metrics = {f"m{i}": values for i, values in enumerate(series)}
    order = [result.label for result in results("SORT(METRICS(), SUM, DESC)", **metrics)]
    part = results(f"SLICE(SORT(METRICS(), SUM, DESC), {start}, {end})", **metrics)
    expected = order[start:end]
    # A slice of one is that series, which has the expression's name.
    assert [result.label for result in part] == (["e"] if len(expected) == 1 else expected)


@given(st.lists(GAPPY, min_size=2, max_size=5))
def test_sorting_puts_sums_in_order_and_empty_series_last(series: list[Values]) -> None:
    metrics = {f"m{i}": values for i, values in enumerate(series)}
    found = results("SORT(METRICS(), SUM, ASC)", **metrics)
    sums = [None if not len(result.points) else result.points.values.sum() for result in found]
    present = [value for value in sums if value is not None]
    assert sums == sorted(present) + [None] * (len(sums) - len(present))


@given(GAPPY, GAPPY)
def test_addition_commutes_and_subtraction_undoes_it_where_both_have_points(a: Values, b: Values) -> None:
    size = min(len(a), len(b))
    a, b = a[:size], b[:size]
    assert calculated("a + b", a=a, b=b) == calculated("b + a", a=a, b=b)
    back = calculated("a + b - b", a=a, b=b)
    assert all(x is None or y == pytest.approx(x) for x, y in zip(a, back, strict=True))


@given(
    st.integers(1, 4), st.integers(1, 4), st.integers(0, 20), st.integers(0, 20), st.integers(1, 8), st.integers(1, 8)
)
def test_series_of_any_two_grids_keep_every_value_at_its_instant(
    p: int, q: int, s: int, t: int, n: int, m: int
) -> None:
    left = Series(Grid(s * 60, p * 60, n), 1.0 + numbers(n))
    right = Series(Grid(t * 60, q * 60, m), 1.0 + numbers(m))
    grid = common_grid([left, right])
    for series in (left, right):
        moved = Series(grid, on_grid(series, grid)).points()
        own = series.points()
        assert (moved.timestamps.tolist(), moved.values.tolist()) == (own.timestamps.tolist(), own.values.tolist())


def numbers(count: int):
    import numpy as np

    return np.arange(count, dtype=np.float64)


# --- published rows -------------------------------------------------------------------------------------------------
# CloudWatch's user guide, "Metric math syntax and functions".

OPERATORS = {"metric1": [30, 20, 0, 0], "metric2": [20, NOTHING, 20, NOTHING]}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("metric1 < metric2", [0, 0, 1, 0]),
        ("metric1 >= 30", [1, 0, 0, 0]),
        ("metric1 > 15 AND metric2 > 15", [1, 0, 0, 0]),
    ],
)
def test_published_rows_of_comparisons(expression: str, expected: Values) -> None:
    assert calculated(expression, **OPERATORS) == expected


CHOICES = {"m1": [1, 1, 0, 0, NOTHING], "m2": [30, NOTHING, 0, 0, 30], "m3": [0, 0, 20, NOTHING, 20]}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(m1, m2, m3)", [30, 0, 20, 0, NOTHING]),
        ("IF(m1, 5, m3)", [5, 5, 20, NOTHING, NOTHING]),
        ("IF(m1, m2, 5)", [30, 0, 5, 5, NOTHING]),
        ("IF(m1, m2)", [30, 0, NOTHING, NOTHING, NOTHING]),
        ("IF(1 > 2, m2, m3)", [0, 0, 20, NOTHING, 20]),
        ("IF(2 > 1, m2, m3)", [30, NOTHING, 0, 0, 30]),
        ("IF(-0.5 * m1, 1, 0)", [1, 1, 0, 0, NOTHING]),
    ],
)
def test_published_rows_of_choices(expression: str, expected: Values) -> None:
    assert calculated(expression, **CHOICES) == expected


# --- each function --------------------------------------------------------------------------------------------------

A, B = [4, NOTHING, 10, 1, NOTHING], [1, 2, NOTHING, 3, NOTHING]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + b", [5, 2, 10, 4, NOTHING]),
        ("a / b", [4, 0, NOTHING, pytest.approx(1 / 3), NOTHING]),
        ("a - 1", [3, NOTHING, 9, 0, NOTHING]),
        ("-a", [-4, NOTHING, -10, -1, NOTHING]),
        ("a && b", [1, 0, 0, 1, NOTHING]),
        ("a || 0", [1, NOTHING, 1, 1, NOTHING]),
        ("a == b", [0, 0, 0, 0, NOTHING]),
        ("a != 4", [0, NOTHING, 1, 1, NOTHING]),
        ("a ^ 2 ^ 0", [4, NOTHING, 10, 1, NOTHING]),
        ("-a ^ 2", [-16, NOTHING, -100, -1, NOTHING]),
        ("a * 2 + b * 3 - 1 / 2", [10.5, 5.5, 19.5, 10.5, NOTHING]),
        ("(a + 1) * 2 ^ -1", [2.5, NOTHING, 5.5, 1, NOTHING]),
        ("ABS(-a)", [4, NOTHING, 10, 1, NOTHING]),
        ("CEIL(a / 3)", [2, NOTHING, 4, 1, NOTHING]),
        ("FLOOR(a / 3)", [1, NOTHING, 3, 0, NOTHING]),
        ("LOG(a)", [pytest.approx(1.3862943611), NOTHING, pytest.approx(2.302585093), 0, NOTHING]),
        ("LOG10(a - 1)", [pytest.approx(0.4771212547), NOTHING, pytest.approx(0.9542425094), NOTHING, NOTHING]),
        ("a - AVG(a)", [-1, NOTHING, 5, -4, NOTHING]),
        ("a * 0 + MIN(a)", [1, NOTHING, 1, 1, NOTHING]),
        ("a * 0 + MAX(a)", [10, NOTHING, 10, 10, NOTHING]),
        ("a * 0 + SUM(a)", [15, NOTHING, 15, 15, NOTHING]),
        (
            "a * 0 + STDDEV(a)",
            [pytest.approx(3.7416573868)] * 1 + [NOTHING, *[pytest.approx(3.7416573868)] * 2, NOTHING],
        ),
        ("a * 0 + DATAPOINT_COUNT(a)", [3, NOTHING, 3, 3, NOTHING]),
        ("AVG([a, b])", [2.5, 1, 5, 2, NOTHING]),
        ("MIN([a, b])", [1, 2, 10, 1, NOTHING]),
        ("MAX(METRICS())", [4, 2, 10, 3, NOTHING]),
        ("SUM(METRICS('b'))", [1, 2, NOTHING, 3, NOTHING]),
        ('SUM(METRICS(["a"]))', [4, NOTHING, 10, 1, NOTHING]),
        ("STDDEV([a, b])", [1.5, 0, 0, 1, NOTHING]),
        ("DATAPOINT_COUNT([a, b])", [2, 1, 1, 2, NOTHING]),
        ("TIME_SERIES(METRIC_COUNT([a, b]))", [2, 2, 2, 2, 2]),
        ("FIRST([a, b])", A),
        ("LAST([a, b])", B),
        ("DIFF(a)", [NOTHING, NOTHING, 6, -9, NOTHING]),
        ("DIFF_TIME(a)", [NOTHING, NOTHING, 120, 60, NOTHING]),
        ("RATE(a)", [NOTHING, NOTHING, 0.05, -0.15, NOTHING]),
        ("RUNNING_SUM(a)", [4, NOTHING, 14, 15, NOTHING]),
        ("FILL(a, REPEAT)", [4, 4, 10, 1, 1]),
        ("FILL(a, LINEAR)", [4, 7, 10, 1, NOTHING]),
        ("FILL(a, b)", [4, 2, 10, 1, NOTHING]),
        ("PERIOD(a) * b", [60, 120, NOTHING, 180, NOTHING]),
        ("SLICE([a, b], 1)", B),
        ("MINUTE(a)", [14, 15, 16, 17, 18]),
        ("HOUR(a)", [22] * 5),
        ("DAY(a)", [2] * 5),
        ("DATE(a)", [14] * 5),
        ("MONTH(a)", [11] * 5),
        ("YEAR(a)", [2023] * 5),
        ("EPOCH(a) - 1700000040", [0, 60, 120, 180, 240]),
        ("SUM([])", [NOTHING] * 5),
    ],
)
def test_what_a_function_gives(expression: str, expected: Values) -> None:
    # The first minute is 2023-11-14 22:14 UTC, a Tuesday.
    assert calculated(expression, a=A, b=B) == expected


def test_arrays_go_through_operators_member_by_member_and_keep_their_labels() -> None:
    found = results("[a, b] * 2 + REMOVE_EMPTY([b, a, SLICE([a], 3)])", a=[1, 2], b=[NOTHING, 3])
    assert [(each.label, each.points.values.tolist()) for each in found] == [("a", [2, 7]), ("b", [1, 8])]


def test_a_metric_of_a_longer_period_meets_the_shorter_one_at_common_instants() -> None:
    from watchpost.metrics.query import Query, Span, Surroundings, data

    from .store_of_points import START, StoreOfPoints, listed, metric_query, points

    start = START - START % 300
    store = StoreOfPoints({"fine": points([1, 1, 1, 1, 1, 1], start), "coarse": points([10, 20], start, 300)})
    queries = [metric_query("fine", returned=False), metric_query("coarse", 300, returned=False)]
    span = Span(start, start + 360, start + 360)
    [total] = data([*queries, Query("e", expression="fine + coarse")], store, span, Surroundings(0))
    assert listed(total.points, 6, start) == [11, 1, 1, 1, 1, 21]


# --- what is wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("a +", "position 4: expected a metric id"),
        ("(a", "position 3: expected ')'"),
        ("a b", "position 3: expected an operator"),
        ("'a", "opens a string that never ends"),
        ("a $ b", "position 3: '$' has no meaning"),
        ("IF(a)", "its form is IF(condition"),
        ("sum(a)", "Did you mean SUM?"),
        ("LAMBDA('f')", "not supported: no AWS Lambda"),
        ("SERVICE_QUOTA(a)", "not supported"),
        ("INSIGHT_RULE_METRIC('r', 'm')", "not supported"),
        ("DB_PERF_INSIGHTS('RDS')", "not supported"),
        ("z", "no query with the id 'z'"),
        ("AVG(a)", "it gives a scalar"),
        ("'text'", "it gives a string"),
        ("a + 'text'", "takes numbers and time series, not a string"),
        ("[a, a] + [a, a, a]", "arrays of 2 and 3 time series"),
        ("SORT([a], MEDIAN, ASC)", "'MEDIAN' is no id"),
        ("SORT([a], STDDEV, ASC)", "no option"),
        ("SLICE([a], 0.5)", "whole number of 0 or more, not 0.5"),
        ("PERIOD(a + 1)", "takes the id of a metric"),
        ("FILL(1, 2)", "not a scalar"),
        ("FILL(a, ASC)", "REPEAT or LINEAR"),
        ("ANOMALY_DETECTION_BAND(a, 0)", "above 0"),
        ("ANOMALY_DETECTION_BAND(METRICS())", "cannot be taken of METRICS"),
        ("[a, 1]", "An array holds time series"),
        ("TIME_SERIES(a)", "takes a scalar"),
        ("1e999 + a", "fits in 64 bits"),
        ("", "The expression is empty"),
        ("(" * 2000, "nested more than 50 levels"),
        ("-" * 2000 + "a", "nested more than 50 levels"),
        ("a+" * 1500 + "a", "at most 2048"),
    ],
)
def test_a_mistake_is_named_with_its_query_and_place(expression: str, said: str) -> None:
    with pytest.raises(InvalidExpression, match=r"^Error in expression 'e': ") as problem:
        results(expression, a=[1, 2])
    assert said in problem.value.message


def test_a_sum_of_a_thousand_terms_is_not_too_deep() -> None:
    assert calculated("a" + "+a" * 1000, a=[1.0]) == [1001.0]
    assert calculated("a" + "^1" * 1000, a=[2.0]) == [2.0]
