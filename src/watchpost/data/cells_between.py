"""What stands between the literal texts of a block's lines, and cells of CSV read as numbers where that is certain.

A block is never looked at line by line: polars cuts all lines at once, without copying their text, and numbers are
proven to be of the class their dtype promises by counting bytes.
"""

import math
import re
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

import polars as pl

from watchpost.data.cells import FRACTIONAL, typed_text
from watchpost.data.counting import count_byte, count_dots_between_digits, count_up_to
from watchpost.data.names import positional_names

_SAMPLE = 16  # rows that decide the columns' types before the whole block is tried
_WHOLE = re.compile("[-+]?[0-9]+")
_FRACTION = re.compile(FRACTIONAL)
_POLARS_REFUSES = (
    pl.exceptions.ComputeError,
    pl.exceptions.InvalidOperationError,
    pl.exceptions.SchemaError,
    pl.exceptions.ShapeError,
)
_NO_SEPARATOR = "\x01"  # a control character, and lines are known to have none
_REST, _END = pl.col("rest"), pl.col("end")


def between(data: bytes, lines: int, literals: Sequence[str], wanted: Collection[int]) -> dict[int, pl.Series] | None:
    """What every line has between the literals that start, part and end it: a column for each wanted gap.

    Args: data: `lines` lines of UTF-8, each ended by a newline. literals: of one line; what is between them are JSON
    strings, whose opening quote ends each literal but the last, or else what begins the string on every line; each but
    the first starts with a closing quote, or with what comes before it on every line.
    Returns: JSON strings that need no escapes; None if any line differs in a literal, or a string has an escape.
    """
    # Each line's newline is the only control character: JSON allows none inside a string, and none is needed outside.
    if count_up_to(data, b"\x1f") != lines:
        return None
    escapes = sum(literal.count("\\") for literal in literals)
    if b"\\" in data and count_byte(data, b"\\") != lines * escapes:
        return None
    rest = pl.read_csv(data, has_header=False, quote_char=None, separator=_NO_SEPARATOR, schema={"rest": pl.String()})
    if rest.height != lines or rest["rest"].null_count():
        return None
    return _part(rest.rechunk(), literals, wanted, _cut_characters if data.isascii() else _cut_bytes)


def _part(
    rest: pl.DataFrame, literals: Sequence[str], wanted: Collection[int], cut: Callable[..., pl.Expr]
) -> dict[int, pl.Series] | None:
    """The lines, taken apart from the left to the right."""
    found: dict[int, pl.Series] = {}
    for number, (before, after) in enumerate(pairwise(literals)):
        if not rest.select(_REST.str.starts_with(before).all()).item():
            return None
        opened = rest.select(cut(_REST, len(before.encode())))
        closing = _REST.str.find('"', literal=True).cast(pl.Int64)
        parted = opened.with_columns(end=closing - len(after[: after.index('"')].encode()))
        if parted["end"].null_count() or (parted["end"] < 0).any():
            return None
        if number in wanted:
            found[number] = parted.select(cut(_REST, 0, _END)).to_series()
        if number < len(literals) - 2:
            rest = parted.select(cut(_REST, _END))
        elif not parted.select(_is_all_from_end(after)).item():
            return None
    return found


def _cut_characters(text: pl.Expr, start: int | pl.Expr, length: pl.Expr | None = None) -> pl.Expr:
    return text.str.slice(start, length)


def _cut_bytes(text: pl.Expr, start: int | pl.Expr, length: pl.Expr | None = None) -> pl.Expr:
    """The same where characters are longer than bytes, in which all offsets are."""
    return text.cast(pl.Binary).bin.slice(start, length).cast(pl.String)


def _is_all_from_end(literal: str) -> pl.Expr:
    return (_REST.str.ends_with(literal) & (_END + len(literal.encode()) == _REST.str.len_bytes())).all()


def typed_rows(rows: pl.Series) -> pl.DataFrame | None:
    """Rows of CSV without quotes as typed columns, an empty cell as null; None for an empty row or different widths."""
    if (rows == "").any():
        return None
    sample = [row.split(",") for row in rows.head(_SAMPLE)]
    width = len(sample[0])
    table = rows.str.join("\n").cast(pl.Binary).item() + b"\n"
    # A row too long is refused by polars, so an exact number of commas leaves no room for a short one.
    if count_byte(table, b",") != len(rows) * (width - 1):
        return None
    text: list[pl.DataType] = [pl.String()] * width
    guess = [_look(cells) for cells in zip(*sample, strict=False)]
    if len(guess) == width and guess != text:
        frame = _read(rows, table, guess)
        if frame is not None and _certain(table, frame):
            return typed_text(frame)
    frame = _read(rows, table, text)
    return None if frame is None else typed_text(frame)


def _look(cells: Sequence[str]) -> pl.DataType:
    """What a sample of a column looks like."""
    present = [cell for cell in cells if cell]
    if present and all(map(_WHOLE.fullmatch, present)):
        return pl.Int64()
    return pl.Float64() if present and all(map(_FRACTION.fullmatch, present)) else pl.String()


def _read(rows: pl.Series, table: bytes, dtypes: Sequence[pl.DataType]) -> pl.DataFrame | None:
    schema = dict(zip(positional_names(len(dtypes)), dtypes, strict=True))
    try:
        if len(dtypes) == 1:
            return rows.rename("_c0").cast(dtypes[0]).to_frame()
        frame = pl.read_csv(table, has_header=False, quote_char=None, schema=schema)
    except _POLARS_REFUSES:
        return None
    return frame if frame.height == len(rows) else None


def _certain(table: bytes, frame: pl.DataFrame) -> bool:
    """Whether all cells read as numbers have the class of their dtype.

    Integers: polars takes what the contract calls Integral, and blanks before it. Floats: it also takes whole numbers,
    `.5`, `5.` and `inf`, none of which has a dot between digits, and nothing that has two: when there are as many such
    dots as cells, and all are finite, then every cell is Fractional.
    """
    texts = [column for column in frame if column.dtype == pl.String]
    if b" " in table and count_byte(table, b" ") != _count_in(texts, " "):
        return False
    floats = [column for column in frame if column.dtype == pl.Float64]
    cells = sum(len(column) - column.null_count() for column in floats)
    if cells and count_dots_between_digits(table) != cells + dots_between_digits(texts):
        return False
    # A sum is as finite as its parts, or else they are looked at one by one, which takes ten times as long.
    return all(math.isfinite(column.sum()) or column.is_finite().all() for column in floats)


def _count_in(texts: Sequence[pl.Series], character: str) -> int:
    return sum(int(text.str.count_matches(character, literal=True).sum()) for text in texts)


def dots_between_digits(texts: Sequence[pl.Series]) -> int:
    """How many dots between digits the cells have, of columns that mostly have no dot at all."""
    dotted = [text for text in texts if text.str.contains(".", literal=True).any()]
    return sum(count_dots_between_digits(text.drop_nulls().str.join("\n").cast(pl.Binary).item()) for text in dotted)
