"""What monitoring keeps in the store: job definitions, schedules, executions, processing jobs and alerts.

Requests are kept as they were asked (`members`, in the API's own words), because descriptions must echo them whole;
what the server itself decides are fields beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal, get_args

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.metrics.identity import Datum
from watchpost.service.configuration import Configuration

Members = dict[str, object]
"""A structure of the API: member names to JSON values."""

NO_TAGS: Mapping[str, str] = MappingProxyType({})

MonitoringType = Literal["DataQuality", "ModelQuality", "ModelBias", "ModelExplainability"]
MONITORING_TYPES: tuple[MonitoringType, ...] = get_args(MonitoringType)

ScheduleStatus = Literal["Pending", "Failed", "Scheduled", "Stopped"]
ExecutionStatus = Literal[
    "Pending", "InProgress", "Completed", "CompletedWithViolations", "Failed", "Stopping", "Stopped"
]
JobStatus = Literal["InProgress", "Completed", "Failed", "Stopping", "Stopped"]

UNSETTLED: frozenset[str] = frozenset({"Pending", "InProgress", "Stopping"})
"""Statuses of executions and jobs that are still to end."""

_STAMP = "%Y-%m-%dT%H:%M:%S.%f"
_ARN_WORDS: dict[MonitoringType, str] = {
    "DataQuality": "data-quality-job-definition",
    "ModelQuality": "model-quality-job-definition",
    "ModelBias": "model-bias-job-definition",
    "ModelExplainability": "model-explainability-job-definition",
}


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """What a monitor is to read, compare with and write; immutable, as in the API."""

    name: str
    monitor: MonitoringType
    arn: str
    created: datetime
    members: Members


@dataclass(frozen=True, slots=True)
class MonitoringSchedule:
    """When a monitor runs.

    config: `MonitoringScheduleConfig`. since: windows scheduled after this instant run; earlier ones never do.
    definition: the name of the job definition; None for one given inline. endpoint: None for batch data.
    """

    name: str
    arn: str
    status: ScheduleStatus
    created: datetime
    modified: datetime
    since: datetime
    config: Members
    monitor: MonitoringType
    definition: str | None = None
    endpoint: str | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last time of a schedule whose window was handed out.

    until, length: of an adaptive schedule: where that window ends, and how long it is.
    """

    last: datetime
    until: datetime | None = None
    length: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What an earlier revision of a window found; it stands if the run that is to replace it fails.

    begun: when that revision began to read. unjudged: see `MonitoringExecution`.
    """

    revision: int
    status: ExecutionStatus
    job: str
    message: str | None
    baseline: dict[str, str]
    begun: datetime | None = None
    unjudged: bool = False


@dataclass(frozen=True, slots=True)
class MonitoringExecution:
    """One window of one schedule, run once however often it is begun again.

    start, end: the window [start, end); None until the execution begins. job: the processing job's name.
    published: its metrics are in the metric store. baseline: SHA-256 of each baseline file it was judged by.
    window: the window where the timetable does not say it: of an adaptive schedule, of one that was asked for, of one
    that is run again. asked: somebody asked for a window that is none of the schedule's. revision: how often the window
    was run, this time included; `latest` counts runs that failed and left what stood before (`standing`). begun: when
    this revision began to read: what was put before has been judged. unjudged: it found nothing because there was too
    little to judge by.
    """

    schedule: str
    scheduled: datetime
    status: ExecutionStatus
    created: datetime
    modified: datetime
    monitor: MonitoringType
    job: str
    start: datetime | None = None
    end: datetime | None = None
    endpoint: str | None = None
    definition: str | None = None
    message: str | None = None
    failure: str | None = None
    published: bool = False
    baseline: dict[str, str] = field(default_factory=dict)
    window: tuple[datetime, datetime] | None = None
    asked: bool = False
    revision: int = 1
    latest: int = 1
    standing: Standing | None = None
    begun: datetime | None = None
    unjudged: bool = False

    @property
    def key(self) -> str:
        """The key it is kept under: its schedule and its time; for a window that was asked for, its schedule and it."""
        if self.asked and self.window is not None:
            return asked_key(self.schedule, *self.window)
        return execution_key(self.schedule, self.scheduled)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a window's newest revision put into the metric store: all of it where labels may restate it.

    Of other monitors the four figures of the report alone, as a wide table has thousands.
    """

    revision: int
    data: tuple[Datum, ...]


