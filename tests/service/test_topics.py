"""Topics, subscriptions and deliveries together, over a real store and a clock that is moved by hand."""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

from watchpost.channels import Command, Settings
from watchpost.errors import Refused
from watchpost.service.clock import ManualClock, SystemClock
from watchpost.service.configuration import Configuration
from watchpost.service.dead_letters import dead_letters, redrive
from watchpost.service.topics.documents import ACCEPTED, ACCEPTED_ORDER
from watchpost.service.topics.signing import Signer
from watchpost.service.topics.topics import Publication, Published, Topics
from watchpost.service.worker import Worker
from watchpost.stores.store import Store

DEAD = "http://127.0.0.1:1/"


@dataclass
class Endpoint:
    """Takes POSTs; `statuses` are answered in turn, then 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[dict[str, str], str]] = field(default_factory=list)

    def bodies(self, kind: str = "Notification") -> list[dict[str, str]]:
        parsed = [json.loads(body) for headers, body in self.requests if "x-amz-sns-rawdelivery" not in headers]
        return [body for body in parsed if body["Type"] == kind]

    def messages(self) -> list[str]:
        return [body["Message"] for body in self.bodies()]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    box = Endpoint()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            box.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(box.statuses.pop(0) if box.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    box.url = f"http://127.0.0.1:{server.server_port}/"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield box
    server.shutdown()
    server.server_close()
    thread.join()


class House:
    """A store, its topics and a worker that works when told."""

    def __init__(self, store: Store, clock: ManualClock, home: Path) -> None:
        numbers = count()
        configuration = Configuration(home, base_url="http://watch.example.com")
        self.out = home / "out"
        settings = Settings(
            command={
                "note": Command(("tee", "-a", str(self.out))),
                "fail": Command(("false",)),
            }
        )
        self.store, self.clock = store, clock
        self.topics = Topics(store, clock, configuration, lambda: f"id-{next(numbers)}", settings)
        self.worker = self.life()
        self.topic = self.topics.catalogue.create("drift", {}, {}, "owner")

    def life(self) -> Worker:
        """A worker as it is after a start."""
        return Worker(
            self.store,
            self.clock,
            self.topics.performers(),
            "w",
            repeatable=self.topics.repeatable(),
            interrupted=self.topics.interrupted(),
        )

    def work(self, seconds: float = 0) -> int:
        return self.worker.step(self.clock.advance(seconds))

    def publish(self, message: str, topic: str = "", **rest: object) -> Published:
        publication = Publication(message, **rest)  # type: ignore[arg-type]
        return self.store.write(
            lambda tx: self.topics.publish_to(tx, topic or self.topic, publication, self.clock.now())
        )

    def confirmed(self, endpoint: Endpoint, topic: str = "", **attributes: str) -> str:
        topic = topic or self.topic
        arn = self.topics.subscriptions.subscribe(topic, "http", endpoint.url, attributes, "owner").arn
        self.work()
        self.topics.subscriptions.confirm(topic, endpoint.bodies("SubscriptionConfirmation")[-1]["Token"], None)
        return arn

    def journal(self, kind: str) -> list[dict[str, object]]:
        return [line.entry.data for line in self.store.read(lambda tx: tx.journal(kinds=(kind,)))]

    def dead(self) -> list[str]:
        return [letter.why for _, letter in self.store.read(dead_letters)]


@pytest.fixture(scope="module")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a signing key: making one takes longer than all else in a test."""
    home = tmp_path_factory.mktemp("home")
    assert Signer(home, "", SystemClock()).name
    return home / "sns"


@pytest.fixture
def house(store: Store, clock: ManualClock, tmp_path: Path, signing_key: Path) -> House:
    shutil.copytree(signing_key, tmp_path / "sns")
    return House(store, clock, tmp_path)


def refusal(call: Callable[..., object], *arguments: object) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        call(*arguments)
    return refused.value.fault.removesuffix("Exception"), refused.value.message


# --- delivery -------------------------------------------------------------------------------------------------------


