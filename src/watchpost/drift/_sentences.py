"""What moved, in the column's own terms: one sentence for a person woken at night."""

from math import isfinite

import numpy as np

from watchpost.profiles.gap import CategoryCounts, Comparison, DistributionFunctions


def movement(pair: Comparison) -> str:
    """The largest difference of two samples, as a sentence without its full stop."""
    if pair.gap == 0:
        return "Both sides are distributed alike"
    match pair:
        case DistributionFunctions():
            return _numbers_moved(pair)
        case CategoryCounts():
            return _share_moved(pair)


def _numbers_moved(pair: DistributionFunctions) -> str:
    place = int(np.abs(pair.differences).argmax())
    before, after = pair.baseline[place] / pair.baseline_rows, pair.current[place] / pair.current_rows
    side = "at or below"
    if after < before:
        before, after, side = 1 - before, 1 - after, "above"
    return (
        f"{_median(pair)}; {percent(float(after))} of rows lie {side} {number(float(pair.values[place]))} "
        f"where {percent(float(before))} lay"
    )


def _median(pair: DistributionFunctions) -> str:
    before, after = (
        number(float(pair.values[below.searchsorted((below[-1] + 1) // 2)])) for below in (pair.baseline, pair.current)
    )
    return f"Median stayed at {before}" if before == after else f"Median went from {before} to {after}"


def _share_moved(pair: CategoryCounts) -> str:
    place = int(np.abs(pair.differences).argmax())
    name = pair.categories[place]
    before, after = int(pair.baseline[place]), int(pair.current[place])
    was, is_now = percent(before / pair.baseline_rows), percent(after / pair.current_rows)
    if not before:
        return f"{name!r} is new, with {is_now} of rows"
    if not after:
        return f"{name!r}, which was {was} of rows, is gone"
    return f"Share of {name!r} {'rose' if pair.differences[place] > 0 else 'fell'} from {was} to {is_now}"


def percent(share: float) -> str:
    """A share in [0, 1] as percent, with three digits: 34.1 %, 0.0312 %, 100 %."""
    return f"{100 * share:.3g} %"


def number(value: float) -> str:
    """A value in the column's unit, in as many digits as a person reads: 93, 0.01234, 123457, 1.2e+20."""
    if isfinite(value) and (value.is_integer() or abs(value) >= 1000) and abs(value) < 1e15:
        return f"{value:.0f}"
    return f"{value:.4g}"


def against(statistic: float, threshold: float) -> tuple[str, str]:
    """A statistic and its threshold in so many digits that they can be told apart, if they differ at all."""
    pairs = ((f"{statistic:.{digits}g}", f"{threshold:.{digits}g}") for digits in (3, 5, 8, 17))
    return next((pair for pair in pairs if pair[0] != pair[1]), (f"{statistic:.3g}", f"{threshold:.3g}"))