@dataclass(frozen=True, slots=True)
class ProcessingJob:
    """A processing job as asked (`members`: of CreateProcessingJob, without name and tags), and how it went.

    schedule, scheduled: of the monitoring execution it is; None for a job of its own.
    """

    name: str
    arn: str
    status: JobStatus
    created: datetime
    modified: datetime
    members: Members
    started: datetime | None = None
    ended: datetime | None = None
    message: str | None = None
    failure: str | None = None
    schedule: str | None = None
    scheduled: datetime | None = None


@dataclass(frozen=True, slots=True)
class MonitoringAlert:
    """Whether the last executions of a schedule were bad: `datapoints` of the last `period`, each 1 to 100.

    recent: (scheduled time, whether it was bad) of the last 100 that ended, by time.
    """

    schedule: str
    name: str
    status: Literal["OK", "InAlert"]
    created: datetime
    modified: datetime
    datapoints: int = 1
    period: int = 1
    recent: tuple[tuple[datetime, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A line of an alert's history."""

    schedule: str
    name: str
    at: datetime
    status: Literal["OK", "InAlert"]


@dataclass(frozen=True, slots=True)
class BaselineVersion:
    """A baseline as a job left it, or as an execution found it: its place, its number there (from 1), its files.

    job: the job that made it; "" for one that was put or changed there by other means. files: SHA-256 by name. data:
    URIs of what the job learned from. model: the model version that the job said it is for. monitor: `DataQuality`,
    `ModelQuality`, or `Clarify`. first_served: the model version that served when it was first judged by.
    """

    uri: str
    version: int
    job: str
    made: datetime
    files: dict[str, str]
    data: tuple[str, ...] = ()
    model: str | None = None
    monitor: str | None = None
    first_served: str | None = None


JOB_DEFINITION = Kind("monitoring-job-definition", JobDefinition)
SCHEDULE = Kind("monitoring-schedule", MonitoringSchedule)
CURSOR = Kind("monitoring-cursor", Cursor)
EXECUTION = Kind("monitoring-execution", MonitoringExecution)
FIGURES = Kind("monitoring-figures", Figures)
PROCESSING_JOB = Kind("processing-job", ProcessingJob)
ALERT = Kind("monitoring-alert", MonitoringAlert)
ALERT_CHANGE = Kind("monitoring-alert-change", AlertChange)
BASELINE = Kind("baseline-version", BaselineVersion)


def definition_key(monitor: MonitoringType, name: str) -> str:
    """The key of a job definition; no name holds a bar."""
    return f"{monitor}|{name}"


def execution_key(schedule: str, scheduled: datetime) -> str:
    """The key of an execution; keys of one schedule sort by time."""
    # As _STAMP has it, in a tenth of the time: this is asked several times a window.
    return f"{schedule}|{scheduled.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}"


def asked_key(schedule: str, start: datetime, end: datetime) -> str:
    """The key of the execution of a window that is none of the schedule's; it sorts by the window's end."""
    return f"{execution_key(schedule, end)}|{start.astimezone(UTC):{_STAMP}}"


def arn(configuration: Configuration, kind: str, name: str) -> str:
    """The ARN of something of SageMaker's."""
    return f"arn:aws:sagemaker:{configuration.region}:{configuration.account}:{kind}/{name}"


def definition_arn(configuration: Configuration, monitor: MonitoringType, name: str) -> str:
    """The ARN of a job definition."""
    return arn(configuration, _ARN_WORDS[monitor], name)


def not_found(arn_or_name: str, what: str) -> Refused:
    """The refusal of a request that names what is not there."""
    return Refused("ResourceNotFound", f"{what} {arn_or_name} does not exist.")
