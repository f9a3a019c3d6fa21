"""Monitoring schedules: made, changed, started, stopped, listed and removed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from watchpost.errors import Refused
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.monitoring.adaptive import adaptive_of
from watchpost.service.monitoring.alerts import MonitoringAlerts
from watchpost.service.monitoring.documents import (
    CURSOR,
    MONITORING_TYPES,
    NO_TAGS,
    SCHEDULE,
    Cursor,
    Members,
    MonitoringExecution,
    MonitoringSchedule,
    MonitoringType,
    arn,
    not_found,
)
from watchpost.service.monitoring.job import Job, job_of, times_of
from watchpost.service.monitoring.jobs import find_definition, the_definition
from watchpost.service.monitoring.news import MonitoringNews
from watchpost.service.monitoring.runs_listed import last_execution
from watchpost.service.registry.tags import write_tags
from watchpost.stores.store import Entry, Store, Transaction

_MOMENT = timedelta(microseconds=1)


class MonitoringSchedules:
    """The monitoring schedules. When their windows run is for `DueWindows` to say."""

    def __init__(
        self, store: Store, clock: Clock, configuration: Configuration, news: MonitoringNews, alerts: MonitoringAlerts
    ) -> None:
        self._store, self._clock, self._configuration = store, clock, configuration
        self._news, self._alerts = news, alerts

    def create(self, name: str, config: Members, actor: str, tags: Mapping[str, str] = NO_TAGS) -> str:
        """Make a schedule, which is Pending until the server's loop has seen it; its ARN.

        Raises: Refused: ResourceInUse: there is one of that name; ResourceNotFound: the job definition;
        ValidationException.
        """
        times = times_of(config, name)
        now = self._clock.now()
        own = arn(self._configuration, "monitoring-schedule", name)

        def work(tx: Transaction) -> None:
            if tx.get(SCHEDULE, name) is not None:
                raise Refused("ResourceInUse", f"Monitoring schedule {own} already exists.")
            monitor, definition, job = resolved(tx, config, self._configuration)
            adaptive_of(job.environment, times, job)
            endpoint = job.source.endpoint_name
            made = MonitoringSchedule(
                name, own, "Pending", now, now, now - _MOMENT, config, monitor, definition, endpoint
            )
            self._alerts.begin(tx, name, now)
            write_tags(tx, made.arn, tags, made.created)
            self._write(tx, made, "monitoring-schedule.create", actor, now)

        self._store.write(work)
        return own

    def describe(self, name: str) -> MonitoringSchedule:
        """The schedule. Raises: Refused: ResourceNotFound."""
        return self._store.read(lambda tx: the_schedule(tx, name, self._configuration))

    def last_execution(self, name: str) -> MonitoringExecution | None:
        """The execution of the latest scheduled time, or None."""
        return self._store.read(lambda tx: last_execution(tx, name))

    def all(self) -> list[MonitoringSchedule]:
        """All schedules, by name."""
        return [schedule for _, schedule in self._store.read(lambda tx: tx.scan(SCHEDULE))]

    def update(self, name: str, config: Members, actor: str) -> str:
        """Give a schedule another configuration; its ARN. Windows already handed out are not run again.

        Raises: Refused: ResourceNotFound; ValidationException.
        """
        times = times_of(config, name)
        now = self._clock.now()

        def work(tx: Transaction) -> str:
            before = the_schedule(tx, name, self._configuration)
            monitor, definition, job = resolved(tx, config, self._configuration)
            adaptive = adaptive_of(job.environment, times, job)
            same = before.config.get("ScheduleConfig") == config.get("ScheduleConfig")
            changed = replace(
                before,
                config=config,
                monitor=monitor,
                definition=definition,
                endpoint=job.source.endpoint_name,
                modified=now,
                failure=None,
                status="Scheduled" if before.status == "Failed" else before.status,
                # A new timetable counts from now; so does NOW when it is asked for again.
                since=before.since if same and times.schedule is not None else now - _MOMENT,
            )
            if not same:
                self._begin_anew(tx, before, keep=adaptive is not None)
            self._write(tx, changed, "monitoring-schedule.update", actor, now)
            return changed.arn

        return self._store.write(work)

    def start(self, name: str, actor: str) -> None:
        """Let a stopped schedule run again, from the next of its times on. Raises: Refused: ResourceNotFound."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            before = the_schedule(tx, name, self._configuration)
            if before.status == "Stopped":
                started = replace(before, status="Scheduled", modified=now, since=now)
                self._write(tx, started, "monitoring-schedule.start", actor, now)

        self._store.write(work)

    def stop(self, name: str, actor: str) -> None:
        """Keep a schedule from running; what runs goes on. Raises: Refused: ResourceNotFound."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            before = the_schedule(tx, name, self._configuration)
            if before.status != "Stopped":
                stopped = replace(before, status="Stopped", modified=now)
                self._write(tx, stopped, "monitoring-schedule.stop", actor, now)

        self._store.write(work)

    def delete(self, name: str, actor: str) -> None:
        """Remove a schedule; the history of its executions stays. Raises: Refused: ResourceNotFound."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            gone = the_schedule(tx, name, self._configuration)
            tx.delete(SCHEDULE, name)
            tx.delete(CURSOR, name)
            self._alerts.end(tx, name)
            tx.record(Entry(now, "monitoring-schedule.delete", gone.arn, actor, {}))
            self._news.schedule(tx, gone, now, "Deleted")

        self._store.write(work)

    def _begin_anew(self, tx: Transaction, before: MonitoringSchedule, *, keep: bool) -> None:
        """Forget which window was the last. keep: but not where it ended, for adaptive windows never overlap."""
        cursor = tx.get(CURSOR, before.name)
        tx.delete(CURSOR, before.name)
        if cursor is None or not keep:
            return
        if cursor.until is None:
            try:
                _, _, job = resolved(tx, before.config, self._configuration)
            except Refused:
                return  # the definition is gone: nothing says any more what the last window was
            last = times_of(before.config, before.name).window(cursor.last, job.source)
            cursor = Cursor(cursor.last, last.end, last.length)
        tx.put(CURSOR, before.name, cursor)

    def _write(self, tx: Transaction, schedule: MonitoringSchedule, kind: str, actor: str, now: datetime) -> None:
        tx.put(SCHEDULE, schedule.name, schedule)
        data: dict[str, object] = {"status": schedule.status, "config": schedule.config}
        tx.record(Entry(now, kind, schedule.arn, actor, data))
        self._news.schedule(tx, schedule, now)


