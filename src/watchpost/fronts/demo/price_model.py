"""The model that the demo serves: what a flat will sell for, as a linear function of its features in logarithms.

The demo copies this file beside the coefficients it fitted, as a team would put its own code into a folder of the
server's owner. It needs nothing but the standard library.
"""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from io import StringIO
from pathlib import Path

COEFFICIENTS = "coefficients.json"
_LEASE_YEARS = 99.0


def predict(body: bytes, _content_type: str) -> tuple[str, str]:
    """Prices in dollars, one line for each CSV row of the features, in the order of the coefficients' `features`.

    A category nobody has seen counts as an average one; a cell that is empty is taken to be the average of its column.
    """
    fitted = _fitted()
    rows = csv.reader(StringIO(body.decode()))
    return "\n".join(f"{price(row, fitted):.0f}" for row in rows if row), "text/csv"


def price(row: Sequence[str], fitted: Mapping[str, object]) -> float:
    """What the flat of a row costs, in dollars."""
    numbers, levels = fitted["numbers"], fitted["levels"]
    assert isinstance(numbers, dict)
    assert isinstance(levels, dict)
    features = fitted["features"]
    assert isinstance(features, list)
    told = float(str(fitted["intercept"]))
    for name, cell in zip(features, row, strict=True):
        if name in levels:
            told += levels[name].get(cell, 0.0)
        else:
            slope, average = numbers[name]
            told += slope * term(name, float(cell) if cell else average)
    return math.exp(min(told, 30.0))


def term(name: str, value: float) -> float:
    """How a number enters: an area by its logarithm, a remaining lease by that of the worth it leaves (years of 99)."""
    if name == "remaining_lease":
        return math.log(0.45 + 0.55 * max(value, 0.0) / _LEASE_YEARS)
    return math.log(max(value, 1.0))


@cache
def _fitted() -> Mapping[str, object]:
    found: Mapping[str, object] = json.loads(Path(__file__).with_name(COEFFICIENTS).read_text(encoding="utf-8"))
    return found
