"""SNS as boto3 speaks it, over a real socket, to a server that works in the background."""

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from watchpost.fronts.aws.app import application
from watchpost.service.configuration import Configuration
from watchpost.service.server import Server, open_server

from .asking import client, listening

ACCOUNT = "000000000000"


@dataclass
class Inbox:
    """What a subscriber's endpoint was sent."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    arrived: Condition = field(default_factory=Condition)

    def wait_for(self, kind: str) -> dict[str, Any]:
        """The first message of that type, waiting for it to come."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: any(b["Type"] == kind for b in self.bodies), 20)
            return next(b for b in self.bodies if b["Type"] == kind)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    box = Inbox()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with box.arrived:
                box.bodies.append(body)
                box.arrived.notify_all()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    box.url = f"http://127.0.0.1:{web.server_port}/"
    thread = Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield box
    web.shutdown()
    web.server_close()
    thread.join()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    home: Path = tmp_path_factory.mktemp("home")
    with open_server(Configuration(home)) as server, listening(application(server)) as url:
        server.start()
        yield server, url


@pytest.fixture(scope="module")
def sns(running: tuple[Server, str]) -> Any:
    return client(*running, "sns")


def opened(url: str, link: str) -> tuple[int, str]:
    """What a browser gets that opens the link, which names the server's configured address, at `url`."""
    parts = urlsplit(link)
    with urllib.request.urlopen(f"{url}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")) as answer:
        return answer.status, answer.read().decode()


def test_a_message_reaches_a_webhook_that_confirmed_by_the_link_it_was_sent(
    running: tuple[Server, str], sns: Any, inbox: Inbox
) -> None:
    topic = sns.create_topic(Name="hooks")["TopicArn"]
    pending = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=inbox.url)["SubscriptionArn"]
    assert pending == "pending confirmation"
    status, page = opened(running[1], inbox.wait_for("SubscriptionConfirmation")["SubscribeURL"])
    assert status == 200
    assert f"<SubscriptionArn>{topic}:" in page
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] in page
    sent = sns.publish(TopicArn=topic, Message="hello", Subject="greeting")["MessageId"]
    body = inbox.wait_for("Notification")
    assert (body["MessageId"], body["Message"], body["Subject"]) == (sent, "hello", "greeting")
    assert "BEGIN CERTIFICATE" in opened(running[1], body["SigningCertURL"])[1]
    assert opened(running[1], body["UnsubscribeURL"])[0] == 200
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    inbox.wait_for("UnsubscribeConfirmation")


def test_topics_are_described_as_the_service_does(sns: Any) -> None:
    topic = sns.create_topic(Name="described", Attributes={"DisplayName": "D"}, Tags=[{"Key": "k", "Value": "v"}])
    arn = topic["TopicArn"]
    assert arn == f"arn:aws:sns:us-east-1:{ACCOUNT}:described"
    shown = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (shown["DisplayName"], shown["SubscriptionsConfirmed"], shown["Owner"]) == ("D", "0", ACCOUNT)
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    sns.untag_resource(ResourceArn=arn, TagKeys=["k"])
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "x", "Value": "y"}])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "x", "Value": "y"}]
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="E")
    sns.add_permission(TopicArn=arn, Label="l", AWSAccountId=["111111111111"], ActionName=["Publish"])
    sns.remove_permission(TopicArn=arn, Label="l")
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "E"
    assert {"TopicArn": arn} in sns.list_topics()["Topics"]
    sns.delete_topic(TopicArn=arn)
    assert {"TopicArn": arn} not in sns.list_topics()["Topics"]


def test_subscriptions_are_described_and_filtered(sns: Any, inbox: Inbox) -> None:
    topic = sns.create_topic(Name="filtered")["TopicArn"]
    arn = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=inbox.url, ReturnSubscriptionArn=True)
    arn = arn["SubscriptionArn"]
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"] == "true"
    token = inbox.wait_for("SubscriptionConfirmation")["Token"]
    assert sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"] == arn
    policy = '{"level": ["bad"]}'
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=policy)
    for level in ("good", "bad"):
        given = {"level": {"DataType": "String", "StringValue": level}}
        sns.publish(TopicArn=topic, Message=level, MessageAttributes=given)
    assert inbox.wait_for("Notification")["Message"] == "bad"
    assert arn in [s["SubscriptionArn"] for s in sns.list_subscriptions()["Subscriptions"]]
    sns.unsubscribe(SubscriptionArn=arn)


