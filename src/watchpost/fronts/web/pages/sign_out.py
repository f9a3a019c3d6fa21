"""Signing out: ends this browser's session."""

from typing import TYPE_CHECKING

from watchpost.fronts.aws.wire import Response
from watchpost.fronts.web.gate import set_cookie
from watchpost.fronts.web.page import Page, Visit

if TYPE_CHECKING:
    from watchpost.service.server import Server


def show(server: "Server", visit: Visit) -> Response:
    """End the session, and take its cookie away."""
    name = server.sign_in.cookie_name
    server.sign_in.end(visit.cookies.get(name, ""))
    return Response(303, {"location": "/sign-in", "set-cookie": set_cookie(name, "", 0, server.configuration.base_url)})


plugin = Page("/sign-out", show, method="POST")
