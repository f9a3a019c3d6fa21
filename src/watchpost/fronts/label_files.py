"""Tables of labels as ground truth JSON lines (contract 6.1).

Ids and labels are taken as the text that stands in the file: an id `007` must not become the number 7, or the label
would belong to nothing. That is why the engine's readers, which type their columns, are not used here.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from watchpost.data.cells import as_text
from watchpost.data.open import infer_format
from watchpost.data.records import RecordError, decode_json
from watchpost.data.sources import READ_ERRORS, Source, find_sources
from watchpost.errors import InputError, UnknownFormat, UnreadableSource

ID_NAMES = ("event_id", "inference_id", "eventid", "inferenceid", "id", "request_id")
"""What a column of ids is called when nobody says, without regard to case."""

LABEL_NAMES = ("label", "ground_truth", "groundtruth", "ground_truth_label", "actual", "target", "y")
"""What a column of labels is called when nobody says, without regard to case."""

_FORMATS = ("csv", "jsonl", "json", "parquet", "ground-truth")
_Row = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Which columns hold the ids and the labels, where that was said; header: whether CSV files name their columns."""

    id: str | None = None
    label: str | None = None
    header: bool = True
    form: str | None = None


def label_records(locations: Iterable[str], columns: LabelColumns) -> Iterator[bytes]:
    """Every label of the files, as a line of ground truth, in the order of the files.

    Args: locations: files, folders, globs or s3:// URIs of CSV, JSON lines, JSON, Parquet, or of ground truth itself,
    whose lines are passed on as they are.
    Raises: InputError, by file and record: one that cannot be read, has no id or no label. Nothing is passed over.
    """
    for location in locations:
        for source in find_sources(location):
            form = columns.form or infer_format([source])
            if form not in _FORMATS:
                raise UnknownFormat(source.name, f"labels do not come as {form}", _FORMATS)
            try:
                yield from _ground_truth(source) if form == "ground-truth" else _table(source, form, columns)
            except READ_ERRORS as error:
                raise UnreadableSource(source.name, str(error), "The file is cut off or damaged") from error


def ground_truth_line(event: str, label: str) -> bytes:
    """One label as a line of a ground truth file.

    >>> ground_truth_line("42", "1")
    b'{"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{"eventId":"42"},"eventVersion":"0"}\\n'
    """
    return (
        msgspec.json.encode(
            {
                "groundTruthData": {"data": _cell(label), "encoding": "CSV"},
                "eventMetadata": {"eventId": event},
                "eventVersion": "0",
            }
        )
        + b"\n"
    )


def _cell(label: str) -> str:
    """The label as the one cell of a CSV record."""
    if not any(character in label for character in ',"\r\n'):
        return label
    doubled = label.replace('"', '""')
    return f'"{doubled}"'


def _table(source: Source, form: str, columns: LabelColumns) -> Iterator[bytes]:
    rows = {"csv": _csv, "jsonl": _jsonl, "json": _json, "parquet": _parquet}[form](source, columns)
    names: tuple[str, str] | None = None
    for place, row in rows:
        if names is None or names[0] not in row or names[1] not in row:
            names = _chosen(source, place, tuple(row), columns)
        event, label = row[names[0]], row[names[1]]
        if not event or label is None or label == "":
            what = f"no id in {names[0]!r}" if not event else f"no label in {names[1]!r}"
            raise InputError(f"{source.name}, {place}: {what}. Take the record out, or give it one.")
        yield ground_truth_line(event, label)


def _chosen(source: Source, place: str, names: tuple[str, ...], columns: LabelColumns) -> tuple[str, str]:
    """The columns of ids and of labels. Raises: InputError: they cannot be told."""
    found: list[str | None] = []
    for asked, usual, option in ((columns.id, ID_NAMES, "--id"), (columns.label, LABEL_NAMES, "--label")):
        if asked is not None and asked not in names:
            raise InputError(f"{source.name}, {place}: no column {asked!r}; there are: {', '.join(names)}.")
        lower = {name.lower(): name for name in reversed(names)}
        name = asked or next((lower[word] for word in usual if word in lower), None)
        # Of two columns the other one can only be the other thing; files without a header have the id first.
        if name is None and len(names) == 2 and option == "--label" and found[0] is not None:
            name = next(other for other in names if other != found[0])
        found.append(name)
    if found[0] is None or found[1] is None:
        missing = "ids; give --id" if found[0] is None else "labels; give --label"
        raise InputError(f"{source.name}, {place}: cannot tell which of {', '.join(names)} holds the {missing} COLUMN.")
    return found[0], found[1]


def _csv(source: Source, columns: LabelColumns) -> Iterator[tuple[str, _Row]]:
    delimiter = "\t" if source.suffix == ".tsv" else ","
    with source.open() as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        names: list[str] | None = None
        try:
            for cells in reader:
                if not cells:
                    continue
                if names is None:
                    names = cells if columns.header else ["id", "label", *(f"_c{n}" for n in range(2, len(cells)))]
                    if columns.header:
                        continue
                if len(cells) != len(names):
                    why = f"{len(cells)} fields, but there are {len(names)} columns"
                    raise InputError(f"{source.name}, line {reader.line_num}: {why}.")
                yield f"line {reader.line_num}", dict(zip(names, cells, strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise UnreadableSource(source.name, f"line {reader.line_num + 1}: {error}") from error


def _jsonl(source: Source, columns: LabelColumns) -> Iterator[tuple[str, _Row]]:
    del columns
    with source.open() as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                place = f"line {number}"
                yield place, _members(source, place, _decoded(source, place, line))


def _json(source: Source, columns: LabelColumns) -> Iterator[tuple[str, _Row]]:
    del columns
    with source.open() as stream:
        document = _decoded(source, "the document", stream.read())
    for number, element in enumerate(document if isinstance(document, list) else [document], 1):
        yield f"record {number}", _members(source, f"record {number}", element)


def _decoded(source: Source, place: str, text: bytes) -> object:
    try:
        return decode_json(text)
    except RecordError as fault:
        raise UnreadableSource(source.name, f"{place}: {fault}") from fault


def _members(source: Source, place: str, record: object) -> _Row:
    if not isinstance(record, dict):
        raise UnreadableSource(source.name, f"{place}: no JSON object")
    # A list or an object is neither an id nor a label.
    return {
        str(name): as_text(value) if isinstance(value, str | int | float) else None for name, value in record.items()
    }


def _parquet(source: Source, columns: LabelColumns) -> Iterator[tuple[str, _Row]]:
    del columns
    import polars as pl

    with source.open() as stream:
        frame = pl.read_parquet(source.local or io.BytesIO(stream.read()))
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    for number, row in enumerate(frame.drop(nested).cast(pl.String).iter_rows(named=True), 1):
        yield f"row {number}", row


class _Metadata(msgspec.Struct):
    eventId: str  # noqa: N815  the file's word


class _GroundTruth(msgspec.Struct):
    groundTruthData: dict[str, object]  # noqa: N815  the file's word
    eventMetadata: _Metadata  # noqa: N815  the file's word


_DECODER = msgspec.json.Decoder(_GroundTruth)


def _ground_truth(source: Source) -> Iterator[bytes]:
    with source.open() as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                whole = bool(_DECODER.decode(line).eventMetadata.eventId)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise UnreadableSource(source.name, f"line {number}: no ground truth record ({error})") from error
            if not whole:
                raise InputError(f"{source.name}, line {number}: eventMetadata.eventId is empty.")
            yield line.rstrip(b"\r\n") + b"\n"
