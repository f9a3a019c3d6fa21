"""Lines of one writer, split at every comma in one go: numbers as numbers, the writer's literal text checked.

polars reads a block of such lines as if it were CSV. A field is then a cell, or literal text, or a cell with literal text
around it. Where a line differs from the others in its literal text, or has more or fewer commas, some field is not what it
must be, and the block is refused. That the cells are cells (no quote, no backslash, no control character) and the numbers
of the class their dtype promises, is proven by counting bytes: the literal text has so many on each line, so the rest are
the cells'.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import polars as pl

from watchpost.data.cells import FRACTIONAL
from watchpost.data.counting import count_byte, count_dots_between_digits, count_up_to
from watchpost.data.names import positional_names

HOLE = "\0"
"""Stands for a variable in a line's text."""

_SAMPLE = 16  # lines that decide the columns' types before the whole block is tried
_WHOLE = re.compile("[-+]?[0-9]+")
_FRACTION = re.compile(FRACTIONAL)
_REFUSALS = (pl.exceptions.ComputeError, pl.exceptions.SchemaError, pl.exceptions.ShapeError)


@dataclass(frozen=True, slots=True)
class Field:
    """What stands between two commas: literal text around a cell of a variable. variable None: no cell, one literal."""

    prefix: str
    suffix: str = ""
    variable: int | None = None

    @property
    def bare(self) -> bool:
        """Whether the cell is all there is."""
        return self.variable is not None and not self.prefix and not self.suffix


@dataclass(frozen=True, slots=True)
class LineShape:
    """What all lines have in common.

    text: a line with a HOLE for each variable. widths: how many cells these hold. payloads: which of them may hold
    numbers; the cells of others stay text.
    """

    text: str
    widths: tuple[int, ...]
    payloads: frozenset[int]

    def fields(self) -> tuple[Field, ...] | None:
        """The line's fields; None if two variables share one."""
        literals = self.text.split(HOLE)
        cells = [",".join([HOLE] * width) for width in self.widths]
        parts = "".join(chain.from_iterable(zip(literals, [*cells, ""], strict=True))).split(",")
        if any(part.count(HOLE) > 1 for part in parts):
            return None
        variables = chain.from_iterable(repeat(number, width) for number, width in enumerate(self.widths))
        split = [part.partition(HOLE) for part in parts]
        return tuple(Field(before, after, next(variables) if hole else None) for before, hole, after in split)


def read_cells(data: bytes, lines: int, shape: LineShape) -> list[list[pl.Series]] | None:
    """The cells of every variable, a column each, those of numbers typed where that is certain; an empty cell is null.

    Args: data: `lines` lines of UTF-8, each ended by a newline.
    Returns: None when any line is of another shape, or a cell needs JSON's escapes.
    """
    fields = shape.fields()
    if fields is None:
        return None
    text: list[pl.DataType] = [pl.String()] * len(fields)
    guess = _guess(data, fields, shape.payloads)
    for dtypes in (guess, text) if guess != text else (text,):
        columns = _columns(data, lines, fields, dtypes)
        if columns is not None and _plain(data, lines, shape, columns):
            cells = iter(columns)
            return [[next(cells) for _ in range(width)] for width in shape.widths]
    return None


def _guess(data: bytes, fields: Sequence[Field], payloads: frozenset[int]) -> list[pl.DataType]:
    """What the first lines' cells look like."""
    end = 0
    for _ in range(_SAMPLE):
        end = data.find(b"\n", end) + 1 or len(data)
    sample = [line.split(",") for line in data[:end].decode("utf-8").split("\n")]
    rows = [row for row in sample if len(row) == len(fields)]
    return [
        _look(field, (row[i] for row in rows)) if field.variable in payloads else pl.String()
        for i, field in enumerate(fields)
    ]


def _look(field: Field, texts: Iterable[str]) -> pl.DataType:
    present = [cell for cell in (t.removeprefix(field.prefix).removesuffix(field.suffix) for t in texts) if cell]
    if present and all(map(_WHOLE.fullmatch, present)):
        return pl.Int64()
    return pl.Float64() if present and all(map(_FRACTION.fullmatch, present)) else pl.String()


