"""non_finite_check (ours): NaN and infinities where the baseline had fewer."""

from watchpost.constraints.finding import NOT_RUN, PASSED, Column, Finding, percent, plural, violated
from watchpost.constraints.sampling import ALPHA, excess_by_chance
from watchpost.profiles.gap import is_numeric
from watchpost.profiles.statistics import FeatureStatistics

TYPE = "non_finite_check"


def check_non_finite(column: Column) -> Finding:
    """No more cells are NaN or infinite than the baseline's share explains; none at all if it had none."""
    current, baseline = column.current, column.baseline
    if not current.present or not is_numeric(current):
        return NOT_RUN
    count = non_finite_cells(current)
    if not count:
        return PASSED
    before = 0 if baseline is None else non_finite_cells(baseline)
    if before and baseline is not None and excess_by_chance(count, current.present, before, baseline.present) >= ALPHA:
        return PASSED
    known = "" if baseline is None else f"; the baseline had {before} of {baseline.present}"
    return violated(
        column.name,
        TYPE,
        f"{plural(count, 'value')} of {current.present} ({percent(count / current.present)}) are NaN or "
        f"infinite{known}.",
    )


def non_finite_cells(feature: FeatureStatistics) -> int:
    """Cells that are NaN or infinite. From a file's statistics: the cells that its sketch does not stand for."""
    if feature.classes is not None:
        return feature.classes.non_finite
    if not is_numeric(feature):
        return 0
    if feature.numeric is None:
        return feature.present
    return max(0, feature.present - feature.numeric.sketch.weight) if feature.numeric.sketch is not None else 0
