"""Nested objects and lists as flat, named cells.

| nested | flat name |
|---|---|
| member `b` of object `a` | `a.b` |
| element 0 of list `a` | `a[0]` |
| element 1 of member `b` of element 0 of list `a` | `a[0].b[1]` |

Empty objects and lists have no cells. Names are never overwritten: in a record, a literal key `a.b` beside an object
`a` with a member `b` is a fault of the record; in a frame the second such column is named `a.b#2`.
"""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from watchpost.data.cells import Scalar
from watchpost.data.names import distinct_names
from watchpost.data.records import RecordError
from watchpost.errors import UnreadableSource

MOST_CELLS = 16_384  # of one record or table: wider than any feature vector seen, and a bound on memory
DEEPEST = 64
_SCALARS = frozenset((str, int, float, bool))


def flatten_record(record: Mapping[str, object]) -> dict[str, Scalar]:
    """A decoded JSON object as flat cells, in the order of its members. Raises: RecordError."""
    flat: dict[str, Scalar] = {}
    for name, value in record.items():
        # Most records are flat already: a plain scalar under a new name needs none of the general way's care.
        if (value is None or type(value) in _SCALARS) and name not in flat and len(flat) < MOST_CELLS:
            flat[name] = value  # type: ignore[assignment]  # mypy does not narrow by membership of a type
        else:
            flatten_into(flat, name, value)
    return flat


def require_cells(flat: Mapping[str, Scalar]) -> None:
    """Raises RecordError for a record without any cell: a table has no row for it."""
    if not flat:
        raise RecordError("empty record", "it has no member with a value")


def flatten_into(flat: dict[str, Scalar], name: str, value: object) -> None:
    """Adds one value under its name, or the cells of a nested one. Raises: RecordError."""
    for path, scalar in _cells(name, value, 0):
        if path in flat:
            raise RecordError("colliding names", f"two values are named {path!r}; rename one of the keys")
        flat[path] = scalar
        if len(flat) > MOST_CELLS:
            raise RecordError("too many cells", f"more than {MOST_CELLS} in one record")


def _cells(name: str, value: object, depth: int) -> Iterator[tuple[str, Scalar]]:
    if value is None or isinstance(value, str | int | float):
        yield name, value
        return
    if depth == DEEPEST:
        raise RecordError("nested too deep", f"{name[:60]!r} lies deeper than {DEEPEST} levels")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _cells(f"{name}.{key}", inner, depth + 1)
    elif isinstance(value, Sequence):
        for index, inner in enumerate(value):
            yield from _cells(f"{name}[{index}]", inner, depth + 1)


def flatten_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame of any columns as one of the Dataset contract's dtypes (`watchpost.data.dataset`), rows unchanged.

    | from | to |
    |---|---|
    | Int8 … Int64, UInt8 … UInt32 | Int64 |
    | UInt64, Int128, UInt128 | UInt64 and Int128 as they are; UInt128 as text beyond Int128 |
    | Float16, Float32, Float64, Decimal | Float64 |
    | Date, Time | String: `2026-11-20`, `23:33:12`, `23:33:12.500` |
    | Datetime | String: `2026-11-20T23:33:12`, fraction only if there is one, offset `+00:00` if it has a zone |
    | Duration | String, ISO 8601: `PT1H30M` |
    | Categorical, Enum | String |
    | Binary | String: hexadecimal |
    | Struct, List, Array | flat columns, named as above; a list as long as the longest in the frame |

    Raises: UnreadableSource when a dtype has no cells (Object), or when there are more than MOST_CELLS columns.
    """
    names: list[str] = []
    columns: list[pl.Series] = []
    for column in frame:
        for flat in _flat_columns(column, column.name, 0):
            names.append(flat.name)
            columns.append(flat)
            if len(columns) > MOST_CELLS:
                raise UnreadableSource(
                    frame.columns[0], f"it unfolds to more than {MOST_CELLS} columns", "Drop or shorten its long lists"
                )
    return pl.DataFrame([c.alias(n) for c, n in zip(columns, distinct_names(names), strict=True)], height=frame.height)


def _flat_columns(column: pl.Series, name: str, depth: int) -> Iterator[pl.Series]:
    dtype = column.dtype
    if isinstance(dtype, pl.Struct) and depth < DEEPEST:
        for field in dtype.fields:
            yield from _flat_columns(column.struct.field(field.name), f"{name}.{field.name}", depth + 1)
    elif isinstance(dtype, pl.List | pl.Array) and depth < DEEPEST:
        lists = column.arr.to_list() if isinstance(dtype, pl.Array) else column
        longest = min(_whole(lists.list.len().max()), MOST_CELLS + 1)
        for index in range(longest):
            yield from _flat_columns(lists.list.get(index, null_on_oob=True), f"{name}[{index}]", depth + 1)
    else:
        yield _plain_column(column).alias(name)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _plain_column(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if dtype in _AS_THEY_ARE:
        return column
    if dtype.is_integer():
        return _or_text(column) if dtype == pl.UInt128 else column.cast(pl.Int64)
    if dtype.is_float() or dtype.is_decimal():
        return column.cast(pl.Float64)
    if dtype.is_temporal():
        return _time_as_text(column)
    if dtype == pl.Binary:
        return column.bin.encode("hex")
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    raise UnreadableSource(column.name, f"a column of {dtype} has no readable cells", "Convert or drop this column")


_AS_THEY_ARE = frozenset((pl.Int64, pl.UInt64, pl.Int128, pl.Float64, pl.Boolean, pl.String, pl.Null))


def _time_as_text(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if isinstance(dtype, pl.Datetime):
        return column.dt.to_string("%Y-%m-%dT%H:%M:%S%.f" + ("%:z" if dtype.time_zone else ""))
    if dtype == pl.Duration:
        return column.dt.to_string("iso")
    return column.dt.to_string("%H:%M:%S%.f" if dtype == pl.Time else "%Y-%m-%d")


def _or_text(column: pl.Series) -> pl.Series:
    try:
        return column.cast(pl.Int128)
    except pl.exceptions.InvalidOperationError:
        return column.cast(pl.String)
