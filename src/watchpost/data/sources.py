"""Where bytes lie: a file, a folder, a glob or an `s3://` URI, as a sorted tuple of sources that can be opened.

Hidden files and folders and names that start with `_` (Spark's `_SUCCESS`, `_temporary`) are no data and are skipped,
unless a file is named itself. Gzip is recognised by its first bytes, whatever the name says.
"""

import gzip
import io
import os
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from typing import IO, TYPE_CHECKING

from watchpost.errors import SourceNotFound, UnreadableSource

if TYPE_CHECKING:
    from obstore import ReadableFile
    from obstore.store import S3Store

_GZIP_MAGIC = b"\x1f\x8b"
_SCHEME = "s3://"
_GLOB = re.compile(r"[*?\[]")

READ_ERRORS = (OSError, EOFError, zlib.error)
"""What reading an opened source can raise: the disk or the store failed, or compressed bytes are cut off or corrupt."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file or object.

    name: its path or URI, for messages. size: bytes as stored (compressed ones are not counted as read).
    path: set for a local file. store, key: set for an object.
    """

    name: str
    size: int
    path: Path | None = None
    store: "S3Store | None" = None
    key: str = ""

    @property
    def suffix(self) -> str:
        """The lower-case suffix that speaks of the format: `.csv` for `a.CSV` and for `a.csv.gz`; may be empty."""
        name = self.name.rsplit("/", 1)[-1].lower()
        return Path(name.removesuffix(".gz")).suffix

    @property
    def local(self) -> Path | None:
        """The path, if the bytes on disk are the content itself, so that a reader may map the file; else None."""
        if self.path is None:
            return None
        try:
            with self.path.open("rb") as stream:
                return None if stream.read(2) == _GZIP_MAGIC else self.path
        except OSError:
            return None

    def open(self) -> IO[bytes]:
        """A stream of the content, gzip taken off; the caller closes it. Memory is bounded by small buffers.

        Raises: UnreadableSource. Reading from the stream raises one of READ_ERRORS.
        """
        raw: io.RawIOBase | None = None
        try:
            raw = self._open_raw()
            buffered = io.BufferedReader(raw, buffer_size=1 << 20)
            if buffered.peek(2)[:2] != _GZIP_MAGIC:
                return buffered
            return io.BufferedReader(_Gunzip(buffered), buffer_size=1 << 16)
        except OSError as error:
            if raw is not None:
                raw.close()
            raise UnreadableSource(self.name, str(error), "Check the path and its permissions") from error

    def head(self, size: int) -> bytes:
        """The first bytes of the content, at most `size`. Raises: UnreadableSource."""
        with self.open() as stream:
            try:
                return stream.read(size)
            except READ_ERRORS as error:
                raise UnreadableSource(self.name, str(error)) from error

    def _open_raw(self) -> io.RawIOBase:
        if self.path is not None:
            return self.path.open("rb", buffering=0)
        from obstore import open_reader  # noqa: PLC0415  obstore takes 30 ms to import and most runs read local files
        from obstore.exceptions import BaseError  # noqa: PLC0415

        assert self.store is not None
        try:
            return _ObjectStream(open_reader(self.store, self.key, buffer_size=1 << 22))
        except (BaseError, FileNotFoundError) as error:
            raise OSError(_first_line(error)) from error


class _Gunzip(gzip.GzipFile):
    """The content of a compressed stream; closing it closes the stream, which GzipFile alone leaves open."""

    def __init__(self, compressed: IO[bytes]) -> None:
        super().__init__(fileobj=compressed)
        self._compressed = compressed

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._compressed.close()


class _ObjectStream(io.RawIOBase):
    """An object as a raw stream: ranged reads, one buffer of 4 MiB at a time."""

    def __init__(self, reader: "ReadableFile") -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]  # typeshed's Buffer is 3.12's
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            chunk = self._reader.read(len(buffer))
        except BaseError as error:
            raise OSError(_first_line(error)) from error
        buffer[: len(chunk)] = memoryview(chunk)
        return len(chunk)


