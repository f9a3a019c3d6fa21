"""The payload of one side of a captured record as rows, by its own encoding (contract 1.2, 1.3, 1.6).

| payload | rows |
|---|---|
| CSV | one per non-blank line; cells by position |
| JSON object | one, flattened |
| JSON object with an array named `instances`, `predictions` or alike | one per element; other members are repeated |
| JSON array of objects or arrays | one per element |
| JSON array of scalars, JSON scalar | one |
| JSON lines | those of every line |
| BASE64 | those of the decoded text, read by its content type or else by its looks |

Cells that JSON does not name are named after the array they came from (`predictions`, `instances[0]`), at the top level
after the side (`endpointOutput`, `endpointInput[3]`).
"""

import base64
import binascii
import csv
import io
import re
from dataclasses import dataclass
from typing import Literal

from watchpost.data.cells import Scalar
from watchpost.data.flatten import flatten_into, flatten_record
from watchpost.data.records import RecordError, decode_json

Side = Literal["endpointInput", "endpointOutput", "groundTruthData"]
Positional = tuple[str | None, ...]
Named = dict[str, Scalar]

ENVELOPES = ("instances", "predictions", "inputs", "outputs", "results")
"""Members that hold one element per row: SageMaker's and TensorFlow Serving's words, and their synonyms."""

_NUMBERS_OR_CELLS = re.compile(r"[^\n]*,|\s*[-+]?[0-9.]+(?:[Ee][-+]?[0-9]+)?\s*$")


@dataclass(frozen=True, slots=True)
class Rows:
    """What a payload holds: rows of cells by position (CSV), or rows of named cells (JSON); the other one is empty."""

    positional: tuple[Positional, ...] = ()
    named: tuple[Named, ...] = ()

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.positional) or len(self.named)


def decode_payload(data: str, encoding: str, content_type: str, side: Side) -> Rows:
    """The rows of one payload. Raises: RecordError."""
    match encoding.upper():
        case "CSV":
            return _csv_rows(data)
        case "JSON":
            return _json_rows(data, side)
        case "BASE64":
            return _decoded_rows(data, content_type, side)
    raise RecordError("unknown encoding", f"expected CSV, JSON or BASE64, found {encoding[:40]!r}")


def _csv_rows(data: str) -> Rows:
    if '"' not in data:
        lines = data.replace("\r\n", "\n").split("\n") if "\n" in data else [data]
        return Rows(positional=tuple(tuple(c or None for c in line.split(",")) for line in lines if line))
    try:
        parsed = list(csv.reader(io.StringIO(data, newline=""), strict=True))
    except csv.Error as error:
        raise RecordError("not CSV", str(error)) from error
    return Rows(positional=tuple(tuple(c or None for c in cells) for cells in parsed if cells))


def _json_rows(data: str, side: Side) -> Rows:
    try:
        values = [decode_json(data.encode("utf-8"))]
    except RecordError:
        lines = [line for line in data.split("\n") if line.strip()]
        if len(lines) < 2:
            raise
        values = [decode_json(line.encode("utf-8")) for line in lines]
    return Rows(named=tuple(row for value in values for row in _value_rows(value, side)))


def _value_rows(value: object, side: Side) -> list[Named]:
    if isinstance(value, dict):
        envelope = next((e for e in ENVELOPES if isinstance(value.get(e), list)), None)
        if envelope is None:
            return [flatten_record(value)]
        beside = flatten_record({k: v for k, v in value.items() if k != envelope})
        return [_element(element, envelope, beside) for element in value[envelope]]
    if isinstance(value, list) and any(isinstance(element, dict | list) for element in value):
        return [_element(element, side, {}) for element in value]
    return [_element(value, side, {})]


def _element(element: object, name: str, beside: Named) -> Named:
    row = dict(beside)
    if isinstance(element, dict):
        for key, value in element.items():
            flatten_into(row, key, value)
    else:
        flatten_into(row, name, element)
    return row


def _decoded_rows(data: str, content_type: str, side: Side) -> Rows:
    try:
        text = base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise RecordError("not base64 text", str(error)) from error
    kind = content_type.partition(";")[0].strip().lower()
    if "json" in kind:
        return _json_rows(text, side)
    if "csv" in kind:
        return _csv_rows(text)
    looks = text.lstrip()[:1]
    if looks and looks in "{[":
        return _json_rows(text, side)
    if _NUMBERS_OR_CELLS.match(text) and all(c.isprintable() or c in "\r\n\t" for c in text):
        return _csv_rows(text)
    detail = f"content type {content_type[:60]!r} is neither CSV nor JSON, and the content does not look like either"
    raise RecordError("unreadable payload", detail)
