"""The p-value of the two-sample Kolmogorov-Smirnov test: how often equal distributions lie as far apart as these.

Exact up to 2050 rows, which a sketch holds unchanged. Beyond, the rows count for as many as would know the distribution
as well as the sketch does, 20,000 at most: the test is then conservative, as it is where values repeat. On large
windows even a harmless difference has a p-value near 0: use a distance there.
Source: Massey 1951, JASA 46(253), 68-78; exact distribution: Hodges 1958, Arkiv för Matematik 3(43), 469-486; where
twice the one-sided p-value will do: Simard and L'Ecuyer 2011, Journal of Statistical Software 39(11).
"""

from math import floor, lgamma, log, pi
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from watchpost.drift._chance import independent_rows
from watchpost.drift._test import DriftTest, Measure
from watchpost.profiles.gap import DistributionFunctions

Real = TypeVar("Real", float, NDArray[np.float64])

# Up to this many pairs of rows the exact distribution is counted out (a millisecond). Beyond, the approximation is
# within 0.001 of it.
_EXACT_PAIRS = 40_000

# From this many rows and this rows * gap**2 on, twice the chance of one side will do: both sides at once take part in
# two of a million such cases. From the last figure on no float is as small as the p-value.
_ONE_SIDED_ROWS, _ONE_SIDED, _NOTHING = 141, 2.2, 370.0

# The same as `_remainder` for k from 1 to 15, where its series is not exact.
_REMAINDERS = np.array([lgamma(k + 1) - (k + 0.5) * log(k) + k - 0.5 * log(2 * pi) for k in range(1, 16)])


def p_value(pair: DistributionFunctions) -> float:
    """Two-sided p-value, in [0, 1]."""
    n, m, gap = pair.baseline_rows, pair.current_rows, pair.gap
    if not gap:
        return 1.0
    if n * m <= _EXACT_PAIRS:
        return _exact(n, m, gap)
    worth = independent_rows(n), independent_rows(m)
    rows = round(worth[0] * worth[1] / sum(worth))  # so written that halves are exact, and round as scipy's do
    if gap >= 1 or rows * gap**2 >= _NOTHING:
        return 0.0
    if rows >= _ONE_SIDED_ROWS and rows * gap**2 >= _ONE_SIDED:
        return min(1.0, 2 * one_sided(rows, gap))
    from scipy.stats import kstwo  # noqa: PLC0415 - half a second, paid by those who choose this test

    return float(np.clip(kstwo.sf(gap, rows), 0.0, 1.0))


def one_sided(rows: int, gap: float) -> float:
    """How often a sample strays upward from its distribution by the gap or more, in [0, 1].

    Args: rows: at least 141. gap: below 1, and rows * gap**2 at least 2.2.
    It is the sum over j >= 0 of gap / u * Binomial(j; rows, u) with u = gap + j / rows < 1.
    Source: Birnbaum and Tingey 1951, Annals of Mathematical Statistics 22(4), 592-596; the probabilities as in Loader
    2000, Fast and Accurate Computation of Binomial Probabilities: no large figures cancel.
    """
    j = np.arange(1.0, floor(rows * (1 - gap)))
    k = rows - j
    u, rest = gap + j / rows, k / rows - gap
    exponent = _remainder(j)
    exponent[: len(_REMAINDERS)] = _REMAINDERS[: len(j)]
    exponent += _remainder(k)
    exponent += j * np.log1p(-gap / u)
    exponent += k * np.log1p(gap / rest)
    terms = np.exp(_remainder(float(rows)) - exponent) * np.sqrt(rows / (2 * pi) / (j * k)) / u
    return float((1 - gap) ** rows + gap * terms.sum())


def _remainder(k: Real) -> Real:
    """What ln k! has beyond (k + 1/2) ln k - k + ln(2 pi) / 2, for k >= 16. Source: Loader 2000."""
    square = 1 / (k * k)
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - square / 1188) * square) * square) * square) / k


def _exact(n: int, m: int, gap: float) -> float:
    """Share of the lattice paths from (0, 0) to (n, m) that stray by the gap or more from the diagonal."""
    n, m = min(n, m), max(n, m)
    limit = round(gap * n * m)
    columns = np.arange(m + 1) * n
    inside = np.zeros(m + 1)
    inside[0] = 1.0
    every = np.ones(m + 1)
    for row in range(n + 1):
        # Paths to (row, column) come from the row before or from the column before; summing up does both.
        inside = (inside * (abs(row * m - columns) < limit)).cumsum() * (abs(row * m - columns) < limit)
        every = every.cumsum() if row else every
    return float(np.clip(1 - inside[-1] / every[-1], 0.0, 1.0))


plugin = DriftTest(
    summary="p-value of the two-sample Kolmogorov-Smirnov test",
    kind="p_value",
    default_threshold=0.001,
    threshold_source="one false alarm in a thousand windows of a feature; the usual 0.05 alarms in one of twenty",
    lowest=0.0,
    highest=1.0,
    symmetric=True,
    numeric=Measure(p_value),
)
