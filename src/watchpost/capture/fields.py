"""Fields of a payload, by name or by place: what sampling rules read and redaction replaces.

| text | the field |
|---|---|
| `amount`, `input.amount` | of the request: the CSV column of that name, a JSON member of that name at any depth |
| `customer.email` | a JSON member `email` of a member `customer`, at any depth |
| `output.score` | the same, of the answer |
| `input[3]`, `output[0]` | by 0-based place: of the CSV row, or of a JSON array of plain values |
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import msgspec

from watchpost.errors import Misconfigured

Side = Literal["input", "output"]
Change = Callable[[str | None], str | None]
"""What takes a cell's place: given its text, None for a missing one; returns the new text, None for none."""

_SIDE = re.compile(r"(?:endpoint)?(input|output)(?=[.\[])", re.IGNORECASE)
# Fractions stay what they were, digit for digit.
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class UnknownFieldError(Exception):
    """A payload in which a field cannot be looked for: no rows, no names, or no text."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of one side: `path`, the last keys that lead to it; or `place`, where it has no name."""

    side: Side
    path: tuple[str, ...] = ()
    place: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Field":
        """The field that a text means; see the module. Raises: Misconfigured.

        >>> Field.parse("output[0]").place, Field.parse("customer.email").path, Field.parse("output.score").side
        (0, ('customer', 'email'), 'output')
        """
        stripped = text.strip()
        sided = _SIDE.match(stripped)
        side: Side = "output" if sided and sided[1].lower() == "output" else "input"
        rest = stripped[sided.end() :] if sided else stripped
        if placed := re.fullmatch(r"\[([0-9]+)\]", rest):
            return cls(side, place=int(placed[1]))
        path = tuple(rest.removeprefix(".").split("."))
        if not all(path) or "[" in rest:
            raise Misconfigured("A captured field", text, "a name (amount, output.score) or a place (input[3])")
        return cls(side, path)

    def ends(self, keys: Sequence[str]) -> bool:
        """Whether the keys that lead to a JSON member end with this field's."""
        own = self.path
        return bool(own) and (tuple(keys[-len(own) :]) == own or (len(own) > 1 and keys[-1] == ".".join(own)))

    def column(self, names: Sequence[str]) -> int:
        """Its place in a CSV row whose columns are called so. Raises: UnknownFieldError."""
        if self.place is not None:
            return self.place
        name = ".".join(self.path)
        if name not in names:
            raise UnknownFieldError(name)
        return names.index(name)


def read_csv_field(text: str, field: Field, names: Sequence[str]) -> Iterator[str | None]:
    """The field's cells in all rows of a CSV payload, None for empty ones. Raises: UnknownFieldError."""
    place = field.column(names)
    for row in _csv_rows(text):
        if row:
            _check_width(row, place, names)
            yield row[place] or None


def rewrite_csv(text: str, changes: Mapping[Field, Change], names: Sequence[str]) -> str:
    """A CSV payload with its cells changed; the rest stays as it is. Raises: UnknownFieldError."""
    # Where all columns have names, a path of several keys that is none of them is JSON's. A single name that is none of
    # them is more likely misspelt.
    inside = {
        f: change for f, change in changes.items() if not (names and len(f.path) > 1 and ".".join(f.path) not in names)
    }
    placed = [(field.column(names), change) for field, change in inside.items()]
    if '"' in text:
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerows(_changed_row(row, placed, names) for row in _csv_rows(text))
        return out.getvalue() if text.endswith("\n") else out.getvalue().removesuffix("\n")
    lines = []
    for line in text.split("\n"):
        cells, ending = line.removesuffix("\r"), "\r" if line.endswith("\r") else ""
        lines.append(",".join(_changed_row(cells.split(","), placed, names)) + ending if cells else line)
    return "\n".join(lines)


def read_json_field(text: str, field: Field) -> Iterator[str | None]:
    """The field's values in a JSON payload or its lines, None for null. Raises: UnknownFieldError."""
    found: list[str | None] = []

    def note(cell: str | None) -> str | None:
        found.append(cell)
        return cell

    for value in _json_values(text):
        _walk(value, (), {field: note})
    yield from found


def rewrite_json(text: str, changes: Mapping[Field, Change]) -> str:
    """A JSON payload, or JSON lines, with members changed; what they hold else stays. Raises: UnknownFieldError."""
    values = _json_values(text)
    return "\n".join(_ENCODER.encode(_walk(value, (), changes)).decode() for value in values)


def _csv_rows(text: str) -> Iterator[list[str]]:
    if '"' not in text:
        yield from (line.removesuffix("\r").split(",") if line.strip("\r") else [] for line in text.split("\n"))
        return
    try:
        yield from csv.reader(io.StringIO(text, newline=""), strict=True)
    except csv.Error as fault:
        raise UnknownFieldError(str(fault)) from fault


def _check_width(row: Sequence[str], place: int, names: Sequence[str]) -> None:
    # A row of another width than the header's may hold the field anywhere.
    if place >= len(row) or (names and len(row) != len(names)):
        raise UnknownFieldError(f"a row of {len(row)} cells")


def _changed_row(row: list[str], placed: Sequence[tuple[int, Change]], names: Sequence[str]) -> list[str]:
    if row:
        for place, change in placed:
            _check_width(row, place, names)
            row[place] = change(row[place] or None) or ""
    return row


def _json_values(text: str) -> list[object]:
    try:
        return [_DECODER.decode(text)]
    except (msgspec.DecodeError, RecursionError) as fault:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) < 2:
            raise UnknownFieldError(str(fault)) from fault
    try:
        return [_DECODER.decode(line) for line in lines]
    except (msgspec.DecodeError, RecursionError) as fault:
        raise UnknownFieldError(str(fault)) from fault


def _walk(value: object, keys: tuple[str, ...], changes: Mapping[Field, Change]) -> object:
    """The value with the fields changed, at any depth."""
    try:
        if isinstance(value, dict):
            return {key: _member(inner, (*keys, key), changes) for key, inner in value.items()}
        if isinstance(value, list):
            if any(isinstance(element, dict | list) for element in value):
                return [_walk(element, keys, changes) for element in value]
            placed = {field.place: change for field, change in changes.items() if field.place is not None}
            return [placed[i](_text(cell)) if i in placed else cell for i, cell in enumerate(value)]
    except RecursionError as fault:
        raise UnknownFieldError("nested too deep") from fault
    return value


def _member(value: object, keys: tuple[str, ...], changes: Mapping[Field, Change]) -> object:
    for field, change in changes.items():
        if field.ends(keys):
            before = _text(value)
            after = change(before)
            return value if after is before else after
    return _walk(value, keys, changes)


def _text(value: object) -> str | None:
    """A JSON value as the text a CSV cell would hold, so that both forms are hashed and compared alike."""
    if value is None or isinstance(value, str):
        return value
    return _ENCODER.encode(value).decode()
