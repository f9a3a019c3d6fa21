"""Monitoring schedules, their executions, and job definitions of the four kinds."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from watchpost.fronts.aws.operation import Call, Operation
from watchpost.fronts.aws.sagemaker.listings import during, is_asked, page, stamp
from watchpost.fronts.aws.sagemaker.runs import page_of_executions
from watchpost.service.monitoring.documents import (
    MONITORING_TYPES,
    JobDefinition,
    MonitoringExecution,
    MonitoringSchedule,
    MonitoringType,
    arn,
)
from watchpost.service.monitoring.job import job_of
from watchpost.service.monitoring.news import described_execution, described_schedule
from watchpost.service.registry.tags import check_tags

if TYPE_CHECKING:
    from watchpost.service.server import Server

_NOT_KEPT = ("JobDefinitionName", "Tags")


def create_definition(monitor: MonitoringType, server: "Server", call: Call) -> Mapping[str, Any]:
    """Keep a job definition."""
    members = {name: value for name, value in call.input.items() if name not in _NOT_KEPT and value is not None}
    made = server.monitoring.definitions.create(
        monitor, call.input["JobDefinitionName"], members, call.access_key or "", _tags(call)
    )
    return {"JobDefinitionArn": made}


def describe_definition(monitor: MonitoringType, server: "Server", call: Call) -> Mapping[str, Any]:
    """Show a job definition."""
    found = server.monitoring.definitions.describe(monitor, call.input["JobDefinitionName"])
    return {
        "JobDefinitionArn": found.arn,
        "JobDefinitionName": found.name,
        "CreationTime": found.created,
        **found.members,
    }


def delete_definition(monitor: MonitoringType, server: "Server", call: Call) -> None:
    """Remove a job definition."""
    server.monitoring.definitions.delete(monitor, call.input["JobDefinitionName"], call.access_key or "")


def list_definitions(monitor: MonitoringType, server: "Server", call: Call) -> Mapping[str, Any]:
    """List job definitions of one kind."""
    asked = call.input
    found = [
        (definition, endpoint)
        for definition in server.monitoring.definitions.all(monitor)
        if (endpoint := _endpoint(definition)) is not None
        and is_asked(asked, EndpointName=endpoint)
        and asked.get("NameContains", "") in definition.name
        and during(asked, "CreationTime", definition.created)
    ]
    by_name = asked.get("SortBy", "CreationTime") == "Name"
    some, more = page(
        found, lambda each: ("" if by_name else stamp(each[0].created), each[0].name), asked, descending=True
    )
    summaries = [
        {
            "MonitoringJobDefinitionName": definition.name,
            "MonitoringJobDefinitionArn": definition.arn,
            "CreationTime": definition.created,
            "EndpointName": endpoint,
        }
        for definition, endpoint in some
    ]
    return {"JobDefinitionSummaries": summaries, **more}


def create_schedule(server: "Server", call: Call) -> Mapping[str, Any]:
    """Make a schedule."""
    name, config = call.input["MonitoringScheduleName"], dict(call.input["MonitoringScheduleConfig"])
    made = server.monitoring.schedules.create(name, config, call.access_key or "", _tags(call))
    return {"MonitoringScheduleArn": made}


def describe_schedule(server: "Server", call: Call) -> Mapping[str, Any]:
    """Show a schedule and its last execution."""
    schedules = server.monitoring.schedules
    found = schedules.describe(call.input["MonitoringScheduleName"])
    last = schedules.last_execution(found.name)
    shown = {} if last is None else {"LastMonitoringExecutionSummary": _shown(server, last)}
    return {**described_schedule(found), **shown}


def update_schedule(server: "Server", call: Call) -> Mapping[str, Any]:
    """Give a schedule another configuration."""
    name, config = call.input["MonitoringScheduleName"], dict(call.input["MonitoringScheduleConfig"])
    return {"MonitoringScheduleArn": server.monitoring.schedules.update(name, config, call.access_key or "")}


def start_schedule(server: "Server", call: Call) -> None:
    """Let a stopped schedule run."""
    server.monitoring.schedules.start(call.input["MonitoringScheduleName"], call.access_key or "")


def stop_schedule(server: "Server", call: Call) -> None:
    """Keep a schedule from running."""
    server.monitoring.schedules.stop(call.input["MonitoringScheduleName"], call.access_key or "")


def delete_schedule(server: "Server", call: Call) -> None:
    """Remove a schedule."""
    server.monitoring.schedules.delete(call.input["MonitoringScheduleName"], call.access_key or "")


def list_schedules(server: "Server", call: Call) -> Mapping[str, Any]:
    """List schedules."""
    asked = call.input

    def wanted(schedule: MonitoringSchedule) -> bool:
        return (
            is_asked(
                asked,
                EndpointName=schedule.endpoint,
                StatusEquals=schedule.status,
                MonitoringJobDefinitionName=schedule.definition,
                MonitoringTypeEquals=schedule.monitor,
            )
            and asked.get("NameContains", "") in schedule.name
            and during(asked, "CreationTime", schedule.created)
            and during(asked, "LastModifiedTime", schedule.modified)
        )

    def key(schedule: MonitoringSchedule) -> tuple[str, str]:
        by = asked.get("SortBy", "CreationTime")
        first = {"Name": "", "Status": schedule.status}.get(by, stamp(schedule.created))
        return first, schedule.name

    some, more = page([each for each in server.monitoring.schedules.all() if wanted(each)], key, asked, descending=True)
    summaries = [
        _given(
            MonitoringScheduleName=schedule.name,
            MonitoringScheduleArn=schedule.arn,
            CreationTime=schedule.created,
            LastModifiedTime=schedule.modified,
            MonitoringScheduleStatus=schedule.status,
            EndpointName=schedule.endpoint,
            MonitoringJobDefinitionName=schedule.definition,
            MonitoringType=schedule.monitor,
        )
        for schedule in some
    ]
    return {"MonitoringScheduleSummaries": summaries, **more}


def list_executions(server: "Server", call: Call) -> Mapping[str, Any]:
    """List executions, also of schedules that were deleted."""
    some, more = page_of_executions(server, call.input)
    return {"MonitoringExecutionSummaries": [_shown(server, execution) for execution in some], **more}


def _shown(server: "Server", execution: MonitoringExecution) -> Mapping[str, Any]:
    return described_execution(execution, arn(server.configuration, "processing-job", execution.job))


def _endpoint(definition: JobDefinition) -> str | None:
    """What the summary's required EndpointName says: empty for batch data."""
    return job_of(definition.monitor, definition.members).source.endpoint_name or ""


