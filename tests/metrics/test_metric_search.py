"""SEARCH: tokens, terms, schemas; and the words it uses for mistakes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.metrics.expressions.syntax import InvalidExpression
from watchpost.metrics.identity import Metric
from watchpost.metrics.query import Query, Result, Span, Surroundings, data
from watchpost.metrics.search import find, labels, parse_search, tokens

from .store_of_points import MINUTE, START, StoreOfPoints, points


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # CloudWatch's user guide, "Search expression tokens and matches".
        ("CustomCount1", {"customcount1", "custom", "count", "1"}),
        ("SDBFailure", {"sdbfailure", "sdb", "failure"}),
        ("Project2-trial333", {"project2trial333", "project", "2", "trial", "333"}),
        ("AWS/EC2", {"awsec2", "aws", "ec", "2"}),
        ("CPUUtilization", {"cpuutilization", "cpu", "utilization"}),
    ],
)
def test_a_name_is_cut_into_words_and_kept_whole(name: str, expected: set[str]) -> None:
    assert tokens(name) == expected


WEB_CPU = Metric.of("AWS/EC2", "CPUUtilization", {"InstanceId": "i-web-1"})
DB_CPU = Metric.of("AWS/EC2", "CPUUtilization", {"InstanceId": "i-db-1"})
WEB_DISK = Metric.of("AWS/EC2", "DiskReadOps", {"InstanceId": "i-web-1"})
ZONE_CPU = Metric.of("AWS/EC2", "CPUUtilization", {"InstanceId": "i-web-1", "Zone": "a"})
LATENCY = Metric.of("Shop Front", "latency (p99)", {"Page Name": 'say "hi"'})
EVERY = [WEB_CPU, DB_CPU, WEB_DISK, ZONE_CPU, LATENCY]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("", EVERY),
        ("{AWS/EC2, InstanceId}", [WEB_CPU, DB_CPU, WEB_DISK]),
        ("{AWS/EC2, Zone, InstanceId} CPUUtilization", [ZONE_CPU]),
        ("{AWS/EC2} cpu", []),
        ("cpu", [WEB_CPU, DB_CPU, ZONE_CPU]),
        ("CPU UTILIZATION web", [WEB_CPU, ZONE_CPU]),
        ("cpuutil", []),
        ('"CPUUtilization"', [WEB_CPU, DB_CPU, ZONE_CPU]),
        ('"cpuutilization"', []),
        ('MetricName="DiskReadOps"', [WEB_DISK]),
        ("MetricName=disk", [WEB_DISK]),
        ("InstanceId=web", [WEB_CPU, WEB_DISK, ZONE_CPU]),
        ('InstanceId="i-db-1" OR MetricName=disk', [DB_CPU, WEB_DISK]),
        ("InstanceId=(web OR db) AND MetricName=cpu", [WEB_CPU, DB_CPU, ZONE_CPU]),
        ("cpu NOT web", [DB_CPU]),
        ("NOT cpu NOT shop", [WEB_DISK]),
        ("disk OR cpu db", [DB_CPU, WEB_DISK]),
        ("(disk OR cpu) db", [DB_CPU]),
        ("i-web-1 disk", [WEB_DISK]),
        ("web-1", [WEB_CPU, WEB_DISK, ZONE_CPU]),
        ("Namespace=front", [LATENCY]),
        ('{"Shop Front", "Page Name"} latency', [LATENCY]),
        (r'MetricName="latency \(p99\)"', [LATENCY]),
        (r'"say \"hi\""', [LATENCY]),
        ('"Page Name"=say', [LATENCY]),
        ("Zone", [ZONE_CPU]),
    ],
)
def test_which_metrics_a_search_finds(expression: str, expected: list[Metric]) -> None:
    assert find(parse_search(expression), EVERY) == sorted(expected)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("{AWS/EC2, } cpu", "position 11: expected a namespace or a dimension name"),
        ("cpu AND", "position 8: expected a word"),
        ("(cpu", "position 5: expected ')'"),
        ("cpu )", "position 5: expected a term, AND, OR or the end"),
        ("MetricName=", "position 12: expected a word"),
        ("(" * 200, "at most 50 levels"),
        ("x" * 1025, "at most 1024 characters"),
        (':aws.AccountId="1"', "one account"),
    ],
)
def test_a_search_that_is_not_understood_is_refused_with_its_place(expression: str, said: str) -> None:
    with pytest.raises(InvalidExpression) as problem:
        parse_search(expression)
    assert said in problem.value.message


@given(st.text(max_size=40) | st.text('{}()"\\=, ANDORTaz', max_size=40))
def test_any_text_is_a_search_or_refused(anything: str) -> None:
    try:
        find(parse_search(anything), EVERY)
    except InvalidExpression as problem:
        assert problem.message.startswith("SEARCH")  # noqa: PT017  either outcome is right; this is what the second must say


@given(st.text("abcXYZ019-_/. ", min_size=1, max_size=12).filter(lambda name: any(map(str.isalnum, name))))
def test_a_name_is_found_by_itself_and_by_each_of_its_words(name: str) -> None:
    metric = Metric("ns", name)
    for word in {*tokens(name), name.replace(" ", "")}:
        if word not in ("AND", "OR", "NOT"):
            assert find(parse_search(word), [metric]) == [metric]


def test_series_are_told_apart_by_what_differs() -> None:
    assert labels([WEB_CPU, DB_CPU]) == ["i-web-1", "i-db-1"]
    assert labels([WEB_CPU, WEB_DISK]) == ["CPUUtilization", "DiskReadOps"]
    assert labels([WEB_CPU]) == ["CPUUtilization"]
    assert labels([WEB_CPU, LATENCY]) == ["AWS/EC2 i-web-1 CPUUtilization", 'Shop Front say "hi" latency (p99)']


def searched(expression: str, store: StoreOfPoints, **options: object) -> list[Result]:
    query = Query("s", expression=expression, **options)  # type: ignore[arg-type]
    return data([query], store, Span(START, START + 600, START + 600), Surroundings(0))


def test_a_search_gives_one_result_a_metric_under_one_id() -> None:
    store = StoreOfPoints(listed=EVERY, by_metric={WEB_CPU: points([1, 2]), DB_CPU: points([3])})
    found = searched("SEARCH('{AWS/EC2, InstanceId} cpu', 'Average', 60)", store)
    assert [(each.id, each.label, each.points.values.tolist()) for each in found] == [
        ("s", "i-db-1", [3]),
        ("s", "i-web-1", [1, 2]),
    ]


def test_a_label_stands_before_what_tells_the_series_apart() -> None:
    found = searched("SEARCH('{AWS/EC2, InstanceId} cpu', 'Average')", StoreOfPoints(listed=EVERY), label="CPU")
    assert [each.label for each in found] == ["CPU i-db-1", "CPU i-web-1"]


def test_a_dynamic_label_speaks_of_each_series() -> None:
    store = StoreOfPoints(listed=EVERY, by_metric={WEB_CPU: points([1, 2])})
    label = "${PROP('Dim.InstanceId')}: ${LABEL}, ${MAX}"
    found = searched("SEARCH('{AWS/EC2, InstanceId} cpu', 'Average', 60)", store, label=label)
    assert [each.label for each in found] == ["i-db-1: i-db-1, --", "i-web-1: i-web-1, 2"]


def test_the_period_is_the_functions_or_the_querys_or_five_minutes() -> None:
    for expression, period, expected in [
        ("SEARCH('cpu', 'Sum', 120)", 60, 120),
        ("SEARCH('cpu', 'Sum')", 60, 60),
        ("SEARCH('cpu', 'Sum')", None, 300),
    ]:
        store = StoreOfPoints(listed=EVERY)
        searched(expression, store, period=period)
        assert {stat.period for stat in store.asked[-1][0]} == {expected}


def test_more_than_five_hundred_series_are_cut_and_said() -> None:
    store = StoreOfPoints(listed=[Metric.of("ns", "m", {"n": f"{i:04}"}) for i in range(600)])
    found = searched("SEARCH('m', 'Sum', 60)", store)
    assert len(found) == 500
    assert found[0].messages[0][0] == "MaxMetricsExceeded"


def test_a_search_is_summed_like_any_array() -> None:
    store = StoreOfPoints(listed=EVERY, by_metric={WEB_CPU: points([1, 2]), DB_CPU: points([3])})
    [total] = searched("SUM(SEARCH('cpu', 'Average', 60))", store)
    assert total.points.values.tolist() == [4, 2]
    assert total.points.timestamps.tolist() == [START, START + MINUTE]
