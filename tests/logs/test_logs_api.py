"""The log service as clients see it: an unmodified boto3 and awscli over a real socket."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any
from uuid import uuid4

import boto3
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError

from watchpost.fronts.aws.app import application
from watchpost.service.configuration import Configuration
from watchpost.service.server import open_server

Client = Any  # boto3 makes its clients' methods while it runs


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of clients of a running server."""
    configuration = Configuration(home=tmp_path_factory.mktemp("home"))
    with socket.create_server(("127.0.0.1", 0)) as listener, open_server(configuration) as server:
        server.start()
        pair = server.credentials.pair()
        settings = uvicorn.Config(application(server), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        web = uvicorn.Server(settings)
        thread = Thread(target=web.run, kwargs={"sockets": [listener]})
        thread.start()
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": pair.access_key,
            "AWS_SECRET_ACCESS_KEY": pair.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        web.should_exit = True
        thread.join()


def client(env: dict[str, str], service: str, **settings: object) -> Client:
    return boto3.client(
        service,
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, **settings),
    )


@pytest.fixture(scope="module")
def logs(env) -> Iterator[Client]:
    made = client(env, "logs")
    yield made
    made.close()


@pytest.fixture
def group(logs) -> str:
    name = f"/app/{uuid4().hex}"
    logs.create_log_group(logGroupName=name, tags={"team": "ml"})
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def now_ms() -> int:
    return int(time.time() * 1000)  # noqa: TID251  a client's own clock


def put(logs, group, *messages, stream="s", at=None):
    at = at or now_ms()
    events = [{"timestamp": at + n, "message": message} for n, message in enumerate(messages)]
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_groups_and_streams(logs, group):
    [found] = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["arn"] == f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"
    assert found["logGroupArn"] == found["arn"].removesuffix(":*")
    assert (found["logGroupClass"], found["metricFilterCount"], found["storedBytes"]) == ("STANDARD", 0, 0)
    logs.put_retention_policy(logGroupName=group, retentionInDays=14)
    assert logs.describe_log_groups(logGroupNamePattern=group[5:])["logGroups"][0]["retentionInDays"] == 14
    logs.delete_retention_policy(logGroupName=group)
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    [stream] = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert stream["arn"] == f"{found['logGroupArn']}:log-stream:s"
    at = now_ms()
    put(logs, group, "a", "b", at=at)
    [stream] = logs.describe_log_streams(logGroupIdentifier=found["logGroupArn"], orderBy="LastEventTime")["logStreams"]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (at, at + 1)
    assert group in [each["logGroupName"] for each in logs.list_log_groups(logGroupNamePattern="app/")["logGroups"]]
    logs.delete_log_stream(logGroupName=group, logStreamName="s")
    logs.delete_log_group(logGroupName=group)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []


def test_tags(logs, group):
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    logs.tag_resource(resourceArn=arn, tags={"env": "prod"})
    logs.tag_log_group(logGroupName=group, tags={"x": "y"})
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "ml", "env": "prod", "x": "y"}
    logs.untag_resource(resourceArn=arn, tagKeys=["env"])
    logs.untag_log_group(logGroupName=group, tags=["x"])
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {"team": "ml"}
    found = logs.list_log_groups(logGroupTags=[{"key": "team", "values": ["m*"]}], limit=1000)["logGroups"]
    assert group in [each["logGroupName"] for each in found]


def test_events_are_read_back_in_both_directions(logs, group):
    answer = put(logs, group, *map(str, range(5)))
    assert "nextSequenceToken" in answer
    assert "rejectedLogEventsInfo" not in answer
    where = {"logGroupName": group, "logStreamName": "s"}
    page = logs.get_log_events(**where, limit=2)
    assert [event["message"] for event in page["events"]] == ["3", "4"]
    page = logs.get_log_events(**where, limit=2, nextToken=page["nextBackwardToken"])
    assert [event["message"] for event in page["events"]] == ["1", "2"]
    page = logs.get_log_events(**where, startFromHead=True)
    end = logs.get_log_events(**where, startFromHead=True, nextToken=page["nextForwardToken"])
    assert (end["events"], end["nextForwardToken"]) == ([], page["nextForwardToken"])


def test_boto3s_paginator_of_filter_log_events_sees_every_event_once(logs, group):
    logs.create_log_stream(logGroupName=group, logStreamName="t")
    at = now_ms()
    for number in range(4):
        put(logs, group, *(f"ERROR {number}.{n}" for n in range(3)), stream="st"[number % 2], at=at - number)
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern="ERROR", PaginationConfig={"PageSize": 2}
    )
    found = [event for page in pages for event in page["events"]]
    assert len({event["eventId"] for event in found}) == len(found) == 12
    assert [event["timestamp"] for event in found] == sorted(event["timestamp"] for event in found)
    assert all(len(event["eventId"]) == 56 for event in found)


