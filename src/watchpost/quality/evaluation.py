"""Evaluation: the quality of one window, from tables of answers and labels, in bounded memory."""

from copy import deepcopy
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import polars as pl

from watchpost.data.weights import WeightSums
from watchpost.quality.attributes import (
    LABEL,
    PREDICTION,
    PROBABILITY,
    WEIGHT,
    Attributes,
    Outcomes,
    select_outcomes,
)
from watchpost.quality.binary import BinaryQuality
from watchpost.quality.counted_values import MOST_VALUES
from watchpost.quality.figures import Figures
from watchpost.quality.multiclass import MulticlassQuality
from watchpost.quality.regression import RegressionQuality
from watchpost.quality.spread import RowSample, standard_deviations, standard_errors

Quality: TypeAlias = RegressionQuality | BinaryQuality | MulticlassQuality


class Evaluation:
    """The quality of the rows seen so far; evaluations of two windows merge into that of both.

    Args: attributes: what is asked, and where the columns are. cap: distinct scores or errors kept exactly.
    """

    def __init__(self, attributes: Attributes, cap: int = MOST_VALUES) -> None:
        self.attributes, self._cap = attributes, cap
        self._quality: Quality | None = None
        self._sample = RowSample()
        self._weighted, self._weights = False, WeightSums()
        self._unusable = 0

    @property
    def weights(self) -> WeightSums | None:
        """What the rows' weights come to; None where every row weighs 1."""
        return self._weights if self._weighted else None

    @property
    def unusable(self) -> int:
        """Rows left out so far, see `Outcomes`."""
        return self._unusable

    def update(self, frame: pl.DataFrame, rng: np.random.Generator) -> None:
        """Take in rows of labelled predictions. rng: which of them are kept for the standard deviations.

        Raises: InputError when an attribute finds no column.
        """
        self.add(select_outcomes(frame, self.attributes), rng)

    def add(self, outcomes: Outcomes, rng: np.random.Generator) -> None:
        """Take in rows already selected."""
        self._unusable += outcomes.unusable
        if self._quality is None:
            self._quality = _empty(self.attributes, outcomes.rows, self._cap)
        _update(self._quality, outcomes.rows)
        self._sample.update(outcomes.rows, rng)
        if WEIGHT in outcomes.rows.columns:
            self._weighted, self._weights = True, self._weights.plus(outcomes.rows[WEIGHT].to_numpy())
        else:
            rows = outcomes.rows.height
            self._weights = self._weights.merge(WeightSums(rows, rows, rows))

    def merge(self, other: "Evaluation") -> "Evaluation":
        """A new evaluation of both sides' rows. Raises: InputError when they ask different questions."""
        merged = Evaluation(self.attributes, min(self._cap, other._cap))
        merged._unusable = self._unusable + other._unusable
        merged._sample = self._sample.merge(other._sample)
        merged._weighted = self._weighted or other._weighted
        merged._weights = self._weights.merge(other._weights)
        match self._quality, other._quality:
            case (None, one) | (one, None):
                merged._quality = deepcopy(one)
            case (RegressionQuality() as mine, RegressionQuality() as its):
                merged._quality = mine.merge(its)
            case (BinaryQuality() as mine, BinaryQuality() as its):
                merged._quality = mine.merge(its)
            case (MulticlassQuality() as mine, MulticlassQuality() as its):
                merged._quality = mine.merge(its)
        return merged

    def figures(self, rng: np.random.Generator | None = None) -> Figures:
        """The figures so far. rng: draws the samples for the standard deviations; None leaves these out."""
        if self._quality is None:
            return _empty(self.attributes, pl.DataFrame(), self._cap).figures()
        figures = self._quality.figures()
        if self._weighted:
            figures = replace(figures, effective_rows=self._weights.effective_rows)
        if rng is None:
            return figures
        return figures.with_deviations(standard_deviations(self._sample, self._measure, rng))

    def standard_errors(self, rng: np.random.Generator) -> dict[str, float]:
        """How sure each metric is, by name, in its own unit (`watchpost.quality.spread`). rng: draws the halves."""
        return standard_errors(self._sample, self._measure, rng)

    def _measure(self, rows: pl.DataFrame) -> Figures:
        quality = _empty(self.attributes, rows, self._cap)
        _update(quality, rows)
        return quality.figures()


def evaluate(rows: pl.DataFrame, attributes: Attributes, *, cap: int = MOST_VALUES) -> Figures:
    """The figures of one frame of labelled predictions, without standard deviations. Raises: InputError."""
    outcomes = select_outcomes(rows, attributes)
    quality = _empty(attributes, outcomes.rows, cap)
    _update(quality, outcomes.rows)
    return quality.figures()


def _empty(attributes: Attributes, rows: pl.DataFrame, cap: int) -> Quality:
    match attributes.problem_type:
        case "Regression":
            return RegressionQuality(cap)
        case "BinaryClassification":
            return BinaryQuality(0.5 if attributes.threshold is None else attributes.threshold, cap)
        case "MulticlassClassification":
            scores = len(_score_columns(rows))
            return MulticlassQuality(attributes.classes or tuple(str(i) for i in range(scores)), cap)


def _update(quality: Quality, rows: pl.DataFrame) -> None:
    weights = rows[WEIGHT].to_numpy() if WEIGHT in rows.columns else None
    match quality:
        case RegressionQuality():
            quality.update(rows[LABEL].to_numpy(), rows[PREDICTION].to_numpy(), weights)
        case BinaryQuality():
            quality.update(
                rows[LABEL].to_numpy(),
                predictions=rows[PREDICTION].to_numpy() if PREDICTION in rows.columns else None,
                scores=rows[PROBABILITY].to_numpy() if PROBABILITY in rows.columns else None,
                weights=weights,
            )
        case MulticlassQuality():
            scores = _score_columns(rows)
            probabilities = rows.select(scores).to_numpy().astype(np.float64) if scores else None
            quality.update(rows[LABEL], rows[PREDICTION], probabilities=probabilities, weights=weights)


def _score_columns(rows: pl.DataFrame) -> list[str]:
    return [name for name in rows.columns if name.startswith(f"{PROBABILITY}[")]
