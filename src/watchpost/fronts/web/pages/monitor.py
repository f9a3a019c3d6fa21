"""One monitoring schedule: its executions, and what the last one found."""

from typing import TYPE_CHECKING

from watchpost.fronts.aws.wire import Response
from watchpost.fronts.web.monitor_files import findings, has_report, report_path
from watchpost.fronts.web.page import Page, Visit
from watchpost.fronts.web.rendering import monitor_path, rendered
from watchpost.fronts.web.rows import MonitorRow, execution_word
from watchpost.reports.words import check_words, importance
from watchpost.service.monitoring.documents import UNSETTLED

if TYPE_CHECKING:
    from watchpost.service.server import Server

_LISTED, _FOUND = 50, 100


def show(server: "Server", visit: Visit) -> Response:
    """The page of one schedule."""
    schedule = server.monitoring.schedules.describe(visit.parts["schedule"])
    executions = server.monitoring.executions.all(schedule.name)[::-1]
    first = _page(visit.query.get("page", ""))
    some = executions[first * _LISTED : (first + 1) * _LISTED]
    ended = next((each for each in executions if each.status not in UNSETTLED), None)
    found = None if ended is None else findings(server, ended)
    violations = [] if found is None else sorted(found.violations, key=lambda v: importance(v.constraint_check_type))
    shown = [(check_words(v.constraint_check_type), v) for v in violations[:_FOUND]]
    address = monitor_path(schedule.name)
    timetable = schedule.config.get("ScheduleConfig")
    values: dict[str, object] = {
        "row": MonitorRow(schedule, executions[0] if executions else None),
        "timetable": timetable.get("ScheduleExpression", "") if isinstance(timetable, dict) else "",
        "executions": [(e, execution_word(e), report_path(e) if has_report(e) else None) for e in some],
        "total": len(executions),
        "ended": ended,
        "ended_report": report_path(ended) if ended is not None and has_report(ended) else None,
        "found": found,
        "shown": shown,
        "more": len(violations) - len(shown),
        "newer": f"{address}?page={first - 1}" if first else None,
        "older": f"{address}?page={first + 1}" if len(executions) > (first + 1) * _LISTED else None,
    }
    return rendered("monitor", visit, values)


def _page(text: str) -> int:
    return min(int(text), 1_000_000) if text.isascii() and text.isdigit() and len(text) < 8 else 0


plugin = Page("/monitors/{schedule}", show)
