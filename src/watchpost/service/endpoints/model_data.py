"""Model data: what `s3://bucket/key` of a model means, as a file or folder that a runner's process can read."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from watchpost.stores.objects.objects import ObjectInfo, Objects

_PIECE = 16 * 1024 * 1024


class ModelData:
    """Fetches model data. `folder`: where those of a remote store are kept."""

    def __init__(self, objects: Objects, folder: Path) -> None:
        self._objects, self._folder = objects, folder

    def fetch(self, uri: str) -> Path:
        """The file, or for a prefix the folder. Raises: FileNotFoundError: there is nothing; ValueError: no s3:// URI.

        Also what the store raises. Of a remote store each version is fetched once.
        """
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not bucket or not key:
            raise ValueError(f"model data are read from s3://bucket/key, not from {uri!r}")
        local = self._objects.local_path(uri)
        if local is not None:
            if not local.exists():
                raise FileNotFoundError(f"Could not find model data at {uri}.")
            return local
        one = self._objects.head(bucket, key)
        if one is not None:
            return self._fetched(bucket, one, self._folder / _name(uri, [one]) / "model")
        prefix = f"{key.rstrip('/')}/"
        found = self._objects.list(bucket, prefix=prefix)
        if not found:
            raise FileNotFoundError(f"Could not find model data at {uri}.")
        folder = self._folder / _name(uri, found)
        for info in found:
            path = (folder / info.key.removeprefix(prefix)).resolve()
            # A key may hold `..`: what would lie outside is not of this model.
            if path.is_relative_to(folder.resolve()) and not info.key.endswith("/"):
                self._fetched(bucket, info, path)
        return folder

    def _fetched(self, bucket: str, info: ObjectInfo, path: Path) -> Path:
        if path.exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        with part.open("wb") as file:
            for start in range(0, info.size, _PIECE):
                file.write(self._objects.get(bucket, info.key, start, min(start + _PIECE, info.size)))
        part.replace(path)
        return path


def _name(uri: str, found: Sequence[ObjectInfo]) -> str:
    return sha256("\n".join([uri, *(f"{info.key} {info.etag}" for info in found)]).encode()).hexdigest()[:32]
