"""unit_change_check (ours): the same distribution in another unit."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchpost.constraints.finding import NOT_RUN, PASSED, Column, Finding, violated
from watchpost.profiles.statistics import NumericStatistics, Sketch

TYPE = "unit_change_check"

Floats = NDArray[np.float64]

_LEAST_FACTOR = 1.5
_NEAR = 0.1  # how far, as a logarithm, an estimated factor may lie from the true one in a window of a thousand rows
_FEWEST_DISTINCT = 5  # with fewer, some factor fits almost any two columns
_NOISE_LIMIT = 0.25  # more sampling noise than this leaves room for a fit by accident: about 52 rows beside many

# What one unit counts in the other: (factor, unit of the baseline, unit of the current data).
_UNITS = (
    (1000.0, "kilo-units (km, kg, kW)", "units (m, g, W)"),
    (1e6, "mega-units", "units"),
    (100.0, "shares, metres or whole currency", "percent, centimetres or cents"),
    (10.0, "centimetres", "millimetres"),
    (12.0, "feet or years", "inches or months"),
    (24.0, "days", "hours"),
    (60.0, "hours or minutes", "minutes or seconds"),
    (3600.0, "hours", "seconds"),
    (86400.0, "days", "seconds"),
    (2.54, "inches", "centimetres"),
    (25.4, "inches", "millimetres"),
    (3.28084, "metres", "feet"),
    (1.609344, "miles", "kilometres"),
    (10.7639, "square metres", "square feet"),
    (2.20462, "kilograms", "pounds"),
    (28.3495, "ounces", "grams"),
    (3.78541, "US gallons", "litres"),
    (4.184, "calories", "joules"),
    (3.6, "metres per second", "kilometres per hour"),
    (1.852, "knots", "kilometres per hour"),
)
_KNOWN = _UNITS + tuple((1.0 / factor, to, source) for factor, source, to in _UNITS)

# (factor, offset, unit of the baseline, unit of the current data)
_AFFINE = (
    (1.8, 32.0, "°C", "°F"),
    (1 / 1.8, -32.0 / 1.8, "°F", "°C"),
    (1.0, 273.15, "°C", "K"),
    (1.0, -273.15, "K", "°C"),
)


@dataclass(frozen=True, slots=True)
class _Distribution:
    """values: distinct, ascending, shape (n,). levels: share of rows at or below each, shape (n,), the last is 1."""

    values: Floats
    levels: Floats

    def at(self, points: Floats) -> Floats:
        """The distribution function at any points."""
        return np.concatenate(([0.0], self.levels))[np.searchsorted(self.values, points, side="right")]


@dataclass(frozen=True, slots=True)
class _Conversion:
    """current = factor * baseline + offset, and how far the distributions still differ then."""

    factor: float
    offset: float
    gap: float
    units: tuple[str, str] | None


def check_unit_change(column: Column) -> Finding:
    """No factor of 1.5 or more (or the inverse), and no change of temperature scale, turns the baseline into the data.

    A change of unit is found when before the conversion the distributions differ by more than 0.1 beyond sampling
    noise, and after it by no more than 0.05 and a third of it; noise is 1.8 * sqrt((n + m) / (n * m)) (contract 4.3).
    Values may miss each other by 2 % of a standard deviation, so that rounding in the new unit does no harm.
    Whole numbers that were multiplied leave gaps; where there are none, they grew by themselves (twice the customers
    are no change of unit), which is the drift check's to tell.
    """
    baseline = column.baseline.numeric if column.baseline is not None else None
    current = column.current.numeric
    if baseline is None or current is None or not _noise(baseline, current) <= _NOISE_LIMIT:
        return NOT_RUN
    if _plainly_alike(baseline, current):
        return PASSED
    learned, seen = _distribution(baseline), _distribution(current)
    if min(len(learned.values), len(seen.values)) < _FEWEST_DISTINCT:
        return NOT_RUN
    noise, before = _noise(baseline, current), _gap(learned, seen, 0.0)
    if before > 0.1 + noise:
        tried = _conversions(learned, seen, slack=0.02 * current.std_dev)
        fitting = [conversion for conversion in tried if conversion.gap <= min(0.05 + noise, before / 3)]
        if _counts(column) and _gapless(seen):
            fitting = [conversion for conversion in fitting if conversion.factor < _LEAST_FACTOR]
        if fitting:
            # The bare factor is estimated and so fits best by construction: a known unit that fits too is likelier.
            best = min(fitting, key=lambda conversion: (conversion.units is None, conversion.gap))
            return violated(column.name, TYPE, _description(best, before))
    return PASSED


def _counts(column: Column) -> bool:
    """Whether both sides hold whole numbers, which may grow, as a business does."""
    sides = (column.baseline, column.current)
    return all(side is not None and side.inferred_type == "Integral" for side in sides)


def _gapless(current: _Distribution) -> bool:
    """Whether the middle half of whole numbers leaves out fewer of them than a factor of 1.5 must (one in three)."""
    middle = current.values[(current.levels >= 0.25) & (current.levels <= 0.75)]
    return len(middle) >= _FEWEST_DISTINCT and len(middle) > 0.8 * (middle[-1] - middle[0] + 1)


def _noise(baseline: NumericStatistics, current: NumericStatistics) -> float:
    """The gap that sampling alone may open; infinite where a side has no sketch or no values."""
    if baseline.sketch is None or current.sketch is None or not baseline.sketch.weight or not current.sketch.weight:
        return math.inf
    return 1.8 * math.sqrt(1 / baseline.sketch.weight + 1 / current.sketch.weight)


def _distribution(numeric: NumericStatistics) -> _Distribution:
    values, weights = (numeric.sketch or Sketch(())).weighted()
    cumulative = np.cumsum(weights)
    return _Distribution(values, cumulative / cumulative[-1:])


def _plainly_alike(baseline: NumericStatistics, current: NumericStatistics) -> bool:
    """True when mean and spread alone rule every conversion out, which spares healthy columns the search."""
    if not baseline.std_dev > 0:
        return True
    spread = current.std_dev / baseline.std_dev
    return 0.8 < spread < 1.25 and abs(current.mean - baseline.mean) < 0.5 * baseline.std_dev


def _conversions(baseline: _Distribution, current: _Distribution, slack: float) -> list[_Conversion]:
    tried = []
    for factor, offset, units in _candidates(baseline, current):
        converted = _Distribution(factor * baseline.values + offset, baseline.levels)
        tried.append(_Conversion(factor, offset, _gap(converted, current, slack), units))
    return tried


def _candidates(baseline: _Distribution, current: _Distribution) -> list[tuple[float, float, tuple[str, str] | None]]:
    """Factors and offsets worth trying, each with the units it may stand for."""
    levels = np.linspace(0.05, 0.95, 19)
    before = baseline.values[np.searchsorted(baseline.levels, levels)]
    now = current.values[np.searchsorted(current.levels, levels)]
    usable = before * now > 0
    factors = []
    if np.count_nonzero(usable) >= _FEWEST_DISTINCT:
        factors.append(float(np.median(now[usable] / before[usable])))
    # Around zero ratios of quantiles are wild, ratios of their distances are not.
    inner_before, inner_now = float(before[14] - before[4]), float(now[14] - now[4])
    if inner_before > 0 and inner_now > 0:
        factors.append(inner_now / inner_before)
    candidates: list[tuple[float, float, tuple[str, str] | None]] = []
    for factor in factors:
        if not math.isfinite(factor) or 1 / _LEAST_FACTOR < factor < _LEAST_FACTOR:
            continue
        candidates.append((factor, 0.0, None))
        candidates += [
            (known, 0.0, (source, to)) for known, source, to in _KNOWN if abs(math.log(known / factor)) < _NEAR
        ]
    candidates += [(factor, offset, (source, to)) for factor, offset, source, to in _AFFINE]
    return candidates


def _gap(baseline: _Distribution, current: _Distribution, slack: float) -> float:
    """Largest vertical distance of two distribution functions that may slip sideways by `slack`."""
    # The functions are flat between their steps, so nowhere else can the distance be largest.
    grid = np.concatenate((baseline.values - slack, baseline.values + slack, current.values))
    here = current.at(grid)
    excess = max((baseline.at(grid - slack) - here).max(), (here - baseline.at(grid + slack)).max())
    return max(float(excess), 0.0)


def _description(conversion: _Conversion, before: float) -> str:
    agreement = f"so converted, the distributions agree (largest gap {conversion.gap:.3f}; unconverted {before:.3f})."
    if conversion.offset:
        source, to = conversion.units or ("", "")
        relation = f"{conversion.factor:.4g} times the baseline's {'plus' if conversion.offset > 0 else 'minus'}"
        return f"Values are {relation} {abs(conversion.offset):.5g}, as if {source} had become {to}: {agreement}"
    units = "" if conversion.units is None else f", as if {conversion.units[0]} had become {conversion.units[1]}"
    return f"Values are {conversion.factor:.4g} times the baseline's{units}: {agreement}"
