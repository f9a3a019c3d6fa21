"""completeness_check: enough rows have a value."""

import math

from watchpost.constraints.finding import NOT_RUN, PASSED, Column, Finding, old_wording, percent, plural, violated
from watchpost.constraints.sampling import ALPHA, excess_by_chance, excess_over_rate

TYPE = "completeness_check"


def check_completeness(column: Column) -> Finding:
    """The share of rows with a value is not below what the constraint asks for.

    Where the constraint is the share a baseline with gaps happened to have, a shortfall counts only if it is too large
    for chance (`ALPHA`, exact test against the baseline's own counts, or against the share if its statistics are not
    at hand). A complete baseline, and a share somebody wrote by hand, hold to the letter.
    """
    required, current, baseline = column.constraints.completeness, column.current, column.baseline
    rows = current.present + current.missing
    if required is None or not rows:
        return NOT_RUN
    if current.present_ratio >= required:
        return PASSED
    why = ""
    if required < 1.0 and baseline is None:
        if excess_over_rate(current.missing, rows, 1.0 - required) >= ALPHA:
            return PASSED
        why = ", more than chance explains"
    elif required < 1.0 and baseline is not None and math.isclose(required, baseline.present_ratio, rel_tol=1e-9):
        baseline_rows = baseline.present + baseline.missing
        if excess_by_chance(current.missing, rows, baseline.missing, baseline_rows) >= ALPHA:
            return PASSED
        why = f", against {baseline.missing} of {baseline_rows} in the baseline: more than chance explains"
    return violated(
        column.name,
        TYPE,
        f"Completeness requirement is not met. Expected: at least {percent(required)} of rows have a value. Observed: "
        f"Only {percent(current.present_ratio)} have one ({current.missing} of {plural(rows, 'row')} without{why}).",
    )


def check_completeness_strictly(column: Column) -> Finding:
    """The original's rule and wording: any share below the constraint is a violation."""
    required, current = column.constraints.completeness, column.current
    if required is None or not current.present + current.missing:
        return NOT_RUN
    if current.present_ratio >= required:
        return PASSED
    return violated(column.name, TYPE, old_wording(current.present_ratio))
