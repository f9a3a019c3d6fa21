"""`watchpost run`: run a window of a monitoring schedule now, and say what it found."""

import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchpost.errors import InputError
from watchpost.fronts.exit_codes import BAD_INPUT, CLEAN, VIOLATIONS, errors_as_exit_code
from watchpost.fronts.running_server import AS_JSON, SERVER, answers_of, session_with_server
from watchpost.windows import Window, parse_duration

if TYPE_CHECKING:
    from botocore.session import Session  # type: ignore[import-untyped]  # botocore ships no type information

Told = Mapping[str, Any]  # members of botocore's answer, which has no types

_BETWEEN_LOOKS_SECONDS = 0.5
_UNDER_WAY = frozenset({"Pending", "InProgress", "Stopping"})


@click.command()
@click.argument("schedule")
@click.option("--window", "text", metavar="START/END", help="Which one, ISO 8601.  [default: the last that is over]")
@click.option("--wait", is_flag=True, help="Wait for its end and print the report.")
@SERVER
@AS_JSON
def run(schedule: str, text: str | None, wait: bool, home: Path | None, as_json: bool) -> None:
    """Run a window of SCHEDULE at once, or run it again: labels came late, the baseline was corrected.

    A window that was run before gets another revision, whose figures replace the earlier ones. START/END may be any
    stretch of time; one that is none of the schedule's has a report of its own, and neither metrics nor a say in the
    alert. Exit code with --wait: 0 clean, 1 violations, 2 failed.

    \b
    Examples:
      watchpost run homes-hourly --wait
      watchpost run homes-hourly --window 2026-07-01T12:00Z/2026-07-01T13:00Z
      watchpost run homes-hourly --window 2026-07-01T00:00Z/P1D --wait --json
    """
    with errors_as_exit_code():
        window = _window(text) if text is not None else None
        session, url = session_with_server(home)
        with answers_of(url):
            client = _client(session, url)
            asked = {"WindowStart": window.start, "WindowEnd": window.end} if window is not None else {}
            begun = client.run_monitoring_schedule(MonitoringScheduleName=schedule, **asked)
            if not wait:
                _say_begun(begun, as_json=as_json)
                return
            state = _ended(client, begun)
            report = _report(session, url, state)
    sys.exit(_say_ended(begun, state, report, as_json=as_json))


def _client(session: "Session", url: str) -> Any:  # a client of botocore, which has no types
    from watchpost.fronts.aws.model import OWN_MODELS

    session.get_component("data_loader").search_paths.append(str(OWN_MODELS))
    return session.create_client("watchpost", endpoint_url=url)


def _ended(client: Any, begun: Told) -> Told:  # as above
    while True:
        state: Told = client.get_monitoring_run(Key=begun["Key"], ProcessingJobName=begun["ProcessingJobName"])
        if state["MonitoringExecutionStatus"] not in _UNDER_WAY:
            return state
        time.sleep(_BETWEEN_LOOKS_SECONDS)


def _report(session: "Session", url: str, state: Told) -> bytes | None:
    """The whole report, where the monitor leaves one."""
    uri = state.get("ReportS3Uri")
    if uri is None:
        return None
    from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # botocore ships no type information

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    try:
        s3 = session.create_client("s3", endpoint_url=url)
        body: bytes = s3.get_object(Bucket=bucket, Key=f"{prefix.rstrip('/')}/report.json")["Body"].read()
    except ClientError as error:
        if error.response["Error"].get("Code") == "NoSuchKey":
            return None
        raise
    return body


def _say_begun(begun: Told, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**_plain(begun)}))
        return
    revision = f", revision {begun['Revision']}" if begun["Revision"] > 1 else ""
    click.echo(f"{begun['ProcessingJobName']} runs the window of {_stamp(begun['ScheduledTime'])}{revision}.")


def _say_ended(begun: Told, state: Told, report: bytes | None, *, as_json: bool) -> int:
    """Print what came of it; the exit code."""
    status = state["MonitoringExecutionStatus"]
    code = {"Completed": CLEAN, "CompletedWithViolations": VIOLATIONS}.get(status, BAD_INPUT)
    told = state.get("FailureReason") or state.get("ExitMessage") or status
    if code == BAD_INPUT:
        click.echo(f"watchpost: {begun['ProcessingJobName']} {status.lower()}: {told}", err=True)
    elif as_json:
        click.echo(report if report is not None else json.dumps(_plain(state)), nl=report is None)
    else:
        if report is not None:
            _print(report)
        click.echo(f"{told}\nReport: {state.get('ReportS3Uri', 'replaced by a later revision')}")
    return code


def _print(report: bytes) -> None:
    from rich.console import Console

    from watchpost.reports import ReadableReport
    from watchpost.reports.documents import from_json

    console = Console()
    with console.capture() as printed:
        console.print(ReadableReport.of(from_json(report)))
    click.echo(printed.get(), nl=False)


def _plain(members: Told) -> dict[str, object]:
    return {
        name: _stamp(value) if isinstance(value, datetime) else value
        for name, value in members.items()
        if name != "ResponseMetadata"
    }


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _window(text: str) -> Window:
    """START/END, or START and how long. Raises: InputError."""
    first, _, last = text.partition("/")
    try:
        start = _instant(first)
        end = start + parse_duration(last) if last.startswith("P") else _instant(last)
    except (ValueError, OverflowError):
        raise InputError(
            f"--window {text!r} is none: give one like 2026-07-01T12:00Z/2026-07-01T13:00Z or 2026-07-01T12:00Z/PT1H."
        ) from None
    return Window(start, end)


def _instant(text: str) -> datetime:
    given = datetime.fromisoformat(text)
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
