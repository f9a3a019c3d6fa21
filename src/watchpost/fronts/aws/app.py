"""The ASGI application: AWS's protocols on every path; pages for browsers, `/healthz`, `/metrics`, certificates.

What an AWS client signed is AWS's, whatever its path; of the rest, what asks for a page gets one.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread
import msgspec

from watchpost.errors import Refused, StoreUnavailable
from watchpost.fronts.aws.dispatch import Dispatch, too_large
from watchpost.fronts.aws.services import Services, installed
from watchpost.fronts.aws.spool import Spool
from watchpost.fronts.aws.wire import Request, Response, Stream
from watchpost.fronts.web.gate import is_for_aws
from watchpost.fronts.web.site import Site
from watchpost.service.server import Server

# ASGI's own words for its three arguments; the messages are free-form by its specification.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Operations wait for commits, not for the processor: more threads make fuller commits (group commit).
_THREADS = 64
# Invocations of models wait for the models, up to a minute each: they must not hold up the rest.
_INVOCATION_THREADS, _INVOCATIONS = 256, "/endpoints/"
# How much of a body that is refused is still read, so that the client gets to read the refusal.
_DRAINED = 64 * 1024 * 1024
_IDLE_SECONDS = 30.0
_WHOLE_SECONDS = 300.0


def application(server: Server, services: Services | None = None, idle_seconds: float = _IDLE_SECONDS) -> "Application":
    """The application over a server.

    Args: services: instead of those of this folder. idle_seconds: how long a body may stand still.
    """
    return Application(server, services or installed(), idle_seconds)


class Application:
    """An ASGI application. Requests are answered in worker threads."""

    def __init__(self, server: Server, services: Services, idle_seconds: float) -> None:
        self._server, self._idle = server, idle_seconds
        self._dispatch, self._site = Dispatch(server, services), Site(server)
        self._threads = anyio.CapacityLimiter(_THREADS)
        self._invocations = anyio.CapacityLimiter(_INVOCATION_THREADS)
        self._large = server.configuration.home / "objects" / ".uploads"

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One connection's request, or the server's start and end."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        head = _head(scope)
        page = self._open_to_all(head) or self._page(head, scope)
        body = await self._body(head, receive, 0 if page else self._dispatch.body_limit(head))
        if isinstance(body, Refused):
            response = self._dispatch.refuse(body, head, self._server.new_id())
            # What was not read would be taken for the next request on this connection.
            response = Response(response.status, {**response.headers, "connection": "close"}, response.body)
        elif body is None:
            return
        elif page:
            response = await anyio.to_thread.run_sync(_shown, page, limiter=self._threads)
        else:
            request = replace(head, body=body.body(), spooled=body.mapped())
            threads = self._invocations if head.path.startswith(_INVOCATIONS) else self._threads
            response = await anyio.to_thread.run_sync(self._dispatch.respond, request, scope["scheme"], limiter=threads)
        headers = [(name.encode("latin-1"), _line(value)) for name, value in response.headers.items()]
        if "content-length" not in response.headers:
            headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if response.stream is None:
            await send({"type": "http.response.body", "body": b"" if head.method == "HEAD" else response.body})
        else:
            await self._stream(response.stream, receive, send)

    async def _stream(self, stream: Stream, receive: Receive, send: Send) -> None:
        """Send a body piece by piece, as fast as the client takes it, until it is whole or the client is gone."""
        gone = asyncio.ensure_future(receive())
        try:
            while not gone.done():
                piece = await anyio.to_thread.run_sync(next, stream.pieces, b"", limiter=self._threads)
                await send({"type": "http.response.body", "body": piece, "more_body": bool(piece)})
                if not piece:
                    return
        finally:
            gone.cancel()
            stream.close()

    async def _body(self, head: Request, receive: Receive, limit: int) -> Spool | Refused | None:
        """The whole body; a refusal when it is too large or stands still; None when the client is gone.

        A body is read to its end before anything is answered: AWS's clients take an early answer for a broken
        connection. Of a stranger's body (`limit` 0) nothing is kept.
        """
        spool, size, kept = Spool(self._large), 0, False
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                while True:
                    async with asyncio.timeout(self._idle):
                        message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part: bytes = message.get("body", b"")
                    size += len(part)
                    if size <= limit:
                        if spool.add(part):
                            await anyio.to_thread.run_sync(spool.flush, limiter=self._threads)
                    elif size > limit + _DRAINED:
                        return too_large(limit)
                    if not message.get("more_body", False):
                        if 0 < limit < size:
                            return too_large(limit)
                        kept = True
                        return spool
        except TimeoutError:
            wait = f"{self._idle:g} seconds"
            return Refused("RequestTimeout", f"The request's body of {head.path[:100]!r} stood still for {wait}.")
        except OSError as problem:
            return Refused("ServiceUnavailable", f"The request's body cannot be kept: {problem.strerror}.")
        finally:
            if not kept:
                spool.close()

    def _page(self, head: Request, scope: Message) -> Callable[[], Response] | None:
        """The page that a browser asks for; None if it is no browser's request."""
        if not self._site.is_for_us(head):
            return None
        client: tuple[str, int] | None = scope.get("client")
        return lambda: self._site.respond(head, client[0] if client else "")

    def _open_to_all(self, head: Request) -> Callable[[], Response] | None:
        """What answers at a path that is not AWS's; open to all, so nothing of it tells more than that we run."""
        if head.method not in {"GET", "HEAD"} or is_for_aws(head):
            # A bucket may be called `metrics`.
            return None
        match head.path.split("/"):
            case ["", "healthz"]:
                return self._health
            case ["", "metrics"]:
                return self._figures
            case ["", "sns", name] if name.endswith(".pem"):
                return lambda: self._certificate(name)
        return None

    def _health(self) -> Response:
        health = self._server.health()
        # The log has it whole: what failed may tell of people's data, and this is open to all.
        loops = [
            replace(loop, last=None if loop.last is None else loop.last.partition(":")[0]) for loop in health.loops
        ]
        body = msgspec.json.encode(replace(health, loops=tuple(loops)))
        return Response(200 if health.ok else 503, {"content-type": "application/json"}, body)

    def _figures(self) -> Response:
        figures = self._server.self_metrics
        return Response(200, {"content-type": figures.content_type}, figures.exposition())

    def _certificate(self, name: str) -> Response:
        """What receivers of SNS messages verify signatures with; they fetch it unsigned."""
        certificate = self._server.topics.certificate(name)
        if certificate is None:
            return Response(404, {"content-type": "text/plain"}, b"There is no certificate of that name.\n")
        return Response(200, {"content-type": "application/x-pem-file"}, certificate)


def _shown(page: Callable[[], Response]) -> Response:
    try:
        return page()
    except StoreUnavailable:
        return Response(503, {"content-type": "text/plain"}, b"The server's database cannot be used now.\n")


def _line(value: str) -> bytes:
    """A header's value as bytes; what would end the line, or is no letter of HTTP's, is replaced."""
    return value.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace")


def _head(scope: Message) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    # Some servers leave the query in the raw path.
    path = raw.partition(b"?")[0].decode("latin-1")
    return Request(scope["method"], path, scope["query_string"].decode("latin-1"), headers, b"")


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
