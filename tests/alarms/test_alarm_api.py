"""The alarm operations as clients see them: an unmodified boto3 over a real socket."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError

from watchpost.fronts.aws.app import application
from watchpost.service.clock import ManualClock, SystemClock
from watchpost.service.configuration import Configuration
from watchpost.service.server import Server, open_server

Client = Any  # boto3 makes its clients' methods while it runs


@dataclass
class Running:
    """A server that answers on a port and evaluates when told."""

    server: Server
    clock: ManualClock
    cloudwatch: Client
    sns: Client

    def minute(self) -> None:
        """Let a minute pass and evaluate."""
        self.server.alarms.tick(self.clock.advance(60))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    # On a full minute, and near enough to the machine's clock for signatures to hold.
    clock = ManualClock(SystemClock().now().replace(second=0, microsecond=0))
    home = tmp_path_factory.mktemp("home")
    with socket.create_server(("127.0.0.1", 0)) as listener, open_server(Configuration(home=home), clock) as server:
        pair = server.credentials.pair()
        web = uvicorn.Server(
            uvicorn.Config(application(server), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        )
        thread = Thread(target=web.run, kwargs={"sockets": [listener]})
        thread.start()
        clients = [
            boto3.client(
                service,
                endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
                region_name="us-east-1",
                aws_access_key_id=pair.access_key,
                aws_secret_access_key=pair.secret,
                config=Config(retries={"total_max_attempts": 1}),
            )
            for service in ("cloudwatch", "sns")
        ]
        yield Running(server, clock, *clients)
        for client in clients:
            client.close()
        web.should_exit = True
        thread.join()


@pytest.fixture
def cloudwatch(running: Running) -> Iterator[Client]:
    """The client of a server without alarms."""
    yield running.cloudwatch
    found = running.cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    for alarm in found["CompositeAlarms"]:
        running.cloudwatch.put_composite_alarm(AlarmName=alarm["AlarmName"], AlarmRule="FALSE")
    for alarm in found["CompositeAlarms"]:
        running.cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"]])
    running.cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in found["MetricAlarms"]])


def put(cloudwatch: Client, name: str = "latency", **members: Any) -> None:
    given = {
        "MetricName": "latency",
        "Namespace": "app",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 10.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    cloudwatch.put_metric_alarm(AlarmName=name, **(given | members))


def test_a_minimal_alarm_is_described_as_aws_does(running: Running, cloudwatch: Client) -> None:
    put(cloudwatch)
    answer = cloudwatch.describe_alarms()
    assert (answer["CompositeAlarms"], answer["LogAlarms"]) == ([], [])
    [alarm] = answer["MetricAlarms"]
    now = running.clock.now()
    assert alarm == {
        "AlarmName": "latency",
        "AlarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:latency",
        "AlarmConfigurationUpdatedTimestamp": now,
        "ActionsEnabled": True,
        "OKActions": [],
        "AlarmActions": [],
        "InsufficientDataActions": [],
        "StateValue": "INSUFFICIENT_DATA",
        "StateReason": "Unchecked: Initial alarm creation",
        "StateUpdatedTimestamp": now,
        "StateTransitionedTimestamp": now,
        "MetricName": "latency",
        "Namespace": "app",
        "Statistic": "Average",
        "Dimensions": [],
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 10.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }


def test_data_that_breach_become_an_alarm_with_history(running: Running, cloudwatch: Client) -> None:
    topic = running.sns.create_topic(Name="alerts")["TopicArn"]
    put(cloudwatch, AlarmActions=[topic])
    datum = {"MetricName": "latency", "Value": 25.0, "Timestamp": running.clock.now()}
    cloudwatch.put_metric_data(Namespace="app", MetricData=[datum])
    running.minute()
    [alarm] = cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
    assert alarm["StateReason"].startswith("Threshold Crossed: 1 datapoint [25.0 (")
    assert json.loads(alarm["StateReasonData"])["recentDatapoints"] == [25.0]
    items = cloudwatch.describe_alarm_history(AlarmName="latency", MaxRecords=2)
    assert [item["HistoryItemType"] for item in items["AlarmHistoryItems"]] == ["Action", "StateUpdate"]
    rest = cloudwatch.describe_alarm_history(AlarmName="latency", NextToken=items["NextToken"])["AlarmHistoryItems"]
    assert rest[0]["HistorySummary"] == 'Alarm "latency" created'
    oldest = cloudwatch.describe_alarm_history(AlarmName="latency", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert oldest[0] == rest[0] or oldest[0]["Timestamp"] <= rest[0]["Timestamp"]


def test_metric_math_comes_back_as_it_was_put(cloudwatch: Client) -> None:
    metric = {"Namespace": "app", "MetricName": "latency", "Dimensions": [{"Name": "d", "Value": "1"}]}
    metrics = [
        {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "p90"}, "ReturnData": False},
        {"Id": "e1", "Expression": "m1 * 2", "Label": "twice", "ReturnData": True},
    ]
    cloudwatch.put_metric_alarm(
        AlarmName="math",
        Metrics=metrics,
        EvaluationPeriods=2,
        Threshold=1.0,
        ComparisonOperator="LessThanThreshold",
    )
    [alarm] = cloudwatch.describe_alarms(AlarmNames=["math"])["MetricAlarms"]
    assert alarm["Metrics"] == metrics


def test_a_band_alarm_is_taken_and_brings_its_detector_into_being(cloudwatch: Client) -> None:
    metric = {"Namespace": "app", "MetricName": "latency"}
    cloudwatch.put_metric_alarm(
        AlarmName="band",
        Metrics=[
            {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}},
            {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)"},
        ],
        EvaluationPeriods=1,
        ThresholdMetricId="ad1",
        ComparisonOperator="GreaterThanUpperThreshold",
    )
    [alarm] = cloudwatch.describe_alarms(AlarmNames=["band"])["MetricAlarms"]
    assert alarm["ThresholdMetricId"] == "ad1"
    assert "Threshold" not in alarm
    [detector] = cloudwatch.describe_anomaly_detectors(**metric)["AnomalyDetectors"]
    assert detector["SingleMetricAnomalyDetector"]["Stat"] == "Average"


def test_pages_hold_every_alarm_once(cloudwatch: Client) -> None:
    for number in range(7):
        put(cloudwatch, f"a{number}")
    cloudwatch.put_composite_alarm(AlarmName="a3c", AlarmRule="ALARM(a1)")
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmTypes=["MetricAlarm", "CompositeAlarm"], AlarmNamePrefix="a", PaginationConfig={"PageSize": 3}
    )
    found = [a["AlarmName"] for page in pages for kind in ("MetricAlarms", "CompositeAlarms") for a in page[kind]]
    assert sorted(found) == ["a0", "a1", "a2", "a3", "a3c", "a4", "a5", "a6"]
    with pytest.raises(cloudwatch.exceptions.InvalidNextToken):
        cloudwatch.describe_alarms(NextToken="made up")


def test_composites_know_children_and_parents(cloudwatch: Client) -> None:
    put(cloudwatch)
    cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(latency)")
    assert cloudwatch.describe_alarms()["CompositeAlarms"] == []
    [child] = cloudwatch.describe_alarms(ChildrenOfAlarmName="c")["MetricAlarms"]
    [parent] = cloudwatch.describe_alarms(ParentsOfAlarmName="latency")["CompositeAlarms"]
    assert (child["AlarmName"], parent["AlarmName"]) == ("latency", "c")
    assert child.keys() == {"AlarmName", "AlarmArn", "StateValue", "StateUpdatedTimestamp"}
    [composite] = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert (composite["StateValue"], composite["AlarmRule"]) == ("OK", "ALARM(latency)")


def test_setting_a_state_is_seen_at_once(cloudwatch: Client) -> None:
    put(cloudwatch)
    cloudwatch.set_alarm_state(
        AlarmName="latency", StateValue="ALARM", StateReason="drill", StateReasonData='{"by": "hand"}'
    )
    [alarm] = cloudwatch.describe_alarms()["MetricAlarms"]
    assert (alarm["StateValue"], alarm["StateReason"], alarm["StateReasonData"]) == ("ALARM", "drill", '{"by": "hand"}')
    with pytest.raises(cloudwatch.exceptions.ResourceNotFound):
        cloudwatch.set_alarm_state(AlarmName="nobody", StateValue="OK", StateReason="drill")
    with pytest.raises(cloudwatch.exceptions.InvalidFormatFault):
        cloudwatch.set_alarm_state(AlarmName="latency", StateValue="OK", StateReason="drill", StateReasonData="{")


def test_actions_are_switched_off_and_on(cloudwatch: Client) -> None:
    put(cloudwatch)
    cloudwatch.disable_alarm_actions(AlarmNames=["latency"])
    assert cloudwatch.describe_alarms()["MetricAlarms"][0]["ActionsEnabled"] is False
    cloudwatch.enable_alarm_actions(AlarmNames=["latency"])
    assert cloudwatch.describe_alarms()["MetricAlarms"][0]["ActionsEnabled"] is True


def test_alarms_are_found_by_their_metric(cloudwatch: Client) -> None:
    put(cloudwatch, Dimensions=[{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}])
    wanted = {"MetricName": "latency", "Namespace": "app"}
    dimensions = [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}]
    assert len(cloudwatch.describe_alarms_for_metric(**wanted, Dimensions=dimensions)["MetricAlarms"]) == 1
    assert cloudwatch.describe_alarms_for_metric(**wanted)["MetricAlarms"] == []


def test_tags_live_with_their_alarm(cloudwatch: Client) -> None:
    put(cloudwatch, Tags=[{"Key": "team", "Value": "prices"}])
    arn = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "tier", "Value": "1"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "tier", "Value": "1"}]
    with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException):
        cloudwatch.list_tags_for_resource(ResourceARN=f"{arn}-gone")


def test_dashboards_have_tags_too(cloudwatch: Client) -> None:
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody="{}", Tags=[{"Key": "team", "Value": "ml"}])
    arn = cloudwatch.get_dashboard(DashboardName="d")["DashboardArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "stage", "Value": "test"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["team", "never"])
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody='{"start": "-PT3H"}')
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "stage", "Value": "test"}]
    with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException):
        cloudwatch.list_tags_for_resource(ResourceARN=f"{arn}2")


def test_mute_rules_are_kept_listed_and_deleted(running: Running, cloudwatch: Client) -> None:
    now = running.clock.now()
    cloudwatch.put_alarm_mute_rule(
        Name="nightly",
        Rule={"Schedule": {"Expression": "cron(0 2 * * SUN)", "Duration": "PT4H", "Timezone": "Europe/Berlin"}},
        MuteTargets={"AlarmNames": ["latency"]},
        ExpireDate=now + timedelta(days=400),
    )
    rule = cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="nightly")
    assert rule["Rule"]["Schedule"]["Expression"] == "cron(0 2 * * SUN)"
    assert (rule["MuteType"], rule["LastUpdatedTimestamp"]) == ("RECURRING", now)
    [summary] = cloudwatch.list_alarm_mute_rules(AlarmName="latency")["AlarmMuteRuleSummaries"]
    assert summary["AlarmMuteRuleArn"] == "arn:aws:cloudwatch:us-east-1:000000000000:alarm-mute-rule:nightly"
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="nightly")
    with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException):
        cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="nightly")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"Period": 45}, "Period must be 10, 20, 30 or a multiple of 60"),
        ({"AlarmActions": ["topic"]}, "Invalid arn syntax: topic"),
        ({"TreatMissingData": "sometimes"}, "treatMissingData"),
    ],
)
def test_refusals_reach_the_client_in_words(cloudwatch: Client, members: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words) as refusal:
        put(cloudwatch, **members)
    assert refusal.value.response["Error"]["Code"] in {"ValidationError", "ValidationException"}
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_contributors_are_none_and_unknown_alarms_are_said_to_be_unknown(cloudwatch: Client) -> None:
    put(cloudwatch)
    assert cloudwatch.describe_alarm_contributors(AlarmName="latency")["AlarmContributors"] == []
    with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException):
        cloudwatch.describe_alarm_contributors(AlarmName="nobody")
