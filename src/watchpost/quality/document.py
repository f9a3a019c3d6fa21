"""The two files of a model quality baseline as plain frozen values (contract 6.5, 6.6)."""

from dataclasses import dataclass
from datetime import datetime

from watchpost.profiles.baseline_json import UnknownField
from watchpost.quality.figures import Figures
from watchpost.quality.metrics import METRICS, Operator, ProblemType


@dataclass(frozen=True, slots=True)
class QualityStatistics:
    """A `statistics.json` of model quality.

    figures: those of the file, or of a window; the file has no place for the extras, nor for figures by class.
    evaluation_time: when it was evaluated, in UTC; None in older files. null_deviations: metrics whose missing standard
    deviation is written as null, as newer containers do; all others as "NaN". unknown: fields that we do not know.
    """

    figures: Figures
    evaluation_time: datetime | None = None
    null_deviations: frozenset[str] = frozenset()
    version: float = 0.0
    unknown: tuple[UnknownField, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricConstraint:
    """How bad a metric may be: violated on the operator's side of the threshold. No threshold, no constraint."""

    name: str
    threshold: float | None
    operator: Operator


@dataclass(frozen=True, slots=True)
class QualityConstraints:
    """A `constraints.json` of model quality. unknown: fields of the file that we do not know."""

    problem_type: ProblemType
    constraints: tuple[MetricConstraint, ...]
    version: float = 0.0
    unknown: tuple[UnknownField, ...] = ()


def suggest_quality_constraints(figures: Figures) -> QualityConstraints:
    """A constraint for each metric that the original constrains, at exactly the baseline's value (contract 6.6)."""
    values = {metric.name: metric.value for metric in figures.metrics}
    constrained = (d for d in METRICS[figures.problem_type] if d.constrained and d.name in values)
    return QualityConstraints(
        figures.problem_type, tuple(MetricConstraint(d.name, values[d.name], d.operator) for d in constrained)
    )
