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
from watchpost.metrics.identity import Datum
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.executions_request import Endpoints, Request, request_of
from watchpost.service.monitoring_alerts import MonitoringAlerts
from watchpost.service.monitoring_documents import (
    BASELINE,
    EXECUTION,
    PROCESSING_JOB,
    SCHEDULE,
    UNSETTLED,
    BaselineVersion,
    ExecutionStatus,
    MonitoringExecution,
    MonitoringSchedule,
    ProcessingJob,
    arn,
    execution_key,
)
from watchpost.service.monitoring_job import Job, times_of
from watchpost.service.monitoring_news import MonitoringNews
from watchpost.service.monitoring_schedules import resolved
from watchpost.service.processing_execution import LONGEST_REASON, Execute, Finished, Task
from watchpost.service.schedules_due import QUEUE, WORK, Work
from watchpost.service.worker import Done, Outcome, Performer, Retry
from watchpost.stores.objects.objects import Objects
from watchpost.stores.store import Entry, Store, Transaction
from watchpost.stores.store import Task as Queued
from watchpost.windows import Window

_AGAIN_AFTER = timedelta(seconds=30)
_ATTEMPTS = 3
_log = structlog.get_logger(__name__)

PutMetrics = Callable[[Transaction, "tuple[Datum, ...]"], None]
"""Take in data as part of the caller's transaction."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A run that has begun: what is settled at its end."""

    task: Task
    execution: MonitoringExecution | None = None
    schedule_arn: str | None = None


class Executions:
    """Performs the tasks of the queue.

    Args: execute: runs a job (`Execution`, or a stand-in). at_once: how many runs there may be at a time, the number of
    processors when None.
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
        put_metrics: PutMetrics,
        execute: Execute,
        at_once: int | None = None,
    ) -> None:
        self._store, self._clock, self._configuration = store, clock, configuration
        self._objects, self._endpoints = objects, endpoints
        self._news, self._alerts, self._put_metrics, self._execute = news, alerts, put_metrics, execute
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
            begun: _Begun | None = None
            try:
                begun = self._begin_execution(work, now) if work.schedule is not None else self._begin_job(work, now)
                if begun is None:
                    return Done()
                finished = self._run(begun)
            except (Refused, OSError) as problem:
                if queued.attempts + 1 < _ATTEMPTS and _is_passing(problem):
                    return Retry(self._clock.now() + _AGAIN_AFTER, str(problem))
                finished = _failed(str(problem))
            except WatchpostError as problem:
                if isinstance(problem, ServerError):
                    raise
                finished = _failed(str(problem))
        if finished.cut:
            return Retry(now, "the server stopped in the middle of the run")
        return Done(lambda tx: self._settle(tx, work, begun, finished, self._clock.now()))

    def _run(self, begun: _Begun) -> Finished:
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
            tx.put(PROCESSING_JOB, job.name, begun)
            return _Begun(Task(begun))

        return self._store.write(begin)

    def _begin_execution(self, work: Work, now: datetime) -> _Begun | None:
        found = self._store.read(lambda tx: self._planned(tx, work))
        if found is None:
            return None
        execution, schedule, job = found
        window = times_of(schedule.config, schedule.name).window(execution.scheduled, job.source)
        request = request_of(job, schedule, execution.scheduled, window, self._objects, self._endpoints)
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
        running = replace(execution, status="InProgress", modified=now, start=window.start, end=window.end)
        begun = _Begun(Task(made, request.since, request.exact, schedule.monitor), running, schedule.arn)

        def begin(tx: Transaction) -> _Begun | None:
            current = tx.get(EXECUTION, execution_key(execution.schedule, execution.scheduled))
            if current is None or current.status not in UNSETTLED:
                return None
            tx.put(PROCESSING_JOB, made.name, made)
            tx.put(EXECUTION, execution_key(running.schedule, running.scheduled), running)
            data: dict[str, object] = {"scheduled": running.scheduled, "job": made.name, "window": [window.start, window.end]}
            tx.record(Entry(now, "monitoring-execution.begin", schedule.arn, "server", data))
            self._news.job(tx, made, now, schedule.arn)
            return begun

        if self._store.write(begin) is None:
            return None
        if not request.found:
            raise _Empty(begun, _searched(request, window))
        return begun

    def _planned(
        self, tx: Transaction, work: Work
    ) -> tuple[MonitoringExecution, MonitoringSchedule, Job] | None:
        assert work.schedule is not None
        assert work.scheduled is not None
        execution = tx.get(EXECUTION, execution_key(work.schedule, work.scheduled))
        if execution is None or execution.status not in UNSETTLED:
            return None
        schedule = tx.get(SCHEDULE, work.schedule)
        if schedule is None:
            raise Refused("ResourceNotFound", f"The schedule {work.schedule} was deleted before the execution began.")
        _, _, job = resolved(tx, schedule.config, self._configuration)
        return execution, schedule, job
