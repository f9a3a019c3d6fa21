"""A walk through folders that meets the keys of their files in order, from any key on."""

import os
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from watchpost.stores.objects.names import meaning

# Of a folder's entries: what its keys go on with (a folder's with the slash), its name, whether it is a folder.
Entry = tuple[str, str, bool]

# Smaller folders are read in less time than it takes to find out whether they changed.
_WORTH_KEEPING = 1000
_KEPT = 16
# A file system's clock ticks in steps, of 2 seconds at worst: a younger folder may change without looking changed.
_SETTLED_NS = 2_000_000_000


class Listings:
    """The sorted entries of folders; those of large folders are kept until the folder changes.

    `probe` is a file of the same file system, touched to learn what time that file system thinks it is.
    """

    def __init__(self, probe: Path) -> None:
        self._probe = probe
        self._kept: OrderedDict[str, tuple[int, list[Entry]]] = OrderedDict()
        self._lock = Lock()

    def entries(self, folder: str) -> list[Entry]:
        """The entries that are objects or lead to some, sorted; none if there is no such folder."""
        try:
            changed = os.stat(folder).st_mtime_ns  # noqa: PTH116  a walk asks this of every folder
        except OSError:
            return []
        with self._lock:
            kept = self._kept.get(folder)
            if kept is not None and kept[0] == changed:
                self._kept.move_to_end(folder)
                return kept[1]
        found = _read(folder)
        if len(found) >= _WORTH_KEEPING and self.now_ns() - changed > _SETTLED_NS:
            with self._lock:
                self._kept[folder] = (changed, found)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return found

    def now_ns(self) -> int:
        """What time the file system thinks it is: nanoseconds since 1970."""
        self._probe.touch()
        return self._probe.stat().st_mtime_ns


def _read(folder: str) -> list[Entry]:
    found = list[Entry]()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                meant = meaning(entry.name)
                if meant is None:
                    continue
                kind, text = meant
                if entry.is_dir(follow_symlinks=False):
                    if kind != "object":
                        found.append((f"{text}/" if kind == "segment" else text, entry.name, True))
                elif kind != "continued" and entry.is_file():
                    found.append((text, entry.name, False))
    except (FileNotFoundError, NotADirectoryError):
        # Gone since its parent was read.
        return []
    found.sort()
    return found


@dataclass(slots=True)
class _Level:
    """A folder on the way down: the text its keys start with, its entries, and how many of them were met."""

    base: str
    folder: str
    entries: list[Entry]
    met: int


class KeyWalk:
    """(key, path) of the files below a bucket's folder, in key order: keys that start with `prefix`, behind `after`."""

    def __init__(self, folder: str, listings: Listings, prefix: str, after: str) -> None:
        self._listings, self._prefix, self._after = listings, prefix, after
        self._last: str | None = None
        self._levels = [self._level("", folder)]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """The rest of them."""
        while self._levels:
            level = self._levels[-1]
            if self._done(level):
                self._levels.pop()
                continue
            text, name, is_folder = level.entries[level.met]
            level.met += 1
            key, path = level.base + text, f"{level.folder}/{name}"
            if is_folder:
                if self._leads(key):
                    self._levels.append(self._level(key, path))
            elif key.startswith(self._prefix) and key > self._after and key != self._last:
                # Of two files that a crash left for one key the first is the newer.
                self._last = key
                yield key, path

    def skip(self, after: str) -> None:
        """Go on behind this key."""
        self._after = max(self._after, after)

    def _level(self, base: str, folder: str) -> _Level:
        entries = self._listings.entries(folder)
        low = max(self._after, self._prefix)
        met = 0
        if low.startswith(base):
            # The entry before may be the folder that the key is in.
            met = max(0, bisect_left(entries, low[len(base) :], key=lambda entry: entry[0]) - 1)
        return _Level(base, folder, entries, met)

    def _done(self, level: _Level) -> bool:
        """Whether nothing of this folder is wanted any more."""
        if level.met >= len(level.entries):
            return True
        if self._after > level.base and not self._after.startswith(level.base):
            return True
        key = level.base + level.entries[level.met][0]
        return key > self._prefix and not key.startswith(self._prefix) and not self._prefix.startswith(key)

    def _leads(self, base: str) -> bool:
        """Whether a folder whose keys start with `base` may hold a wanted one."""
        if not base.startswith(self._prefix) and not self._prefix.startswith(base):
            return False
        return base > self._after or self._after.startswith(base)
