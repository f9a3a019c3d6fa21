"""Bodies in chunks that S3's clients sign one by one (`aws-chunked`), verified and joined."""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256

from watchpost.errors import Refused

_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CHUNKED = frozenset({_SIGNED, _SIGNED_TRAILER, _UNSIGNED_TRAILER})

_EMPTY = sha256(b"").hexdigest()
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


def unchunked(body: bytes, mode: str, seed: Seed) -> bytes:
    """The joined content of a body whose `x-amz-content-sha256` is `mode`, one of `CHUNKED`.

    Raises: Refused: it is not in chunks, or a chunk is not what was signed. Source: AWS, "Signature calculations for
    the Authorization header: transferring a payload in multiple chunks".
    """
    parts, at = list[bytes](), 0
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
        parts.append(data)
        at += 2
    if mode == _SIGNED_TRAILER:
        _check_trailer(body[at:], seed)
    return b"".join(parts)


def _check_trailer(trailer: bytes, seed: Seed) -> None:
    lines = [line for line in trailer.split(b"\r\n") if line]
    signed = [line for line in lines if not line.startswith(b"x-amz-trailer-signature:")]
    given = [line.partition(b":")[2].strip().decode("latin-1") for line in lines if line not in signed]
    text = b"".join(line.strip() + b"\n" for line in signed)
    expected = seed.next("TRAILER", sha256(text).hexdigest())
    if len(given) != 1 or not hmac.compare_digest(expected.encode(), given[0].encode()):
        raise Refused("SignatureDoesNotMatch", "The signature of the trailer does not match its content.")