def test_events_too_old_and_too_new_are_rejected_singly(logs, group):
    at = now_ms()
    events = [(at - 15 * 86_400_000, "old"), (at, "now"), (at + 3 * 3_600_000, "new")]
    answer = logs.put_log_events(
        logGroupName=group, logStreamName="s", logEvents=[{"timestamp": t, "message": m} for t, m in events]
    )
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "message"),
    [
        ("create_log_group", {"logGroupName": "{group}"}, "ResourceAlreadyExistsException",
         "The specified log group already exists"),
        ("create_log_stream", {"logGroupName": "{group}", "logStreamName": "s"}, "ResourceAlreadyExistsException",
         "The specified log stream already exists"),
        ("get_log_events", {"logGroupName": "absent", "logStreamName": "s"}, "ResourceNotFoundException",
         "The specified log group does not exist."),
        ("get_log_events", {"logGroupName": "{group}", "logStreamName": "x"}, "ResourceNotFoundException",
         "The specified log stream does not exist."),
        ("get_log_events", {"logGroupName": "{group}", "logStreamName": "s", "nextToken": "q"},
         "InvalidParameterException", "The specified nextToken is invalid."),
        ("filter_log_events", {"logGroupName": "{group}", "limit": 10_001}, "InvalidParameterException",
         "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value "
         "less than or equal to 10000"),
        ("filter_log_events", {"logGroupName": "{group}", "filterPattern": "a:b"}, "InvalidParameterException",
         "Invalid character(s) in term ':'"),
        ("describe_log_streams", {"logGroupName": "{group}", "orderBy": "LastEventTime", "logStreamNamePrefix": "s"},
         "InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix."),
        ("put_retention_policy", {"logGroupName": "{group}", "retentionInDays": 2}, "InvalidParameterException",
         "1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy constraint: Member must "
         "satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, "
         "2557, 2922, 3288, 3653]"),
        ("create_log_group", {"logGroupName": "k", "kmsKeyId": "arn:aws:kms:us-east-1:1:key/x"},
         "InvalidParameterException", None),
        ("start_query", {"logGroupName": "{group}", "startTime": 0, "endTime": 1, "queryString": "diff"},
         "MalformedQueryException", "the command diff is not supported here"),
        ("start_query", {"logGroupName": "{group}", "startTime": 0, "endTime": 1, "queryString": "SELECT 1",
         "queryLanguage": "SQL"}, "InvalidParameterException", None),
        ("get_query_results", {"queryId": "absent"}, "ResourceNotFoundException", None),
    ],
)  # fmt: skip
def test_refusals_have_cloudwatchs_codes_and_words(logs, group, operation, parameters, code, message):
    given = {name: value.format(group=group) if value == "{group}" else value for name, value in parameters.items()}
    with pytest.raises(ClientError) as caught:
        getattr(logs, operation)(**given)
    assert caught.value.response["Error"]["Code"] == code
    assert type(caught.value).__name__ == code
    assert message in {None, caught.value.response["Error"]["Message"]}


def test_live_tail_is_refused_by_name(env):
    direct = client(env, "logs", inject_host_prefix=False)  # or boto3 asks a host of another name
    with pytest.raises(ClientError, match="StartLiveTail"):
        direct.start_live_tail(logGroupIdentifiers=["arn:aws:logs:us-east-1:000000000000:log-group:g"])
    direct.close()


def test_a_metric_filter_feeds_cloudwatch(env, logs, group):
    cloudwatch, namespace = client(env, "cloudwatch"), f"ns{uuid4().hex}"
    transformation = {
        "metricName": "latency",
        "metricNamespace": namespace,
        "metricValue": "$.ms",
        "unit": "Percent",
    }
    logs.put_metric_filter(
        logGroupName=group, filterName="f", filterPattern="{ $.ms > 0 }", metricTransformations=[transformation]
    )
    [described] = logs.describe_metric_filters(metricName="latency", metricNamespace=namespace)["metricFilters"]
    assert described["metricTransformations"] == [transformation]
    embedded = {
        "_aws": {
            "Timestamp": now_ms(),
            "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": [["d"]], "Metrics": [{"Name": "emf"}]}],
        },
        "d": "x",
        "emf": [1, 2, 3],
    }
    put(logs, group, '{"ms": 10}', '{"ms": 30}', "other", json.dumps(embedded))
    now = now_ms() // 1000
    asked = {"Namespace": namespace, "StartTime": now - 300, "EndTime": now + 60, "Period": 3600, "Statistics": ["Sum"]}
    sums = [
        cloudwatch.get_metric_statistics(MetricName=name, Dimensions=dimensions, **asked)["Datapoints"]
        for name, dimensions in (("latency", []), ("emf", [{"Name": "d", "Value": "x"}]))
    ]
    assert [sum(point["Sum"] for point in points) for points in sums] == [40.0, 6.0]
    logs.delete_metric_filter(logGroupName=group, filterName="f")
    cloudwatch.close()


