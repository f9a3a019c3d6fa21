"""Monitoring executions and processing jobs performed: begun, run in a process of their own, and settled.

Both are tasks of one queue. A task is claimed durably; if the server is killed in the middle, the next life begins the
run again, and as everything a run leaves is keyed by its window, that writes the same report once.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import BoundedSemaphore

import structlog

from watchpost.errors import Refused, ServerError, WatchpostError
from watchpost.service.baselines.baselines import Baselines
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.monitoring.alerts import MonitoringAlerts
from watchpost.service.monitoring.documents import (
    EXECUTION,
    PROCESSING_JOB,
    SCHEDULE,
    UNSETTLED,
    MonitoringExecution,
    MonitoringSchedule,
    ProcessingJob,
    arn,
    execution_key,
)
from watchpost.service.monitoring.executions_end import Conclusions, MetricSink
from watchpost.service.monitoring.executions_pending import ATTEMPTS, QUEUE, WORK, Work
from watchpost.service.monitoring.executions_request import Endpoints, Request, request_of
from watchpost.service.monitoring.executions_revisions import keep_report
from watchpost.service.monitoring.job import Job, times_of
from watchpost.service.monitoring.news import MonitoringNews
from watchpost.service.monitoring.runs_listed import put_execution, put_job
from watchpost.service.monitoring.schedules import resolved
from watchpost.service.processing.execution import LONGEST_REASON, Execute, Finished, Task
from watchpost.service.processing.processing import outputs_of
from watchpost.service.worker import Done, Outcome, Performer, Retry
from watchpost.stores.objects.objects import Objects
from watchpost.stores.store import Entry, Store, Transaction
from watchpost.stores.store import Task as Queued
from watchpost.windows import Window

_AGAIN_AFTER = timedelta(seconds=30)
# A window that ends so late may have records that are still on their way to a file.
_FRESH = timedelta(minutes=2)
_NEXT_LIFE = timedelta(seconds=1)
_log = structlog.get_logger(__name__)

Flush = Callable[[str], None]
"""Write what was captured of an endpoint and is still in memory."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A run that has begun; `futile` says why there is nothing to run."""

    task: Task
    futile: str | None = None


