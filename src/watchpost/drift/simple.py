"""The largest gap itself: the Kolmogorov-Smirnov distance for numbers, the largest change of any share for text.

Bias: equal distributions score 0.87 * sqrt(1/n + 1/m) on average, so at the default threshold windows under about 300
rows alarm by chance. That is what the original's Simple does, and who configures it asks for it, so nothing is allowed
for; `robust` is the same distance with the allowance.
Source: contract 4.3; Massey 1951, JASA 46(253), 68-78.
"""

from watchpost.drift._test import DriftTest, Measure
from watchpost.profiles.gap import Comparison


def distance(pair: Comparison) -> float:
    """Largest gap, in [0, 1]."""
    return pair.gap


plugin = DriftTest(
    summary="largest gap of the distributions",
    kind="distance",
    default_threshold=0.1,
    threshold_source="the original's comparison_threshold (contract 3.1)",
    lowest=0.0,
    highest=1.0,
    symmetric=True,
    numeric=Measure(distance),
    categorical=Measure(distance),
    in_original=True,
)
