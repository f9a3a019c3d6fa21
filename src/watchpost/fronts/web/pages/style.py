"""The style sheet of all pages."""

from typing import TYPE_CHECKING

from watchpost.errors import Refused
from watchpost.fronts.aws.wire import Response
from watchpost.fronts.web.page import Page, Visit
from watchpost.fronts.web.rendering import STYLE, style

if TYPE_CHECKING:
    from watchpost.service.server import Server


def show(server: "Server", visit: Visit) -> Response:  # noqa: ARG001  the shape of a page
    """The style sheet; its address changes with it, so it may be kept for good."""
    if visit.parts["file"] != STYLE:
        raise Refused("ResourceNotFound", "The pages need one file only, their style sheet.")
    kept = "max-age=31536000, immutable" if visit.query.get("v") == style()[1] else "no-cache"
    return Response(200, {"content-type": "text/css; charset=utf-8", "cache-control": kept}, style()[0])


plugin = Page("/static/{file}", show, is_open=True)
