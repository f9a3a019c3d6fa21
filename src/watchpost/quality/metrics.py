"""What each metric is called, which direction is better, its range, and whether the original knows it (contract 6.5).

Units: `mae`, `rmse`, `median_absolute_error` and the error quantiles are in the label's unit, `mse` in its square;
everything else is unitless (`log_loss` in nats).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ProblemType = Literal["Regression", "BinaryClassification", "MulticlassClassification"]
Operator = Literal["GreaterThanThreshold", "LessThanThreshold"]

BEST_CONSTANT = "_best_constant_classifier"
"""Ending of the metrics of a classifier that always gives the same answer: what any model has to beat."""


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One metric of one problem type.

    better: None where neither direction is (an error quantile). lowest, highest: its closed range.
    original: True when the original writes it into `statistics.json`. constrained: True when it suggests a threshold.
    """

    name: str
    better: Literal["higher", "lower"] | None
    lowest: float = 0.0
    highest: float = 1.0
    original: bool = True
    constrained: bool = True

    @property
    def operator(self) -> Operator:
        """The operator of its constraint; the original names it after the violating direction (contract 6.6)."""
        return "GreaterThanThreshold" if self.better == "lower" else "LessThanThreshold"


def _score(name: str) -> MetricDefinition:
    return MetricDefinition(name, "higher")


def _best_constant(*names: str) -> tuple[MetricDefinition, ...]:
    return tuple(MetricDefinition(name + BEST_CONSTANT, "higher", constrained=False) for name in names)


def _error(name: str, *, original: bool) -> MetricDefinition:
    return MetricDefinition(name, "lower", highest=math.inf, original=original, constrained=original)


def _extra(name: str, better: Literal["higher", "lower"], highest: float = 1.0) -> MetricDefinition:
    return MetricDefinition(name, better, highest=highest, original=False, constrained=False)


ERROR_QUANTILES: Mapping[str, float] = {
    "error_p05": 0.05,
    "error_p25": 0.25,
    "error_p50": 0.5,
    "error_p75": 0.75,
    "error_p95": 0.95,
}
"""Quantiles of the signed error, prediction minus label."""

_REGRESSION = (
    _error("mae", original=True),
    _error("mse", original=True),
    _error("rmse", original=True),
    MetricDefinition("r2", "higher", lowest=-math.inf),
    _error("mape", original=False),
    _error("median_absolute_error", original=False),
    *(MetricDefinition(name, None, -math.inf, math.inf, False, False) for name in ERROR_QUANTILES),
)
_BINARY = (
    *map(_score, ("recall", "precision", "accuracy")),
    *_best_constant("recall", "precision", "accuracy"),
    *map(_score, ("true_positive_rate", "true_negative_rate")),
    MetricDefinition("false_positive_rate", "lower"),
    MetricDefinition("false_negative_rate", "lower"),
    _score("auc"),
    MetricDefinition("au_prc", "higher", constrained=False),
    *map(_score, ("f0_5", "f1", "f2")),
    *_best_constant("f0_5", "f1", "f2"),
    _extra("average_precision", "higher"),
    _extra("log_loss", "lower", math.inf),
    _extra("brier_score", "lower"),
    _extra("calibration_error", "lower"),
)
_WEIGHTED = ("accuracy", "weighted_recall", "weighted_precision", "weighted_f0_5", "weighted_f1", "weighted_f2")
_MULTICLASS = (
    MetricDefinition("accuracy", "higher"),
    *map(_score, _WEIGHTED[1:]),
    *_best_constant(*_WEIGHTED),
    _extra("macro_auc", "higher"),
    _extra("macro_average_precision", "higher"),
    _extra("log_loss", "lower", math.inf),
    _extra("brier_score", "lower", 2.0),
    _extra("calibration_error", "lower"),
)

METRICS: Mapping[ProblemType, tuple[MetricDefinition, ...]] = {
    "Regression": _REGRESSION,
    "BinaryClassification": _BINARY,
    "MulticlassClassification": _MULTICLASS,
}
"""Every scalar metric, in the order in which files and reports list them."""


def definition(problem_type: ProblemType, name: str) -> MetricDefinition | None:
    """The metric of that name, or None."""
    return next((metric for metric in METRICS[problem_type] if metric.name == name), None)
