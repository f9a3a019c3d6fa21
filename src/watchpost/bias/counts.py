"""Confusion cells per group: all that the metrics need of the rows, the flip test aside; they add up over windows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.bias.groups import (
    Above,
    EachValue,
    FacetRule,
    Grouping,
    Rule,
    group_names,
    membership,
    rule_text,
    value_name,
)
from watchpost.errors import UnreadableSource


@dataclass(frozen=True, slots=True, eq=False)
class FacetCounts:
    """How many rows of each group had which label and which prediction.

    values: the groups, by name. groups: the values of the group variable.
    weights, rows: shape (values + 1, groups + 1, 2, 2): by group, value of the group variable, label (negative,
    positive) and prediction (negative, positive; without predictions all are negative). The last group is everyone
    who is in none of them; the last value of the group variable is none at all. weights holds sums of row weights,
    rows numbers of rows; without weights both are the same. maximum: the largest cell of a facet given by a threshold.
    squares: sums of squared row weights, of the same shape; None where every row weighs 1.
    """

    rule: FacetRule
    values: tuple[str, ...]
    groups: tuple[str, ...]
    weights: NDArray[np.float64]
    rows: NDArray[np.int64]
    maximum: float | None = None
    squares: NDArray[np.float64] | None = None

    @property
    def squared(self) -> NDArray[np.float64]:
        """Sums of squared row weights, in the shape of `weights`."""
        return self.rows.astype(np.float64) if self.squares is None else self.squares

    def text(self, index: int) -> str:
        """A group as `analysis.json` names it."""
        rules = self.rule.rules
        return (
            rule_text(rules[0], self.maximum) if len(rules) == 1 and isinstance(rules[0], Above) else self.values[index]
        )

    def merge(self, other: "FacetCounts") -> "FacetCounts":
        """Both together; the facets must be the same."""
        values, groups = _union(self.values, other.values), _union(self.groups, other.groups)
        weights, rows = np.zeros(_shape(values, groups)), np.zeros(_shape(values, groups), dtype=np.int64)
        squares = np.zeros_like(weights)
        for part in (self, other):
            at = np.ix_(_places(part.values, values), _places(part.groups, groups))
            weights[at] += part.weights
            rows[at] += part.rows
            squares[at] += part.squared
        maxima = [m for m in (self.maximum, other.maximum) if m is not None]
        plain = self.squares is None and other.squares is None
        return FacetCounts(
            self.rule, values, groups, weights, rows, max(maxima, default=None), None if plain else squares
        )


@dataclass(frozen=True, slots=True, eq=False)
class BiasCounts:
    """The confusion cells of every facet.

    rows: rows counted. left_out: rows whose label or prediction is missing; they are in no cell. weight, squares: sum
    of the row weights and of their squares, which tell how much a weighted row is worth. label_maximum: the largest
    label, where labels are judged by a threshold.
    """

    grouping: Grouping
    facets: tuple[FacetCounts, ...]
    rows: int
    left_out: int
    weight: float
    squares: float
    label_maximum: float | None = None

    @property
    def label_text(self) -> str:
        """The positive label as `analysis.json` names it."""
        return rule_text(self.grouping.positive_label, self.label_maximum)

    def merge(self, other: "BiasCounts") -> "BiasCounts":
        """Both windows together: associative, commutative, and the same as counting all rows at once."""
        maxima = [m for m in (self.label_maximum, other.label_maximum) if m is not None]
        return BiasCounts(
            self.grouping,
            tuple(a.merge(b) for a, b in zip(self.facets, other.facets, strict=True)),
            self.rows + other.rows,
            self.left_out + other.left_out,
            self.weight + other.weight,
            self.squares + other.squares,
            max(maxima, default=None),
        )


def count(frame: pl.DataFrame, who: Grouping) -> BiasCounts:
    """Count a table, or one batch of it.

    A row without label or prediction is left out, and that is counted. A row whose facet is missing is in none of the
    facet's groups, and so among everyone else; one whose group variable is missing takes no part in CDDL and CDDPL.
    Raises: UnreadableSource when a column is missing, a weight is not a finite number of at least 0, or a facet without
    given values has more than 1000 of them.
    """
    missing = [name for name in who.columns if name not in frame.columns]
    if missing:
        raise UnreadableSource("the data", f"there is no column {missing[0]!r}", "Name the columns as they are")
    coded = _coded(frame, who)
    known = coded.filter(pl.col("label").is_not_null() & pl.col("predicted").is_not_null())
    if not bool((known["weight"].is_finite() & (known["weight"] >= 0)).all()):
        why = f"weights in {who.weight!r} must be finite numbers of at least 0"
        raise UnreadableSource("the data", why, "Correct the weights, or leave them out")
    keys = [name for name in known.columns if name != "weight"]
    # Every combination once: from here on the work does not depend on the number of rows.
    sums = (pl.col("weight").sum(), pl.len().alias("rows"), pl.col("weight").pow(2).sum().alias("squares"))
    cells = known.group_by(keys).agg(*sums).sort(keys, nulls_last=True)
    return BiasCounts(
        who,
        tuple(
            _facet_counts(frame, cells, index, facet, weighted=who.weight is not None)
            for index, facet in enumerate(who.facets)
        ),
        rows=known.height,
        left_out=coded.height - known.height,
        weight=float(cells["weight"].sum()),
        squares=float(cells["squares"].sum()),
        label_maximum=_maximum(frame, who.label, who.positive_label),
    )


def _coded(frame: pl.DataFrame, who: Grouping) -> pl.DataFrame:
    """Columns label, predicted (true, false, null), group, weight, and f0, f1, … with the facets' groups by name."""
    dtype = frame.schema
    predicted, group, weight = pl.lit(value=False), pl.lit(None, dtype=pl.String), pl.lit(1.0)
    if who.predicted is not None:
        predicted = membership(who.predicted, dtype[who.predicted], who.positive_prediction)
    if who.group_variable is not None:
        group = pl.col(who.group_variable)
    if who.weight is not None:
        weight = pl.col(who.weight).cast(pl.Float64, strict=False).fill_null(np.nan)
    label = membership(who.label, dtype[who.label], who.positive_label)
    facets = [group_names(frame, facet).alias(f"f{index}") for index, facet in enumerate(who.facets)]
    # Not select: of literals alone it would make a frame of one row.
    coded = frame.with_columns(
        label.alias("label"), predicted.alias("predicted"), group.alias("group"), weight.alias("weight")
    )
    return coded.select("label", "predicted", "group", "weight").with_columns(facets)


