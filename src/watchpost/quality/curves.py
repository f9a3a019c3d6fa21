"""ROC and precision-recall curves, the areas under them, and calibration, from a table of distinct scores.

A table has two kinds of weight at each score: 0 the negatives', 1 the positives'.
"""

import numpy as np

from watchpost.quality.counted_values import ValueTable
from watchpost.quality.figures import Curve, Floats

CALIBRATION_BINS = 10


def roc_curve(table: ValueTable) -> Curve | None:
    """False against true positive rate when everything from a score upwards is called positive.

    None where there are no positives or no negatives. Source: contract 6.5; one point per distinct score.
    """
    wrong, hits = _from_above(table)
    if not len(hits) or not wrong[-1] or not hits[-1]:
        return None
    return Curve(wrong / wrong[-1], hits / hits[-1])


def precision_recall_curve(table: ValueTable) -> Curve | None:
    """Recall against precision, starting at recall 0 with the first precision; None without positives.

    Source: contract 6.5; one point per distinct score.
    """
    wrong, hits = _from_above(table)
    if not len(hits) or not hits[-1]:
        return None
    precision = hits[1:] / (hits[1:] + wrong[1:])
    return Curve(hits / hits[-1], np.concatenate((precision[:1], precision)))


def average_precision(curve: Curve) -> float:
    """Mean of the precisions weighted by the gain in recall: the area in steps instead of trapezoids, in [0, 1]."""
    return float(np.sum(np.diff(curve.x) * curve.y[1:]))


def calibration_error(table: ValueTable) -> float | None:
    """Expected calibration error: mean gap between a bin's mean score and its share of positives, weighted by rows.

    Ten bins of equal width, (0.1, 0.2] and so on, 0 in the first. In [0, 1]; None without rows.
    Source: Naeini, Cooper, Hauskrecht 2015, AAAI, 2901-2907.
    """
    rows = table.weights.sum(axis=0)
    if not rows.sum():
        return None
    bins = np.linspace(0.0, 1.0, CALIBRATION_BINS + 1)[1:-1].searchsorted(table.values)
    scores = np.bincount(bins, weights=rows * table.values, minlength=CALIBRATION_BINS)
    positives = np.bincount(bins, weights=table.weights[1], minlength=CALIBRATION_BINS)
    return float(np.abs(scores - positives).sum() / rows.sum())


def _from_above(table: ValueTable) -> tuple[Floats, Floats]:
    """Weight of negatives and positives at or above each score, scores falling, after a zero; shapes (n + 1,)."""
    wrong, hits = (np.concatenate(([0.0], own[::-1].cumsum())) for own in table.weights)
    return wrong, hits
