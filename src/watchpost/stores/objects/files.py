"""Files written whole or not at all, durably, and their content copied in bounded memory."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from hashlib import md5
from pathlib import Path
from tempfile import mkstemp
from typing import IO

from watchpost.errors import Refused
from watchpost.stores.objects.objects import Body

PIECE = 1 << 20
"""Bytes read or written at a time."""


@contextlib.contextmanager
def told() -> Iterator[None]:
    """What goes wrong with the disk, in S3's words."""
    try:
        yield
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise Refused("ServiceUnavailable", f"The objects' folder cannot be used now: {why}.") from problem


@contextlib.contextmanager
def fresh(folder: Path) -> Iterator[IO[bytes]]:
    """A new file in `folder`, to be renamed to where it belongs; removed if it still is there at the end."""
    descriptor, name = mkstemp(dir=folder)
    os.close(descriptor)
    path = Path(name)
    try:
        with path.open("r+b", buffering=0) as file:
            yield file
    finally:
        path.unlink(missing_ok=True)


def write(file: IO[bytes], body: Iterable[bytes | memoryview]) -> str:
    """Write the pieces of a body and make the file durable; the MD5 of the body, in hex."""
    digest = md5(usedforsecurity=False)
    for piece in body:
        digest.update(piece)
        write_all(file, piece)
    os.fsync(file.fileno())
    return digest.hexdigest()


def write_plain(file: IO[bytes], body: Iterable[bytes | memoryview]) -> None:
    """The same without the MD5, which takes longer than the disk does."""
    for piece in body:
        write_all(file, piece)
    os.fsync(file.fileno())


def write_all(file: IO[bytes], piece: bytes | memoryview) -> None:
    """Write all of a piece: an unbuffered file may take less at a time."""
    rest = memoryview(piece)
    while rest:
        rest = rest[file.write(rest) :]


def pieces(body: Body) -> Iterator[bytes | memoryview]:
    """A body in pieces of bounded size."""
    if isinstance(body, bytes | bytearray | memoryview):
        view = memoryview(body)
        for start in range(0, len(view), PIECE):
            yield view[start : start + PIECE]
    elif isinstance(body, Path):
        with body.open("rb", buffering=0) as file:
            while piece := file.read(PIECE):
                yield piece
    else:
        yield from body


def sync_folder(folder: str | Path) -> None:
    """Make renames in a folder durable. One that is gone needs it no more: who took it away saw to that."""
    # Windows has no such thing, and its renames need none.
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
