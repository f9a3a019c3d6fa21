"""Which service, protocol and operation a request means.

The signature's scope names the service; within it the `smithy-protocol` header means CBOR, `X-Amz-Target` JSON, a form
with `Action` query, and anything else is looked up by method and path. Links in messages carry no signature: their
`Action` names an operation that may be called so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from watchpost.errors import Refused
from watchpost.fronts.aws.model import OperationModel
from watchpost.fronts.aws.services import Served, Services
from watchpost.fronts.aws.wire import Request

_OPERATION_PATH = re.compile(r"/service/(?:[^/]*[.#])?([^/.#]+)/operation/([^/]+)/?")

_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z0-9_]{1,100})(?=&|$)")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a request is for. `operation` is None when it names none that the model has: `asked` is what it named."""

    served: Served
    protocol: str
    operation: OperationModel | None
    asked: str


def protocol_of(request: Request) -> str | None:
    """The protocol a request speaks by its head alone; None when it could be either REST protocol, or GET query."""
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return "cbor"
    if "x-amz-target" in request.headers:
        return "json"
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return "query" if form or "Action=" in request.query else None


def find(services: Services, request: Request, signing_name: str) -> Target:
    """The target of a signed request. Raises: Refused: nobody here is meant by it."""
    protocol = protocol_of(request)
    candidates = services.signed_as(signing_name)
    if not candidates:
        known = ", ".join(services.signing_names)
        raise Refused("NoSuchService", f"Watchpost does not serve {signing_name!r}. It serves: {known}.")
    match protocol:
        case "cbor":
            return _by_path(services, candidates, request)
        case "json":
            return _by_target(services, candidates, request)
        case "query" if any(served.speaks("query") for served in candidates):
            return _by_action(candidates, request)
        case _:
            return _by_route(candidates, request)


def find_link(services: Services, request: Request) -> Target | None:
    """The target of an unsigned request, None if it must be signed."""
    name = action(request)
    for served in services.all:
        if request.method == "GET" and name in served.service.unsigned:
            return Target(served, "query", served.model.operations[name], name)
    return None


def _by_path(services: Services, candidates: Sequence[Served], request: Request) -> Target:
    found = _OPERATION_PATH.search(request.path)
    served = services.targeted(found[1]) if found else None
    if found is None or served is None or served not in candidates or not served.speaks("cbor"):
        raise Refused("UnknownOperationException", f"No service takes CBOR at {request.path[:200]!r}.")
    return Target(served, "cbor", served.model.operations.get(found[2]), found[2])


def _by_target(services: Services, candidates: Sequence[Served], request: Request) -> Target:
    target = request.headers["x-amz-target"]
    prefix, _, name = target.rpartition(".")
    served = services.targeted(prefix)
    if served is None or served not in candidates:
        raise Refused("UnknownOperationException", f"X-Amz-Target {target[:100]!r} names no service of the signature.")
    return Target(served, "json", served.model.operations.get(name), name)


def _by_action(candidates: Sequence[Served], request: Request) -> Target:
    name = action(request)
    served = next(served for served in candidates if served.speaks("query"))
    return Target(served, "query", served.model.operations.get(name), name)


def action(request: Request) -> str:
    """The `Action` of a query request, looked for without reading the rest of a large form; empty if there is none."""
    found = _ACTION.search(request.query.encode("latin-1")) or _ACTION.search(request.body)
    return found[1].decode() if found else ""


def _by_route(candidates: Sequence[Served], request: Request) -> Target:
    for served in candidates:
        for protocol in ("rest-json", "rest-xml"):
            operation = served.routes.find(request) if served.speaks(protocol) else None
            if operation is not None:
                return Target(served, protocol, operation, operation.name)
    method, path = request.method, request.path[:200]
    raise Refused("UnknownOperationException", f"{method} {path!r} is no operation of a service here.")