def test_pages_follow_one_another(sns: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = [f"page-{number:03}" for number in range(101)]
        made = set(pool.map(lambda name: sns.create_topic(Name=name)["TopicArn"], names))
    pages = list(sns.get_paginator("list_topics").paginate())
    assert len(pages) > 1
    assert made <= {topic["TopicArn"] for page in pages for topic in page["Topics"]}


def test_a_batch_says_of_each_entry_what_became_of_it(sns: Any) -> None:
    topic = sns.create_topic(Name="batch")["TopicArn"]
    answer = sns.publish_batch(
        TopicArn=topic,
        PublishBatchRequestEntries=[{"Id": "a", "Message": "x"}, {"Id": "b", "Message": "x", "Subject": "a\nb"}],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["a"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("b", "InvalidParameter", True)


BATCHES = [
    ("EmptyBatchRequestException", []),
    ("TooManyEntriesInBatchRequestException", [{"Id": str(n), "Message": "x"} for n in range(11)]),
    ("BatchEntryIdsNotDistinctException", [{"Id": "a", "Message": "x"}] * 2),
    ("InvalidBatchEntryIdException", [{"Id": "a b", "Message": "x"}]),
    ("BatchRequestTooLongException", [{"Id": str(n), "Message": "x" * 90_000} for n in range(3)]),
]


@pytest.mark.parametrize(("name", "entries"), BATCHES, ids=[name for name, _ in BATCHES])
def test_a_batch_that_breaks_a_rule_raises_the_modelled_class(sns: Any, name: str, entries: Any) -> None:
    topic = sns.create_topic(Name="batch")["TopicArn"]
    with pytest.raises(getattr(sns.exceptions, name)):
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)


def test_a_fifo_topic_answers_with_a_sequence_number(sns: Any) -> None:
    attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    topic = sns.create_topic(Name="orders.fifo", Attributes=attributes)["TopicArn"]
    numbers = [sns.publish(TopicArn=topic, Message=m, MessageGroupId="g")["SequenceNumber"] for m in ("a", "b", "a")]
    assert numbers[0] == numbers[2] < numbers[1]


TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:"
REFUSED = [
    ("publish", {"TopicArn": f"{TOPIC}none", "Message": "x"}, "NotFoundException", "Topic does not exist"),
    (
        "get_topic_attributes",
        {"TopicArn": "x"},
        "InvalidParameterException",
        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
    ),
    ("create_topic", {"Name": "a b"}, "InvalidParameterException", "Invalid parameter: Topic Name"),
    (
        "get_subscription_attributes",
        {"SubscriptionArn": f"{TOPIC}t:none"},
        "NotFoundException",
        "Subscription does not exist",
    ),
    (
        "publish",
        {
            "TopicArn": f"{TOPIC}t",
            "Message": "x",
            "MessageAttributes": {"a": {"DataType": "Number", "BinaryValue": b"1"}},
        },
        "InvalidParameterValueException",
        "The message attribute 'a' with type 'Number' must use field 'String'.",
    ),
    (
        "subscribe",
        {"TopicArn": f"{TOPIC}t", "Protocol": "pigeon", "Endpoint": "x"},
        "InvalidParameterException",
        "Invalid parameter: Amazon SNS does not support this protocol string: pigeon",
    ),
    (
        "list_tags_for_resource",
        {"ResourceArn": f"{TOPIC}none"},
        "ResourceNotFoundException",
        "Resource does not exist",
    ),
    ("list_topics", {"NextToken": "ü"}, "InvalidParameterException", "Invalid parameter: NextToken"),
]


@pytest.mark.parametrize(("operation", "given", "name", "message"), REFUSED)
def test_refusals_raise_the_modelled_class_in_the_services_words(
    sns: Any, operation: str, given: dict[str, Any], name: str, message: str
) -> None:
    sns.create_topic(Name="t")
    with pytest.raises(getattr(sns.exceptions, name)) as refused:
        getattr(sns, operation)(**given)
    assert refused.value.response["Error"]["Message"] == message


def test_what_is_not_here_is_refused_by_name(sns: Any) -> None:
    with pytest.raises(ClientError, match="CreatePlatformApplication"):
        sns.create_platform_application(Name="a", Platform="GCM", Attributes={})
