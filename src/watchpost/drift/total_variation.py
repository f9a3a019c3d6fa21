"""The total variation distance: half the sum of |p - q|, the share of rows that would have to move.

Over quantile cells of the baseline, or categories. Needs no smoothing.

Bias: equal distributions score about 0.4 * sqrt(cells * (1/n + 1/m)) on average, 0.13 with ten cells and 100 rows. A
verdict therefore needs the distance to pass its threshold by more than chance adds (`watchpost.drift`, rule 3).
Source: Levin and Peres 2017, Markov Chains and Mixing Times, chapter 4.
"""

from math import sqrt

import numpy as np

from watchpost.drift._chance import by_cells
from watchpost.drift._test import DriftTest, Measure
from watchpost.profiles.cells import cell_pair
from watchpost.profiles.gap import Comparison


def distance(pair: Comparison) -> float:
    """Total variation distance, in [0, 1]."""
    p, q = cell_pair(pair).shares
    return min(1.0, float(np.abs(p - q).sum()) / 2)


# By Cauchy and Schwarz no distance exceeds half the root of sum (p - q)**2 / p.
_MEASURE = Measure(distance, by_cells(lambda chi_squared: sqrt(chi_squared) / 2))

plugin = DriftTest(
    summary="total variation distance",
    kind="distance",
    default_threshold=0.1,
    threshold_source="the original's comparison_threshold (contract 3.1), which is a share of rows too",
    lowest=0.0,
    highest=1.0,
    symmetric=True,
    numeric=_MEASURE,
    categorical=_MEASURE,
)
