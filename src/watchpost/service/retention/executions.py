"""Executions that are old: their documents and their reports. The journal keeps its lines of them for ever."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

from watchpost.documents import Kind
from watchpost.service.baselines.baselines import LINEAGE
from watchpost.service.endpoints.serving import SERVING
from watchpost.service.monitoring.documents import (
    ALERT_CHANGE,
    EXECUTION,
    PROCESSING_JOB,
    UNSETTLED,
    MonitoringExecution,
    ProcessingJob,
)
from watchpost.service.monitoring.runs_listed import delete_execution, delete_job, executions_listed
from watchpost.service.processing.processing import outputs_of
from watchpost.service.retention.holds import Holds
from watchpost.service.retention.objects import Expiring, ExpiringObjects, Stopped, Swept
from watchpost.stores.objects.objects import ObjectInfo, Objects, bucket_and_key
from watchpost.stores.sql.monitoring_runs import Place, RunFilter
from watchpost.stores.store import Entry, Store, Transaction

_MOST = 500
_LAST = "\U0010ffff"
# Captures are deleted some time after they may be: until then it must be known where they lie.
_A_MONTH = timedelta(days=31)
# Servers' clocks differ, and a transaction is durable some time after the instant that it says.
_OVERLAP = timedelta(hours=1)
# Reports of times within an hour lie in folders of their minutes, below the report of the hour.
_MINUTES = re.compile(r"\d\d/")
# A later revision's name gives up the end of its digest for its number, see `executions_pending.job_name`.
_ALIKE = re.compile(r".*-\d{12}-[0-9a-f]{18}")


@dataclass(frozen=True, slots=True)
class _Reached:
    """How far a schedule's reports were deleted: the key of the last execution, and when all up to it were looked at.

    `looked` None: an earlier release did not note it.
    """

    key: str
    looked: datetime | None = None


_REPORTS = Kind("retention-reports", _Reached)


class OldExecutions:
    """Removes executions and their reports by age, in bounded transactions."""

    def __init__(self, store: Store, objects: Objects, expiring: ExpiringObjects) -> None:
        self._store, self._objects, self._expiring = store, objects, expiring

    def forget(self, days: int, served_days: int, now: datetime, stopped: Stopped) -> int:
        """Remove executions that were scheduled more than so many days ago and have ended; how many.

        Args: served_days: for how long it is kept which models endpoints served, and where captures lie.
        """
        before = now - timedelta(days=days)
        forgotten = sum(self._forget_all(schedule, before, now, stopped) for schedule in self._schedules())
        served = now - timedelta(days=served_days) - _A_MONTH
        if not stopped():
            self._store.write(lambda tx: _forget_changes(tx, before, served))
        return forgotten

    def delete_reports(self, days: int, holds: Holds, now: datetime, stopped: Stopped) -> Swept:
        """Delete the reports of executions that were scheduled more than so many days ago."""
        swept = Swept()
        for schedule in self._schedules():
            swept += self._delete_reports(schedule, days, holds, now, stopped)
        return swept

    def _schedules(self) -> Iterator[str]:
        """Names of all schedules that have executions, deleted ones too: one look into the store for each."""
        name = self._next_schedule("")
        while name is not None:
            yield name
            name = self._next_schedule(f"{name}|{_LAST}")

    def _next_schedule(self, after: str) -> str | None:
        found = self._store.read(lambda tx: tx.scan(EXECUTION, after=after, limit=1))
        return found[0][1].schedule if found else None

    def _forget_all(self, schedule: str, before: datetime, now: datetime, stopped: Stopped) -> int:
        forgotten = 0
        while not stopped():
            some = self._store.write(lambda tx: self._forget(tx, schedule, before, now))
            forgotten += some
            if some < _MOST:
                break
        return forgotten

    def _delete_reports(self, schedule: str, days: int, holds: Holds, now: datetime, stopped: Stopped) -> Swept:
        before, swept = now - timedelta(days=days), Swept()
        reached = self._store.read(lambda tx: tx.get(_REPORTS, schedule))
        if reached is not None:
            swept += self._delete_made_again(schedule, reached, days, holds, now, stopped)
        while not stopped() and (some := self._store.read(lambda tx: self._reported(tx, schedule, before))):
            for job in (job for _, jobs in some for job in jobs):
                swept += self._delete_report(job, days, holds, now, stopped)
                if stopped():
                    return swept
            at = _Reached(some[-1][0], now)
            self._store.write(lambda tx, at=at: tx.put(_REPORTS, schedule, at))  # type: ignore[misc]  # mypy infers no lambda with a default
        return swept

    def _delete_made_again(
        self, schedule: str, reached: _Reached, days: int, holds: Holds, now: datetime, stopped: Stopped
    ) -> Swept:
        """Delete the reports of executions that were run, or run again, after their turn had passed."""
        since = None if reached.looked is None else reached.looked - _OVERLAP
        wanted = RunFilter(schedule=schedule, scheduled=(None, now - timedelta(days=days)), modified=(since, None))
        swept, looked = Swept(), _Reached(reached.key, now)
        for execution in self._listed(wanted):
            # Of the others the turn is to come, or the end, by which it is found then.
            if execution.key <= reached.key and execution.status not in UNSETTLED:
                for job in self._store.read(partial(_jobs, execution=execution)):
                    swept += self._delete_report(job, days, holds, now, stopped)
            if stopped():
                return swept
        self._store.write(lambda tx: tx.put(_REPORTS, schedule, looked))
        return swept

    def _listed(self, wanted: RunFilter) -> Iterator[MonitoringExecution]:
        after: Place | None = None
        while rows := executions_listed(self._store, wanted, _MOST, "scheduled", after, descending=False):
            yield from (execution for _, execution in rows)
            after = rows[-1][0].place

    def _forget(self, tx: Transaction, schedule: str, before: datetime, now: datetime) -> int:
        some = tx.scan(EXECUTION, prefix=f"{schedule}|", limit=_MOST)
        old = [(key, each) for key, each in some if each.scheduled < before and each.status not in UNSETTLED]
        for key, execution in old:
            delete_execution(tx, key)
            tx.delete(LINEAGE, key)
            for job in _jobs(tx, execution):
                delete_job(tx, job.name)
        if old:
            data: dict[str, object] = {
                "schedule": schedule,
                "executions": len(old),
                "first": old[0][1].scheduled,
                "last": old[-1][1].scheduled,
            }
            tx.record(Entry(now, "monitoring-executions.expired", schedule, "server", data))
        return len(old)

    def _reported(self, tx: Transaction, schedule: str, before: datetime) -> list[tuple[str, list[ProcessingJob]]]:
        reached = tx.get(_REPORTS, schedule)
        some = tx.scan(EXECUTION, prefix=f"{schedule}|", after=reached.key if reached is not None else "", limit=_MOST)
        found = list[tuple[str, list[ProcessingJob]]]()
        for key, execution in some:
            if execution.scheduled >= before or execution.status in UNSETTLED:
                break
            found.append((key, _jobs(tx, execution)))
        return found

    def _delete_report(self, job: ProcessingJob, days: int, holds: Holds, now: datetime, stopped: Stopped) -> Swept:
        swept = Swept()
        for _, uri in outputs_of(job.members):
            bucket, key = bucket_and_key(uri)
            prefix = f"{key.rstrip('/')}/"
            if self._objects.bucket(bucket) is None:
                continue
            rule = Expiring(f"reports.keep_days={days}", bucket, prefix, days)
            swept += self._expiring.delete(rule, _of_the_hour(self._objects, bucket, prefix), holds, now, stopped)
        return swept


def _of_the_hour(objects: Objects, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
    for info in objects.walk(bucket, prefix):
        if not _MINUTES.match(info.key.removeprefix(prefix)):
            yield info


def _jobs(tx: Transaction, execution: MonitoringExecution) -> list[ProcessingJob]:
    """The processing jobs of an execution: one for each of its revisions, whose names begin alike."""
    if execution.latest == 1:
        job = tx.get(PROCESSING_JOB, execution.job)
        return [job] if job is not None else []
    alike = _ALIKE.match(execution.job)
    return [job for _, job in tx.scan(PROCESSING_JOB, prefix=alike[0] if alike else execution.job)]


def _forget_changes(tx: Transaction, before: datetime, served: datetime) -> None:
    """Remove old changes of alerts, and what endpoints served before the last that held then."""
    for key, change in tx.scan(ALERT_CHANGE):
        if change.at < before:
            tx.delete(ALERT_CHANGE, key)
    lines = tx.scan(SERVING)
    for (key, line), (_, following) in pairwise(lines):
        if following.endpoint == line.endpoint and following.at < served:
            tx.delete(SERVING, key)
