"""People are told once per incident, by mail over a real SMTP server and a clock that is moved by hand."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from watchpost.channels import Settings, Smtp
from watchpost.errors import Refused
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.dead_letters import dead_letters
from watchpost.service.topics.topics import Publication, Topics
from watchpost.service.worker import Worker
from watchpost.stores.store import Store

ALARM = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:accuracy"


@dataclass
class Mailbox:
    """Takes mail, unless `refusal` is set."""

    refusal: str = ""
    letters: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        assert isinstance(envelope.content, bytes)
        if not self.refusal:
            self.letters.append(message_from_bytes(envelope.content, EmailMessage, policy=policy.default))
        return self.refusal or "250 taken"

    @property
    def texts(self) -> list[str]:
        return [letter.get_content().replace("\r\n", "\n") for letter in self.letters]

    @property
    def subjects(self) -> list[str]:
        return [letter["Subject"] for letter in self.letters]


class AnyPort(Controller):
    """A controller on whichever port is free."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Office:
    """Topics with a mail server and one subscriber, who has confirmed."""

    def __init__(self, store: Store, clock: ManualClock, home: Path, port: int) -> None:
        numbers = count()
        self.store, self.clock = store, clock
        settings = Settings(smtp=Smtp("127.0.0.1", "w@example.com", port, "none", timeout_seconds=5.0))
        configuration = Configuration(home, base_url="http://watch.example.com")
        self.topics = Topics(store, clock, configuration, lambda: f"id-{next(numbers)}", settings)
        self.worker = self.life()
        self.topic = self.topics.catalogue.create("models", {"DisplayName": "Model watch"}, {}, "owner")

    def life(self) -> Worker:
        topics = self.topics
        return Worker(
            self.store,
            self.clock,
            topics.performers(),
            "w",
            repeatable=topics.repeatable(),
            interrupted=topics.interrupted(),
        )

    def work(self, seconds: float = 0) -> None:
        self.worker.step(self.clock.advance(seconds))

    def publish(self, message: str, subject: str | None = None, structured: bool = False) -> str:
        publication = Publication(message, subject, structured=structured)
        now = self.clock.now()
        return self.store.write(lambda tx: self.topics.publish_to(tx, self.topic, publication, now)).message_id

    def alarm(self, state: str, before: str, readable: str | None = None) -> None:
        now = self.clock.now()
        body = {
            "AlarmName": "accuracy",
            "AlarmArn": ALARM,
            "NewStateValue": state,
            "OldStateValue": before,
            "NewStateReason": "Threshold Crossed: 71.5 < 80",
            "StateChangeTime": f"{now:%Y-%m-%dT%H:%M:%S}.000+0000",
        }
        message, subject = json.dumps(body), f'{state}: "accuracy"'
        self.store.write(lambda tx: self.topics.publish(tx, self.topic, message, subject, now=now, readable=readable))


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def office(store: Store, clock: ManualClock, tmp_path: Path, mailbox: Mailbox) -> Iterator[Office]:
    controller = AnyPort(mailbox, hostname="127.0.0.1", port=0)
    controller.start()
    office = Office(store, clock, tmp_path, controller.port)
    subscription = office.topics.subscriptions.subscribe(office.topic, "email", "ann@example.com", {}, "owner")
    office.topics.subscriptions.confirm(office.topic, subscription.token, None)
    office.work()
    mailbox.letters.clear()
    yield office
    controller.stop()


def test_a_mail_subscription_is_confirmed_by_the_link_in_a_mail(office: Office, mailbox: Mailbox) -> None:
    subscriptions = office.topics.subscriptions
    subscriptions.subscribe(office.topic, "email", "bob@example.com", {}, "owner")
    office.work()
    assert mailbox.subjects == ["Subscription Confirmation"]
    link = next(word for word in mailbox.texts[0].split() if word.startswith("http://watch.example.com/?"))
    query = parse_qs(urlsplit(link).query)
    assert query["Action"] == ["ConfirmSubscription"]
    confirmed = subscriptions.confirm(query["TopicArn"][0], query["Token"][0], None)
    assert (confirmed.endpoint, confirmed.confirmed) == ("bob@example.com", office.clock.now())


def test_a_lone_message_comes_as_it_was_published_with_the_way_out(office: Office, mailbox: Mailbox) -> None:
    office.publish("The model is trained.", "News")
    office.work(4.9)
    assert mailbox.letters == []
    office.work(0.1)
    (text,) = mailbox.texts
    assert text.startswith("The model is trained.\n\n--\n")
    assert "http://watch.example.com/?Action=Unsubscribe&SubscriptionArn=" in text
    assert mailbox.subjects == ["News"]


