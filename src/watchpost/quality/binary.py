"""Quality of a binary classification: the confusion matrix, curves, and how good its probabilities are."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from watchpost.quality.counted_values import MOST_VALUES, CountedValues, ValueTable
from watchpost.quality.curves import average_precision, calibration_error, precision_recall_curve, roc_curve
from watchpost.quality.figures import (
    BETAS,
    ClassFigures,
    ConfusionMatrix,
    Curve,
    Figures,
    Floats,
    constant_f_measure,
    f_measure,
    ordered_metrics,
    ratio,
)
from watchpost.quality.metrics import BEST_CONSTANT

Flags = NDArray[np.bool_]

_PIECE = 1 << 14  # rows whose temporaries stay in the processor's cache
_LEAST = float(np.finfo(np.float64).eps)  # a probability of exactly 0 or 1 that is wrong costs this much, not infinity
_FACTORS = 16  # as many numbers of at least _LEAST have a product above 1e-251


@dataclass(frozen=True, slots=True)
class _Sums:
    """Weighted counts by (label, prediction), and sums of the two proper scores."""

    true_negatives: float = 0.0
    false_positives: float = 0.0
    false_negatives: float = 0.0
    true_positives: float = 0.0
    log_loss: float = 0.0
    brier: float = 0.0

    def plus(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.true_negatives + other.true_negatives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
            self.true_positives + other.true_positives,
            self.log_loss + other.log_loss,
            self.brier + other.brier,
        )


class BinaryQuality:
    """Labels, predictions and scores of a window so far, in bounded memory.

    Args: threshold: rows without a prediction are called positive where their score is at least this (contract 6.4).
    cap: distinct scores kept exactly, for the curves.
    """

    def __init__(self, threshold: float = 0.5, cap: int = MOST_VALUES) -> None:
        self.threshold = threshold
        self._rows, self._weight = 0, 0.0
        self._sums = _Sums()
        self._scores = CountedValues(kinds=2, cap=cap)
        self._probabilities = True  # False once a score is none

    def update(
        self,
        labels: Flags,
        *,
        predictions: Flags | None = None,
        scores: Floats | None = None,
        weights: Floats | None = None,
    ) -> None:
        """Take in rows, shapes (n,). labels: True is positive. predictions, scores: at least one of them.

        Scores are finite, higher for positives; log loss, Brier score and calibration error exist only where all of
        them are probabilities in [0, 1]. Without scores the curves are those of the predictions (contract 6.4).
        weights: >= 0, None for all 1.
        Raises: ValueError without predictions and scores.
        """
        self._rows += len(labels)
        if not len(labels):
            return
        if weights is not None:
            kept = weights > 0
            labels, weights = labels[kept], weights[kept]
            predictions = None if predictions is None else predictions[kept]
            scores = None if scores is None else scores[kept]
        if predictions is None:
            if scores is None:
                raise ValueError("Neither predictions nor scores were given: a row needs one of them.")
            predictions = scores >= self.threshold
        self._weight += float(len(labels)) if weights is None else float(weights.sum())
        self._probabilities &= scores is not None and (
            not len(scores) or bool(scores.min() >= 0.0 and scores.max() <= 1.0)
        )
        # Both halves of the work are numpy on arrays of their own, so they run side by side.
        added = _beside().submit(_added, labels, predictions, scores if self._probabilities else None, weights)
        self._scores.add(predictions.astype(np.float64) if scores is None else scores, labels, weights)
        for part in added.result():
            self._sums = self._sums.plus(part)

    def merge(self, other: "BinaryQuality") -> "BinaryQuality":
        """A new state of both sides' rows; the threshold is this side's."""
        merged = BinaryQuality(self.threshold)
        merged._rows, merged._weight = self._rows + other._rows, self._weight + other._weight
        merged._sums = self._sums.plus(other._sums)
        merged._scores = self._scores.merge(other._scores)
        merged._probabilities = self._probabilities and other._probabilities
        return merged

    def table(self) -> ValueTable:
        """Distinct scores, and the weight of negatives (kind 0) and positives (kind 1) at each."""
        return self._scores.table()

    def figures(self) -> Figures:
        """The figures so far."""
        table = self.table()
        roc, curve = roc_curve(table), precision_recall_curve(table)
        values = _of_counts(self._sums, self._weight) | {
            "auc": None if roc is None else roc.area(),
            "au_prc": None if curve is None else curve.area(),
            "average_precision": None if curve is None else average_precision(curve),
            "log_loss": ratio(self._sums.log_loss, self._weight) if self._probabilities else None,
            "brier_score": ratio(self._sums.brier, self._weight) if self._probabilities else None,
            "calibration_error": calibration_error(table) if self._probabilities else None,
        }
        sums = self._sums
        matrix = ConfusionMatrix(
            ("0", "1"),
            ((sums.true_negatives, sums.false_positives), (sums.false_negatives, sums.true_positives)),
        )
        return Figures(
            "BinaryClassification",
            self._rows,
            self._weight,
            ordered_metrics("BinaryClassification", values),
            matrix,
            roc,
            curve,
            _classes(sums, roc, curve),
            exact=table.exact,
        )


@cache
def _beside() -> ThreadPoolExecutor:
    """One thread for all windows of this process."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="quality")


