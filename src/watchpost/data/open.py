"""From what a person gives (a path, a glob, a URI, a table) to a Dataset of the right format."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec

from watchpost.data.capture import CaptureFiles
from watchpost.data.csv import CsvFiles
from watchpost.data.dataset import Dataset
from watchpost.data.frames import Frame
from watchpost.data.ground_truth import GroundTruthFiles
from watchpost.data.jsonl import JsonDocuments, JsonLines
from watchpost.data.parquet import ParquetFiles
from watchpost.data.sources import Source, find_sources
from watchpost.errors import UnknownFormat, UnreadableSource

Format = Literal["csv", "jsonl", "json", "parquet", "capture", "ground-truth"]
FORMATS: tuple[str, ...] = get_args(Format)
"""The formats that can be given by name."""

_HEAD = 1 << 20  # bytes looked at: a capture line may hold a whole image in base64
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_CAPTURE = re.compile(rb'^[ \t]*\{[^\n]*?"captureData"[ \t]*:', re.MULTILINE)
_GROUND_TRUTH = re.compile(rb'^[ \t]*\{[^\n]*?"groundTruthData"[ \t]*:', re.MULTILINE)
_OBJECT = re.compile(rb'\{\s*["}]')
_ARRAY_OF_OBJECTS = re.compile(rb"\[\s*[{\]]")
_PARQUET_MAGIC = b"PAR1"
_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")


def open_dataset(
    source: object,
    *,
    format: str | None = None,
    header: bool = True,
    delimiter: str | None = None,
    names: Sequence[str] | None = None,
) -> Dataset:
    """A Dataset of a location or of a table in memory; nothing but the beginnings of files is read yet.

    source: what find_sources takes, or a table that Frame takes. format: one of FORMATS; without it, each file's first
    bytes decide, and its suffix only where they leave a choice. header: whether CSV files name their columns in the
    first line. delimiter: of CSV files; without it, a tab for files named .tsv and a comma for all others.
    names: the columns of CSV without a header, and of captured CSV, by position.
    Raises: SourceNotFound, UnreadableSource; UnknownFormat when files of several formats lie together.
    """
    if not isinstance(source, str | Path):
        return Frame(source)
    if format is not None and format not in FORMATS:
        raise UnknownFormat(str(source), f"there is no format {format!r}", FORMATS)
    sources = find_sources(source)
    return _of_format(format or infer_format(sources), sources, header, delimiter, names)


def _of_format(
    form: str, sources: Sequence[Source], header: bool, delimiter: str | None, names: Sequence[str] | None
) -> Dataset:
    match form:
        case "parquet":
            return ParquetFiles(sources)
        case "capture":
            return CaptureFiles(sources, names=names)
        case "ground-truth":
            return GroundTruthFiles(sources)
        case "jsonl":
            return JsonLines(sources)
        case "json":
            return JsonDocuments(sources)
        case _:
            usual = "\t" if all(s.suffix == ".tsv" for s in sources) else ","
            return CsvFiles(sources, header=header, names=names, delimiter=delimiter or usual)


def infer_format(sources: Sequence[Source]) -> Format:
    """The one format of all sources, by their content. Raises: UnknownFormat, UnreadableSource."""
    seen: dict[Format, Source] = {}
    for source in sources:
        found = _format_of(source)
        if found is not None:
            seen.setdefault(found, source)
    if len(seen) > 1:
        (one, first), (other, second) = list(seen.items())[:2]
        raise UnknownFormat(first.name, f"it is {one}, but {second.name!r} beside it is {other}", FORMATS)
    if seen:
        return next(iter(seen))
    # Only empty files: no row will come of them, whatever their format.
    return next((_SUFFIXES[s.suffix] for s in sources if s.suffix in _SUFFIXES), "csv")


def _format_of(source: Source) -> Format | None:
    """The format of one file; None for an empty one."""
    head = source.head(_HEAD)
    if head.startswith(_PARQUET_MAGIC):
        return "parquet"
    text = head.removeprefix(_BOM).lstrip()
    if not text:
        return None
    named = _SUFFIXES.get(source.suffix)
    if _OBJECT.match(text):
        return _format_of_object(text)
    if _ARRAY_OF_OBJECTS.match(text):
        return "json"
    if head.startswith(_WIDE_BOMS):
        raise UnreadableSource(source.name, "it is UTF-16 text", "Save it as UTF-8")
    if b"\0" in text[:4096]:
        raise UnknownFormat(
            source.name, "it holds zero bytes and is no Parquet, so it is neither table nor text", FORMATS
        )
    if named in (None, "csv", "parquet") or not _may_be_json(text):
        return "csv"
    return named


def _format_of_object(text: bytes) -> Format:
    if _CAPTURE.match(text):
        return "capture"
    if _GROUND_TRUTH.match(text):
        return "ground-truth"
    line, newline, rest = text.partition(b"\n")
    if newline and not _is_json(line):
        # An object that goes on over several lines is a document. A broken first line is not, when the next is whole.
        return "jsonl" if _is_json(rest.partition(b"\n")[0]) else "json"
    return "jsonl"


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _may_be_json(text: bytes) -> bool:
    """Whether any of the first lines is a JSON object: then a broken beginning does not make a JSON file CSV."""
    return any(_is_json(line) for line in text.split(b"\n")[:10])
