"""Objects in an S3-compatible store elsewhere: `s3://bucket/key` is the object `prefix/bucket/key` of one bucket there.

Endpoint, region and keys come from AWS's usual environment variables. Kept there are the content, its type, the user's
metadata and the cache and content headers; not its tags, nor checksums. Keys that the client library cannot say as they
are (`a//b`, `a/../b`, `a/`, control characters) are refused.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PreconditionError
from obstore.store import S3Store

from watchpost.errors import Misconfigured, Refused
from watchpost.stores.objects.names import path_of
from watchpost.stores.objects.objects import (
    ANYTHING,
    DEFAULT_CONTENT_TYPE,
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

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta, PutMode

_BUCKETS = ".buckets"
_PAGE = 1000
_PIECE = 4 << 20
# Our words for the headers that the library keeps, and its.
_HEADERS = {
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
}
_LAST = "\U0010ffff"


class RemoteObjects:
    """A store in a bucket of another S3, which several servers may share; see `Objects`."""

    def __init__(self, uri: str) -> None:
        """Raises: Misconfigured: the URI is none, or the store does not answer."""
        bucket, prefix = bucket_and_key(uri)
        self._uri, self._prefix = f"s3://{bucket}", f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        try:
            # Path-style addresses are what S3-compatible servers on a plain host name understand; AWS takes them too.
            self._store = S3Store(bucket, virtual_hosted_style_request=False, client_options={"allow_http": True})
            next(iter(obstore.list(self._store, self._prefix or None, chunk_size=1)), None)
        except (BaseError, FileNotFoundError) as problem:
            raise Misconfigured("The store of objects", uri, f"one that answers ({_first_line(problem)})") from problem

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
        path = self._path(bucket, key)
        about = replace(
            about,
            content_type=about.content_type if content_type is None else content_type,
            metadata=about.metadata if metadata is None else metadata,
        )
        self._need(bucket)
        mode: PutMode = "overwrite"
        if condition.absent:
            mode = "create"
        elif condition.etag is not None:
            there = self.head(bucket, key)
            condition.check(there)
            mode = "overwrite" if there is None else {"e_tag": f'"{there.etag}"'}
        with _told():
            try:
                # A conditional write goes in one request; what is larger than one can carry then fails by name.
                obstore.put(
                    self._store,
                    path,
                    body,
                    attributes=_attributes(about),
                    mode=mode,
                    use_multipart=False if mode != "overwrite" else None,
                    chunk_size=16 << 20,
                    max_concurrency=4,
                )
            except (AlreadyExistsError, PreconditionError):
                told = "At least one of the pre-conditions you specified did not hold"
                raise Refused("PreconditionFailed", told) from None
        found = self.head(bucket, key)
        if found is None:
            raise no_such_key()
        return found

    def get(self, bucket: str, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """See `Objects.get`."""
        return b"".join(self.open(bucket, key).read(start or 0, end))

    def open(self, bucket: str, key: str) -> "RemoteObject":
        """See `Objects.open`."""
        info = self.head(bucket, key)
        if info is None:
            self._need(bucket)
            raise no_such_key()
        return RemoteObject(self._store, self._path(bucket, key), info)

    def head(self, bucket: str, key: str) -> ObjectInfo | None:
        """See `Objects.head`."""
        path = self._path(bucket, key)
        with _told():
            try:
                found = obstore.get(self._store, path, options={"head": True})
            except (FileNotFoundError, NotFoundError):
                return None
            return _info(key, found.meta, _about(dict(found.attributes)))

    def walk(self, bucket: str, prefix: str = "", after: str = "") -> "RemoteWalk":
        """See `Objects.walk`."""
        self._need(bucket)
        return RemoteWalk(self._store, f"{self._prefix}{bucket}/", prefix, after)

    def list(self, bucket: str, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[ObjectInfo]:
        """See `Objects.list`."""
        return list(islice(self.walk(bucket, prefix, after), limit))

    def delete(self, bucket: str, key: str, condition: Condition = ANYTHING) -> bool:
        """See `Objects.delete`."""
        there = self.head(bucket, key)
        condition.check(there)
        if there is None:
            self._need(bucket)
            return False
        with _told():
            obstore.delete(self._store, self._path(bucket, key))
        return True

    def copy(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        about: About | None = None,
        condition: Condition = ANYTHING,
    ) -> ObjectInfo:
        """See `Objects.copy`."""
        opened = self.open(*source)
        if condition is ANYTHING and (about is None or about == opened.info.about):
            self._need(target[0])
            with _told():
                obstore.copy(self._store, self._path(*source), self._path(*target))
            found = self.head(*target)
            if found is None:
                raise no_such_key()
            return found
        # The library cannot read from one store while it writes to another: the content waits in a file.
        with NamedTemporaryFile() as waiting:
            for piece in opened.read():
                waiting.write(piece)
            waiting.flush()
            said = about or opened.info.about.whole()
            return self.put(*target, Path(waiting.name), about=said, condition=condition)

    def describe(self, bucket: str, key: str, about: About) -> ObjectInfo:
        """See `Objects.describe`: the object is written anew, for S3 changes nothing in place."""
        return self.copy((bucket, key), (bucket, key), about)

    # --- buckets ---

    def buckets(self) -> Sequence[BucketInfo]:
        """See `Objects.buckets`."""
        with _told():
            marks = [m for page in obstore.list(self._store, f"{self._prefix}{_BUCKETS}") for m in page]
        return sorted(
            (BucketInfo(mark["path"].rpartition("/")[2], mark["last_modified"].astimezone(UTC)) for mark in marks),
            key=lambda bucket: bucket.name,
        )

    def bucket(self, name: str) -> BucketInfo | None:
        """See `Objects.bucket`."""
        try:
            mark = f"{self._prefix}{_BUCKETS}/{check_bucket(name)}"
        except Refused:
            return None
        with _told():
            try:
                return BucketInfo(name, obstore.head(self._store, mark)["last_modified"].astimezone(UTC))
            except (FileNotFoundError, NotFoundError):
                return None

    def create_bucket(self, name: str) -> bool:
        """See `Objects.create_bucket`."""
        if self.bucket(check_bucket(name)) is not None:
            return False
        with _told():
            obstore.put(self._store, f"{self._prefix}{_BUCKETS}/{name}", b"")
        return True

    def delete_bucket(self, name: str) -> None:
        """See `Objects.delete_bucket`."""
        if self.list(name, limit=1):
            raise Refused("BucketNotEmpty", "The bucket you tried to delete is not empty")
        with _told():
            obstore.delete(self._store, f"{self._prefix}{_BUCKETS}/{name}")

    # --- the engine's way in ---

    def local_path(self, uri: str) -> Path | None:
        """See `Objects.local_path`: None, for nothing of this store is on this machine."""
        bucket_and_key(uri)
        return None

    def location(self, uri: str) -> str:
        """See `Objects.location`."""
        bucket, key = bucket_and_key(uri)
        return f"{self._uri}/{self._prefix}{bucket}/{key}"

    # --- inside ---

    def _path(self, bucket: str, key: str) -> str:
        if "%=" in "".join(name[:2] for name in path_of(check_key(key))):
            told = "This key cannot be kept in a remote store: its segments must be neither empty nor '.' nor '..'."
            raise Refused("InvalidArgument", told)
        return f"{self._prefix}{check_bucket(bucket)}/{key}"

    def _need(self, bucket: str) -> None:
        if self.bucket(bucket) is None:
            check_bucket(bucket)
            raise no_such_bucket()


class RemoteObject:
    """See `OpenObject`."""

    def __init__(self, store: S3Store, path: str, info: ObjectInfo) -> None:
        self._store, self._path, self.info = store, path, info

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See `OpenObject.read`."""
        end = self.info.size if end is None else min(end, self.info.size)
        if start >= end:
            return
        options: GetOptions = {"range": (start, end), "if_match": f'"{self.info.etag}"'}
        with _told():
            yield from map(bytes, obstore.get(self._store, self._path, options=options).stream(_PIECE))

    def close(self) -> None:
        """See `OpenObject.close`; nothing is held."""


