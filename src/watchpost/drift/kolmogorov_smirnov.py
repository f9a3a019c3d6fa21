"""The p-value of the two-sample Kolmogorov-Smirnov test: how often equal distributions lie as far apart as these.

Exact up to 2050 rows, which a sketch holds unchanged. Beyond, the rows count for as many as would know the distribution
as well as the sketch does, 20,000 at most: the test is then conservative, as it is where values repeat. On large
windows even a harmless difference has a p-value near 0: use a distance there.
Source: Massey 1951, JASA 46(253), 68-78; exact distribution: Hodges 1958, Arkiv för Matematik 3(43), 469-486.
"""

import numpy as np

from watchpost.drift._chance import independent_rows
from watchpost.drift._test import DriftTest, Measure
from watchpost.profiles.gap import DistributionFunctions

# Up to this many pairs of rows the exact distribution is counted out (a millisecond). Beyond, the approximation is
# within 0.001 of it.
_EXACT_PAIRS = 40_000


def p_value(pair: DistributionFunctions) -> float:
    """Two-sided p-value, in [0, 1]."""
    n, m, gap = pair.baseline_rows, pair.current_rows, pair.gap
    if n * m <= _EXACT_PAIRS:
        return _exact(n, m, gap)
    from scipy.stats import kstwo  # noqa: PLC0415 - half a second, paid by those who choose this test

    rows = 1 / (1 / independent_rows(n) + 1 / independent_rows(m))
    return float(np.clip(kstwo.sf(gap, np.round(rows)), 0.0, 1.0))


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
