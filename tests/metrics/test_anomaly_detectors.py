"""Anomaly detectors as they are kept and described, and what GetMetricData makes of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from watchpost.errors import Refused
from watchpost.fronts.aws.cloudwatch import plugin
from watchpost.fronts.aws.operation import Call
from watchpost.metrics.identity import Datum, Metric, MetricStat
from watchpost.metrics.plan import Query
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.metrics.anomaly_detectors import AnomalyDetectors
from watchpost.service.metrics.metrics import Metrics
from watchpost.service.metrics.queries import MetricQueries
from watchpost.stores.store import Store

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Service:
    """As much of a server as these operations use."""

    clock: ManualClock
    metrics: Metrics
    anomaly_detectors: AnomalyDetectors
    metric_queries: MetricQueries

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        call = Call("cloudwatch", operation, members, self.clock.now(), "us-east-1", "0" * 12, "k", "r", "http://w")
        return dict(plugin.operations[operation](self, call) or {})  # type: ignore[arg-type]

    def described(self, **members: Any) -> list[dict[str, Any]]:
        return list(self("DescribeAnomalyDetectors", **members)["AnomalyDetectors"])

    def report(self, name: str, days: float, rng: np.random.Generator) -> None:
        """A value every five minutes of the days before now: a day's rhythm and noise."""
        end = int(NOW.timestamp())
        times = range(end - int(days * 86_400), end, 300)
        noise = rng.normal(size=len(times)) * 3
        self.metrics.put(
            [
                Datum(Metric("app", name), t, (float(100 + 40 * np.sin(2 * np.pi * t / 86_400) + e),), (1.0,))
                for t, e in zip(times, noise, strict=True)
            ]
        )


@pytest.fixture
def service(store: Store) -> Service:
    clock, configuration = ManualClock(NOW), Configuration(Path("unused"))
    metrics = Metrics(store, clock)
    detectors = AnomalyDetectors(store, metrics, clock, configuration)
    return Service(clock, metrics, detectors, MetricQueries(metrics, detectors, clock, configuration))


def single(name: str, stat: str = "Average", **dimensions: str) -> dict[str, Any]:
    pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {"Namespace": "app", "MetricName": name, "Dimensions": pairs, "Stat": stat}


def math(expression: str) -> dict[str, Any]:
    return {
        "MetricDataQueries": [
            {
                "Id": "m",
                "MetricStat": {"Metric": {"Namespace": "app", "MetricName": "m"}, "Period": 300, "Stat": "Average"},
                "ReturnData": False,
            },
            {"Id": "e", "Expression": expression, "ReturnData": True},
        ]
    }


def test_a_detector_is_told_back_as_it_was_put(service: Service) -> None:
    configuration = {
        "ExcludedTimeRanges": [{"StartTime": NOW - 2 * HOUR, "EndTime": NOW - HOUR}],
        "MetricTimezone": "Europe/Berlin",
        "AdaptationSpeed": "FAST",
    }
    put = {"Configuration": configuration, "MetricCharacteristics": {"PeriodicSpikes": True}}
    made = service("PutAnomalyDetector", SingleMetricAnomalyDetector=single("m", host="a"), **put)
    [found] = service.described()
    assert found == {
        **put,
        **single("m", host="a"),
        "AnomalyDetectorId": made["AnomalyDetectorId"],
        "SingleMetricAnomalyDetector": single("m", host="a"),
        "StateValue": "PENDING_TRAINING",
    }


def test_putting_it_again_replaces_it_whatever_form_names_the_metric(service: Service) -> None:
    first = service("PutAnomalyDetector", **single("m"))
    again = service(
        "PutAnomalyDetector", SingleMetricAnomalyDetector=single("m"), Configuration={"MetricTimezone": "Asia/Tokyo"}
    )
    assert first == again
    [found] = service.described()
    assert found["Configuration"]["MetricTimezone"] == "Asia/Tokyo"


def test_a_detector_of_metric_math_is_described_when_asked_for(service: Service) -> None:
    service("PutAnomalyDetector", MetricMathAnomalyDetector=math("m * 2"))
    service("PutAnomalyDetector", **single("n"))
    assert [each["MetricName"] for each in service.described()] == ["n"]
    [found] = service.described(AnomalyDetectorTypes=["METRIC_MATH"])
    told = found["MetricMathAnomalyDetector"]["MetricDataQueries"]
    assert [(each["Id"], each.get("Expression"), each["ReturnData"]) for each in told] == [
        ("m", None, False),
        ("e", "m * 2", True),
    ]
    assert len(service.described(AnomalyDetectorTypes=["METRIC_MATH", "SINGLE_METRIC"])) == 2


