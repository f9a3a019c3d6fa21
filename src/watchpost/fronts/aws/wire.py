"""The words all protocols share: a request, a response, and what a protocol can do with an operation's model."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from watchpost.errors import Refused
from watchpost.fronts.aws.model import OperationModel, Shape


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as it came: `path` and `query` still percent-encoded, `headers` by lower-case name.

    `body` is whole, and decompressed once the signature was verified. A very large one lies in a file instead, mapped
    into memory: then it is `spooled`, and `body` is empty.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    spooled: memoryview | None = None

    @property
    def size(self) -> int:
        """Bytes of body, wherever it lies."""
        return len(self.body) if self.spooled is None else len(self.spooled)


@dataclass(frozen=True, slots=True)
class Stream:
    """A body that is made while it is sent. `close` is called at the end, also when not all of it was wanted."""

    pieces: Iterator[bytes]
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response. With a `stream`, which goes instead of `body`, the headers have the content's length."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    stream: Stream | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """An error on its way out.

    Args: kind: name of the shape. code: what clients match on. sender: whether it is the caller's fault. shape: the
    modelled error, None for those AWS does not model. members: further members of that shape.
    """

    kind: str
    code: str
    status: int
    sender: bool
    message: str
    shape: Shape | None = None
    members: Mapping[str, object] = field(default_factory=dict)


class Wire(Protocol):
    """One protocol, spoken for one service."""

    def parse(self, operation: OperationModel, request: Request) -> dict[str, object]:
        """The input's members by model name. Raises: Refused: the body is not what the protocol or model says."""

    def answer(self, operation: OperationModel, members: Mapping[str, object], request_id: str) -> Response:
        """The response that carries these members."""

    def refuse(self, fault: Fault, request: Request, request_id: str) -> Response:
        """The response that carries an error."""


class Mismatch(Exception):
    """A value is not of the type its shape asks for; `path` is filled from the inside out on the way up."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why, self.path = why, list[str]()

    def under(self, part: str) -> "Mismatch":
        """The same, one level further out."""
        self.path.append(part)
        return self

    def refused(self, code: str) -> Refused:
        """The refusal that tells the caller where and why."""
        where = ".".join(part[:1].lower() + part[1:] for part in reversed(self.path))
        return Refused(code, f"{self.why} at '{where}'" if where else self.why)
