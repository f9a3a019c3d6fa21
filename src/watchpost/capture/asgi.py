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
        if scope["type"] == "lifespan":
            await _Lifespan(self.writer, receive, send).run(self.app, scope)
        elif (
            scope["type"] == "http"
            and scope["method"] in self._methods
            and (self._paths is None or scope["path"] in self._paths)
            and (exchange := _begun(self.writer, scope["headers"])) is not None
        ):
            await _watched(self.app, scope, receive, send, exchange)
        else:
            await self.app(scope, receive, send)


def _begun(writer: CaptureWriter, headers: Iterable[tuple[bytes, bytes]]) -> Exchange | None:
    """What to gather of a request; None if sampling leaves it out."""
    content_type = coding = b""
    inference_id: str | None = None
    attributes: tuple[str, ...] = ()
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"content-encoding":
            coding = value
        elif name == _INFERENCE_ID:
            inference_id = value.decode("latin-1")
        elif name == _CUSTOM_ATTRIBUTES:
            attributes = (*attributes, value.decode("latin-1"))
    exchange = writer.begin(inference_id)
    if exchange is not None:
        exchange.input_type = content_type.decode("latin-1")
        exchange.input_coding = coding.decode("latin-1")
        exchange.custom_attributes = attributes
    return exchange


async def _watched(app: ASGIApp, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
    async def receive_watched() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            exchange.add_question(message.get("body") or b"")
            exchange.asked = not message.get("more_body", False)
        return message

    async def send_watched(message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            exchange.add_answer(message.get("body") or b"")
        elif kind == "http.response.start":
            _note_start(exchange, message)
        await send(message)
        if kind == "http.response.body" and not message.get("more_body", False):
            exchange.answered = True
            exchange.finish()

    try:
        await app(scope, receive_watched, send_watched)
    finally:
        exchange.finish()


def _note_start(exchange: Exchange, message: Message) -> None:
    exchange.status = message["status"]
    for name, value in message.get("headers") or ():
        # Frameworks write lower case, as the specification asks; not every app by hand does.
        match bytes(name).lower():
            case b"content-type":
                exchange.output_type = bytes(value).decode("latin-1")
            case b"content-encoding":
                exchange.output_coding = bytes(value).decode("latin-1")


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
