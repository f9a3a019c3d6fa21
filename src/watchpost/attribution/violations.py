"""Violations of feature attribution: when, in which words, and the file they are written to (contract 8.3)."""

from collections.abc import Iterable, Iterator

from watchpost.attribution.ndcg import THRESHOLD
from watchpost.attribution.outcome import AttributionViolation, Exchange, FeatureChange, LabelDrift
from watchpost.profiles.baseline_json import Tree, decode, pretty


def violations_of(
    labels: Iterable[LabelDrift], confidence: float, *, compat: bool = False
) -> tuple[AttributionViolation, ...]:
    """All violations, label by label: the order, names that do not match, then features in baseline order.

    compat: only the contract's, in its words (which say "exceeds" of a lower bound).
    """
    return tuple(_original(labels)) if compat else tuple(_ours(labels, confidence))


def write_violations(violations: Iterable[AttributionViolation]) -> str:
    """The text of `constraint_violations.json`. Leave the file out when there is no violation, as the original does."""
    listed: list[Tree] = [
        {
            "label": violation.label,
            "metric_name": violation.metric_name,
            "constraint_check_type": violation.constraint_check_type,
            "description": violation.description,
        }
        for violation in violations
    ]
    return pretty({"version": "1.0", "violations": listed})


def parse_violations(text: str | bytes, path: str) -> tuple[AttributionViolation, ...]:
    """The violations of a file. Raises: MalformedBaseline naming the field that is not as it should be."""
    return tuple(
        AttributionViolation(
            entry.text("label"),
            entry.text("constraint_check_type"),
            entry.text("description"),
            entry.text("metric_name"),
        )
        for entry in decode(text, path).children("violations")
    )


def percent(relative: float) -> str:
    """A relative change as people write it, with a true minus sign: +67 %, +0.4 %."""
    size = abs(100 * relative)
    digits = f"{size:.0f}" if size >= 9.95 else f"{size:.2g}"
    return f"{'−' if relative < 0 else '+'}{digits} %"


def _original(labels: Iterable[LabelDrift]) -> Iterator[AttributionViolation]:
    for label in labels:
        if label.score is not None and label.score < THRESHOLD:
            text = f"Feature attribution drift {label.score!r} exceeds threshold {THRESHOLD}"
            yield AttributionViolation(label.label, "feature_attribution_drift_check", text)


def _ours(labels: Iterable[LabelDrift], confidence: float) -> Iterator[AttributionViolation]:
    for label in labels:
        if label.drifted == "yes":
            text = (
                f"The order of features is lost: NDCG {label.score:.4g} is below the threshold {THRESHOLD}. "
                f"{_leaders(label.changes)}"
            )
            yield AttributionViolation(label.label, "feature_attribution_drift_check", text)
        for names, where in ((label.missing, "now"), (label.extra, "in the baseline")):
            if names:
                text = f"No attribution {where} for {', '.join(map(repr, names))}"
                yield AttributionViolation(label.label, "feature_attribution_names_check", text)
        for change in label.changes:
            if change.moved == "yes":
                text = _change(change, label.exchanges, confidence)
                yield AttributionViolation(label.label, "feature_attribution_change_check", text)


def _leaders(changes: tuple[FeatureChange, ...]) -> str:
    before = max(changes, key=lambda change: change.baseline_share).feature
    after = max(changes, key=lambda change: change.current_share).feature
    return f"{after!r} leads, where {before!r} led" if before != after else f"{after!r} still leads"


def _change(change: FeatureChange, exchanges: tuple[Exchange, ...], confidence: float) -> str:
    shares = f"from {100 * change.baseline_share:.3g} % to {100 * change.current_share:.3g} % of all attributions"
    if change.relative is None:
        said = f"Attribution of {change.feature!r} went {shares}"
    else:
        said = f"Attribution of {change.feature!r} changed by {percent(change.relative)}"
        if change.low is not None and change.high is not None:
            said += f" ({100 * confidence:g} % interval {percent(change.low)} to {percent(change.high)})"
        said += f", {shares}"
    for pair in exchanges:
        if change.feature in (pair.first, pair.second):
            other = pair.second if change.feature == pair.first else pair.first
            said += f"; it changed places with {other!r}"
    return said
