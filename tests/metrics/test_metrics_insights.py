"""Metrics Insights: the grammar, and what its queries give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.metrics.expressions.syntax import InvalidExpression
from watchpost.metrics.identity import Metric
from watchpost.metrics.insights import Selection, parse_insights
from watchpost.metrics.query import Query, Result, Span, Surroundings, data

from .store_of_points import START, StoreOfPoints, points


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('SELECT AVG(CPUUtilization) FROM "AWS/EC2"', Selection("AVG", "CPUUtilization", "AWS/EC2")),
        ("select max(m) from ns", Selection("MAX", "m", "ns")),
        (
            'SELECT SUM("a b") FROM SCHEMA("my ns", d1, "d 2") WHERE d1 = \'it\'\'s\' '
            'AND "d 2" != \'y\' GROUP BY d1, "d 2" ORDER BY MAX() DESC LIMIT 10',
            Selection(
                "SUM",
                "a b",
                "my ns",
                frozenset({"d1", "d 2"}),
                (("d1", True, "it's"), ("d 2", False, "y")),
                ("d1", "d 2"),
                ("MAX", True),
                10,
            ),
        ),
        ("SELECT COUNT(m) FROM SCHEMA(ns)", Selection("COUNT", "m", "ns", frozenset())),
        (
            "SELECT MIN(m) FROM ns GROUP BY d ORDER BY AVG() ASC",
            Selection("MIN", "m", "ns", group=("d",), order=("AVG", False)),
        ),
    ],
)
def test_a_query_means_what_it_says(query: str, expected: Selection) -> None:
    assert parse_insights(query) == expected


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT p99(m) FROM ns", "position 8: expected AVG, COUNT, MAX, MIN or SUM"),
        ("SELECT AVG(m)", "expected FROM, found 'the end of the query'"),
        ("SELECT AVG(m) FROM ns WHERE d > '1'", "has no meaning"),
        ("SELECT AVG(m) FROM ns WHERE d = 1", "a value in single quotes"),
        ("SELECT AVG(m) FROM ns LIMIT 501", "whole number from 1 to 500"),
        ("SELECT AVG(m) FROM ns LIMIT 1 GROUP BY d", "in this order"),
        ("SELECT AVG(m) FROM ns WHERE tag.env = 'prod'", "no resource tags"),
    ],
)
def test_a_query_that_is_not_understood_is_refused_with_its_place(query: str, said: str) -> None:
    with pytest.raises(InvalidExpression) as problem:
        parse_insights(query)
    assert said in problem.value.message


@given(st.text(max_size=40))
def test_any_text_behind_select_is_a_query_or_refused(anything: str) -> None:
    try:
        parse_insights("SELECT " + anything)
    except InvalidExpression as problem:
        assert problem.message  # noqa: PT017  either outcome is right; this is what the second must say


A, B, C, D = (
    Metric.of("ns", "m", dimensions)
    for dimensions in ({"host": "a", "app": "x"}, {"host": "b", "app": "x"}, {"host": "c", "app": "y"}, {"host": "d"})
)
STORE = StoreOfPoints(
    listed=[A, B, C, D, Metric.of("ns", "other", {"host": "a"})],
    by_stat={
        (A, "Sum"): points([10, 20]),
        (A, "SampleCount"): points([1, 2]),
        (B, "Sum"): points([2, None, 6]),
        (B, "SampleCount"): points([1, None, 2]),
        (C, "Sum"): points([5]),
        (C, "SampleCount"): points([5]),
        (D, "Sum"): points([7]),
        (D, "SampleCount"): points([1]),
        (A, "Maximum"): points([9, 11]),
        (B, "Maximum"): points([3, None, 4]),
    },
)


def selected(expression: str) -> list[Result]:
    return data([Query("q", expression=expression, period=60)], STORE, Span(START, START + 180, START), Surroundings(0))


def test_without_groups_all_metrics_make_one_series_and_averages_weigh_samples() -> None:
    [found] = selected("SELECT AVG(m) FROM ns WHERE app = 'x'")
    assert (found.label, found.points.values.tolist()) == ("q", [6, 10, 3])


def test_groups_are_labelled_by_their_values_and_lacking_ones_are_other() -> None:
    found = selected("SELECT SUM(m) FROM ns GROUP BY app ORDER BY SUM() DESC")
    assert [(each.label, each.points.values.tolist()) for each in found] == [
        ("x", [12, 20, 6]),
        ("Other", [7]),
        ("y", [5]),
    ]


def test_a_schema_is_the_exact_set_of_dimensions() -> None:
    [found] = selected("SELECT SUM(m) FROM SCHEMA(ns, host)")
    assert found.points.values.tolist() == [7]


def test_limit_keeps_the_first_groups_of_the_order() -> None:
    found = selected("SELECT MAX(m) FROM ns GROUP BY host ORDER BY MAX() ASC LIMIT 2")
    assert [each.label for each in found] == ["b", "a"]


def test_counts_are_of_samples() -> None:
    [found] = selected("SELECT COUNT(m) FROM ns WHERE app != 'y'")
    assert found.points.values.tolist() == [2, 2, 2]


def test_nothing_found_is_an_empty_series_and_not_a_fault() -> None:
    [found] = selected("SELECT SUM(m) FROM nowhere")
    assert len(found.points) == 0


def test_a_query_needs_a_period_and_a_request_has_one_at_most() -> None:
    span = Span(START, START + 60, START)
    with pytest.raises(Refused, match="needs a Period"):
        data([Query("q", expression="SELECT SUM(m) FROM ns")], STORE, span, Surroundings(0))
    two = [Query(name, expression="SELECT SUM(m) FROM ns", period=60) for name in ("q", "r")]
    with pytest.raises(Refused, match="may have one"):
        data(two, STORE, span, Surroundings(0))
