"""One AWS request from its bytes to its answer: signature, target, body, constraints, operation, answer."""

import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import structlog

from watchpost.errors import Refused, StoreUnavailable
from watchpost.fronts.aws.faults import fault, internal
from watchpost.fronts.aws.model import OperationModel, nobody
from watchpost.fronts.aws.once import Once
from watchpost.fronts.aws.operation import BODY_LIMIT, Call
from watchpost.fronts.aws.routing import Target, find, find_link, protocol_of
from watchpost.fronts.aws.services import WIRES, Served, Services
from watchpost.fronts.aws.signature import Signature, Verified, Verifier, normalised, stated
from watchpost.fronts.aws.spool import IN_MEMORY
from watchpost.fronts.aws.wire import Request, Response, Wire
from watchpost.service.server import Server

_log = structlog.get_logger(__name__)
_GZIP = 31  # zlib's word for "gzip, with its checksum"
_SANDBOX = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"


@dataclass(slots=True)
class _Answered:
    """What the figures and the log want to know of a request; filled as far as it gets."""

    served: Served | None = None
    protocol: str | None = None
    operation: str = "unknown"


class Dispatch:
    """Answers requests, from any thread. Whatever goes wrong becomes an error of the protocol the client speaks."""

    def __init__(self, server: Server, services: Services) -> None:
        self._server, self._services = server, services
        self._verifier = Verifier(server.credentials.secret, server.configuration.signature_skew)
        self._voices = Once[str, Wire]()
        self._base_url = server.configuration.base_url
        self._netloc = urlsplit(self._base_url).netloc

    def body_limit(self, head: Request) -> int:
        """How many bytes of body are worth keeping: none from a stranger, who will be refused anyway.

        Who only knows somebody's access key is a stranger too as far as very large bodies go.
        """
        try:
            signature = stated(head)
            if signature is None or self._server.credentials.secret(signature.access_key) is None:
                return 0
        except Refused:
            return 0
        except StoreUnavailable:
            # A change of the key pairs could not be written down; `respond` will say so if it still cannot.
            return BODY_LIMIT
        services = self._services.signed_as(signature.service)
        largest = max((served.largest_body for served in services), default=BODY_LIMIT)
        if largest > IN_MEMORY and not self._verifier.vouches(signature, head, self._server.clock.now()):
            return BODY_LIMIT
        return largest

    def respond(self, request: Request, scheme: str) -> Response:
        """The answer to a request whose body is whole (or was dropped, being nobody's)."""
        began = time.perf_counter()
        request_id = self._server.new_id()
        answered = _Answered()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = self._answer(request, scheme, request_id, answered)
        except Refused as refused:
            response = self.refuse(refused, request, request_id, answered)
        except StoreUnavailable as problem:
            _log.error("the store cannot do its work", operation=answered.operation, why=str(problem))
            told = Refused("ServiceUnavailable", "The server's database cannot be used now; its log tells why.")
            response = self.refuse(told, request, request_id, answered)
        except Exception:  # noqa: BLE001  the top of a request: its failure is answered and logged, the server lives on
            _log.exception("an operation failed", operation=answered.operation)
            response = self.refuse(
                internal(answered.served.model if answered.served else None), request, request_id, answered
            )
        seconds = time.perf_counter() - began
        name = answered.served.service.name if answered.served else "unknown"
        self._server.self_metrics.request(name, answered.operation, response.status, seconds)
        _log.debug(
            "request", service=name, operation=answered.operation, status=response.status, seconds=round(seconds, 6)
        )
        return response

    def refuse(
        self, refused: Refused, request: Request, request_id: str, answered: _Answered | None = None
    ) -> Response:
        """The error in the protocol of the request, as far as that can be told."""
        if answered is None or answered.served is None or answered.protocol is None:
            return self._voice(request).refuse(fault(refused, None), request, request_id)
        wire = answered.served.wire(answered.protocol)
        return wire.refuse(fault(refused, answered.served.model), request, request_id)

    def _answer(self, request: Request, scheme: str, request_id: str, answered: _Answered) -> Response:
        now = self._server.clock.now()
        signature = stated(request)
        access_key = None
        if signature is not None:
            verified = self._verifier.verify(signature, request, now)
            access_key = verified.access_key
            request = verified.request
            if verified.service != "s3":
                # Of S3's keys every slash counts, and no body is anything but itself.
                request = replace(request, path=normalised(request.path))
                request = _unpacked(self._services, verified, _in_memory(request))
            target = find(self._services, request, verified.service)
        else:
            target = _unsigned(self._services, request)
        answered.served, answered.protocol = target.served, target.protocol
        operation = _known(target)
        answered.operation = operation.name
        run = target.served.service.operations.get(operation.name)
        if run is None:
            raise Refused("NotImplemented", _not_implemented(target.served, operation.name))
        call = Call(
            service=target.served.service.name,
            operation=operation.name,
            input=_input(target, operation, request),
            now=now,
            region=self._server.configuration.region,
            account=self._server.configuration.account,
            access_key=access_key,
            request_id=request_id,
            base_url=self._reached_at(request, signature, scheme),
            headers=request.headers,
        )
        members = run(self._server, call) or {}
        response = target.served.wire(target.protocol).answer(operation, members, request_id)
        is_link = signature is not None and signature.lifetime is not None
        return _confined(response) if is_link else response

    def _reached_at(self, request: Request, signature: Signature | None, scheme: str) -> str:
        host = request.headers.get("host", "")
        # An unsigned Host header is anybody's claim; and behind a proxy only the configuration knows of https.
        return self._base_url if signature is None or host in {"", self._netloc} else f"{scheme}://{host}"

    def _voice(self, request: Request) -> Wire:
        """Who refuses a request that did not get as far as naming a service: the protocol it seems to speak."""
        signed_for_s3 = "/s3/aws4_request" in request.headers.get("authorization", request.query)
        protocol = protocol_of(request) or ("rest-xml" if signed_for_s3 else "rest-json")
        return self._voices.get(protocol, lambda: WIRES[protocol](nobody()))


