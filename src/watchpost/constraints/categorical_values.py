"""categorical_values_check: enough cells hold a value the baseline knows."""

from collections.abc import Mapping

from watchpost.constraints.finding import NOT_RUN, PASSED, Column, Finding, old_wording, percent, plural, violated
from watchpost.constraints.sampling import ALPHA, excess_by_chance
from watchpost.profiles.statistics import FeatureStatistics

TYPE = "categorical_values_check"

# A new value that fills this share of a window is reported whatever its chance. With it, a category that takes 1 % of
# the traffic is found as surely as the rows allow: at 1000 rows and a baseline of 20,000 in 99.7 % of the windows
# (three rows suffice), and at 200 rows or fewer every single unknown cell is reported, as by the original.
_TOLERATED_SHARE = 0.005


def check_categorical_values(column: Column) -> Finding:
    """The share of cells inside the known values is not below the constraint's.

    At the usual threshold of 1.0 the letter of it fails healthy windows whenever a rare value was not drawn into
    the baseline (65 to 138 of 1000 windows of 1000 rows on real data). So there, where the baseline's counts are known,
    an unknown value must be too frequent to be such a rare one (`ALPHA`, exact test, shared among the unknown values),
    or the unknown cells together must reach 0.5 % of the window. Values the baseline had, but somebody took
    out of `domains`, and thresholds below 1.0, hold to the letter.
    """
    domains, current = column.constraints.domains, column.current
    if domains is None or not current.present:
        return NOT_RUN
    threshold = column.rules.domain_content_threshold
    counts = _value_counts(current, domains)
    if counts is None:
        return _too_many_values(column, domains)
    rows, known = sum(counts.values()), set(domains)
    outside = {value: count for value, count in counts.items() if value not in known}
    unknown = sum(outside.values())
    share = (rows - unknown) / rows
    if share >= threshold:
        return PASSED
    if threshold == 1.0 and _may_be_chance(outside, rows, column.baseline):
        return Finding(
            note=f"{column.name}: {plural(unknown, 'cell')} of {rows} not among the {len(domains)} known values "
            f"({_listed(outside)}), no more than rare values missed by the baseline explain."
        )
    return violated(
        column.name,
        TYPE,
        f"Categorical values requirement is not met. Expected: at least {percent(threshold)} of values are among the "
        f"{len(domains)} known ones. Observed: Only {percent(share)} are. Not known: {_listed(outside)}.",
    )


def check_categorical_values_strictly(column: Column) -> Finding:
    """The original's rule and wording: any share below the threshold is a violation."""
    domains, current = column.constraints.domains, column.current
    if domains is None or not current.present:
        return NOT_RUN
    counts = _value_counts(current, domains)
    if counts is None:
        return Finding(ran=False, note=f"{column.name}: too many different values to compare with the known ones.")
    known, rows = set(domains), sum(counts.values())
    share = sum(count for value, count in counts.items() if value in known) / rows
    return violated(column.name, TYPE, old_wording(share)) if share < column.rules.domain_content_threshold else PASSED


def _value_counts(current: FeatureStatistics, domains: tuple[str, ...]) -> Mapping[str, int] | None:
    """Cells by value; numbers by the known value that is the same number. None where there is no telling."""
    if current.categories is not None:
        return current.categories if current.categories else None
    sketch = current.numeric.sketch if current.numeric is not None else None
    if sketch is None or not sketch.weight:
        return None
    by_number: dict[float, str] = {}
    for value in domains:
        try:
            by_number[float(value)] = value
        except ValueError:
            continue
    counts: dict[str, int] = {}
    for number, weight in zip(*(array.tolist() for array in sketch.weighted()), strict=True):
        value = by_number.get(number, f"{number:g}")
        counts[value] = counts.get(value, 0) + int(weight)
    return counts


def _may_be_chance(outside: Mapping[str, int], rows: int, baseline: FeatureStatistics | None) -> bool:
    if baseline is None or baseline.categories is None or sum(outside.values()) >= _TOLERATED_SHARE * rows:
        return False
    if any(value in baseline.categories for value in outside):
        return False
    most = max(outside.values())
    return excess_by_chance(most, rows, 0, baseline.present) * len(outside) >= ALPHA


def _too_many_values(column: Column, domains: tuple[str, ...]) -> Finding:
    """A column without category counts has more values than are ever counted, or is numeric without a sketch."""
    distinct, threshold = column.current.distinct, column.rules.domain_content_threshold
    # The number of distinct values is an estimate with 5 % standard error: five of them settle it.
    settled = column.current.inferred_type == "String" and distinct is not None and distinct > 1.25 * len(domains)
    if not settled or threshold < 1.0:
        return Finding(ran=False, note=f"{column.name}: the statistics do not tell which values the column holds.")
    return violated(
        column.name,
        TYPE,
        "Categorical values requirement is not met. Expected: at least "
        f"{percent(threshold)} of values are among the {len(domains)} known ones. "
        f"Observed: about {distinct:.0f} different values, too many to count each.",
    )


def _listed(outside: Mapping[str, int]) -> str:
    ranked = sorted(outside.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{value[:60]!r} ({plural(count, 'row')})" for value, count in ranked[:5])
    return f"{shown} and {len(ranked) - 5} more" if len(ranked) > 5 else shown
