"""range_check (ours): values outside the baseline's minimum and maximum, too far or too often for chance."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchpost.constraints.finding import NOT_RUN, PASSED, Column, Finding, plural, violated
from watchpost.constraints.sampling import ALPHA
from watchpost.profiles.statistics import FeatureStatistics, NumericStatistics, Sketch

TYPE = "range_check"

_FEWEST_BASELINE_ROWS = 30  # the extremes of fewer say nothing about where values may lie


@dataclass(frozen=True, slots=True)
class _Upward:
    """One end of a column, turned so that outside is up. values, weights: of the sketch, ascending, shapes (k,)."""

    low: float
    high: float
    rows: int
    values: NDArray[np.float64]
    weights: NDArray[np.int64]

    def quantile(self, level: float) -> float:
        """The smallest value with that share of the weight at or below it."""
        cumulative = np.cumsum(self.weights)
        return float(self.values[np.searchsorted(cumulative, level * cumulative[-1])])


def check_range(column: Column) -> Finding:
    """The values stay in the baseline's range, give or take what a healthy window does.

    The largest of a window exceeds the largest of the baseline now and then: with n rows against N in one of
    (N + n) / n windows. So one of two must hold before it is a fault, each with a chance of `ALPHA` over both ends.
    Too far: beyond the value that the baseline's tail, drawn on through its 90 % and 99 % points, or through its 99 %
    point and its largest value, reaches in only ALPHA of such windows; as an exponential or as a power law, whichever
    of the four reaches furthest. Too often: so many
    values outside, if both were one population, would all be of the window with a chance of
    prod((n - i) / (N + n - i)) over the i-th of them, exact whatever the distribution.
    """
    if column.baseline is None or column.baseline.present < _FEWEST_BASELINE_ROWS:
        return NOT_RUN
    baseline, current = column.baseline.numeric, column.current.numeric
    if baseline is None or current is None or not _comparable(baseline, current):
        return NOT_RUN
    if baseline.min <= current.min and current.max <= baseline.max:
        return PASSED
    faults = [
        fault
        for upward in (False, True)
        if (fault := _outside(column.baseline, column.current, upward=upward)) is not None
    ]
    if not faults:
        return PASSED
    return violated(
        column.name,
        TYPE,
        f"Values lie outside the baseline's range of {baseline.min:.6g} to {baseline.max:.6g}: {' and '.join(faults)}.",
    )


def _outside(baseline: FeatureStatistics, current: FeatureStatistics, *, upward: bool) -> str | None:
    reference, window = _turned(baseline, upward=upward), _turned(current, upward=upward)
    beyond = window.high - reference.high
    if beyond <= 0:
        return None
    seen = max(1, _items_outside(current, reference.high, upward=upward))
    often = _chance_of_all_in_window(seen, window.rows, reference.rows) < ALPHA / 2
    if not often and window.high <= _reach(reference, window.rows):
        return None
    spread = reference.high - reference.low
    how_far = f" ({beyond / spread:.3g} times the range)" if spread > 0 else ""
    word, extreme = ("largest", window.high) if upward else ("smallest", -window.high)
    end = "above" if upward else "below"
    sketch = current.numeric.sketch if current.numeric is not None else None
    exact = sketch is not None and len(sketch.levels) == 1
    count = plural(seen, "value") if exact else f"at least {plural(seen, 'value')}"
    return f"the {word} is {extreme:.6g}, {beyond:.6g}{how_far} {end} it, with {count} of {window.rows} there"


def _items_outside(current: FeatureStatistics, high: float, *, upward: bool) -> int:
    """How many items of the sketch lie outside: every one is a value that occurred, so there are at least as many."""
    if current.numeric is None or current.numeric.sketch is None:
        return 0
    levels = current.numeric.sketch.levels
    return sum(int(np.count_nonzero((items if upward else -items) > high)) for items in levels)


def _reach(reference: _Upward, rows: int) -> float:
    """How far up the largest of so many rows may lie, but for a chance of half of ALPHA."""
    if reference.high <= reference.low:
        return math.inf  # a constant has no tail to draw on: only the number of other values can tell
    if not len(reference.values):
        return 2 * reference.high - reference.low
    near, far, sought = reference.quantile(0.90), reference.quantile(0.99), ALPHA / 2 / rows
    # Distances of a power law are taken from zero for a quantity, which cannot be negative, else from the middle.
    origin = 0.0 if reference.low >= 0 else reference.quantile(0.5)
    drawn = [_drawn_on(near, far, origin, math.log10(0.01 / sought))]
    between = math.log10(0.01 * reference.rows)
    if between > 0:
        # Where rare spikes make the tail, only the largest value itself shows them.
        steps = max(0.0, math.log10(1 / reference.rows / sought)) / between
        drawn.append(_drawn_on(far, reference.high, origin, steps))
    reached = max(drawn)
    return reached if reached > reference.high else 2 * reference.high - reference.low


def _drawn_on(near: float, far: float, origin: float, steps: float) -> float:
    """Where a tail through two values comes to after so many more steps of the same chance."""
    exponential = far + (far - near) * steps
    if near <= origin:
        return exponential
    log_power = math.log(far - origin) + steps * (math.log(far - origin) - math.log(near - origin))
    return max(exponential, origin + math.exp(log_power)) if log_power < 700 else math.inf


def _chance_of_all_in_window(count: int, rows: int, baseline_rows: int) -> float:
    chance = 1.0
    for i in range(min(count, rows)):
        chance *= (rows - i) / (baseline_rows + rows - i)
        if chance < ALPHA / 2:
            break
    return chance


def _turned(feature: FeatureStatistics, *, upward: bool) -> _Upward:
    numeric = feature.numeric
    assert numeric is not None
    values, weights = (numeric.sketch or Sketch(())).weighted()
    if upward:
        return _Upward(numeric.min, numeric.max, feature.present, values, weights)
    return _Upward(-numeric.max, -numeric.min, feature.present, -values[::-1], weights[::-1])


def _comparable(baseline: NumericStatistics, current: NumericStatistics) -> bool:
    return all(map(math.isfinite, (baseline.min, baseline.max, current.min, current.max)))
