"""What PutMetricAlarm and its like refuse, and what they keep."""

from typing import Any

import pytest

from watchpost.alarms.requests import Place, composite_alarm, metric_alarm, tags
from watchpost.errors import Refused

from .alarms_of import NOON

PLACE = Place("us-east-1", "000000000000")
PLAIN: dict[str, Any] = {
    "AlarmName": "a",
    "MetricName": "latency",
    "Namespace": "app",
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
NO_METRIC = dict.fromkeys(("MetricName", "Namespace", "Statistic", "Period"))
STAT = {"Metric": {"Namespace": "app", "MetricName": "latency"}, "Period": 60, "Stat": "Average"}
M1 = {"Id": "m1", "MetricStat": STAT, "ReturnData": False}
SUM = {"Id": "e1", "Expression": "m1 + m1"}
BAND = {"Id": "ad", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)"}
OUTSIDE = "LessThanLowerOrGreaterThanUpperThreshold"


def given(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (PLAIN | changes).items() if value is not None}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Period": 10},
        {"Period": 20},
        {"Period": 30},
        {"Period": 3600, "EvaluationPeriods": 168},
        {"Period": 60, "EvaluationPeriods": 1440},
        {"DatapointsToAlarm": 2},
        {"Statistic": None, "ExtendedStatistic": "p99.9"},
        {"Statistic": None, "ExtendedStatistic": "TM(10%:90%)"},
        {"TreatMissingData": "notBreaching", "Unit": "Percent"},
        {**NO_METRIC, "Metrics": [M1, SUM]},
        {**NO_METRIC, "Metrics": [M1, {"Id": "q", "Expression": "SELECT AVG(latency) FROM app", "Period": 60,
                                      "ReturnData": False}, SUM]},
        {**NO_METRIC, "Threshold": None, "ComparisonOperator": OUTSIDE, "ThresholdMetricId": "ad",
         "Metrics": [{**M1, "ReturnData": True}, BAND]},
        {"EvaluationWindow": {"SlidingWindow": {}}},
        {"ActionConfiguration": {"AlarmTagsPropagation": {"Enabled": False}}},
        {"SomethingNewerThanTheModel": {"Deep": [1]}},
    ],
)  # fmt: skip
def test_what_cloudwatch_takes_is_taken(changes: dict[str, Any]) -> None:
    assert metric_alarm(given(**changes), PLACE, NOON).name == "a"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Period": 15}, "Period must be 10, 20, 30 or a multiple of 60"),
        ({"Period": 90}, "Period must be"),
        ({"Period": None}, "Period is required"),
        ({"EvaluationPeriods": 1441}, "more than a day"),
        ({"Period": 3600, "EvaluationPeriods": 169}, "more than a week"),
        ({"EvaluationPeriods": None}, "Value null at 'evaluationPeriods'"),
        ({"ComparisonOperator": None}, "Value null at 'comparisonOperator'"),
        ({"DatapointsToAlarm": 4}, "DatapointsToAlarm"),
        ({"Threshold": None}, "Threshold is required"),
        ({"Threshold": float("nan")}, "finite"),
        ({"Statistic": None}, "Exactly one of Statistic and ExtendedStatistic"),
        ({"ExtendedStatistic": "p99"}, "Exactly one of Statistic and ExtendedStatistic"),
        ({"Statistic": None, "ExtendedStatistic": "p101"}, "p101"),
        ({"MetricName": None}, "MetricName and Namespace"),
        ({"TreatMissingData": "pass"}, "Member must satisfy enum value set: .breaching, ignore, notBreaching, missing"),
        ({"EvaluateLowSampleCountPercentile": "maybe"}, "evaluate, ignore"),
        ({"AlarmActions": ["my-topic"]}, "Invalid arn syntax: my-topic"),
        ({"Dimensions": [{"Name": "d", "Value": "1"}, {"Name": "d", "Value": "2"}]}, "unique"),
        ({"ComparisonOperator": OUTSIDE}, "ThresholdMetricId"),
        ({"ThresholdMetricId": "ad"}, "ThresholdMetricId"),
        ({"Metrics": [M1, SUM]}, "mutually exclusive"),
        ({**NO_METRIC, "Metrics": [M1]}, "Exactly one element of the metrics list should return data"),
        ({**NO_METRIC, "Metrics": [{**M1, "ReturnData": True}, SUM]}, "Exactly one element"),
        ({**NO_METRIC, "Metrics": [M1, {"Id": "e1", "Expression": "m2"}]}, "m2"),
        ({**NO_METRIC, "Metrics": [M1, {"Id": "e1", "Expression": "m1 +"}]}, "e1"),
        ({**NO_METRIC, "Metrics": [{"Id": "e1", "Expression": "SEARCH('{app} x', 'Sum', 60)"}, M1]}, "SEARCH"),
        ({**NO_METRIC, "Metrics": [M1, {**SUM, "Label": "${LAST}"}]}, "dynamic"),
        ({**NO_METRIC, "Metrics": [M1, {**SUM, "AccountId": "111111111111"}]}, "cross-account"),
        ({**NO_METRIC, "Metrics": [M1, {**M1, "Id": "m2", "MetricStat": {**STAT, "Period": 120}}, SUM]}, "same period"),
        ({**NO_METRIC, "Metrics": [*({**M1, "Id": f"m{n}"} for n in range(1, 12)), SUM]}, "at most 10 metrics"),
        (
            {**NO_METRIC, "Metrics": [{"Id": "q", "Expression": "SELECT AVG(x) FROM app GROUP BY e", "Period": 60}]},
            "GROUP BY",
        ),
        (
            {**NO_METRIC, "Threshold": None, "ComparisonOperator": OUTSIDE, "ThresholdMetricId": "nothing",
             "Metrics": [{**M1, "ReturnData": True}, BAND]},
            "must name an entry",
        ),
        ({"EvaluationCriteria": {"PromQLCriteria": {"Query": "up"}}}, "PromQL"),
        ({"EvaluationWindow": {"WallClockWindow": {}}}, "WallClockWindow"),
        ({"WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 5}}, "WarmUpConfiguration"),
        ({"ActionConfiguration": {"AlarmTagsPropagation": {"Enabled": True}}}, "AlarmTagsPropagation"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_or_is_not_supported_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        metric_alarm(given(**changes), PLACE, NOON)


@pytest.mark.parametrize(
    "changes",
    [
        {"ActionsSuppressor": "s"},
        {"ActionsSuppressor": "s", "ActionsSuppressorWaitPeriod": 1},
        {"ActionsSuppressorWaitPeriod": 1},
        {"ActionsSuppressor": "s", "ActionsSuppressorWaitPeriod": -1, "ActionsSuppressorExtensionPeriod": 1},
    ],
)
def test_a_suppressor_comes_with_both_of_its_periods(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"Suppressor|suppressor"):
        composite_alarm({"AlarmName": "c", "AlarmRule": "TRUE", **changes}, PLACE, NOON)


def test_a_suppressor_may_be_given_by_name_or_arn() -> None:
    periods = {"ActionsSuppressorWaitPeriod": 1, "ActionsSuppressorExtensionPeriod": 2}
    arn = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:s"
    found = [
        composite_alarm({"AlarmName": "c", "AlarmRule": "TRUE", "ActionsSuppressor": text, **periods}, PLACE, NOON)
        for text in ("s", arn)
    ]
    assert [(alarm.suppressor, alarm.suppressor_given) for alarm in found] == [("s", "s"), ("s", arn)]


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ([{"Key": "aws:owner", "Value": "x"}], "reserved"),
        ([{"Key": "a", "Value": "x"}, {"Key": "a", "Value": "y"}], "unique"),
        ([{"Key": f"k{n}", "Value": ""} for n in range(51)], "at most 50"),
    ],
)
def test_tags_that_aws_would_not_take_are_refused(listed: list[dict[str, str]], message: str) -> None:
    with pytest.raises(Refused, match=message):
        tags(listed)
