"""All pages together: which one a request is for, who may see it, and what every answer carries."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from watchpost.errors import Refused, StoreUnavailable
from watchpost.fronts.aws.wire import Request, Response
from watchpost.fronts.web.gate import cookies_of, is_for_aws, is_from_us, is_our_host, is_own_path, set_cookie
from watchpost.fronts.web.page import Page, Visit, pages
from watchpost.fronts.web.rendering import rendered

if TYPE_CHECKING:
    from watchpost.service.server import Server

NEXT = "watchpost-next"
"""The cookie that remembers where somebody wanted to go before signing in."""

_NEXT_SECONDS = 15 * 60
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: with that a browser says Origin: null when a form of ours is sent.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
_NOT_FOUND = frozenset({"ResourceNotFound", "ResourceNotFoundException", "NoSuchKey", "NoSuchBucket"})


class Site:
    """The pages of a server. Answers in worker threads."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._base_url = server.configuration.base_url

    def is_for_us(self, head: Request) -> bool:
        """Whether a request is a browser's, for a page or for what might be one."""
        if head.method not in {"GET", "HEAD", "POST"} or is_for_aws(head):
            return False
        is_browser = head.method != "POST" and "text/html" in head.headers.get("accept", "")
        return is_browser or self._find(head) is not None

    def respond(self, head: Request, address: str) -> Response:
        """The answer, with the headers that every answer of ours has. Raises: nothing but faults of ours."""
        visit = self._visit(head, address)
        try:
            response = self._answer(head, visit)
        except StoreUnavailable:
            response = self._trouble(visit, 503, "The database cannot be used now", "Try again in a moment.")
        return replace(response, headers={**_HEADERS, **response.headers})

    # --- parts ------------------------------------------------------------------------------------------------------

    @staticmethod
    def _find(head: Request) -> tuple[Page, dict[str, str]] | None:
        method = "GET" if head.method == "HEAD" else head.method
        for page in pages():
            parts = page.parts(head.path) if page.method == method else None
            if parts is not None:
                return page, parts
        return None

    def _visit(self, head: Request, address: str) -> Visit:
        cookies = cookies_of(head.headers.get("cookie", ""))
        now = self._server.clock.now()
        return Visit(head.method, head.path, {}, _query(head.query), head.headers, cookies, address, now)

    def _answer(self, head: Request, visit: Visit) -> Response:
        configuration = self._server.configuration
        if not is_our_host(visit.headers.get("host", ""), self._base_url, configuration.host):
            todo = "Open the server under the address it was started with, or start it with --base-url naming this one."
            return self._trouble(visit, 421, "This server does not go by that name", todo)
        sign_in = self._server.sign_in
        cookie = visit.cookies.get(sign_in.cookie_name, "")
        visit = replace(visit, signed_in=bool(cookie) and sign_in.session(cookie) is not None)
        found = self._find(head)
        page = None if found is None else found[0]
        if not visit.signed_in and (page is None or not page.is_open):
            return self._who_are_you(head, visit)
        # Nothing is called by a NUL, and PostgreSQL does not even let one ask.
        if found is None or page is None or any("\0" in part for part in found[1].values()):
            return self._trouble(visit, 404, "There is no such page", "The menu above leads to those there are.")
        if page.method == "POST" and not is_from_us(visit.headers, self._base_url):
            return self._trouble(visit, 403, "That came from another site", "Use the button on a page of this server.")
        return self._shown(page, replace(visit, parts=found[1]))

    def _shown(self, page: Page, visit: Visit) -> Response:
        try:
            return page.show(self._server, visit)
        except Refused as refused:
            if refused.fault in _NOT_FOUND:
                return self._trouble(visit, 404, "There is no such thing", refused.message)
            return self._trouble(visit, 400, "That cannot be shown", refused.message)

    def _who_are_you(self, head: Request, visit: Visit) -> Response:
        """How to sign in; where to go afterwards is remembered."""
        wanted = f"{head.path}?{head.query}" if head.query else head.path
        headers = {"www-authenticate": 'Cookie realm="watchpost"'}
        if head.method == "GET" and is_own_path(wanted) and len(wanted) < 2000:
            headers["set-cookie"] = set_cookie(NEXT, quote(wanted, safe=""), _NEXT_SECONDS, self._base_url, "/sign-in")
        return rendered("sign_in", visit, {"trouble": ""}, 401, headers)

    def _trouble(self, visit: Visit, status: int, title: str, todo: str) -> Response:
        return rendered("trouble", visit, {"title": title, "todo": todo}, status)


def _query(query: str) -> Mapping[str, str]:
    """The first value of each name, without NUL, which no database takes; nothing if there are absurdly many."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return {}
    return {name: value.replace("\0", "") for name, value in reversed(pairs)}
