"""GetMetricStatistics, ListMetrics and PutMetricData as operations (contract 2.1, 2.2, 2.4, 2.6)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from watchpost.errors import Refused
from watchpost.fronts.aws.cloudwatch import plugin
from watchpost.fronts.aws.operation import Call
from watchpost.metrics.periods import aligned_start, valid_period, visible_from
from watchpost.service.clock import ManualClock
from watchpost.service.metrics.metrics import Metrics
from watchpost.service.self_metrics import SelfMetrics
from watchpost.stores.store import Store

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass
class Service:
    """As much of a server as these operations use."""

    metrics: Metrics
    clock: ManualClock
    self_metrics: SelfMetrics = field(default_factory=SelfMetrics)

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        call = Call("cloudwatch", operation, members, self.clock.now(), "us-east-1", "0" * 12, "k", "r", "http://w")
        return dict(plugin.operations[operation](self, call) or {})  # type: ignore[arg-type]

    def put(self, *items: dict[str, Any], namespace: str = "app") -> None:
        self("PutMetricData", Namespace=namespace, MetricData=[{"MetricName": "m", **item} for item in items])

    def statistics(self, **members: Any) -> list[dict[str, Any]]:
        asked = {"Namespace": "app", "MetricName": "m", "StartTime": NOW - 10 * MINUTE, "EndTime": NOW, "Period": 60}
        if "ExtendedStatistics" not in members:
            members.setdefault("Statistics", ["Sum"])
        return list(self("GetMetricStatistics", **{**asked, **members})["Datapoints"])


@pytest.fixture
def service(store: Store) -> Service:
    clock = ManualClock(NOW)
    return Service(Metrics(store, clock), clock)


# --- GetMetricStatistics --------------------------------------------------------------------------------------------


def test_datapoints_carry_the_start_of_their_period_and_come_in_order(service: Service) -> None:
    service.put(*({"Timestamp": NOW - i * MINUTE - timedelta(seconds=5), "Value": i} for i in range(3)))
    points = service.statistics(Statistics=["Sum", "SampleCount"])
    stamps = [(NOW - (i + 1) * MINUTE).timestamp() for i in (2, 1, 0)]
    assert [p["Timestamp"] for p in points] == stamps
    assert points[0] == {"Timestamp": stamps[0], "Unit": "None", "Sum": 2.0, "SampleCount": 1.0}


def test_the_start_is_included_and_the_end_is_not(service: Service) -> None:
    service.put({"Timestamp": NOW - 10 * MINUTE, "Value": 1}, {"Timestamp": NOW, "Value": 2})
    assert [p["Sum"] for p in service.statistics()] == [1.0]


def test_periods_begin_at_the_start_rounded_to_the_minute(service: Service) -> None:
    service.put({"Timestamp": NOW - 4 * MINUTE, "Value": 1}, {"Timestamp": NOW - 7 * MINUTE, "Value": 2})
    start = NOW - 7 * MINUTE + timedelta(seconds=20)
    points = service.statistics(StartTime=start, Period=300)
    assert [(p["Timestamp"], p["Sum"]) for p in points] == [((NOW - 7 * MINUTE).timestamp(), 3.0)]


def test_every_unit_has_datapoints_of_its_own(service: Service) -> None:
    service.put(*({"Timestamp": NOW - MINUTE, "Value": 1, "Unit": unit} for unit in ("Seconds", "Count")))
    assert sorted(p["Unit"] for p in service.statistics()) == ["Count", "Seconds"]
    assert [p["Unit"] for p in service.statistics(Unit="Count")] == ["Count"]


def test_extended_statistics_are_named_as_they_were_asked_for(service: Service) -> None:
    service.put({"Timestamp": NOW - MINUTE, "Values": [1.0, 2.0, 3.0]})
    [point] = service.statistics(ExtendedStatistics=["p50", "TM(10%:90%)"])
    assert point["ExtendedStatistics"] == {"p50": 2.0, "TM(10%:90%)": 2.0}


def test_a_statistic_that_is_not_known_makes_no_datapoint(service: Service) -> None:
    service.put({"Timestamp": NOW - MINUTE, "Value": -1})
    assert service.statistics(ExtendedStatistics=["p50"]) == []
    assert len(service.statistics()) == 1


def test_dimensions_must_match_exactly(service: Service) -> None:
    one, two = ({"Name": name, "Value": "1"} for name in "ab")
    service.put({"Timestamp": NOW - MINUTE, "Value": 1, "Dimensions": [one, two]})
    assert service.statistics() == service.statistics(Dimensions=[one]) == []
    assert len(service.statistics(Dimensions=[two, one])) == 1


@pytest.mark.parametrize(
    ("members", "fault", "message"),
    [
        (
            {"StartTime": NOW - DAY, "Period": 1},
            "InvalidParameterCombinationException",
            "You have requested up to 86400 datapoints, which exceeds the limit of 1440. You may reduce the datapoints "
            "requested by increasing Period, or decreasing the time range.",
        ),
        (
            {"StartTime": NOW},
            "InvalidParameterValueException",
            "The parameter StartTime must be less than the parameter EndTime.",
        ),
        (
            {"Statistics": ["Sum"], "ExtendedStatistics": ["p50"]},
            "InvalidParameterCombinationException",
            "The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified both.",
        ),
        (
            {"Statistics": []},
            "InvalidParameterCombinationException",
            "Must specify either Statistics or ExtendedStatistics.",
        ),
        (
            {"Period": 45},
            "InvalidParameterValueException",
            "The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60.",
        ),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    service: Service, members: dict[str, Any], fault: str, message: str
) -> None:
    with pytest.raises(Refused) as refused:
        service.statistics(**members)
    assert (refused.value.fault, refused.value.message) == (fault, message)


def test_a_day_of_minutes_is_just_not_too_many(service: Service) -> None:
    assert service.statistics(StartTime=NOW - DAY) == []
    with pytest.raises(Refused, match="up to 1441 datapoints"):
        service.statistics(StartTime=NOW - DAY - MINUTE)


@pytest.mark.parametrize(("days", "period", "answered"), [(14, 60, True), (16, 60, False), (16, 300, True)])
def test_old_data_are_answered_only_by_periods_that_fit_their_age(
    service: Service, days: int, period: int, answered: bool
) -> None:
    service.put({"Timestamp": NOW - MINUTE, "Value": 1})
    service.clock.advance(days * 86_400)
    assert bool(service.statistics(Period=period)) == answered


# --- periods (contract 2.2) -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "valid"), [(1, True), (5, True), (30, True), (60, True), (86_400, True), (15, False)]
)
def test_valid_periods(period: int, valid: bool) -> None:
    assert valid_period(period) == valid


@pytest.mark.parametrize("period", [0, -60, 90, 61])
def test_invalid_periods(period: int) -> None:
    assert not valid_period(period)


@pytest.mark.parametrize(("period", "hours"), [(1, 3), (30, 3), (60, 15 * 24), (300, 63 * 24), (3600, 455 * 24)])
def test_a_period_sees_as_far_back_as_its_resolution_is_kept(period: int, hours: int) -> None:
    assert visible_from(period, 10**9) == 10**9 - hours * 3600


@pytest.mark.parametrize(
    ("age_days", "period", "second", "aligned"),
    # 12:05:32 with period 5 begins at 12:05:30 (the API reference's own example).
    [(0, 5, 332, 330), (0, 60, 332, 300), (14, 300, 399, 360), (16, 300, 399, 300), (64, 3600, 3999, 3600)],
)
def test_a_start_is_rounded_down_by_its_age(age_days: int, period: int, second: int, aligned: int) -> None:
    start = 1_799_996_400 + second
    assert aligned_start(start, period, start + age_days * 86_400 + 1) == 1_799_996_400 + aligned


# --- ListMetrics ----------------------------------------------------------------------------------------------------


def test_pages_hold_500_metrics_and_miss_none(service: Service) -> None:
    for first in range(0, 1200, 600):
        service.put(*({"MetricName": f"m{i:04}", "Value": 1} for i in range(first, first + 600)))
    pages, token = [], None
    while not pages or token:
        answer = service("ListMetrics", **({"NextToken": token} if token else {}))
        pages.append([metric["MetricName"] for metric in answer["Metrics"]])
        token = answer.get("NextToken")
    assert [len(page) for page in pages] == [500, 500, 200]
    assert [name for page in pages for name in page] == [f"m{i:04}" for i in range(1200)]


def test_a_token_that_is_none_of_ours_is_refused(service: Service) -> None:
    for token in ("x", "é", "bm9uc2Vuc2U=", ""):
        with pytest.raises(Refused, match="NextToken is invalid"):
            service("ListMetrics", NextToken=token)


def test_metrics_are_listed_by_namespace_name_and_some_dimensions(service: Service) -> None:
    pair = {"Name": "a", "Value": "1"}
    service.put({"Value": 1, "Dimensions": [pair, {"Name": "b", "Value": "2"}]})
    service.put({"Value": 1}, namespace="other")
    [found] = service("ListMetrics", Dimensions=[{"Name": "a"}])["Metrics"]
    assert found == {"Namespace": "app", "MetricName": "m", "Dimensions": [pair, {"Name": "b", "Value": "2"}]}
    assert len(service("ListMetrics", MetricName="m")["Metrics"]) == 2
    assert service("ListMetrics", Dimensions=[{"Name": "a", "Value": "2"}])["Metrics"] == []
    assert service("ListMetrics", OwningAccount="1" * 12)["Metrics"] == []


def test_recently_active_metrics_had_data_in_three_hours(service: Service) -> None:
    service.put({"Value": 1})
    for hours, listed in ((3, 1), (4, 0)):
        service.clock.advance(hours * 3600 - (service.clock.now() - NOW).total_seconds())
        assert len(service("ListMetrics", RecentlyActive="PT3H")["Metrics"]) == listed
        assert len(service("ListMetrics")["Metrics"]) == 1
