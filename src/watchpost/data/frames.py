"""Tables that are already in memory: polars, pandas, pyarrow, or anything that speaks the Arrow C stream interface."""

from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

import polars as pl

from watchpost.data.flatten import flatten_frame
from watchpost.data.names import distinct_names
from watchpost.data.quarantine import Quarantine
from watchpost.errors import UnreadableSource

_CELLS = 5_000_000  # cells in a slice, 40 MB as numbers
_LEAST_ROWS = 16_384


@runtime_checkable
class ArrowStream(Protocol):
    """The Arrow PyCapsule interface: pyarrow tables and readers, pandas and DuckDB results, and many more offer it."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule that holds an ArrowArrayStream."""
        ...


@runtime_checkable
class _PandasFrame(Protocol):
    """What is needed of a pandas frame, which this package never imports."""

    columns: object

    def set_axis(self, labels: list[str], *, axis: int) -> "_PandasFrame": ...
    def reset_index(self, *, drop: bool) -> "_PandasFrame": ...


@runtime_checkable
class _ArrowTable(Protocol):
    """What is needed of a pyarrow table: polars refuses repeated names, so they are told apart first."""

    column_names: list[str]

    def rename_columns(self, names: list[str]) -> ArrowStream: ...


class Frame:
    """A Dataset of a table in memory, given slice by slice without a copy where the dtypes allow.

    table: a polars DataFrame or LazyFrame, a pandas DataFrame (its index is ignored), a pyarrow Table, a mapping of
    names to sequences, or anything with `__arrow_c_stream__`. Column names become strings; a repeated one is told apart
    as `name#2`. Dtypes are mapped as in `flatten_frame`. name: for messages and reports.
    Raises: UnreadableSource when the object is no such table.
    """

    def __init__(self, table: object, *, name: str = "data frame") -> None:
        self._name = name
        self._table = _as_polars(table, name)

    @property
    def name(self) -> str:
        """What the table is called in messages and reports."""
        return self._name

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:  # noqa: ARG002  every row of a table is readable
        """See Dataset.batches. A LazyFrame is streamed, once per pass."""
        if isinstance(self._table, pl.DataFrame):
            step = max(_LEAST_ROWS, _CELLS // max(self._table.width, 1))
            for start in range(0, max(self._table.height, 1), step):
                yield flatten_frame(self._table.slice(start, step))
            return
        try:
            for piece in self._table.collect_batches(maintain_order=True):
                yield flatten_frame(piece)
        except pl.exceptions.PolarsError as error:
            raise UnreadableSource(self._name, str(error).partition("\n")[0], "Check the lazy query") from error


def _as_polars(table: object, name: str) -> pl.DataFrame | pl.LazyFrame:
    if isinstance(table, pl.DataFrame | pl.LazyFrame):
        return table
    try:
        if isinstance(table, _PandasFrame):
            return _from_pandas(table)
        if isinstance(table, ArrowStream):
            named = (
                table.rename_columns(distinct_names(table.column_names)) if isinstance(table, _ArrowTable) else table
            )
            return pl.DataFrame(named)
        if isinstance(table, Mapping):
            return pl.DataFrame({str(key): values for key, values in table.items()})
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise UnreadableSource(name, str(error).partition("\n")[0], "Convert its columns to plain types") from error
    expected = "expected a polars, pandas or pyarrow table, or an object with __arrow_c_stream__"
    raise UnreadableSource(name, f"a {type(table).__name__} is no table; {expected}", "Convert it first")


def _from_pandas(table: _PandasFrame) -> pl.DataFrame:
    """Renamed first: polars refuses repeated names, and takes a pandas index for a column."""
    labels = [".".join(map(str, c)) if isinstance(c, tuple) else str(c) for c in _iterate(table.columns)]
    plain = table.set_axis(distinct_names(labels), axis=1).reset_index(drop=True)
    return pl.from_pandas(plain)


def _iterate(columns: object) -> list[object]:
    return list(columns) if hasattr(columns, "__iter__") else []
