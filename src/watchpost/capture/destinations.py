"""Where capture files go: a folder, an S3 bucket, or whoever puts objects."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from watchpost.errors import Misconfigured

if TYPE_CHECKING:
    from obstore.store import S3Store

_SCHEME = "s3://"


class Destination(Protocol):
    """Takes whole files. Called from one thread."""

    @property
    def name(self) -> str:
        """Its path or URI; what is spooled for it is found again by this."""

    def write(self, key: str, body: bytes) -> None:
        """Write a file whole or not at all. Raises: anything: the file is kept and tried again."""


class Folder:
    """Files below a folder. A file appears under its name only when it is whole and on disk."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()

    @property
    def name(self) -> str:
        """See Destination.name."""
        return str(self.path)

    def write(self, key: str, body: bytes) -> None:
        """See Destination.write. Raises: OSError."""
        write_whole(self.path / key, body)


def write_whole(path: Path, body: bytes) -> None:
    """Write a file under a hidden name beside its own, then give it its own. Raises: OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.writing")
    try:
        with fresh.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise


class S3Objects:
    """Objects below `s3://bucket/prefix`; endpoint, region and credentials from AWS's usual environment variables.

    A request that takes longer than `timeout_seconds` has failed. A process that was forked after its parent wrote
    cannot write (obstore's threads stay behind): what it captures is spooled.
    """

    def __init__(self, uri: str, *, timeout_seconds: float = 10.0) -> None:
        self._bucket, self._prefix = _split(uri)
        self._timeout = timeout_seconds
        self._store: S3Store | None = None
        self._opened_by = 0

    @property
    def name(self) -> str:
        """See Destination.name."""
        return f"{_SCHEME}{self._bucket}/{self._prefix}"

    def write(self, key: str, body: bytes) -> None:
        """See Destination.write. Raises: OSError, obstore's errors."""
        if self._store is None:
            self._store, self._opened_by = self._opened(), os.getpid()
        if self._opened_by != os.getpid():
            raise OSError("forked after its parent wrote to S3: fork before the first record")
        self._store.put(self._prefix + key, body)

    def _opened(self) -> "S3Store":
        # Loaded by the background thread, when there is something to write: it takes 30 ms.
        from obstore.store import S3Store  # noqa: PLC0415  see above

        return S3Store(
            self._bucket,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True, "timeout": f"{self._timeout}s", "connect_timeout": f"{self._timeout}s"},
            # The writer tries again itself, with the queue drained meanwhile.
            retry_config={"max_retries": 0},
        )


class PutObjects:
    """Objects below `s3://bucket/prefix`, put by a callable of (bucket, key, body)."""

    def __init__(self, uri: str, put: Callable[[str, str, bytes], object]) -> None:
        self._bucket, self._prefix = _split(uri)
        self._put = put

    @property
    def name(self) -> str:
        """See Destination.name."""
        return f"{_SCHEME}{self._bucket}/{self._prefix}"

    def write(self, key: str, body: bytes) -> None:
        """See Destination.write. Raises: what the callable raises."""
        self._put(self._bucket, self._prefix + key, body)


def destination_of(where: "str | Path | Destination") -> Destination:
    """A folder's path or an `s3://` URI as a destination. Raises: Misconfigured."""
    match where:
        case str() if where.startswith(_SCHEME):
            return S3Objects(where)
        case str() | Path():
            return Folder(where)
        case _:
            return where


def _split(uri: str) -> tuple[str, str]:
    """Bucket, and prefix ending with a slash or empty."""
    bucket, _, prefix = uri.removeprefix(_SCHEME).partition("/")
    if not uri.startswith(_SCHEME) or not bucket:
        raise Misconfigured("The capture destination", uri, "a folder, or s3://bucket/prefix")
    return bucket, f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
