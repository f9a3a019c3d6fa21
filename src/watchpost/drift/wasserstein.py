"""The Wasserstein distance: how far the average value has to travel, in standard deviations of the baseline.

The area between the two distribution functions, divided by the baseline's standard deviation; for a baseline of one
value only, by that of both sides together. Read a distance of 0.1 as "values moved by a tenth of their usual spread".

Bias: equal distributions score sqrt(2 / pi * (1/n + 1/m)) * I on average, I the integral of sqrt(F * (1 - F)) in
standard deviations: 1.3 * sqrt(1/n + 1/m) for a normal column, 0.13 with 100 rows, and more with heavy tails. A verdict
therefore needs the distance to pass its threshold by more than chance adds (`watchpost.drift`, rule 3).
Source: Ramdas, Garcia Trillos, Cuturi 2017, Entropy 19(2), 47; the chance allowed: the mean above, and around it the
Gaussian concentration of Borell 1975, Invent. Math. 30, 207-216, with the standard error of a mean as its spread.
"""

from math import inf, pi, sqrt

import numpy as np

from watchpost.drift._chance import NORMAL_QUANTILE
from watchpost.drift._test import DriftTest, Measure
from watchpost.profiles.cells import Floats
from watchpost.profiles.gap import DistributionFunctions


def distance(pair: DistributionFunctions) -> float:
    """Wasserstein distance in standard deviations of the baseline, in [0, inf); nan where floats overflow."""
    return _area(np.abs(pair.differences), pair)


def chance(pair: DistributionFunctions, noise: float) -> float:
    """What equal distributions exceed once in a thousand windows, in standard deviations of the baseline."""
    below = (pair.baseline + pair.current) / (pair.baseline_rows + pair.current_rows)
    return sqrt(noise) * (sqrt(2 / pi) * _area(np.sqrt(below * (1 - below)), pair) + NORMAL_QUANTILE)


def _area(heights: Floats, pair: DistributionFunctions) -> float:
    """Area under steps that begin at each value, the last of height 0, in standard deviations of the baseline."""
    if len(pair.values) == 1:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow ends in nan, which no verdict rests on
        return float((heights[:-1] * (np.diff(pair.values) / _scale(pair))).sum())


def _scale(pair: DistributionFunctions) -> float:
    """Population standard deviation of the baseline, or of both sides where the baseline holds one value only."""
    baseline = np.diff(pair.baseline, prepend=0)
    weights = baseline if np.count_nonzero(baseline) > 1 else baseline + np.diff(pair.current, prepend=0)
    held = weights > 0
    values, shares = pair.values[held], weights[held] / weights.sum()
    centred = values - (values * shares).sum()
    farthest = np.abs(centred).max()  # squares of far values would overflow, of near ones vanish
    return float(farthest * np.sqrt(((centred / farthest) ** 2 * shares).sum()))


plugin = DriftTest(
    summary="Wasserstein distance in standard deviations of the baseline",
    kind="distance",
    default_threshold=0.1,
    threshold_source="Evidently's default for numbers",
    lowest=0.0,
    highest=inf,
    symmetric=False,
    numeric=Measure(distance, chance),
)
