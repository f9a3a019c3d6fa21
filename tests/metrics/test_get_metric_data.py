"""GetMetricData over stored data, as an operation: what it answers, pages, and what it refuses."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from watchpost.errors import Refused
from watchpost.fronts.aws.cloudwatch import plugin
from watchpost.fronts.aws.operation import Call
from watchpost.metrics.identity import Datum, Metric
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.metrics.anomaly_detectors import AnomalyDetectors
from watchpost.service.metrics.metrics import Metrics
from watchpost.service.metrics.queries import MetricQueries
from watchpost.stores.store import Store

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOON = int(NOW.timestamp())


@dataclass
class Service:
    """As much of a server as this operation uses."""

    metrics: Metrics
    metric_queries: MetricQueries

    def __call__(self, *queries: dict[str, Any], **members: Any) -> dict[str, Any]:
        asked = {"MetricDataQueries": list(queries), "StartTime": NOW - 10 * MINUTE, "EndTime": NOW, **members}
        call = Call("cloudwatch", "GetMetricData", asked, NOW, "us-east-1", "0" * 12, "k", "r", "http://w")
        return dict(plugin.operations["GetMetricData"](self, call) or {})  # type: ignore[arg-type]

    def put(self, name: str, *values: float | None, unit: str = "None", **dimensions: str) -> None:
        """One value a minute, the last one in the minute before noon."""
        metric, start = Metric.of("app", name, dimensions), NOON - 60 * len(values)
        data = [
            Datum(metric, start + 60 * i, (value,), (1.0,), unit=unit)
            for i, value in enumerate(values)
            if value is not None
        ]
        self.metrics.put(data)


@pytest.fixture
def service(store: Store) -> Service:
    clock, configuration = ManualClock(NOW), Configuration(Path("unused"))
    metrics = Metrics(store, clock)
    detectors = AnomalyDetectors(store, metrics, clock, configuration)
    return Service(metrics, MetricQueries(metrics, detectors, clock, configuration))


def metric(id: str, name: str = "m", period: int = 60, stat: str = "Sum", **members: Any) -> dict[str, Any]:
    stat_ = {"Metric": {"Namespace": "app", "MetricName": name}, "Period": period, "Stat": stat}
    return {"Id": id, "MetricStat": stat_, **members}


def math(id: str, expression: str, **members: Any) -> dict[str, Any]:
    return {"Id": id, "Expression": expression, **members}


def test_the_newest_point_comes_first_unless_asked_otherwise(service: Service) -> None:
    service.put("m", 1, 2, 3)
    [newest] = service(metric("a"))["MetricDataResults"]
    [oldest] = service(metric("a"), ScanBy="TimestampAscending")["MetricDataResults"]
    assert newest == {
        "Id": "a",
        "Label": "m",
        "Timestamps": [NOON - 60, NOON - 120, NOON - 180],
        "Values": [3, 2, 1],
        "StatusCode": "Complete",
    }
    assert (oldest["Timestamps"], oldest["Values"]) == ([NOON - 180, NOON - 120, NOON - 60], [1, 2, 3])


def test_an_empty_result_has_its_label_and_is_complete(service: Service) -> None:
    answer = service(metric("a"), math("e", "a * 2"))
    assert answer["MetricDataResults"] == [
        {"Id": "a", "Label": "m", "Timestamps": [], "Values": [], "StatusCode": "Complete"},
        {"Id": "e", "Label": "e", "Timestamps": [], "Values": [], "StatusCode": "Complete"},
    ]


def test_periods_are_aligned_to_their_length_and_the_start_is_rounded_down(service: Service) -> None:
    service.put("m", *[1.0] * 10)
    [found] = service(metric("a", period=300), StartTime=NOW - 7 * MINUTE, EndTime=NOW)["MetricDataResults"]
    assert (found["Timestamps"], found["Values"]) == ([NOON - 300, NOON - 600], [5, 5])


def test_math_fills_and_combines_what_is_stored(service: Service) -> None:
    service.put("errors", 1, None, 2)
    service.put("requests", 10, 20, 40)
    answer = service(
        metric("errors", "errors", ReturnData=False),
        metric("requests", "requests", ReturnData=False),
        math("rate", "100 * FILL(errors, 0) / requests", Label="max ${MAX} %"),
        StartTime=NOW - 3 * MINUTE,
    )
    [found] = answer["MetricDataResults"]
    assert (found["Label"], found["Values"]) == ("max 10 %", [5, 0, 10])


def test_a_search_and_a_selection_find_what_was_put(service: Service) -> None:
    service.put("latency", 4, host="a")
    service.put("latency", 8, host="b")
    found = service(
        math("s", "SEARCH('{app, host} latency', 'Average', 60)"),
        math("q", "SELECT AVG(latency) FROM app GROUP BY host ORDER BY AVG() DESC", Period=60),
    )["MetricDataResults"]
    assert [(each["Id"], each["Label"], each["Values"]) for each in found] == [
        ("s", "a", [4]),
        ("s", "b", [8]),
        ("q", "b", [8]),
        ("q", "a", [4]),
    ]


def test_several_units_answer_in_the_preferred_one_and_say_so(service: Service) -> None:
    service.put("m", 1, unit="Seconds")
    service.put("m", 2000, unit="Milliseconds")
    [found] = service(metric("a"))["MetricDataResults"]
    assert found["Values"] == [2000]
    assert found["Messages"] == [
        {"Code": "MultipleUnits", "Value": "Multiple units returned: '[Milliseconds, Seconds]'"}
    ]


def test_pages_are_partial_until_the_last(service: Service) -> None:
    service.put("m", 1, 2, 3)
    service.put("n", 4)
    queries = (metric("a"), metric("b", "n"))
    first = service(*queries, MaxDatapoints=2)
    assert [(each["Values"], each["StatusCode"]) for each in first["MetricDataResults"]] == [([3, 2], "PartialData")]
    second = service(*queries, MaxDatapoints=2, NextToken=first["NextToken"])
    assert [(each["Values"], each["StatusCode"]) for each in second["MetricDataResults"]] == [
        ([1], "Complete"),
        ([4], "Complete"),
    ]
    assert "NextToken" not in second
    with pytest.raises(Refused) as problem:
        service(metric("a"), MaxDatapoints=2, NextToken=first["NextToken"])
    assert problem.value.fault == "InvalidNextToken"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"MetricDataQueries": []}, "must not be empty"),
        ({"MetricDataQueries": [metric(f"m{i}") for i in range(501)]}, "a size greater than 500"),
        ({"StartTime": NOW}, "The parameter StartTime must not equal parameter EndTime."),
        ({"StartTime": NOW + MINUTE}, "The parameter EndTime must be greater than StartTime."),
        ({"MaxDatapoints": 0}, "MaxDatapoints is invalid"),
        ({"MaxDatapoints": 100_801}, "MaxDatapoints is invalid"),
        ({"LabelOptions": {"Timezone": "Europe"}}, "write it as +0130"),
        ({"MetricDataQueries": [metric("a", AccountId="123")]}, "not this server's"),
        ({"MetricDataQueries": [metric("a", Label="${WHAT}")]}, "unknown dynamic expression"),
        ({"MetricDataQueries": [metric("a", stat="p100.5")]}, "p100.5"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(service: Service, members: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused) as problem:
        service(metric("a"), **members)
    assert said in problem.value.message
