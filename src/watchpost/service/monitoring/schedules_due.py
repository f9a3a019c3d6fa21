"""The loop of monitoring schedules: every window of every schedule is handed out once, late ones too.

A window is handed out in one transaction: the schedule's cursor moves on, the execution is noted as Pending, and its
task enters the queue. So it matters neither how many servers run this loop, nor when they are killed, nor that a clock
jumps. The next window of an adaptive schedule follows when the one before has ended, for its outcome decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from threading import Event as Stop

from watchpost.errors import Refused
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.monitoring.adaptive import Adaptive, Covered, NextWindow, adaptive_of, next_window
from watchpost.service.monitoring.documents import (
    CURSOR,
    EXECUTION,
    SCHEDULE,
    UNSETTLED,
    Cursor,
    MonitoringSchedule,
    execution_key,
)
from watchpost.service.monitoring.executions_pending import Wanted, enqueue
from watchpost.service.monitoring.job import Times, times_of
from watchpost.service.monitoring.news import MonitoringNews
from watchpost.service.monitoring.schedules import resolved
from watchpost.stores.store import Entry, Store, Transaction
from watchpost.windows import EPOCH, parse_duration

READY_AFTER = "watchpost_data_ready_after"
"""Environment of a job: how long after its scheduled time a window's data is taken to be complete (`PT5M`)."""

DEFAULT_READY_AFTER = timedelta(minutes=2)
"""Captured records are on disk about a minute after their requests."""

LONGEST_SLEEP = timedelta(seconds=1)
"""How late a change of the schedules, made on another server too, is noticed."""

_MOST_AT_ONCE = 500
# What a run may take beyond its own limit: a place in the queue, the inputs' way here, a server that was restarted.
_AROUND_A_RUN = timedelta(minutes=15)
_LONGEST_RUN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Timed:
    """A schedule that runs, with its times and how long its data takes to be ready.

    patience: how long the outcome of a window is waited for, where the length of the next one depends on it.
    """

    schedule: MonitoringSchedule
    times: Times
    delay: timedelta
    adaptive: Adaptive | None = None
    patience: timedelta = _LONGEST_RUN + _AROUND_A_RUN

    def next_after(self, instant: datetime) -> datetime | None:
        if self.times.schedule is None:
            at = self.schedule.since + timedelta(microseconds=1)
            return at if at > instant else None
        return self.times.schedule.next_after(instant)


@dataclass(frozen=True, slots=True)
class _Roster:
    revision: int
    timed: tuple[_Timed, ...] = ()
    pending: tuple[str, ...] = ()


