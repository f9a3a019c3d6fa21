"""NDCG: the contract's vector, scikit-learn as oracle, and its laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.attribution import ndcg

# Few distinct values, so that ties are common.
attributions = st.one_of(st.floats(0, 1e6, allow_subnormal=False), st.integers(0, 3).map(float))
pairs = st.lists(st.tuples(attributions, attributions), min_size=1, max_size=12).map(lambda rows: np.array(rows).T)


def test_the_contracts_vector():
    """Contract 8.3; AWS' page says 0.69."""
    assert ndcg(np.array([0.70, 0.50, 0.05]), np.array([0.10, 0.20, 0.70])) == pytest.approx(0.68763, abs=1e-5)


@given(pair=pairs)
def test_it_is_the_ndcg_of_scikit_learn_where_that_has_one(pair):
    metrics = pytest.importorskip("sklearn.metrics", reason="the oracle of NDCG is not installed: scikit-learn")
    baseline, live = pair
    if len(baseline) > 1 and baseline.max() > 0:
        assert ndcg(baseline, live) == pytest.approx(metrics.ndcg_score([baseline], [live]), rel=1e-9)


@given(pair=pairs)
def test_it_lies_above_zero_and_at_most_at_one(pair):
    score = ndcg(*pair)
    assert score is None or 0 < score <= 1


@given(pair=pairs)
def test_an_order_that_did_not_change_scores_one(pair):
    baseline = pair[0]
    assert ndcg(baseline, baseline) in (None, pytest.approx(1))


@given(pair=pairs, signs=st.randoms(use_true_random=False))
def test_signs_do_not_matter(pair, signs):
    flipped = np.array([signs.choice([-1, 1]) for _ in pair[0]])
    assert ndcg(pair[0] * flipped, pair[1] * -flipped) == ndcg(*pair)


def test_without_any_baseline_attribution_there_is_no_order_to_keep():
    assert ndcg(np.zeros(3), np.ones(3)) is None
