"""From local to global: what each feature contributes over all explained rows (contract 8.1, `agg_method`)."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from watchpost.attribution.errors import UnfitRows
from watchpost.attribution.explanation import Explanation, Matrix

Aggregation = Literal["mean_abs", "median", "mean_sq"]
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)


@dataclass(frozen=True, slots=True)
class LabelAttribution:
    """Global attributions for one output of the model.

    features and values: of the same length; values are not negative, except with `median`, which keeps the sign.
    expected: the model's average output, None where unknown.
    """

    label: str
    features: tuple[str, ...]
    values: tuple[float, ...]
    expected: float | None = None

    @property
    def by_feature(self) -> dict[str, float]:
        """Each feature's value."""
        return dict(zip(self.features, self.values, strict=True))


@dataclass(frozen=True, slots=True, eq=False)  # an explanation holds arrays
class GlobalAttribution:
    """Global attributions for every output.

    explanation: the rows they were made from, where at hand; without them nothing can be said about chance.
    """

    aggregation: Aggregation
    labels: tuple[LabelAttribution, ...]
    explanation: Explanation | None = None


def summarise(explanation: Explanation, aggregation: Aggregation = "mean_abs") -> GlobalAttribution:
    """Aggregate local attributions. Raises: UnfitRows when no row was explained."""
    if not explanation.rows:
        raise UnfitRows("no row was explained, so there is nothing to aggregate", "Explain at least one row")
    rows, labels, features = explanation.values.shape
    values = aggregate(explanation.values.reshape(rows, labels * features), aggregation).reshape(labels, features)
    return GlobalAttribution(
        aggregation,
        tuple(
            LabelAttribution(label, explanation.features, tuple(own.tolist()), expected)
            for label, own, expected in zip(explanation.labels, values, explanation.expected, strict=True)
        ),
        explanation,
    )


def aggregate(values: Matrix, aggregation: Aggregation) -> Matrix:
    """One number per column of (rows, columns): the mean of absolute values or squares, or the median with its sign."""
    return middle(contributions(values, aggregation), aggregation)


def middle(contributed: Matrix, aggregation: Aggregation) -> Matrix:
    """The mean of each column of contributions, or their median for `median`."""
    found = np.median(contributed, axis=0) if aggregation == "median" else contributed.mean(axis=0)
    return np.asarray(found, dtype=np.float64)


def contributions(values: Matrix, aggregation: Aggregation) -> Matrix:
    """What of each local attribution is averaged; the attributions themselves for `median`."""
    match aggregation:
        case "mean_abs":
            return np.asarray(np.abs(values), dtype=np.float64)
        case "mean_sq":
            return np.asarray(np.square(values), dtype=np.float64)
        case "median":
            return values