class Executions:
    """Performs the tasks of the queue.

    Args: execute: runs a job (`Execution`, or a stand-in). flush: called before a window that has just ended is read.
    at_once: how many runs there may be at a time, the number of processors when None.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        configuration: Configuration,
        objects: Objects,
        endpoints: Endpoints,
        news: MonitoringNews,
        alerts: MonitoringAlerts,
        metrics: MetricSink,
        execute: Execute,
        flush: Flush,
        at_once: int | None = None,
    ) -> None:
        self._store, self._clock, self._configuration = store, clock, configuration
        self._objects, self._endpoints = objects, endpoints
        self._news, self._metrics, self._execute = news, metrics, execute
        self._flush, self._baselines = flush, Baselines(configuration, news)
        self._conclusions = Conclusions(metrics, news, alerts)
        self._slots = BoundedSemaphore(at_once or os.cpu_count() or 1)

    def performers(self) -> dict[str, Performer]:
        """What does the tasks of the queue, for the worker."""
        return {QUEUE: self.perform}

    @property
    def repeatable(self) -> frozenset[str]:
        """The queue's interrupted tasks are begun again: a run leaves the same under the same keys."""
        return frozenset({QUEUE})

    def all(self, schedule: str | None = None) -> list[MonitoringExecution]:
        """All executions, or those of one schedule by scheduled time, also of one that was deleted."""
        prefix = "" if schedule is None else f"{schedule}|"
        return [execution for _, execution in self._store.read(lambda tx: tx.scan(EXECUTION, prefix=prefix))]

    def perform(self, queued: Queued, now: datetime) -> Outcome:
        """Run one job to its end."""
        work = WORK.decode(queued.body)
        with self._slots:
            now = max(now, self._clock.now())
            try:
                begun = self._begin_execution(work, now) if work.schedule is not None else self._begin_job(work, now)
                if begun is None:
                    return Done()
                finished = self._run(begun)
            except (Refused, OSError) as problem:
                if queued.attempts + 1 < ATTEMPTS and _is_passing(problem):
                    return Retry(self._clock.now() + _AGAIN_AFTER, str(problem))
                finished = _failed(str(problem))
            except WatchpostError as problem:
                if isinstance(problem, ServerError):
                    raise
                finished = _failed(str(problem))
        if finished.cut:
            # Not at once: the worker may be the last of this server to learn that it stops.
            return Retry(now + _NEXT_LIFE, "the server stopped in the middle of the run")
        return Done(lambda tx: self._settle(tx, work, finished, self._clock.now()))

    def _run(self, begun: _Begun) -> Finished:
        if begun.futile is not None:
            return _failed(begun.futile)
        if begun.task.job.status == "Stopping":
            return Finished("Stopped", "The job was stopped before it began.")
        name = begun.task.job.name

        def asked() -> bool:
            job = self._store.read(lambda tx: tx.get(PROCESSING_JOB, name))
            return job is None or job.status == "Stopping"

        try:
            return self._execute(begun.task, asked)
        except (WatchpostError, OSError):
            raise
        except Exception as fault:  # noqa: BLE001  the top of a run: a bug of ours fails this job and is told, others go on
            _log.exception("processing.fault", job=name)
            return _failed(f"a fault of the server: {type(fault).__name__}: {fault}")

    def _begin_job(self, work: Work, now: datetime) -> _Begun | None:
        def begin(tx: Transaction) -> _Begun | None:
            job = tx.get(PROCESSING_JOB, work.job)
            if job is None or job.status not in UNSETTLED:
                return None
            begun = replace(job, started=now, modified=now)
            put_job(tx, begun)
            return _Begun(Task(begun))

        return self._store.write(begin)

    def _begin_execution(self, work: Work, now: datetime) -> _Begun | None:
        found = self._store.read(lambda tx: self._planned(tx, work))
        if found is None:
            return None
        execution, schedule, planned = found
        window = times_of(schedule.config, schedule.name).window(execution.scheduled, planned.source)
        if execution.window is not None:
            window = Window(*execution.window)
        job = self._store.read(lambda tx: self._baselines.chosen(tx, planned, window))
        if job.source.endpoint_name is not None and window.end > now - _FRESH:
            self._flush(job.source.endpoint_name)
        request = request_of(
            job, schedule, execution.scheduled, window, self._objects, self._endpoints, asked=execution.asked
        )
        if request.found:
            self._keep_report(execution)
        made = ProcessingJob(
            execution.job,
            arn(self._configuration, "processing-job", execution.job),
            "InProgress",
            execution.created,
            now,
            request.members,
            started=now,
            schedule=schedule.name,
            scheduled=execution.scheduled,
        )
        running = replace(execution, status="InProgress", modified=now, start=window.start, end=window.end, begun=now)
        futile = None if request.found else _searched(request, window)
        begun = _Begun(Task(made, request.since, request.window, schedule.monitor), futile)

        def begin(tx: Transaction) -> _Begun | None:
            current = tx.get(EXECUTION, execution.key)
            if current is None or current.status not in UNSETTLED:
                return None
            put_job(tx, made)
            put_execution(tx, running)
            data: dict[str, object] = {
                "scheduled": running.scheduled,
                "job": made.name,
                "window": [window.start, window.end],
            }
            tx.record(Entry(now, "monitoring-execution.begin", schedule.arn, "server", data))
            self._news.job(tx, made, now, schedule.arn)
            return begun

        return self._store.write(begin)

    def _keep_report(self, execution: MonitoringExecution) -> None:
        """Put the report of the revision that stands aside, before the run replaces it."""
        standing = execution.standing
        if standing is None or execution.status != "Pending":
            return  # a run that was cut off may have begun to replace it, and kept it before
        job = self._store.read(lambda tx: tx.get(PROCESSING_JOB, standing.job))
        for _, uri in outputs_of(job.members) if job is not None else ():
            keep_report(self._objects, uri, standing.revision)

    def _planned(self, tx: Transaction, work: Work) -> tuple[MonitoringExecution, MonitoringSchedule, Job] | None:
        assert work.schedule is not None
        execution = tx.get(EXECUTION, _key(work))
        if execution is None or execution.status not in UNSETTLED:
            return None
        schedule = tx.get(SCHEDULE, work.schedule)
        if schedule is None:
            raise Refused("ResourceNotFound", f"The schedule {work.schedule} was deleted before the execution began.")
        _, _, job = resolved(tx, schedule.config, self._configuration)
        return execution, schedule, job

    def _settle(self, tx: Transaction, work: Work, finished: Finished, now: datetime) -> None:
        job = tx.get(PROCESSING_JOB, work.job)
        execution, subject = None, ""
        if work.schedule is not None and work.scheduled is not None:
            execution = tx.get(EXECUTION, _key(work))
            subject = arn(self._configuration, "monitoring-schedule", work.schedule)
        if _is_settled(work, execution, job):
            return
        if job is not None and execution is not None and finished.status == "Completed":
            warning = self._baselines.judged(tx, execution, job, finished.baseline, now)
            finished = replace(finished, message=f"{finished.message} {warning}".rstrip()[:LONGEST_REASON])
        if job is not None and job.status in UNSETTLED:
            job = replace(
                job,
                status=finished.status,
                ended=now,
                modified=now,
                message=finished.message[:LONGEST_REASON] or None,
                failure=finished.failure,
            )
            put_job(tx, job)
            self._news.job(tx, job, now, subject or None)
        if execution is not None:
            self._conclusions.conclude(tx, execution, finished, subject, now)
        elif job is not None:
            if finished.metrics:
                self._metrics.put_within(tx, finished.metrics)
            data: dict[str, object] = {"status": finished.status, "message": finished.message}
            tx.record(Entry(now, "processing-job.end", job.arn, "server", data))
            if finished.status == "Completed":
                self._baselines.made(tx, job, finished.files, now)


def _key(work: Work) -> str:
    """The key of a task's execution; tasks of an earlier release do not say it."""
    assert work.schedule is not None
    assert work.scheduled is not None
    return work.key or execution_key(work.schedule, work.scheduled)


def _is_settled(work: Work, execution: MonitoringExecution | None, job: ProcessingJob | None) -> bool:
    """Whether a task has nothing to end: its execution or job has ended, or belongs to a later run."""
    if execution is not None:
        return execution.job != work.job or execution.status not in UNSETTLED
    return job is None or job.status not in UNSETTLED


def _searched(request: Request, window: Window) -> str:
    places = ", ".join(request.searched)
    during = f"{window.start:%Y-%m-%dT%H:%M:%SZ} to {window.end:%Y-%m-%dT%H:%M:%SZ}"
    return f"Job inputs had no data: no record from {during} under {places}"


def _failed(why: str) -> Finished:
    return Finished("Failed", why[:LONGEST_REASON], why[:LONGEST_REASON])


def _is_passing(problem: Refused | OSError) -> bool:
    """Whether it may be gone when it is tried again."""
    return isinstance(problem, OSError) or problem.fault == "ServiceUnavailable"
