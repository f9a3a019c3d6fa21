"""Files that could not be written yet, kept in order: on disk where there is room, else in memory, within bounds."""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from watchpost.capture.batches import Batch
from watchpost.capture.destinations import write_whole

_MEMORY_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file that waits; body is None where it lies in `path`."""

    key: str
    records: int
    size: int
    path: Path
    body: bytes | None = None


class Spool:
    """First in, first out. Not for several threads.

    Args: folder: of this writer alone; None keeps all in memory. most_bytes: on disk; in memory at most 32 MiB of it.
    """

    on_disk: int
    """Records that outlive the process."""

    def __init__(self, folder: Path | None, most_bytes: int) -> None:
        self._folder, self._most = folder, most_bytes
        self._waiting: deque[_Kept] = deque()
        self.on_disk = self._disk_bytes = self._memory_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def keep(self, batch: Batch) -> bool:
        """Keep a file; False if there is no room."""
        on_disk = self._written(batch)
        if on_disk is not None:
            self._add(on_disk)
            return True
        if self._memory_bytes + len(batch.body) > min(self._most, _MEMORY_BYTES):
            return False
        self._add(_Kept(batch.key, batch.records, len(batch.body), Path(), batch.body))
        return True

    def first(self) -> Batch:
        """The file that waited longest; there is one. Raises: OSError: it cannot be read any more."""
        kept = self._waiting[0]
        return Batch(kept.key, kept.path.read_bytes() if kept.body is None else kept.body, kept.records)

    def remove_first(self) -> int:
        """It has been written, or is given up; how many records it held."""
        kept = self._waiting.popleft()
        if kept.body is not None:
            self._memory_bytes -= kept.size
            return kept.records
        self._disk_bytes -= kept.size
        self.on_disk -= kept.records
        with suppress(OSError):
            kept.path.unlink(missing_ok=True)
        return kept.records

    def to_disk(self) -> int:
        """Move what is in memory to disk, as far as there is room; how many records were left behind and forgotten."""
        waiting, self._waiting, forgotten = self._waiting, deque(), 0
        self.on_disk = self._disk_bytes = self._memory_bytes = 0
        for kept in sorted(waiting, key=lambda kept: kept.body is not None):
            body = kept.body
            moved = kept if body is None else self._written(Batch(kept.key, body, kept.records))
            if moved is None:
                forgotten += kept.records
            else:
                self._add(moved)
        return forgotten

    def adopt(self, folder: Path) -> int:
        """Take over the files that another writer spooled in this folder; how many records."""
        records = 0
        for path in _files(folder):
            with suppress(OSError):
                count = path.read_bytes().count(b"\n")
                size = path.stat().st_size
                self._add(_Kept(path.relative_to(folder).as_posix(), count, size, path))
                records += count
        return records

    def _written(self, batch: Batch) -> _Kept | None:
        """The file on disk; None without a folder, without room, or where the disk is full."""
        if self._folder is None or self._disk_bytes + len(batch.body) > self._most:
            return None
        path = self._folder / batch.key
        try:
            write_whole(path, batch.body)
        except OSError:
            return None
        return _Kept(batch.key, batch.records, len(batch.body), path)

    def _add(self, kept: _Kept) -> None:
        self._waiting.append(kept)
        if kept.body is None:
            self._disk_bytes += kept.size
            self.on_disk += kept.records
        else:
            self._memory_bytes += kept.size


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*.jsonl") if not path.name.startswith(".") and path.is_file())
