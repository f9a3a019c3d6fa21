"""What users of CloudWatch, SNS, EventBridge and Logs do in a day, against the real server."""

import base64
import json
import time
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import botocore.model
import pytest
from botocore.config import Config
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate

from watchpost.service.clock import SystemClock

Served = Callable[..., Any]

# An evaluation comes every ten seconds; the rest is for a busy machine.
TICK_AND_MORE = 20


def emf(at_ms: int, latencies: list[float]) -> str:
    """A line as the aws-embedded-metrics libraries write it."""
    directive = {
        "Namespace": "aws-embedded-metrics",
        "Dimensions": [["ServiceName"]],
        "Metrics": [{"Name": "Latency", "Unit": "Milliseconds", "StorageResolution": 1}],
    }
    metadata = {"Timestamp": at_ms, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": metadata, "ServiceName": "ranker", "Latency": latencies, "requestId": "r-1"})


def confirmed(inbox: Any, count: int = 1) -> None:
    """Wait for so many requests to confirm, and follow the link of each."""
    inbox.wait_for(lambda requests: len(requests) >= count, 10)
    for _, body in inbox.requests[:count]:
        with urllib.request.urlopen(json.loads(body)["SubscribeURL"]) as answer:
            assert answer.status == 200
    inbox.requests.clear()


def logged(logs: Any, group: str, enough: int = 1) -> list[dict[str, Any]]:
    """The JSON messages of a group, waiting until there are enough."""
    until = time.monotonic() + 10
    while True:
        events = logs.filter_log_events(logGroupName=group)["events"]
        if len(events) >= enough or time.monotonic() > until:
            return [json.loads(event["message"]) for event in events]
        time.sleep(0.1)


def test_a_log_line_becomes_a_metric_an_alarm_a_letter_and_an_event(
    served: Served, mailbox: Any, tmp_path: Any
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "channels.toml").write_text(mailbox.settings)
    server = served(home=home)
    logs, alarms, sns, events = (server.client(name) for name in ("logs", "cloudwatch", "sns", "events"))
    topic = sns.create_topic(Name="pager")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="oncall@example.com")
    letter = mailbox.wait_for(lambda letter: "Confirmation" in letter["Subject"], 10)
    urllib.request.urlopen(mailbox.link(letter, "ConfirmSubscription")).close()
    logs.create_log_group(logGroupName="/aws/events/alarms")
    account = topic.split(":")[4]
    pattern = {"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}}
    events.put_rule(Name="alarms", EventPattern=json.dumps(pattern))
    target = f"arn:aws:logs:us-east-1:{account}:log-group:/aws/events/alarms"
    events.put_targets(Rule="alarms", Targets=[{"Id": "1", "Arn": target}])
    alarms.put_metric_alarm(
        AlarmName="slow-ranker",
        Namespace="aws-embedded-metrics",
        MetricName="Latency",
        Dimensions=[{"Name": "ServiceName", "Value": "ranker"}],
        ExtendedStatistic="p90",
        Period=10,
        EvaluationPeriods=1,
        Threshold=200.0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )
    logs.create_log_group(logGroupName="ranker")
    logs.create_log_stream(logGroupName="ranker", logStreamName="one")
    now = int(SystemClock().now().timestamp() * 1000)
    lines = [{"timestamp": now, "message": emf(at, [100.0, 300.0])} for at in (now - 10_000, now)]
    logs.put_log_events(logGroupName="ranker", logStreamName="one", logEvents=lines)

    text = mailbox.text(mailbox.wait_for(lambda letter: "slow-ranker" in letter["Subject"], TICK_AND_MORE))
    assert "Threshold Crossed: 1 datapoint [280.0 (" in text
    [event] = logged(logs, "/aws/events/alarms")
    assert (event["detail-type"], event["detail"]["alarmName"]) == ("CloudWatch Alarm State Change", "slow-ranker")
    assert json.loads(event["detail"]["state"]["reasonData"])["statistic"] == "p90"
    [told] = alarms.describe_alarm_history(AlarmName="slow-ranker", HistoryItemType="Action")["AlarmHistoryItems"]
    assert told["HistorySummary"] == f"Successfully executed action {topic}"


def test_a_mute_rule_withholds_the_message_and_its_end_sends_it(served: Served, inbox: Any) -> None:
    server = served()
    alarms, sns, events, logs = (server.client(name) for name in ("cloudwatch", "sns", "events", "logs"))
    topic = sns.create_topic(Name="pager")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=inbox.url)
    confirmed(inbox)
    logs.create_log_group(logGroupName="/aws/events/all")
    events.put_rule(Name="all", EventPattern='{"detail-type": ["CloudWatch Alarm State Change"]}')
    target = f"arn:aws:logs:us-east-1:{topic.split(':')[4]}:log-group:/aws/events/all"
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": target}])
    alarms.put_metric_alarm(
        AlarmName="drift", Namespace="app", MetricName="psi", Statistic="Maximum", Period=3600, EvaluationPeriods=1,
        Threshold=0.2, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore", AlarmActions=[topic],
    )  # fmt: skip
    minute = SystemClock().now() - timedelta(minutes=1)
    schedule = {"Expression": f"at({minute:%Y-%m-%dT%H:%M})", "Duration": "PT1H"}
    alarms.put_alarm_mute_rule(Name="release", Rule={"Schedule": schedule}, MuteTargets={"AlarmNames": ["drift"]})
    alarms.set_alarm_state(AlarmName="drift", StateValue="ALARM", StateReason="by hand")
    [event] = logged(logs, "/aws/events/all")
    assert event["detail"]["muteDetail"]["mutedByArn"].endswith(":alarm-mute-rule:release")
    assert inbox.requests == []

    alarms.delete_alarm_mute_rule(AlarmMuteRuleName="release")
    inbox.wait_for(len, TICK_AND_MORE)
    message = json.loads(json.loads(inbox.requests[0][1])["Message"])
    assert (message["NewStateValue"], message["ActionExecutedAfterMuteWindow"]) == ("ALARM", True)