def test_detectors_are_filtered_and_paged(service: Service) -> None:
    ids = {name: service("PutAnomalyDetector", **single(name, host=name))["AnomalyDetectorId"] for name in "abc"}
    [found] = service.described(MetricName="b")
    assert found["AnomalyDetectorId"] == ids["b"]
    assert [each["MetricName"] for each in service.described(Dimensions=[{"Name": "host", "Value": "c"}])] == ["c"]
    assert [each["MetricName"] for each in service.described(AnomalyDetectorIds=[ids["a"]])] == ["a"]
    assert service.described(Namespace="other") == []
    seen, token = [], {}
    while True:
        page = service("DescribeAnomalyDetectors", MaxResults=2, **token)
        seen += [each["MetricName"] for each in page["AnomalyDetectors"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert sorted(seen) == ["a", "b", "c"]
    with pytest.raises(Refused, match="NextToken"):
        service("DescribeAnomalyDetectors", MaxResults=3, **token)


def test_a_detector_can_be_deleted_once_by_name_or_id(service: Service) -> None:
    made = service("PutAnomalyDetector", **single("m"))
    service("DeleteAnomalyDetector", AnomalyDetectorId=made["AnomalyDetectorId"])
    service("PutAnomalyDetector", **single("m"))
    service("DeleteAnomalyDetector", SingleMetricAnomalyDetector=single("m"))
    for again in (single("m"), {"AnomalyDetectorId": made["AnomalyDetectorId"]}):
        with pytest.raises(Refused) as problem:
            service("DeleteAnomalyDetector", **again)
        assert problem.value.fault == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("expression", "described"),
    [
        ("ANOMALY_DETECTION_BAND(m, 3)", "m"),
        ("ANOMALY_DETECTION_BAND(m * 2)", None),
        ("ANOMALY_DETECTION_BAND(e)", None),
    ],
)
def test_a_band_alarm_makes_its_detector_once_and_changes_none(
    service: Service, store: Store, expression: str, described: str | None
) -> None:
    stat = MetricStat(Metric("app", "m"), 300, "Average")
    queries = [Query("m", stat), Query("e", expression="m*2", returned=False), Query("b", expression=expression)]

    def ensure() -> None:
        store.write(lambda tx: service.anomaly_detectors.ensure(tx, queries, "b", "me"))

    ensure()
    [found] = service.described(AnomalyDetectorTypes=["SINGLE_METRIC", "METRIC_MATH"])
    assert found.get("MetricName") == described
    berlin = {"Configuration": {"MetricTimezone": "Europe/Berlin"}}
    told = {"SingleMetricAnomalyDetector": single("m")} if described else {"MetricMathAnomalyDetector": math("m * 2")}
    service("PutAnomalyDetector", **told, **berlin)
    ensure()
    [found] = service.described(AnomalyDetectorTypes=["SINGLE_METRIC", "METRIC_MATH"])
    assert found["Configuration"]["MetricTimezone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("members", "fault", "said"),
    [
        ({"Namespace": "app"}, "MissingRequiredParameterException", "Stat is required"),
        ({"Stat": "Sum", "Namespace": "app"}, "MissingRequiredParameterException", "MetricName is required"),
        (
            {**single("m"), "SingleMetricAnomalyDetector": single("m")},
            "InvalidParameterCombinationException",
            "only one of the three",
        ),
        (
            {**single("m"), "Configuration": {"MetricTimezone": "Mars/Base"}},
            "InvalidParameterValueException",
            "no time zone 'Mars/Base'",
        ),
        (
            {**single("m"), "Configuration": {"ExcludedTimeRanges": [{"StartTime": NOW, "EndTime": NOW}]}},
            "InvalidParameterValueException",
            "start before it ends",
        ),
        (
            {**single("m"), "Configuration": {"OutlierFilteringStrength": "STRICT"}},
            "InvalidParameterValueException",
            "not supported",
        ),
        (
            {"MetricMathAnomalyDetector": math("SUM(SEARCH('x', 'Sum'))")},
            "InvalidParameterValueException",
            "cannot be taken of SEARCH",
        ),
        ({"MetricMathAnomalyDetector": math("m +")}, "InvalidParameterValueException", "position 4"),
    ],
)
def test_a_detector_that_cannot_be_is_refused(service: Service, members: dict[str, Any], fault: str, said: str) -> None:
    with pytest.raises(Refused) as problem:
        service("PutAnomalyDetector", **members)
    assert problem.value.fault == fault
    assert said in problem.value.message


def test_the_state_says_whether_the_history_is_long_enough(service: Service) -> None:
    rng = np.random.default_rng(1)
    for name, days in (("new", 0.5), ("old", 6.0)):
        service.report(name, days, rng)
        service("PutAnomalyDetector", **single(name))
    service("PutAnomalyDetector", **single("silent"))
    states = {each["MetricName"]: each["StateValue"] for each in service.described()}
    assert states == {"new": "TRAINED_INSUFFICIENT_DATA", "old": "TRAINED", "silent": "PENDING_TRAINING"}


def band(service: Service, **members: Any) -> dict[str, list[float]]:
    stat = {"Metric": {"Namespace": "app", "MetricName": "m"}, "Period": 300, "Stat": "Average"}
    answer = service(
        "GetMetricData",
        MetricDataQueries=[
            {"Id": "m", "MetricStat": stat},
            {"Id": "b", "Expression": "ANOMALY_DETECTION_BAND(m, 2)"},
        ],
        StartTime=NOW - 6 * HOUR,
        EndTime=NOW,
        ScanBy="TimestampAscending",
        **members,
    )
    return {each["Label"]: each["Values"] for each in answer["MetricDataResults"]}


def test_a_band_lies_around_its_metric_and_follows_its_detector(service: Service) -> None:
    service.report("m", 14, np.random.default_rng(2))
    found = band(service)
    assert list(found) == ["m", "m (low)", "m (high)"]
    values, low, high = (np.array(each) for each in found.values())
    assert values.size == low.size == high.size == 72
    assert ((low <= values) & (values <= high)).mean() > 0.85
    # A detector that lets nothing be learned leaves nothing to say.
    everything = [{"StartTime": NOW - 30 * 24 * HOUR, "EndTime": NOW}]
    service("PutAnomalyDetector", **single("m"), Configuration={"ExcludedTimeRanges": everything})
    assert [len(each) for each in band(service).values()] == [72, 0, 0]
    service("DeleteAnomalyDetector", **single("m"))
    assert band(service) == found
