"""Quality of a multiclass classification: the confusion matrix, weighted metrics, every class against the rest."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.errors import InputError
from watchpost.quality.binary import BinaryQuality
from watchpost.quality.counted_values import MOST_VALUES
from watchpost.quality.curves import CALIBRATION_BINS
from watchpost.quality.figures import (
    BETAS,
    ClassFigures,
    ConfusionMatrix,
    Figures,
    Floats,
    constant_f_measure,
    f_measure,
    ordered_metrics,
    ratio,
)
from watchpost.quality.metrics import BEST_CONSTANT

MOST_CLASSES = 1000
"""More distinct labels and predictions than this are no classes: a confusion matrix of them would fill the memory."""

_LEAST = float(np.finfo(np.float64).eps)


class MulticlassQuality:
    """Labels, predictions and probabilities of a window so far, in bounded memory.

    Args: classes: the names of the probabilities' columns, in order; empty when there are no probabilities.
    cap: distinct scores kept exactly, all classes together.
    """

    def __init__(self, classes: Sequence[str] = (), cap: int = MOST_VALUES) -> None:
        self._classes, self._cap = tuple(classes), cap
        self._rows, self._weight = 0, 0.0
        self._counts: dict[tuple[str, str], float] = {}
        own = max(cap // max(len(self._classes), 1), 1 << 12)
        self._against_rest = tuple(BinaryQuality(cap=own) for _ in self._classes)
        self._log_loss = self._brier = 0.0
        self._bins: Floats = np.zeros((CALIBRATION_BINS, 2))  # per bin of the top probability: its sum, hits
        self._unknown_labels = False

    def update(
        self,
        labels: pl.Series,
        predictions: pl.Series,
        *,
        probabilities: Floats | None = None,
        weights: Floats | None = None,
    ) -> None:
        """Take in rows: names of classes without nulls, lengths n; probabilities in [0, 1], shape (n, classes).

        weights: >= 0, None for all 1. Raises: InputError when there are more than MOST_CLASSES names.
        """
        self._rows += len(labels)
        if not len(labels):
            return
        held = np.ones(len(labels)) if weights is None else weights
        self._weight += float(held.sum())
        pairs = pl.DataFrame({"label": labels, "prediction": predictions, "weight": held})
        counted = pairs.group_by("label", "prediction").agg(pl.col("weight").sum())
        for label, prediction, weight in counted.iter_rows():
            self._counts[label, prediction] = self._counts.get((label, prediction), 0.0) + weight
        self._require_classes()
        if probabilities is not None and self._classes:
            self._score(labels, predictions, probabilities, held)

    def merge(self, other: "MulticlassQuality") -> "MulticlassQuality":
        """A new state of both sides' rows, which must have the same classes. Raises: InputError if they have not."""
        if self._classes != other._classes:
            raise InputError(
                f"Windows of different classes cannot be merged: {', '.join(self._classes)} and "
                f"{', '.join(other._classes)}. Name the same classes, in the same order, for both."
            )
        merged = MulticlassQuality(self._classes, min(self._cap, other._cap))
        merged._rows, merged._weight = self._rows + other._rows, self._weight + other._weight
        names = dict.fromkeys((*self._counts, *other._counts))
        merged._counts = {pair: self._counts.get(pair, 0.0) + other._counts.get(pair, 0.0) for pair in names}
        merged._require_classes()
        sides = zip(self._against_rest, other._against_rest, strict=True)
        merged._against_rest = tuple(mine.merge(its) for mine, its in sides)
        merged._log_loss, merged._brier = self._log_loss + other._log_loss, self._brier + other._brier
        merged._bins = self._bins + other._bins
        merged._unknown_labels = self._unknown_labels or other._unknown_labels
        return merged

    def figures(self) -> Figures:
        """The figures so far. A class never predicted counts with precision 0 in the weighted metrics, as in Spark."""
        names = sorted({name for pair in self._counts for name in pair} | set(self._classes))
        places = {name: place for place, name in enumerate(names)}
        matrix = np.zeros((len(names), len(names)))
        for (label, prediction), weight in self._counts.items():
            matrix[places[label], places[prediction]] = weight
        scored = {name: quality.figures() for name, quality in zip(self._classes, self._against_rest, strict=True)}
        classes = tuple(_class(name, matrix, i, scored.get(name)) for i, name in enumerate(names))
        values = _weighted(matrix, self._weight) | self._probability_values(classes)
        rows = tuple(tuple(float(cell) for cell in row) for row in matrix)
        return Figures(
            "MulticlassClassification",
            self._rows,
            self._weight,
            ordered_metrics("MulticlassClassification", values),
            ConfusionMatrix(tuple(names), rows),
            classes=classes,
            exact=all(figures.exact for figures in scored.values()),
        )

    def _score(self, labels: pl.Series, predictions: pl.Series, probabilities: Floats, weights: Floats) -> None:
        truth = np.stack([labels.eq(name).to_numpy() for name in self._classes], axis=1)
        self._unknown_labels |= not truth.any(axis=1).all()
        sums = probabilities.sum(axis=1, keepdims=True)
        # As scikit-learn and the definition want it, each row's probabilities add up to 1.
        shares = np.divide(probabilities, sums, out=np.zeros_like(probabilities), where=sums > 0)
        given = np.clip((shares * truth).sum(axis=1), _LEAST, 1.0 - _LEAST)
        self._log_loss -= float((np.log(given) * weights).sum())
        self._brier += float((((probabilities - truth) ** 2).sum(axis=1) * weights).sum())
        top = probabilities.max(axis=1)
        bins = np.linspace(0.0, 1.0, CALIBRATION_BINS + 1)[1:-1].searchsorted(top)
        hits = labels.eq(predictions).to_numpy() * weights
        columns = (np.bincount(bins, weights=w, minlength=CALIBRATION_BINS) for w in (top * weights, hits))
        self._bins = self._bins + np.stack(list(columns), axis=1)
        for column, quality in enumerate(self._against_rest):
            scores = np.ascontiguousarray(probabilities[:, column])
            quality.update(truth[:, column], scores=scores, weights=weights)

    def _probability_values(self, classes: Sequence[ClassFigures]) -> dict[str, float | None]:
        scored = bool(self._classes) and self._weight > 0 and not self._unknown_labels
        own = [c for c in classes if c.name in self._classes]
        return {
            "macro_auc": _mean([c.auc for c in own]) if scored else None,
            "macro_average_precision": _mean([c.average_precision for c in own]) if scored else None,
            "log_loss": self._log_loss / self._weight if scored else None,
            "brier_score": self._brier / self._weight if scored else None,
            "calibration_error": (
                float(np.abs(self._bins[:, 0] - self._bins[:, 1]).sum()) / self._weight if scored else None
            ),
        }

    def _require_classes(self) -> None:
        names = {name for pair in self._counts for name in pair}
        if len(names) > MOST_CLASSES:
            raise InputError(
                f"Labels and predictions hold more than {MOST_CLASSES} distinct values, e.g. "
                f"{', '.join(sorted(names)[:3])}: they are no classes. Check the attributes, or use Regression."
            )


