"""Templates: their filters, and the values every page has."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import quote

from watchpost.fronts.aws.wire import Response
from watchpost.fronts.web.page import Visit, pages
from watchpost.reports import typography
from watchpost.topics.alarm_news import duration

if TYPE_CHECKING:
    import jinja2

HTML = "text/html; charset=utf-8"
STYLE = "style.css"


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A line of the menu."""

    path: str
    name: str


def rendered(
    template: str,
    visit: Visit,
    values: Mapping[str, object],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A page out of `templates/<template>.html.j2`.

    Args: values: what the template shows; `visit`, `menu`, `style_url` and `now` come by themselves.
    """
    text = (
        _environment()
        .get_template(f"{template}.html.j2")
        .render(visit=visit, now=visit.now, menu=_menu(), style_url=f"/static/{STYLE}?v={style()[1]}", **values)
    )
    return Response(status, {"content-type": HTML, **(headers or {})}, text.encode("utf-8", "replace"))


@cache
def style() -> tuple[bytes, str]:
    """The style sheet, and a word that changes with it."""
    from watchpost.reports.templating import style_sheet

    body = style_sheet(files("watchpost.fronts.web") / "static" / STYLE).encode()
    return body, sha256(body).hexdigest()[:12]


def alarm_path(name: str) -> str:
    """The address of an alarm's page.

    >>> alarm_path("a/b ü")
    '/alarms/a%2Fb%20%C3%BC'
    """
    return f"/alarms/{quote(name, safe='')}"


def monitor_path(schedule: str) -> str:
    """The address of a monitoring schedule's page."""
    return f"/monitors/{quote(schedule, safe='')}"


def iso(at: datetime) -> str:
    """An instant as ISO 8601 in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def clock(at: datetime) -> str:
    """An instant for people, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def window(start: datetime, end: datetime) -> str:
    """A stretch of time for people, in UTC; what goes without saying is left out.

    >>> window(datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 1, 13, tzinfo=UTC))
    '2026-07-01 12:00 to 13:00 UTC'
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    form = "%H:%M:%S" if start.second or end.second else "%H:%M"
    day = "" if start.date() == end.date() else f"{end:%Y-%m-%d} "
    return f"{start:%Y-%m-%d} {start:{form}} to {day}{end:{form}} UTC"


def ago(at: datetime, now: datetime) -> str:
    """How long ago an instant was, or in how long it will be.

    >>> ago(datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 1, 14, 5, tzinfo=UTC))
    '2 h 5 min ago'
    """
    if abs(now - at) < timedelta(seconds=1):
        return "just now"
    return f"{duration(now - at)} ago" if at < now else f"in {duration(at - now)}"


@cache
def _menu() -> tuple[MenuItem, ...]:
    items = sorted((page.menu, page.path) for page in pages() if page.menu is not None)
    return tuple(MenuItem(path, name) for (_, name), path in items)


@cache
def _environment() -> "jinja2.Environment":
    from watchpost.reports.templating import environment

    made = environment(
        "watchpost.fronts.web",
        {
            "visible": typography.visible,
            "shortened": typography.shortened,
            "number": typography.number,
            "count": typography.count,
            "counted": typography.counted,
            "alarm_path": alarm_path,
            "monitor_path": monitor_path,
            "iso": iso,
            "clock": clock,
            "window": window,
            "ago": ago,
        },
    )
    made.globals["words"] = made.get_template("words.html.j2").module
    return made
