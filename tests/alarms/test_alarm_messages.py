"""What alarms tell machines, rules and people."""

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from watchpost.alarms.notification import message, readable, subject
from watchpost.alarms.records import Actions, AlarmState, CompositeAlarm, Query, Transition
from watchpost.alarms.state_changes import configuration_change, lambda_payload, state_change
from watchpost.metrics.identity import Metric, MetricStat

from .alarms_of import LATENCY, NOON, alarm

TOPIC = "arn:aws:sns:us-east-1:000000000000:alerts"
BEFORE = AlarmState("OK", "was fine", NOON - timedelta(hours=2), transitioned=NOON - timedelta(hours=2))
AFTER = AlarmState("ALARM", "Threshold Crossed: …", NOON, '{"version":"1.0"}', transitioned=NOON)
MOVED = Transition(NOON, BEFORE, AFTER)


def test_a_metric_alarm_s_message_is_as_recorded_from_cloudwatch() -> None:
    watcher = alarm(
        description="d",
        stat=MetricStat(Metric.of("AWS/SageMaker", "ModelLatency", {"EndpointName": "ep"}), 60, "Average"),
        threshold=1000.0,
        datapoints_to_alarm=1,
        treatment="missing",
        actions=Actions(alarm=(TOPIC,)),
    )
    body = message(watcher, MOVED)
    assert json.loads(body) == {
        "AlarmName": "latency",
        "AlarmDescription": "d",
        "AWSAccountId": "000000000000",
        "AlarmConfigurationUpdatedTimestamp": "2026-07-01T12:00:00.000+0000",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed: …",
        "StateChangeTime": "2026-07-01T12:00:00.000+0000",
        "Region": "US East (N. Virginia)",
        "AlarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:latency",
        "OldStateValue": "OK",
        "OKActions": [],
        "AlarmActions": [TOPIC],
        "InsufficientDataActions": [],
        "ActionExecutedAfterMuteWindow": False,
        "Trigger": {
            "MetricName": "ModelLatency",
            "Namespace": "AWS/SageMaker",
            "StatisticType": "Statistic",
            "Statistic": "AVERAGE",
            "Unit": None,
            "Dimensions": [{"value": "ep", "name": "EndpointName"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 1000.0,
            "TreatMissingData": "missing",
            "EvaluateLowSampleCountPercentile": "",
        },
    }
    assert '"Dimensions":[{"value":"ep","name":"EndpointName"}]' in body


def test_unset_members_of_the_trigger_are_empty_or_absent() -> None:
    trigger = json.loads(message(alarm(stat=MetricStat(LATENCY.metric, 60, "p99"), extended=True), MOVED))["Trigger"]
    assert trigger["StatisticType"] == "ExtendedStatistic"
    assert trigger["ExtendedStatistic"] == "p99"
    assert trigger["TreatMissingData"] == ""
    assert "Statistic" not in trigger
    assert "DatapointsToAlarm" not in trigger


def test_a_metric_math_alarm_lists_its_entries() -> None:
    queries = (Query("m1", LATENCY, return_data=False), Query("e1", expression="m1 * 2", label="twice"))
    watcher = alarm(stat=None, queries=queries)
    metrics = json.loads(message(watcher, MOVED))["Trigger"]["Metrics"]
    assert [entry["Id"] for entry in metrics] == ["m1", "e1"]
    assert metrics[0]["MetricStat"]["Metric"]["Dimensions"] == [{"value": "prices", "name": "endpoint"}]
    assert metrics[1] == {"Id": "e1", "Expression": "m1 * 2", "Label": "twice", "ReturnData": True}
    told = state_change(watcher, MOVED)["configuration"]
    assert told["metrics"][1] == {"id": "e1", "expression": "m1 * 2", "label": "twice", "returnData": True}  # type: ignore[index]


def test_the_subject_names_state_alarm_and_region() -> None:
    assert subject(alarm(), MOVED) == 'ALARM: "latency" in US East (N. Virginia)'


@given(st.text(min_size=1, max_size=255))
def test_subjects_are_what_sns_takes_whatever_the_name(name: str) -> None:
    text = subject(alarm(name=name), MOVED)
    assert len(text) <= 100
    assert text.isascii()
    assert text.isprintable()


def test_an_event_is_as_the_user_guide_shows() -> None:
    stat = MetricStat(Metric.of("AWS/EC2", "CPUUtilization", {"InstanceId": "i-1"}), 300, "Average")
    detail = state_change(alarm(stat=stat, description="why"), MOVED)
    assert detail["alarmName"] == "latency"
    configuration = detail["configuration"]
    assert isinstance(configuration, dict)
    assert configuration["description"] == "why"
    [entry] = configuration["metrics"]
    assert entry == {
        "id": entry["id"],
        "metricStat": {
            "metric": {"dimensions": {"InstanceId": "i-1"}, "name": "CPUUtilization", "namespace": "AWS/EC2"},
            "period": 300,
            "stat": "Average",
        },
        "returnData": True,
    }
    assert detail["previousState"] == {
        "reason": "was fine",
        "timestamp": "2026-07-01T10:00:00.000+0000",
        "value": "OK",
    }
    assert detail["state"] == {
        "reason": "Threshold Crossed: …",
        "reasonData": '{"version":"1.0"}',
        "timestamp": "2026-07-01T12:00:00.000+0000",
        "value": "ALARM",
    }


def test_a_configuration_change_carries_both_configurations() -> None:
    detail = configuration_change("update", alarm(threshold=2.0), AFTER, alarm())
    assert detail["operation"] == "update"
    assert detail["configuration"]["threshold"] == 2.0  # type: ignore[index]
    assert detail["previousConfiguration"]["threshold"] == 10.0  # type: ignore[index]


def test_a_composite_s_event_carries_its_rule() -> None:
    composite = CompositeAlarm("c", alarm().arn, NOON, NOON, "ALARM(a)", None, Actions(), "s", "s", 1, 2)
    assert state_change(composite, MOVED)["configuration"] == {
        "alarmRule": "ALARM(a)",
        "actionsSuppressor": "s",
        "actionsSuppressorWaitPeriod": 1,
        "actionsSuppressorExtensionPeriod": 2,
    }


def test_a_lambda_payload_holds_the_alarm_s_data() -> None:
    payload = lambda_payload(alarm(), MOVED)
    assert (payload["source"], payload["accountId"], payload["region"]) == (
        "aws.cloudwatch",
        "000000000000",
        "us-east-1",
    )
    assert payload["alarmData"]["state"]["value"] == "ALARM"  # type: ignore[index]


def test_people_are_told_how_long_an_incident_lasted() -> None:
    over = Transition(NOON, AlarmState("ALARM", "r", NOON, transitioned=NOON - timedelta(minutes=95)), BEFORE)
    text = readable(alarm(name="a/b"), over, "http://watchpost.example")
    assert "It had been in ALARM for 1 hour 35 minutes." in text
    assert text.endswith("http://watchpost.example/alarms/a%2Fb")
    assert "Average of latency (app, endpoint=prices), greater than 10.0 in 1 of 1 periods of 1 minute" in text
