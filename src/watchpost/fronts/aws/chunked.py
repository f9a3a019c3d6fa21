"""Bodies in chunks that S3's clients sign one by one (`aws-chunked`), verified and joined."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from watchpost.errors import Refused

_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CHUNKED = frozenset({_SIGNED, _SIGNED_TRAILER, _UNSIGNED_TRAILER})

_EMPTY = sha256(b"").hexdigest()
_LONGEST_TRAILER = 8192
_HEAD = re.compile(rb"([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?\r\n")


@dataclass(frozen=True, slots=True)
class Seed:
    """What the first chunk's signature builds on: the signing key, instant and scope, and the request's signature."""

    key: bytes
    stamp: str
    scope: str
    signature: str

    def next(self, kind: str, *hashes: str) -> str:
        """The signature that follows this one."""
        text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", self.stamp, self.scope, self.signature, *hashes])
        return hmac.new(self.key, text.encode(), sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Unchunked:
    """What was in the chunks, and the headers behind them by lower-case name."""

    content: bytes | memoryview
    trailers: Mapping[str, str]


def unchunked(body: bytes | memoryview, mode: str, seed: Seed) -> Unchunked:
    """The joined content of a body whose `x-amz-content-sha256` is `mode`, one of `CHUNKED`.

    The content of a memoryview is joined inside it, so that a large body needs no memory of its own; it is writable.
    Raises: Refused: it is not in chunks, or a chunk is not what was signed. Source: AWS, "Signature calculations for
    the Authorization header: transferring a payload in multiple chunks".
    """
    joined = _Joined(body)
    at = 0
    while True:
        head = _HEAD.match(body, at)
        if head is None or (head[2] is None) != (mode == _UNSIGNED_TRAILER):
            raise Refused("IncompleteBody", "The request's body is not in the chunks its headers promise.")
        size, start = int(head[1], 16), head.end()
        data = body[start : start + size]
        if head[2] is not None:
            expected = seed.next("PAYLOAD", _EMPTY, sha256(data).hexdigest())
            if not hmac.compare_digest(expected, head[2].decode()):
                raise Refused("SignatureDoesNotMatch", "The signature of a chunk does not match its content.")
            seed = Seed(seed.key, seed.stamp, seed.scope, expected)
        at = start + size
        if size == 0:
            break
        if len(data) != size or body[at : at + 2] != b"\r\n":
            raise Refused("IncompleteBody", "A chunk is shorter than it says.")
        joined.add(data)
        at += 2
    trailer = bytes(body[at : at + _LONGEST_TRAILER])
    if mode == _SIGNED_TRAILER:
        _check_trailer(trailer, seed)
    lines = [line.decode("latin-1").partition(":") for line in trailer.split(b"\r\n") if line]
    return Unchunked(joined.content(), {name.strip().lower(): value.strip() for name, _, value in lines})


class _Joined:
    """Pieces of a body, one behind the other: of bytes a list, of a mapped file its own beginning."""

    def __init__(self, body: bytes | memoryview) -> None:
        self._into = body if isinstance(body, memoryview) else None
        self._parts, self._size = list[bytes | memoryview](), 0

    def add(self, piece: bytes | memoryview) -> None:
        if self._into is None:
            self._parts.append(piece)
        else:
            # Never further than where the piece itself begins: the chunks' heads are left out.
            self._into[self._size : self._size + len(piece)] = piece
        self._size += len(piece)

    def content(self) -> bytes | memoryview:
        return b"".join(self._parts) if self._into is None else self._into[: self._size]


def _check_trailer(trailer: bytes, seed: Seed) -> None:
    lines = [line for line in trailer.split(b"\r\n") if line]
    signed = [line for line in lines if not line.startswith(b"x-amz-trailer-signature:")]
    given = [line.partition(b":")[2].strip().decode("latin-1") for line in lines if line not in signed]
    text = b"".join(line.strip() + b"\n" for line in signed)
    expected = seed.next("TRAILER", sha256(text).hexdigest())
    if len(given) != 1 or not hmac.compare_digest(expected.encode(), given[0].encode()):
        raise Refused("SignatureDoesNotMatch", "The signature of the trailer does not match its content.")
