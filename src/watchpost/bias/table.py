"""The bias table: every metric of every group, with its error or its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.bias.counts import BiasCounts, FacetCounts, count
from watchpost.bias.flip_test import Flips, flip_test
from watchpost.bias.groups import Grouping, group_names, membership
from watchpost.bias.intervals import CONFIDENCE, REPLICATES, Interval, flip_interval, metric_intervals
from watchpost.bias.metrics import METRICS, Metric, Side, side, why_undefined

LEAST_ROWS = 30
"""A group of fewer rows is too small to be judged: of 30 rows without a hit, the true share may still be 10 %."""
LEAST_SHARED = 5
"""A rate of fewer rows (the recall of three positives) is too coarse to be judged."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One metric of one group.

    value: None when it is not defined, and then error says why. interval: where it lies given the chance of sampling;
    None where it was not asked for or cannot be had. shortage: why it stands on too few rows to be judged by.
    sampled: whether the flip test asked only some of the rows.
    """

    metric: Metric
    value: float | None
    error: str | None = None
    interval: Interval | None = None
    shortage: str | None = None
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class GroupBias:
    """All metrics of one group against everyone else.

    facet: the column, or two joined by ` & `. value: the group as `analysis.json` names it. rows, other_rows: rows in
    the group, and of everyone else. values: in the order of METRICS; without predictions the pre-training ones.
    """

    facet: str
    value: str
    rows: int
    other_rows: int
    values: tuple[MetricValue, ...]

    def __getitem__(self, name: str) -> MetricValue:
        """A metric by its short name. Raises: KeyError."""
        for value in self.values:
            if value.metric.name == name:
                return value
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class BiasTable:
    """All metrics of all groups.

    label, label_text: the column and which of its values are positive. predicted: whether there are predictions.
    rows, left_out: rows counted, and rows whose label or prediction is missing.
    """

    label: str
    label_text: str
    predicted: bool
    rows: int
    left_out: int
    groups: tuple[GroupBias, ...]


FlipOutcome = Flips | str
"""The flip test of one group, or why there is none."""


def bias_table(
    frame: pl.DataFrame,
    who: Grouping,
    *,
    rng: np.random.Generator | None = None,
    features: Sequence[str] | None = None,
    exact: bool = False,
    replicates: int = REPLICATES,
    confidence: float = CONFIDENCE,
) -> BiasTable:
    """Count a table, run the flip tests, and compute every metric.

    Args: rng: for intervals and for sampling in the flip test; without it there are no intervals and no sampling.
    features: the columns that the flip test measures distances by; by default all except label, prediction, weight
    and the facet itself. exact: never sample in the flip test.
    Raises: as `count` does.
    """
    counts = count(frame, who)
    flips = flip_tests(frame, who, counts, features=features, rng=None if exact else rng)
    return tabulate(counts, flips, rng=rng, replicates=replicates, confidence=confidence)


def tabulate(
    counts: BiasCounts,
    flips: Mapping[tuple[str, str], FlipOutcome] | None = None,
    *,
    rng: np.random.Generator | None = None,
    replicates: int = REPLICATES,
    confidence: float = CONFIDENCE,
) -> BiasTable:
    """Every metric from counts, those of merged windows too; flips: outcomes of `flip_tests`, by facet and value."""
    who = counts.grouping
    groups = []
    for facet in counts.facets:
        for index, value in enumerate(facet.values):
            flip = (flips or {}).get((facet.rule.name, value), "The flip test needs rows, and here are only counts.")
            line = _Line(counts, facet, index, flip)
            groups.append(_group(line, rng, replicates, confidence))
    return BiasTable(
        who.label, counts.label_text, who.predicted is not None, counts.rows, counts.left_out, tuple(groups)
    )


def flip_tests(
    frame: pl.DataFrame,
    who: Grouping,
    counts: BiasCounts,
    *,
    features: Sequence[str] | None = None,
    rng: np.random.Generator | None = None,
) -> dict[tuple[str, str], FlipOutcome]:
    """The flip test of every group of `counts`, which must be those of the same frame; rng: sample, see `flip_test`."""
    if who.predicted is None:
        return {}
    schema = frame.schema
    label = membership(who.label, schema[who.label], who.positive_label).alias("label")
    predicted = membership(who.predicted, schema[who.predicted], who.positive_prediction).alias("predicted")
    known = frame.with_columns(__label=label, __predicted=predicted).drop_nulls(["__label", "__predicted"])
    answers = known["__predicted"].to_numpy()
    weights = None if who.weight is None else known[who.weight].cast(pl.Float64).to_numpy()
    apart = {who.label, who.predicted, who.weight, "__label", "__predicted"}
    outcomes: dict[tuple[str, str], FlipOutcome] = {}
    for facet in counts.facets:
        named = features if features is not None else [name for name in frame.columns if name not in apart]
        table = _numbers(known, [name for name in named if name not in facet.rule.columns])
        names = group_names(known, facet.rule)
        for value in facet.values:
            inside = (names == value).fill_null(value=False).to_numpy()
            outcomes[facet.rule.name, value] = _outcome(table, inside, answers, weights, rng)
    return outcomes


def _outcome(
    table: NDArray[np.float64] | str,
    inside: NDArray[np.bool_],
    answers: NDArray[np.bool_],
    weights: NDArray[np.float64] | None,
    rng: np.random.Generator | None,
) -> FlipOutcome:
    if isinstance(table, str):
        return table
    if not inside.any() or inside.all():
        return "The flip test needs rows in the facet's group and outside it."
    return flip_test(table, inside, answers, weights=weights, rng=rng)


def _numbers(known: pl.DataFrame, features: Sequence[str]) -> NDArray[np.float64] | str:
    """The features as numbers, or why they are none."""
    absent = [name for name in features if name not in known.columns]
    if absent or not features:
        return f"The flip test lacks the feature {absent[0]!r}." if absent else "The flip test has no feature to go by."
    text = [name for name in features if not (known.schema[name].is_numeric() or known.schema[name] == pl.Boolean)]
    if text:
        return f"The flip test does not support non-numeric columns, such as {text[0]!r}."
    table = known.select(pl.col(features).cast(pl.Float64).fill_null(np.nan)).to_numpy()
    holes = ~np.isfinite(table).all(axis=0)
    if holes.any():
        return f"The flip test needs a finite number in every cell, and {features[int(holes.argmax())]!r} lacks some."
    return np.ascontiguousarray(table)


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the table in the making."""

    counts: BiasCounts
    facet: FacetCounts
    index: int
    flip: FlipOutcome

    def sides(self, cells: NDArray[np.float64] | NDArray[np.int64]) -> tuple[Side, Side]:
        """Everyone else and the group, by value of the group variable (the last: none)."""
        return side(np.delete(cells, self.index, axis=0).sum(axis=0)), side(cells[self.index])


