"""all_null_check (ours): a column that used to hold values holds none."""

from watchpost.constraints.finding import NOT_RUN, PASSED, Column, Finding, percent, plural, violated
from watchpost.constraints.sampling import ALPHA, excess_by_chance, excess_over_rate

TYPE = "all_null_check"


def check_all_null(column: Column) -> Finding:
    """The column holds at least one value, unless so few rows of so sparse a column can all be empty by chance."""
    current, baseline = column.current, column.baseline
    rows = current.present + current.missing
    completeness = column.constraints.completeness if baseline is None else baseline.present_ratio
    if not rows or not completeness:
        return NOT_RUN
    if current.present:
        return PASSED
    if baseline is None:
        chance = excess_over_rate(rows, rows, 1.0 - completeness)
    elif baseline.missing:
        chance = excess_by_chance(rows, rows, baseline.missing, baseline.present + baseline.missing)
    else:
        chance = 0.0  # a complete column leaves no room for chance, however few the rows
    if chance >= ALPHA:
        return PASSED
    return violated(
        column.name,
        TYPE,
        f"Every value is missing: none of {plural(rows, 'row')} has one; in the baseline {percent(completeness)} had.",
    )
