"""All monitoring schedules and how their last runs went."""

from typing import TYPE_CHECKING

from watchpost.fronts.aws.wire import Response
from watchpost.fronts.web.page import Page, Visit
from watchpost.fronts.web.rendering import rendered
from watchpost.fronts.web.rows import monitor_rows

if TYPE_CHECKING:
    from watchpost.service.server import Server


def show(server: "Server", visit: Visit) -> Response:
    """The list."""
    rows = monitor_rows(server)
    counts = {"bad": sum(row.is_bad for row in rows), "unjudged": sum(row.is_unjudged for row in rows)}
    return rendered("monitors", visit, {"rows": rows, **counts})


plugin = Page("/monitors", show, menu=(2, "Monitors"))
