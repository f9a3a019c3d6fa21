"""The loop of monitoring schedules: every window of every schedule is handed out once, late ones too.

A window is handed out in one transaction: the schedule's cursor moves on, the execution is noted as Pending, and its
task enters the queue. So it matters neither how many servers run this loop, nor when they are killed, nor that a clock
jumps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from threading import Event as Stop

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.monitoring.documents import (
    CURSOR,
    EXECUTION,
    SCHEDULE,
    Cursor,
    MonitoringExecution,
    MonitoringSchedule,
    MonitoringType,
    execution_key,
)
from watchpost.service.monitoring.job import Times, times_of
from watchpost.service.monitoring.news import MonitoringNews
from watchpost.service.monitoring.schedules import resolved, the_schedule
from watchpost.stores.store import Entry, Store, Transaction
from watchpost.windows import EPOCH, parse_duration

READY_AFTER = "watchpost_data_ready_after"
"""Environment of a job: how long after its scheduled time a window's data is taken to be complete (`PT5M`)."""

DEFAULT_READY_AFTER = timedelta(minutes=2)
"""Captured records are on disk about a minute after their requests."""

LONGEST_SLEEP = timedelta(seconds=1)
"""How late a change of the schedules, made on another server too, is noticed."""

_MOST_AT_ONCE = 500
_NAMES: dict[MonitoringType, str] = {
    "DataQuality": "data-quality-monitoring",
    "ModelQuality": "model-quality-monitoring",
    "ModelBias": "model-bias-monitoring",
    "ModelExplainability": "explainability-monitoring",
}


@dataclass(frozen=True, slots=True)
class Work:
    """The body of a task: the processing job to run, and the execution it belongs to."""

    job: str
    schedule: str | None = None
    scheduled: datetime | None = None


WORK = Kind("processing-work", Work)
QUEUE = "processing"


@dataclass(frozen=True, slots=True)
class _Timed:
    """A schedule that runs, with its times and how long its data takes to be ready."""

    schedule: MonitoringSchedule
    times: Times
    delay: timedelta

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
        due = [timed for timed in roster.timed if self._may_be_due(timed, now)]
        handed = 0
        for start in range(0, len(due), _MOST_AT_ONCE):
            handed += self._hand_out(due[start : start + _MOST_AT_ONCE], now)
        return handed

    def run(self, stop: Stop) -> None:
        """Hand out windows until `stop` is set."""
        while not stop.is_set():
            self.tick(self._clock.now())
            self._clock.wait(stop, LONGEST_SLEEP.total_seconds())

    def run_now(self, name: str, scheduled: datetime, actor: str) -> MonitoringExecution:
        """Run the window of one scheduled time, or run it again: late labels, a corrected baseline.

        Raises: Refused: ResourceNotFound; ValidationException: it is under way.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> MonitoringExecution:
            schedule = the_schedule(tx, name, self._configuration)
            before = tx.get(EXECUTION, execution_key(name, scheduled))
            if before is not None and before.status in {"Pending", "InProgress", "Stopping"}:
                raise Refused("ValidationException", f"The execution of {name} for {scheduled:%FT%TZ} is under way.")
            return self._enqueue(tx, schedule, scheduled, now, actor, before)

        return self._store.write(work)

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
        try:
            _, _, job = resolved(tx, schedule.config, self._configuration)
            delay = parse_duration(job.environment[READY_AFTER])
        except (Refused, KeyError, ValueError):
            pass  # a job definition that is gone or odd fails its execution, which says so
        return _Timed(schedule, times, delay)

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
                        self._enqueue(tx, current, at, now, "server", None)
                        handed += 1
                if times:
                    tx.put(CURSOR, name, Cursor(times[-1]))
                following[name] = timed.next_after(times[-1] if times else last)
            return handed, following

        handed, following = self._store.write(work)
        self._next |= following
        return handed

    def _enqueue(
        self,
        tx: Transaction,
        schedule: MonitoringSchedule,
        at: datetime,
        now: datetime,
        actor: str,
        before: MonitoringExecution | None,
    ) -> MonitoringExecution:
        job = job_name(schedule, at)
        pending = MonitoringExecution(
            schedule.name,
            at,
            "Pending",
            before.created if before is not None else now,
            now,
            schedule.monitor,
            job,
            endpoint=schedule.endpoint,
            definition=schedule.definition,
            published=before is not None and before.published,
        )
        tx.put(EXECUTION, execution_key(schedule.name, at), pending)
        tx.enqueue(QUEUE, WORK.encode(Work(job, schedule.name, at)), now, now)
        data: dict[str, object] = {"scheduled": at, "job": job, "again": before is not None}
        tx.record(Entry(now, "monitoring-execution.pending", schedule.arn, actor, data))
        return pending


def job_name(schedule: MonitoringSchedule, at: datetime) -> str:
    """The processing job of a window: the same whenever it is made, so that a window run again replaces its report."""
    key = f"{schedule.arn}|{schedule.created.isoformat()}|{at.isoformat()}"
    return f"{_NAMES[schedule.monitor]}-{at:%Y%m%d%H%M}-{sha256(key.encode()).hexdigest()[:24]}"


def _times(timed: _Timed, last: datetime, until: datetime) -> list[datetime]:
    """Every scheduled time after `last` up to `until`, ascending."""
    moment = timedelta(microseconds=1)
    if timed.times.schedule is None:
        at = timed.schedule.since + moment
        return [at] if last < at <= until else []
    return list(islice(timed.times.schedule.between(max(last, EPOCH) + moment, until + moment), _MOST_AT_ONCE))