def _facet_counts(
    frame: pl.DataFrame, cells: pl.DataFrame, index: int, facet: FacetRule, *, weighted: bool
) -> FacetCounts:
    names: list[str | None] = cells[f"f{index}"].to_list()
    given = [rule_text(rule) for rule in facet.rules if not isinstance(rule, EachValue)]
    values = (" & ".join(given),) if len(given) == len(facet.rules) else _distinct(names)
    inner = [value_name(cell) for cell in cells["group"].to_list()]
    groups = _distinct(inner)
    shape = _shape(values, groups)
    places = (_codes(names, values), _codes(inner, groups), cells["label"].to_numpy(), cells["predicted"].to_numpy())
    at = np.ravel_multi_index(tuple(place.astype(np.int64) for place in places), shape)
    size = int(np.prod(shape))
    weights = np.bincount(at, cells["weight"].to_numpy(), size).astype(np.float64).reshape(shape)
    rows = np.bincount(at, cells["rows"].to_numpy(), size).reshape(shape).astype(np.int64)
    squares = np.bincount(at, cells["squares"].to_numpy(), size).astype(np.float64).reshape(shape)
    maximum = _maximum(frame, facet.columns[0], facet.rules[0]) if len(facet.rules) == 1 else None
    return FacetCounts(facet, values, groups, weights, rows, maximum, squares if weighted else None)


def _maximum(frame: pl.DataFrame, name: str, rule: Rule | EachValue) -> float | None:
    if not isinstance(rule, Above):
        return None
    cells = frame[name].cast(pl.Float64, strict=False).fill_nan(None).drop_nulls()
    return float(cells.max()) if len(cells) else None  # type: ignore[arg-type]  # polars types max() of any series


def _distinct(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name is not None}, key=_in_order))


def _in_order(name: str) -> tuple[bool, float, str]:
    """Numbers by size, then text."""
    try:
        return (False, float(name), name)
    except ValueError:
        return (True, 0.0, name)


def _codes(names: Sequence[str | None], known: tuple[str, ...]) -> NDArray[np.int64]:
    at: Mapping[str | None, int] = {name: place for place, name in enumerate(known)}
    return np.array([at.get(name, len(known)) for name in names], dtype=np.int64)


def _union(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    return a if a == b else _distinct((*a, *b))


def _places(part: tuple[str, ...], whole: tuple[str, ...]) -> NDArray[np.int64]:
    return np.append(_codes(part, whole), len(whole))


def _shape(values: tuple[str, ...], groups: tuple[str, ...]) -> tuple[int, int, int, int]:
    return len(values) + 1, len(groups) + 1, 2, 2
