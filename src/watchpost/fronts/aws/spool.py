"""A request's body as it comes in: in memory while it is small, in a file when it is not."""

import mmap
import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

IN_MEMORY = 32 * 1024 * 1024
"""Bytes of a body that are kept in memory. AWS's clients upload in parts of 5 to 16 MiB, Spark's in 64 MiB."""

# Written at a time: large enough that going to another thread for it costs nothing.
_PIECE = 4 * 1024 * 1024


class Spool:
    """Takes a body piece by piece. `folder` is on a disk; what is put there has no name and dies with the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts, self._waiting = list[bytes](), 0
        self._file: IO[bytes] | None = None

    def add(self, part: bytes) -> bool:
        """Take a piece; True when it is time to `flush`."""
        self._parts.append(part)
        self._waiting += len(part)
        return self._waiting > (IN_MEMORY if self._file is None else _PIECE)

    def flush(self) -> None:
        """Write what is in memory to the file; takes its time. Raises: OSError: the disk is full."""
        if self._file is None:
            self._file = TemporaryFile(dir=self._folder)  # noqa: SIM115  lives as long as the request
        self._file.writelines(self._parts)
        self._parts, self._waiting = [], 0

    def body(self) -> bytes:
        """The whole body, if it is in memory; else nothing."""
        return b"".join(self._parts) if self._file is None else b""

    def mapped(self) -> memoryview | None:
        """The whole body, if it is in a file: the file's pages, writable, read when they are looked at."""
        if self._file is None:
            return None
        self.flush()
        self._file.flush()
        with self._file as file:
            return memoryview(mmap.mmap(file.fileno(), os.fstat(file.fileno()).st_size))

    def close(self) -> None:
        """Forget a body that is not wanted any more."""
        self._parts = []
        if self._file is not None:
            self._file.close()
