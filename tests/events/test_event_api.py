"""EventBridge's API as clients see it: an unmodified boto3 and awscli over a real socket."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError

from watchpost.fronts.aws.app import application
from watchpost.service.configuration import Configuration
from watchpost.service.server import open_server

if TYPE_CHECKING:
    from conftest import Endpoint

Client = Any  # boto3 makes its clients' methods while it runs


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of clients of a running server."""
    configuration = Configuration(home=tmp_path_factory.mktemp("home"))
    with socket.create_server(("127.0.0.1", 0)) as listener, open_server(configuration) as server:
        server.start()
        pair = server.credentials.pair()
        web = uvicorn.Server(
            uvicorn.Config(application(server), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        )
        thread = Thread(target=web.run, kwargs={"sockets": [listener]})
        thread.start()
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": pair.access_key,
            "AWS_SECRET_ACCESS_KEY": pair.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        web.should_exit = True
        thread.join()


def client(env: dict[str, str], service: str) -> Client:
    return boto3.client(
        service,
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def events(env: dict[str, str]) -> Iterator[Client]:
    made = client(env, "events")
    yield made
    made.close()


@pytest.fixture
def fresh(events: Client) -> Iterator[Client]:
    """The client of a server whose default bus has no rules."""
    yield events
    for rule in events.list_rules()["Rules"]:
        targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        if targets:
            events.remove_targets(Rule=rule["Name"], Ids=[target["Id"] for target in targets])
        events.delete_rule(Name=rule["Name"])


def test_a_rule_is_made_shown_listed_and_removed(fresh: Client) -> None:
    arn = fresh.put_rule(
        Name="changes",
        EventPattern='{"source": ["app"]}',
        Description="all of the app",
        Tags=[{"Key": "team", "Value": "ml"}],
    )["RuleArn"]
    assert arn == "arn:aws:events:us-east-1:000000000000:rule/changes"
    shown = fresh.describe_rule(Name="changes")
    assert (shown["State"], shown["EventBusName"], shown["Description"]) == ("ENABLED", "default", "all of the app")
    assert fresh.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "ml"}]
    fresh.disable_rule(Name="changes")
    assert fresh.list_rules(NamePrefix="ch")["Rules"][0]["State"] == "DISABLED"
    fresh.enable_rule(Name="changes")
    fresh.delete_rule(Name="changes")
    with pytest.raises(
        fresh.exceptions.ResourceNotFoundException, match=r"Rule changes does not exist on EventBus default\."
    ):
        fresh.describe_rule(Name="changes")


def test_lists_come_in_pages(fresh: Client) -> None:
    for number in range(5):
        fresh.put_rule(Name=f"r{number}", ScheduleExpression="rate(1 hour)")
    first = fresh.list_rules(Limit=2)
    second = fresh.list_rules(Limit=2, NextToken=first["NextToken"])
    last = fresh.list_rules(Limit=2, NextToken=second["NextToken"])
    assert [rule["Name"] for page in (first, second, last) for rule in page["Rules"]] == [f"r{n}" for n in range(5)]
    assert "NextToken" not in last
    with pytest.raises(ClientError, match="NextToken is not valid"):
        fresh.list_rules(NextToken="%%%")


def test_targets_come_back_as_they_were_put(fresh: Client) -> None:
    fresh.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    topic = "arn:aws:sns:us-east-1:000000000000:alerts"
    targets = [
        {"Id": "a", "Arn": topic, "Input": '{"x": 1}', "RoleArn": "arn:aws:iam::000000000000:role/r"},
        {"Id": "b", "Arn": topic, "InputPath": "$.detail"},
        {
            "Id": "c",
            "Arn": topic,
            "InputTransformer": {"InputPathsMap": {"k": "$.detail.k"}, "InputTemplate": '"<k>"'},
            "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
        },
    ]
    answer = fresh.put_targets(Rule="r", Targets=targets)
    assert (answer["FailedEntryCount"], answer["FailedEntries"]) == (0, [])
    assert fresh.list_targets_by_rule(Rule="r")["Targets"] == targets
    assert fresh.list_rule_names_by_target(TargetArn=topic)["RuleNames"] == ["r"]
    failed = fresh.remove_targets(Rule="r", Ids=["a", "nobody"])
    assert (failed["FailedEntryCount"], failed["FailedEntries"][0]["TargetId"]) == (1, "nobody")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q"}, "does not invoke SQS queues"),
        ({"Arn": "arn:aws:lambda:us-east-1:000000000000:function:f"}, "does not invoke Lambda functions"),
        (
            {"Arn": "arn:aws:sns:us-east-1:000000000000:t", "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:1:q"}},
            "DeadLetterConfig of target x is not supported",
        ),
        (
            {"Arn": "arn:aws:sns:us-east-1:000000000000:t", "SqsParameters": {"MessageGroupId": "g"}},
            "SqsParameters of target x is not supported",
        ),
        (
            {"Arn": "arn:aws:sns:us-east-1:000000000000:t", "Input": "good morning"},
            "JSON syntax error in input for target x",
        ),
    ],
)
def test_what_no_target_can_be_is_refused_by_name(fresh: Client, target: dict[str, Any], why: str) -> None:
    fresh.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    with pytest.raises(ClientError, match=why) as refused:
        fresh.put_targets(Rule="r", Targets=[{"Id": "x", **target}])
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_malformed_pattern_raises_the_class_of_botocore(fresh: Client) -> None:
    with pytest.raises(fresh.exceptions.InvalidEventPatternException) as refused:
        fresh.put_rule(Name="r", EventPattern='{"a": [{"NUMERIC": ["=", 5]}]}')
    message = refused.value.response["Error"]["Message"]
    assert message == "Event pattern is not valid. Reason: Unrecognized match type NUMERIC"