def find_sources(location: str | Path) -> tuple[Source, ...]:
    """The sources at a location, sorted by path, so that hour folders come in the order of time.

    location: a file; a folder, read with its subfolders; a glob, `**` included; or `s3://bucket/key`, `s3://bucket/prefix`
    and `s3://bucket/prefix/*.jsonl`. For S3 the endpoint, the region and the credentials come from AWS's usual
    environment variables; plain http is allowed.
    Raises: SourceNotFound, UnreadableSource.
    """
    text = os.fspath(location)
    if text.startswith(_SCHEME):
        return _find_objects(text)
    path = Path(text).expanduser()
    if path.is_file():
        return (_local(path),)
    if path.is_dir():
        found = [p for p in path.rglob("*") if _is_data(p.relative_to(path).parts) and p.is_file()]
        why = "the folder holds no data file"
    elif _GLOB.search(text):
        root, pattern = _split_glob(path)
        matches = root.glob(pattern) if root.is_dir() else iter(())
        found = [p for p in _with_folders(matches) if _is_data(p.relative_to(root).parts)]
        why = "no file matches"
    else:
        raise SourceNotFound(text, "there is no such file or folder")
    if not found:
        raise SourceNotFound(text, why)
    return tuple(_local(p) for p in sorted(set(found)))


def _local(path: Path) -> Source:
    try:
        return Source(str(path), path.stat().st_size, path=path)
    except OSError as error:
        raise UnreadableSource(str(path), str(error), "Check its permissions") from error


def _is_data(parts: Iterable[str]) -> bool:
    return not any(part.startswith(("_", ".")) for part in parts)


def _split_glob(path: Path) -> tuple[Path, str]:
    """The longest folder without a wildcard, and the pattern below it."""
    parts = path.parts
    first = next(i for i, part in enumerate(parts) if _GLOB.search(part))
    return Path(*parts[:first]), "/".join(parts[first:])


def _with_folders(matches: Iterable[Path]) -> Iterable[Path]:
    """The files among the matches, and all files in the folders among them (`2026/11/*` means those hours' files)."""
    for match in matches:
        if match.is_file():
            yield match
        elif match.is_dir():
            yield from (p for p in match.rglob("*") if p.is_file())


def _find_objects(uri: str) -> tuple[Source, ...]:
    from obstore.exceptions import BaseError  # noqa: PLC0415
    from obstore.store import S3Store  # noqa: PLC0415

    bucket, _, key = uri.removeprefix(_SCHEME).partition("/")
    if not bucket:
        raise SourceNotFound(uri, "the URI names no bucket; expected s3://bucket/prefix")
    try:
        # Path-style addresses are what S3-compatible servers on a plain host name understand; AWS takes them too.
        store = S3Store(bucket, virtual_hosted_style_request=False, client_options={"allow_http": True})
        found = _list_objects(store, bucket, key)
    except (BaseError, FileNotFoundError) as error:
        raise UnreadableSource(uri, _first_line(error), "Check the bucket, the endpoint and the credentials") from error
    if not found:
        raise SourceNotFound(uri, "no object has this key or prefix")
    return found


def _list_objects(store: "S3Store", bucket: str, key: str) -> tuple[Source, ...]:
    from obstore import list as list_objects  # noqa: PLC0415

    wildcard = _GLOB.search(key)
    # The store lists whole path segments only, so an unfinished one (`2026/1`) is matched here, like S3 does.
    folder = (key[: wildcard.start()] if wildcard else key).rpartition("/")[0]
    matching = re.compile(translate(key)) if wildcard else None
    found = []
    for page in list_objects(store, prefix=folder or None):
        for meta in page:
            name = meta["path"]
            below = name.removeprefix(folder).lstrip("/").split("/")
            wanted = matching.match(name) is not None if matching else name.startswith(key)
            if name == key or (wanted and meta["size"] and _is_data(below)):
                found.append(Source(f"{_SCHEME}{bucket}/{name}", meta["size"], store=store, key=name))
    exact = [s for s in found if s.key == key]
    return tuple(exact or sorted(found, key=lambda s: s.key))


def _first_line(error: Exception) -> str:
    """What the store said; behind the first line it prints its own inner state."""
    return str(error).partition("\n")[0].rstrip(": ")
