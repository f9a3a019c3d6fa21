"""Objects as plain files: `s3://bucket/key` is the file `key` in the folder `bucket`, for everybody to see and read.

`names` says which keys have another name. Files that others put there are objects too. Beside the buckets lie `.meta`
(content types, metadata, checksums: `sidecars`) and `.uploads` (what is being written).
"""

import contextlib
import glob
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import IO

from watchpost.errors import Refused
from watchpost.stores.objects import files, sidecars
from watchpost.stores.objects.names import beside, path_of
from watchpost.stores.objects.objects import (
    ANYTHING,
    NOTHING,
    About,
    Body,
    BucketInfo,
    Condition,
    ObjectInfo,
    bucket_and_key,
    check_bucket,
    check_key,
    no_such_bucket,
    no_such_key,
)
from watchpost.stores.objects.place import SIDECAR, Place, is_full_folder, pruned, unlinked
from watchpost.stores.objects.walk import KeyWalk, Listings

# A name that no part of a key has.
_MARK = "%bucket"
# A day: nobody writes one object for longer.
_HALF_WRITTEN_NS = 24 * 3600 * 1_000_000_000
# How often somebody else may take a folder away, or put one in the way, between two steps of a write.
_ATTEMPTS = 20


class FolderObjects:
    """A store in a folder of this machine; see `Objects`.

    Other processes may read and write in it too, plainly or through this class; but `Condition`s and the keeping of
    metadata hold against writers of the same process only.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._meta, self._fresh = root, root / ".meta", root / ".uploads" / "writing"
        for folder in (root, self._meta, root / ".uploads"):
            folder.mkdir(parents=True, exist_ok=True)
        self._fresh.mkdir(exist_ok=True)
        self._listings = Listings(root / ".uploads" / "clock")
        self._forget_half_written()
        # Held while files move and folders come and go, which takes microseconds.
        self._shape = Lock()
        self._locks = tuple(Lock() for _ in range(64))

    # --- objects ---

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
        """See `Objects.put`."""
        about = replace(
            about,
            content_type=about.content_type if content_type is None else content_type,
            metadata=about.metadata if metadata is None else metadata,
        )
        return self._store(self._place(bucket, key), files.pieces(body), about, condition)

    def get(self, bucket: str, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """See `Objects.get`."""
        found = self.open(bucket, key)
        return b"".join(found.read(start or 0, end))

    def open(self, bucket: str, key: str) -> "OpenFile":
        """See `Objects.open`."""
        place = self._place(bucket, key)
        with files.told():
            opened = place.opened()
            if opened is None:
                # Between two looks it may have moved beside a folder of its name: a miss counts under the lock only.
                with self._lock(bucket, key):
                    opened = place.opened()
            if opened is None:
                raise no_such_key() if place.bucket.is_dir() else no_such_bucket()
            try:
                return OpenFile(opened, self._info(place, os.fstat(opened.fileno())))
            except BaseException:
                opened.close()
                raise

    def head(self, bucket: str, key: str) -> ObjectInfo | None:
        """See `Objects.head`."""
        try:
            opened = self.open(bucket, key)
        except Refused as refused:
            if refused.fault in {"NoSuchKey", "NoSuchBucket"}:
                return None
            raise
        opened.close()
        return opened.info

    def walk(self, bucket: str, prefix: str = "", after: str = "") -> "FolderWalk":
        """See `Objects.walk`."""
        return FolderWalk(self._bucket_folder(bucket), self._meta / bucket, self._listings, prefix, after)

    def list(self, bucket: str, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[ObjectInfo]:
        """See `Objects.list`."""
        return list(islice(self.walk(bucket, prefix, after), limit))

    def delete(self, bucket: str, key: str, condition: Condition = ANYTHING) -> bool:
        """See `Objects.delete`."""
        place = self._place(bucket, key)
        with files.told(), self._lock(bucket, key):
            if not place.bucket.is_dir():
                raise no_such_bucket()
            if condition is not ANYTHING:
                condition.check(self._there(place))
            with self._shape:
                # Not one of a list: both, should a crash have left both.
                gone = [unlinked(path) for path in (place.file, place.beside)]
                left = pruned(place.file.parent, place.bucket)
                place.sidecar.unlink(missing_ok=True)
                pruned(place.sidecar.parent, self._meta / bucket)
            if any(gone):
                files.sync_folder(left)
            return any(gone)

    def copy(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        about: About | None = None,
        condition: Condition = ANYTHING,
    ) -> ObjectInfo:
        """See `Objects.copy`."""
        with contextlib.closing(self.open(*source)) as opened:
            return self._store(self._place(*target), opened.read(), about or opened.info.about.whole(), condition)

    def describe(self, bucket: str, key: str, about: About) -> ObjectInfo:
        """See `Objects.describe`."""
        place = self._place(bucket, key)
        with files.told(), self._lock(bucket, key):
            opened = place.opened()
            if opened is None:
                raise no_such_key()
            with opened:
                status = os.fstat(opened.fileno())
            info = self._info(place, status)
            said = sidecars.kept(status.st_size, status.st_mtime_ns, info.etag, about)
            self._write_sidecar(place, (said,))
            return sidecars.info(key, status, said)

    # --- buckets ---

    def buckets(self) -> Sequence[BucketInfo]:
        """See `Objects.buckets`."""
        with files.told():
            names = sorted(path.name for path in self._root.iterdir() if not path.name.startswith("."))
        return [info for info in map(self.bucket, names) if info is not None]

    def bucket(self, name: str) -> BucketInfo | None:
        """See `Objects.bucket`."""
        try:
            folder = self._root / check_bucket(name)
            mark = self._meta / name / _MARK
            status = folder.stat()
            made = mark.stat() if mark.exists() else status
        except (OSError, Refused):
            return None
        return BucketInfo(name, datetime.fromtimestamp(made.st_mtime, UTC)) if folder.is_dir() else None

    def create_bucket(self, name: str) -> bool:
        """See `Objects.create_bucket`."""
        check_bucket(name)
        with files.told():
            try:
                (self._root / name).mkdir()
            except FileExistsError:
                return False
            (self._meta / name).mkdir(exist_ok=True)
            (self._meta / name / _MARK).touch()
            for folder in (self._root, self._meta, self._meta / name):
                files.sync_folder(folder)
            return True

    def delete_bucket(self, name: str) -> None:
        """See `Objects.delete_bucket`."""
        folder = self._bucket_folder(name)
        if self.list(name, limit=1):
            raise Refused("BucketNotEmpty", "The bucket you tried to delete is not empty")
        with files.told():
            for inner, _folders, _files in os.walk(folder, topdown=False):
                try:
                    Path(inner).rmdir()
                except OSError as problem:
                    told = f"The folder {inner} of this bucket holds files that are no objects ({problem.strerror})."
                    raise Refused("BucketNotEmpty", told) from problem
            shutil.rmtree(self._meta / name, ignore_errors=True)
            files.sync_folder(self._root)

    # --- the engine's way in ---

    def local_path(self, uri: str) -> Path | None:
        """See `Objects.local_path`."""
        bucket, key = bucket_and_key(uri)
        folder = self._root / bucket
        if not key:
            return folder
        whole = folder.joinpath(*path_of(key))
        if not key.endswith("/"):
            other = whole.with_name(beside(whole.name))
            return other if other.is_file() else whole
        if whole.is_file():
            return whole
        # The folder itself, not the object whose key ends with the slash.
        return folder.joinpath(*path_of(key[:-1]))

    def location(self, uri: str) -> str:
        """See `Objects.location`."""
        path = self.local_path(uri)
        assert path is not None
        if path.exists():
            return str(path)
        # An unfinished name: S3's prefixes end anywhere.
        pattern = f"{glob.escape(str(path))}*"
        return pattern if glob.glob(pattern) else str(path)  # noqa: PTH207  Path.glob cannot escape

    # --- inside ---

    def _forget_half_written(self) -> None:
        """Remove what a crash left; what is young may be another process's, which is writing it now."""
        now = self._listings.now_ns()
        for path in self._fresh.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if now - path.stat().st_mtime_ns > _HALF_WRITTEN_NS:
                    path.unlink()

    def _bucket_folder(self, name: str) -> Path:
        folder = self._root / check_bucket(name)
        if not folder.is_dir():
            raise no_such_bucket()
        return folder

    def _place(self, bucket: str, key: str) -> Place:
        return Place(self._root / check_bucket(bucket), self._meta / bucket, check_key(key))

    def _lock(self, bucket: str, key: str) -> Lock:
        return self._locks[hash((bucket, key)) % len(self._locks)]

    def _info(self, place: Place, status: os.stat_result) -> ObjectInfo:
        return sidecars.info(place.key, status, sidecars.read(place.sidecar, status))

    def _there(self, place: Place) -> ObjectInfo | None:
        opened = place.opened()
        if opened is None:
            return None
        with opened:
            return self._info(place, os.fstat(opened.fileno()))

    def _store(
        self, place: Place, pieces: Iterator[bytes | memoryview], about: About, condition: Condition
    ) -> ObjectInfo:
        with files.told():
            if not place.bucket.is_dir():
                raise no_such_bucket()
            with files.fresh(self._fresh) as file:
                if about.etag is None:
                    etag = files.write(file, pieces)
                else:
                    etag = about.etag
                    files.write_plain(file, pieces)
                with self._lock(place.bucket.name, place.key):
                    return self._settle(place, file, about, etag, condition)

    def _settle(self, place: Place, file: IO[bytes], about: About, etag: str, condition: Condition) -> ObjectInfo:
        """Give a written file its place and its sidecar. The key's lock is held."""
        before = self._kept_before(place, condition)
        status = os.fstat(file.fileno())
        while before and before.speaks_of(status):
            # Written in one tick of the file system's clock: the sidecar could not tell one from the other.
            os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns + 1000))
            status = os.fstat(file.fileno())
        said = sidecars.kept(status.st_size, status.st_mtime_ns, etag, about)
        self._write_sidecar(place, (said, before) if before else (said,))
        for folder in self._move(Path(file.name), place):
            files.sync_folder(folder)
        return sidecars.info(place.key, status, said)

    def _move(self, file: Path, place: Place) -> Sequence[Path]:
        """Move a written file to its place; the folders that changed by it."""
        for _ in range(_ATTEMPTS):
            with self._shape:
                try:
                    changed = place.make_folders()
                    if is_full_folder(place.file):
                        file.replace(place.beside)
                    else:
                        file.replace(place.file)
                        unlinked(place.beside)
                except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError):
                    # Somebody else made, took away or filled a folder at this very moment.
                    if not place.bucket.is_dir():
                        raise no_such_bucket() from None
                else:
                    return [*changed, place.file.parent]
        raise Refused("OperationAborted", "A conflicting operation is in progress on this resource. Please try again.")

    def _kept_before(self, place: Place, condition: Condition) -> sidecars.Kept | None:
        opened = place.opened()
        if opened is None:
            condition.check(None)
            return None
        with opened:
            status = os.fstat(opened.fileno())
        before = sidecars.read(place.sidecar, status)
        condition.check(sidecars.info(place.key, status, before))
        return before

    def _write_sidecar(self, place: Place, said: tuple[sidecars.Kept, ...]) -> None:
        with files.fresh(self._fresh) as file:
            files.write_plain(file, [sidecars.encoded(said)])
            with self._shape:
                place.sidecar.parent.mkdir(parents=True, exist_ok=True)
                Path(file.name).replace(place.sidecar)
        files.sync_folder(place.sidecar.parent)


