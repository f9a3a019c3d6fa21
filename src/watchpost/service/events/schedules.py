"""Scheduled rules: the loop that fires each of their times once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event as Stop

from watchpost.errors import Refused
from watchpost.events.envelope import Event
from watchpost.events.rules import Rule
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.events.documents import FIRED, RULE, Fired
from watchpost.service.events.routing import EventRouting, enqueue
from watchpost.stores.store import Entry, Store, Transaction
from watchpost.windows import Schedule, parse_schedule

LONGEST_SLEEP = timedelta(seconds=1)
"""How late a change of the rules, made on another server too, is noticed."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The enabled rules with a schedule as they stood at a revision: (key, rule, its schedule)."""

    revision: int
    rules: tuple[tuple[str, Rule, Schedule], ...]

    def next_after(self, instant: datetime) -> datetime | None:
        """The first time of any of them after the instant, or None."""
        times = [schedule.next_after(instant) for _, _, schedule in self.rules]
        return min((at for at in times if at is not None), default=None)


class EventSchedules:
    """Fires scheduled rules.

    Each time of a schedule fires at most once, on whichever of several servers comes first. Of the times that passed
    while no server ran, the latest fires, and only that. It also refreshes the routing's rules, at least every second.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        configuration: Configuration,
        new_id: Callable[[], str],
        routing: EventRouting,
    ) -> None:
        self._store, self._clock, self._new_id, self._routing = store, clock, new_id, routing
        self._region, self._account = configuration.region, configuration.account
        self._scheduled = Scheduled(-1, ())
        self._told: dict[str, datetime] = {}

    def tick(self, now: datetime) -> int:
        """Fire what is due at `now`; how many rules fired."""
        due = [
            (key, rule, at)
            for key, rule, schedule in self._current().rules
            if (at := schedule.previous(now)) is not None and at > rule.since and self._told.get(key) != at
        ]
        fired = sum(self._tried(key, rule, at, now) for key, rule, at in due)
        self._told |= {key: at for key, _, at in due}
        return fired

    def run(self, stop: Stop) -> None:
        """Fire rules as their times come, until `stop` is set."""
        seen, due = -1, None
        while not stop.is_set():
            now, scheduled = self._clock.now(), self._current()
            if scheduled.revision != seen or (due is not None and due <= now):
                self.tick(now)
                seen, due = scheduled.revision, scheduled.next_after(now)
            wait = LONGEST_SLEEP if due is None else min(due - self._clock.now(), LONGEST_SLEEP)
            self._clock.wait(stop, wait.total_seconds())

    def _current(self) -> Scheduled:
        def work(tx: Transaction) -> Scheduled:
            self._routing.refresh(tx)
            revision = tx.revision(RULE)
            if self._scheduled.revision == revision:
                return self._scheduled
            rules = tuple(
                (key, rule, parse_schedule(rule.schedule, start=rule.since))
                for key, rule in tx.scan(RULE)
                if rule.enabled and rule.schedule is not None
            )
            return Scheduled(revision, rules)

        self._scheduled = self._store.read(work)
        return self._scheduled

    def _tried(self, key: str, rule: Rule, at: datetime, now: datetime) -> bool:
        try:
            return self._fire(key, rule, at, now)
        except (Refused, ValueError) as problem:  # one rule that cannot fire must not keep the others from it
            entry = Entry(now, "event-rule.failed", rule.arn, "server", {"due": at.isoformat(), "why": str(problem)})
            self._store.write(lambda tx: tx.record(entry))
            return False

    def _fire(self, key: str, rule: Rule, at: datetime, now: datetime) -> bool:
        event = Event(
            id=self._new_id(),
            source="aws.events",
            detail_type="Scheduled Event",
            account=self._account,
            region=self._region,
            time=at,
            detail={},
            resources=(rule.arn,),
        )

        def work(tx: Transaction) -> bool:
            fired, current = tx.get(FIRED, key), tx.get(RULE, key)
            if fired is not None and fired.last >= at:
                return False  # another server was first
            if (
                current is None
                or not current.enabled
                or (current.schedule, current.since) != (rule.schedule, rule.since)
            ):
                return False  # no longer a time of its schedule
            tx.put(FIRED, key, Fired(at))
            enqueue(tx, current, event, now)
            return True

        return self._store.write(work)
