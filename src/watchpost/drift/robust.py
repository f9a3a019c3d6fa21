"""The original service's default: the largest gap, less what chance explains.

max(0, L - 1.8 * sqrt(1/n + 1/m)), L the largest difference of the two distribution functions, or of any category's
share. 1.8 is about the two-sample Kolmogorov-Smirnov test's critical value for 0.3 %, so equal distributions score
above 0 about three times in a thousand, at any size, and above the threshold hardly ever. The price: with 1000 rows a
shift of less than 0.1 + 0.06 of the rows goes unseen.

Bias: none left upward; the allowance is subtracted here, so the verdict needs no other.
Source: contract 4.3.
"""

from math import log, sqrt

from watchpost.drift._test import DriftTest, Measure
from watchpost.profiles.gap import Comparison


def distance(pair: Comparison) -> float:
    """Robust distance, in [0, 1]."""
    noise = 1 / pair.baseline_rows + 1 / pair.current_rows
    return max(0.0, pair.gap - 1.8 * sqrt(noise))


def distance_at(pair: Comparison, alpha: float) -> float:
    """Robust distance with the test's own critical value for a level in (0, 1) in place of 1.8; in [0, 1].

    Source: Knuth, The Art of Computer Programming 2, 3.3.1, equation 15.
    """
    noise = 1 / pair.baseline_rows + 1 / pair.current_rows
    return max(0.0, pair.gap - sqrt(-log(alpha / 2) / 2 * noise))


plugin = DriftTest(
    summary="robust distance",
    kind="distance",
    default_threshold=0.1,
    threshold_source="the original's comparison_threshold (contract 3.1)",
    lowest=0.0,
    highest=1.0,
    symmetric=True,
    numeric=Measure(distance),
    categorical=Measure(distance),
    # No fixed minimum: the allowance grows as rows get few, so a few rows far out may speak, and others cannot.
    minimum_rows=1,
    attainable=lambda noise: max(0.0, 1 - 1.8 * sqrt(noise)),
    in_original=True,
)
