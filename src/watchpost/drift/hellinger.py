"""The Hellinger distance: sqrt(1 - sum of sqrt(p * q)) over quantile cells of the baseline, or categories.

Needs no smoothing: an empty cell costs a finite amount by itself.

Bias: equal distributions score about sqrt((cells - 1) * (1/n + 1/m) / 8) on average, 0.11 with ten cells and 100 rows.
A verdict therefore needs the distance to pass its threshold by more than chance adds (`watchpost.drift`, rule 3).
Source: Hellinger 1909, J. reine angew. Math. 136, 210-271.
"""

from math import sqrt

import numpy as np

from watchpost.drift._chance import by_cells
from watchpost.drift._test import DriftTest, Measure
from watchpost.profiles.cells import cell_pair
from watchpost.profiles.gap import Comparison


def distance(pair: Comparison) -> float:
    """Hellinger distance, in [0, 1]."""
    p, q = cell_pair(pair).shares
    # The sum of squares is 0 for equal shares; 1 - sum(sqrt(p * q)) would leave the root of a rounding error.
    return min(1.0, sqrt(float(((np.sqrt(p) - np.sqrt(q)) ** 2).sum()) / 2))


_MEASURE = Measure(distance, by_cells(lambda chi_squared: sqrt(chi_squared / 8)))

plugin = DriftTest(
    summary="Hellinger distance",
    kind="distance",
    default_threshold=0.1,
    threshold_source="NannyML's and Evidently's default",
    lowest=0.0,
    highest=1.0,
    symmetric=True,
    numeric=_MEASURE,
    categorical=_MEASURE,
)