def test_a_message_reaches_a_confirmed_webhook_with_its_headers(house: House, endpoint: Endpoint) -> None:
    arn = house.confirmed(endpoint)
    published = house.publish("hello", subject="greeting")
    house.work()
    headers, body = endpoint.requests[-1]
    assert json.loads(body)["Message"] == "hello"
    assert headers["x-amz-sns-message-id"] == published.message_id == json.loads(body)["MessageId"]
    assert (headers["x-amz-sns-subscription-arn"], headers["x-amz-sns-message-type"]) == (arn, "Notification")
    assert next(entry["message"] for entry in house.journal("delivery")) == published.message_id


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_subscriber_can_verify_the_signature_by_the_certificate_it_is_sent_to(
    house: House, endpoint: Endpoint, version: str
) -> None:
    house.topics.catalogue.set_attribute(house.topic, "SignatureVersion", version, "owner")
    house.confirmed(endpoint)
    house.publish("hello", subject="greeting")
    house.work()
    for body in (endpoint.bodies("SubscriptionConfirmation")[0], endpoint.bodies()[0]):
        verify(house, body, version)


def verify(house: House, body: dict[str, str], version: str) -> None:
    """What receivers do; written from the service's description of it, not from our code."""
    place, _, name = body["SigningCertURL"].rpartition("/")
    assert place == "http://watch.example.com/sns"
    pem = house.topics.certificate(name)
    assert pem is not None
    key = load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, RSAPublicKey)
    notification = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    others = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    names = notification if body["Type"] == "Notification" else others
    text = "".join(f"{n}\n{body[n]}\n" for n in names if n in body)
    assert body["SignatureVersion"] == version
    digest = SHA1() if version == "1" else SHA256()
    key.verify(base64.b64decode(body["Signature"]), text.encode(), PKCS1v15(), digest)


def test_the_signing_key_is_its_owners_alone_and_stays_over_a_restart(house: House, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "sns")
    name = house.topics.signer.name
    assert (tmp_path / "sns" / "signing-key.pem").stat().st_mode & 0o777 == 0o600
    again = Topics(house.store, house.clock, Configuration(tmp_path), str, Settings())
    assert again.signer.name == name
    assert house.topics.certificate("other.pem") is None


def test_nobody_gets_a_message_before_confirming(house: House, endpoint: Endpoint) -> None:
    house.topics.subscriptions.subscribe(house.topic, "http", endpoint.url, {}, "owner")
    house.publish("hello")
    house.work()
    assert endpoint.messages() == []


def test_raw_delivery_is_the_bare_message(house: House, endpoint: Endpoint) -> None:
    house.confirmed(endpoint, RawMessageDelivery="true")
    house.publish('{"a": 1}')
    house.work()
    headers, body = endpoint.requests[-1]
    assert (body, headers["x-amz-sns-rawdelivery"]) == ('{"a": 1}', "true")


def test_a_filter_policy_decides_who_gets_a_message(house: House, endpoint: Endpoint) -> None:
    house.confirmed(endpoint, FilterPolicy='{"level": ["bad"]}')
    for level in ("good", "bad"):
        house.publish(level, attributes={"level": {"DataType": "String", "StringValue": level}})
    house.work()
    assert endpoint.messages() == ["bad"]


