"""Cells: the same few intervals on both sides, so that two numeric samples can be compared share by share.

Cells are cut where the baseline's own distribution has its quantiles. Each holds about the same share of the baseline,
and a far outlier cannot stretch them as it stretches equal widths. Cell i is (edges[i-1], edges[i]], both ends open: m
edges make m + 1 cells, and every number lies in one.

Counts come from the exact ones where a pass counted them on these very edges, else from the sketch, whose rank error of
about 0.1 % of the rows is far below a cell's share.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchpost.profiles.gap import CategoryCounts, Comparison, DistributionFunctions
from watchpost.profiles.statistics import NumericStatistics, Sketch

Floats = NDArray[np.float64]

CELLS = 32  # one cell is about 3 % of the baseline: finer than any threshold in use, and 256 bytes of counts a column


@dataclass(frozen=True, slots=True)
class CellPair:
    """Counts of both sides in the same cells or categories, shapes (c,), c >= 1; no cell is empty on both sides."""

    baseline: Floats
    current: Floats

    @property
    def shares(self) -> tuple[Floats, Floats]:
        """Share of its own side's values in each cell, shapes (c,), (c,); each sums to 1."""
        return self.baseline / self.baseline.sum(), self.current / self.current.sum()


def cell_pair(pair: Comparison) -> CellPair:
    """Two samples on common cells: categories as they are, numbers in quantile cells of the baseline.

    Numbers get 32, 16, 8 or 4 cells, the finest that leaves ten rows of the smaller side to a cell: finer ones would
    add chance, which grows with their number, and no sight.
    """
    match pair:
        case DistributionFunctions():
            baseline, current = _counts(pair)
        case CategoryCounts():
            baseline, current = pair.baseline.astype(np.float64), pair.current.astype(np.float64)
    held = (baseline > 0) | (current > 0)
    return CellPair(baseline[held], current[held])


def _counts(pair: DistributionFunctions) -> tuple[Floats, Floats]:
    smaller, cells = min(pair.baseline_rows, pair.current_rows), CELLS
    while cells > 4 and smaller < 10 * cells:
        cells //= 2
    values, below = pair.values, pair.baseline
    if np.count_nonzero(np.diff(below)) < cells:  # few values: only those of the baseline itself get cells
        own = np.diff(below, prepend=0) > 0
        values, below = values[own], below[own]
    edges = edges_of(values, below, cells)
    baseline = counts_between(pair.values, pair.baseline, edges)
    counted = pair.counted
    if counted is not None and np.isin(edges, counted.edges).all():
        # Coarser cells are cut at a part of the finer ones' edges, so their counts are sums of the exact counts.
        places = np.append(counted.edges.searchsorted(edges), len(counted.edges))
        below = counted.counts.cumsum()[places]
        return baseline, np.diff(below, prepend=0).astype(np.float64)
    return baseline, counts_between(pair.values, pair.current, edges)


def quantile_edges(sketch: Sketch, cells: int = CELLS) -> Floats:
    """Inner edges that cut a distribution into at most `cells` cells, ascending and distinct; at least 3 cells.

    A column of few distinct values gets a cell for each of them; the cells below, above and, while `cells` allows it,
    between them stay empty until a value comes that was never seen. Any other column is cut at its quantiles, and a
    value that holds many of them is an edge once. Shape (m,), m < cells; an empty sketch has no edge.
    """
    return edges_of(*sketch.cumulative(), cells)


def edges_of(values: Floats, below: NDArray[np.float64 | np.int64], cells: int = CELLS) -> Floats:
    """As `quantile_edges`, from distinct values ascending and how many values are at most each; shapes (u,), (u,)."""
    if not len(values):
        return np.empty(0)
    with np.errstate(over="ignore"):  # nothing lies below the smallest float: that edge is dropped
        if 2 * len(values) < cells:
            edges = np.unique(np.concatenate((np.nextafter(values, -np.inf), values)))
        elif len(values) + 2 <= cells:
            edges = np.append(np.nextafter(values[0], -np.inf), values)
        else:
            ranks = below[-1] * np.arange(1, cells) / cells
            edges = values[np.unique(below.searchsorted(ranks))]
    finite: Floats = edges[np.isfinite(edges)]
    return finite


def cell_counts(statistics: NumericStatistics, edges: Floats) -> Floats | None:
    """How many of a feature's values lie in each cell, shape (m + 1,) for m edges.

    Exact where the feature was counted on the same edges, else from its sketch; None when it has neither.
    """
    if statistics.cells is not None and np.array_equal(statistics.cells.edges, edges):
        return statistics.cells.counts.astype(np.float64)
    if statistics.sketch is None:
        return None
    return counts_between(*statistics.sketch.cumulative(), edges)


def counts_between(values: Floats, below: NDArray[np.float64 | np.int64], edges: Floats) -> Floats:
    """How many values lie in each cell, shape (m + 1,), from ascending values and how many are at most each."""
    places = values.searchsorted(edges, side="right")
    at_most = np.where(places > 0, below[places - 1], 0.0) if len(values) else np.zeros(len(edges))
    return np.diff(at_most, prepend=0.0, append=float(below[-1]) if len(values) else 0.0)
