"""A window put to work: its execution noted as pending, and its task in the queue, in the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from watchpost.documents import Kind
from watchpost.service.monitoring.documents import (
    UNSETTLED,
    MonitoringExecution,
    MonitoringSchedule,
    MonitoringType,
    Standing,
    asked_key,
    execution_key,
)
from watchpost.service.monitoring.runs_listed import put_execution
from watchpost.stores.store import Entry, Transaction
from watchpost.windows import Window

QUEUE = "processing"
ATTEMPTS = 3
"""How often a run is begun whose trouble may pass."""

_NAMES: dict[MonitoringType, str] = {
    "DataQuality": "data-quality-monitoring",
    "ModelQuality": "model-quality-monitoring",
    "ModelBias": "model-bias-monitoring",
    "ModelExplainability": "explainability-monitoring",
}
_HEX = 24  # of a job's name, as in the service; with it the longest name has the 63 characters a name may have


@dataclass(frozen=True, slots=True)
class Work:
    """The body of a task: the processing job to run, and the execution it belongs to, by its key."""

    job: str
    schedule: str | None = None
    scheduled: datetime | None = None
    key: str | None = None


WORK = Kind("processing-work", Work)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A window to be run: by its scheduled time; `window` where the timetable does not say it.

    asked: see `MonitoringExecution.asked`. why: for the journal.
    """

    scheduled: datetime
    window: Window | None = None
    asked: bool = False
    why: str | None = None

    def key(self, schedule: str) -> str:
        """The key of its execution."""
        asked = self.window if self.asked else None
        return execution_key(schedule, self.scheduled) if asked is None else asked_key(schedule, asked.start, asked.end)


def enqueue(
    tx: Transaction,
    schedule: MonitoringSchedule,
    wanted: Wanted,
    now: datetime,
    actor: str,
    before: MonitoringExecution | None = None,
) -> MonitoringExecution:
    """Put a window to work. before: its execution, settled, if it was run before: then this is another revision."""
    latest = 1 if before is None else before.latest + 1
    window = None if wanted.window is None else (wanted.window.start, wanted.window.end)
    standing = None
    if before is not None:
        window = before.window or (None if before.start is None or before.end is None else (before.start, before.end))
        standing = before.standing
        if before.status in {"Completed", "CompletedWithViolations"}:
            standing = Standing(
                before.revision,
                before.status,
                before.job,
                before.message,
                before.baseline,
                before.begun,
                before.unjudged,
            )
    pending = MonitoringExecution(
        schedule.name,
        wanted.scheduled,
        "Pending",
        before.created if before is not None else now,
        now,
        schedule.monitor,
        job_name(schedule, wanted, latest),
        endpoint=schedule.endpoint,
        definition=schedule.definition,
        published=before is not None and before.published,
        window=window,
        asked=wanted.asked,
        revision=latest,
        latest=latest,
        standing=standing,
    )
    put_execution(tx, pending)
    tx.enqueue(QUEUE, WORK.encode(Work(pending.job, schedule.name, wanted.scheduled, pending.key)), now, now)
    data: dict[str, object] = {"scheduled": wanted.scheduled, "job": pending.job, "again": before is not None}
    data |= {"revision": latest} if before is not None else {}
    data |= {"window": list(window)} if window is not None else {}
    data |= {"why": wanted.why} if wanted.why is not None else {}
    tx.record(Entry(now, "monitoring-execution.pending", schedule.arn, actor, data))
    return pending


def is_under_way(execution: MonitoringExecution | None) -> bool:
    """Whether it is still to end."""
    return execution is not None and execution.status in UNSETTLED


def job_name(schedule: MonitoringSchedule, wanted: Wanted, revision: int) -> str:
    """The processing job of a window: the same whenever it is made; `-r2` at its end says which revision it is."""
    at = wanted.scheduled
    key = f"{schedule.arn}|{schedule.created.isoformat()}|{at.isoformat()}"
    if wanted.asked and wanted.window is not None:
        key = f"{key}|{wanted.window.start.isoformat()}"
    digest, end = sha256(key.encode()).hexdigest(), "" if revision == 1 else f"-r{revision}"
    return f"{_NAMES[schedule.monitor]}-{at:%Y%m%d%H%M}-{digest[: _HEX - len(end)]}{end}"
