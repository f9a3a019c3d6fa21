"""What a page is: an address, who may see it, and what it shows. To add one: a file in `pages/`, a template, a test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from watchpost.fronts.aws.wire import Response
from watchpost.registry import Family

if TYPE_CHECKING:
    from watchpost.service.server import Server


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser's request for a page.

    Args: method: GET, HEAD or POST. path: percent-encoded, as it came. parts: the variables of the page's path,
    decoded. query: the first value of each name. headers: by lower-case name. cookies: by name. address: the client's.
    now: the instant of the request. signed_in: whether a session goes with it.
    """

    method: str
    path: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    address: str
    now: datetime
    signed_in: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Args: path: segments, `{name}` for one that varies, `{name...}` for all that follow. show: answers a visit; may
    raise Refused. is_open: whether people who are not signed in see it. menu: its place in the menu and its name there,
    None to be left out.
    """

    path: str
    show: Callable[["Server", Visit], Response]
    method: Literal["GET", "POST"] = "GET"
    is_open: bool = False
    menu: tuple[int, str] | None = None

    def parts(self, path: str) -> dict[str, str] | None:
        """The variables of a percent-encoded path, decoded; None if it is not this page's.

        >>> page = Page("/alarms/{name...}", lambda server, visit: Response(200, {}))
        >>> page.parts("/alarms/a%2Fb"), page.parts("/alarms/a/b"), page.parts("/alarms")
        ({'name': 'a/b'}, {'name': 'a/b'}, None)
        """
        wanted, given = self.path.split("/"), path.split("/")
        rest = wanted[-1].endswith("...}")
        if len(given) < len(wanted) or (len(given) > len(wanted) and not rest):
            return None
        if rest:
            given = [*given[: len(wanted) - 1], "/".join(given[len(wanted) - 1 :])]
        found: dict[str, str] = {}
        for pattern, segment in zip(wanted, given, strict=True):
            if pattern.startswith("{"):
                if not segment:
                    return None
                found[pattern.strip("{}").removesuffix("...")] = unquote(segment)
            elif pattern != segment:
                return None
        return found


PAGES = Family("watchpost.fronts.web.pages", Page)


@cache
def pages() -> tuple[Page, ...]:
    """All pages, in the order in which a path is compared with theirs.

    Fixed words go before variables, and variables before those that take all that follows.
    """
    found = [PAGES.load(name) for name in PAGES.names()]
    return tuple(sorted(found, key=lambda page: (page.path.endswith("...}"), page.path.count("{"), page.path)))
