"""From cells to typed columns, in the terms of `watchpost.data.dataset`.

Typing never changes the class a cell has as text (contract 2.5): a column becomes Int64 only if every cell is certainly
Integral, Float64 only if every cell is certainly Fractional; what is mixed stays text and is classified cell by cell.
"""

import re
from collections.abc import Mapping, Sequence

import polars as pl

FRACTIONAL = r"[-+]? ?[0-9]+(?:\.[0-9]+(?:[Ee][-+]?[0-9]+)?|[Ee][-+]?[0-9]+)"
"""The contract's class Fractional, its two branches factored, so that one pass over the text decides."""

Scalar = str | int | float | bool | None
"""What a JSON member or a CSV cell can hold."""

_FRACTIONAL_CELL = re.compile(FRACTIONAL)
_WHOLE_CELL = re.compile(r"[-+]?[0-9]+")


def typed_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns of raw text (null is an empty cell) as typed columns; what fits no number type stays as it is."""
    return pl.DataFrame([typed_text_column(c) if c.dtype == pl.String else c for c in frame], height=frame.height)


def typed_text_column(column: pl.Series) -> pl.Series:
    """One column of raw text as Int64, Float64, String, or Null when it has no cell.

    Text beyond the range of the type (`99999999999999999999`, `1e999`) stays text.
    """
    present = column.len() - column.null_count()
    if not present:
        return column.cast(pl.Null)
    first = str(column.first(ignore_nulls=True))
    if not (_WHOLE_CELL.fullmatch(first) or _FRACTIONAL_CELL.fullmatch(first)):
        return column
    # The cast takes [-+]?[0-9]+ and nothing else: every such cell is Integral.
    whole = column.cast(pl.Int64, strict=False)
    if whole.len() - whole.null_count() == present:
        return whole
    if _FRACTIONAL_CELL.fullmatch(str(first)) and column.str.contains(f"^(?:{FRACTIONAL})$").all():
        numbers = column.cast(pl.Float64, strict=False)
        if numbers.len() - numbers.null_count() == present and numbers.is_finite().all():
            return numbers
    return column


def scalar_column(name: str, values: Sequence[Scalar]) -> pl.Series:
    """One column of JSON scalars as a typed column; kinds are not converted into each other.

    Whole numbers: Int64, or Int128 if one needs it, or text beyond that. A column that mixes kinds becomes text, each
    cell as JSON would write it, so that classifying the text gives each cell the class it had.
    """
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if len(kinds) == 1:
        dtype = _DTYPES.get(kinds.pop())
        if dtype is not None and dtype != pl.Int64:
            return pl.Series(name, values, dtype=dtype)
        for whole in (pl.Int64, pl.Int128):
            try:
                return pl.Series(name, values, dtype=whole)
            except (OverflowError, TypeError):
                continue
    return pl.Series(name, [as_text(value) for value in values], dtype=pl.String)


_DTYPES: Mapping[type, type[pl.DataType]] = {str: pl.String, bool: pl.Boolean, float: pl.Float64, int: pl.Int64}


def as_text(value: Scalar) -> str | None:
    """A scalar as raw text: digits, the shortest exact decimal, `true`, `false`, or the string itself."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None or isinstance(value, str) else repr(value)


def frame_of(rows: Sequence[Mapping[str, Scalar]]) -> pl.DataFrame:
    """Rows of named scalars as typed columns, in the order in which names are first met; an absent name is no cell."""
    names: dict[str, None] = {}
    for row in rows:
        if names.keys() != row.keys():
            names.update(dict.fromkeys(row))
    return pl.DataFrame([scalar_column(n, [row.get(n) for row in rows]) for n in names], height=len(rows))