def _confined(response: Response) -> Response:
    """What a presigned link leads to, for a browser that may be signed in to the pages under the same address.

    A page that somebody stored runs its scripts as nobody then: it reads neither our pages nor the browser's cookies.
    """
    kind = response.headers.get("content-type", "").lower()
    # Without a type a browser guesses.
    if kind and not ("html" in kind or "xml" in kind):
        return response
    return replace(response, headers={**response.headers, "content-security-policy": _SANDBOX})


def _in_memory(request: Request) -> Request:
    return request if request.spooled is None else replace(request, body=bytes(request.spooled), spooled=None)


def _unpacked(services: Services, verified: Verified, request: Request) -> Request:
    """The request with its body inflated; in the REST protocols `Content-Encoding` speaks of the data itself."""
    if "content-encoding" not in request.headers or protocol_of(request) is None:
        return request
    largest = max((served.largest_body for served in services.signed_as(verified.service)), default=BODY_LIMIT)
    return replace(request, body=inflated(request, largest))


def _unsigned(services: Services, request: Request) -> Target:
    target = find_link(services, request)
    if target is None:
        told = "Missing Authentication Token: requests are signed (signature version 4)."
        raise Refused("MissingAuthenticationToken", told)
    return target


def _known(target: Target) -> OperationModel:
    if target.operation is None:
        raise Refused(
            "UnknownOperationException",
            f"{target.served.model.full_name} has no operation {target.asked[:100]!r} in the release of its model "
            "that this server uses.",
        )
    return target.operation


def _not_implemented(served: Served, operation: str) -> str:
    name = served.service.name
    return (
        f"Watchpost does not implement {operation} of {name}. "
        f"It implements: {', '.join(sorted(served.service.operations))}."
    )


def _input(target: Target, operation: OperationModel, request: Request) -> Mapping[str, Any]:
    """The operation's input, within its limits, parsed and valid. Raises: Refused."""
    served, protocol = target.served, target.protocol
    limit = served.body_limit(operation.name)
    if request.size > limit:
        raise too_large(limit)
    decode = served.service.decoders.get((operation.name, protocol))
    members = decode(request.body) if decode is not None and not request.query else None
    if members is not None:
        return members
    parsed = served.wire(protocol).parse(operation, request)
    served.validator.check(operation, parsed)
    return parsed


def too_large(limit: int) -> Refused:
    """The refusal of a body of more than `limit` bytes."""
    return Refused("RequestEntityTooLarge", f"The request's body is larger than {limit} bytes, decompressed.")


def inflated(request: Request, limit: int) -> bytes:
    """The body without its compression, never more than `limit` bytes of it. Raises: Refused."""
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        return request.body
    if encoding not in {"gzip", "x-gzip"}:
        raise Refused("SerializationException", f"Content-Encoding {encoding[:40]!r} is not supported; use gzip.")
    stream = zlib.decompressobj(_GZIP)
    try:
        body = stream.decompress(request.body, limit + 1)
    except zlib.error as problem:
        raise Refused("SerializationException", f"The request's body is not gzip: {problem}") from None
    if len(body) > limit:
        raise too_large(limit)
    if not stream.eof or stream.unused_data:
        raise Refused("SerializationException", "The request's body is not one whole gzip stream")
    return body
