"""What chance alone does to global attributions: permuted sides for tests, resampled rows for intervals.

Both take matrices of contributions (`global_attribution.contributions`), one row per explained row and one column per
label and feature, so that all labels of a row stay together.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from watchpost.attribution.explanation import Matrix
from watchpost.attribution.global_attribution import Aggregation

_CELLS = 4_000_000  # of resampled values held at a time, 32 MB


def permuted(
    baseline: Matrix, current: Matrix, aggregation: Aggregation, permutations: int, rng: np.random.Generator
) -> tuple[Matrix, Matrix]:
    """Global attributions of both sides after dealing all rows out again, each of shape (permutations, columns).

    Rows that all come from one distribution could as well have been dealt so: that makes tests on these exact, for any
    number of rows. Source: Phipson & Smyth 2010, Permutation p-values should never be zero.
    """
    pooled, first, rows = np.concatenate([baseline, current]), len(baseline), len(baseline) + len(current)
    before = np.empty((permutations, pooled.shape[1]))
    after = np.empty_like(before)
    for part in _parts(permutations, max(1, _CELLS // rows)):
        dealt = [rng.permutation(rows) for _ in range(part.start, part.stop)]
        if aggregation == "median":
            before[part] = [np.median(pooled[order[:first]], axis=0) for order in dealt]
            after[part] = [np.median(pooled[order[first:]], axis=0) for order in dealt]
            continue
        chosen = np.zeros((len(dealt), rows))
        np.put_along_axis(chosen, np.array(dealt)[:, :first], 1.0, axis=1)
        before[part] = chosen @ pooled / first
        after[part] = (1 - chosen) @ pooled / (rows - first)
    return before, after


def resampled(values: Matrix, aggregation: Aggregation, replicates: int, rng: np.random.Generator) -> Matrix:
    """Global attributions of samples drawn from the rows with replacement, (replicates, columns).

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    rows, columns = values.shape
    drawn = np.empty((replicates, columns))
    for part in _parts(replicates, max(1, _CELLS // max(1, rows * columns))):
        if aggregation == "median":
            chosen = rng.integers(rows, size=(part.stop - part.start, rows))
            drawn[part] = np.median(values[chosen], axis=1)
        else:
            times = rng.multinomial(rows, np.full(rows, 1 / rows), size=part.stop - part.start)
            drawn[part] = times.astype(np.float64) @ values / rows
    return drawn


def family_p_values(observed: Matrix, chance: Matrix, size: Matrix) -> Matrix:
    """For each column, how often chance moves *any* column as far: p-values in (0, 1], for all columns together.

    Columns are made comparable by the spread that chance gives them; the observed deal counts as one of chance's.
    Calling every column below alpha moved is wrong, about any column at all, at most alpha of the time.
    Args: observed, (columns,), and chance, (permutations, columns): differences of the sides. size, (columns,): how
    large the values are whose differences these are; a difference of less than 1e-12 of it is rounding.
    Source: Westfall & Young 1993, Resampling-Based Multiple Testing, single-step maxT.
    """
    every = np.concatenate([observed[None, :], chance])
    spread = np.sqrt(np.square(every).mean(axis=0))
    scaled = np.abs(np.divide(every, spread, out=np.zeros_like(every), where=spread > 1e-12 * size))
    largest = scaled.max(axis=1, initial=0.0)
    as_far: NDArray[np.bool_] = largest[:, None] >= scaled[0] * (1 - 1e-9)
    return np.asarray(as_far.mean(axis=0), dtype=np.float64)


def lower_p_value(observed: float, chance: Matrix) -> float:
    """How often chance gives a value as low as the observed one, which counts as one of chance's; in (0, 1]."""
    return float((1 + np.count_nonzero(chance <= observed + 1e-12)) / (1 + len(chance)))


def _parts(total: int, size: int) -> Iterator[slice]:
    return (slice(start, min(total, start + size)) for start in range(0, total, size))
