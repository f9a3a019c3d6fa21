"""What the rest of the server hears of monitoring: events on the bus, in the shapes of the API's descriptions."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from watchpost.events.envelope import Event
from watchpost.service.configuration import Configuration
from watchpost.service.monitoring.documents import Members, MonitoringExecution, MonitoringSchedule, ProcessingJob
from watchpost.stores.store import Transaction

SOURCE = "aws.sagemaker"
SCHEDULE_CHANGED = "SageMaker Monitoring Schedule State Change"
JOB_CHANGED = "SageMaker Processing Job State Change"
OWN_SOURCE = "watchpost.monitoring"
BASELINE_MISMATCH = "Model Monitor Baseline Mismatch"
RESTATED = "Model Monitor Window Restated"


class PublishesEvents(Protocol):
    """The event bus."""

    def publish(self, tx: Transaction, event: Event) -> None:
        """Match an event and enqueue what follows, in the caller's transaction."""


class MonitoringNews:
    """Publishes state changes; ids of events are drawn where the news is made, outside any transaction's retry."""

    def __init__(self, events: PublishesEvents, configuration: Configuration, new_id: Callable[[], str]) -> None:
        self._events, self._new_id = events, new_id
        self._region, self._account = configuration.region, configuration.account

    def schedule(self, tx: Transaction, schedule: MonitoringSchedule, now: datetime, status: str | None = None) -> None:
        """The schedule changed; `status` where it is not the schedule's own (`Deleted`)."""
        detail = described_schedule(schedule)
        if status is not None:
            detail["MonitoringScheduleStatus"] = status
        self._publish(tx, SCHEDULE_CHANGED, detail, schedule.arn, now)

    def job(self, tx: Transaction, job: ProcessingJob, now: datetime, schedule_arn: str | None = None) -> None:
        """The processing job changed."""
        self._publish(tx, JOB_CHANGED, described_job(job, schedule_arn), job.arn, now)

    def mismatch(self, tx: Transaction, detail: Members, subject: str, now: datetime) -> None:
        """A schedule's baseline belongs to another model version than the one that served (ours)."""
        self._publish(tx, BASELINE_MISMATCH, detail, subject, now, OWN_SOURCE)

    def restated(self, tx: Transaction, detail: Members, subject: str, now: datetime) -> None:
        """A window was run again; its figures as they were and as they are (ours)."""
        self._publish(tx, RESTATED, detail, subject, now, OWN_SOURCE)

    def _publish(
        self, tx: Transaction, kind: str, detail: Members, subject: str, now: datetime, source: str = SOURCE
    ) -> None:
        body = {name: _plain(value) for name, value in detail.items()}
        event = Event(self._new_id(), source, kind, self._account, self._region, now, body, (subject,))
        self._events.publish(tx, event)


def described_schedule(schedule: MonitoringSchedule) -> Members:
    """The members of DescribeMonitoringSchedule that the schedule itself knows."""
    return _given(
        MonitoringScheduleArn=schedule.arn,
        MonitoringScheduleName=schedule.name,
        MonitoringScheduleStatus=schedule.status,
        MonitoringType=schedule.monitor,
        FailureReason=schedule.failure,
        CreationTime=schedule.created,
        LastModifiedTime=schedule.modified,
        MonitoringScheduleConfig=schedule.config,
        EndpointName=schedule.endpoint,
    )


def described_execution(execution: MonitoringExecution, job_arn: str) -> Members:
    """The members of MonitoringExecutionSummary. job_arn: of its processing job."""
    return _given(
        MonitoringScheduleName=execution.schedule,
        ScheduledTime=execution.scheduled,
        CreationTime=execution.created,
        LastModifiedTime=execution.modified,
        MonitoringExecutionStatus=execution.status,
        # Without a job that was begun there is nothing to describe under this ARN.
        ProcessingJobArn=None if execution.start is None else job_arn,
        EndpointName=execution.endpoint,
        # Of a later revision that failed, where an earlier one stands, only the journal and `run` tell.
        FailureReason=execution.failure if execution.status in {"Failed", "Stopped"} else None,
        MonitoringJobDefinitionName=execution.definition,
        MonitoringType=execution.monitor,
    )


def described_job(job: ProcessingJob, schedule_arn: str | None = None) -> Members:
    """The members of DescribeProcessingJob: the request echoed, and how it went."""
    return {
        **job.members,
        **_given(
            ProcessingJobName=job.name,
            ProcessingJobArn=job.arn,
            ProcessingJobStatus=job.status,
            ExitMessage=job.message,
            FailureReason=job.failure,
            CreationTime=job.created,
            LastModifiedTime=job.modified,
            ProcessingStartTime=job.started,
            ProcessingEndTime=job.ended,
            MonitoringScheduleArn=schedule_arn,
        ),
    }


def _given(**members: object) -> Members:
    return {name: value for name, value in members.items() if value is not None}


def _plain(value: object) -> object:
    """Instants as the service writes them into events: epoch milliseconds."""
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else value
