"""The units a datum may carry, and which one is answered when a question names none.

Source: CloudWatch's StandardUnit; the order as recorded from the service (contract 2.5).
"""

# Data of one metric in several units are separate populations. A question without a unit gets the first of these that
# has data in the range.
PREFERENCE = (
    "Megabits",
    "Terabits",
    "Gigabits",
    "Count",
    "Bytes",
    "Gigabytes",
    "Gigabytes/Second",
    "Kilobytes",
    "Kilobits/Second",
    "Terabytes",
    "Terabits/Second",
    "Bytes/Second",
    "Percent",
    "Megabytes",
    "Megabits/Second",
    "Milliseconds",
    "Microseconds",
    "Kilobytes/Second",
    "Gigabits/Second",
    "Megabytes/Second",
    "Bits",
    "Bits/Second",
    "Count/Second",
    "Seconds",
    "Kilobits",
    "Terabytes/Second",
    "None",
)

UNITS = frozenset(PREFERENCE)

_RANK = {unit: rank for rank, unit in enumerate(PREFERENCE)}


def preference(unit: str) -> int:
    """Rank of a unit, 0 for the one that is answered first; strangers come last."""
    return _RANK.get(unit, len(PREFERENCE))
