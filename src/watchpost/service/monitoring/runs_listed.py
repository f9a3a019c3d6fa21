"""Executions and processing jobs with the rows they are listed by: whoever writes one, writes both by these."""

from collections.abc import Sequence

from watchpost.service.monitoring.documents import (
    EXECUTION,
    FIGURES,
    PROCESSING_JOB,
    UNSETTLED,
    MonitoringExecution,
    ProcessingJob,
)
from watchpost.stores.sql import monitoring_runs
from watchpost.stores.sql.monitoring_runs import Listed, Order, Place, Run, RunFilter
from watchpost.stores.store import Store, Transaction

# After a stop of many hours there are as many windows to wait for; otherwise one or two.
_AT_ONCE = 20


def put_execution(tx: Transaction, execution: MonitoringExecution) -> None:
    """Write an execution, replacing what was there."""
    tx.put(EXECUTION, execution.key, execution)
    row = Run(
        execution.key,
        execution.scheduled,
        execution.created,
        execution.modified,
        execution.status,
        execution.schedule,
        execution.endpoint,
        execution.definition,
        execution.monitor,
    )
    monitoring_runs.put(tx, "execution", row)


def put_job(tx: Transaction, job: ProcessingJob) -> None:
    """Write a processing job, replacing what was there."""
    tx.put(PROCESSING_JOB, job.name, job)
    monitoring_runs.put(tx, "job", Run(job.name, job.created, job.created, job.modified, job.status))


def delete_execution(tx: Transaction, key: str) -> None:
    """Remove an execution."""
    tx.delete(EXECUTION, key)
    tx.delete(FIGURES, key)
    monitoring_runs.forget(tx, "execution", key)


def delete_job(tx: Transaction, name: str) -> None:
    """Remove a processing job."""
    tx.delete(PROCESSING_JOB, name)
    monitoring_runs.forget(tx, "job", name)


def last_execution(tx: Transaction, schedule: str) -> MonitoringExecution | None:
    """The execution of a schedule's latest scheduled time, or None."""
    found = monitoring_runs.listed(tx, "execution", RunFilter(schedule=schedule), 1)
    return tx.get(EXECUTION, found[0].key) if found else None


def last_settled(tx: Transaction, schedule: str) -> MonitoringExecution | None:
    """The execution of a schedule's latest scheduled time that has ended, or None."""
    after: Place | None = None
    while rows := monitoring_runs.listed(tx, "execution", RunFilter(schedule=schedule), _AT_ONCE, after=after):
        for row in rows:
            execution = tx.get(EXECUTION, row.key)
            if execution is not None and execution.status not in UNSETTLED:
                return execution
        after = rows[-1].place
    return None


def executions_listed(
    store: Store, wanted: RunFilter, limit: int, order: Order, after: Place | None, *, descending: bool
) -> Sequence[tuple[Listed, MonitoringExecution]]:
    """A page of executions; see `monitoring_runs.listed`."""

    def work(tx: Transaction) -> list[tuple[Listed, MonitoringExecution]]:
        rows = monitoring_runs.listed(tx, "execution", wanted, limit, order, after, descending=descending)
        found = [(row, tx.get(EXECUTION, row.key)) for row in rows]
        return [(row, execution) for row, execution in found if execution is not None]

    return store.read(work)


def jobs_listed(
    store: Store, wanted: RunFilter, limit: int, order: Order, after: Place | None, *, descending: bool
) -> Sequence[tuple[Listed, ProcessingJob]]:
    """A page of processing jobs; see `monitoring_runs.listed`."""

    def work(tx: Transaction) -> list[tuple[Listed, ProcessingJob]]:
        rows = monitoring_runs.listed(tx, "job", wanted, limit, order, after, descending=descending)
        found = [(row, tx.get(PROCESSING_JOB, row.key)) for row in rows]
        return [(row, job) for row, job in found if job is not None]

    return store.read(work)