def _columns(data: bytes, lines: int, fields: Sequence[Field], dtypes: Sequence[pl.DataType]) -> list[pl.Series] | None:
    """The columns of cells; None where polars refuses a number or a line, or the literal text is another."""
    read = [dtype if field.bare else pl.String() for field, dtype in zip(fields, dtypes, strict=True)]
    schema = dict(zip(positional_names(len(fields)), read, strict=True))
    try:
        frame = pl.read_csv(data, has_header=False, quote_char=None, schema=schema)
        if frame.height != lines or not _literals_hold(frame, fields):
            return None
        columns = []
        for field, column, dtype in zip(fields, frame, dtypes, strict=True):
            if field.variable is None:
                continue
            cells = column if field.bare else _stripped(column, field)
            if cells is None:
                return None
            columns.append(cells.cast(dtype).alias(column.name))
    except (*_REFUSALS, pl.exceptions.InvalidOperationError):
        return None
    return columns


def _literals_hold(frame: pl.DataFrame, fields: Sequence[Field]) -> bool:
    """Whether the fields without a cell are what they must be on every line; polars reads an empty field as null."""
    checks = []
    for name, field in zip(frame.columns, fields, strict=True):
        if field.variable is None and not field.prefix:
            checks.append(pl.col(name).is_null().all())
        elif not field.bare:
            # The last field is one of these: it ends with the record. So no line lacks a field in silence.
            checks.append(pl.col(name).null_count() == 0)
        if field.variable is None and field.prefix:
            checks.append((pl.col(name) == field.prefix).all())
    return all(frame.select(check.alias(str(i)) for i, check in enumerate(checks)).row(0))


def _stripped(column: pl.Series, field: Field) -> pl.Series | None:
    """The cells without their literal text; None if any lacks some, for then fewer bytes went than from all cells."""
    stripped = pl.select(
        cells=column, rest=pl.lit(column).str.strip_prefix(field.prefix).str.strip_suffix(field.suffix)
    )
    before, after = stripped.select(pl.all().str.len_bytes().cast(pl.Int64).sum()).row(0)
    if before - after != len(column) * len((field.prefix + field.suffix).encode()):
        return None
    rest = stripped["rest"]
    if not (rest == "").any():
        return rest
    return pl.select(pl.when(pl.lit(rest) != "").then(pl.lit(rest)).alias("rest")).to_series()


def _plain(data: bytes, lines: int, shape: LineShape, columns: Sequence[pl.Series]) -> bool:
    """Whether no cell needs JSON's escapes, and all read as numbers have the class of their dtype.

    Integers: polars takes what the contract calls Integral, and blanks before it. Floats: it also takes whole numbers,
    `.5`, `5.`, `inf` and exponents. None of these has a dot between digits, and no float has two: when there are as many
    such dots as cells, and all are finite, then every cell is Fractional.
    """
    texts = [column for column in columns if column.dtype == pl.String]
    numbers = len(texts) < len(columns)
    literal = shape.text.replace(HOLE, "").encode("utf-8")
    if b"\\" in data and count_byte(data, b"\\") != lines * literal.count(b"\\"):
        return False
    # Quotes, blanks and control characters at once: mostly no cell has any.
    if count_up_to(data, b'"') != lines * (count_up_to(literal, b'"') + 1):
        if count_up_to(data, b"\x1f") != lines or count_byte(data, b'"') != lines * literal.count(b'"'):
            return False
        if numbers and count_byte(data, b" ") != lines * literal.count(b" ") + _count_text(texts, " "):
            return False
    floats = [column for column in columns if column.dtype == pl.Float64]
    if not floats:
        return True
    cells = sum(len(column) - column.null_count() for column in floats)
    dots = lines * count_dots_between_digits(shape.text.encode("utf-8")) + _dots_in(texts)
    return count_dots_between_digits(data) == dots + cells and all(column.is_finite().all() for column in floats)


def _count_text(texts: Sequence[pl.Series], character: str) -> int:
    return sum(int(text.str.count_matches(character, literal=True).sum()) for text in texts)


def _dots_in(texts: Sequence[pl.Series]) -> int:
    """How many dots between digits the cells have; most texts have no dot at all."""
    dotted = [text for text in texts if text.str.contains(".", literal=True).any()]
    return sum(count_dots_between_digits(text.drop_nulls().str.join("\n").cast(pl.Binary).item()) for text in dotted)
