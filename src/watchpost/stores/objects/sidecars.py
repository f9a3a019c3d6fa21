"""What is kept about objects in a folder: a file beside each, in a tree of its own.

A sidecar speaks of a file by its size and modification time. It is written before the file takes its place and speaks
of the one before too, so that whichever file a reader finds, the sidecar knows it. A file it does not know was put
there by somebody else: it is an object without metadata.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path

import msgspec

from watchpost.stores.objects.objects import DEFAULT_CONTENT_TYPE, NOTHING, About, ObjectInfo


@dataclass(frozen=True, slots=True)
class Kept:
    """What a sidecar says of one file. Members are written under these names; see `About`."""

    size: int
    mtime_ns: int
    etag: str
    content_type: str = DEFAULT_CONTENT_TYPE
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    part_sizes: tuple[int, ...] = ()

    def speaks_of(self, status: os.stat_result) -> bool:
        """Whether the file with this status is the one meant."""
        return (self.size, self.mtime_ns) == (status.st_size, status.st_mtime_ns)


_DECODER = msgspec.json.Decoder(tuple[Kept, ...])


def kept(size: int, mtime_ns: int, etag: str, about: About) -> Kept:
    """What to write of a file about to take its place."""
    return Kept(
        size,
        mtime_ns,
        etag,
        about.content_type,
        about.metadata,
        about.headers,
        about.checksums,
        about.tags,
        about.part_sizes,
    )


def encoded(speaks: tuple[Kept, ...]) -> bytes:
    """A sidecar's content: JSON, readable by people."""
    return msgspec.json.format(msgspec.json.encode(speaks), indent=1)


def read(sidecar: str | Path, status: os.stat_result) -> Kept | None:
    """What is kept of the file with this status; None: nothing is."""
    try:
        with open(sidecar, "rb", buffering=0) as file:  # noqa: PTH123  a listing does this a thousand times
            speaks = _DECODER.decode(file.read())
    except (OSError, msgspec.MsgspecError):
        # None, or spoilt by hand: the object itself is still whole.
        return None
    return next((each for each in speaks if each.speaks_of(status)), None)


def info(key: str, status: os.stat_result, about: Kept | None) -> ObjectInfo:
    """The object of a file."""
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    if about is None:
        # Not an MD5, as the dash tells: reading every file that others put here would make listings slow.
        stands_for = md5(f"{status.st_size} {status.st_mtime_ns}".encode(), usedforsecurity=False).hexdigest()
        return ObjectInfo(key, status.st_size, f"{stands_for}-1", modified, NOTHING)
    said = About(
        about.content_type, about.metadata, about.headers, about.checksums, about.tags, about.part_sizes, about.etag
    )
    return ObjectInfo(key, status.st_size, about.etag, modified, said)
