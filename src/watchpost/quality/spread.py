"""Standard deviations of metrics by the contract's rule (6.5): five random samples of 80 % of the rows.

The rows are kept while they are at most `MOST_ROWS`; of more rows a uniform sample of that size is kept, the rule is
applied to it, and the deviations are scaled by the square root of kept over all rows, as a mean's deviation falls with
the root of its rows. The sample holds the rows with the smallest random marks, so samples merge, and the merged one is
as uniform as if all rows had been seen at once.
"""

import math
from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.quality.attributes import WEIGHT
from watchpost.quality.figures import Figures

LEAST_ROWS = 200
"""Fewer rows have no standard deviation (contract 6.5)."""

MOST_ROWS = 1 << 15
SAMPLES, SHARE = 5, 0.8
MOST_HALVED = 1 << 13  # rows of which halves are drawn: more would hardly make the errors surer
HALVES = 30  # half samples that tell a standard error: its own relative error is then about an eighth


class RowSample:
    """A uniform random sample of rows, mergeable; all rows while they are few.

    Args: size: rows kept at most.
    """

    def __init__(self, size: int = MOST_ROWS) -> None:
        self._size, self._seen = size, 0
        self._kept, self._marks = pl.DataFrame(), np.empty(0)
        self._highest = 1.0  # marks are uniform in [0, 1); once the sample is full only smaller ones come in

    @property
    def rows(self) -> pl.DataFrame:
        """The rows kept, in the order in which they were shown."""
        return self._kept

    @property
    def seen(self) -> int:
        """All rows shown so far."""
        return self._seen

    def update(self, rows: pl.DataFrame, rng: np.random.Generator) -> None:
        """Show rows, all of the same columns, the weight aside."""
        self._seen += rows.height
        if self._highest < 1.0:
            # How many rows draw a mark below the highest kept, then which: as if every row had drawn one.
            count = int(rng.binomial(rows.height, self._highest))
            rows = rows[rng.choice(rows.height, count, replace=False, shuffle=False)]
        if rows.height > 4 * self._size:
            rows, marks = _drawn(rows, self._size, rng)
        else:
            marks = rng.random(rows.height)
        if rows.height:
            self._keep(rows, marks * self._highest)

    def merge(self, other: "RowSample") -> "RowSample":
        """A new sample of both sides' rows; the smaller size holds."""
        merged = RowSample(min(self._size, other._size))
        merged._seen = self._seen + other._seen
        # The side with the lower highest mark is full, so the smallest marks of all are among those kept.
        merged._highest = min(self._highest, other._highest)
        for side in (self, other):
            merged._keep(side._kept, side._marks)
        return merged

    def _keep(self, rows: pl.DataFrame, marks: NDArray[np.float64]) -> None:
        """Take in rows with their marks; beyond the size, only those with the smallest marks stay."""
        if not rows.height:
            return
        rows, marks = _smallest(rows, marks, self._size)
        if self._kept.width:
            rows, marks = _both(self._kept, rows), np.concatenate((self._marks, marks))
            rows, marks = _smallest(rows, marks, self._size)
        self._kept, self._marks = rows, marks
        if len(marks) == self._size:
            self._highest = min(self._highest, float(marks.max()))


def _both(kept: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """One behind the other; rows that came without a weight weigh 1."""
    if kept.columns == rows.columns:
        return pl.concat([kept, rows])
    both = pl.concat([kept, rows], how="diagonal")
    return both.with_columns(pl.col(WEIGHT).fill_null(1.0)) if WEIGHT in both.columns else both


def _drawn(rows: pl.DataFrame, size: int, rng: np.random.Generator) -> tuple[pl.DataFrame, NDArray[np.float64]]:
    """The rows with the smallest marks, and these, as if every row had drawn one.

    The smallest of n uniform numbers are the sums of as many exponential gaps, over the sum of n + 1 such gaps.
    Source: Devroye 1986, Non-Uniform Random Variate Generation, chapter V, theorem 2.2.
    """
    sums = rng.standard_exponential(size).cumsum()
    marks = sums / (sums[-1] + rng.standard_gamma(rows.height + 1 - size))
    chosen = np.sort(rng.choice(rows.height, size, replace=False, shuffle=False))
    return rows[chosen], rng.permutation(marks)


def _smallest(rows: pl.DataFrame, marks: NDArray[np.float64], size: int) -> tuple[pl.DataFrame, NDArray[np.float64]]:
    if len(marks) <= size:
        return rows, marks
    chosen = np.sort(np.argpartition(marks, size - 1)[:size])
    return rows[chosen], marks[chosen]


def standard_deviations(
    sample: RowSample, measure: Callable[[pl.DataFrame], Figures], rng: np.random.Generator
) -> dict[str, float | None]:
    """The standard deviation of every metric, by name; empty below LEAST_ROWS.

    Args: measure: figures of some of the sample's rows. rng: draws the samples, without replacement.
    Returns: None for a metric that one of the samples leaves undefined. The five values' deviation is that of a sample
    (n - 1): with it the expectation is half the metric's standard error, which is what real files show.
    """
    if sample.seen < LEAST_ROWS:
        return {}
    rows = sample.rows
    size = round(rows.height * SHARE)
    draws = (rng.choice(rows.height, size, replace=False, shuffle=False) for _ in range(SAMPLES))
    figures = [measure(rows[np.sort(draw)]) for draw in draws]
    scale = math.sqrt(rows.height / sample.seen)
    deviations: dict[str, float | None] = {}
    for metrics in zip(*(f.metrics for f in figures), strict=True):
        values = [metric.value for metric in metrics if metric.value is not None]
        known = len(values) == SAMPLES
        deviations[metrics[0].name] = scale * float(np.std(values, ddof=1)) if known else None
    return deviations


def standard_errors(
    sample: RowSample, measure: Callable[[pl.DataFrame], Figures], rng: np.random.Generator
) -> dict[str, float]:
    """The standard error of every metric that is defined on the sample and nearly all halves of it, by name.

    Five values are too few to judge by: their deviation is off by a third as a rule. These come from HALVES random
    halves of the rows: a half drawn without replacement deviates from the whole by exactly one standard error of it.
    Source: Shao and Wu 1989, The Annals of Statistics 17(3), 1176-1197 (the delete-d jackknife, d = n / 2).
    """
    rows = sample.rows
    if rows.height < 2:
        return {}
    if rows.height > MOST_HALVED:
        rows = rows[np.sort(rng.choice(rows.height, MOST_HALVED, replace=False, shuffle=False))]
    size = rows.height // 2
    draws = (rng.choice(rows.height, size, replace=False, shuffle=False) for _ in range(HALVES))
    figures = [measure(rows[np.sort(draw)]) for draw in draws]
    scale = math.sqrt(size / (rows.height - size)) * math.sqrt(rows.height / sample.seen)
    errors: dict[str, float] = {}
    for metrics in zip(*(f.metrics for f in figures), strict=True):
        values = [metric.value for metric in metrics if metric.value is not None]
        if len(values) >= HALVES * 0.9:
            errors[metrics[0].name] = scale * float(np.std(values, ddof=1))
    return errors
