"""The p-value of the chi-squared test of homogeneity: could both sides be samples of one distribution?

Both sides are taken as samples (Pearson's test of a 2 x c table): categories new to the baseline count, and a small
baseline's own chance is allowed for. Sparse categories are merged until the approximation holds: with two, both
expected counts must reach 10 (Cochran); with more, at most a fifth may be below 5 (Yates). The original instead takes
the baseline for certain and drops the categories it does not know, so it cannot see a new one and alarms on small
baselines: `compat` does that (`original_statistic`).

Numbers are tested on quantile cells of the baseline; rows behind a sketch count for as many as would know the cells as
well as it does, 20,000 at most. On windows of a million rows any real difference, however harmless, has a p-value near
0: use a distance there.
Source: contract 4.3; Cochran 1954, Biometrics 10(4), 417-451.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchpost.drift._chance import independent_rows
from watchpost.drift._test import DriftTest, Measure
from watchpost.profiles.cells import cell_pair
from watchpost.profiles.gap import CategoryCounts, Comparison, DistributionFunctions

Floats = NDArray[np.float64]


class ChiSquared(NamedTuple):
    """The statistic, in [0, inf), and its degrees of freedom."""

    statistic: float
    degrees: int

    @property
    def p_value(self) -> float:
        """How often equal distributions give a statistic as large, in [0, 1]."""
        from scipy.special import chdtrc  # noqa: PLC0415 - scipy is loaded by those who choose this test

        return float(chdtrc(self.degrees, self.statistic)) if self.degrees else 1.0


def homogeneity(pair: Comparison) -> ChiSquared | None:
    """Two-sample test over merged cells; None when there are too few rows for two cells."""
    cells = cell_pair(pair)
    table = np.stack((cells.baseline, cells.current))
    match pair:
        case DistributionFunctions():
            table *= [[independent_rows(rows) / rows] for rows in (pair.baseline_rows, pair.current_rows)]
        case CategoryCounts():
            pass  # counts of categories are exact
    if table.shape[1] == 1:
        return ChiSquared(0.0, 0)  # both sides hold one and the same value
    rows = table.sum(axis=1, keepdims=True)
    expected = table.sum(axis=0) * (rows / rows.sum())
    table = merged(expected.min(axis=0), table)
    if table.shape[1] < 2:
        return None
    expected = table.sum(axis=0) * (rows / rows.sum())
    return ChiSquared(float(((table - expected) ** 2 / expected).sum()), table.shape[1] - 1)


def original_statistic(pair: CategoryCounts) -> ChiSquared | None:
    """The original's one-sample test: the baseline's shares are the expectation, categories it lacks are dropped."""
    known = pair.baseline > 0
    baseline, current = pair.baseline[known].astype(np.float64), pair.current[known].astype(np.float64)
    if not current.any():
        return None
    expected = baseline / baseline.sum() * current.sum()
    expected, current = merged(expected, np.stack((expected, current)))
    if len(expected) < 2:
        return None
    return ChiSquared(float(((current - expected) ** 2 / expected).sum()), len(expected) - 1)


def merged(expected: Floats, table: Floats) -> Floats:
    """The table with sparse cells merged, always the least expected into the next one.

    expected: shape (c,). table: counts that are merged alike, shape (k, c). Returns: shape (k, d), 1 <= d <= c.
    """
    order = expected.argsort(kind="stable")
    heap = [(float(expected[i]), table[:, i]) for i in order]
    while len(heap) > 1 and _sparse([count for count, _ in heap]):
        (a, first), (b, second) = heap[0], heap[1]
        heap = sorted([(a + b, first + second), *heap[2:]], key=lambda cell: cell[0])
    return np.stack([counts for _, counts in heap], axis=1)


def _sparse(expected: list[float]) -> bool:
    if len(expected) == 2:
        return min(expected) < 10
    return sum(count < 5 for count in expected) > 0.2 * len(expected)


def p_value(pair: Comparison) -> float | None:
    """P-value of the test of homogeneity, in [0, 1]; None when there are too few rows for two cells."""
    result = homogeneity(pair)
    return None if result is None else result.p_value


def original_p_value(pair: CategoryCounts) -> float | None:
    """P-value of the original's one-sample test, in [0, 1]; None when fewer than two categories remain."""
    result = original_statistic(pair)
    return None if result is None else result.p_value


plugin = DriftTest(
    summary="p-value of the chi-squared test",
    kind="p_value",
    default_threshold=0.001,
    threshold_source="one false alarm in a thousand windows of a feature; the usual 0.05 alarms in one of twenty",
    lowest=0.0,
    highest=1.0,
    symmetric=True,
    numeric=Measure(p_value),
    categorical=Measure(p_value),
    in_original=True,
    original=original_p_value,
)
