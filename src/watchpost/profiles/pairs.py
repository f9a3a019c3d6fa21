"""Pair tables: joint counts of every two features, in nine cells each.

They see what no single column shows: a correlation that breaks, or a fault in one segment only, while every column by
itself looks as ever. Optional, because they cost more than all the rest of a profile.

Source: detection contract 2.2 (9 x 9 counts of all pairs up to 30 features).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.profiles import classes
from watchpost.profiles.cells import quantile_edges
from watchpost.profiles.statistics import FeatureStatistics, Statistics

CELLS = 9  # one for no value, eight for values
MOST_FEATURES = 30  # 435 tables; beyond that pairs grow faster than what they tell

Codes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class CellRule:
    """How a feature's cells are numbered: 0 without a value, else 1 to 8.

    edges: of a numeric feature, at most 7: cell i is (edges[i-2], edges[i-1]], ends open. categories: of a text
    feature, the seven most frequent of the baseline, in cells 1 to 7; all others lie in cell 8.
    """

    name: str
    edges: NDArray[np.float64] | None = None
    categories: tuple[str, ...] = ()

    @classmethod
    def of(cls, feature: FeatureStatistics) -> "CellRule | None":
        """The rule that a baseline feature gives, or None when it has no distribution to cut."""
        if feature.numeric is not None and feature.numeric.sketch is not None:
            return cls(feature.name, edges=quantile_edges(feature.numeric.sketch, CELLS - 1))
        if feature.categories:
            frequent = sorted(feature.categories, key=lambda name: (-(feature.categories or {})[name], name))
            return cls(feature.name, categories=tuple(frequent[: CELLS - 2]))
        return None

    def codes(self, cells: pl.Series) -> Codes:
        """The cell of each row, shape (n,). What is no number in a numeric feature counts as no value."""
        if self.edges is not None:
            numbers = _numbers(cells).to_numpy()
            codes = np.searchsorted(self.edges, numbers, side="left").astype(np.uint8) + np.uint8(1)
            codes[np.isnan(numbers)] = 0
            return codes
        known = {name: number for number, name in enumerate(self.categories, start=1)}
        texts = cells.cast(pl.String)
        coded = texts.replace_strict(known, default=CELLS - 1, return_dtype=pl.UInt8)
        return pl.select(pl.when(texts.is_null()).then(pl.lit(0, pl.UInt8)).otherwise(coded)).to_series().to_numpy()


def _numbers(cells: pl.Series) -> pl.Series:
    """The column as floats, NaN where there is no number."""
    if cells.dtype == pl.String:
        cell = pl.col("cell")
        number = pl.when(classes.is_numeric(cell)).then(classes.number(cell))
        return cells.alias("cell").to_frame().select(number).to_series().fill_null(np.nan)
    if cells.dtype in (pl.Boolean, pl.Null):
        return pl.repeat(np.nan, len(cells), dtype=pl.Float64, eager=True)
    return cells.cast(pl.Float64).fill_null(np.nan)


class PairTables:
    """Joint counts of every two features; `update` changes them, `merge` makes new ones.

    Args: rules: at most 30, one per feature.
    """

    __slots__ = ("_counts", "rules")

    def __init__(self, rules: Sequence[CellRule]) -> None:
        self.rules = tuple(rules[:MOST_FEATURES])
        pairs = len(self.rules) * (len(self.rules) - 1) // 2
        self._counts = np.zeros((pairs, CELLS, CELLS), dtype=np.int64)

    @classmethod
    def of(cls, baseline: Statistics) -> "PairTables":
        """Empty tables for the first 30 features of a baseline that have a distribution."""
        return cls([rule for feature in baseline.features if (rule := CellRule.of(feature)) is not None])

    def update(self, batch: pl.DataFrame) -> None:
        """Add the rows of one batch; a feature it lacks has no value in any of them."""
        nothing = np.zeros(batch.height, dtype=np.uint8)
        codes = [rule.codes(batch[rule.name]) if rule.name in batch.columns else nothing for rule in self.rules]
        for pair, (a, b) in enumerate(combinations(codes, 2)):
            counts = np.bincount(a * np.uint8(CELLS) + b, minlength=CELLS * CELLS)
            self._counts[pair] += counts.reshape(CELLS, CELLS)

    def merge(self, other: "PairTables") -> "PairTables":
        """Both tables added up; neither changes. Raises ValueError when their cells differ."""
        if not all(map(_same_cells, self.rules, other.rules)) or len(self.rules) != len(other.rules):
            raise ValueError("pair tables with different cells cannot be merged")
        merged = PairTables(self.rules)
        merged._counts = self._counts + other._counts
        return merged

    def tables(self) -> Mapping[tuple[str, str], NDArray[np.int64]]:
        """The counts, shape (9, 9) for each pair of names: row by the first feature's cell, column by the second's."""
        names = combinations([rule.name for rule in self.rules], 2)
        return {pair: table.copy() for pair, table in zip(names, self._counts, strict=True)}


def _same_cells(a: CellRule, b: CellRule) -> bool:
    same_edges = a.edges is b.edges or (
        a.edges is not None and b.edges is not None and np.array_equal(a.edges, b.edges)
    )
    return a.name == b.name and a.categories == b.categories and same_edges