def _added(labels: Flags, predictions: Flags, probabilities: Floats | None, weights: Floats | None) -> list[_Sums]:
    """The sums of each piece of the rows, in order."""
    pieces = [slice(start, start + _PIECE) for start in range(0, len(labels), _PIECE)]
    return [
        _sums(
            labels[piece],
            predictions[piece],
            None if probabilities is None else probabilities[piece],
            None if weights is None else weights[piece],
        )
        for piece in pieces
    ]


def _sums(labels: Flags, predictions: Flags, probabilities: Floats | None, weights: Floats | None) -> _Sums:
    if weights is None:
        positives, called = int(np.count_nonzero(labels)), int(np.count_nonzero(predictions))
        hits = int(np.count_nonzero(labels & predictions))
        counts = [float(n) for n in (len(labels) - positives - called + hits, called - hits, positives - hits, hits)]
    else:
        cells = labels.view(np.uint8) * np.uint8(2) + predictions.view(np.uint8)
        counts = [float(total) for total in np.bincount(cells, weights=weights, minlength=4)]
    if probabilities is None:
        return _Sums(counts[0], counts[1], counts[2], counts[3])
    positive = labels.astype(np.float64)
    gaps = probabilities - positive
    # The probability given to what came true, without rounding: p for a positive, 1 - p for a negative.
    given = np.subtract(1.0, positive, out=positive)
    np.abs(np.subtract(probabilities, given, out=given), out=given)
    if len(given) and (given.min() < _LEAST or given.max() > 1.0 - _LEAST):
        np.clip(given, _LEAST, 1.0 - _LEAST, out=given)
    # No dot products: beside other threads, those of a threaded BLAS waited fifty times as long as they worked.
    np.multiply(gaps, gaps, out=gaps)
    if weights is None:
        log_loss, brier = -_sum_of_logs(given), float(gaps.sum())
    else:
        log_loss, brier = -float((np.log(given) * weights).sum()), float((gaps * weights).sum())
    return _Sums(counts[0], counts[1], counts[2], counts[3], log_loss, brier)


def _sum_of_logs(given: Floats) -> float:
    """The sum of the logarithms of numbers in [_LEAST, 1], shape (n,).

    As logarithms of products, which take a tenth of the time and round no worse: even 16 times _LEAST is no underflow.
    """
    whole = len(given) - len(given) % _FACTORS
    products = np.multiply.reduce(given[:whole].reshape(_FACTORS, -1), axis=0)
    return float(np.log(products).sum() + np.log(given[whole:]).sum())


def _of_counts(sums: _Sums, weight: float) -> dict[str, float | None]:
    hits, wrong, missed = sums.true_positives, sums.false_positives, sums.false_negatives
    recall, fall_out = ratio(hits, hits + missed), ratio(wrong, wrong + sums.true_negatives)
    prevalence = ratio(hits + missed, weight)
    values = {
        "recall": recall,
        "precision": ratio(hits, hits + wrong),
        "accuracy": ratio(hits + sums.true_negatives, weight),
        "true_positive_rate": recall,
        # By subtraction, as the original does: 0.33333333333333337 is its own answer (contract 6.5).
        "true_negative_rate": None if fall_out is None else 1 - fall_out,
        "false_positive_rate": fall_out,
        "false_negative_rate": None if recall is None else 1 - recall,
        # The best constant classifier always says positive.
        "recall" + BEST_CONSTANT: 1.0 if hits + missed else None,
        "precision" + BEST_CONSTANT: prevalence,
        "accuracy" + BEST_CONSTANT: prevalence,
    }
    for name, beta in BETAS.items():
        values[name] = f_measure(beta, hits, missed, wrong)
        values[name + BEST_CONSTANT] = None if prevalence is None else constant_f_measure(beta, prevalence)
    return values


def _classes(sums: _Sums, roc: Curve | None, curve: Curve | None) -> tuple[ClassFigures, ...]:
    """Both classes; the negative one has no curves of its own, as they are the positive one's seen from behind."""
    negatives, positives = sums.true_negatives + sums.false_positives, sums.true_positives + sums.false_negatives
    called_negative = sums.true_negatives + sums.false_negatives
    called_positive = sums.true_positives + sums.false_positives
    area = None if roc is None else roc.area()
    return (
        ClassFigures(
            "0",
            negatives,
            called_negative,
            ratio(sums.true_negatives, called_negative),
            ratio(sums.true_negatives, negatives),
            f_measure(1, sums.true_negatives, sums.false_positives, sums.false_negatives),
            area,
        ),
        ClassFigures(
            "1",
            positives,
            called_positive,
            ratio(sums.true_positives, called_positive),
            ratio(sums.true_positives, positives),
            f_measure(1, sums.true_positives, sums.false_negatives, sums.false_positives),
            area,
            None if curve is None else average_precision(curve),
            roc,
            curve,
        ),
    )