def test_a_message_without_subject_is_named_like_its_topic(office: Office, mailbox: Mailbox) -> None:
    office.publish("hello")
    office.work(5)
    assert mailbox.subjects == ["Model watch"]


def test_a_storm_becomes_one_letter(office: Office, mailbox: Mailbox) -> None:
    for number in range(20):
        office.publish(f"job {number} failed")
        office.clock.advance(0.2)
    office.work(5)
    assert mailbox.subjects == ["20 messages: Model watch"]
    assert all(f"job {number} failed" in mailbox.texts[0] for number in range(20))


def test_an_incident_is_told_once_with_its_cause_and_its_end(office: Office, mailbox: Mailbox) -> None:
    office.alarm("ALARM", "OK")
    office.work(5)
    for _ in range(3):
        office.clock.advance(600)
        office.alarm("ALARM", "INSUFFICIENT_DATA")
        office.work(5)
    office.alarm("OK", "ALARM")
    office.work(5)
    assert mailbox.subjects == ['ALARM: "accuracy"', 'OK: "accuracy"']
    told, ended = mailbox.texts
    assert "Cause: Threshold Crossed: 71.5 < 80" in told
    assert "Since: 2026-07-01 12:00:00 UTC" in told
    assert "http://watch.example.com/alarms/accuracy" in told
    assert "The incident lasted 30 min 20 s" in ended
    assert "3 further notifications were held back." in ended


def test_the_publishers_sentence_replaces_the_json(office: Office, mailbox: Mailbox) -> None:
    office.alarm("ALARM", "OK", "Accuracy fell to 71.5 % at noon.")
    office.work(5)
    assert mailbox.texts[0].startswith("Accuracy fell to 71.5 % at noon.\n")


def test_machines_get_every_message_people_are_spared(office: Office, mailbox: Mailbox) -> None:
    office.topics.subscriptions.subscribe(office.topic, "email-json", "bot@example.com", {}, "owner")
    office.work()
    token = json.loads(mailbox.texts[-1])["Token"]
    office.topics.subscriptions.confirm(office.topic, token, None)
    mailbox.letters.clear()
    for _ in range(3):
        office.alarm("ALARM", "INSUFFICIENT_DATA")
        office.work(5)
    assert [letter["To"] for letter in mailbox.letters].count("bot@example.com") == 3
    assert [letter["To"] for letter in mailbox.letters].count("ann@example.com") == 1
    robot = next(text for letter, text in zip(mailbox.letters, mailbox.texts, strict=True) if "bot" in letter["To"])
    assert json.loads(json.loads(robot)["Message"])["AlarmName"] == "accuracy"


def test_a_structured_message_gives_mail_its_own_text(office: Office, mailbox: Mailbox) -> None:
    office.publish(json.dumps({"default": "d", "email": "for people"}), structured=True)
    office.work(5)
    assert mailbox.texts[0].startswith("for people\n")


def test_news_that_could_not_be_told_is_not_held_back_the_next_time(office: Office, mailbox: Mailbox) -> None:
    mailbox.refusal = "554 no thanks"
    office.alarm("ALARM", "OK")
    office.work(5)
    mailbox.refusal = ""
    office.clock.advance(60)
    office.alarm("ALARM", "INSUFFICIENT_DATA")
    office.work(5)
    assert mailbox.subjects == ['ALARM: "accuracy"']


def test_people_are_told_of_a_letter_that_a_stop_cut_off(office: Office, mailbox: Mailbox) -> None:
    message = office.publish("The model is trained.", "News")
    gather, send = "gather", "deliver-email"
    office.clock.advance(5)
    office.store.claim(gather, "w", office.clock.now(), 1)
    office.worker = office.life()
    office.worker.recover(office.clock.now())  # gathering only writes, so it is done again …
    gathering = Worker(office.store, office.clock, {gather: office.topics.performers()[gather]}, "w")
    gathering.step(office.clock.now())
    office.store.claim(send, "w", office.clock.now(), 1)
    office.life().recover(office.clock.now())  # … but a mail that may have been sent is not sent again
    office.work()
    assert mailbox.subjects == ["Interrupted: News"]
    assert message in mailbox.texts[0]
    assert "may or may not have reached you: News" in " ".join(mailbox.texts[0].split())
    assert [letter.outcome for _, letter in office.store.read(dead_letters)] == ["unknown"]


def test_without_a_mail_server_subscribing_is_refused_with_the_setting(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    topics = Topics(store, clock, Configuration(tmp_path), lambda: "id", Settings())
    topic = topics.catalogue.create("t", {}, {}, "owner")
    with pytest.raises(Refused, match=r"\[smtp\] in channels\.toml"):
        topics.subscriptions.subscribe(topic, "email", "ann@example.com", {}, "owner")
