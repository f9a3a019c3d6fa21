"""Signing in: by a one-time link, or by pasting it. Without a token the page says how to get one."""

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from watchpost.fronts.aws.wire import Response
from watchpost.fronts.web.gate import is_own_path, is_prefetch, set_cookie
from watchpost.fronts.web.page import Page, Visit
from watchpost.fronts.web.rendering import rendered
from watchpost.fronts.web.site import NEXT
from watchpost.service.sign_in import FAILURES_FORGOTTEN, SESSION_LIFE, NotSignedIn

if TYPE_CHECKING:
    from watchpost.service.server import Server

_UNKNOWN = "That link has been used, is older than 15 minutes, or was never given out."
_TOO_MANY = "Too many wrong links came from your address. Wait a minute, then try again."


def show(server: "Server", visit: Visit) -> Response:
    """Let a browser in and send it where it wanted to go."""
    token = _token(visit.query.get("token", ""))
    if not token:
        return rendered("sign_in", visit, {"trouble": ""})
    # A link works once: it is not used up by a program that only looks whether it is there.
    if visit.method != "GET" or is_prefetch(visit.headers):
        return Response(403, {"content-type": "text/plain"}, b"Only a browser that is looked at signs in.\n")
    base_url = server.configuration.base_url
    redeemed = server.sign_in.redeem(token, visit.address)
    if isinstance(redeemed, NotSignedIn):
        if visit.signed_in:
            return Response(303, {"location": _wanted(visit)})
        if redeemed.why == "too many":
            wait = str(int(FAILURES_FORGOTTEN.total_seconds()))
            return rendered("sign_in", visit, {"trouble": _TOO_MANY}, 429, {"retry-after": wait})
        return rendered("sign_in", visit, {"trouble": _UNKNOWN}, 403)
    cookie = set_cookie(server.sign_in.cookie_name, redeemed.cookie, int(SESSION_LIFE.total_seconds()), base_url)
    return Response(303, {"location": _wanted(visit), "set-cookie": cookie})


def _token(given: str) -> str:
    """The token, also out of a whole link that was pasted."""
    text = given.strip()
    query = text.partition("?")[2].partition("#")[0]
    return dict(parse_qsl(query)).get("token", "") if "token=" in text else text


def _wanted(visit: Visit) -> str:
    wanted = unquote(visit.cookies.get(NEXT, ""))
    return wanted if is_own_path(wanted) else "/"


plugin = Page("/sign-in", show, is_open=True)
