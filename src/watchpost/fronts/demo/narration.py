"""How the demo speaks: calm lines, each with the simulated time; a table and commands at the end."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.table import Table
from rich.text import Text

from watchpost.fronts.demo.hours import HOUR, Hours
from watchpost.fronts.demo.inbox import Letter
from watchpost.fronts.demo.monitors import BUCKET, ENDPOINT, MONITORS

if TYPE_CHECKING:
    from rich.console import Console

_MARGIN = "       "
_SHOWN = 3  # violations of a monitor that are told in an hour
# Of several violations of one column, the one that says most about its cause.
_TELLING = ("unit_change_check", "completeness_check", "categorical_values_check", "feature_attribution_change_check")


class _Violation(msgspec.Struct):
    feature_name: str
    constraint_check_type: str
    description: str


class _Figure(msgspec.Struct):
    name: str
    value: float | None = None
    baseline: float | None = None
    group: str = ""
    judged: str = ""


class Found(msgspec.Struct):
    """What an execution found: its status, and what the demo tells of its `report.json`."""

    status: str = ""
    violations: list[_Violation] = []
    figures: list[_Figure] = []
    notes: list[str] = []

    @classmethod
    def of(cls, status: str, report: Mapping[str, object]) -> "Found":
        """From the status and the report's members."""
        found = msgspec.convert(report, cls)
        found.status = status
        return found

    @property
    def error(self) -> "_Figure | None":
        """How far the model is off, where that was looked at."""
        return next((figure for figure in self.figures if figure.name == "mae"), None)

    @property
    def judged(self) -> bool:
        """Whether there were labels enough for a verdict; a monitor that needs none has enough."""
        return self.error is None or self.error.judged != "not_enough_data"

    @property
    def short(self) -> str:
        """The status in a cell of a table."""
        if self.status == "CompletedWithViolations":
            return _counted(len(self.violations), "violation")
        return self.status if self.judged else "no verdict yet"


class Narrator:
    """Speaks on a console. Calling it says a line at a time."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._known: set[tuple[str, str]] = set()

    def __call__(self, at: datetime, line: str) -> None:
        """Say what happens at a time."""
        self._write(f"{at:%H:%M}  {line}")

    def title(self, headline: str, rest: str) -> None:
        """Begin."""
        self._write(headline, "bold")
        self._write(rest)
        self._console.print()

    def aside(self, at: datetime, line: str) -> None:
        """Tell the reader what nobody in the story knows."""
        self._console.print()
        self._write(f"{at:%H:%M}  {line}", "italic")

    def verdict(self, title: str, found: Found) -> None:
        """What one monitor found in an hour; what it found before is only counted."""
        if not found.judged:
            self._indented(f"{title}: no verdict yet. {' '.join(found.notes)}")
            return
        if not found.violations:
            self._indented(f"{title}: no violation.")
            return
        self._indented(f"{title}: {_counted(len(found.violations), 'violation')}.", "yellow")
        new = [each for each in _telling(found.violations) if (title, each.feature_name) not in self._known]
        for violation in new[:_SHOWN]:
            self._indented(f"  {violation.feature_name}: {violation.description}")
        if len(new) > _SHOWN:
            self._indented(f"  and {len(new) - _SHOWN} more, see the report")
        self._known.update((title, each.feature_name) for each in new)

    def quality(self, found: Found) -> None:
        """How far the model is off, by all labels of an hour."""
        error = found.error
        if error is None or error.value is None or error.baseline is None:
            return
        how = "worse than chance explains" if found.violations else "no more than chance explains"
        self._indented(
            f"model quality: the model was {error.value:,.0f} dollars off on average, in the baseline "
            f"{error.baseline:,.0f}: {how}.",
            "yellow" if found.violations else "",
        )

    def restated_bias(self, found: Found) -> None:
        """What bias monitoring found with all labels of an hour, if it found anything."""
        if found.violations:
            self.verdict("bias", found)

    def letter(self, at: datetime, letter: Letter) -> None:
        """A letter came."""
        self._write(f"{at:%H:%M}  A letter arrives in the inbox:", "bold red")
        self._console.print()
        for line in letter.text.strip().splitlines():
            self._indented(f"| {line}" if line else "|")
        self._console.print()

    def table(self, found: Mapping[tuple[str, datetime], Found], hours: Hours, alarms: Sequence[str]) -> None:
        """How every execution, by schedule and scheduled time, stands in the end."""
        table = Table(
            title="Monitoring executions by hour, as they stand now",
            title_justify="left",
            caption="Violations: the status CompletedWithViolations. No verdict yet: Completed, with too few labels.",
            caption_justify="left",
        )
        table.add_column("hour (UTC)")
        for watching in MONITORS:
            table.add_column(watching.title)
        for number in range(hours.count):
            start = hours.start + number * HOUR
            row = [found[watching.schedule, start + HOUR] for watching in MONITORS]
            cells = (Text(each.short, "yellow" if each.violations else "") for each in row)
            table.add_row(f"{start:%H:%M}-{start + HOUR:%H:%M}", *cells)
        self._console.print()
        self._console.print(table)
        self._write(f"In ALARM: {', '.join(alarms) or 'none'}.")

    def ending(self, home: Path, request: Path, pages: Mapping[str, str], letters: Sequence[Path]) -> None:
        """Where everything lies, and the commands to look further. request: what to ask the model."""
        quoted = shlex.quote(str(home))
        self._console.print()
        self._write("Pages to read, each of the last hour in which the monitor found something:", "bold")
        for title, page in pages.items():
            self._write(f"  {title + ':':<16} {page}")
        self._write(f"  {'letters:':<16} {', '.join(map(str, letters)) or 'none'}")
        self._console.print()
        self._write("Traffic has ended, so the schedules are stopped. To look further, start the server:", "bold")
        self._write(f"  watchpost serve --home {quoted}")
        self._write("and in another terminal (AWS CLI; boto3 reads the same variables):", "bold")
        for line in (
            f'eval "$(watchpost env --home {quoted})"',
            "aws cloudwatch describe-alarms --state-value ALARM --output text "
            "--query 'MetricAlarms[].[AlarmName,StateReason]'",
            f"aws sagemaker list-monitoring-executions --endpoint-name {ENDPOINT} --output text --query "
            "'MonitoringExecutionSummaries[].[ScheduledTime,MonitoringScheduleName,MonitoringExecutionStatus]'",
            f"aws sagemaker describe-monitoring-schedule --monitoring-schedule-name {MONITORS[0].schedule}",
            f"aws s3 ls s3://{BUCKET}/reports/{ENDPOINT}/ --recursive",
            f"aws sagemaker-runtime invoke-endpoint --endpoint-name {ENDPOINT} --content-type text/csv "
            f"--body fileb://{shlex.quote(str(request))} /dev/stdout",
        ):
            self._write(f"  {line}")

    def _indented(self, line: str, style: str = "") -> None:
        self._write(f"{_MARGIN}{line}", style)

    def _write(self, line: str, style: str = "") -> None:
        # Paths and commands must stay whole to be copied, and names from the data are no markup.
        self._console.print(line, style=style or None, soft_wrap=True, markup=False, highlight=False)


def _telling(violations: Sequence[_Violation]) -> list[_Violation]:
    """One violation a column: the most telling."""
    found: dict[str, _Violation] = {}
    for violation in violations:
        before = found.get(violation.feature_name)
        if before is None or _rank(violation) < _rank(before):
            found[violation.feature_name] = violation
    return list(found.values())


def _rank(violation: _Violation) -> int:
    kind = violation.constraint_check_type
    return _TELLING.index(kind) if kind in _TELLING else len(_TELLING)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