def test_a_message_from_inside_commits_with_its_transaction_or_not_at_all(house: House, endpoint: Endpoint) -> None:
    house.confirmed(endpoint)
    house.store.write(lambda tx: house.topics.publish(tx, house.topic, "kept", "s", {"k": "v"}, now=house.clock.now()))
    with pytest.raises(ZeroDivisionError):
        house.store.write(lambda tx: (house.topics.publish(tx, house.topic, "lost", now=house.clock.now()), 1 // 0))
    house.work()
    assert endpoint.messages() == ["kept"]


def test_news_from_inside_goes_out_whatever_its_subject(house: House, endpoint: Endpoint) -> None:
    house.confirmed(endpoint)
    now = house.clock.now()
    for subject in ('ALARM: "größe" ' + "x" * 200, "\n"):
        house.store.write(lambda tx, s=subject: house.topics.publish(tx, house.topic, "m", s, now=now))  # type: ignore[misc]
    house.work()
    first, second = endpoint.bodies()
    assert first["Subject"].startswith('ALARM: "gr??e" xx')
    assert len(first["Subject"]) == 99
    assert "Subject" not in second


def test_publishing_to_no_topic_is_refused(house: House) -> None:
    assert refusal(house.publish, "x", house.topic + "x") == ("NotFound", "Topic does not exist")


# --- retries --------------------------------------------------------------------------------------------------------


def test_a_failing_endpoint_is_tried_three_more_times_then_kept_as_a_dead_letter(
    house: House, endpoint: Endpoint
) -> None:
    house.confirmed(endpoint)
    endpoint.statuses = [500] * 10
    house.publish("hello")
    tries = [house.work(seconds) for seconds in (0, 19, 3.1, 23, 23, 1000)]
    assert tries == [1, 0, 1, 1, 1, 0]
    assert house.dead() == ["the endpoint answered HTTP 500"]


def test_a_dead_letter_that_is_put_back_arrives(house: House, endpoint: Endpoint) -> None:
    house.confirmed(endpoint)
    endpoint.statuses = [404]
    house.publish("hello")
    house.work()
    ((key, letter),) = house.store.read(dead_letters)
    assert (letter.outcome, letter.attempts) == ("failed", 1)
    house.store.write(lambda tx: redrive(tx, key, "owner", house.clock.now()))
    house.work()
    assert (endpoint.messages(), house.dead()) == (["hello", "hello"], [])


def test_a_delivery_policy_says_how_often(house: House, endpoint: Endpoint) -> None:
    policy = {"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 1}}
    house.confirmed(endpoint, DeliveryPolicy=json.dumps(policy))
    endpoint.statuses = [500] * 10
    house.publish("hello")
    assert [house.work(seconds) for seconds in (0, 1.2, 1.2)] == [1, 1, 0]


def test_a_throttled_subscription_gets_its_messages_one_after_the_other(house: House, endpoint: Endpoint) -> None:
    house.confirmed(endpoint, DeliveryPolicy='{"throttlePolicy": {"maxReceivesPerSecond": 1}}')
    for number in range(3):
        house.publish(str(number))
    assert [house.work(seconds) for seconds in (0, 0.9, 0.1, 1)] == [1, 0, 1, 1]
    assert endpoint.messages() == ["0", "1", "2"]


def test_a_redrive_policy_takes_what_failed_to_another_topic_once(house: House, endpoint: Endpoint) -> None:
    dead = house.topics.catalogue.create("dead", {}, {}, "owner")
    house.confirmed(endpoint, dead, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead}))
    policy = json.dumps({"deadLetterTargetArn": dead})
    house.topics.subscriptions.subscribe(house.topic, "command", "fail", {"RedrivePolicy": policy}, "owner")
    endpoint.statuses = [404]
    house.publish("hello")
    for _ in range(5):
        house.work(30)
    (body,) = endpoint.bodies()
    assert body["Message"] == "hello"
    assert "ended with 1" in body["MessageAttributes"]["Reason"]["Value"]  # type: ignore[index]
    assert len(house.dead()) == 2


def test_a_delivery_that_a_stop_cut_off_is_not_repeated(house: House, endpoint: Endpoint) -> None:
    house.confirmed(endpoint)
    house.publish("hello")
    assert len(house.store.claim("deliver-webhook", "w", house.clock.now(), 9)) == 1
    house.worker = house.life()
    house.worker.recover(house.clock.now())
    house.work()
    assert endpoint.messages() == []
    ((_, letter),) = house.store.read(dead_letters)
    assert letter.outcome == "unknown"


# --- subscriptions --------------------------------------------------------------------------------------------------


def test_subscribing_again_finds_the_subscription_and_asks_once_more_while_it_is_pending(
    house: House, endpoint: Endpoint
) -> None:
    subscriptions = house.topics.subscriptions
    first = subscriptions.subscribe(house.topic, "http", endpoint.url, {}, "owner")
    again = subscriptions.subscribe(house.topic, "http", endpoint.url, {}, "owner")
    house.work()
    assert first.arn == again.arn
    assert len(endpoint.bodies("SubscriptionConfirmation")) == 2
    subscriptions.confirm(house.topic, first.token, None)
    subscriptions.subscribe(house.topic, "http", endpoint.url, {}, "owner")
    assert house.work() == 0


def test_subscribing_again_with_other_attributes_is_refused(house: House, endpoint: Endpoint) -> None:
    house.confirmed(endpoint, RawMessageDelivery="true")
    filtered = {"FilterPolicy": '{"a": ["b"]}'}
    assert refusal(house.topics.subscriptions.subscribe, house.topic, "http", endpoint.url, filtered, "owner") == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Subscription already exists with different attributes",
    )