class DueWindows:
    """Hands out windows as they fall due."""

    def __init__(self, store: Store, clock: Clock, configuration: Configuration, news: MonitoringNews) -> None:
        self._store, self._clock, self._configuration, self._news = store, clock, configuration, news
        self._roster = _Roster(-1)
        self._next: dict[str, datetime | None] = {}

    def tick(self, now: datetime) -> int:
        """Hand out every window that is due at `now` and was not before; how many."""
        roster = self._current()
        for name in roster.pending:
            self._accept(name, now)
        if roster.pending:
            roster = self._current()
        may_be = [timed for timed in roster.timed if self._may_be_due(timed, now)]
        due = [timed for timed in may_be if timed.adaptive is None]
        handed = sum(self._hand_out_next(timed, timed.adaptive, now) for timed in may_be if timed.adaptive is not None)
        for start in range(0, len(due), _MOST_AT_ONCE):
            handed += self._hand_out(due[start : start + _MOST_AT_ONCE], now)
        return handed

    def run(self, stop: Stop) -> None:
        """Hand out windows until `stop` is set."""
        while not stop.is_set():
            self.tick(self._clock.now())
            self._clock.wait(stop, LONGEST_SLEEP.total_seconds())

    def _current(self) -> _Roster:
        def work(tx: Transaction) -> _Roster:
            revision = tx.revision(SCHEDULE)
            if revision == self._roster.revision:
                return self._roster
            schedules = [schedule for _, schedule in tx.scan(SCHEDULE)]
            self._next.clear()
            running = [self._timed(tx, schedule) for schedule in schedules if schedule.status == "Scheduled"]
            pending = tuple(schedule.name for schedule in schedules if schedule.status == "Pending")
            return _Roster(revision, tuple(running), pending)

        self._roster = self._store.read(work)
        return self._roster

    def _timed(self, tx: Transaction, schedule: MonitoringSchedule) -> _Timed:
        times = times_of(schedule.config, schedule.name)
        delay = timedelta() if times.schedule is None else DEFAULT_READY_AFTER
        adaptive, patience = None, _LONGEST_RUN
        try:
            _, _, job = resolved(tx, schedule.config, self._configuration)
            adaptive = adaptive_of(job.environment, times, job)
            patience = timedelta(seconds=job.max_seconds) if job.max_seconds else patience
            delay = parse_duration(job.environment[READY_AFTER])
        except (Refused, KeyError, ValueError):
            pass  # a job definition that is gone or odd fails its execution, which says so
        return _Timed(schedule, times, delay, adaptive, patience + _AROUND_A_RUN)

    def _may_be_due(self, timed: _Timed, now: datetime) -> bool:
        """Whether a look into the store is worth it: what this server handed out itself it remembers."""
        name = timed.schedule.name
        if name not in self._next:
            return True
        following = self._next[name]
        return following is not None and following + timed.delay <= now

    def _accept(self, name: str, now: datetime) -> None:
        def work(tx: Transaction) -> None:
            schedule = tx.get(SCHEDULE, name)
            if schedule is not None and schedule.status == "Pending":
                accepted = replace(schedule, status="Scheduled", modified=now)
                tx.put(SCHEDULE, name, accepted)
                tx.record(Entry(now, "monitoring-schedule.scheduled", schedule.arn, "server", {}))
                self._news.schedule(tx, accepted, now)

        self._store.write(work)

    def _hand_out(self, due: Sequence[_Timed], now: datetime) -> int:
        def work(tx: Transaction) -> tuple[int, dict[str, datetime | None]]:
            handed, following = 0, dict[str, datetime | None]()
            for timed in due:
                name = timed.schedule.name
                current = tx.get(SCHEDULE, name)
                if current != timed.schedule:
                    continue  # changed a moment ago: the next look takes it as it is
                cursor = tx.get(CURSOR, name)
                last = max(cursor.last, current.since) if cursor is not None else current.since
                times = list(islice(_times(timed, last, now - timed.delay), _MOST_AT_ONCE))
                for at in times:
                    if tx.get(EXECUTION, execution_key(name, at)) is None:
                        enqueue(tx, current, Wanted(at), now, "server")
                        handed += 1
                if times:
                    tx.put(CURSOR, name, Cursor(times[-1]))
                following[name] = timed.next_after(times[-1] if times else last)
            return handed, following

        handed, following = self._store.write(work)
        self._next |= following
        return handed

    def _hand_out_next(self, timed: _Timed, adaptive: Adaptive, now: datetime) -> int:
        """Hand out the next window of an adaptive schedule if it is due; whether it was."""
        name = timed.schedule.name
        ready = now - timed.delay
        waits, found = self._store.read(lambda tx: self._following(tx, timed, adaptive, now))
        if waits or found is None or found.scheduled > ready:
            # While an outcome is waited for it is looked for at every round: a read, no write.
            self._next |= {} if waits else {name: None if found is None else found.scheduled}
            return 0

        def work(tx: Transaction) -> int:
            if tx.get(SCHEDULE, name) != timed.schedule:
                return 0  # changed a moment ago: the next look takes it as it is
            waits, found = self._following(tx, timed, adaptive, now)
            if waits or found is None or found.scheduled > ready:
                return 0  # another server was faster
            tx.put(CURSOR, name, Cursor(found.scheduled, found.window.end, found.window.length))
            if tx.get(EXECUTION, execution_key(name, found.scheduled)) is not None:
                return 0
            enqueue(tx, timed.schedule, Wanted(found.scheduled, found.window, why=found.why), now, "server")
            return 1

        handed = self._store.write(work)
        self._next.pop(name, None)
        return handed

    def _following(
        self, tx: Transaction, timed: _Timed, adaptive: Adaptive, now: datetime
    ) -> tuple[bool, NextWindow | None]:
        """Whether the outcome of the last window is still waited for; and the window that follows."""
        name = timed.schedule.name
        cursor = tx.get(CURSOR, name)
        covered, outcome = None, None
        if cursor is not None:
            last = tx.get(EXECUTION, execution_key(name, cursor.last))
            covered = _covered(timed, cursor)
            if last is not None and last.status in UNSETTLED and covered.scheduled >= timed.schedule.since:
                if last.modified + timed.patience > now:
                    return True, None
            elif last is not None:
                outcome = last.status
        return False, next_window(adaptive, timed.schedule.since, covered, outcome)


def _covered(timed: _Timed, cursor: Cursor) -> Covered:
    """How far the windows of a schedule go that may have kept to its timetable until now."""
    if cursor.until is not None and cursor.length is not None:
        return Covered(cursor.until, cursor.length, cursor.last)
    assert timed.adaptive is not None
    until, schedule = cursor.last - timed.adaptive.lag, timed.times.schedule
    before = schedule.previous(cursor.last - timedelta(microseconds=1)) if schedule is not None else None
    return Covered(until, cursor.last - before if before is not None else timedelta(days=1), cursor.last)


def _times(timed: _Timed, last: datetime, until: datetime) -> list[datetime]:
    """Every scheduled time after `last` up to `until`, ascending."""
    moment = timedelta(microseconds=1)
    if timed.times.schedule is None:
        at = timed.schedule.since + moment
        return [at] if last < at <= until else []
    return list(islice(timed.times.schedule.between(max(last, EPOCH) + moment, until + moment), _MOST_AT_ONCE))
