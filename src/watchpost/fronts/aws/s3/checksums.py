"""Checksums of S3: verified when an object comes, kept with it, given back when it is asked for.

Source: S3 User Guide, "Checking object integrity".
"""

import binascii
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from hashlib import md5, sha1, sha256, sha512
from typing import Any

from watchpost.errors import Refused
from watchpost.fronts.aws.s3.crc import crc32c, crc64nvme

Pieces = Iterable[bytes | memoryview]


def _crc(update: Callable[[bytes | memoryview, int], int], size: int) -> Callable[[Pieces], bytes]:
    def of(pieces: Pieces) -> bytes:
        value = 0
        for piece in pieces:
            value = update(piece, value)
        return value.to_bytes(size, "big")

    return of


def _hash(make: Callable[[], Any]) -> Callable[[Pieces], bytes]:
    def of(pieces: Pieces) -> bytes:
        digest = make()
        for piece in pieces:
            digest.update(piece)
        result: bytes = digest.digest()
        return result

    return of


ALGORITHMS: Mapping[str, Callable[[Pieces], bytes]] = {
    "CRC32": _crc(zlib.crc32, 4),
    "CRC32C": _crc(lambda piece, value: crc32c().update(piece, value), 4),
    "CRC64NVME": _crc(lambda piece, value: crc64nvme().update(piece, value), 8),
    "SHA1": _hash(lambda: sha1(usedforsecurity=False)),
    "SHA256": _hash(sha256),
    "SHA512": _hash(sha512),
    "MD5": _hash(lambda: md5(usedforsecurity=False)),
}
"""Those that are computed here, by S3's names."""

_REFUSED = ("XXHASH64", "XXHASH3", "XXHASH128")
_LINEAR = frozenset({"CRC32", "CRC32C", "CRC64NVME"})


def verified(asked: Mapping[str, Any], headers: Mapping[str, str], body: bytes | memoryview) -> dict[str, str]:
    """The checksums a request brings along, in its headers or behind its body; they are right.

    Raises: Refused: one of them is wrong, malformed or of an algorithm that is not computed here.
    """
    given = given_checksums(asked)
    promised = headers.get("x-amz-trailer", "").strip().lower()
    for name in (*ALGORITHMS, *_REFUSED):
        header = f"x-amz-checksum-{name.lower()}"
        if header in promised and header not in headers:
            told = "The request has no trailer of the name that x-amz-trailer promises."
            raise Refused("MalformedTrailerError", told)
        if header in headers:
            given[name] = headers[header]
    for name, value in given.items():
        if name in _REFUSED:
            raise Refused("NotImplemented", f"Checksums of algorithm {name} are not computed here.")
        if _decoded(value) is None or (name != "MD5" and len(_decoded(value) or b"") != len(ALGORITHMS[name](()))):
            raise Refused("InvalidRequest", f"Value for x-amz-checksum-{name.lower()} header is invalid.")
        if checksum(name, [body]) != value:
            raise Refused("BadDigest", f"The {name} you specified did not match the calculated checksum.")
    _check_md5(asked.get("ContentMD5"), body)
    return given


def given_checksums(asked: Mapping[str, Any]) -> dict[str, str]:
    """The `Checksum…` members of a request or part by the algorithm's name."""
    return {name: asked[f"Checksum{name}"] for name in (*ALGORITHMS, *_REFUSED) if f"Checksum{name}" in asked}


def members(checksums: Mapping[str, str]) -> dict[str, str]:
    """Checksums as members of an answer."""
    if not checksums:
        return {}
    composite = any("-" in value for value in checksums.values())
    named = {f"Checksum{name}": value for name, value in checksums.items()}
    return {**named, "ChecksumType": "COMPOSITE" if composite else "FULL_OBJECT"}


def checksum(algorithm: str, pieces: Pieces) -> str:
    """A checksum of the pieces one behind the other, base64."""
    return b64encode(ALGORITHMS[algorithm](pieces)).decode()


def of_parts(algorithm: str, parts: Iterable[str]) -> str:
    """The checksum of an object of parts, made of theirs: base64 with `-N` behind it."""
    plain = [b64decode(part) for part in parts]
    return f"{checksum(algorithm, [b''.join(plain)])}-{len(plain)}"


def asked_algorithm(asked: Mapping[str, Any]) -> tuple[str | None, bool]:
    """The algorithm of an upload in parts, and whether its checksum is to be of the whole object.

    Raises: Refused: there is no such algorithm here, or it does not go with the type.
    """
    algorithm, kind = asked.get("ChecksumAlgorithm"), asked.get("ChecksumType")
    if algorithm is None:
        return None, False
    if algorithm in _REFUSED or algorithm not in ALGORITHMS:
        raise Refused("NotImplemented", f"Checksums of algorithm {algorithm} are not computed here.")
    if (kind == "FULL_OBJECT" and algorithm not in _LINEAR) or (kind == "COMPOSITE" and algorithm == "CRC64NVME"):
        told = f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        raise Refused("InvalidRequest", told)
    return algorithm, kind == "FULL_OBJECT" or algorithm == "CRC64NVME"


def _check_md5(said: str | None, body: bytes | memoryview) -> None:
    if said is None:
        return
    plain = _decoded(said)
    if plain is None or len(plain) != 16:
        raise Refused("InvalidDigest", "The Content-MD5 you specified was invalid.")
    if checksum("MD5", [body]) != said:
        raise Refused("BadDigest", "The Content-MD5 you specified did not match what we received.")


def _decoded(value: str) -> bytes | None:
    try:
        return b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
