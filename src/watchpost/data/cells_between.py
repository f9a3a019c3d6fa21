"""What stands between the literal texts of a block's lines: cells of CSV, as numbers where that is certain, and texts.

The compiled reader goes over a block once and proves every cell while it reads it. Where the package was built without
it, a block is not looked at line by line either: polars' CSV parser cuts all lines at every comma at once, quotes being
like any other character. A field that is literal is a column of one permitted text, so the parser itself compares it;
the cells of a payload are columns already. Bytes are counted to prove that no string needs escapes, and that numbers
are of the class their dtype promises.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice
from typing import Literal

import polars as pl

from watchpost.data.cells import FRACTIONAL
from watchpost.data.counting import count_byte, count_dots_between_digits, count_up_to
from watchpost.data.names import positional_names
from watchpost.kernels.rows import Field, Kind, Misfit, read_rows

_SAMPLE = 16  # rows that decide the columns' types before the whole block is tried
_WHOLE = re.compile("[-+]?[0-9]+")
_FRACTION = re.compile(FRACTIONAL)
_HOLE = "\0"
_NUMBERS = ("whole", "fraction")
_MISFITS = 4  # columns found to be no numbers after all, beyond which no column is read as numbers at once
_TEXT_ENDS = bytes(range(0x20)) + b'"\\'  # whatever JSON would escape, and so a string cannot hold as it is
_CELL_ENDS = _TEXT_ENDS + b","
_POLARS_REFUSES = (
    pl.exceptions.ComputeError,
    pl.exceptions.InvalidOperationError,
    pl.exceptions.SchemaError,
    pl.exceptions.ShapeError,
)


Read = Literal["cells", "text", "not"]


@dataclass(frozen=True, slots=True)
class Variable:
    """A JSON string that differs from line to line.

    first: as the first line has it. read: as a row of CSV without quotes, as text, or not at all.
    """

    first: str
    read: Read


@dataclass(frozen=True, slots=True)
class _Field:
    """What stands between two commas. before, after: the same on every line. number, read: of what varies, if any."""

    before: str
    after: str = ""
    number: int | None = None
    read: Read | None = None

    @property
    def bare(self) -> bool:
        """Whether nothing of it is literal."""
        return not self.before and not self.after


def cells_between(
    data: bytes, lines: int, literals: Sequence[str], variables: Sequence[Variable]
) -> dict[int, pl.DataFrame] | None:
    """What every line has for each of the variables that are read, by their numbers; None for an unfit block.

    Args: data: `lines` lines of UTF-8, each ended by a newline. literals: of one line, one more than variables, which
    stand between them; JSON's quotes end each but the last, or else what begins the string on every line does; each but
    the first starts with a closing quote, or with what comes before it on every line.
    Returns: cells as typed columns, an empty one as null; a text as one column. None if any line differs in a literal
    or in its number of commas, if a string has an escape, or a row of CSV is empty.
    """
    proved = read_proved(data, lines, literals, variables)
    return read_by_polars(data, lines, literals, variables) if proved is None else proved


def read_by_polars(
    data: bytes, lines: int, literals: Sequence[str], variables: Sequence[Variable]
) -> dict[int, pl.DataFrame] | None:
    """`cells_between` without the compiled reader."""
    fields, literal = _fields(literals, variables), "".join(literals)
    # Up to the quote there are but controls, blanks and exclamation marks besides: if no variable has any of these, as
    # is common, then one count tells of all.
    plain = count_up_to(data, b'"') == lines * (1 + sum(character <= '"' for character in literal))
    if fields is None or not _escape_free(data, lines, literal, plain):
        return None
    sample = [line.decode("utf-8").removesuffix("\n").split(",") for line in islice(BytesIO(data), _SAMPLE)]
    if any(len(row) != len(fields) for row in sample):
        return None
    guess = [_look(field, cells) for field, cells in zip(fields, zip(*sample, strict=True), strict=True)]
    columns = _columns(data, lines, fields, guess)
    if columns is None:
        columns = _columns(data, lines, fields, [pl.String()] * len(fields))
    elif not _certain(data, lines, fields, columns, plain):
        columns = _as_text(data, fields, columns)
    return None if columns is None else _gathered(fields, columns)


def read_proved(
    data: bytes, lines: int, literals: Sequence[str], variables: Sequence[Variable]
) -> dict[int, pl.DataFrame] | None:
    """`cells_between` by the compiled reader; None without it too, and for a block of which it is not certain."""
    fields = [
        field for before, variable in zip(literals, variables, strict=False) for field in _asked(before, variable)
    ]
    misfits = 0
    while isinstance(frame := read_rows([memoryview(data)], lines, fields, literals[-1].encode() + b"\n"), Misfit):
        if frame.field is None or fields[frame.field].kind not in _NUMBERS:
            return None
        # Text for certain; and when guessing goes on to fail, nothing is guessed any more.
        misfits += 1
        doubted = range(len(fields)) if misfits > _MISFITS else [frame.field]
        for number in doubted:
            if fields[number].kind in _NUMBERS:
                fields[number] = replace(fields[number], kind="cell")
    if frame is None:
        return None
    columns = iter(frame)
    found = {
        number: [next(columns) for _ in range(variable.first.count(",") + 1 if variable.read == "cells" else 1)]
        for number, variable in enumerate(variables)
        if variable.read != "not"
    }
    return None if _has_empty_row(found) else {number: _numbered(own) for number, own in found.items()}


def _asked(before: str, variable: Variable) -> list[Field]:
    """The fields of a variable behind its literal, each read as the first line suggests."""
    if variable.read != "cells":
        return [Field(before.encode(), "text" if variable.read == "text" else "skipped", _TEXT_ENDS)]
    literals = [before, *"," * variable.first.count(",")]
    return [
        Field(literal.encode(), _kind(cell), _CELL_ENDS)
        for literal, cell in zip(literals, variable.first.split(","), strict=True)
    ]


def _kind(cell: str) -> Kind:
    if _WHOLE.fullmatch(cell):
        return "whole"
    return "fraction" if _FRACTION.fullmatch(cell) else "cell"


def _fields(literals: Sequence[str], variables: Sequence[Variable]) -> list[_Field] | None:
    """The fields of the first line; None if one is empty, or has parts of two variables."""
    holes = [",".join(_HOLE * (variable.first.count(",") + 1)) for variable in variables]
    owners = iter([number for number, hole in enumerate(holes) for _ in hole.split(",")])
    line = "".join(part for pair in zip(literals, [*holes, ""], strict=True) for part in pair)
    fields: list[_Field] = []
    for field in line.split(","):
        before, *after = field.split(_HOLE)
        if len(after) > 1 or not field:
            return None
        number = next(owners) if after else None
        fields.append(_Field(before) if number is None else _Field(before, after[0], number, variables[number].read))
    return fields


def _escape_free(data: bytes, lines: int, literal: str, plain: bool) -> bool:
    """Whether, all literals being where they should, nothing between them holds a quote, an escape or a control."""
    if b"\\" in data and count_byte(data, b"\\") != lines * literal.count("\\"):
        return False
    # Each line's newline is the only control character: JSON allows none inside a string, and none is needed outside.
    if plain:
        return min(literal) >= " "
    return count_up_to(data, b"\x1f") == lines and count_byte(data, b'"') == lines * literal.count('"')


def _look(field: _Field, cells: Sequence[str]) -> pl.DataType:
    """What a sample of a field's column looks like."""
    if field.read != "cells":
        return pl.String()
    varying = [cell[len(field.before) : len(cell) - len(field.after)] for cell in cells]
    present = [cell for cell in varying if cell]
    if present and all(map(_WHOLE.fullmatch, present)):
        return pl.Int64()
    return pl.Float64() if present and all(map(_FRACTION.fullmatch, present)) else pl.String()