def test_a_subscriber_gets_what_it_asked_for_and_can_prove_who_sent_it(served: Served, inbox: Any) -> None:
    server = served()
    sns = server.client("sns")
    topic = sns.create_topic(Name="orders", Attributes={"SignatureVersion": "2"})["TopicArn"]
    policy = {"kind": ["large", {"prefix": "huge-"}], "total": [{"numeric": [">=", 100]}]}
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=inbox.url, Attributes={"FilterPolicy": json.dumps(policy)})
    confirmed(inbox)

    def entry(id: str, kind: str, total: str) -> dict[str, Any]:
        attributes = {
            "kind": {"DataType": "String", "StringValue": kind},
            "total": {"DataType": "Number", "StringValue": total},
        }
        return {"Id": id, "Message": f"order {id}", "Subject": "An order", "MessageAttributes": attributes}

    batch = [entry("a", "large", "99"), entry("b", "small", "500"), entry("c", "huge-one", "100")]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[*batch, {"Id": "d", "Message": ""}])
    assert [each["Id"] for each in answer["Successful"]] == ["a", "b", "c"]
    assert [each["Code"] for each in answer["Failed"]] == ["InvalidParameter"]

    inbox.wait_for(len, 10)
    [(headers, body)] = inbox.requests
    message = json.loads(body)
    assert (headers["x-amz-sns-message-type"], message["Message"]) == ("Notification", "order c")
    with urllib.request.urlopen(message["SigningCertURL"]) as pem:
        key = load_pem_x509_certificate(pem.read()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    signed = "".join(
        f"{name}\n{message[name]}\n" for name in ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    )
    signature = base64.b64decode(message["Signature"])
    key.verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_every_protocol_of_cloudwatch_tells_the_same(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    server = served()
    metric = {"Namespace": "shop", "MetricName": "latency", "Dimensions": [{"Name": "Page", "Value": "cart"}]}

    def speaking(protocol: str) -> Any:
        monkeypatch.setattr(botocore.model, "PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", (protocol,))
        return boto3.Session(
            aws_access_key_id=server.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=server.environment["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        ).client("cloudwatch", endpoint_url=server.url, config=Config(retries={"total_max_attempts": 1}))

    clients = [speaking(protocol) for protocol in ("json", "smithy-rpc-v2-cbor", "query")]
    minute = SystemClock().now().replace(second=0, microsecond=0) - timedelta(minutes=2)
    for number, client in enumerate(clients):
        values = [float(100 * number + step) for step in range(1, 101)]
        # Large enough to be compressed.
        padding_data = [{**metric, "MetricName": f"other-{step}", "Value": 1.0} for step in range(200)]
        data = [{**metric, "Timestamp": minute, "Values": values, "Unit": "Milliseconds"}, *padding_data]
        client.put_metric_data(
            Namespace="shop", MetricData=[{k: v for k, v in datum.items() if k != "Namespace"} for datum in data]
        )
        client.put_metric_alarm(
            AlarmName=f"band-{number}",
            Metrics=[
                {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "p50"}, "ReturnData": True},
                {"Id": "ad", "Expression": "ANOMALY_DETECTION_BAND(m, 2)", "ReturnData": True},
            ],
            EvaluationPeriods=1,
            ThresholdMetricId="ad",
            ComparisonOperator="GreaterThanUpperThreshold",
        )
    told = []
    for client in clients:
        points = client.get_metric_statistics(
            **metric, StartTime=minute, EndTime=minute + timedelta(minutes=1), Period=60,
            Statistics=["SampleCount", "Sum", "Minimum", "Maximum"],
        )["Datapoints"]  # fmt: skip
        alarms = client.describe_alarms(AlarmNamePrefix="band-")["MetricAlarms"]
        detectors = client.describe_anomaly_detectors()["AnomalyDetectors"]
        told.append((points, alarms, detectors))
        with pytest.raises(client.exceptions.ResourceNotFound) as missing:
            client.get_dashboard(DashboardName="none")
        assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert told[0] == told[1] == told[2]
    [[point], alarms, detectors] = told[0]
    assert {k: point[k] for k in ("SampleCount", "Sum", "Minimum", "Maximum", "Unit")} == {
        "SampleCount": 300.0, "Sum": 45150.0, "Minimum": 1.0, "Maximum": 300.0, "Unit": "Milliseconds",
    }  # fmt: skip
    assert len(alarms) == 3
    assert len(detectors) == 1  # the alarms share it


# As printed in the AWS CLI's reference, but for the account of the topic and the times; with what each must print.
CLI_REFERENCE = [
    (
        'cloudwatch put-metric-alarm --alarm-name cpu-mon --alarm-description "Alarm when CPU exceeds 70 percent" '
        "--metric-name CPUUtilization --namespace AWS/EC2 --statistic Average --period 300 --threshold 70 "
        "--comparison-operator GreaterThanThreshold --dimensions Name=InstanceId,Value=i-12345678 "
        "--evaluation-periods 2 --alarm-actions arn:aws:sns:us-east-1:111122223333:MyTopic --unit Percent",
        "",
    ),
    ('cloudwatch set-alarm-state --alarm-name "myalarm" --state-value ALARM --state-reason "testing"', None),
    ('cloudwatch set-alarm-state --alarm-name "cpu-mon" --state-value ALARM --state-reason "testing"', ""),
    (
        "cloudwatch describe-alarm-history --alarm-name cpu-mon --history-item-type Action",
        "Failed to execute action arn:aws:sns:us-east-1:111122223333:MyTopic",
    ),
    (
        "cloudwatch put-metric-data --metric-name PageViewCount --namespace MyService "
        "--statistic-values Sum=11,Minimum=2,Maximum=5,SampleCount=3",
        "",
    ),
    ("cloudwatch list-metrics --namespace MyService", "PageViewCount"),
    (
        'events put-rule --name "DailyLambdaFunction" --schedule-expression "cron(0 9 * * ? *)"',
        "rule/DailyLambdaFunction",
    ),
    (
        'events test-event-pattern --event-pattern "{\\"source\\":[\\"com.mycompany.myapp\\"]}" '
        '--event "{\\"id\\":\\"1\\",\\"source\\":\\"com.mycompany.myapp\\",\\"detail-type\\":\\"myDetailType\\",'
        '\\"account\\":\\"123456789012\\",\\"region\\":\\"us-east-1\\",\\"time\\":\\"2017-04-11T20:11:04Z\\"}"',
        '"Result": true',
    ),
    ("logs create-log-group --log-group-name my-logs", ""),
    (
        'logs put-metric-filter --log-group-name my-logs --filter-name EventCount --filter-pattern "" '
        "--metric-transformations metricName=MyAppEventCount,metricNamespace=MyNamespace,metricValue=1,defaultValue=0",
        "",
    ),
]


def test_the_examples_of_the_command_lines_reference_run_as_printed(served: Served) -> None:
    server = served()
    for command, printed in CLI_REFERENCE:
        if printed is None:
            with pytest.raises(AssertionError, match="ResourceNotFound"):
                server.run("bash", "-c", f"aws {command}")
            continue
        said = server.run("bash", "-c", f"aws {command}")
        assert printed in said if printed else said == "", command
