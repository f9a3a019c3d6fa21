"""What chance alone does to a distance between two samples of one distribution.

Over c cells, sum (p - q)**2 / p of two samples of n and m rows is (1/n + 1/m) times a chi-squared variable with c - 1
degrees of freedom, and every smooth divergence is a multiple of it for close distributions (Pearson 1900; for the
population stability index Yurdakul 2018). So one quantile serves all binned distances.
"""

from collections.abc import Callable
from math import sqrt

from watchpost.profiles.cells import cell_pair
from watchpost.profiles.gap import Comparison

NORMAL_QUANTILE = 3.0902323061678132  # of 0.999: chance is allowed one window in a thousand

# Measured on 3 million rows: shares of 1/32 read from a sketch are off by 0.0006, as those of a sample of 90,000 rows
# are; shares of rare repeated values fare worse.
_SKETCH_ROWS = 20_000
_EXACT_ROWS = 2050  # a sketch holds as many values unchanged (contract 2.2)


def independent_rows(rows: int) -> float:
    """Rows of a plain sample that would know the distribution as well as a sketch of `rows` rows does.

    Sampling error and the sketch's own add up. Without this a p-value of a million rows would report the sketch's error
    as drift.
    """
    return float(rows) if rows <= _EXACT_ROWS else 1 / (1 / rows + 1 / _SKETCH_ROWS)


def chi_squared_quantile(degrees: int) -> float:
    """The 99.9 % point of the chi-squared distribution, 0 to 4 % too large; 0 for no degree of freedom.

    Source: Wilson and Hilferty 1931, PNAS 17(12), 684-688. Takes a microsecond where the exact one takes a module.
    """
    if degrees < 1:
        return 0.0
    spread = 2 / (9 * degrees)
    return float(degrees * (1 - spread + NORMAL_QUANTILE * sqrt(spread)) ** 3)


def by_cells(distance: Callable[[float], float]) -> Callable[[Comparison, float], float]:
    """The allowance of a binned distance, given how it follows from sum (p - q)**2 / p of close distributions."""

    def chance(pair: Comparison, noise: float) -> float:
        return distance(noise * chi_squared_quantile(len(cell_pair(pair).baseline) - 1))

    return chance
