"""JSON lines, one object a line, and JSON documents that hold an array of objects."""

from collections.abc import Iterator, Sequence

import polars as pl

from watchpost.data.cells import Scalar, frame_of
from watchpost.data.flatten import flatten_record, require_cells
from watchpost.data.lines import LineBlock, line_blocks
from watchpost.data.quarantine import Quarantine
from watchpost.data.records import RecordError, decode_json, decode_objects
from watchpost.data.sources import READ_ERRORS, Source
from watchpost.errors import UnreadableSource

LARGEST_DOCUMENT = 256 << 20  # bytes: a document must be decoded whole, at up to ten times its size in memory
_ROWS_PER_BATCH = 65_536


class JsonLines:
    """A Dataset of JSON lines: members are columns, nested ones flattened (`watchpost.data.flatten`).

    JSON's kinds are kept: whole numbers are Int64 (Int128 if need be), others Float64, true and false Boolean, strings
    raw text. A column that mixes kinds within a batch is text, each cell as JSON writes it. Blank lines are skipped; a
    line that is no JSON object, writes a key twice, is not UTF-8, is cut off or cannot be flattened is quarantined.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)

    @property
    def name(self) -> str:
        """The first source, and how many more there are."""
        return name_of(self._sources)

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See Dataset.batches: one batch per block of about 4 MiB of lines."""
        for block in line_blocks(self._sources, quarantine):
            if rows := _rows(block, quarantine):
                yield frame_of(rows)


class JsonDocuments:
    """A Dataset of whole-file JSON documents: an array of objects (one row each), or one object (one row).

    Cells as in JsonLines; an element that is no object or cannot be flattened is quarantined under its 1-based number.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)

    @property
    def name(self) -> str:
        """The first source, and how many more there are."""
        return name_of(self._sources)

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See Dataset.batches. Raises: UnreadableSource for a file that is no JSON, or is larger than 256 MiB."""
        for source in self._sources:
            document = _document(source)
            elements = document if isinstance(document, list) else [document]
            for start in range(0, len(elements), _ROWS_PER_BATCH):
                rows = []
                for number, element in enumerate(elements[start : start + _ROWS_PER_BATCH], start + 1):
                    try:
                        rows.append(_flat(element))
                    except RecordError as fault:
                        quarantine.add(source.name, number, fault.reason, fault.detail, repr(element)[:200])
                if rows:
                    yield frame_of(rows)


def name_of(sources: Sequence[Source]) -> str:
    """What to call several sources in a message or a report."""
    if len(sources) == 1:
        return sources[0].name
    return f"{sources[0].name} and {len(sources) - 1} more" if sources else "no sources"


def _document(source: Source) -> object:
    with source.open() as stream:
        try:
            text = stream.read(LARGEST_DOCUMENT + 1)
        except READ_ERRORS as error:
            raise UnreadableSource(source.name, str(error)) from error
    if len(text) > LARGEST_DOCUMENT:
        limit = f"a JSON document of more than {LARGEST_DOCUMENT >> 20} MiB cannot be streamed"
        raise UnreadableSource(source.name, limit, "Write JSON lines, one object a line, instead")
    try:
        return decode_json(text.removeprefix(b"\xef\xbb\xbf"))
    except RecordError as fault:
        todo = "Check how the file was written; if it holds one object a line, give --format jsonl"
        raise UnreadableSource(source.name, str(fault), todo) from fault


def _rows(block: LineBlock, quarantine: Quarantine) -> list[dict[str, Scalar]]:
    lines = block.lines()
    objects = decode_objects(block.data, len(lines))
    rows = []
    for index, line in enumerate(lines):
        if objects is None and not line.strip():
            continue
        try:
            rows.append(_flat(decode_json(line) if objects is None else objects[index]))
        except RecordError as fault:
            source, number = block.place(index)
            quarantine.add(source, number, fault.reason, fault.detail, line[:200].decode("utf-8", "replace"))
    return rows


def _flat(value: object) -> dict[str, Scalar]:
    if not isinstance(value, dict):
        raise RecordError("not an object", f"expected {{...}}, found {_kind(value)}")
    flat = flatten_record(value)
    require_cells(flat)
    return flat


def _kind(value: object) -> str:
    kinds = {list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
