"""The Jensen-Shannon distance: root of the mean divergence of both sides from their middle, over cells or categories.

With logarithms to base 2, so that it lies in [0, 1] and 1 means nothing in common. (With natural ones, as other tools
have it by default, it is 0.8326 times this.) Needs no smoothing: an empty cell costs a finite amount by itself.

Bias: equal distributions score about sqrt((cells - 1) * (1/n + 1/m) / 5.5) on average, 0.13 with ten cells and 100
rows. A verdict therefore needs the distance to pass its threshold by more than chance adds (`watchpost.drift`, rule 3).
Source: Lin 1991, IEEE Trans. Inf. Theory 37(1), 145-151; Endres and Schindelin 2003, the same 49(7), 1858-1860.
"""

from math import log, sqrt

import numpy as np

from watchpost.drift._chance import by_cells
from watchpost.drift._test import DriftTest, Measure
from watchpost.profiles.cells import Floats, cell_pair
from watchpost.profiles.gap import Comparison


def distance(pair: Comparison) -> float:
    """Jensen-Shannon distance to base 2, in [0, 1]."""
    p, q = cell_pair(pair).shares
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return sqrt(min(1.0, max(0.0, divergence)))


def _relative_entropy(p: Floats, q: Floats) -> float:
    """Kullback-Leibler divergence in bits; q is above 0 where p is."""
    held = p > 0
    return float((p[held] * np.log2(p[held] / q[held])).sum())


# The divergence of close distributions is chi-squared / 8 in nats (Lin 1991).
_MEASURE = Measure(distance, by_cells(lambda chi_squared: sqrt(chi_squared / 8 / log(2))))

plugin = DriftTest(
    summary="Jensen-Shannon distance",
    kind="distance",
    default_threshold=0.1,
    threshold_source="NannyML's and Evidently's default",
    lowest=0.0,
    highest=1.0,
    symmetric=True,
    numeric=_MEASURE,
    categorical=_MEASURE,
)