def _group(line: _Line, rng: np.random.Generator | None, replicates: int, confidence: float) -> GroupBias:
    counts, weights = line.counts, line.facet.weights
    predicted = counts.grouping.predicted is not None
    intervals: dict[str, Interval] = {}
    if rng is not None:
        cells, squares = (
            np.stack([np.delete(sums, line.index, axis=0).sum(axis=0), sums[line.index]])
            for sums in (weights, line.facet.squared)
        )
        # What chance does to a group follows from its own rows' weights, which may be all small or all large.
        usual = counts.weight / counts.squares if counts.squares else 1.0
        worth = np.divide(cells, squares, out=np.full_like(cells, usual), where=squares > 0)
        intervals = metric_intervals(
            cells, worth, rng, predicted=predicted, replicates=replicates, confidence=confidence
        )
        if isinstance(line.flip, Flips):
            asked = float(squares[1].sum())
            own = float(cells[1].sum()) / asked if asked else usual
            intervals["FT"] = flip_interval(line.flip, own, rng, replicates=replicates, confidence=confidence)
    a, d = line.sides(line.facet.rows)
    wanted = [metric for metric in METRICS if predicted or metric.stage == "pre_training"]
    return GroupBias(
        line.facet.rule.name,
        line.facet.text(line.index),
        int(d.total().all),
        int(a.total().all),
        tuple(_value(line, metric, intervals.get(metric.name)) for metric in wanted),
    )


def _value(line: _Line, metric: Metric, interval: Interval | None) -> MetricValue:
    a, d = line.sides(line.facet.weights)
    shortage = _shortage(metric, *(s.total() for s in line.sides(line.facet.rows)))
    if metric.compute is None:
        if isinstance(line.flip, str):
            return MetricValue(metric, None, line.flip)
        return MetricValue(metric, line.flip.value, None, interval, shortage, line.flip.sampled)
    error = why_undefined(metric, a, d, grouped=line.counts.grouping.group_variable is not None)
    if error is not None:
        return MetricValue(metric, None, error)
    # Rows without a value of the group variable are in none of its groups.
    a, d = (Side(*(c[..., :-1] for c in (s.tp, s.fp, s.fn, s.tn))) if metric.by_group else s.total() for s in (a, d))
    return MetricValue(metric, float(metric.compute(a, d)), None, interval, shortage)


def _shortage(metric: Metric, a: Side, d: Side) -> str | None:
    """Why the group, everyone else, or the rows that the metric's rates are shares of are too few."""
    for who, rows in (("the group", d), ("everyone else", a)):
        if rows.all < LEAST_ROWS:
            return f"{who} has {int(rows.all)} rows, and it takes {LEAST_ROWS} to judge by"
        shared = metric.share_of.rows(rows)
        if shared < LEAST_SHARED:
            return f"{who} has {int(shared)} {metric.share_of.words}, and it takes {LEAST_SHARED} to judge by"
    return None
