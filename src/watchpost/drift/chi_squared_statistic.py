"""The chi-squared statistic itself, which the original compares when its comparison method is Simple.

Bias: equal distributions score the degrees of freedom (merged categories less one) on average, whatever the number of
rows, and a real difference grows with the rows. So a threshold means the same only for columns of equally many
categories; `chi_squared` is the same test on a scale that can be compared.
Source: contract 4.3.
"""

from math import inf

from watchpost.drift._test import DriftTest, Measure
from watchpost.drift.chi_squared import homogeneity, original_statistic
from watchpost.profiles.gap import CategoryCounts, Comparison


def statistic(pair: Comparison) -> float | None:
    """Statistic of the test of homogeneity, in [0, inf); None when there are too few rows for two cells."""
    result = homogeneity(pair)
    return None if result is None else result.statistic


def original(pair: CategoryCounts) -> float | None:
    """Statistic of the original's one-sample test, in [0, inf); None when fewer than two categories remain."""
    result = original_statistic(pair)
    return None if result is None else result.statistic


plugin = DriftTest(
    summary="chi-squared statistic",
    kind="distance",
    default_threshold=172.4,
    threshold_source="99.9 % point for 119 degrees of freedom, as many as 120 categories can have",
    lowest=0.0,
    highest=inf,
    symmetric=True,
    numeric=Measure(statistic),
    categorical=Measure(statistic),
    in_original=True,
    original=original,
)
