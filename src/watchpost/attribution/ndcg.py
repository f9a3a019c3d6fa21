"""Normalised discounted cumulative gain: how much of the baseline's order of features the live order keeps."""

import numpy as np

from watchpost.attribution.explanation import Matrix

THRESHOLD = 0.9
"""Drift below it (contract 8.3; fixed there)."""


def ndcg(baseline: Matrix, live: Matrix) -> float | None:
    """The score in (0, 1]; 1 when the live order is the baseline's.

    Features are put in the order of their live attributions, and each gives its baseline attribution divided by
    log2(place + 1); features tied in the live order share the places' mean discount. Linear gain. A sign says in which
    direction a feature pushes and not how much it matters, so magnitudes count: the original has no score for negative
    values at all.

    Args: attributions of the same features, shape (features,), at least one.
    Returns: None when every baseline attribution is 0: there is no order to keep.
    Source: contract 8.3; equal to scikit-learn's ndcg_score([baseline], [live]) where that is defined.
    """
    gain, order = np.abs(baseline), np.abs(live)
    largest = float(gain.max())
    if largest == 0:
        return None
    gain = gain / largest  # so that neither tiny nor huge attributions leave the range of floating point
    discount = 1 / np.log2(np.arange(len(gain)) + 2)
    ideal = float(np.sort(gain)[::-1] @ discount)
    _, group, size = np.unique(-order, return_inverse=True, return_counts=True)
    end = np.cumsum(size)
    summed = np.concatenate([[0.0], np.cumsum(discount)])
    shared = (summed[end] - summed[end - size]) / size
    return min(1.0, float(gain @ shared[group]) / ideal)