def the_schedule(tx: Transaction, name: str, configuration: Configuration) -> MonitoringSchedule:
    """The schedule of that name. Raises: Refused: ResourceNotFound."""
    found = tx.get(SCHEDULE, name)
    if found is None:
        raise not_found(arn(configuration, "monitoring-schedule", name), "Monitoring schedule")
    return found


def resolved(tx: Transaction, config: Members, configuration: Configuration) -> tuple[MonitoringType, str | None, Job]:
    """The kind of monitor a schedule runs, the name of its job definition (None: given inline), and the job.

    Raises: Refused: ResourceNotFound; ValidationException: neither or both are given.
    """
    named, inline, given = (
        config.get(m) for m in ("MonitoringJobDefinitionName", "MonitoringJobDefinition", "MonitoringType")
    )
    if (named is None) == (inline is None):
        why = "Exactly one of MonitoringJobDefinitionName and MonitoringJobDefinition must be given."
        raise Refused("ValidationException", why)
    monitor: MonitoringType = next((kind for kind in MONITORING_TYPES if kind == given), "DataQuality")
    if inline is not None:
        return monitor, None, job_of(monitor, msgspec.convert(inline, Members))
    name = str(named)
    found = find_definition(tx, name) if given is None else None
    definition = found or the_definition(tx, monitor, name, configuration)
    return definition.monitor, name, job_of(definition.monitor, definition.members)
