"""Quality of a regression: mean errors, r2, and quantiles of the error."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from watchpost.quality.counted_values import MOST_VALUES, CountedValues
from watchpost.quality.figures import Figures, Floats, ordered_metrics, ratio
from watchpost.quality.metrics import ERROR_QUANTILES

_PIECE = 1 << 16  # rows summed one after another: as the original does, and short enough for the sum to stay exact


@dataclass(frozen=True, slots=True)
class _Sums:
    """Weighted sums over rows: of 1, |e|, e², |e / y|, and the label's mean and squared deviations from it."""

    weight: float = 0.0
    absolute: float = 0.0
    squared: float = 0.0
    relative: float = 0.0
    mean: float = 0.0
    deviations: float = 0.0

    def plus(self, other: "_Sums") -> "_Sums":
        """Both sides' sums. Source of the last two: Chan, Golub, LeVeque 1983, The American Statistician 37(3)."""
        weight = self.weight + other.weight
        if not self.weight or not other.weight:
            return other if not self.weight else self
        gap = other.mean - self.mean
        return _Sums(
            weight,
            self.absolute + other.absolute,
            self.squared + other.squared,
            self.relative + other.relative,
            self.mean + gap * (other.weight / weight),
            self.deviations + other.deviations + gap * gap * (self.weight * other.weight / weight),
        )


class RegressionQuality:
    """Labels and predictions of a window so far, in bounded memory.

    Args: cap: distinct errors kept exactly, for the quantiles.
    """

    def __init__(self, cap: int = MOST_VALUES) -> None:
        self._rows, self._zero_labels = 0, False
        self._lowest, self._highest = math.inf, -math.inf  # of the labels
        self._sums = _Sums()
        self._errors = CountedValues(cap=cap)

    def update(self, labels: Floats, predictions: Floats, weights: Floats | None = None) -> None:
        """Take in rows: finite labels and predictions in the same unit, weights >= 0; shapes (n,)."""
        self._rows += len(labels)
        if weights is not None:
            kept = weights > 0
            labels, predictions, weights = labels[kept], predictions[kept], weights[kept]
        if not len(labels):
            return
        errors = predictions - labels
        self._lowest, self._highest = min(self._lowest, float(labels.min())), max(self._highest, float(labels.max()))
        self._zero_labels |= not labels.all()
        for sums in _pieces(labels, errors, weights):
            self._sums = self._sums.plus(sums)
        self._errors.add(errors, weights=weights)

    def merge(self, other: "RegressionQuality") -> "RegressionQuality":
        """A new state of both sides' rows."""
        merged = RegressionQuality()
        merged._rows = self._rows + other._rows
        merged._zero_labels = self._zero_labels or other._zero_labels
        merged._lowest = min(self._lowest, other._lowest)
        merged._highest = max(self._highest, other._highest)
        merged._sums = self._sums.plus(other._sums)
        merged._errors = self._errors.merge(other._errors)
        return merged

    def figures(self) -> Figures:
        """The figures so far.

        r2 is undefined where all labels are equal, mape where a label is 0 (contract 6.5: no division by zero).
        """
        sums, table = self._sums, self._errors.table()
        mse = ratio(sums.squared, sums.weight)
        # Equal labels have no variance; summing leaves them one of rounding errors, and an r2 of -1e31.
        lost = ratio(sums.squared, sums.deviations) if self._lowest < self._highest else None
        values = {
            "mae": ratio(sums.absolute, sums.weight),
            "mse": mse,
            "rmse": None if mse is None else math.sqrt(mse),
            "r2": None if lost is None else 1 - lost,
            "mape": None if self._zero_labels else ratio(sums.relative, sums.weight),
            "median_absolute_error": quantile(np.abs(table.values), table.weights[0], 0.5),
        }
        values |= {name: quantile(table.values, table.weights[0], q) for name, q in ERROR_QUANTILES.items()}
        return Figures("Regression", self._rows, sums.weight, ordered_metrics("Regression", values), exact=table.exact)


def _pieces(labels: Floats, errors: Floats, weights: Floats | None) -> Iterator[_Sums]:
    for start in range(0, len(labels), _PIECE):
        piece = slice(start, start + _PIECE)
        yield _sums(labels[piece], errors[piece], None if weights is None else weights[piece])


def _sums(labels: Floats, errors: Floats, weights: Floats | None) -> _Sums:
    absolute = np.abs(errors)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # a label of 0 makes mape undefined
        relative = absolute / np.abs(labels)
    if weights is None:
        weight, mean = float(len(labels)), _added(labels) / len(labels)
        deviations = labels - mean
        parts = (absolute, errors * errors, relative, deviations * deviations)
    else:
        weight = _added(weights)
        mean = _added(labels * weights) / weight
        deviations = labels - mean
        parts = (
            absolute * weights,
            errors * errors * weights,
            relative * weights,
            deviations * deviations * weights,
        )
    absolute_sum, squared, relative_sum, deviation_sum = map(_added, parts)
    return _Sums(weight, absolute_sum, squared, relative_sum, mean, deviation_sum)


def _added(values: Floats) -> float:
    """The sum, one value after another: the original's order, to the last bit (numpy's own sum adds in pairs)."""
    return float(values.cumsum()[-1]) if len(values) else 0.0


def quantile(values: Floats, weights: Floats, share: float) -> float | None:
    """The value below which that share of the weight lies; the middle between two where it lies exactly between them.

    Args: values of any order, weights > 0, shapes (n,). None without values. For share 0.5 this is the median.
    Source: Hyndman and Fan 1996, The American Statistician 50(4), definition 2.
    """
    if not len(values):
        return None
    order = values.argsort(kind="stable")
    below = weights[order].cumsum()
    at = min(int(below.searchsorted(share * below[-1], side="left")), len(values) - 1)
    after = min(at + 1, len(values) - 1) if below[at] == share * below[-1] else at
    return float((values[order[at]] + values[order[after]]) / 2)
