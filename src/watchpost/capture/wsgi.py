"""Capture around a WSGI app: Flask, Django, or any other."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sized
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from watchpost.capture.exchange import CUSTOM_ATTRIBUTES_HEADER, INFERENCE_ID_HEADER, Exchange
from watchpost.capture.writer import CaptureWriter

if TYPE_CHECKING:
    from wsgiref.types import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

_ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
_INFERENCE_ID = f"HTTP_{INFERENCE_ID_HEADER.upper().replace('-', '_')}"
_CUSTOM_ATTRIBUTES = f"HTTP_{CUSTOM_ATTRIBUTES_HEADER.upper().replace('-', '_')}"


class WSGICapture:
    """Captures the requests of an app and their answers; passes everything on, unchanged and as it comes.

    Args: methods, paths: see ASGICapture; paths are of the app, without where it is mounted. The writer is not closed.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        writer: CaptureWriter,
        *,
        methods: Collection[str] = ("POST",),
        paths: Collection[str] | None = None,
    ) -> None:
        self.app, self.writer = app, writer
        self._methods, self._paths = frozenset(methods), None if paths is None else frozenset(paths)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve one request."""
        if environ["REQUEST_METHOD"] not in self._methods or (
            self._paths is not None and environ.get("PATH_INFO", "") not in self._paths
        ):
            return self.app(environ, start_response)
        exchange = self.writer.begin(environ.get(_INFERENCE_ID) or None)
        if exchange is None:
            return self.app(environ, start_response)
        exchange.input_type = environ.get("CONTENT_TYPE", "")
        exchange.input_coding = environ.get("HTTP_CONTENT_ENCODING", "")
        attributes = environ.get(_CUSTOM_ATTRIBUTES)
        exchange.custom_attributes = (attributes,) if attributes else ()
        question = _Question(environ["wsgi.input"], exchange)
        environ["wsgi.input"] = question
        try:
            body = self.app(environ, _watched(start_response, exchange))
            kind = _SizedAnswer if isinstance(body, Sized) else _Answer
            return kind(body, exchange, question, environ)
        except BaseException:
            exchange.ended()
            raise


def _watched(start_response: "StartResponse", exchange: Exchange) -> "StartResponse":
    def start(
        status: str, headers: list[tuple[str, str]], exc_info: _ExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        exchange.status = int(status[:3]) if status[:3].isdecimal() else 0
        for name, value in headers:
            match name.lower():
                case "content-type":
                    exchange.output_type = value
                case "content-encoding":
                    exchange.output_coding = value
        write = start_response(status, headers) if exc_info is None else start_response(status, headers, exc_info)

        def write_watched(data: bytes, /) -> object:
            exchange.add_answer(data)
            return write(data)

        return write_watched

    return start


class _Question:
    """wsgi.input, with an ear on it: what PEP 3333 asks for and no more, as through more, bytes would pass unheard."""

    def __init__(self, stream: "InputStream", exchange: Exchange) -> None:
        self._stream, self._exchange, self.ended = stream, exchange, False

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._note(data, ended=size != 0 and (size < 0 or len(data) < size))
        return data

    def readline(self, size: int = -1, /) -> bytes:
        data = self._stream.readline(size)
        self._note(data, ended=not data and size != 0)
        return data

    def readlines(self, hint: int = -1, /) -> list[bytes]:
        lines = self._stream.readlines(hint)
        self._note(b"".join(lines), ended=hint <= 0)
        return lines

    def __iter__(self) -> Iterator[bytes]:
        for line in self._stream:
            self._note(line, ended=False)
            yield line
        self.ended = True

    def _note(self, data: bytes, *, ended: bool) -> None:
        self._exchange.add_question(data)
        self.ended = self.ended or ended


class _Answer:
    """The app's iterable, with an ear on it, and its close."""

    def __init__(
        self, body: Iterable[bytes], exchange: Exchange, question: _Question, environ: "WSGIEnvironment"
    ) -> None:
        self._body, self._pieces, self._exchange, self._question = body, iter(body), exchange, question
        length = environ.get("CONTENT_LENGTH") or ""
        self._length = int(length) if length.isdecimal() else None
        self._whole = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            piece = next(self._pieces)
        except StopIteration:
            self._whole = True
            raise
        self._exchange.add_answer(piece)
        return piece

    def close(self) -> None:
        """What the server calls at the end, whatever happened; the record is handed over after the answer went out."""
        try:
            close = getattr(self._body, "close", None)  # PEP 3333: optional
            if close is not None:
                close()
        finally:
            exchange = self._exchange
            read = exchange.asked_bytes == self._length if self._length is not None else self._question.ended
            exchange.asked = read or (self._length is None and not exchange.asked_bytes)
            if self._whole:
                exchange.answered()
            exchange.ended()


class _SizedAnswer(_Answer):
    """Of an app that returned a list: servers take the length of an answer from a list of one piece."""

    def __len__(self) -> int:
        return len(self._body) if isinstance(self._body, Sized) else 0
