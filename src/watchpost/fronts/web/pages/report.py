"""The HTML report of one execution, as it lies in the object store.

Whoever may write objects can put any page there. So it is shown in a sandbox: an origin of its own, no network, no
forms, and of all scripts only the one that reports of this release carry, known by its hash.
"""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from watchpost.errors import Refused
from watchpost.fronts.aws.wire import Response
from watchpost.fronts.web.monitor_files import execution_at, report
from watchpost.fronts.web.page import Page, Visit
from watchpost.fronts.web.rendering import HTML

if TYPE_CHECKING:
    from watchpost.service.server import Server


def show(server: "Server", visit: Visit) -> Response:
    """The report."""
    schedule, moment = visit.parts["schedule"], visit.parts["moment"]
    found = execution_at(server, schedule, moment)
    if found is None:
        raise Refused("ResourceNotFound", f"The schedule {schedule!r} has no execution of {moment!r}.")
    return Response(200, {"content-type": HTML, "content-security-policy": _policy()}, report(server, found))


@cache
def _policy() -> str:
    script = (files("watchpost.reports") / "templates" / "report.js").read_text("utf-8").replace("\r\n", "\n").strip()
    allowed = b64encode(sha256(script.encode()).digest()).decode()
    return (
        f"sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}';"
        " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


plugin = Page("/monitors/{schedule}/executions/{moment}/report", show)