class OpenFile:
    """See `OpenObject`."""

    def __init__(self, file: IO[bytes], info: ObjectInfo) -> None:
        self._file, self.info = file, info

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See `OpenObject.read`."""
        with self._file as file:
            file.seek(start)
            left = max(0, (self.info.size if end is None else min(end, self.info.size)) - start)
            while left:
                piece = file.read(min(left, files.PIECE))
                if not piece:
                    raise Refused("ServiceUnavailable", "The object's file was cut off while it was read.")
                left -= len(piece)
                yield piece

    def close(self) -> None:
        """See `OpenObject.close`."""
        self._file.close()


class FolderWalk:
    """See `Walk`."""

    def __init__(self, folder: Path, meta: Path, listings: Listings, prefix: str, after: str) -> None:
        self._keys = KeyWalk(str(folder), listings, prefix, after)
        self._folder, self._meta = str(folder), str(meta)

    def __iter__(self) -> Iterator[ObjectInfo]:
        """See `Walk.__iter__`."""
        for key, path in self._keys:
            try:
                status = os.stat(path)  # noqa: PTH116  a listing does this a thousand times
            except FileNotFoundError:
                continue
            folder, _, name = path.removeprefix(self._folder).rpartition("/")
            own = path_of(key)[-1] if name.startswith("%@") else name
            sidecar = f"{self._meta}{folder}/{SIDECAR}{own}"
            yield sidecars.info(key, status, sidecars.read(sidecar, status))

    def skip(self, after: str) -> None:
        """See `Walk.skip`."""
        self._keys.skip(after)
