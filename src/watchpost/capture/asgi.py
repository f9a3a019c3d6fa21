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
_RARE = frozenset({b"content-encoding", _INFERENCE_ID, _CUSTOM_ATTRIBUTES})
_LOWER = ord("a")


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
        if scope["type"] == "lifespan":
            await _Lifespan(self.writer, receive, send).run(self.app, scope)
            return
        if scope["type"] == "http" and scope["method"] in self._methods and self._is_watched(scope["path"]):
            exchange = _begun(self.writer, scope["headers"])
        if exchange is None:
            await self.app(scope, receive, send)
            return

        # All in this one frame: a coroutine more would cost every request another microsecond.
        async def receive_watched() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                exchange.asked = not message.get("more_body")
                exchange.add_question(message.get("body") or b"")
            return message

        # What the server's own makes is handed on; to wait for it is the app's.
        def send_watched(message: Message) -> Awaitable[None]:
            try:
                if message["type"] == "http.response.body":
                    exchange.add_answer(message.get("body") or b"")
                    if not message.get("more_body"):
                        exchange.answered()
                elif message["type"] == "http.response.start":
                    _note_start(exchange, message)
            except Exception:  # noqa: BLE001  an answer that only the server understands is the server's affair
                exchange.failed()
            return send(message)

        try:
            await self.app(scope, receive_watched, send_watched)
        finally:
            exchange.ended()

    def _is_watched(self, path: str) -> bool:
        return self._paths is None or path in self._paths


def _begun(writer: CaptureWriter, headers: Iterable[tuple[bytes, bytes]]) -> Exchange | None:
    """What to gather of a request; None if sampling leaves it out."""
    content_type = coding = inference_id = b""
    attributes: tuple[str, ...] = ()
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name in _RARE:
            if name == _INFERENCE_ID:
                inference_id = value
            elif name == b"content-encoding":
                coding = value
            else:
                attributes = (*attributes, value.decode("latin-1"))
    exchange = writer.begin(inference_id.decode("latin-1") if inference_id else None)
    if exchange is not None:
        exchange.input_type = content_type.decode("latin-1")
        if coding:
            exchange.input_coding = coding.decode("latin-1")
        if attributes:
            exchange.custom_attributes = attributes
    return exchange


def _note_start(exchange: Exchange, message: Message) -> None:
    exchange.status = message["status"]
    headers = message.get("headers") or ()
    if not isinstance(headers, list | tuple):
        # An app may give headers that can be gone through only once.
        message["headers"] = headers = list(headers)
    for name, value in headers:
        # Frameworks write lower case, as the specification asks; not every app by hand does.
        if name == b"content-type" or (name[0] < _LOWER and name.lower() == b"content-type"):
            exchange.output_type = value.decode("latin-1")
        elif name.lower() == b"content-encoding":
            exchange.output_coding = value.decode("latin-1")


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
