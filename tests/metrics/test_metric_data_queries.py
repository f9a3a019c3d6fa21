"""GetMetricData as a function: which requests fit together, labels, units, pages, and what alarms ask."""

from datetime import timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.metrics.identity import Metric, MetricStat, Points
from watchpost.metrics.labels import check_labels, default_labels, parse_offset, resolve
from watchpost.metrics.pages import Place, fingerprint, page, read_token, write_token
from watchpost.metrics.plan import plan
from watchpost.metrics.query import Query, Result, Span, Surroundings, band, data, series

from .store_of_points import START, StoreOfPoints, listed, metric_query, points

SPAN = Span(START, START + 300, START + 300)
AROUND = Surroundings(START + 300, "123456789012", "eu-west-1")


# --- which requests fit together --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("queries", "said"),
    [
        ([metric_query("m"), metric_query("m")], "not unique"),
        ([metric_query("M")], "MetricDataQueries.member.1.Id is invalid"),
        ([Query("m")], "MetricDataQueries.member.1.MetricStat is required"),
        ([Query("m", MetricStat(Metric("n", "m"), 60, "Sum"), "1")], "mutually exclusive"),
        ([metric_query("m", period=45)], "a multiple of 60"),
        ([metric_query("m", stat="p101")], "p101"),
        ([Query("a", expression="b"), Query("b", expression="a")], "a, b refer to each other in a circle"),
        ([Query("a", expression="a + 1")], "refer to each other in a circle"),
        (
            [Query(f"e{i}", expression="[SEARCH('x', 'Sum'), SEARCH('y', 'Sum')]") for i in range(51)],
            "102 SEARCH functions",
        ),
        (
            [metric_query("m", 10), Query("e", expression="ANOMALY_DETECTION_BAND(m)")],
            "from 60 to 3600 seconds, not 10",
        ),
        (
            [metric_query("m"), metric_query("n", 300), Query("e", expression="ANOMALY_DETECTION_BAND(m + n)")],
            "not 60, 300",
        ),
        ([Query("e", expression="ANOMALY_DETECTION_BAND(TIME_SERIES(1))")], "one to 10 metrics, not 0"),
    ],
)
def test_queries_that_do_not_fit_are_refused(queries: list[Query], said: str) -> None:
    with pytest.raises(Refused) as problem:
        plan(queries)
    assert said in problem.value.message


def test_expressions_may_come_before_what_they_need() -> None:
    queries = [Query("c", expression="b * 2"), Query("b", expression="m + 1", returned=False), metric_query("m")]
    found = data(queries, StoreOfPoints({"m": points([1])}), SPAN, AROUND)
    assert [(each.id, each.points.values.tolist()) for each in found] == [("c", [4]), ("m", [1])]


def test_only_metrics_that_the_answer_needs_are_read_and_all_at_once() -> None:
    store = StoreOfPoints({"m": points([1])})
    data([metric_query("m"), metric_query("n", returned=False), metric_query("o", 300)], store, SPAN, AROUND)
    [(first, start, end), (second, coarse, _)] = store.asked
    assert [stat.metric.name for stat in first] == ["m"]
    assert [stat.metric.name for stat in second] == ["o"]
    assert (start, end, coarse) == (START, START + 300, START - START % 300)


def test_two_detectors_of_the_same_computation_are_one_subject_whatever_the_names() -> None:
    def subject(name: str, period: int, expression: str) -> str:
        planned = plan([Query(name, MetricStat(Metric("n", "m"), period, "Sum")), Query("e", expression=expression)])
        return planned.subject(planned.parsed["e"])  # type: ignore[arg-type]

    assert subject("a", 60, "a + 1") == subject("b", 300, "b+1") != subject("a", 60, "a + 2")


def test_a_request_that_would_take_too_much_is_refused_before_it_does() -> None:
    year = Span(START - 365 * 86_400, START, START)
    fortnight = Span(START - 14 * 86_400, START, START)
    queries = [metric_query("m"), *(Query(f"e{i}", expression="m" + "+m" * 500) for i in range(20))]
    with pytest.raises(Refused, match="more computing than one request may take"):
        data(queries, StoreOfPoints(), year, AROUND)
    with pytest.raises(Refused, match="at most 1000000"):
        data([metric_query("m", 1), Query("e", expression="m + 1")], StoreOfPoints(), fortnight, AROUND)
    assert len(data([metric_query("m", 1)], StoreOfPoints({"m": points([1])}), Span(0, 2 * START, START), AROUND)) == 1


