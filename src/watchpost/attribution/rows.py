"""Rows for explainers: a bounded random choice of them, a typical one, and their numbers."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from watchpost.attribution.errors import UnfitRows
from watchpost.attribution.explanation import Matrix

EXPLAINED_ROWS = 500
"""How many rows are explained unless told otherwise: enough for two swapped features (see `drift`), and affordable."""


def sample_rows(batches: Iterable[pl.DataFrame], limit: int, rng: np.random.Generator) -> pl.DataFrame:
    """At most `limit` rows of a stream, each row equally likely, in reading order, in one pass.

    A column that a batch lacks is null there. Text columns whose every cell is a number become numbers.
    Returns: an empty frame for an empty stream. Source: random-key sampling, Efraimidis & Spirakis 2006.
    """
    kept, keys = pl.DataFrame(), np.empty(0)
    for batch in batches:
        drawn = rng.random(batch.height)
        if len(keys) == limit and limit:
            few = np.flatnonzero(drawn < keys.max())
            batch, drawn = batch[few], drawn[few]  # noqa: PLW2901  the rest of the batch has lost already
        kept = pl.concat([kept, batch], how="diagonal_relaxed") if kept.width else batch
        keys = np.concatenate([keys, drawn])
        if len(keys) > limit:
            chosen = np.sort(np.argsort(keys, kind="stable")[:limit])
            kept, keys = kept[chosen], keys[chosen]
    return kept.select(_as_numbers(column) for column in kept.get_columns())


def typical_row(rows: pl.DataFrame) -> pl.DataFrame:
    """One row to stand for all, as a Kernel SHAP baseline: medians of numbers, the most frequent of anything else.

    Ties go to the smallest value; whole numbers stay whole. A column without any value is null.
    Raises: UnfitRows when there is no row.
    """
    if not rows.height:
        raise UnfitRows("there are none to make a baseline row from", "Give a baseline with at least one row")
    return pl.DataFrame([_typical(column) for column in rows.get_columns()])


def numbers(rows: pl.DataFrame) -> Matrix:
    """The rows as a matrix of shape (rows, columns); null becomes NaN.

    Raises: UnfitRows naming the first column that is neither numeric nor true/false.
    """
    for name, dtype in rows.schema.items():
        if not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
            why = f"column {name!r} is {dtype}, and this explainer computes with numbers"
            raise UnfitRows(why, "Encode it as the model was trained, or explain the whole pipeline with 'kernel_shap'")
    return rows.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64, copy=False)


def in_order(rows: pl.DataFrame, names: tuple[str, ...] | None, *, positional: bool = False) -> pl.DataFrame:
    """The columns a model was trained on, in its order; all of them as they are when it does not remember.

    positional: the model's names are made up, so only their number counts.
    Raises: UnfitRows naming the columns that are missing.
    """
    if names is None or positional:
        if names is not None and len(names) != rows.width:
            raise UnfitRows(f"the model takes {len(names)} features, but the rows have {rows.width}", "Give those only")
        return rows
    missing = [name for name in names if name not in rows.columns]
    if missing:
        raise UnfitRows(f"the model was trained with {', '.join(map(repr, missing))}", "Give those columns too")
    return rows.select(names)


def _as_numbers(column: pl.Series) -> pl.Series:
    if column.dtype != pl.String:
        return column
    for dtype in (pl.Int64, pl.Float64):
        cast = column.cast(dtype, strict=False)
        if cast.null_count() == column.null_count() < len(column):
            return cast
    return column


def _typical(column: pl.Series) -> pl.Series:
    present = column.drop_nulls()
    if not len(present):
        return column.head(1)
    if column.dtype.is_float():
        return pl.Series(column.name, [present.median()], dtype=column.dtype)
    if column.dtype.is_numeric():
        # The lower of two middle values, so that a whole number stays one that was seen.
        return present.sort()[(len(present) - 1) // 2 :].head(1)
    return present.mode().sort().head(1)
