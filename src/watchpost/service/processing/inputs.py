"""A job's inputs, laid out below its root as a container would see them."""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from watchpost.data.manifests import parse_manifest
from watchpost.errors import Refused
from watchpost.service.execution.spec import local
from watchpost.stores.objects.objects import ObjectInfo, Objects, bucket_and_key

OTHERS = re.compile(r"(?:[0-5][0-9]|revisions)/")
"""Below an hour's report: those of times within the hour, by their minute, and of earlier revisions."""

_HOUR = re.compile(r"(?:^|/)(\d{4})/(\d\d)/(\d\d)/(\d\d)/")


class _S3Input(msgspec.Struct, rename="pascal"):
    s3_uri: str
    local_path: str = "/opt/ml/processing/input"
    s3_data_type: str = "S3Prefix"


class ProcessingInput(msgspec.Struct, rename="pascal"):
    """`ProcessingInput` of the API."""

    input_name: str
    s3_input: _S3Input | None = None
    dataset_definition: object | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """What was laid out: URIs by container path, and how many files each input brought, by name."""

    uris: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)


def inputs_of(given: object) -> list[ProcessingInput]:
    """The inputs of a request. Raises: Refused: ValidationException for what is not supported."""
    found = msgspec.convert(given or [], list[ProcessingInput])
    for each in found:
        if each.s3_input is None:
            why = "DatasetDefinition is not supported" if each.dataset_definition is not None else "S3Input is missing"
            raise Refused("ValidationException", f"ProcessingInput {each.input_name}: {why}.")
    return found


def stage(objects: Objects, root: Path, inputs: Sequence[ProcessingInput], since: Mapping[str, datetime]) -> Staged:
    """Lay out the inputs; files of this machine are linked, others copied.

    since: by an input's name, the hour before which its hour folders are left out.
    Raises: Refused, OSError, ValueError.
    """
    uris: dict[str, str] = {}
    counts: dict[str, int] = {}
    for each in inputs:
        assert each.s3_input is not None
        place, uri = each.s3_input.local_path.rstrip("/"), each.s3_input.s3_uri
        # An input without an object is an empty folder to a container too.
        local(root, place).mkdir(parents=True, exist_ok=True)
        counts[each.input_name] = 0
        if each.s3_input.s3_data_type == "ManifestFile":
            bucket, key = bucket_and_key(uri)
            listed = [(one, one.rpartition("/")[2]) for one in parse_manifest(objects.get(bucket, key), uri)]
        else:
            listed = list(found_at(objects, uri, since.get(each.input_name)))
            uris[place] = uri if len(listed) != 1 or listed[0][0] != uri else uri.rpartition("/")[0]
        for one, name in listed:
            path = local(root, f"{place}/{name}")
            if path.exists():
                continue  # an earlier input brought a file of that name
            bring(objects, one, path)
            if each.s3_input.s3_data_type == "ManifestFile":
                uris[f"{place}/{name}"] = one
            counts[each.input_name] += 1
    return Staged(uris, counts)


def found_at(objects: Objects, uri: str, since: datetime | None = None) -> Iterator[tuple[str, str]]:
    """The objects a URI means: (URI, name below the input's folder). The object itself, else what lies below it."""
    bucket, key = bucket_and_key(uri)
    if objects.bucket(bucket) is None:
        return
    if key and not key.endswith("/"):
        if objects.head(bucket, key) is not None:
            yield uri, key.rpartition("/")[2]
            return
        key += "/"
    for info in objects.walk(bucket, key):
        name = info.key.removeprefix(key)
        if info.size and not name.endswith("/") and not _is_older(name, since) and not _is_hidden(name):
            yield f"s3://{bucket}/{info.key}", name


def bring(objects: Objects, uri: str, path: Path) -> None:
    """Make an object a file at a path: a link where it is a file of this machine. Raises: Refused, OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    there = objects.local_path(uri)
    if there is not None and there.is_file():
        path.symlink_to(there.resolve())
        return
    bucket, key = bucket_and_key(uri)
    with path.open("wb") as copy:
        for piece in objects.open(bucket, key).read():
            copy.write(piece)


def upload(objects: Objects, folder: Path, uri: str, *, replacing: bool) -> list[str]:
    """Put every file below a folder to a prefix; their URIs. replacing: the report that lay there is removed."""
    bucket, prefix = bucket_and_key(uri)
    prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    objects.create_bucket(bucket)
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    keys = [prefix + path.relative_to(folder).as_posix() for path in files]
    for path, key in zip(files, keys, strict=True):
        objects.put(bucket, key, path, content_type=_TYPES.get(path.suffix))
    if replacing:
        for stale in _listed(objects, bucket, prefix):
            if stale.key not in keys and not OTHERS.match(stale.key.removeprefix(prefix)):
                objects.delete(bucket, stale.key)
    return [f"s3://{bucket}/{key}" for key in keys]


def clear(root: Path) -> None:
    """Remove a job's folder; what it linked to stays."""
    shutil.rmtree(root, ignore_errors=True)


_TYPES = {".json": "application/json", ".jsonl": "application/jsonlines", ".html": "text/html", ".csv": "text/csv"}


def _listed(objects: Objects, bucket: str, prefix: str) -> list[ObjectInfo]:
    return list(objects.walk(bucket, prefix))


def _is_older(name: str, since: datetime | None) -> bool:
    hour = _HOUR.search(f"/{name}") if since is not None else None
    if hour is None or since is None:
        return False
    return datetime(*(int(part) for part in hour.groups()), tzinfo=UTC) < since.replace(  # type: ignore[arg-type, misc]  # four ints
        minute=0, second=0, microsecond=0
    )


def _is_hidden(name: str) -> bool:
    """Names that begin with `_` or `.` (Spark's `_SUCCESS`) are no data, as everywhere in the engine."""
    return any(part.startswith(("_", ".")) for part in name.split("/"))
