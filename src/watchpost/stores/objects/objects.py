"""What is asked of a store of objects: bytes under a key in a bucket, with a few words about them.

Keys are texts of 1 to 1024 bytes of UTF-8 and are listed in the order of those bytes. A write is seen whole or not at
all, also by whoever reads the object at the same time, and is durable when it returns.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from watchpost.errors import Refused

DEFAULT_CONTENT_TYPE = "binary/octet-stream"
"""What S3 calls the content of an object about which nothing was said."""

LONGEST_KEY = 1024
"""Bytes of UTF-8. Source: Amazon S3 User Guide, "Naming Amazon S3 objects"."""

_BUCKET = re.compile(r"(?!xn--|sthree-)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias)")
_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_URI = re.compile(r"s3[an]?://([^/]+)(?:/(.*))?", re.DOTALL)

Body = bytes | bytearray | memoryview | Path | Iterator[bytes | memoryview]
"""An object's content: bytes, a file that holds it (it is only read), or pieces one behind the other."""


@dataclass(frozen=True, slots=True)
class About:
    """What is kept with an object beside its bytes.

    Args: headers: of `cache-control`, `content-disposition`, `content-encoding`, `content-language`, `expires`, those
    that were given. metadata: the user's own, by lower-case name. checksums: base64 by S3's name of the algorithm
    (`CRC32`, `SHA256`, …); with `-N` behind it when it was made of those of N parts. part_sizes: bytes of each part of
    an object that came in parts. etag: instead of the MD5 of the content. Source: S3 API, PutObject.
    """

    content_type: str = DEFAULT_CONTENT_TYPE
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    part_sizes: tuple[int, ...] = ()
    etag: str | None = None

    def whole(self) -> "About":
        """The same of an object whose content did not come in parts."""
        checksums = {name: value for name, value in self.checksums.items() if "-" not in value}
        return replace(self, checksums=checksums, part_sizes=(), etag=None)


NOTHING = About()


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as it stands.

    Args: size: bytes. etag: hex, without quotes: the MD5 of the content, or what stands for it, with `-N` behind.
    modified: aware UTC. about: its content type, metadata and the like; the default in a listing of a remote store.
    """

    key: str
    size: int
    etag: str
    modified: datetime
    about: About = NOTHING

    @property
    def content_type(self) -> str:
        """The media type it was stored as."""
        return self.about.content_type

    @property
    def metadata(self) -> Mapping[str, str]:
        """The user's own metadata by lower-case name."""
        return self.about.metadata


@dataclass(frozen=True, slots=True)
class BucketInfo:
    """A bucket and the instant it was created (aware UTC)."""

    name: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be true of the object that a write replaces.

    Args: absent: there is none. etag: it has this ETag (without quotes; `*`: whatever it has).
    """

    absent: bool = False
    etag: str | None = None

    def check(self, now_there: ObjectInfo | None) -> None:
        """Raises: Refused: the condition does not hold."""
        if self.absent and now_there is not None:
            raise _failed()
        if self.etag is not None and now_there is None:
            raise no_such_key()
        if self.etag is not None and now_there is not None and self.etag not in {"*", now_there.etag}:
            raise _failed()


ANYTHING = Condition()


class OpenObject(Protocol):
    """One object, held open: what is read is what `info` speaks of, whatever is written meanwhile."""

    info: ObjectInfo

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to but without `end`, in pieces of bounded size; closes the object at the end."""

    def close(self) -> None:
        """Let go of it. Closing twice is no fault."""


class Walk(Protocol):
    """The objects of a bucket in key order, one after another."""

    def __iter__(self) -> Iterator[ObjectInfo]:
        """The rest of them."""

    def skip(self, after: str) -> None:
        """Go on behind this key, which may be no object's."""


