"""How far apart two distributions are, at most: the one figure every comparison of two features is read by.

Both sides are brought onto one axis first (`distribution_functions` for numbers, `category_counts` for text), with
whole cumulative counts, so that equal samples give a gap of exactly 0 and every drift test works from the one sort.

Source: contract 4.3 (largest gap), 4.4 (what `collapsed` reproduces).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchpost.profiles.statistics import CellCounts, FeatureStatistics, Sketch, last_of_equals

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DistributionFunctions:
    """Two numeric samples on one axis.

    values: distinct values of either side, ascending, shape (u,), u >= 1, in the column's own unit.
    baseline, current: how many of that side's values are at most values[i], shape (u,).
    differences: current minus baseline distribution function at each value, shape (u,), in [-1, 1].
    gap: largest absolute difference of the two distribution functions, in [0, 1].
    counted: exact counts of the current values in cells, where the pass over them kept some.
    """

    values: Floats
    baseline: Counts
    current: Counts
    differences: Floats
    gap: float
    counted: CellCounts | None = None

    @property
    def baseline_rows(self) -> int:
        """Values on the baseline side."""
        return int(self.baseline[-1])

    @property
    def current_rows(self) -> int:
        """Values on the current side."""
        return int(self.current[-1])


@dataclass(frozen=True, slots=True)
class CategoryCounts:
    """Two samples of text over the union of their categories.

    categories: in order of name, u >= 1 of them. baseline, current: values on each side, shape (u,).
    differences: current minus baseline share, shape (u,), in [-1, 1]. gap: the largest absolute one.
    """

    categories: tuple[str, ...]
    baseline: Counts
    current: Counts
    differences: Floats
    gap: float

    @property
    def baseline_rows(self) -> int:
        """Values on the baseline side."""
        return int(self.baseline.sum())

    @property
    def current_rows(self) -> int:
        """Values on the current side."""
        return int(self.current.sum())


Comparison = DistributionFunctions | CategoryCounts


def distribution_functions(
    baseline: Sketch, current: Sketch, *, counted: CellCounts | None = None, collapsed: bool = False
) -> DistributionFunctions | None:
    """Both sketches on one axis, or None when one of them is empty.

    counted: exact counts of the current side, handed on. collapsed: reproduce the original's defect, see
    `collapsed_items`.
    """
    (a, a_weights), (b, b_weights) = map(collapsed_items if collapsed else Sketch.weighted, (baseline, current))
    if not len(a) or not len(b):
        return None
    values = np.concatenate((a, b))
    order = values.argsort(kind="stable")  # a merge sort: two runs are joined in one pass
    values = values.take(order)
    below_a = np.concatenate((a_weights, np.zeros_like(b_weights))).take(order).cumsum()
    below_b = np.concatenate((np.zeros_like(a_weights), b_weights)).take(order).cumsum()
    last = last_of_equals(values)
    if last is not None:
        values, below_a, below_b = values.take(last), below_a.take(last), below_b.take(last)
    differences = below_b / below_b[-1]
    differences -= below_a / below_a[-1]
    return DistributionFunctions(values, below_a, below_b, differences, _largest(differences), counted)


def category_counts(baseline: Mapping[str, int], current: Mapping[str, int]) -> CategoryCounts | None:
    """Both sides' counts over the union of their categories, or None when one side counts nothing."""
    names = tuple(sorted(baseline.keys() | current.keys()))
    a = np.array([baseline.get(name, 0) for name in names], dtype=np.int64)
    b = np.array([current.get(name, 0) for name in names], dtype=np.int64)
    if not a.any() or not b.any():
        return None
    differences = b / b.sum() - a / a.sum()
    return CategoryCounts(names, a, b, differences, _largest(differences))


def comparison(
    baseline: FeatureStatistics, current: FeatureStatistics, *, collapsed: bool = False
) -> Comparison | None:
    """Two features on common ground, or None where they have none.

    None means: one is text and the other numeric, a side is empty, or a side has neither sketch nor category counts.
    """
    if is_numeric(baseline) and is_numeric(current):
        a, b = baseline.numeric, current.numeric
        if a is None or b is None or a.sketch is None or b.sketch is None:
            return None
        return distribution_functions(a.sketch, b.sketch, counted=b.cells, collapsed=collapsed)
    if baseline.inferred_type == current.inferred_type == "String":
        if baseline.categories is None or current.categories is None:
            return None
        return category_counts(baseline.categories, current.categories)
    return None


def largest_gap(baseline: FeatureStatistics, current: FeatureStatistics) -> float | None:
    """The largest share of rows by which two features differ, in [0, 1].

    For numbers the largest difference of the two weighted inclusive distribution functions, for text the largest
    difference of any category's share. None where the two are not comparable (see `comparison`).
    """
    common = comparison(baseline, current)
    return None if common is None else common.gap


def is_numeric(feature: FeatureStatistics) -> bool:
    """Whether the feature's values are numbers; whole and fractional ones compare with each other."""
    return feature.inferred_type in ("Integral", "Fractional")


def collapsed_items(sketch: Sketch) -> tuple[Floats, Counts]:
    """A sketch as the original sees it: distinct values ascending, each with the weight of its highest level only.

    The original keeps its (value, weight) pairs in a map keyed by value, filled from level 0 upward, so repeated values
    are lost and columns of few values look alike however they moved (contract 4.4). Shapes (n,), (n,).
    """
    levels = sketch.levels[::-1]
    if not levels:
        return np.empty(0), np.empty(0, dtype=np.int64)
    # The first occurrence from above is the one of the highest level.
    values, first = np.unique(np.concatenate(levels), return_index=True)
    weights = np.repeat(np.left_shift(1, np.arange(len(levels))[::-1]), [len(level) for level in levels])
    return values, weights[first]


def _largest(differences: Floats) -> float:
    return float(max(differences.max(), -differences.min()))