# --- labels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        # As recorded from the service.
        ([("Sum", 60)], ["metric1"]),
        ([("Sum", 60), ("Minimum", 60)], ["metric1 Sum", "metric1 Minimum"]),
        ([("Sum", 60), ("Sum", 300)], ["metric1 60", "metric1 300"]),
        ([("Sum", 60), ("Minimum", 300)], ["metric1 Sum 60", "metric1 Minimum 300"]),
    ],
)
def test_default_labels_say_only_what_differs(stats: list[tuple[str, int]], expected: list[str]) -> None:
    asked = {f"m{i}": MetricStat(Metric("n", "metric1"), period, stat) for i, (stat, period) in enumerate(stats)}
    assert list(default_labels(asked).values()) == expected


STAT = MetricStat(Metric.of("ns", "latency", {"host": "a"}), 60, "p99")
POINTS = points([2, None, 8, 4])


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("${AVG} ${SUM} ${MIN} ${MAX} ${FIRST} ${LAST}", "4.66667 14 2 8 2 4"),
        ("${DATAPOINT_COUNT} ${FIRST_LAST_RANGE} ${MIN_MAX_RANGE}", "3 2 6"),
        ("${FIRST_TIME}", "2023-11-14T22:14:00Z"),
        ("${LAST_TIME_RELATIVE} ${FIRST_LAST_TIME_RANGE} ${MIN_MAX_TIME_RANGE}", "2m 3m 2m"),
        ("${MAX_TIME} ${MAX_TIME_RELATIVE}", "2023-11-14T22:16:00Z 3m"),
        ("${MIN_TIME} ${MIN_TIME_RELATIVE} ${FIRST_TIME_RELATIVE}", "2023-11-14T22:14:00Z 5m 5m"),
        ("${LABEL}: ${PROP('MetricName')} of ${PROP('Dim.host')}", "mine: latency of a"),
        ("${PROP('Namespace')} ${PROP('Stat')} ${PROP('Period')} ${PROP('Region')}", "ns p99 60 eu-west-1"),
        ("${PROP('AccountId')} ${PROP('AccountLabel')} ${PROP('Dim.z')}", "123456789012 123456789012 --"),
        ("nothing ${to} resolve $", "nothing ${to} resolve $"),
    ],
)
def test_dynamic_labels_are_resolved(label: str, expected: str) -> None:
    assert resolve(label, "mine", POINTS, STAT, AROUND) == expected


def test_instants_in_labels_stand_in_the_asked_time_zone() -> None:
    there = Surroundings(0, offset=timezone(timedelta(hours=1, minutes=30)))
    assert parse_offset("+0130") == there.offset
    assert resolve("${LAST_TIME}", "", POINTS, STAT, there) == "2023-11-14T23:47:00+01:30"


@pytest.mark.parametrize("label", ["${AVG}" * 7, "${LABEL}${LABEL}", "${NOPE}", "${PROP('Colour')}"])
def test_labels_that_ask_too_much_are_refused(label: str) -> None:
    with pytest.raises(Refused, match="The label"):
        check_labels([label])


@pytest.mark.parametrize("text", ["0130", "+130", "+2500", "UTC"])
def test_time_zones_of_labels_are_a_sign_and_four_digits(text: str) -> None:
    with pytest.raises(Refused, match=r"LabelOptions\.Timezone"):
        parse_offset(text)


def test_the_parts_of_an_array_are_labelled_by_their_metrics() -> None:
    queries = [metric_query("m", returned=False, label="mine"), metric_query("n", returned=False)]
    found = data([*queries, Query("e", expression="METRICS()")], StoreOfPoints(), SPAN, AROUND)
    assert [each.label for each in found] == ["mine", "n"]


# --- units ------------------------------------------------------------------------------------------------------------


def test_several_units_are_said_and_one_or_none_is_not() -> None:
    store = StoreOfPoints(
        by_unit={
            ("m", "Milliseconds"): points([1]),
            ("m", "Seconds"): points([2]),
            ("n", "Seconds"): points([1]),
            ("n", "Count"): points([1], START + 9999),
        }
    )
    asked = metric_query("m")
    one_unit = Query("u", MetricStat(Metric("test", "m"), 60, "Average", "Seconds"))
    several, none, chosen = data([asked, metric_query("n"), one_unit], store, SPAN, AROUND)
    # As recorded from the service.
    assert several.messages == (("MultipleUnits", "Multiple units returned: '[Milliseconds, Seconds]'"),)
    assert none.messages == chosen.messages == ()