def test_a_pattern_is_tried_on_an_event(fresh: Client) -> None:
    event = {
        "id": "1",
        "source": "app",
        "account": "000000000000",
        "time": "2026-11-21T05:00:00Z",
        "region": "us-east-1",
    }
    event |= {"resources": [], "detail-type": "t", "detail": {"k": 5}}
    pattern = '{"detail": {"k": [{"numeric": [">", 4]}]}}'
    assert fresh.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"] is True
    assert fresh.test_event_pattern(EventPattern='{"source": ["x"]}', Event=json.dumps(event))["Result"] is False
    del event["resources"]  # as the example of the CLI reference
    assert fresh.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"] is True
    del event["region"]
    for bad in (json.dumps(event), "plain text", "[]"):
        with pytest.raises(ClientError, match=r"Parameter Event is not valid\.") as refused:
            fresh.test_event_pattern(EventPattern=pattern, Event=bad)
        assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_events_are_taken_one_by_one(fresh: Client) -> None:
    good = {"Source": "app", "DetailType": "t", "Detail": "{}"}
    answer = fresh.put_events(Entries=[good, {"Source": "app", "DetailType": "t"}, {**good, "EventBusName": "nowhere"}])
    assert answer["FailedEntryCount"] == 1
    assert [sorted(entry) for entry in answer["Entries"]] == [["EventId"], ["ErrorCode", "ErrorMessage"], ["EventId"]]
    with pytest.raises(ClientError) as refused:
        fresh.put_events(Entries=[good] * 11)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError, match=r"Total size of the entries .* is over the limit\."):
        fresh.put_events(Entries=[{**good, "Detail": json.dumps({"x": "y" * 600_000})}] * 2)


def test_buses_are_made_and_removed(fresh: Client) -> None:
    arn = fresh.create_event_bus(Name="mine", Description="d")["EventBusArn"]
    assert arn == "arn:aws:events:us-east-1:000000000000:event-bus/mine"
    assert [bus["Name"] for bus in fresh.list_event_buses()["EventBuses"]] == ["default", "mine"]
    fresh.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    fresh.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert fresh.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    rule = fresh.put_rule(Name="r", EventBusName=arn, EventPattern='{"source": ["app"]}')["RuleArn"]
    assert rule == "arn:aws:events:us-east-1:000000000000:rule/mine/r"
    fresh.tag_resource(ResourceARN=rule, Tags=[{"Key": "a", "Value": "1"}])
    assert fresh.list_tags_for_resource(ResourceARN=rule)["Tags"] == [{"Key": "a", "Value": "1"}]
    fresh.delete_rule(Name="r", EventBusName="mine")
    with pytest.raises(fresh.exceptions.ResourceAlreadyExistsException):
        fresh.create_event_bus(Name="mine")
    with pytest.raises(ClientError, match="KmsKeyIdentifier is not supported"):
        fresh.create_event_bus(Name="other", KmsKeyIdentifier="alias/key")
    assert fresh.update_event_bus(Name="mine", Description="e")["Description"] == "e"
    assert fresh.describe_event_bus(Name=arn)["Description"] == "e"
    fresh.delete_event_bus(Name="mine")


