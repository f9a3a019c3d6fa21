"""All alarms: by state and by the beginning of the name, a hundred to a page."""

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from watchpost.alarms.records import ALARM, INSUFFICIENT_DATA, OK, State
from watchpost.fronts.aws.wire import Response
from watchpost.fronts.web.page import Page, Visit
from watchpost.fronts.web.rendering import rendered
from watchpost.fronts.web.rows import alarm_row

if TYPE_CHECKING:
    from watchpost.service.server import Server

_LISTED = 100
_STATES: tuple[State, ...] = (ALARM, INSUFFICIENT_DATA, OK)


def show(server: "Server", visit: Visit) -> Response:
    """One page of the list."""
    prefix, after = visit.query.get("prefix", ""), visit.query.get("after", "")
    state = next((known for known in _STATES if known == visit.query.get("state")), None)
    overview = server.alarms.overview.page(prefix, state, after, _LISTED, visit.now)
    rows = [alarm_row(standing) for standing in overview.standings]
    following = rows[-1].standing.alarm.name if rows and overview.more else None
    kept = {"state": state, "prefix": prefix}
    values: dict[str, object] = {
        "rows": rows,
        "counts": overview.counts,
        "total": overview.total,
        "state": state,
        "prefix": prefix,
        "after": after,
        "links": [(name, _address({**kept, "state": name}), name == state) for name in (None, *_STATES)],
        "first": _address(kept),
        "following": None if following is None else _address({**kept, "after": following}),
    }
    return rendered("alarms", visit, values)


def _address(query: dict[str, str | None]) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"/alarms?{urlencode(given)}" if given else "/alarms"


plugin = Page("/alarms", show, menu=(1, "Alarms"))