# --- pages ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 7), max_size=5), st.integers(1, 9), st.booleans())
def test_pages_together_hold_every_point_once_in_order(sizes: list[int], limit: int, descending: bool) -> None:
    answers = [Result(f"m{i}", "", points([float(j) for j in range(size)])) for i, size in enumerate(sizes)]
    place, collected, rounds = Place(), {each.id: [] for each in answers}, 0
    while True:
        found = page(answers, place, limit, descending)
        assert sum(len(part.timestamps) for part in found.parts) <= limit
        for part in found.parts:
            collected[part.result.id].extend(part.values.tolist())
        rounds += 1
        if found.next is None:
            break
        place = found.next
    step = -1 if descending else 1
    assert collected == {each.id: each.points.values.tolist()[::step] for each in answers}
    assert rounds == max(1, -(-sum(sizes) // limit))


def test_a_part_that_goes_on_is_partial_and_empty_results_are_there_once() -> None:
    answers = [Result("m", "", points([1, 2, 3])), Result("n", "", points([]))]
    first = page(answers, Place(), 2, descending=True)
    assert [(part.result.id, part.values.tolist(), part.whole) for part in first.parts] == [("m", [3, 2], False)]
    assert first.next is not None
    second = page(answers, first.next, 2, descending=True)
    assert [(part.result.id, part.values.tolist(), part.whole) for part in second.parts] == [
        ("m", [1], True),
        ("n", [], True),
    ]
    assert second.next is None


def test_points_that_arrive_between_pages_neither_repeat_nor_hide_others() -> None:
    early = [Result("m", "", points([1, 2, None, 4]))]
    late = [Result("m", "", points([1, 2, 3, 4, 5]))]
    first = page(early, Place(), 1, descending=True)
    assert first.next is not None
    assert page(late, first.next, 9, descending=True).parts[0].values.tolist() == [3, 2, 1]


@given(st.integers(0, 500), st.none() | st.integers(0, 2**40))
def test_a_token_is_read_back_for_its_own_request_only(result: int, after: int | None) -> None:
    mine, other = fingerprint(("a", 1)), fingerprint(("a", 2))
    token = write_token(Place(result, after), mine)
    assert read_token(token, mine) == Place(result, after)
    with pytest.raises(Refused, match="NextToken is invalid") as problem:
        read_token(token, other)
    assert problem.value.fault == "InvalidNextToken"


@given(st.text(max_size=30))
def test_no_stranger_is_a_token(token: str) -> None:
    with pytest.raises(Refused, match="NextToken is invalid"):
        read_token(token, fingerprint("request"))


# --- what alarms ask --------------------------------------------------------------------------------------------------


def test_an_alarms_windows_begin_where_they_are_asked_to() -> None:
    store = StoreOfPoints({"m": points([1, None, 3], START + 60, 300)})
    queries = [metric_query("m", 300, returned=False), Query("e", expression="FILL(m, 0) * 2")]
    found = series(queries, store, START + 60, START + 960)
    assert listed(found, 3, START + 60, 300) == [2, 0, 6]


def test_an_alarm_watches_one_series() -> None:
    store = StoreOfPoints({"m": points([1])})
    metrics = [metric_query("m", returned=False), metric_query("n", returned=False)]
    assert len(series([*metrics, Query("e", expression="SLICE(METRICS(), 0, 1)")], store, START, START + 60)) == 1
    for expression in ("METRICS()", "AVG(m)"):
        with pytest.raises(Refused, match="an alarm watches exactly one time series"):
            series([*metrics, Query("e", expression=expression)], store, START, START + 60)


def test_a_band_alarm_gets_its_series_and_two_limits() -> None:
    day = 86_400
    rng = np.random.default_rng(5)
    count = 15 * 288
    history = Points(np.arange(count) * 300 + START, rng.normal(50, 5, count))
    queries = [metric_query("m", 300), Query("b", expression="ANOMALY_DETECTION_BAND(m, 3)")]
    end = START + 15 * day
    found = band(queries, StoreOfPoints({"m": history}), end - 1500, end, "b")
    assert found.timestamps.tolist() == list(range(end - 1500, end, 300))
    assert np.all(found.lower < 45)
    assert np.all(found.upper > 55)
    assert found.values.tolist() == history.values[-5:].tolist()


def test_a_band_alarm_without_a_band_is_refused() -> None:
    queries = [metric_query("m"), Query("b", expression="m * 2")]
    with pytest.raises(Refused, match="no anomaly detection band"):
        band(queries, StoreOfPoints(), START, START + 60, "b")
    with pytest.raises(Refused, match="no query of this alarm"):
        band([metric_query("m")], StoreOfPoints(), START, START + 60, "b")