class RemoteWalk:
    """See `Walk`."""

    def __init__(self, store: S3Store, base: str, prefix: str, after: str) -> None:
        self._store, self._base, self._prefix, self._after = store, base, prefix, after

    def __iter__(self) -> Iterator[ObjectInfo]:
        """See `Walk.__iter__`."""
        # The library lists whole path segments only; an unfinished one is matched here.
        folder = f"{self._base}{self._prefix}".rpartition("/")[0]
        going = True
        while going:
            going, begun = False, self._after
            with _told():
                offset = f"{self._base}{begun}" if begun else None
                for page in obstore.list(self._store, folder, offset=offset, chunk_size=_PAGE):
                    for meta in page:
                        key = meta["path"].removeprefix(self._base)
                        if key <= self._after:
                            continue
                        if not key.startswith(self._prefix):
                            if key > self._prefix:
                                return
                            continue
                        self._after = key
                        yield _info(key, meta, NOTHING)
                        if self._after.endswith(_LAST):
                            # Somebody skipped: what lies between need not be listed.
                            going = True
                            break
                    if going:
                        break

    def skip(self, after: str) -> None:
        """See `Walk.skip`."""
        self._after = max(self._after, after)


def _info(key: str, meta: "ObjectMeta", about: About) -> ObjectInfo:
    etag = (meta["e_tag"] or "").strip('"')
    return ObjectInfo(key, meta["size"], etag, meta["last_modified"].astimezone(UTC), about)


def _attributes(about: About) -> dict[str, str]:
    if about.tags:
        raise _no_tags()
    ours = {_HEADERS[name]: value for name, value in about.headers.items() if name in _HEADERS}
    return {"Content-Type": about.content_type, **ours, **about.metadata}


def _about(attributes: dict[str, str]) -> About:
    kept = {ours: attributes.pop(theirs) for ours, theirs in _HEADERS.items() if theirs in attributes}
    content_type = attributes.pop("Content-Type", DEFAULT_CONTENT_TYPE)
    attributes.pop("Storage-Class", None)
    return About(content_type, {name.lower(): value for name, value in attributes.items()}, kept)


def _no_tags() -> Refused:
    return Refused("NotImplemented", "Objects in a remote store have no tags here.")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What goes wrong with the other store, in S3's words."""
    try:
        yield
    except (BaseError, OSError) as problem:
        raise Refused(
            "ServiceUnavailable", f"The store of objects does not answer: {_first_line(problem)}"
        ) from problem


def _first_line(problem: Exception) -> str:
    return str(problem).partition("\n")[0].rstrip(": ")
