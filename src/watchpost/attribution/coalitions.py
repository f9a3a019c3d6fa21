"""Which coalitions of features Kernel SHAP asks the model about, and how their values become attributions.

A coalition S is the set of features that keep the explained row's values while the others take a baseline row's. The
empty and the full coalition are always known; here are the others. All of them, when they are affordable: the result
is then the Shapley value, exactly. Otherwise whole sizes from the outside in, where the kernel's weight is, and random
pairs (S, complement of S) of the sizes left.

Source: Lundberg & Lee 2017, A Unified Approach to Interpreting Model Predictions, theorem 2; paired sampling: Covert &
Lee 2021, Improving KernelSHAP, section 4.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from watchpost.attribution.explanation import Matrix

_ROUNDS = 4  # of drawing again when draws repeat; then fewer coalitions than affordable are asked for


@dataclass(frozen=True, slots=True, eq=False)
class Coalitions:
    """masks: True where a feature keeps its value, (coalitions, features). weights: positive, one per coalition."""

    masks: NDArray[np.bool_]
    weights: Matrix


def coalitions_needed(features: int) -> int:
    """How many coalitions identify the attributions: all, or each feature alone and each left out."""
    return min(2**features - 2, 2 * features) if features > 1 else 0


def choose_coalitions(features: int, affordable: int, rng: np.random.Generator) -> Coalitions:
    """At most `affordable` distinct coalitions, all of them when that many are affordable.

    Args: features >= 1; affordable >= coalitions_needed(features).
    """
    if features <= 1:
        return Coalitions(np.empty((0, features), dtype=bool), np.empty(0))
    if features < 63 and 2**features - 2 <= affordable:
        return _all(features)
    return _some(features, affordable, rng)


def solve(chosen: Coalitions, values: Matrix, total: Matrix) -> Matrix:
    """The attributions of shape (features, labels): weighted least squares among those that sum to `total`.

    Args: values: each coalition's output less the empty one's, (coalitions, labels). total: the same of the full
        coalition, (labels,).
    """
    features = chosen.masks.shape[1]
    if features == 1:
        return total[None, :].copy()
    design = chosen.masks.astype(np.float64)
    weighted = design.T * chosen.weights
    right = np.column_stack([weighted @ values, np.ones(features)])
    solved = np.asarray(np.linalg.solve(weighted @ design, right), dtype=np.float64)
    free, direction = solved[:, :-1], solved[:, -1]
    result: Matrix = free - np.outer(direction / direction.sum(), free.sum(axis=0) - total)
    return result


def _all(features: int) -> Coalitions:
    numbered = np.arange(1, 2**features - 1)
    masks = (numbered[:, None] >> np.arange(features)) & 1 == 1
    return Coalitions(masks, _size_weights(features)[masks.sum(axis=1)] / _subsets(features)[masks.sum(axis=1)])


def _size_weights(features: int) -> Matrix:
    """The kernel's total weight of each size 0 … features; the two ends, which are constraints instead, have none."""
    sizes = np.arange(1, features)
    return np.concatenate([[0.0], (features - 1) / (sizes * (features - sizes)), [0.0]])


def _subsets(features: int) -> Matrix:
    return np.array([float(comb(features, size)) for size in range(features + 1)])


def _some(features: int, affordable: int, rng: np.random.Generator) -> Coalitions:
    by_size = _size_weights(features)
    half = features // 2
    pair_weights = np.array([by_size[size] * (1 if 2 * size == features else 2) for size in range(1, half + 1)])
    pair_weights /= pair_weights.sum()
    masks, weights, left, size = [], [], affordable, 1
    while size <= half:
        count = comb(features, size) * (1 if 2 * size == features else 2)
        # A size is asked for in full when drawing at random would be expected to meet each of its sets.
        if size > 1 and (left * pair_weights[size - 1] / pair_weights[size - 1 :].sum() < count or count > left):
            break
        whole = np.array(list(_of_size(features, size)))
        masks.append(whole)
        weights.append(np.full(len(whole), pair_weights[size - 1] / count))
        left, size = left - count, size + 1
    if size <= half and left >= 2:
        drawn, times = _draw(features, size, pair_weights[size - 1 :], left // 2, rng)
        masks += [drawn, ~drawn]
        weights += [times / times.sum() * pair_weights[size - 1 :].sum() / 2] * 2
    return Coalitions(np.concatenate(masks), np.concatenate(weights))


def _of_size(features: int, size: int) -> Iterator[NDArray[np.bool_]]:
    """Every set of that size, and every complement of one."""
    for chosen in combinations(range(features), size):
        mask = np.zeros(features, dtype=bool)
        mask[list(chosen)] = True
        yield mask
        if 2 * size != features:
            yield ~mask


def _draw(
    features: int, smallest: int, likelihoods: Matrix, pairs: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], Matrix]:
    """At most `pairs` distinct sets, each standing for its complement too, and how often each was drawn."""
    drawn = np.empty((0, features), dtype=bool)
    shares = likelihoods / likelihoods.sum()
    for _ in range(_ROUNDS):
        sizes = smallest + rng.choice(len(shares), size=pairs, p=shares)
        ranks = rng.random((pairs, features)).argsort(axis=1).argsort(axis=1)
        masks = ranks < sizes[:, None]
        # At half the features a set and its complement are of one size: the one with the first feature stands for both.
        mirrored = (2 * sizes == features) & ~masks[:, 0]
        masks[mirrored] = ~masks[mirrored]
        drawn = np.concatenate([drawn, masks])
        _, first, times = np.unique(np.packbits(drawn, axis=1), axis=0, return_index=True, return_counts=True)
        if len(first) >= pairs:
            break
    early = np.argsort(first, kind="stable")[:pairs]
    return drawn[first[early]], times[early].astype(np.float64)
