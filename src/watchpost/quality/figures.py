"""Figures: how good a model's answers were in one window, as plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from watchpost.errors import UnknownName
from watchpost.quality.metrics import METRICS, ProblemType

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Metric:
    """One scalar figure.

    value: None where it is undefined (a division by zero, or nothing to compute it from).
    standard_deviation: by the contract's rule (`watchpost.quality.spread`); None where there is none.
    """

    name: str
    value: float | None
    standard_deviation: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Points of a curve, both coordinates in [0, 1], shapes (n,), (n,), in order of falling score.

    ROC: x is the false, y the true positive rate, from (0, 0) to (1, 1). Precision-recall: x is the recall, y the
    precision, from recall 0 at the first precision. One point per distinct score, and the starting point.
    """

    x: Floats
    y: Floats

    def thinned(self, points: int) -> "Curve":
        """At most that many points (at least 2), evenly spread along the ranks, both ends kept."""
        if len(self.x) <= points:
            return self
        kept = np.linspace(0, len(self.x) - 1, points).round().astype(np.intp)
        return Curve(self.x[kept], self.y[kept])

    def area(self) -> float:
        """Area under the curve by the trapezoid rule."""
        return float(np.trapezoid(self.y, self.x))

    def __eq__(self, other: object) -> bool:
        """The same points."""
        if not isinstance(other, Curve):
            return NotImplemented
        return np.array_equal(self.x, other.x) and np.array_equal(self.y, other.y)

    __hash__ = None  # type: ignore[assignment]  # arrays are compared by content, so not to be hashed


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """counts[i][j]: rows (or their weight) whose label is classes[i] and whose prediction is classes[j]."""

    classes: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]

    def scaled(self, factor: float) -> "ConfusionMatrix":
        """The same shares of another sum."""
        return replace(self, counts=tuple(tuple(count * factor for count in row) for row in self.counts))


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class against all others.

    support: rows (or their weight) whose label is this class. precision: None if the class was never predicted;
    recall: None if it was never the label; f1: None if neither. auc, average_precision, roc, precision_recall: from
    the class's probability; None without one, or where the class, or everything else, is absent.
    """

    name: str
    support: float
    predicted: float
    precision: float | None
    recall: float | None
    f1: float | None
    auc: float | None = None
    average_precision: float | None = None
    roc: Curve | None = None
    precision_recall: Curve | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one set of rows.

    rows: predictions with a label. weight: sum of their sample weights (rows, when there are none). effective_rows:
    rows of equal weight that would tell as much (Kish 1965); None where all rows weigh 1.
    metrics: in the order of `METRICS[problem_type]`; figures read from a file hold those the file has.
    classes: one entry per class. exact: False when there were too many distinct scores or errors to keep them all; then
    curves, areas under them, calibration error and quantiles come from cells of neighbouring
    scores (`watchpost.quality.counted_values`), and everything else is exact all the same.
    """

    problem_type: ProblemType
    rows: int
    weight: float
    metrics: tuple[Metric, ...]
    confusion_matrix: ConfusionMatrix | None = None
    roc: Curve | None = None
    precision_recall: Curve | None = None
    classes: tuple[ClassFigures, ...] = ()
    exact: bool = True
    effective_rows: float | None = None

    @property
    def worth(self) -> float:
        """Rows of equal weight that a unit of weight stands for; 1 without weights."""
        return self.effective_rows / self.weight if self.effective_rows is not None and self.weight else 1.0

    def per_row(self) -> "Figures":
        """The same figures, with counts by weight brought to the sum of the rows: shares of the traffic, in rows."""
        if self.weight in (self.rows, 0.0):
            return self
        factor = self.rows / self.weight
        matrix = self.confusion_matrix
        return replace(
            self,
            weight=float(self.rows),
            confusion_matrix=None if matrix is None else matrix.scaled(factor),
            classes=tuple(
                replace(own, support=own.support * factor, predicted=own.predicted * factor) for own in self.classes
            ),
        )

    def metric(self, name: str) -> Metric:
        """The metric of that name. Raises: UnknownName."""
        found = next((metric for metric in self.metrics if metric.name == name), None)
        if found is None:
            raise UnknownName("watchpost.quality", name, tuple(metric.name for metric in self.metrics))
        return found

    def value(self, name: str) -> float | None:
        """The value of the metric of that name, None where undefined. Raises: UnknownName."""
        return self.metric(name).value

    def with_deviations(self, deviations: Mapping[str, float | None]) -> "Figures":
        """The same figures, each metric with its standard deviation."""
        return replace(self, metrics=tuple(Metric(m.name, m.value, deviations.get(m.name)) for m in self.metrics))


def ordered_metrics(problem_type: ProblemType, values: Mapping[str, float | None]) -> tuple[Metric, ...]:
    """Values by name as metrics in the order of `METRICS`; every metric must be there."""
    return tuple(Metric(d.name, values[d.name]) for d in METRICS[problem_type])


def ratio(part: float, whole: float) -> float | None:
    """The share part / whole; None for 0 / 0 and every other division by zero."""
    return part / whole if whole else None


def f_measure(beta: float, hits: float, missed: float, wrong: float) -> float | None:
    """Weighted harmonic mean of precision and recall, in [0, 1], from true positives, false negatives, false positives.

    0 where a positive exists or was claimed but none was hit; None where there is neither.
    Source: contract 6.5, (1 + b²)PR / (b²P + R).
    """
    if not hits:
        return 0.0 if missed or wrong else None
    precision, recall = hits / (hits + wrong), hits / (hits + missed)
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def constant_f_measure(beta: float, share: float) -> float | None:
    """F-measure of always predicting a class that holds this share of the rows (precision share, recall 1)."""
    return ratio((1 + beta**2) * share, beta**2 * share + 1)


BETAS: Mapping[str, float] = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}