def _columns(
    data: bytes, lines: int, fields: Sequence[_Field], dtypes: Sequence[pl.DataType]
) -> list[pl.Series] | None:
    """A column for each field, its literals taken off where it is read; None if a line or a cell is none of these."""
    schema: dict[str, pl.DataType] = {
        name: dtype if field.bare else pl.Enum([field.before]) if field.read is None else pl.String()
        for name, field, dtype in zip(positional_names(len(fields)), fields, dtypes, strict=True)
    }
    try:
        # A row too long is refused by polars; one too short has nothing in its last field.
        frame = pl.read_csv(data, has_header=False, quote_char=None, schema=schema)
        if frame.height != lines or not all(map(_is_literal, frame, fields)):
            return None
        return [_cut(column, field, dtype) for column, field, dtype in zip(frame, fields, dtypes, strict=True)]
    except _POLARS_REFUSES:
        return None


def _is_literal(column: pl.Series, field: _Field) -> bool:
    """Whether all lines have the field's literals; polars compared those of a field that is nothing else."""
    if field.bare or column.null_count():
        return field.bare
    if field.read is None:
        return True
    if not column.str.starts_with(field.before).all():
        return False
    if not field.after:
        return True
    least = len(field.before.encode()) + len(field.after.encode())
    return bool(column.str.ends_with(field.after).all()) and bool((column.str.len_bytes() >= least).all())