def test_a_token_is_valid_for_two_days_and_for_its_own_topic(house: House, endpoint: Endpoint) -> None:
    other = house.topics.catalogue.create("other", {}, {}, "owner")
    subscriptions = house.topics.subscriptions
    token = subscriptions.subscribe(house.topic, "http", endpoint.url, {}, "owner").token
    assert refusal(subscriptions.confirm, other, token, None) == ("InvalidParameter", "Invalid token")
    assert refusal(subscriptions.confirm, house.topic, "no token", None)[1] == "Invalid parameter: Token"
    house.clock.advance(timedelta(days=2).total_seconds())
    assert refusal(subscriptions.confirm, house.topic, token, None)[1] == "Invalid token"
    assert subscriptions.page()[0] == []


def test_confirming_again_answers_the_same(house: House, endpoint: Endpoint) -> None:
    arn = house.confirmed(endpoint)
    token = endpoint.bodies("SubscriptionConfirmation")[0]["Token"]
    assert house.topics.subscriptions.confirm(house.topic, token, None).arn == arn


def test_who_ends_a_subscription_is_told_and_can_restore_it(house: House, endpoint: Endpoint) -> None:
    arn = house.confirmed(endpoint)
    house.topics.subscriptions.unsubscribe(arn, None)
    house.publish("unheard")
    house.work()
    assert endpoint.messages() == []
    (farewell,) = endpoint.bodies("UnsubscribeConfirmation")
    link = parse_qs(urlsplit(farewell["SubscribeURL"]).query)
    house.topics.subscriptions.confirm(link["TopicArn"][0], link["Token"][0], None)
    house.publish("heard")
    house.work()
    assert endpoint.messages() == ["heard"]


def test_ending_a_subscription_drops_what_still_waits_for_it(house: House, endpoint: Endpoint) -> None:
    arn = house.confirmed(endpoint)
    house.publish("late")
    house.topics.subscriptions.unsubscribe(arn, "owner")
    house.work()
    assert endpoint.messages() == []
    assert len(house.journal("delivery.dropped")) == 1


def test_a_subscription_may_ask_that_its_end_be_signed(house: House, endpoint: Endpoint) -> None:
    subscriptions = house.topics.subscriptions
    made = subscriptions.subscribe(house.topic, "http", endpoint.url, {}, "owner")
    subscriptions.confirm(house.topic, made.token, "owner", authenticate_on_unsubscribe=True)
    assert refusal(subscriptions.unsubscribe, made.arn, None)[0] == "AuthorizationError"
    subscriptions.unsubscribe(made.arn, "owner")


def test_ending_what_is_not_there_is_no_fault(house: House) -> None:
    house.topics.subscriptions.unsubscribe(house.topic + ":nothing", "owner")
    assert refusal(house.topics.subscriptions.attributes, house.topic + ":nothing") == (
        "NotFound",
        "Subscription does not exist",
    )


def test_attributes_of_a_subscription_are_the_services(house: House, endpoint: Endpoint) -> None:
    arn = house.confirmed(endpoint)
    shown = house.topics.subscriptions.attributes(arn)
    assert shown.pop("EffectiveDeliveryPolicy").startswith('{"healthyRetryPolicy":{"minDelayTarget":20')
    assert shown == {
        "SubscriptionArn": arn,
        "TopicArn": house.topic,
        "Protocol": "http",
        "Endpoint": endpoint.url,
        "Owner": "000000000000",
        "PendingConfirmation": "false",
        "ConfirmationWasAuthenticated": "false",
        "RawMessageDelivery": "false",
        "SubscriptionPrincipal": "arn:aws:iam::000000000000:root",
    }
    house.topics.subscriptions.set_attribute(arn, "FilterPolicy", '{"a": ["b"]}', "owner")
    assert house.topics.subscriptions.attributes(arn)["FilterPolicyScope"] == "MessageAttributes"
    house.topics.subscriptions.set_attribute(arn, "FilterPolicy", "", "owner")
    assert "FilterPolicy" not in house.topics.subscriptions.attributes(arn)


def test_a_page_holds_a_hundred_subscriptions(house: House) -> None:
    for number in range(101):
        house.topics.subscriptions.subscribe(house.topic, "http", f"{DEAD}{number}", {}, "owner")
    first, more = house.topics.subscriptions.page(house.topic)
    assert more is not None
    rest, end = house.topics.subscriptions.page(house.topic, more)
    assert (len(first), len(rest), end, first[0].arn) == (100, 1, None, "PendingConfirmation")


# --- topics ---------------------------------------------------------------------------------------------------------


