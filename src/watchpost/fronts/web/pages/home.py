"""What is wrong now: alarms in ALARM, then monitors that failed or found violations; else that all is well."""

from dataclasses import replace
from typing import TYPE_CHECKING

from watchpost.fronts.aws.wire import Response
from watchpost.fronts.web.monitor_files import findings
from watchpost.fronts.web.page import Page, Visit
from watchpost.fronts.web.rendering import rendered
from watchpost.fronts.web.rows import MonitorRow, alarm_row, monitor_rows
from watchpost.fronts.web.violations_told import in_a_sentence

if TYPE_CHECKING:
    from watchpost.service.server import Server

_MOST = 50
_READ = 10  # monitors whose violations are told in a sentence: each costs reading a file


def show(server: "Server", visit: Visit) -> Response:
    """The first page."""
    overview = server.alarms.overview.newest("ALARM", _MOST, visit.now)
    monitors = monitor_rows(server)
    failing = [row for row in monitors if row.is_bad]
    values: dict[str, object] = {
        "alarms": [alarm_row(standing) for standing in overview.standings],
        "counts": overview.counts,
        "total": overview.total,
        "failing": [*(_told(server, row) for row in failing[:_READ]), *failing[_READ:_MOST]],
        "more_failing": max(0, len(failing) - _MOST),
        "monitors": len(monitors),
        "unjudged": [row for row in monitors if row.is_unjudged][:_MOST],
        "all_unjudged": sum(row.is_unjudged for row in monitors),
        "health": server.health(),
    }
    return rendered("home", visit, values)


def _told(server: "Server", row: MonitorRow) -> MonitorRow:
    """The row with what its last execution found."""
    return row if row.last is None else replace(row, found=in_a_sentence(findings(server, row.last).violations))


plugin = Page("/", show, menu=(0, "Now"))
