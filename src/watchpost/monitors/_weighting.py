"""What a report says of weights, and tables of captured records as plain samples of the traffic."""

from dataclasses import astuple, replace

import numpy as np

from watchpost.data.dataset import Dataset
from watchpost.data.weights import WeightSums, resampled, tally
from watchpost.profiles.statistics import ClassCounts, FeatureStatistics, Statistics


def weighing(sums: WeightSums, column: str | None = None) -> str:
    """The sentence on what figures are weighted by, and what that leaves of the rows. column: if somebody named one."""
    why = (
        "capture by rules took some calls more often than others, and each record counts by one over its inclusion "
        "probability"
        if column is None
        else f"each row counts by column {column!r}"
    )
    return (
        f"Figures are weighted: {why}. {sums.rows:,} records tell as much as {sums.effective_rows:,.0f} taken alike "
        "(Kish's effective sample size)."
    )


def resampling(sums: WeightSums, rows: int) -> str:
    """The sentence on a verdict by rows drawn by their weights. rows: how many were drawn."""
    return (
        f"Judged by {rows:,} rows drawn from the {sums.rows:,} captured ones by their weights: capture by rules took "
        "some calls more often than others, and each record stands for one over its inclusion probability. The "
        f"captured ones tell as much as {sums.effective_rows:,.0f} taken alike (Kish's effective sample size)."
    )


def representative(dataset: Dataset, rng: np.random.Generator) -> tuple[Dataset, WeightSums | None]:
    """A dataset as a plain sample of the traffic, and what its weights come to; as it is, and None, without any.

    Weights are read first, in a pass of their own.
    """
    weights = tally(dataset)
    if weights is None or weights.alike:
        return dataset, None
    return resampled(dataset, weights, rng), weights.sums


def with_traces(sample: Statistics, whole: Statistics) -> Statistics:
    """The statistics of a sample in which nothing that is not allowed at all has got lost.

    Of a kind of cell that some row of the whole has (an empty one, a text among numbers, NaN) and no drawn one, one
    cell counts as drawn; a column that no drawn row has is taken from the whole.
    """
    drawn = {feature.name: feature for feature in sample.features}
    features = tuple(
        _traced(drawn[feature.name], feature) if feature.name in drawn else feature for feature in whole.features
    )
    return replace(sample, features=features)


def _traced(drawn: FeatureStatistics, whole: FeatureStatistics) -> FeatureStatistics:
    found = drawn
    if drawn.classes is not None and whole.classes is not None:
        found = replace(found, classes=_with_all(drawn.classes, whole.classes))
    if whole.missing and not drawn.missing and drawn.present > 1:
        rows = drawn.present + drawn.missing
        found = replace(found, present=drawn.present - 1, missing=1, completeness=(drawn.present - 1) / rows)
    return found


def _with_all(drawn: ClassCounts, whole: ClassCounts) -> ClassCounts:
    counts: list[int] = list(astuple(drawn))
    for place, count in enumerate(astuple(whole)):
        if count and not counts[place] and max(counts) > 1:
            counts[counts.index(max(counts))] -= 1
            counts[place] = 1
    return ClassCounts(*counts)
