"""Which records of an hour carry which ids, remembered in files, so that late labels find their windows cheaply.

An hour's capture files are read once for it. What is kept of a record are 16 bytes: a hash of the id that labels name
it by, and the second of its inference. The files are a memory of what lies in the captures: whoever removes them loses
nothing but time.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b, sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchpost.data.sources import Source
from watchpost.service.processing.inputs import bring
from watchpost.stores.objects.objects import ObjectInfo, Objects, bucket_and_key
from watchpost.windows import Window

Hashes = NDArray[np.uint64]
_UNKNOWN = -1  # a record that says no time
_SUFFIX = ".npy"
_RECORD = np.dtype([("hash", np.uint64), ("second", np.int64)])


class _Metadata(msgspec.Struct):
    eventId: str | None = None  # noqa: N815  the file's word
    inferenceId: str | None = None  # noqa: N815  the file's word
    inferenceTime: datetime | None = None  # noqa: N815  the file's word


class _Line(msgspec.Struct):
    eventMetadata: _Metadata  # noqa: N815  the file's word


_DECODER = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object, its bucket, and the hour (UTC) whose folder it lies in."""

    bucket: str
    info: ObjectInfo
    hour: datetime

    @property
    def uri(self) -> str:
        """`s3://bucket/key`."""
        return f"s3://{self.bucket}/{self.info.key}"

    def digest(self) -> str:
        """What changes when the object does: 16 hex digits."""
        text = f"{self.uri}|{self.info.size}|{self.info.modified.isoformat()}"
        return sha256(text.encode()).hexdigest()[:16]


class CapturedIds:
    """The ids of captured records, by hour. folder: where they are remembered; it is made when need be."""

    def __init__(self, objects: Objects, folder: Path) -> None:
        self._objects, self._folder = objects, folder

    def labelled(self, files: Sequence[StoredObject], labels: Hashes, window: Window | None) -> int:
        """How many records of an hour's capture files have one of these labels.

        Args: labels: ascending, see `label_ids`. window: records outside it do not count; None: all do, as an hour's
        folder is read whole. Raises: Refused, OSError, UnreadableSource.
        """
        if not files or not len(labels):
            return 0
        hashes, seconds = self._index(files)
        first, last = np.searchsorted(hashes, labels, "left"), np.searchsorted(hashes, labels, "right")
        met = np.concatenate(
            [seconds[a:b] for a, b in zip(first.tolist(), last.tolist(), strict=True) if a < b]
            or [np.empty(0, dtype=np.int64)]
        )
        if window is None:
            return len(met)
        # Times of inferences are whole seconds, as in `capture_window`.
        inside = (met >= int(window.start.timestamp())) & (met < window.end.timestamp())
        return int(np.count_nonzero(inside | (met == _UNKNOWN)))

    def tidy(self, before: datetime) -> None:
        """Forget what was not asked for since."""
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if path.stat().st_mtime < before.timestamp():
                path.unlink(missing_ok=True)

    def _index(self, files: Sequence[StoredObject]) -> tuple[Hashes, NDArray[np.int64]]:
        """Hashes, ascending, and seconds of inferences, both of the same length."""
        name = sha256("".join(sorted(each.digest() for each in files)).encode()).hexdigest()[:32]
        path = self._folder / f"{name}{_SUFFIX}"
        known = _remembered(path)
        if known is not None:
            return known
        # A million records are 16 MB so; as pairs of Python's they would be ten times as much.
        records = np.fromiter(_captured(self._objects, files), dtype=_RECORD)
        hashes, seconds = records["hash"], records["second"]
        order = np.argsort(hashes, kind="stable")
        self._folder.mkdir(parents=True, exist_ok=True)
        # Under another name first: whoever is cut off, or does the same at once, leaves no half.
        part = self._folder / f"{name}.{os.getpid()}.part"
        with part.open("wb") as stream:
            np.save(stream, np.stack([hashes[order].view(np.int64), seconds[order]]))
        part.replace(path)
        return hashes[order], seconds[order]


def label_ids(objects: Objects, files: Iterable[StoredObject]) -> Hashes:
    """The ids that labels of these files speak of, as hashes, ascending, each once. Raises: Refused, OSError."""
    found = (
        _hash(line.eventMetadata.eventId)
        for each in files
        for line in _lines(objects, each)
        if line.eventMetadata.eventId
    )
    return np.unique(np.fromiter(found, dtype=np.uint64))


def _remembered(path: Path) -> tuple[Hashes, NDArray[np.int64]] | None:
    """What an index file says; None: there is none, or a machine that lost its power left half of it."""
    try:
        os.utime(path)
        table = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, EOFError, ValueError):
        return None
    return table[0].view(np.uint64), table[1]


def by_hour(objects: Objects, uri: str, since: datetime) -> Mapping[datetime, list[StoredObject]]:
    """The objects in hour folders (`yyyy/mm/dd/hh/`) right below a prefix, from an hour on. Raises: Refused."""
    bucket, key = bucket_and_key(f"{uri.rstrip('/')}/")
    found: dict[datetime, list[StoredObject]] = {}
    if objects.bucket(bucket) is None:
        return found
    # Keys ascend by time, so what is older is not looked at.
    for info in objects.walk(bucket, key, f"{key}{since.astimezone(UTC):%Y/%m/%d/%H}"):
        hour = _hour(info.key.removeprefix(key))
        if hour is not None and info.size:
            found.setdefault(hour, []).append(StoredObject(bucket, info, hour))
    return found


def _hour(name: str) -> datetime | None:
    parts = name.split("/")
    if len(parts) < 5 or not all(part.isdigit() for part in parts[:4]) or parts[-1].startswith(("_", ".")):
        return None
    year, month, day, hour = map(int, parts[:4])
    try:
        return datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:
        return None


def _captured(objects: Objects, files: Iterable[StoredObject]) -> Iterator[tuple[int, int]]:
    for each in files:
        for line in _lines(objects, each):
            about = line.eventMetadata
            name, at = about.inferenceId or about.eventId, about.inferenceTime
            if name:
                aware = at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
                yield _hash(name), _UNKNOWN if aware is None else (aware - _EPOCH) // timedelta(seconds=1)


def _lines(objects: Objects, file: StoredObject) -> Iterator[_Line]:
    """The lines that can be read; those that cannot are for the execution to tell of."""
    with TemporaryDirectory(prefix="watchpost-ids-") as folder:
        path = Path(folder) / "lines"
        bring(objects, file.uri, path)
        with Source(file.uri, file.info.size, path=path).open() as stream:
            for line in stream:
                try:
                    yield _DECODER.decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    continue


def _hash(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), "little")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
