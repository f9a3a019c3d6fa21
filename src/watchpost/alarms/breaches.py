"""Comparing datapoints with thresholds, by CloudWatch's operators and in its words."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Operator:
    """How datapoints breach: below `lower` and above `upper` count, with equality or without.

    `words` stand in the reason: "was <words> the threshold".
    """

    words: str
    below: bool = False
    above: bool = False
    equal: bool = False
    band: bool = False

    def breaches(self, values: Floats, lower: Floats | float, upper: Floats | float) -> Flags:
        """Which datapoints breach; NaN (no datapoint, or no band there) never does. Shapes as numpy broadcasts them."""
        below = values <= lower if self.equal else values < lower
        above = values >= upper if self.equal else values > upper
        out: Flags = (below & self.below) | (above & self.above)
        return out


OPERATORS = {
    "GreaterThanThreshold": Operator("greater than", above=True),
    "GreaterThanOrEqualToThreshold": Operator("greater than or equal to", above=True, equal=True),
    "LessThanThreshold": Operator("less than", below=True),
    "LessThanOrEqualToThreshold": Operator("less than or equal to", below=True, equal=True),
    "GreaterThanUpperThreshold": Operator("greater than", above=True, band=True),
    "LessThanLowerThreshold": Operator("less than", below=True, band=True),
    "LessThanLowerOrGreaterThanUpperThreshold": Operator(
        "less than or greater than", below=True, above=True, band=True
    ),
}
