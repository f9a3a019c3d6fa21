"""What is wrong now: alarms in ALARM, then monitors that failed or found violations; else that all is well."""

from typing import TYPE_CHECKING

from watchpost.fronts.aws.wire import Response
from watchpost.fronts.web.page import Page, Visit
from watchpost.fronts.web.rendering import rendered
from watchpost.fronts.web.rows import alarm_row, monitor_rows

if TYPE_CHECKING:
    from watchpost.service.server import Server

_MOST = 50


def show(server: "Server", visit: Visit) -> Response:
    """The first page."""
    overview = server.alarms.overview.newest("ALARM", _MOST, visit.now)
    monitors = monitor_rows(server)
    failing = [row for row in monitors if row.is_bad]
    values: dict[str, object] = {
        "alarms": [alarm_row(standing) for standing in overview.standings],
        "counts": overview.counts,
        "total": overview.total,
        "failing": failing[:_MOST],
        "more_failing": max(0, len(failing) - _MOST),
        "monitors": len(monitors),
        "health": server.health(),
    }
    return rendered("home", visit, values)


plugin = Page("/", show, menu=(0, "Now"))
