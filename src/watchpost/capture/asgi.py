"""Capture around an ASGI app: FastAPI, Starlette, Litestar, BentoML, or any other."""

from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from typing import Any

from watchpost.capture.exchange import CUSTOM_ATTRIBUTES_HEADER, INFERENCE_ID_HEADER, Exchange
from watchpost.capture.record import CapturedCall
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
        exchange = None
        if scope["type"] == "http" and scope["method"] in self._methods:
            if self._paths is None or scope["path"] in self._paths:
                exchange = _begun(self.writer, scope["headers"], receive, send)
        elif scope["type"] == "lifespan":
            await _Lifespan(self.writer, receive, send).run(self.app, scope)
            return
        if exchange is None:
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, exchange.receive, exchange.send)
        finally:
            exchange.ended()


class _Watched(Exchange):
    """An exchange with the channels that the app is given in the place of the server's.

    Headers are looked into by the background thread.
    """

    _answer_headers: Headers = ()

    def __init__(
        self, writer: CaptureWriter, event: int | None, headers: Headers, receive: Receive, send: Send
    ) -> None:
        super().__init__(writer, event, writer.clock())
        self._headers, self._receive, self._send = headers, receive, send

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.asked = not message.get("more_body")
            self.add_question(message.get("body") or b"")
        return message

    # No coroutine: the server's own is handed on, and to wait for it is the app's.
    def send(self, message: Message) -> Awaitable[None]:
        try:
            if message["type"] == "http.response.body":
                self.add_answer(message.get("body") or b"")
                if not message.get("more_body"):
                    self.answered()
            elif message["type"] == "http.response.start":
                self.status = message["status"]
                self._answer_headers = message["headers"] = list(message.get("headers") or ())
        except Exception:  # noqa: BLE001  an answer that only the server understands is the server's affair
            self.failed()
        return self._send(message)

    def call(self) -> CapturedCall:
        attributes: list[str] = []
        for name, value in self._headers:
            if name == b"content-type":
                self.input_type = value.decode("latin-1")
            elif name == _INFERENCE_ID:
                self.inference_id = value.decode("latin-1")
            elif name == b"content-encoding":
                self.input_coding = value.decode("latin-1")
            elif name == _CUSTOM_ATTRIBUTES:
                attributes.append(value.decode("latin-1"))
        for name, value in self._answer_headers:
            # Frameworks write lower case, as the specification asks; not every app by hand does.
            if name == b"content-type" or name.lower() == b"content-type":
                self.output_type = value.decode("latin-1")
            elif name.lower() == b"content-encoding":
                self.output_coding = value.decode("latin-1")
        self.custom_attributes = tuple(attributes)
        return super().call()


def _begun(writer: CaptureWriter, headers: Headers, receive: Receive, send: Send) -> _Watched | None:
    """What to gather of a request; None if sampling leaves it out."""
    try:
        event = None
        if writer.samples:
            given = next((value.decode("latin-1") for name, value in headers if name == _INFERENCE_ID), None)
            if (event := writer.admit(given)) is None:
                return None
        return _Watched(writer, event, headers, receive, send)
    except Exception:  # noqa: BLE001  the request must never feel a fault of ours; it is counted
        writer.count_fault()
        return None


class _Lifespan:
    """The lifespan of the app, with a flush at its end."""

    def __init__(self, writer: CaptureWriter, receive: Receive, send: Send) -> None:
        self._writer, self._receive, self._send = writer, receive, send
        self._noticed = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._watched_receive, self._send)
        except BaseException:
            # An app that looked at its lifespan and failed must fail.
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
