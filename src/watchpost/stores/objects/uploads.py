"""Uploads in parts: kept as files until they are completed to an object, or aborted.

Each upload is a folder: `upload.json`, and for each part a file `number-etag`. They are local whatever the objects'
store is, so all parts of one upload go to one server.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import md5
from pathlib import Path

import msgspec

from watchpost.errors import Refused
from watchpost.stores.objects import files
from watchpost.stores.objects.objects import (
    ANYTHING,
    NOTHING,
    About,
    Body,
    Condition,
    ObjectInfo,
    Objects,
    check_bucket,
    check_key,
    no_such_bucket,
)

SMALLEST_PART = 5 * 1024 * 1024
"""Bytes; the last part may be smaller. Source: S3 User Guide, "Amazon S3 multipart upload limits"."""

MOST_PARTS = 10_000
_STATE = "upload.json"


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that is under way. `algorithm` is the checksum its parts have, None if they need none.

    `whole_checksum` tells whether the object's checksum is to be of its whole content instead of its parts' checksums.
    """

    id: str
    bucket: str
    key: str
    initiated: datetime
    about: About = NOTHING
    algorithm: str | None = None
    whole_checksum: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is there. `checksums` are base64 by the algorithm's name."""

    number: int
    size: int
    etag: str
    modified: datetime
    checksums: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None


class Uploads:
    """The uploads of one server, in a folder of their own."""

    def __init__(self, folder: Path, objects: Objects) -> None:
        self._folder, self._objects = folder, objects
        (folder / "writing").mkdir(parents=True, exist_ok=True)

    def create(self, upload: Upload) -> None:
        """Begin an upload. Raises: Refused: there is no such bucket."""
        check_key(upload.key)
        if self._objects.bucket(check_bucket(upload.bucket)) is None:
            raise no_such_bucket()
        with files.told():
            folder = self._folder / "parts" / upload.id
            folder.mkdir(parents=True)
            self._write(folder / _STATE, [msgspec.json.encode(upload)])
            files.sync_folder(folder.parent)

    def find(self, bucket: str, key: str, upload_id: str) -> Upload:
        """An upload under way. Raises: Refused: NoSuchUpload."""
        # An id goes into a path: only what we gave out ourselves may.
        if upload_id.replace("-", "").isalnum():
            upload = self._read(self._folder / "parts" / upload_id)
            if upload is not None and (upload.bucket, upload.key) == (bucket, key):
                return upload
        told = (
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
            "completed."
        )
        raise Refused("NoSuchUpload", told)

    def under_way(self, bucket: str, prefix: str = "") -> Sequence[Upload]:
        """The uploads of a bucket, by key and then by when they were initiated."""
        folders = (self._folder / "parts").iterdir() if (self._folder / "parts").is_dir() else ()
        found = [upload for upload in map(self._read, folders) if upload is not None]
        mine = [upload for upload in found if upload.bucket == bucket and upload.key.startswith(prefix)]
        return sorted(mine, key=lambda upload: (upload.key, upload.initiated, upload.id))

    def put(self, upload: Upload, number: int, body: Body, checksums: Mapping[str, str], now: datetime) -> Part:
        """Keep a part, replacing one of that number. Raises: Refused: NoSuchUpload: it ended meanwhile."""
        folder = self._folder / "parts" / upload.id
        with files.told():
            try:
                etag, size = self._write_part(folder, number, body)
            except FileNotFoundError:
                raise _ended() from None
            part = Part(number, size, etag, now, checksums)
            self._write(folder / f"{number:05}-{etag}.json", [msgspec.json.encode(part)])
            for other in folder.glob(f"{number:05}-*"):
                if not other.name.startswith(f"{number:05}-{etag}"):
                    other.unlink(missing_ok=True)
        return part

    def tell(self, upload: Upload, part: Part, checksums: Mapping[str, str]) -> Part:
        """Note the checksums of a part that was put without them."""
        said = replace(part, checksums=checksums)
        path = self._folder / "parts" / upload.id / f"{part.number:05}-{part.etag}.json"
        with files.told():
            self._write(path, [msgspec.json.encode(said)])
        return said

    def parts(self, upload: Upload) -> Sequence[Part]:
        """The parts that are there, by number."""
        return sorted(self._parts(self._folder / "parts" / upload.id), key=lambda part: part.number)

    def complete(
        self, upload: Upload, chosen: Sequence[Part], checksums: Mapping[str, str], condition: Condition = ANYTHING
    ) -> ObjectInfo:
        """Make an object of these parts of the upload, one behind the other, and end the upload.

        Args: chosen: of `parts`, by rising number, at least one. checksums: of the object.
        Raises: Refused: PreconditionFailed; NoSuchUpload: it ended meanwhile.
        """
        digest = md5(b"".join(bytes.fromhex(part.etag) for part in chosen), usedforsecurity=False).hexdigest()
        about = replace(
            upload.about,
            etag=f"{digest}-{len(chosen)}",
            checksums=checksums,
            part_sizes=tuple(part.size for part in chosen),
        )
        info = self._objects.put(upload.bucket, upload.key, self.content(chosen), about=about, condition=condition)
        self.abort(upload)
        return info

    def content(self, chosen: Sequence[Part]) -> Iterator[bytes | memoryview]:
        """The content of parts, one behind the other, in pieces."""
        for part in chosen:
            if part.path is not None:
                yield from files.pieces(part.path)

    def abort(self, upload: Upload) -> None:
        """End an upload and forget its parts."""
        with files.told():
            self._remove(upload)

    def expire(self, before: datetime) -> int:
        """Abort the uploads that were initiated before an instant; how many there were."""
        folders = list((self._folder / "parts").iterdir()) if (self._folder / "parts").is_dir() else []
        old = [upload for upload in map(self._read, folders) if upload is not None and upload.initiated < before]
        for upload in old:
            self.abort(upload)
        return len(old)

    def _write_part(self, folder: Path, number: int, body: Body) -> tuple[str, int]:
        with files.fresh(self._folder / "writing") as file:
            etag = files.write(file, files.pieces(body))
            size = file.tell()
            Path(file.name).replace(folder / f"{number:05}-{etag}")
        return etag, size

    def _write(self, path: Path, content: Sequence[bytes]) -> None:
        with files.fresh(self._folder / "writing") as file:
            files.write_plain(file, content)
            Path(file.name).replace(path)
        files.sync_folder(path.parent)

    def _read(self, folder: Path) -> Upload | None:
        try:
            return msgspec.json.decode((folder / _STATE).read_bytes(), type=Upload)
        except (OSError, msgspec.MsgspecError):
            return None

    def _parts(self, folder: Path) -> Iterator[Part]:
        for path in folder.glob("*-*.json"):
            try:
                part = msgspec.json.decode(path.read_bytes(), type=Part)
            except (OSError, msgspec.MsgspecError):
                continue
            yield replace(part, path=path.with_suffix(""))

    def _remove(self, upload: Upload) -> None:
        shutil.rmtree(self._folder / "parts" / upload.id, ignore_errors=True)


def _ended() -> Refused:
    return Refused("NoSuchUpload", "The upload was aborted or completed meanwhile.")
