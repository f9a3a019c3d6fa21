"""What the service keeps of topics, and the work it puts into queues."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.stores.store import Transaction
from watchpost.topics.incidents import Told
from watchpost.topics.limits import check_arn
from watchpost.topics.topic import Message, Subscription, Topic

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing to deliver, as it waits in a queue named `deliver-<channel>`.

    `kind`: "notification" is SNS's message; "letter" a text for people, gathered from several messages, about `alarms`
    (ARNs); "confirmation" and "farewell" ask to confirm a subscription and tell of its end; "notice" says that an
    earlier delivery was interrupted. A message to a phone number has no subscription.
    """

    kind: Literal["notification", "letter", "confirmation", "farewell", "notice"]
    protocol: str
    endpoint: str
    subscription_arn: str
    message: Message
    token: str = ""
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gathering:
    """Messages to people are being gathered for a subscription: `count` so far, and a task is queued to send them."""

    count: int


@dataclass(frozen=True, slots=True)
class Numbering:
    """The last sequence number that a FIFO topic gave out."""

    last: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that a FIFO topic took under a deduplication id, which counts until `until`."""

    message_id: str
    sequence: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Throttle:
    """When the next message may be sent to a subscription with a limited rate."""

    free: datetime


TOPIC = Kind("topic", Topic)
"""By ARN."""
SUBSCRIPTION = Kind("subscription", Subscription)
"""By ARN, which begins with that of the topic and a colon."""
ENDED = Kind("ended-subscription", Subscription)
"""Subscriptions that were ended and can be restored by their token, by topic ARN, `/`, and token."""
DELIVERY = Kind("delivery", Delivery)
"""The body of a task; not kept as a document."""
WAITING = Kind("waiting-message", Message)
"""Messages being gathered, by subscription ARN, `/`, and the order they came in."""
GATHERING = Kind("gathering", Gathering)
"""By subscription ARN."""
TOLD = Kind("told", Told)
"""What people were told of an alarm, by subscription ARN, `/`, and alarm ARN."""
NUMBERING = Kind("topic-numbering", Numbering)
"""By topic ARN."""
ACCEPTED = Kind("accepted-message", Accepted)
"""By topic ARN, `/`, and deduplication id."""
ACCEPTED_ORDER = Kind("accepted-order", str)
"""Keys of ACCEPTED by topic ARN, `/`, and when they end, so that old ones are found."""
THROTTLE = Kind("throttle", Throttle)
"""By subscription ARN."""
CERTIFICATE = Kind("signing-certificate", str)
"""Certificates (PEM) that messages were signed under, by file name."""

GATHER_QUEUE = "gather"


def the_topic(tx: Transaction, arn: str) -> Topic:
    """The topic. Raises: Refused: InvalidParameter, it is no ARN; NotFound, there is none."""
    check_arn(arn)
    topic = tx.get(TOPIC, arn)
    if topic is None:
        raise Refused("NotFoundException", "Topic does not exist")
    return topic


def of_topic(tx: Transaction, topic_arn: str, now: datetime) -> list[Subscription]:
    """A topic's subscriptions by ARN, without those that were not confirmed in time."""
    found = tx.scan(SUBSCRIPTION, prefix=f"{topic_arn}:")
    return [s for _, s in found if not expired(s, now)]


def expired(subscription: Subscription, now: datetime) -> bool:
    """Whether it was not confirmed in time."""
    return subscription.confirmed is None and subscription.token_expires <= now


def delivery_queue(channel: str) -> str:
    """The queue of a channel: each has its own, so that a slow one holds nobody else up."""
    return f"deliver-{channel}"


def clear(tx: Transaction, kind: Kind[T], prefix: str) -> None:
    """Remove every document of a kind whose key starts with the prefix."""
    for key, _ in tx.scan(kind, prefix=prefix):
        tx.delete(kind, key)


def remove_subscription(tx: Transaction, arn: str) -> bool:
    """Remove a subscription and what is remembered for it; whether it was there."""
    clear(tx, WAITING, f"{arn}/")
    clear(tx, TOLD, f"{arn}/")
    tx.delete(GATHERING, arn)
    tx.delete(THROTTLE, arn)
    return tx.delete(SUBSCRIPTION, arn)
