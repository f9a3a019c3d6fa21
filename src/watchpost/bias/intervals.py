"""How far a metric may be off by the chance of which rows were seen: a Bayesian bootstrap of the confusion cells.

Resampling n rows with exchangeable (Dirichlet) weights makes the weight of a cell with c rows a gamma variate of
shape c (Rubin 1981, Annals of Statistics 9(1), 130-134), so the cost depends on the cells and never on the rows. Half a
row is added to each of the eight cells (Jeffreys' prior): otherwise five hits of five would pass for certain. CDDL and
CDDPL, spread thin over the group variable, are resampled as they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchpost.bias.flip_test import Flips
from watchpost.bias.metrics import METRICS, Array, side

CONFIDENCE = 0.999
"""A verdict may be wrong by chance in one of a thousand windows, as in all other checks."""
REPLICATES = 10_000
_JEFFREYS = 0.5
_MOST_DRAWS = 40_000_000  # of one conditional disparity: beyond, fewer replicates; some 1.5 s
_LEAST_REPLICATES = 1000
_BLOCK = 4_000_000  # draws at a time, 32 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a metric lies with that confidence, in the metric's own unit; low <= high."""

    low: float
    high: float
    confidence: float


def metric_intervals(
    cells: Array,
    worth: float | Array,
    rng: np.random.Generator,
    *,
    predicted: bool,
    replicates: int = REPLICATES,
    confidence: float = CONFIDENCE,
) -> dict[str, Interval]:
    """Intervals of all metrics of counts, by name: percentiles of the resampled values.

    Args: cells: sums of weights, shape (2, groups + 1, 2, 2): everyone else and the facet's group, by value of the
    group variable (the last: none), label, prediction. worth: rows that a unit of weight stands for, of all cells or of
    each (1 without weights; Kish 1965: sum of weights over sum of squared weights). predicted: whether there are
    predictions. A conditional disparity over more than 5000 values of the group variable has no interval.

    Where cells differ in worth, a cell of weight W and squares S is a gamma variate of shape W² / S and scale S / W: of
    the mean and the variance of rows resampled one by one, each with its own weight.
    """
    each = np.broadcast_to(np.asarray(worth, dtype=np.float64), cells.shape)
    prior = np.full((2, 2, 2), _JEFFREYS)
    if not predicted:
        prior[..., 1] = 0.0
    weight = cells.sum(axis=1)
    squares = (cells / each).sum(axis=1)
    usual = weight.sum() / squares.sum() if squares.any() else 1.0
    common = np.divide(weight, squares, out=np.full_like(weight, usual), where=squares > 0)
    both = rng.standard_gamma(weight * common + prior, size=(replicates, 2, 2, 2)) / common
    a, d = side(both[:, 0]), side(both[:, 1])
    found = {}
    for metric in METRICS:
        if metric.compute is not None and not metric.by_group and (predicted or metric.stage == "pre_training"):
            found[metric.name] = _percentiles(metric.compute(a, d), confidence)
    found |= _conditional_intervals(cells[:, :-1], each[:, :-1], rng, predicted, replicates, confidence)
    gap = found["DPL"]
    if gap.low <= 0 <= gap.high:
        # Groups that may be alike may be at no distance at all, which no resampled distance ever is.
        for name in ("JS", "KL", "KS", "LP", "TVD"):
            found[name] = Interval(min(0.0, found[name].low), found[name].high, confidence)
    return found


def flip_interval(
    flips: Flips,
    worth: float,
    rng: np.random.Generator,
    *,
    replicates: int = REPLICATES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """The flip test's interval.

    Rows of group d whose neighbours are the same rows of group a are no separate answers: together they count for no
    more than the neighbourhoods there are. Without that, one window in a hundred gave a false alarm.
    """
    counts = np.array([flips.favoured, flips.disfavoured, flips.agreed]) * worth
    counts = counts * min(1.0, flips.neighbourhoods / counts.sum()) + _JEFFREYS
    draws = rng.standard_gamma(counts, size=(replicates, 3))
    return _percentiles((draws[:, 0] - draws[:, 1]) / draws.sum(axis=1), confidence)


def _conditional_intervals(
    cells: Array, worth: Array, rng: np.random.Generator, predicted: bool, replicates: int, confidence: float
) -> dict[str, Interval]:
    """Over the values of the group variable that occur; cells without rows stay so, and their terms stay 0."""
    there = cells.sum(axis=(0, 2, 3)) > 0
    own = worth[:, there]
    inhabited = cells[:, there] * own
    size = inhabited.size
    if not size or _MOST_DRAWS // size < _LEAST_REPLICATES:
        return {}
    replicates = min(replicates, _MOST_DRAWS // size)
    wanted = [m for m in METRICS if m.by_group and (predicted or m.stage == "pre_training")]
    values: dict[str, list[NDArray[np.float64]]] = {metric.name: [] for metric in wanted}
    step = max(_BLOCK // size, 1)
    for start in range(0, replicates, step):
        draws = rng.standard_gamma(inhabited, size=(min(step, replicates - start), *inhabited.shape)) / own
        a, d = side(draws[:, 0]), side(draws[:, 1])
        for metric in wanted:
            if metric.compute is not None:
                values[metric.name].append(metric.compute(a, d))
    return {name: _percentiles(np.concatenate(parts), confidence) for name, parts in values.items()}


def _percentiles(values: Array, confidence: float) -> Interval:
    low, high = np.quantile(values, ((1 - confidence) / 2, (1 + confidence) / 2))
    return Interval(float(low), float(high), confidence)