def _cut(column: pl.Series, field: _Field, dtype: pl.DataType) -> pl.Series:
    """What is between the literals of a field that is read; an empty cell as null. Raises: polars' refusals."""
    if field.bare or field.read in (None, "not"):
        return column
    opened = column.str.slice(len(field.before)) if field.before else column
    closed = opened.str.head(-len(field.after)) if field.after else opened
    if field.read == "text":
        return closed
    empty = closed == ""
    return (closed.set(empty, None) if empty.any() else closed).cast(dtype)


def _as_text(data: bytes, fields: Sequence[_Field], columns: Sequence[pl.Series]) -> list[pl.Series]:
    """The same columns, those that were read as numbers as the text they have."""
    numbers = [place for place, column in enumerate(columns) if column.dtype.is_numeric()]
    schema = dict.fromkeys(positional_names(len(fields)), pl.String())
    frame = pl.read_csv(data, has_header=False, quote_char=None, schema=schema, columns=numbers)
    read = dict(zip(numbers, frame, strict=True))
    return [
        _cut(read[place], fields[place], pl.String()) if place in read else column
        for place, column in enumerate(columns)
    ]


def _certain(data: bytes, lines: int, fields: Sequence[_Field], columns: Sequence[pl.Series], blank_free: bool) -> bool:
    """Whether all cells read as numbers have the class of their dtype.

    Integers: polars takes what the contract calls Integral, and blanks before it. Floats: it also takes whole numbers,
    `.5`, `5.` and `inf`, none of which has a dot between digits, and nothing that has two: when there are as many such
    dots as cells, and all are finite, then every cell is Fractional.
    """
    texts = [column for column in columns if column.dtype == pl.String]
    # What is not read still has its literals.
    literal = "\n".join(f"{field.before}\n{field.after}" for field in fields if field.read != "not")
    if not blank_free and count_byte(data, b" ") != lines * literal.count(" ") + _count_in(texts, " "):
        return False
    floats = [column for column in columns if column.dtype == pl.Float64]
    cells = sum(len(column) - column.null_count() for column in floats)
    if cells:
        others = lines * count_dots_between_digits(literal.encode()) + dots_between_digits(texts)
        if count_dots_between_digits(data) != cells + others:
            return False
    # A sum is as finite as its parts, or else they are looked at one by one, which takes ten times as long.
    return all(math.isfinite(column.sum()) or column.is_finite().all() for column in floats)


def _count_in(texts: Iterable[pl.Series], character: str) -> int:
    return sum(text.count(character.encode()) for text in map(_joined, texts))


def dots_between_digits(texts: Iterable[pl.Series]) -> int:
    """How many dots between digits the cells have, of columns that mostly have no dot at all."""
    return sum(count_dots_between_digits(text) for text in map(_joined, texts) if b"." in text)


def _joined(text: pl.Series) -> bytes:
    return text.str.join("\n").cast(pl.Binary).item() or b""


def _gathered(fields: Sequence[_Field], columns: Sequence[pl.Series]) -> dict[int, pl.DataFrame] | None:
    """The columns of each variable that is read; None if some row of CSV is empty."""
    found: dict[int, list[pl.Series]] = {}
    for field, column in zip(fields, columns, strict=True):
        if field.number is not None and field.read == "cells":
            found.setdefault(field.number, []).append(column)
        elif field.number is not None and field.read == "text":
            # A text with commas stands in several fields.
            begun = found.get(field.number)
            found[field.number] = [column if begun is None else begun[0] + "," + column.fill_null("")]
    return None if _has_empty_row(found) else {number: _numbered(own) for number, own in found.items()}


def _has_empty_row(found: Mapping[int, Sequence[pl.Series]]) -> bool:
    return any(len(own) == 1 and own[0].null_count() for own in found.values())


def _numbered(columns: Sequence[pl.Series]) -> pl.DataFrame:
    return pl.DataFrame([c.alias(name) for c, name in zip(columns, positional_names(len(columns)), strict=True)])
