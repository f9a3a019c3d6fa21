"""One monitoring schedule: its executions, and what the last one found."""

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from watchpost.fronts.aws.wire import Response
from watchpost.fronts.web.monitor_files import findings, has_report, report_path
from watchpost.fronts.web.page import Page, Visit
from watchpost.fronts.web.rendering import monitor_path, rendered
from watchpost.fronts.web.rows import UNJUDGED, MonitorRow, execution_word
from watchpost.fronts.web.violations_told import in_a_sentence
from watchpost.reports.words import check_words, importance
from watchpost.service.monitoring.runs_listed import executions_listed, last_settled
from watchpost.stores.sql.monitoring_runs import Place, RunFilter, counted

if TYPE_CHECKING:
    from watchpost.service.server import Server

_LISTED, _FOUND = 50, 100


def show(server: "Server", visit: Visit) -> Response:
    """The page of one schedule."""
    schedule = server.monitoring.schedules.describe(visit.parts["schedule"])
    wanted, after = RunFilter(schedule=schedule.name), _place(visit.query.get("after", ""))
    runs = executions_listed(server.store, wanted, _LISTED + 1, "scheduled", after, descending=True)
    some, place = [execution for _, execution in runs[:_LISTED]], runs[:_LISTED][-1:]
    ended = server.store.read(lambda tx: last_settled(tx, schedule.name))
    found = None if ended is None else findings(server, ended)
    violations = [] if found is None else sorted(found.violations, key=lambda v: importance(v.constraint_check_type))
    shown = [(check_words(v.constraint_check_type), v) for v in violations[:_FOUND]]
    last = server.monitoring.schedules.last_execution(schedule.name)
    said = "" if found is None or last != ended else in_a_sentence(violations)
    if found is not None and found.unjudged and last == ended:
        said = UNJUDGED
    address = monitor_path(schedule.name)
    timetable = schedule.config.get("ScheduleConfig")
    values: dict[str, object] = {
        "row": MonitorRow(schedule, last, said),
        "timetable": timetable.get("ScheduleExpression", "") if isinstance(timetable, dict) else "",
        "executions": [(e, execution_word(e), report_path(e) if has_report(e) else None) for e in some],
        "total": server.store.read(lambda tx: counted(tx, "execution", wanted)),
        "ended": ended,
        "ended_report": report_path(ended) if ended is not None and has_report(ended) else None,
        "found": found,
        "shown": shown,
        "more": len(violations) - len(shown),
        "newest": address if after is not None else None,
        "older": _address(address, place[0][0].place) if len(runs) > _LISTED else None,
    }
    return rendered("monitor", visit, values)


def _address(address: str, place: Place) -> str:
    return f"{address}?{urlencode({'after': f'{place[0]}/{place[2]}'})}"


def _place(text: str) -> Place | None:
    """Where the page before ended, as `_address` tells it; None: nowhere, this page is the first."""
    at, _, number = text.partition("/")
    try:
        aware = datetime.fromisoformat(at).tzinfo is not None
    except ValueError:
        return None
    return (at, "", int(number)) if aware and number.isascii() and number.isdigit() and len(number) < 19 else None


plugin = Page("/monitors/{schedule}", show)
