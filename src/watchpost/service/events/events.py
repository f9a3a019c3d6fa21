"""The event bus: events in, rules, targets, schedules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import random
from threading import Event as Stop

import msgspec

from watchpost.events.envelope import Event
from watchpost.events.fields import depth
from watchpost.events.rules import DEFAULT_BUS
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.events.buses import EventBuses
from watchpost.service.events.connections import Connections
from watchpost.service.events.documents import PASS_ON, PublishesMessages, PutLogEvents
from watchpost.service.events.routing import EventRouting
from watchpost.service.events.rules import EventRules
from watchpost.service.events.schedules import EventSchedules
from watchpost.service.events.targets import EventTargets
from watchpost.service.sealing import SecretKey
from watchpost.service.worker import Interrupted, Performer
from watchpost.stores.store import Store, Transaction

MOST_NESTED = 200
"""How deep objects and arrays of a detail may nest: far from where encoding it would run out of stack."""


@dataclass(frozen=True, slots=True)
class Submission:
    """An event as a client hands it in: `detail` is JSON text; `time` aware, None for now."""

    source: str | None
    detail_type: str | None
    detail: str | None
    resources: tuple[str, ...] = ()
    time: datetime | None = None
    bus: str = DEFAULT_BUS


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a submission: the event's id, or an error's code and message."""

    event_id: str | None
    error: str | None = None
    message: str | None = None


class Events:
    """The event bus as one value: `rules`, `buses`, `connections`, `schedules`, and events themselves.

    Queues: "targets" (its interrupted tasks may be done again, see `repeatable`) and "invocations".
    Raises: Misconfigured: the key that secrets are sealed with cannot be read.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        topics: PublishesMessages,
        configuration: Configuration,
        new_id: Callable[[], str],
        jitter: Callable[[], float] = random,
    ) -> None:
        self._store, self._clock, self._new_id = store, clock, new_id
        self._region, self._account = configuration.region, configuration.account
        self._routing = EventRouting()
        key = SecretKey(configuration.home)
        self._targets = EventTargets(store, topics, self._routing, key, jitter)
        self.rules = EventRules(store, clock, configuration)
        self.buses = EventBuses(store, clock, configuration)
        self.connections = Connections(store, clock, configuration, new_id, key)
        self.connections.seal()
        self.schedules = EventSchedules(store, clock, configuration, new_id, self._routing)

    def publish(self, tx: Transaction, event: Event, bus: str = DEFAULT_BUS) -> None:
        """Match an event and enqueue the invocations of targets, in the caller's transaction.

        A bus that does not exist has no rules.
        """
        self._routing.publish(tx, event, self._clock.now(), bus)

    def put(self, submissions: Sequence[Submission]) -> list[Receipt]:
        """Take events in from a client; one receipt each, in order. Durable on return."""
        now = self._clock.now()
        taken = [self._taken(submission, now) for submission in submissions]
        events = [
            (event, submission.bus)
            for (event, _), submission in zip(taken, submissions, strict=True)
            if event is not None
        ]

        def wanted(tx: Transaction) -> bool:
            self._routing.refresh(tx)
            return any(self._routing.matching(tx, event, bus) for event, bus in events)

        if self._store.read(wanted):  # most events match no rule: those need no write
            self._store.write(lambda tx: [self._routing.publish(tx, event, now, bus) for event, bus in events])
        return [receipt for _, receipt in taken]

    def log_with(self, put_log: PutLogEvents) -> None:
        """Say where targets that are log groups go; until then they fail."""
        self._targets.put_log = put_log

    def performers(self) -> dict[str, Performer]:
        """What does the tasks of the two queues, for the worker."""
        return self._targets.performers()

    def interrupted(self) -> dict[str, Interrupted]:
        """Whom interrupted tasks were for, for the worker."""
        return self._targets.interrupted()

    @property
    def repeatable(self) -> frozenset[str]:
        """The queues whose interrupted tasks are simply done again: they only write when they are settled."""
        return frozenset({PASS_ON})

    def tick(self, now: datetime) -> int:
        """Fire the scheduled rules that are due; how many."""
        return self.schedules.tick(now)

    def run(self, stop: Stop) -> None:
        """Fire scheduled rules as they fall due, until `stop` is set."""
        self.schedules.run(stop)

    def _taken(self, submission: Submission, now: datetime) -> tuple[Event | None, Receipt]:
        for name, value in (
            ("Source", submission.source),
            ("DetailType", submission.detail_type),
            ("Detail", submission.detail),
        ):
            if not value:
                message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
                return None, Receipt(None, "InvalidArgument", message)
        source, text = submission.source or "", submission.detail or ""
        if source.lower().startswith("aws."):
            return None, Receipt(None, "NotAuthorizedForSourceException", "Not authorized for the source.")
        try:
            detail = msgspec.json.decode(text, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            detail = None
        if detail is None or depth(detail) > MOST_NESTED:
            return None, Receipt(None, "MalformedDetail", "Detail is malformed.")
        event = Event(
            id=self._new_id(),
            source=source,
            detail_type=submission.detail_type or "",
            account=self._account,
            region=self._region,
            time=(submission.time or now).replace(microsecond=0),
            detail=detail,
            resources=submission.resources,
        )
        return event, Receipt(event.id)
