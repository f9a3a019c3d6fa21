"""The records a processing job reads: files below its root, under the names of the objects they are."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from watchpost.data.capture import CaptureFiles
from watchpost.data.capture_window import within
from watchpost.data.csv import CsvFiles
from watchpost.data.dataset import Dataset
from watchpost.data.ground_truth import GroundTruthFiles
from watchpost.data.jsonl import JsonDocuments, JsonLines
from watchpost.data.open import infer_format
from watchpost.data.parquet import ParquetFiles
from watchpost.data.sources import Source
from watchpost.errors import InputError
from watchpost.service.execution.spec import Spec, local


class _Csv(msgspec.Struct):
    header: bool = True


class _Json(msgspec.Struct):
    lines: bool | None = None
    line: bool | None = None

    @property
    def by_line(self) -> bool | None:
        """Whether every line is a record; None where it is not said."""
        return self.lines if self.lines is not None else self.line


class Format(msgspec.Struct, rename={"capture": "sagemakerCaptureJson", "merged": "sagemakerMergeJson"}):
    """`dataset_format` (contract 10.2); one of them is given."""

    csv: _Csv | None = None
    json: _Json | None = None
    parquet: dict[str, object] | None = None
    capture: dict[str, object] | None = None
    merged: dict[str, object] | None = None

    @property
    def captured(self) -> bool:
        """Whether the files are capture files, merged with labels or not."""
        return self.capture is not None or self.merged is not None


def format_of(text: str | None) -> Format | None:
    """The variable's value. Raises: InputError."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=Format)
    except msgspec.MsgspecError as fault:
        raise InputError(f"dataset_format {text!r} is not understood: {fault}.") from fault


def sources(root: Path, spec: Spec, folder: str) -> tuple[Source, ...]:
    """The files below a container's folder, by path, named after the objects they are."""
    top = local(root, folder)
    paths = [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file())
    return tuple(Source(name_of_file(root, spec, path), path.stat().st_size, path=path) for path in paths)


def name_of_file(root: Path, spec: Spec, path: Path) -> str:
    """What a file below the root is called outside: the URI of its object, else its path in a container."""
    inside = f"/{path.relative_to(root).as_posix()}"
    found = max(
        (place for place in spec.uris if inside == place or inside.startswith(f"{place}/")), key=len, default=None
    )
    return inside if found is None else spec.uris[found].rstrip("/") + inside.removeprefix(found)


def in_window(root: Path, files: Sequence[Source], start: datetime, end: datetime) -> tuple[Source, ...]:
    """Copies of capture files that hold the records of [start, end) alone; files without one are left out."""
    folder = root / "window"
    folder.mkdir(exist_ok=True)
    kept: list[Source] = []
    for number, source in enumerate(files):
        path = folder / f"{number}.jsonl"
        with source.open() as stream, path.open("wb") as copy:
            copy.writelines(within(stream, start, end))
        size = path.stat().st_size
        if size:
            kept.append(Source(source.name, size, path=path))
    return tuple(kept)


def opened(files: Sequence[Source], form: Format | None, names: Sequence[str]) -> Dataset:
    """The files as a table. form: None looks at the content. names: for columns that have none, by position."""
    if form is None or (form.json is not None and form.json.by_line is None):
        return _inferred(files, names)
    if form.captured:
        return CaptureFiles(files, names=names)
    if form.parquet is not None:
        return ParquetFiles(files)
    if form.json is not None:
        return JsonLines(files) if form.json.by_line else JsonDocuments(files)
    header = form.csv.header if form.csv is not None else True
    return CsvFiles(files, header=header, names=None if header else names, delimiter=",")


def _inferred(files: Sequence[Source], names: Sequence[str]) -> Dataset:
    match infer_format(files):
        case "parquet":
            return ParquetFiles(files)
        case "capture":
            return CaptureFiles(files, names=names)
        case "ground-truth":
            return GroundTruthFiles(files)
        case "jsonl":
            return JsonLines(files)
        case "json":
            return JsonDocuments(files)
        case _:
            return CsvFiles(files, header=True, names=None, delimiter=",")