def test_an_event_arrives_at_an_api_destination_and_the_secret_stays_secret(
    fresh: Client, endpoint: "Endpoint"
) -> None:
    connection = fresh.create_connection(
        Name="c",
        AuthorizationType="BASIC",
        AuthParameters={
            "BasicAuthParameters": {"Username": "me", "Password": "p4ss"},
            "InvocationHttpParameters": {
                "HeaderParameters": [
                    {"Key": "x-plain", "Value": "shown"},
                    {"Key": "x-token", "Value": "t0ken", "IsValueSecret": True},
                ]
            },
        },
    )
    described = fresh.describe_connection(Name="c")
    assert described["AuthParameters"]["BasicAuthParameters"] == {"Username": "me"}
    assert "p4ss" not in str(described)
    assert "t0ken" not in str(described)
    assert described["ConnectionState"] == "AUTHORIZED"
    destination = fresh.create_api_destination(
        Name="d", ConnectionArn=connection["ConnectionArn"], InvocationEndpoint=endpoint.url + "/in", HttpMethod="POST"
    )
    fresh.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    fresh.put_targets(Rule="r", Targets=[{"Id": "d", "Arn": destination["ApiDestinationArn"]}])
    fresh.put_events(Entries=[{"Source": "app", "DetailType": "t", "Detail": '{"k": 1}'}])
    assert endpoint.arrived.wait(10)
    _, path, headers, body = endpoint.got[0]
    assert (path, headers["authorization"], headers["x-token"]) == ("/in", "Basic bWU6cDRzcw==", "t0ken")
    assert json.loads(body)["detail"] == {"k": 1}
    fresh.update_connection(
        Name="c",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}},
    )
    assert fresh.describe_connection(Name="c")["AuthParameters"]["ApiKeyAuthParameters"] == {"ApiKeyName": "k"}
    fresh.update_api_destination(Name="d", HttpMethod="PUT")
    assert fresh.describe_api_destination(Name="d")["HttpMethod"] == "PUT"
    assert fresh.list_api_destinations(ConnectionArn=connection["ConnectionArn"])["ApiDestinations"][0]["Name"] == "d"
    assert fresh.deauthorize_connection(Name="c")["ConnectionState"] == "DEAUTHORIZED"
    assert fresh.list_connections(ConnectionState="DEAUTHORIZED")["Connections"][0]["Name"] == "c"
    fresh.delete_api_destination(Name="d")
    fresh.delete_connection(Name="c")
    with pytest.raises(ClientError, match="OAUTH_CLIENT_CREDENTIALS is not supported"):
        fresh.create_connection(
            Name="o",
            AuthorizationType="OAUTH_CLIENT_CREDENTIALS",
            AuthParameters={
                "OAuthParameters": {
                    "ClientParameters": {"ClientID": "i", "ClientSecret": "s"},
                    "AuthorizationEndpoint": "https://example.org",
                    "HttpMethod": "POST",
                }
            },
        )


def test_an_event_arrives_at_a_topic_and_in_a_log_group(
    fresh: Client, env: dict[str, str], endpoint: "Endpoint"
) -> None:
    sns, logs = client(env, "sns"), client(env, "logs")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    assert endpoint.arrived.wait(10)
    token = json.loads(endpoint.got[0][3])["Token"]
    sns.confirm_subscription(TopicArn=topic, Token=token)
    group = "/aws/events/all"
    fresh.put_rule(Name="r", EventPattern='{"detail": {"k": ["v"]}}')
    targets = [
        {"Id": "log", "Arn": f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"},
        {"Id": "topic", "Arn": topic},
    ]
    fresh.put_targets(Rule="r", Targets=targets)
    endpoint.arrived.clear()
    answer = fresh.put_events(Entries=[{"Source": "app", "DetailType": "t", "Detail": '{"k": "v"}'}])
    assert endpoint.arrived.wait(10)
    notification = json.loads(endpoint.got[1][3])
    assert json.loads(notification["Message"])["id"] == answer["Entries"][0]["EventId"]
    waiting = Event()
    for _ in range(100):
        groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        found = logs.filter_log_events(logGroupName=group)["events"] if groups else []
        if found or waiting.wait(0.05):
            break
    assert json.loads(found[0]["message"])["detail"] == {"k": "v"}
    sns.close()
    logs.close()


def test_what_we_do_not_have_is_refused_by_name(fresh: Client) -> None:
    with pytest.raises(ClientError, match="CreateArchive"):
        fresh.create_archive(ArchiveName="a", EventSourceArn="arn:aws:events:us-east-1:000000000000:event-bus/default")


def test_awscli_makes_a_rule_and_puts_an_event(fresh: Client, env: dict[str, str]) -> None:
    def aws(*words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "awscli", "events", *words, "--output", "json"]
        done = subprocess.run(command, env={"PATH": os.defpath, **env}, capture_output=True, text=True, check=True)
        return json.loads(done.stdout) if done.stdout else {}

    rule = aws("put-rule", "--name", "cli", "--schedule-expression", "cron(0 12 * * ? *)")
    assert rule["RuleArn"].endswith(":rule/cli")
    assert fresh.describe_rule(Name="cli")["ScheduleExpression"] == "cron(0 12 * * ? *)"
    entry = json.dumps([{"Source": "app", "DetailType": "t", "Detail": "{}"}])
    assert aws("put-events", "--entries", entry)["FailedEntryCount"] == 0


def test_a_time_given_with_an_event_is_kept(fresh: Client, endpoint: "Endpoint") -> None:
    then = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    fresh.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    fresh.put_targets(Rule="r", Targets=[{"Id": "h", "Arn": endpoint.url, "InputPath": "$.time"}])
    fresh.put_events(Entries=[{"Source": "app", "DetailType": "t", "Detail": "{}", "Time": then}])
    assert endpoint.arrived.wait(10)
    assert json.loads(endpoint.got[0][3]) == "2026-01-02T03:04:05Z"