def _class(name: str, matrix: NDArray[np.float64], at: int, scored: Figures | None) -> ClassFigures:
    hits, support, predicted = float(matrix[at, at]), float(matrix[at].sum()), float(matrix[:, at].sum())
    return ClassFigures(
        name,
        support,
        predicted,
        ratio(hits, predicted),
        ratio(hits, support),
        f_measure(1, hits, support - hits, predicted - hits),
        None if scored is None else scored.value("auc"),
        None if scored is None else scored.value("average_precision"),
        None if scored is None else scored.roc,
        None if scored is None else scored.precision_recall,
    )


def _weighted(matrix: NDArray[np.float64], weight: float) -> dict[str, float | None]:
    """Metrics of each class weighted by its share of the labels (contract 6.5)."""
    supports = matrix.sum(axis=1)
    predicted, hits = matrix.sum(axis=0), matrix.diagonal()
    accuracy = ratio(float(hits.sum()), weight)
    values: dict[str, float | None] = {"accuracy": accuracy, "weighted_recall": accuracy}
    shares = supports / weight if weight else supports
    precisions = np.divide(hits, predicted, out=np.zeros_like(hits), where=predicted > 0)
    values["weighted_precision"] = float(np.dot(shares, precisions)) if weight else None
    for name, beta in BETAS.items():
        each = [
            f_measure(beta, float(h), float(s - h), float(p - h)) or 0.0
            for h, s, p in zip(hits, supports, predicted, strict=True)
        ]
        values[f"weighted_{name}"] = float(np.dot(shares, each)) if weight else None
    # The best constant classifier always gives the commonest label.
    share = float(shares.max()) if weight else None
    for name in ("accuracy", "weighted_recall"):
        values[name + BEST_CONSTANT] = share
    values["weighted_precision" + BEST_CONSTANT] = None if share is None else share**2
    for name, beta in BETAS.items():
        measure = None if share is None else constant_f_measure(beta, share)
        values[f"weighted_{name}{BEST_CONSTANT}"] = None if share is None or measure is None else share * measure
    return values


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean, None if any of the values is undefined: a mean over fewer classes would flatter."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
