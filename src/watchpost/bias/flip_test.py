"""The flip test: what the model would have said of a person of group d, had they been of group a (contract 7.2).

Black, Yeom and Fredrikson 2020, "FlipTest: Fairness Testing via Optimal Transport", approximated as in the original:
the k nearest rows of group a vote, k = 5, or 1 when group a has at most 9 rows; Euclidean distance on the features as
they are. Among rows equally far the earliest vote; the original leaves that to the order in which its tree happens to
visit them, so on columns with many repeated values its result is one of several that ties allow.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEIGHBOURS, _FEW_ROWS = 5, 9
_BLOCK = 65_536  # queries at a time: 60 MB of candidates
MOST_QUERIES = 20_000
"""Rows of group d asked when sampling is allowed; the standard error is then below 0.0071."""

Array = NDArray[np.float64]
Query = Callable[[Array, int], tuple[Array, NDArray[np.int64]]]
"""Points and k to the distances and places of each one's k nearest, nearest first; shapes (points, k)."""


@dataclass(frozen=True, slots=True)
class Flips:
    """Rows of group d by how model and neighbours differ.

    favoured: positive by the model, negative by the neighbours. disfavoured: the other way round. agreed: the rest.
    neighbourhoods: how many groups of k rows of a there are to ask. sampled: whether only some rows of d were asked.
    """

    favoured: float
    disfavoured: float
    agreed: float
    neighbourhoods: float
    sampled: bool = False

    @property
    def value(self) -> float:
        """FT, in [-1, 1]; 0 without rows. Negative when d fares worse than a's neighbours."""
        rows = self.favoured + self.disfavoured + self.agreed
        return (self.favoured - self.disfavoured) / rows if rows else 0.0


def flip_test(
    features: Array,
    in_facet: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    *,
    weights: Array | None = None,
    rng: np.random.Generator | None = None,
    most: int = MOST_QUERIES,
) -> Flips:
    """Compare the model's answers for group d with those for their nearest rows in group a.

    Args: features: shape (n, features), finite. in_facet, predicted: shape (n,); at least one row on each side.
    weights: shape (n,), of d's rows in the outcome; neighbours vote by row. rng: given, at most `most` rows of group d,
    drawn without replacement, are asked, for the cost grows with d's rows times the logarithm, and in many dimensions
    the number, of a's rows.
    """
    rows = np.flatnonzero(in_facet)
    sampled = rng is not None and len(rows) > most
    if rng is not None and sampled:
        rows = np.sort(rng.choice(rows, most, replace=False))
    voted = nearest_vote(features[~in_facet], predicted[~in_facet], features[rows])
    said, weight = predicted[rows], np.ones(len(rows)) if weights is None else weights[rows]
    favoured, disfavoured = float(weight[said & ~voted].sum()), float(weight[~said & voted].sum())
    neighbourhoods = float((~in_facet).sum()) / _neighbours(int((~in_facet).sum()))
    return Flips(favoured, disfavoured, float(weight[said == voted].sum()), neighbourhoods, sampled)


def nearest_vote(points: Array, labels: NDArray[np.bool_], queries: Array) -> NDArray[np.bool_]:
    """The majority among each query's nearest points, the earliest first among those equally far.

    Args: points: shape (n, features), n >= 1. labels: shape (n,). queries: shape (m, features).
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415  heavy, and only this needs it

    k = _neighbours(len(points))
    # Equal rows become one point with its earliest rows, or thousands of equals would hide the next neighbours.
    order, starts = _equal_rows(points)
    distinct = points[order[starts]]
    earliest = _earliest(order, starts, k)
    asked, asked_starts = _equal_rows(queries)
    unique = queries[asked[asked_starts]]
    tree = cKDTree(distinct)

    def query(asked_for: Array, wanted: int) -> tuple[Array, NDArray[np.int64]]:
        distances, nearest = tree.query(asked_for, k=range(1, wanted + 1), workers=-1)
        return distances, nearest

    voted = np.concatenate(
        [_vote(query, earliest, labels, unique[at : at + _BLOCK], k) for at in range(0, len(unique), _BLOCK)]
        or [np.zeros(0, dtype=np.bool_)]
    )
    answer = np.empty(len(queries), dtype=np.bool_)
    answer[asked] = np.repeat(voted, np.diff(np.append(asked_starts, len(queries))))
    return answer


def _neighbours(rows: int) -> int:
    return _NEIGHBOURS if rows > _FEW_ROWS else 1


def _equal_rows(table: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """An order that puts equal rows together, earliest first, and where in it each run of equals begins."""
    order = np.lexsort(table.T[::-1]).astype(np.int64)
    in_order = table[order]
    new = np.ones(len(table), dtype=np.bool_)
    new[1:] = (in_order[1:] != in_order[:-1]).any(axis=1)
    return order, np.flatnonzero(new).astype(np.int64)


def _earliest(order: NDArray[np.int64], starts: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Shape (points, k): the first k rows of every distinct point, filled up with a number beyond all rows."""
    lengths = np.diff(np.append(starts, len(order)))
    places = starts[:, None] + np.arange(k)
    there = np.arange(k) < lengths[:, None]
    return np.where(there, order[np.minimum(places, len(order) - 1)], len(order))


def _vote(
    query: Query,
    earliest: NDArray[np.int64],
    labels: NDArray[np.bool_],
    queries: Array,
    k: int,
) -> NDArray[np.bool_]:
    """Ask for one point more than needed; where the last is as far as the k-th voter, ask for twice as many."""
    voted = np.zeros(len(queries), dtype=np.bool_)
    open_, wanted, none = np.arange(len(queries)), k + 1, len(labels)
    padded = np.append(labels, False)
    while len(open_):
        wanted = min(wanted, len(earliest))
        distances, points = query(queries[open_], wanted)
        rows = earliest[points].reshape(len(open_), -1)
        far = np.where(rows == none, np.inf, np.repeat(distances, k, axis=1))
        chosen = np.lexsort((rows, far), axis=-1)[:, :k]
        voters = np.take_along_axis(rows, chosen, axis=1)
        voted[open_] = 2 * padded[voters].sum(axis=1) > k
        if wanted == len(earliest):
            break
        last = np.take_along_axis(far, chosen[:, -1:], axis=1)[:, 0]
        open_ = open_[distances[:, -1] <= last]
        wanted *= 2
    return voted
