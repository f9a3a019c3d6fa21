"""Topics: publishing to everybody who subscribed, and the parts that topics are made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType

from watchpost.channels import Settings, channel_of, protocols
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.topics.catalogue import TopicCatalogue
from watchpost.service.topics.channel_settings import read_settings
from watchpost.service.topics.deliveries import Deliveries
from watchpost.service.topics.documents import (
    ACCEPTED,
    ACCEPTED_ORDER,
    DELIVERY,
    NUMBERING,
    THROTTLE,
    TOPIC,
    Accepted,
    Delivery,
    Numbering,
    Throttle,
    delivery_queue,
    of_topic,
    the_topic,
)
from watchpost.service.topics.incidents import Incidents
from watchpost.service.topics.signing import Signer
from watchpost.service.topics.subscriptions import Subscriptions
from watchpost.service.worker import Interrupted, Performer
from watchpost.stores.store import Entry, Store, Transaction
from watchpost.topics.alarm_news import alarm_news
from watchpost.topics.delivery_policy import effective_policy
from watchpost.topics.filter_policy import compile_filter_policy
from watchpost.topics.limits import (
    check_attribute,
    check_body,
    check_group,
    check_size,
    check_subject,
    fitting_subject,
    invalid,
    message_attribute,
)
from watchpost.topics.topic import Message, MessageAttribute, Subscription, Topic

DEDUPLICATION = timedelta(minutes=5)
NONE: Mapping[str, object] = MappingProxyType({})
_FIRST_NUMBER = 10**19


@dataclass(frozen=True, slots=True)
class Publication:
    """What somebody wants to publish, in SNS's words.

    `attributes` are AWS's: by name, DataType with StringValue or BinaryValue. `readable` is the text for people where
    `message` is JSON for programs; `group` and `deduplication` are for FIFO topics.
    """

    message: str
    subject: str | None = None
    attributes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    structured: bool = False
    readable: str | None = None
    group: str | None = None
    deduplication: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """A message was taken; `sequence` on FIFO topics only."""

    message_id: str
    sequence: str | None = None


class Topics:
    """Everything of topics.

    `catalogue` keeps the topics, `subscriptions` who gets their messages, `deliveries` and `incidents` what is sent
    and when. `settings` are those of `channels.toml` in the home folder unless given.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        configuration: Configuration,
        new_id: Callable[[], str],
        settings: Settings | None = None,
    ) -> None:
        settings = read_settings(configuration.home) if settings is None else settings
        self.settings, self._new_id = settings, new_id
        self.signer = Signer(configuration.home, configuration.base_url, clock)
        self.catalogue = TopicCatalogue(store, clock, configuration)
        self.subscriptions = Subscriptions(store, clock, configuration, new_id, settings)
        self.deliveries = Deliveries(store, clock, configuration, new_id, settings, self.signer, self._to_dead_letters)
        self.incidents = Incidents(configuration, new_id, settings)
        self._people = frozenset(p for p in protocols() if p in channel_of(p).people)

    # --- publishing -------------------------------------------------------------------------------------------------

    def publish(
        self,
        tx: Transaction,
        topic_arn: str,
        message: str,
        subject: str | None = None,
        attributes: Mapping[str, object] = NONE,
        *,
        now: datetime,
        readable: str | None = None,
    ) -> str:
        """Publish from inside the server, in the caller's transaction; the id of the message.

        Attributes are text, or AWS's DataType with StringValue or BinaryValue. A subject that SNS would not take is cut
        and cleaned, for the name of an alarm must not keep its news from going out.
        On a FIFO topic the group is the alarm the message is about, and every message counts as new.
        Raises: Refused: NotFound, there is no such topic; InvalidParameter, the message breaks a rule.
        """
        group, deduplication = None, None
        if topic_arn.endswith(".fifo"):
            probe = alarm_news(Message("", topic_arn, message, subject, now))
            group = sha256((probe.arn if probe else topic_arn).encode()).hexdigest()
            deduplication = self._new_id()
        typed = {name: _typed(value) for name, value in attributes.items()}
        clean = None if subject is None else fitting_subject(subject)
        publication = Publication(message, clean, typed, False, readable, group, deduplication)
        return self.publish_to(tx, topic_arn, publication, now).message_id

    def publish_to(self, tx: Transaction, topic_arn: str, publication: Publication, now: datetime) -> Published:
        """Publish to a topic: a delivery for each confirmed subscription whose filter policy lets the message through.

        Raises: Refused: see `publish`; a FIFO topic needs a group and a deduplication id or content to make it from.
        """
        topic = the_topic(tx, topic_arn)
        message = self._message(topic_arn, publication, now)
        if topic.fifo:
            earlier, message = self._numbered(tx, topic, message, publication, now)
            if earlier is not None:
                return Published(earlier.message_id, earlier.sequence)
        elif publication.deduplication is not None:
            raise invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is "
                "not valid for this topic type"
            )
        for subscription in of_topic(tx, topic_arn, now):
            if subscription.confirmed is not None and _passes(subscription, message):
                self._hand_over(tx, topic, subscription, message, now)
        return Published(message.id, message.sequence)

    def publish_to_phone(self, tx: Transaction, number: str, publication: Publication, now: datetime) -> Published:
        """Send a text message to a phone number, without a topic.

        Raises: Refused: InvalidParameter, no phone number, or no service for text messages is configured.
        """
        channel_of("sms").check("sms", number, self.settings)
        message = self._message("", publication, now)
        delivery = Delivery("notification", "sms", number, "", message)
        tx.enqueue(delivery_queue("sms"), DELIVERY.encode(delivery), now, now)
        return Published(message.id)

    def exists(self, tx: Transaction, arn: str) -> bool:
        """Whether there is a topic with that ARN."""
        return tx.get(TOPIC, arn) is not None

    # --- background -------------------------------------------------------------------------------------------------

    def performers(self) -> dict[str, Performer]:
        """What does the tasks of each queue of topics, for a `Worker`."""
        return {**self.incidents.performers(), **self.deliveries.performers()}

    def repeatable(self) -> frozenset[str]:
        """Queues whose tasks only write to the store, and so may be done again after a stop."""
        return frozenset(self.incidents.performers())

    def interrupted(self) -> dict[str, Interrupted]:
        """What is written about a delivery that a stop cut off, by queue."""
        return dict.fromkeys(self.deliveries.performers(), self.deliveries.interrupted)

    def certificate(self, name: str) -> bytes | None:
        """The certificate (PEM) of that file name, which messages were signed under; None: there is none."""
        return self.deliveries.certificate(name)

    # --- parts of publishing ----------------------------------------------------------------------------------------

    def _message(self, topic_arn: str, publication: Publication, now: datetime) -> Message:
        check_subject(publication.subject)
        check_body(publication.message, publication.structured)
        given = publication.attributes
        for name, value in given.items():
            check_attribute(name, value)
        attributes = tuple(message_attribute(name, value) for name, value in given.items())
        check_size(publication.message, attributes)
        if publication.group is not None:
            check_group("MessageGroupId", publication.group)
        return Message(
            id=self._new_id(),
            topic_arn=topic_arn,
            body=publication.message,
            subject=publication.subject,
            at=now,
            attributes=attributes,
            structured=publication.structured,
            readable=publication.readable,
            group=publication.group,
        )

    def _numbered(
        self, tx: Transaction, topic: Topic, message: Message, publication: Publication, now: datetime
    ) -> tuple[Accepted | None, Message]:
        """The message with its number, and what was accepted under its deduplication id before, if anything."""
        if publication.group is None:
            raise invalid("The MessageGroupId parameter is required for FIFO topics")
        name = publication.deduplication
        if name is None and topic.attribute("ContentBasedDeduplication").lower() == "true":
            name = sha256(message.body.encode()).hexdigest()
        if name is None:
            raise invalid(
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
                "explicitly"
            )
        check_group("MessageDeduplicationId", name)
        if topic.attribute("FifoThroughputScope") == "MessageGroup":
            name = f"{publication.group} {name}"
        key = f"{topic.arn}/{name}"
        self._forget_old(tx, topic.arn, now)
        earlier = tx.get(ACCEPTED, key)
        if earlier is not None and earlier.until > now:
            return earlier, message
        numbering = tx.get(NUMBERING, topic.arn) or Numbering(_FIRST_NUMBER)
        number = numbering.last + 1
        tx.put(NUMBERING, topic.arn, Numbering(number))
        accepted = Accepted(message.id, str(number), now + DEDUPLICATION)
        tx.put(ACCEPTED, key, accepted)
        tx.put(ACCEPTED_ORDER, f"{topic.arn}/{int(accepted.until.timestamp()):012d}/{number}", key)
        return None, replace(message, sequence=str(number))

    def _forget_old(self, tx: Transaction, topic_arn: str, now: datetime) -> None:
        """Forget a few deduplication ids that no longer count; each publication adds one and takes up to four."""
        for order, key in tx.scan(ACCEPTED_ORDER, prefix=f"{topic_arn}/", limit=4):
            if int(order.removeprefix(f"{topic_arn}/").partition("/")[0]) >= int(now.timestamp()):
                return
            tx.delete(ACCEPTED_ORDER, order)
            accepted = tx.get(ACCEPTED, key)
            if accepted is not None and accepted.until <= now:
                tx.delete(ACCEPTED, key)

    def _hand_over(
        self, tx: Transaction, topic: Topic, subscription: Subscription, message: Message, now: datetime
    ) -> None:
        if subscription.protocol in self._people:
            self.incidents.gather(tx, subscription, message, now)
            return
        due = now
        policy = effective_policy(topic.attribute("DeliveryPolicy"), subscription.attribute("DeliveryPolicy"))
        if policy.receives_per_second is not None:
            throttle = tx.get(THROTTLE, subscription.arn)
            due = now if throttle is None else max(now, throttle.free)
            tx.put(THROTTLE, subscription.arn, Throttle(due + timedelta(seconds=1 / policy.receives_per_second)))
        delivery = Delivery("notification", subscription.protocol, subscription.endpoint, subscription.arn, message)
        tx.enqueue(delivery_queue(protocols()[subscription.protocol]), DELIVERY.encode(delivery), due, now)

    def _to_dead_letters(self, tx: Transaction, topic_arn: str, delivery: Delivery, why: str, now: datetime) -> None:
        """Publish what could not be delivered to the topic that a RedrivePolicy names."""
        facts = {"RedrivenFrom": delivery.subscription_arn, "Reason": why[:1000] or "unknown"}
        kept = {a.name: a for a in delivery.message.attributes}
        kept |= {name: MessageAttribute(name, "String", text) for name, text in facts.items()}
        message = replace(delivery.message, id=self._new_id(), topic_arn=topic_arn, attributes=tuple(kept.values()))
        topic = tx.get(TOPIC, topic_arn)
        if topic is None:
            tx.record(Entry(now, "redrive.lost", delivery.subscription_arn, "server", {"topic": topic_arn}))
            return
        for subscription in of_topic(tx, topic_arn, now):
            if subscription.confirmed is not None and _passes(subscription, message):
                self._hand_over(tx, topic, subscription, message, now)


def _typed(value: object) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    return {"DataType": "String", "StringValue": str(value)}


def _passes(subscription: Subscription, message: Message) -> bool:
    scope = subscription.attribute("FilterPolicyScope", "MessageAttributes")
    policy = compile_filter_policy(subscription.attribute("FilterPolicy"), scope)
    return policy.lets_through(message, subscription.protocol)