def test_a_pattern_can_be_tried(logs):
    found = logs.test_metric_filter(
        filterPattern="[ip, ..., status = 4*, bytes]",
        logEventMessages=['1.1.1.1 "GET /" 200 1', '1.1.1.1 "GET /" 404 2'],
    )["matches"]
    assert found == [
        {
            "eventNumber": 2,
            "eventMessage": '1.1.1.1 "GET /" 404 2',
            "extractedValues": {"$ip": "1.1.1.1", "$2": "GET /", "$status": "404", "$bytes": "2"},
        }
    ]


def test_a_subscription_reaches_a_topic(env, logs, group):
    sns = client(env, "sns")
    topic = sns.create_topic(Name=f"t{uuid4().hex}")["TopicArn"]
    logs.put_subscription_filter(logGroupName=group, filterName="f", filterPattern="ERROR", destinationArn=topic)
    [described] = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert (described["destinationArn"], described["filterPattern"]) == (topic, "ERROR")
    put(logs, group, "ERROR")
    sns.delete_topic(TopicArn=topic)
    put(logs, group, "ERROR after the topic is gone")
    with pytest.raises(ClientError, match="no such topic"):
        logs.put_subscription_filter(logGroupName=group, filterName="g", filterPattern="", destinationArn=topic)
    logs.delete_subscription_filter(logGroupName=group, filterName="f")
    sns.close()


def ended(logs, id_: str) -> dict[str, Any]:
    while (answer := logs.get_query_results(queryId=id_))["status"] in {"Scheduled", "Running"}:
        pass
    return answer


def test_an_insights_query(logs, group):
    at = now_ms()
    put(logs, group, *(json.dumps({"svc": "ab"[n % 2], "ms": n}) for n in range(10)), at=at)
    id_ = logs.start_query(
        logGroupName=group,
        startTime=at // 1000 - 60,
        endTime=at // 1000 + 60,
        queryString="stats count(*) as n, max(ms) by svc | sort svc",
    )["queryId"]
    answer = ended(logs, id_)
    assert answer["status"] == "Complete"
    assert [{field["field"]: field["value"] for field in row} for row in answer["results"]] == [
        {"svc": "a", "n": "5", "max(ms)": "8"}, {"svc": "b", "n": "5", "max(ms)": "9"},
    ]  # fmt: skip
    assert (answer["statistics"]["recordsMatched"], answer["statistics"]["recordsScanned"]) == (10.0, 10.0)
    page = logs.get_query_results(queryId=id_, maxItems=1)
    rest = logs.get_query_results(queryId=id_, maxItems=1, nextToken=page["nextToken"])
    assert page["results"] + rest["results"] == answer["results"]
    assert "nextToken" not in rest
    assert id_ in [each["queryId"] for each in logs.describe_queries(logGroupName=group)["queries"]]
    assert logs.list_log_groups_for_query(queryId=id_)["logGroupIdentifiers"] == [group]
    fields = {each["name"]: each["percent"] for each in logs.get_log_group_fields(logGroupName=group)["logGroupFields"]}
    assert (fields["svc"], fields["@message"]) == (100, 100)


def test_rows_lead_to_their_events(logs, group):
    at = now_ms()
    put(logs, group, '{"a": 1}', at=at)
    times = {"startTime": at - 1000, "endTime": at + 1000}  # milliseconds are understood, too
    id_ = logs.start_query(logGroupNames=[group], queryString="fields a", **times)["queryId"]
    row = {field["field"]: field["value"] for field in ended(logs, id_)["results"][0]}
    record = logs.get_log_record(logRecordPointer=row["@ptr"])["logRecord"]
    assert (record["a"], record["@message"], record["@timestamp"]) == ("1", '{"a": 1}', str(at))


def test_saved_queries(logs, group):
    name = uuid4().hex
    saved = {"name": name, "queryString": "limit 1", "logGroupNames": [group]}
    id_ = logs.put_query_definition(**saved)["queryDefinitionId"]
    [found] = logs.describe_query_definitions(queryDefinitionNamePrefix=name)["queryDefinitions"]
    assert {key: found[key] for key in saved} == saved
    assert logs.delete_query_definition(queryDefinitionId=id_)["success"]


def cli(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251  a child's
    return subprocess.run(
        [sys.executable, "-m", "awscli", *arguments, "--output", "json"],
        env={**own, **env, "AWS_PAGER": ""},
        capture_output=True,
        text=True,
        check=True,
    )


def test_awscli_puts_filters_and_queries(env, logs, group):
    at = now_ms()
    events = json.dumps([{"timestamp": at, "message": "from the shell"}])
    cli(env, "logs", "put-log-events", "--log-group-name", group, "--log-stream-name", "s", "--log-events", events)
    done = cli(env, "logs", "filter-log-events", "--log-group-name", group, "--filter-pattern", '"the shell"')
    assert [event["message"] for event in json.loads(done.stdout)["events"]] == ["from the shell"]
