"""What SageMaker has no operation for: windows of monitoring schedules, run when they are asked for."""

from collections.abc import Mapping
from typing import Any

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.service.monitoring.run_state import RunState
from watchpost.service.server import Server
from watchpost.windows import Window


def run_monitoring_schedule(server: Server, call: Call) -> Mapping[str, Any]:
    """Run a window at once, the last one if none is named."""
    start, end = call.input.get("WindowStart"), call.input.get("WindowEnd")
    if (start is None) != (end is None):
        raise Refused("ValidationException", "WindowStart and WindowEnd are given together, or neither is.")
    window = None if start is None or end is None else Window(start, end)
    made = server.monitoring.run_window(call.input["MonitoringScheduleName"], window, call.access_key or "")
    return {"Key": made.key, "ProcessingJobName": made.job, "ScheduledTime": made.scheduled, "Revision": made.revision}


def get_monitoring_run(server: Server, call: Call) -> Mapping[str, Any]:
    """How such a run goes."""
    return _shown(server.monitoring.run_state(call.input["Key"], call.input["ProcessingJobName"]))


def _shown(state: RunState) -> Mapping[str, Any]:
    members = {
        "MonitoringExecutionStatus": state.status,
        "ScheduledTime": state.execution.scheduled,
        "WindowStart": state.execution.start,
        "WindowEnd": state.execution.end,
        "ExitMessage": state.message,
        "FailureReason": state.failure,
        "ReportS3Uri": state.report,
    }
    return {name: value for name, value in members.items() if value is not None}


OPERATIONS: Mapping[str, Operation] = {
    "GetMonitoringRun": get_monitoring_run,
    "RunMonitoringSchedule": run_monitoring_schedule,
}