def _tags(call: Call) -> dict[str, str]:
    return check_tags(call.input.get("Tags") or ())


def _given(**members: object) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _of_definitions() -> dict[str, Operation]:
    found: dict[str, Operation] = {}
    for monitor in MONITORING_TYPES:
        found |= {
            f"Create{monitor}JobDefinition": partial(create_definition, monitor),
            f"Describe{monitor}JobDefinition": partial(describe_definition, monitor),
            f"Delete{monitor}JobDefinition": partial(delete_definition, monitor),
            f"List{monitor}JobDefinitions": partial(list_definitions, monitor),
        }
    return found


OPERATIONS: Mapping[str, Operation] = {
    **_of_definitions(),
    "CreateMonitoringSchedule": create_schedule,
    "DescribeMonitoringSchedule": describe_schedule,
    "UpdateMonitoringSchedule": update_schedule,
    "StartMonitoringSchedule": start_schedule,
    "StopMonitoringSchedule": stop_schedule,
    "DeleteMonitoringSchedule": delete_schedule,
    "ListMonitoringSchedules": list_schedules,
    "ListMonitoringExecutions": list_executions,
}

_KEPT = "JobResources, NetworkConfig, RoleArn and KMS keys are kept and have no effect: jobs run on this server"
PARTIAL: Mapping[str, str] = {
    **{f"Create{monitor}JobDefinition": _KEPT for monitor in MONITORING_TYPES},
    "CreateModelBiasJobDefinition": f"{_KEPT}; so does FeaturesAttribute: features are found by their names",
    "CreateModelExplainabilityJobDefinition": f"{_KEPT}; so does FeaturesAttribute: features are found by their names",
    "CreateMonitoringSchedule": "labels are joined within the execution; there is no merge job of its own",
}
