"""Calendar arithmetic of `bin`, `datefloor` and `dateceil` over epoch milliseconds (Float64 series)."""

import polars as pl

_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_CAPS = {"ms": 1000, "s": 60, "m": 60, "h": 24}
# A longer period of the unit counts as the cap: `bin(300s)` is `bin(60s)`, as CloudWatch documents.


def floor_instants(instants: pl.Series, count: int, unit: str) -> pl.Series:
    """The starts of the periods that hold the instants; weeks start on Monday, longer units at the calendar's start."""
    count = min(count, _CAPS.get(unit, count))
    if unit in _MILLISECONDS:
        length = count * _MILLISECONDS[unit]
        # Whole numbers: polars divides floats by a constant through its reciprocal, which misses exact multiples.
        whole = instants.clip(-9e15, 9e15).floor().cast(pl.Int64)
        return (whole // length * length).cast(pl.Float64)
    dates = instants.clip(-6e13, 2.5e14).cast(pl.Int64).cast(pl.Datetime("ms"))
    return dates.dt.truncate(f"{min(count, 1000)}{unit}").cast(pl.Int64).cast(pl.Float64)


def next_instants(floors: pl.Series, count: int, unit: str) -> pl.Series:
    """The ends of the periods that start there."""
    count = min(count, _CAPS.get(unit, count))
    if unit in _MILLISECONDS:
        return floors + count * _MILLISECONDS[unit]
    dates = floors.cast(pl.Int64).cast(pl.Datetime("ms"))
    return dates.dt.offset_by(f"{min(count, 1000)}{unit}").cast(pl.Int64).cast(pl.Float64)