def test_creating_a_topic_again_finds_it_unless_it_should_be_another(house: House) -> None:
    catalogue = house.topics.catalogue
    assert house.topic == "arn:aws:sns:us-east-1:000000000000:drift"
    assert catalogue.create("drift", {}, {}, "owner") == house.topic
    assert refusal(catalogue.create, "drift", {"DisplayName": "x"}, {}, "owner")[1] == (
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
    )
    assert refusal(catalogue.create, "drift", {}, {"k": "v"}, "owner")[1] == (
        "Invalid parameter: Tags Reason: Topic already exists with different tags"
    )


def test_a_topic_counts_its_subscriptions(house: House, endpoint: Endpoint) -> None:
    arn = house.confirmed(endpoint)
    house.topics.subscriptions.subscribe(house.topic, "http", DEAD, {}, "owner")
    house.topics.subscriptions.unsubscribe(arn, "owner")
    shown = house.topics.catalogue.attributes(house.topic)
    counts = [shown[f"Subscriptions{word}"] for word in ("Confirmed", "Pending", "Deleted")]
    assert counts == ["0", "1", "1"]


def test_deleting_a_topic_takes_its_subscriptions_along(house: House, endpoint: Endpoint) -> None:
    house.confirmed(endpoint)
    house.topics.catalogue.delete(house.topic, "owner")
    house.topics.catalogue.delete(house.topic, "owner")
    assert house.topics.subscriptions.page() == ([], None)
    assert refusal(house.topics.catalogue.attributes, house.topic) == ("NotFound", "Topic does not exist")


def test_tags_come_and_go(house: House) -> None:
    catalogue = house.topics.catalogue
    catalogue.tag(house.topic, {"team": "ml", "cost": "1"}, "owner")
    catalogue.untag(house.topic, ["cost", "unknown"], "owner")
    assert catalogue.tags(house.topic) == {"team": "ml"}
    assert refusal(catalogue.tags, house.topic + "x")[0] == "ResourceNotFound"


def test_every_change_is_in_the_journal(house: House, endpoint: Endpoint) -> None:
    arn = house.confirmed(endpoint)
    house.topics.catalogue.add_permission(house.topic, "l", ["111111111111"], ["Publish"], "owner")
    house.topics.subscriptions.unsubscribe(arn, "owner")
    house.topics.catalogue.delete(house.topic, "owner")
    kinds = [line.entry.kind for line in house.store.read(lambda tx: tx.journal())]
    assert [kind for kind in kinds[::-1] if not kind.startswith("delivery")] == [
        "topic.create",
        "subscription.create",
        "subscription.confirm",
        "topic.add-permission",
        "subscription.delete",
        "topic.delete",
    ]


# --- FIFO -----------------------------------------------------------------------------------------------------------


def test_a_fifo_topic_numbers_its_messages_and_takes_each_once_in_five_minutes(
    house: House, endpoint: Endpoint
) -> None:
    attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    fifo = house.topics.catalogue.create("orders.fifo", attributes, {}, "owner")
    house.confirmed(endpoint, fifo)
    first = house.publish("a", fifo, group="g")
    again = house.publish("a", fifo, group="g")
    other = house.publish("b", fifo, group="g")
    assert first == again
    assert first.sequence is not None
    assert other.sequence is not None
    assert int(other.sequence) > int(first.sequence)
    house.clock.advance(301)
    assert house.publish("a", fifo, group="g") != first
    house.work()
    assert endpoint.messages() == ["a", "b", "a"]
    assert endpoint.bodies()[0]["SequenceNumber"] == first.sequence
    house.clock.advance(301)
    house.publish("c", fifo, group="g")
    assert [len(house.store.read(lambda tx, k=k: tx.scan(k))) for k in (ACCEPTED, ACCEPTED_ORDER)] == [1, 1]  # type: ignore[misc]


def test_a_fifo_topic_wants_a_group_and_something_to_tell_messages_apart_by(house: House) -> None:
    fifo = house.topics.catalogue.create("orders.fifo", {"FifoTopic": "true"}, {}, "owner")
    assert refusal(house.publish, "a", fifo)[1] == (
        "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
    )
    with pytest.raises(Refused, match="ContentBasedDeduplication enabled or MessageDeduplicationId provided"):
        house.publish("a", fifo, group="g")


# --- commands -------------------------------------------------------------------------------------------------------


def test_a_command_gets_every_message(house: House) -> None:
    house.topics.subscriptions.subscribe(house.topic, "command", "note", {"RawMessageDelivery": "true"}, "owner")
    house.publish("one\n")
    house.publish("two\n")
    house.work()
    assert house.out.read_text() == "one\ntwo\n"
