"""Capture around an ASGI app: FastAPI, Starlette, Litestar, BentoML, or any other."""

from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from typing import Any

from watchpost.capture.exchange import CUSTOM_ATTRIBUTES_HEADER, INFERENCE_ID_HEADER, Exchange
from watchpost.capture.writer import CaptureWriter

# ASGI's own types (asgiref.typing): mappings of whatever the specification puts there, hence Any.
Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_INFERENCE_ID = INFERENCE_ID_HEADER.encode()
_CUSTOM_ATTRIBUTES = CUSTOM_ATTRIBUTES_HEADER.encode()
_RARE = frozenset({b"content-encoding", _INFERENCE_ID, _CUSTOM_ATTRIBUTES})
# Frameworks write lower case, as the specification asks; not every app by hand does.
_CONTENT_HEADERS = {
    form(name): kind
    for name, kind in ((b"content-type", "type"), (b"content-encoding", "coding"))
    for form in (bytes.lower, bytes.title, bytes.upper, bytes.capitalize)
}


class ASGICapture:
    """Captures the requests of an app and their answers; passes everything on, unchanged and as it comes.

    Put it inside of whatever packs answers (gzip is unpacked, other encodings become BASE64). At the end of the
    lifespan it flushes; to an app that takes no part in the lifespan, it takes part in its stead.

    Args: methods: of requests to capture. paths: of requests to capture; None: all. The writer is not closed.
    """

    def __init__(
        self,
        app: ASGIApp,
        writer: CaptureWriter,
        *,
        methods: Collection[str] = ("POST",),
        paths: Collection[str] | None = None,
    ) -> None:
        self.app, self.writer = app, writer
        self._methods, self._paths = frozenset(methods), None if paths is None else frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        exchange, app = None, self.app
        if scope["type"] == "http" and scope["method"] in self._methods:
            if self._paths is None or scope["path"] in self._paths:
                exchange = _begun(self.writer, scope["headers"], receive, send)
        elif scope["type"] == "lifespan":
            await _Lifespan(self.writer, receive, send).run(app, scope)
            return
        if exchange is None:
            await app(scope, receive, send)
            return
        try:
            await app(scope, exchange.receive, exchange.send)
        finally:
            if not exchange.done:
                exchange.ended()


class _Watched(Exchange):
    """An exchange with the channels that the app is given in the place of the server's, which `_begun` sets.

    What it calls is read before it is called: Python 3.11 looks an attribute that is no method up twice as fast so.
    """

    __slots__ = ("server_receive", "server_send")

    server_receive: Receive
    server_send: Send

    async def receive(self) -> Message:
        receive = self.server_receive
        message = await receive()
        if message["type"] == "http.request":
            self.asked = not message.get("more_body")
            self.add_question(message.get("body") or b"")
        return message

    # No coroutine: the server's own is handed on, and to wait for it is the app's.
    def send(self, message: Message) -> Awaitable[None]:
        try:
            if message["type"] == "http.response.body":
                if message.get("more_body"):
                    self.add_answer(message.get("body") or b"")
                else:
                    self.answered(message.get("body") or b"")
            elif message["type"] == "http.response.start":
                self._note_start(message)
        except Exception:  # noqa: BLE001  an answer that only the server understands is the server's affair
            self.failed()
        send = self.server_send
        return send(message)

    def _note_start(self, message: Message) -> None:
        self.status = message["status"]
        headers = message.get("headers") or ()
        if type(headers) is not list:
            # An app may give headers that can be gone through only once.
            message["headers"] = headers = list(headers)
        for name, value in headers:
            if name in _CONTENT_HEADERS:
                if _CONTENT_HEADERS[name] == "type":
                    self.output_type = value
                else:
                    self.output_coding = value.decode("latin-1")


def _begun(writer: CaptureWriter, headers: Headers, receive: Receive, send: Send) -> _Watched | None:
    """What to gather of a request; None if sampling leaves it out."""
    try:
        event = None
        if writer.samples:
            given = next((value.decode("latin-1") for name, value in headers if name == _INFERENCE_ID), None)
            if (event := writer.admit(given)) is None:
                return None
        clock = writer.clock
        exchange = _Watched(writer, event, clock())
        # Not by an __init__ of its own, which would cost as much again as all that it sets.
        exchange.server_receive, exchange.server_send = receive, send
        for name, value in headers:
            if name == b"content-type":
                exchange.input_type = value
            elif name in _RARE:
                _note_rare(exchange, name, value.decode("latin-1"))
    except Exception:  # noqa: BLE001  the request must never feel a fault of ours; it is counted
        writer.count_fault()
        return None
    return exchange


def _note_rare(exchange: Exchange, name: bytes, value: str) -> None:
    if name == _INFERENCE_ID:
        exchange.inference_id = value
    elif name == _CUSTOM_ATTRIBUTES:
        exchange.custom_attributes = (*exchange.custom_attributes, value)
    else:
        exchange.input_coding = value


class _Lifespan:
    """The lifespan of the app, with a flush at its end."""

    def __init__(self, writer: CaptureWriter, receive: Receive, send: Send) -> None:
        self._writer, self._receive, self._send = writer, receive, send
        self._noticed = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._watched_receive, self._send)
        except Exception:  # an app that does not know lifespans raises whatever it likes
            # One that looked at its lifespan and failed must fail.
            if self._noticed:
                raise
        if not self._noticed:
            await self._in_its_stead()

    async def _watched_receive(self) -> Message:
        self._noticed = True
        message = await self._receive()
        self._note(message)
        return message

    def _note(self, message: Message) -> None:
        if message["type"] == "lifespan.startup":
            self._writer.start()
        elif message["type"] == "lifespan.shutdown":
            # No request is left to be held up; uvicorn ends by a signal, after which nothing of ours would run.
            self._writer.flush()

    async def _in_its_stead(self) -> None:
        while True:
            message = await self._receive()
            self._note(message)
            await self._send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
