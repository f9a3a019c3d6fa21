"""The figures and curves of a model quality report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from watchpost.monitors._quality_words import title_and_meaning
from watchpost.quality.chance import Measured, interval, support
from watchpost.quality.compare import NEVER_REPORTED, QualityOutcome, metric_name
from watchpost.quality.document import MetricConstraint, QualityConstraints
from watchpost.quality.figures import Curve as Points
from watchpost.quality.figures import Figures, Metric
from watchpost.quality.segments import RANKED_BY, Segment
from watchpost.verdicts import Curve, Figure

POINTS = 200
"""Points of each curve in a report."""

MOST_CLASSES = 6  # whose ROC curves are shown, largest first

Judged = Literal["violated", "kept", "not_enough_data", "not_judged"]


def figures_of_all(
    constraints: QualityConstraints,
    current: Measured,
    baseline: Figures | None,
    outcome: QualityOutcome,
    room: Mapping[str, float] | None,
) -> tuple[Figure, ...]:
    """Every metric of the window: the violated ones first, then the constrained, then the rest.

    room: how far each may lie beyond its threshold; None for the original's rule, which allows for nothing.
    """
    held = {c.name: c for c in constraints.constraints if c.threshold is not None}
    violated = {violation.feature_name for violation in outcome.violations}
    before = {metric.name: metric.value for metric in baseline.metrics} if baseline else {}

    def rank(metric: Metric) -> tuple[bool, bool]:
        return metric_name(metric.name) not in violated, metric.name not in held

    found = []
    for metric in sorted(current.figures.metrics, key=rank):
        title, meaning = title_and_meaning(metric.name)
        ends = interval(current, metric.name) or (None, None)
        constraint = held.get(metric.name)
        found.append(
            Figure(
                metric.name,
                metric.value,
                title=title,
                meaning=meaning,
                standard_deviation=metric.standard_deviation,
                lower=ends[0],
                upper=ends[1],
                baseline=before.get(metric.name),
                rule="" if constraint is None else _rule(constraint, room),
                judged=_judged(metric, constraint, outcome, room),
                rows=_rows(current.figures, metric.name),
                error="" if metric.value is not None else "It is undefined on these rows: a division by zero.",
            )
        )
    return tuple(found)


def figures_of_segments(segments: Sequence[Segment], constraints: QualityConstraints) -> tuple[Figure, ...]:
    """The constrained metrics of every segment, what it is ranked by first; segments are shown, not judged."""
    return tuple(figure for segment in segments for figure in _of_segment(segment, constraints))


def _of_segment(segment: Segment, constraints: QualityConstraints) -> Iterator[Figure]:
    ranked_by = RANKED_BY[constraints.problem_type]
    held = {c.name for c in constraints.constraints} | {ranked_by}
    for metric in sorted(segment.figures.metrics, key=lambda metric: metric.name != ranked_by):
        if metric.name in held:
            title, meaning = title_and_meaning(metric.name)
            yield Figure(
                metric.name,
                metric.value,
                group=group_of(segment),
                title=title,
                meaning=meaning,
                standard_deviation=metric.standard_deviation,
                judged="not_enough_data" if segment.small else "not_judged",
                rows=segment.figures.rows,
                error="" if metric.value is not None else "It is undefined on these rows: a division by zero.",
            )


def group_of(segment: Segment) -> str:
    """What a segment is called in a report, e.g. `region = north`."""
    return f"{segment.column} is empty" if segment.value is None else f"{segment.column} = {segment.value}"


def curves(current: Figures, baseline: Figures | None) -> tuple[Curve, ...]:
    """ROC and precision-recall curves, now against the baseline; of several classes each one's ROC curve."""
    if current.problem_type == "MulticlassClassification":
        classes = sorted((c for c in current.classes if c.roc is not None), key=lambda c: -c.support)[:MOST_CLASSES]
        return tuple(
            Curve(f"ROC curve of class {c.name}", *_ROC_AXES, _points(c.roc)) for c in classes if c.roc is not None
        )
    found = []
    for name, axes, now, before in (
        ("ROC curve", _ROC_AXES, current.roc, baseline.roc if baseline else None),
        ("Precision-recall curve", _PR_AXES, current.precision_recall, baseline.precision_recall if baseline else None),
    ):
        if now is not None:
            found.append(Curve(name, *axes, _points(now), () if before is None else _points(before)))
    return tuple(found)


_ROC_AXES = ("False positive rate", "True positive rate")
_PR_AXES = ("Recall", "Precision")


def _points(curve: Points) -> tuple[tuple[float, float], ...]:
    thinned = curve.thinned(POINTS)
    return tuple(zip(thinned.x.tolist(), thinned.y.tolist(), strict=True))


def _rule(constraint: MetricConstraint, room: Mapping[str, float] | None) -> str:
    verb = "rise above" if constraint.operator == "GreaterThanThreshold" else "fall below"
    rule = f"must not {verb} {constraint.threshold:.4g}"
    if room is None or constraint.name not in room:
        return rule
    return f"{rule} by more than {room[constraint.name]:.2g}, which chance explains"


def _judged(
    metric: Metric, constraint: MetricConstraint | None, outcome: QualityOutcome, room: Mapping[str, float] | None
) -> Judged:
    if constraint is None:
        return "not_judged"
    if outcome.verdict == "not_enough_data" or metric.value is None:
        return "not_enough_data"
    if metric_name(metric.name) in {violation.feature_name for violation in outcome.violations}:
        return "violated"
    if room is None:
        return "not_judged" if metric.name in NEVER_REPORTED else "kept"
    return "kept" if metric.name in room else "not_enough_data"


def _rows(figures: Figures, name: str) -> int:
    rows = support(figures, name)
    return figures.rows if rows is None else round(rows)
