"""From a batch of log events to what one transaction writes: a block, metric data, messages to subscribers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from watchpost.errors import Refused
from watchpost.logs.blocks import EventKey, pack
from watchpost.logs.embedded_metrics import Embedded, embedded_metrics
from watchpost.logs.filter_pattern import Pattern, compile_pattern
from watchpost.logs.metric_filter import Compiled, Outcome, compile_filter, transform
from watchpost.logs.records import LogGroup, SubscriptionFilter
from watchpost.metrics.identity import Datum, Metric
from watchpost.stores.sql import log_events
from watchpost.stores.sql.log_events import NewBlock
from watchpost.stores.store import Transaction

# Topics take messages of 256 KB; room is left for the frame around the events.
_LARGEST_MESSAGE = 240_000


class MetricSink(Protocol):
    """Where metric data go."""

    def put_within(self, tx: Transaction, data: Sequence[Datum]) -> None:
        """Write them in the transaction of the caller."""


class TopicSink(Protocol):
    """Where messages to subscribers go."""

    def exists(self, tx: Transaction, topic_arn: str) -> bool:
        """Whether there is such a topic."""

    def publish(
        self,
        tx: Transaction,
        topic_arn: str,
        message: str,
        subject: str | None = None,
        attributes: Mapping[str, object] = {},
        *,
        now: datetime,
    ) -> str:
        """Publish in the transaction of the caller; the message's id."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A group with its filters compiled."""

    group: LogGroup
    metric_filters: tuple[Compiled, ...]
    subscriptions: tuple[tuple[SubscriptionFilter, Pattern], ...]

    @classmethod
    def of(cls, group: LogGroup) -> "Rules":
        """Compile the filters of a group."""
        return cls(
            group,
            tuple(compile_filter(each) for each in group.metric_filters),
            tuple((each, compile_pattern(each.pattern)) for each in group.subscriptions),
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """The events, by their places in the batch, that a subscription gets."""

    subscription: SubscriptionFilter
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ingestion:
    """All that follows from a batch, computed before the transaction begins."""

    timestamps: Sequence[int]
    messages: Sequence[str]
    block: NewBlock
    outcomes: tuple[tuple[Compiled, Outcome], ...]
    embedded: Embedded
    deliveries: tuple[Delivery, ...]

    def data(self, group: str, now: float) -> list[Datum]:
        """The metric data of filters and embedded metrics, and the count of broken documents if there are any."""
        found = [datum for _, outcome in self.outcomes for datum in outcome.data]
        found += self.embedded.data
        if self.embedded.invalid:
            metric = Metric.of("AWS/Logs", "EMFValidationErrors", {"LogGroupName": group})
            found.append(Datum(metric, now, (float(self.embedded.invalid),), (1.0,), unit="Count"))
        return found


def prepare(
    rules: Rules, stream: str, timestamps: Sequence[int], messages: Sequence[str], bytes_: int, now: int
) -> Ingestion:
    """What follows from these ascending events (at least one); timestamps and `now` in epoch milliseconds."""
    block = NewBlock(
        rules.group.name,
        stream,
        timestamps[0],
        timestamps[-1],
        now,
        len(timestamps),
        bytes_,
        pack(timestamps, messages, now),
    )
    deliveries = [
        Delivery(subscription, tuple(place for place, chosen in enumerate(pattern.select(messages)) if chosen))
        for subscription, pattern in rules.subscriptions
    ]
    return Ingestion(
        timestamps,
        messages,
        block,
        tuple((each, transform(each, timestamps, messages)) for each in rules.metric_filters),
        embedded_metrics(messages, now / 1000),
        tuple(each for each in deliveries if each.places),
    )


def write(
    tx: Transaction, ingestion: Ingestion, metrics: MetricSink, topics: TopicSink, account: str, now: datetime
) -> int:
    """Write all that follows from a batch; the number of its block."""
    group = ingestion.block.group
    block = log_events.append(tx.connection, ingestion.block)
    data = ingestion.data(group, now.timestamp())
    if data:
        metrics.put_within(tx, data)
    for compiled, outcome in ingestion.outcomes:
        if compiled.filter.transformation.default is not None:
            log_events.note_minutes(
                tx.connection, group, compiled.filter.name, sorted(outcome.matched), sorted(outcome.quiet)
            )
    for delivery in ingestion.deliveries:
        for message in _messages(ingestion, delivery, block, account):
            try:
                topics.publish(tx, delivery.subscription.destination, message, now=now)
            except Refused as refusal:
                if refusal.fault not in {"NotFound", "NotFoundException"}:
                    raise
                # The topic was deleted after the subscription was made; that must not stop the log.
    return block


def _messages(ingestion: Ingestion, delivery: Delivery, block: int, account: str) -> list[str]:
    """The JSON messages, each small enough for a topic, that bring the events to a subscriber."""
    pages: list[list[msgspec.Raw]] = [[]]
    room = _LARGEST_MESSAGE
    for place in delivery.places:
        event = _encoded(EventKey(ingestion.timestamps[place], block, place), ingestion.messages[place])
        if len(event) > room and pages[-1]:
            pages.append([])
            room = _LARGEST_MESSAGE
        pages[-1].append(msgspec.Raw(event))
        room -= len(event) + 1
    frame = {
        "messageType": "DATA_MESSAGE",
        "owner": account,
        "logGroup": ingestion.block.group,
        "logStream": ingestion.block.stream,
        "subscriptionFilters": [delivery.subscription.name],
    }
    return [msgspec.json.encode({**frame, "logEvents": page}).decode() for page in pages]


def _encoded(key: EventKey, message: str) -> bytes:
    """One event as JSON; a message that no topic takes is cut."""
    event = msgspec.json.encode({"id": key.text(), "timestamp": key.timestamp, "message": message})
    if len(event) <= _LARGEST_MESSAGE:
        return event
    # A character takes at most six bytes of JSON.
    return _encoded(key, message[: min(_LARGEST_MESSAGE // 7, len(message) - 1)] + "…")
