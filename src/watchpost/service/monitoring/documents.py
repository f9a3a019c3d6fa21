"""What monitoring keeps in the store: job definitions, schedules, executions, processing jobs and alerts.

Requests are kept as they were asked (`members`, in the API's own words), because descriptions must echo them whole;
what the server itself decides are fields beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal, get_args

from watchpost.documents import Kind
from watchpost.errors import Refused
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
    """The last time of a schedule whose window was handed out."""

    last: datetime


@dataclass(frozen=True, slots=True)
class MonitoringExecution:
    """One window of one schedule, run once however often it is begun again.

    start, end: the window [start, end); None until the execution begins. job: the processing job's name.
    published: its metrics are in the metric store. baseline: SHA-256 of each baseline file it was judged by.
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
    """A baseline as a job left it: its place, its number there (from 1), and the SHA-256 of each file."""

    uri: str
    version: int
    job: str
    made: datetime
    files: dict[str, str]


JOB_DEFINITION = Kind("monitoring-job-definition", JobDefinition)
SCHEDULE = Kind("monitoring-schedule", MonitoringSchedule)
CURSOR = Kind("monitoring-cursor", Cursor)
EXECUTION = Kind("monitoring-execution", MonitoringExecution)
PROCESSING_JOB = Kind("processing-job", ProcessingJob)
ALERT = Kind("monitoring-alert", MonitoringAlert)
ALERT_CHANGE = Kind("monitoring-alert-change", AlertChange)
BASELINE = Kind("baseline-version", BaselineVersion)


def definition_key(monitor: MonitoringType, name: str) -> str:
    """The key of a job definition; no name holds a bar."""
    return f"{monitor}|{name}"


def execution_key(schedule: str, scheduled: datetime) -> str:
    """The key of an execution; keys of one schedule sort by time."""
    return f"{schedule}|{scheduled.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"


def arn(configuration: Configuration, kind: str, name: str) -> str:
    """The ARN of something of SageMaker's."""
    return f"arn:aws:sagemaker:{configuration.region}:{configuration.account}:{kind}/{name}"


def definition_arn(configuration: Configuration, monitor: MonitoringType, name: str) -> str:
    """The ARN of a job definition."""
    return arn(configuration, _ARN_WORDS[monitor], name)


def not_found(arn_or_name: str, what: str) -> Refused:
    """The refusal of a request that names what is not there."""
    return Refused("ResourceNotFound", f"{what} {arn_or_name} does not exist.")
