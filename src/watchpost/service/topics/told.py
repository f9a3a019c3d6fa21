"""Who was told of an alarm, and whether it reached them: read from the journal, which keeps every delivery."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from watchpost.channels import channel_of, protocols
from watchpost.service.topics.documents import of_topic
from watchpost.stores.store import Recorded, Store, Transaction
from watchpost.topics.topic import Subscription

# Subscriptions of a topic that are looked at, and lines of the journal for each: a page, not an audit.
_MOST_SUBSCRIPTIONS, _MOST_LINES = 25, 100
_KINDS = ("delivery", "delivery.dropped", "delivery.failed", "notification.held-back")


@dataclass(frozen=True, slots=True)
class Telling:
    """One message about the alarm, or its end.

    Args: protocol, endpoint: of the subscription, secrets masked. kind: of the journal's line: `delivery`,
    `delivery.dropped`, `delivery.failed` or `notification.held-back`. attempts: 0 where nothing was sent. why: what
    failed.
    """

    at: datetime
    topic_arn: str
    protocol: str
    endpoint: str
    kind: str
    attempts: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a topic's messages go to now, endpoints masked: (protocol, endpoint)."""

    topic_arn: str
    receivers: tuple[tuple[str, str], ...]


def audiences(store: Store, topic_arns: Sequence[str], now: datetime) -> tuple[Audience, ...]:
    """Whom each topic tells: its confirmed subscriptions."""

    def work(tx: Transaction) -> tuple[Audience, ...]:
        return tuple(Audience(arn, tuple(map(_shown, _confirmed(tx, arn, now)))) for arn in topic_arns)

    return store.read(work)


def tellings(store: Store, topic_arns: Sequence[str], alarm_arn: str, now: datetime, limit: int) -> tuple[Telling, ...]:
    """The latest messages about an alarm to those who subscribe to these topics, newest first."""

    def work(tx: Transaction) -> tuple[Telling, ...]:
        found = [
            _telling(line, subscription)
            for arn in topic_arns
            for subscription in _confirmed(tx, arn, now)[:_MOST_SUBSCRIPTIONS]
            for line in tx.journal(subscription.arn, _KINDS, limit=_MOST_LINES)
            if alarm_arn in _listed(line.entry.data.get("alarms"))
        ]
        return tuple(sorted(found, key=lambda each: each.at, reverse=True)[:limit])

    return store.read(work)


def _confirmed(tx: Transaction, topic_arn: str, now: datetime) -> list[Subscription]:
    # A protocol may be of a package that is gone since.
    known = protocols()
    return [s for s in of_topic(tx, topic_arn, now) if s.confirmed is not None and s.protocol in known]


def _telling(line: Recorded, subscription: Subscription) -> Telling:
    data, (protocol, endpoint) = line.entry.data, _shown(subscription)
    attempts = data.get("attempt", 0)
    return Telling(
        line.entry.at,
        subscription.topic_arn,
        protocol,
        endpoint,
        line.entry.kind,
        attempts if isinstance(attempts, int) else 0,
        str(data.get("why", "")),
    )


def _shown(subscription: Subscription) -> tuple[str, str]:
    return subscription.protocol, channel_of(subscription.protocol).shown(subscription.endpoint)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
