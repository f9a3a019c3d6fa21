"""Check a table's statistics against constraints, and name every fault.

Each check stands alone and sees one column, so what is said about a column does not depend on what befell another.
Whether distributions moved is not judged here: that is the drift check's part.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from watchpost.constraints.all_null import check_all_null
from watchpost.constraints.categorical_values import check_categorical_values, check_categorical_values_strictly
from watchpost.constraints.columns import check_column_counts, check_column_names, check_renamed
from watchpost.constraints.completeness import check_completeness, check_completeness_strictly
from watchpost.constraints.constant_column import check_constant
from watchpost.constraints.data_type import check_data_type, check_data_type_strictly
from watchpost.constraints.document import Constraints
from watchpost.constraints.finding import Column, ColumnCheck, Finding
from watchpost.constraints.non_finite import check_non_finite
from watchpost.constraints.table import check_identifiers, check_readable, check_rows
from watchpost.constraints.unit_change import check_unit_change
from watchpost.constraints.value_range import check_range
from watchpost.profiles.statistics import Statistics
from watchpost.verdicts import QuarantineSummary, Violation

_CHECKS: tuple[ColumnCheck, ...] = (
    check_data_type,
    check_completeness,
    check_categorical_values,
    check_all_null,
    check_constant,
    check_non_finite,
    check_range,
    check_unit_change,
)
_ORIGINAL_CHECKS: tuple[ColumnCheck, ...] = (
    check_data_type_strictly,
    check_completeness_strictly,
    check_categorical_values_strictly,
)


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What came of all checks.

    evaluated: single checks (one rule on one column, or on the table) that ran. failed: those among them that found a
    violation. notes: what a reader should know that is no violation, such as a check that could not run, and why.
    """

    violations: tuple[Violation, ...]
    evaluated: int
    failed: int
    notes: tuple[str, ...] = ()


def check_constraints(
    baseline: Statistics | None,
    constraints: Constraints,
    current: Statistics,
    *,
    quarantine: QuarantineSummary | None = None,
    compat: bool = False,
) -> CheckOutcome:
    """Evaluate every constraint that is enabled.

    Args: baseline: what the constraints were learned from; without it the checks that compare with it do not run.
    quarantine: the records of the current data that could not be read. compat: only the original's checks, with its
    strict rules and its wording; otherwise our own are added, and the rules do not take sampling noise for a fault.
    Returns: violations in the order of the checks: table, then columns in the order of the constraints.
    """
    if not constraints.evaluated:
        return CheckOutcome((), 0, 0, ("No constraint was evaluated: evaluate_constraints is Disabled for all.",))
    if compat:
        return _outcome(_original_findings(baseline, constraints, current))
    return _outcome(_findings(baseline, constraints, current, quarantine or QuarantineSummary()))


def _original_findings(baseline: Statistics | None, constraints: Constraints, current: Statistics) -> Iterator[Finding]:
    rows = check_rows(current)
    if rows.violation is not None:
        # The original's job fails on an empty window, and gives no verdict; a clean one would be worse than either.
        yield rows
        return
    yield from check_column_counts(constraints, current)
    for column in _columns(baseline, constraints, current):
        yield from (check(column) for check in _ORIGINAL_CHECKS)


def _findings(
    baseline: Statistics | None, constraints: Constraints, current: Statistics, quarantine: QuarantineSummary
) -> Iterator[Finding]:
    yield check_readable(quarantine)
    rows = check_rows(current)
    yield rows
    if rows.violation is not None:
        yield Finding(ran=False, note="No column was checked: the current dataset holds no rows.")
        return
    yield check_identifiers(baseline, current)
    yield from check_column_counts(constraints, current)
    yield from check_column_names(constraints, current)
    if baseline is not None:
        yield from check_renamed(constraints, baseline, current)
    for column in _columns(baseline, constraints, current):
        yield from (check(column) for check in _CHECKS)


def _columns(baseline: Statistics | None, constraints: Constraints, current: Statistics) -> Iterator[Column]:
    """The columns to judge, matched by name: those the constraints name, enable, and the current data has."""
    before = {feature.name: feature for feature in baseline.features} if baseline is not None else {}
    now = {feature.name: feature for feature in current.features}
    for feature in constraints.features:
        rules = constraints.rules_for(feature)
        if rules.evaluate_constraints and feature.name in now:
            yield Column(feature, rules, before.get(feature.name), now[feature.name])


def _outcome(findings: Iterable[Finding]) -> CheckOutcome:
    every = tuple(findings)
    violations = tuple(finding.violation for finding in every if finding.violation is not None)
    return CheckOutcome(
        violations,
        evaluated=sum(finding.ran for finding in every),
        failed=len(violations),
        notes=tuple(finding.note for finding in every if finding.note is not None),
    )
