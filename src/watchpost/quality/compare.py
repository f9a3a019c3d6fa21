"""Figures against constraints: which metrics got worse than they may be, and in the original's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from watchpost.profiles.baseline_json import java_double
from watchpost.quality.document import MetricConstraint, QualityConstraints
from watchpost.quality.figures import Figures, Metric
from watchpost.verdicts import Violation

NEVER_REPORTED = ("f0_5", "weighted_f0_5")  # by the original, although their thresholds were broken (contract 6.7)


@dataclass(frozen=True, slots=True)
class CoverageGate:
    """Below which a window's figures would mislead.

    least_rows: labelled predictions. least_share: of all the window's predictions, in [0, 1].
    """

    least_rows: int = 1
    least_share: float = 0.0


@dataclass(frozen=True, slots=True)
class QualityOutcome:
    """What came of all constraints.

    verdict: "not_enough_data" when the window is below the gate; then there are no violations, and `reason` says why.
    evaluated: constraints that were judged. notes: constraints that could not be, and why.
    """

    verdict: Literal["ok", "violation", "not_enough_data"]
    violations: tuple[Violation, ...] = ()
    evaluated: int = 0
    reason: str = ""
    notes: tuple[str, ...] = ()


def compare_quality(
    constraints: QualityConstraints,
    figures: Figures,
    *,
    predictions: int | None = None,
    gate: CoverageGate | None = None,
    allowances: Mapping[str, float] | None = None,
    compat: bool = False,
) -> QualityOutcome:
    """Judge every constraint that has a threshold.

    Args: predictions: all predictions of the window, labelled or not; None if unknown. gate: None asks for one row.
    allowances: by how much a metric may lie beyond its threshold, by name, in its own unit (`quality.chance`). Without
    one the original's rule holds: its thresholds are the baseline's own values, so that about every second healthy
    window breaks each. compat: the original's rule, and its silence on f0_5.
    Source: contract 6.7.
    """
    short = None if compat else _shortage(figures, predictions, gate or CoverageGate())
    if short is not None:
        return QualityOutcome("not_enough_data", reason=short)
    metrics = {metric.name: metric for metric in figures.metrics}
    violations, notes, evaluated = [], [], 0
    for constraint in constraints.constraints:
        if constraint.threshold is None or (compat and constraint.name in NEVER_REPORTED):
            continue
        metric = metrics.get(constraint.name)
        if metric is None or metric.value is None:
            notes.append(f"{constraint.name} was not judged: it is undefined on these {figures.rows} rows.")
            continue
        evaluated += 1
        allowance = 0.0 if compat or allowances is None else allowances.get(constraint.name, 0.0)
        if _beyond(constraint, metric.value, allowance):
            violations.append(_violation(constraint, metric))
    verdict: Literal["ok", "violation"] = "violation" if violations else "ok"
    return QualityOutcome(verdict, tuple(violations), evaluated, notes=tuple(notes))


def metric_name(name: str) -> str:
    """A metric's name as violations spell it.

    >>> metric_name("true_positive_rate"), metric_name("f0_5")
    ('truePositiveRate', 'f05')
    """
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _shortage(figures: Figures, predictions: int | None, gate: CoverageGate) -> str | None:
    if figures.rows < gate.least_rows:
        return f"{figures.rows} labelled predictions are fewer than the {gate.least_rows} asked for."
    if predictions and figures.rows < gate.least_share * predictions:
        share = figures.rows / predictions
        return (
            f"Only {figures.rows} of {predictions} predictions have a label: a share of {share:.3g}, "
            f"and {gate.least_share:.3g} is asked for."
        )
    return None


def _beyond(constraint: MetricConstraint, value: float, allowance: float) -> bool:
    assert constraint.threshold is not None
    if constraint.operator == "GreaterThanThreshold":
        return value - allowance > constraint.threshold
    return value + allowance < constraint.threshold


def _violation(constraint: MetricConstraint, metric: Metric) -> Violation:
    assert metric.value is not None
    assert constraint.threshold is not None
    name, value = metric_name(metric.name), java_double(metric.value)
    if metric.standard_deviation is not None:
        value += f" +/- {java_double(metric.standard_deviation)}"
    sentence = f"Metric {name} with {value} was {constraint.operator} '{java_double(constraint.threshold)}'"
    return Violation(name, constraint.operator, sentence)
