"""Attributions that were compared, in the words of every report: figures and violations."""

from collections.abc import Iterable, Iterator
from typing import Literal

from watchpost.attribution import AttributionDrift, AttributionViolation, FeatureChange, LabelDrift
from watchpost.attribution.ndcg import THRESHOLD
from watchpost.attribution.violations import percent
from watchpost.verdicts import Drifted, Figure, Violation

Judged = Literal["violated", "kept", "not_enough_data", "not_judged"]

ORDER, CHANGE, NAMES = (
    "feature_attribution_drift_check",
    "feature_attribution_change_check",
    "feature_attribution_names_check",
)
_JUDGED: dict[Drifted, Judged] = {"yes": "violated", "no": "kept", "not_enough_data": "not_enough_data"}


def figures_of(drift: AttributionDrift, rows: int | None, *, compat: bool) -> tuple[Figure, ...]:
    """Per label the score of the order, then every feature's attribution, the largest first.

    Args: rows: explained rows of the smaller side, None where they are not known.
    """
    return tuple(figure for label in drift.labels for figure in _of_label(label, drift, rows, compat=compat))


def violations_of(drift: AttributionDrift) -> Iterator[Violation]:
    """What is violated, label by label; of several labels, a feature's name is followed by the label it speaks of."""
    several = len(drift.labels) > 1
    for label in drift.labels:
        own = [violation for violation in drift.violations if violation.label == label.label]
        yield from (Violation(label.label, ORDER, v.description) for v in own if v.constraint_check_type == ORDER)
        if any(v.constraint_check_type == NAMES for v in own):
            for names, where in ((label.missing, "now"), (label.extra, "in the baseline")):
                for name in names:
                    yield Violation(_subject(name, label.label, several), NAMES, f"No attribution {where} for {name!r}")
        moved = (change.feature for change in label.changes if change.moved == "yes")
        changed = (v for v in own if v.constraint_check_type == CHANGE)
        # Without the test of every feature (compat) none of them is a violation, and none has moved either.
        for feature, violation in zip(moved, changed, strict=True):
            yield Violation(_subject(feature, label.label, several), CHANGE, violation.description)


def with_labels(violations: Iterable[Violation], figures: Iterable[Figure]) -> tuple[AttributionViolation, ...]:
    """The same violations as the service's file has them, which names the label and no feature (contract 8.3)."""
    listed = tuple(figures)
    groups = tuple(dict.fromkeys(figure.group for figure in listed))
    label_of = {_subject(figure.name, figure.group, len(groups) > 1): figure.group for figure in listed}
    return tuple(
        AttributionViolation(
            label_of.get(v.feature_name, "") if v.constraint_check_type in (CHANGE, NAMES) else v.feature_name,
            v.constraint_check_type,
            v.description,
        )
        for v in violations
    )


def _subject(feature: str, label: str, several: bool) -> str:
    return f"{feature} ({label})" if several else feature


def _of_label(label: LabelDrift, drift: AttributionDrift, rows: int | None, *, compat: bool) -> Iterator[Figure]:
    yield Figure(
        "ndcg",
        label.score,
        label.label,
        "Order of features (NDCG)",
        "How much of the baseline's order of features is kept, the leading ones counting most; 1 is the same order.",
        baseline=1.0,
        rule=f"Not below {THRESHOLD}" + ("" if compat else ", unless chance explains it"),
        judged=_JUDGED[label.drifted],
        rows=rows,
        error="" if label.score is not None else "every attribution of the baseline is 0, so there is no order",
    )
    for change in sorted(label.changes, key=lambda c: -max(c.baseline_share, c.current_share)):
        yield _of_feature(change, label.label, drift, rows)
    if label.current_expected is not None:
        yield Figure(
            "expected_value",
            label.current_expected,
            label.label,
            "Expected value",
            "What the model answers on average where no feature is known: the attributions are counted from here.",
            baseline=label.baseline_expected,
            rows=rows,
        )


def _of_feature(change: FeatureChange, label: str, drift: AttributionDrift, rows: int | None) -> Figure:
    one_sided = change.baseline is None or change.current is None
    base, meaning = change.baseline, "How much it contributes to the model's output, over all explained rows."
    lower = upper = None
    if base is not None and change.low is not None and change.high is not None:
        lower, upper = base + change.low * abs(base), base + change.high * abs(base)
        meaning += " The interval is that of the change, laid at the baseline's value."
    judged: Judged = "not_judged" if drift.alpha is None else _JUDGED[change.moved]
    if one_sided and any(violation.constraint_check_type == NAMES for violation in drift.violations):
        judged = "violated"
    return Figure(
        change.feature,
        change.current,
        label,
        change.feature if change.relative is None else f"{change.feature} {percent(change.relative)}",
        meaning,
        lower=lower,
        upper=upper,
        baseline=base,
        rule="" if drift.alpha is None else "Not farther from the baseline than chance explains",
        judged=judged,
        rows=rows,
        error="no attribution now" if change.current is None else "",
    )
