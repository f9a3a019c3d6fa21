"""What an execution left in the object store: its violations and its report."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from watchpost.constraints.violations_json import VIOLATIONS, parse_violations
from watchpost.errors import MalformedBaseline, Refused
from watchpost.fronts.web.rendering import monitor_path
from watchpost.service.execution.reports import PAGE, REPORT, unjudged
from watchpost.service.monitoring.documents import MonitoringExecution
from watchpost.service.monitoring.runs_listed import executions_listed
from watchpost.stores.objects.objects import bucket_and_key
from watchpost.stores.sql.monitoring_runs import RunFilter
from watchpost.verdicts import Violation

if TYPE_CHECKING:
    from watchpost.service.server import Server

_STAMP, _BETWEEN = "%Y-%m-%dT%H:%M:%SZ", "--"
_MOMENT = timedelta(microseconds=1)
_MOST_AT_ONCE = 1000  # windows that end in the same second: one of the schedule's, any number that were asked for
_LARGEST = 32 * 1024 * 1024  # bytes of a file that is shown; what monitors write is far smaller


class _Output(msgspec.Struct, rename="pascal"):
    s3_uri: str


class _Named(msgspec.Struct, rename="pascal"):
    s3_output: _Output


class _Config(msgspec.Struct, rename="pascal"):
    outputs: list[_Named]


class _Members(msgspec.Struct, rename="pascal"):
    processing_output_config: _Config


@dataclass(frozen=True, slots=True)
class Findings:
    """The violations of an execution; `trouble` says why they cannot be told, if so.

    unjudged: what the report says of an execution that found nothing only because there was too little to judge by.
    """

    violations: tuple[Violation, ...] = ()
    trouble: str = ""
    unjudged: tuple[str, ...] = ()


def findings(server: "Server", execution: MonitoringExecution) -> Findings:
    """What an execution found. Raises: nothing: what cannot be read is told."""
    if execution.status == "Completed":
        return Findings(unjudged=_unjudged(server, execution))
    if execution.status != "CompletedWithViolations":
        return Findings()
    try:
        body = _read(server, execution, VIOLATIONS)
        return Findings(parse_violations(body, VIOLATIONS))
    except (Refused, MalformedBaseline, OSError) as problem:
        return Findings(trouble=f"{VIOLATIONS} cannot be read: {problem}")


def _unjudged(server: "Server", execution: MonitoringExecution) -> tuple[str, ...]:
    try:
        return unjudged(_read(server, execution, REPORT))
    except (Refused, OSError):
        return ()


def report(server: "Server", execution: MonitoringExecution) -> bytes:
    """The execution's HTML page. Raises: Refused: there is none (any more)."""
    try:
        return _read(server, execution, PAGE)
    except OSError as problem:
        raise Refused("NoSuchKey", f"The report cannot be read: {problem.strerror or problem}.") from problem


def report_path(execution: MonitoringExecution) -> str:
    """Where the report of an execution is shown."""
    return f"{execution_path(execution)}/report"


def execution_path(execution: MonitoringExecution) -> str:
    """The address under which an execution's files are."""
    return f"{monitor_path(execution.schedule)}/executions/{quote(moment(execution), safe='')}"


def moment(execution: MonitoringExecution) -> str:
    """The scheduled time of an execution, as addresses name it; of a window that was asked for, its start and end."""
    if execution.asked and execution.window is not None:
        return _BETWEEN.join(f"{at.astimezone(UTC):{_STAMP}}" for at in execution.window)
    return f"{execution.scheduled.astimezone(UTC):{_STAMP}}"


def execution_at(server: "Server", schedule: str, named: str) -> MonitoringExecution | None:
    """The execution of a schedule that an address names by its `moment`, or None."""
    try:
        at = datetime.strptime(named.rpartition(_BETWEEN)[2], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    if "\0" in schedule:
        return None
    # Addresses tell seconds, a schedule's only window may be scheduled between two of them.
    wanted = RunFilter(schedule=schedule, scheduled=(at - _MOMENT, at + timedelta(seconds=1)))
    found = executions_listed(server.store, wanted, _MOST_AT_ONCE, "scheduled", None, descending=True)
    return next((execution for _, execution in found if moment(execution) == named), None)


def has_report(execution: MonitoringExecution) -> bool:
    """Whether the execution ended in a way that leaves a report."""
    return execution.status in {"Completed", "CompletedWithViolations"}


def _read(server: "Server", execution: MonitoringExecution, name: str) -> bytes:
    job = server.monitoring.processing.describe(execution.job)
    try:
        outputs = msgspec.convert(job.members, _Members).processing_output_config.outputs
    except msgspec.ValidationError:
        outputs = []
    if not outputs:
        raise Refused("NoSuchKey", "The execution named no place for its files.")
    bucket, key = bucket_and_key(f"{outputs[0].s3_output.s3_uri.rstrip('/')}/{name}")
    info = server.objects.head(bucket, key)
    if info is None:
        raise Refused("NoSuchKey", f"There is no {name} at {outputs[0].s3_output.s3_uri}.")
    if info.size > _LARGEST:
        raise Refused("NoSuchKey", f"{name} is too large to be shown; it lies at {outputs[0].s3_output.s3_uri}.")
    return server.objects.get(bucket, key)
