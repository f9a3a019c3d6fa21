"""constant_column_check (ours): a column that used to vary holds one value only."""

import math

from watchpost.constraints.finding import NOT_RUN, PASSED, Column, Finding, violated
from watchpost.constraints.sampling import ALPHA
from watchpost.profiles.statistics import FeatureStatistics

TYPE = "constant_column_check"

_FEWEST_ROWS = 20  # below, one value throughout is no news about most columns
_SKETCH_ERROR = 0.003  # twice the rank error of a sketch of this size (0.14 % at k = 2048, contract detection.md 2)


def check_constant(column: Column) -> Finding:
    """The column varies, if it did, and if so many rows of the same value are no coincidence.

    The chance of it is the baseline's share of that value to the power of the rows: a flag that is set once in a
    thousand rows is constant in most small windows, and healthy.
    """
    current, baseline = column.current, column.baseline
    if baseline is None or current.present < _FEWEST_ROWS or not _varies(baseline):
        return NOT_RUN
    if _varies(current):
        return PASSED
    value = _only_value(current)
    share = _share_of(value, baseline)
    if share is not None and current.present * math.log(max(share, 1e-300)) >= math.log(ALPHA):
        return PASSED
    was = f"about {baseline.distinct:.0f} different values" if baseline.distinct else "more than one value"
    shown = "one value" if value is None else f"the value {_shown(value)}"
    return violated(
        column.name, TYPE, f"The column is constant: all {current.present} values are {shown}; the baseline had {was}."
    )


def _varies(feature: FeatureStatistics) -> bool:
    if feature.numeric is not None:
        return feature.numeric.min < feature.numeric.max
    if feature.categories is not None:
        return len(feature.categories) > 1
    return feature.distinct is not None and feature.distinct > 1


def _only_value(feature: FeatureStatistics) -> str | float | None:
    if feature.numeric is not None:
        return feature.numeric.min
    return next(iter(feature.categories), None) if feature.categories is not None else None


def _share_of(value: str | float | None, baseline: FeatureStatistics) -> float | None:
    """The largest share of the baseline's values that may have been this one; None where there is no telling."""
    match value:
        case str() if baseline.categories is not None:
            return baseline.categories.get(value, 0) / max(1, sum(baseline.categories.values()))
        case float() if baseline.numeric is not None and baseline.numeric.sketch is not None:
            sketch = baseline.numeric.sketch
            same = sum(int((items == value).sum()) << height for height, items in enumerate(sketch.levels))
            error = _SKETCH_ERROR if len(sketch.levels) > 1 else 0.0
            return min(1.0, same / max(1, sketch.weight) + error)
        case _:
            return None


def _shown(value: str | float) -> str:
    return repr(value[:60]) if isinstance(value, str) else f"{value:.6g}"
