"""Marker files: each writer notes how many records it was handed and how many are safe, for who comes after it.

A writer holds a lock on its marker while it lives, which the operating system lets go of however the process ends. So
a marker that can be locked is that of a dead writer: what it was handed and did not bring to safety is lost, and what
it spooled is taken over. A marker is written ten times a second at most, so the last tenth of a second may be missing.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

_SUFFIX = ".marker"
_WIDTH = 128  # bytes; overwritten in place, so that a full disk is no obstacle


class _Figures(msgspec.Struct):
    handed_over: int
    safe: int


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A writer that is dead. lost: records it was handed that are in no file. spool: the folder it spooled to."""

    lost: int
    spool: Path


class Marker:
    """The marker of a living writer, in a folder that only writers of the same files share."""

    def __init__(self, folder: Path, name: str) -> None:
        """Make it. Raises: OSError."""
        if sys.platform == "win32":
            raise OSError("marker files need locks that end with a process")
        _make_private(folder)
        self._folder, self._name, self._last = folder, name, (-1, -1)
        self._path = folder / f"{name}.new"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _lock(self._file)
            self.note(0, 0)
            # Under its name only now that it is locked: before, another writer would take it for a dead one's.
            self._path = self._path.rename(folder / f"{name}{_SUFFIX}")
        except OSError:
            self.remove()
            raise

    @property
    def spool(self) -> Path:
        """The folder to spool to; it is not made here."""
        return self._folder / self._name

    def note(self, handed_over: int, safe: int) -> None:
        """Write the figures down if they changed. Raises: OSError."""
        if (handed_over, safe) != self._last:
            text = msgspec.json.encode(_Figures(handed_over, safe))
            os.pwrite(self._file, text.ljust(_WIDTH - 1) + b"\n", 0)
            self._last = (handed_over, safe)

    def let_go(self) -> None:
        """Close the file without a word: of a forked child, whose parent keeps the lock, or of who left a spool."""
        with suppress(OSError):
            os.close(self._file)

    def remove(self) -> None:
        """The writer ends with nothing left to tell."""
        with suppress(OSError):
            self._path.unlink()
        shutil.rmtree(self.spool, ignore_errors=True)
        self.let_go()

    def predecessors(self) -> Iterator[Predecessor]:
        """The dead writers of this folder, each to be taken over by one living writer; their markers are removed.

        Raises: OSError.
        """
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            if path == self._path:
                continue
            with suppress(OSError, msgspec.DecodeError), path.open("rb") as file:
                _lock(file.fileno())
                figures = msgspec.json.decode(file.read(), type=_Figures)
                left, taken = path.with_suffix(""), self.spool / f"of-{path.stem}"
                if left.is_dir():
                    self.spool.mkdir(exist_ok=True, mode=0o700)
                    left.rename(taken)
                path.unlink()
                yield Predecessor(max(figures.handed_over - figures.safe, 0), taken)


def _make_private(folder: Path) -> None:
    """Make the folder. Raises: OSError: it cannot be, or somebody else could change what is in it."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True, mode=0o700)
    for place in (folder, folder.parent):
        if place.lstat().st_uid not in {os.getuid(), 0}:
            raise PermissionError(f"{place} belongs to somebody else")


def _lock(descriptor: int) -> None:
    """Lock an open file until it is closed. Raises: OSError: another process holds it."""
    import fcntl  # noqa: PLC0415  there is none on Windows, where no marker is made

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