class Objects(Protocol):
    """A store of objects. Methods may be called from any thread and raise Refused as S3 would.

    `NoSuchBucket`, `NoSuchKey`, `InvalidBucketName`, `KeyTooLongError`, `PreconditionFailed`; `ServiceUnavailable` when
    the disk is full or the remote store does not answer.
    """

    def put(
        self,
        bucket: str,
        key: str,
        body: Body,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        about: About = NOTHING,
        condition: Condition = ANYTHING,
    ) -> ObjectInfo:
        """Write an object, replacing what was there. `content_type` and `metadata` go before those of `about`."""

    def get(self, bucket: str, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """The content, or its bytes from `start` up to but without `end`."""

    def open(self, bucket: str, key: str) -> OpenObject:
        """The object, to be read piece by piece."""

    def head(self, bucket: str, key: str) -> ObjectInfo | None:
        """What is known of an object, None if there is none (or no such bucket)."""

    def walk(self, bucket: str, prefix: str = "", after: str = "") -> Walk:
        """The objects whose keys start with `prefix` and are greater than `after`."""

    def list(self, bucket: str, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[ObjectInfo]:
        """The first `limit` of `walk`."""

    def delete(self, bucket: str, key: str, condition: Condition = ANYTHING) -> bool:
        """Remove an object; whether it was there."""

    def copy(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        about: About | None = None,
        condition: Condition = ANYTHING,
    ) -> ObjectInfo:
        """Copy (bucket, key) to (bucket, key), with what is kept about it unless `about` says otherwise."""

    def describe(self, bucket: str, key: str, about: About) -> ObjectInfo:
        """Replace what is kept about an object; its content and ETag stay."""

    def buckets(self) -> Sequence[BucketInfo]:
        """All buckets, by name."""

    def bucket(self, name: str) -> BucketInfo | None:
        """A bucket, None if there is none of that name."""

    def create_bucket(self, name: str) -> bool:
        """Make a bucket; False if it was there already."""

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket. Raises: Refused: `BucketNotEmpty`, `NoSuchBucket`."""

    def local_path(self, uri: str) -> Path | None:
        """The file or folder of this machine that `s3://bucket/key` means, whether or not it is there yet.

        None for a remote store. Files that are put there by others are objects like all others.
        """

    def location(self, uri: str) -> str:
        """What `watchpost.data.open.open_dataset` can read for `s3://bucket/key-or-prefix`."""


def check_bucket(name: str) -> str:
    """The name of a bucket. Raises: Refused: it cannot be one. Source: S3 User Guide, "General purpose bucket naming".

    >>> check_bucket("sagemaker-us-east-1-000000000000")
    'sagemaker-us-east-1-000000000000'
    """
    if not _BUCKET.fullmatch(name) or _ADDRESS.fullmatch(name) or "-." in name or ".-" in name:
        raise Refused("InvalidBucketName", "The specified bucket is not valid.")
    return name


def check_key(key: str) -> str:
    """An object's key. Raises: Refused: it is empty, too long or no text."""
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise Refused("InvalidURI", "Couldn't parse the specified URI: the key is not UTF-8.") from None
    if length > LONGEST_KEY:
        raise Refused("KeyTooLongError", f"Your key is too long: {length} bytes, at most {LONGEST_KEY}.")
    if not length:
        raise Refused("InvalidArgument", "An object's key has at least one character.")
    return key


def bucket_and_key(uri: str) -> tuple[str, str]:
    """The two parts of `s3://bucket/key`; the key may be empty. Raises: Refused: it is no such URI.

    >>> bucket_and_key("s3://lake/capture/2026/"), bucket_and_key("s3://lake")
    (('lake', 'capture/2026/'), ('lake', ''))
    """
    found = _URI.fullmatch(uri)
    if found is None:
        raise Refused("ValidationException", f"{uri[:200]!r} is no URI of an object store, like s3://bucket/key.")
    return check_bucket(found[1]), found[2] or ""


def no_such_bucket() -> Refused:
    """The refusal of what needs a bucket that is not there."""
    return Refused("NoSuchBucket", "The specified bucket does not exist")


def no_such_key() -> Refused:
    """The refusal of what needs an object that is not there."""
    return Refused("NoSuchKey", "The specified key does not exist.")


def _failed() -> Refused:
    told = "At least one of the pre-conditions you specified did not hold"
    return Refused("PreconditionFailed", told)
