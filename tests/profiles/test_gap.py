"""Two distributions on one axis, and how far apart they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from watchpost.profiles.gap import collapsed_items, comparison, distribution_functions, largest_gap
from watchpost.profiles.kll import QuantileSketch
from watchpost.profiles.statistics import FeatureStatistics, NumericStatistics, Sketch

samples = st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-1e9, 1e9)), min_size=1, max_size=80)
levels = st.lists(st.lists(st.integers(-3, 3).map(float), max_size=6), max_size=5).map(
    lambda parts: Sketch(tuple(np.array(part, dtype=np.float64) for part in parts))
)
texts = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 100), min_size=1)


def feature(sketch, inferred_type="Fractional"):
    return FeatureStatistics("x", inferred_type, 1, 0, numeric=NumericStatistics(0, 0, 0, 0, 0, sketch=sketch))


def numbers(values):
    return feature(Sketch((np.array(values, dtype=np.float64),)))


def text(counts):
    return FeatureStatistics("x", "String", sum(counts.values()), 0, categories=counts)


@given(a=samples, b=samples)
def test_gap_of_numbers_is_the_kolmogorov_smirnov_distance(a, b):
    with np.errstate(divide="ignore"):  # scipy's own p-value of one row against one
        expected = ks_2samp(a, b, method="asymp").statistic
    assert largest_gap(numbers(a), numbers(b)) == pytest.approx(expected, abs=1e-12)


@given(a=levels, b=levels)
def test_an_item_of_level_h_counts_as_two_to_the_h_rows(a, b):
    repeated = [np.concatenate([np.repeat(v, 2**h) for h, v in enumerate(s.levels)] or [np.empty(0)]) for s in (a, b)]
    assert largest_gap(feature(a), feature(b)) == largest_gap(*map(numbers, repeated))


@given(a=levels, b=levels)
def test_the_axis_holds_every_value_once_and_both_totals(a, b):
    common = distribution_functions(a, b)
    if common is None:
        assert not a.weight or not b.weight
        return
    assert (np.diff(common.values) > 0).all()
    assert (common.baseline_rows, common.current_rows) == (a.weight, b.weight)
    assert set(common.values) == {v for s in (a, b) for level in s.levels for v in level}


@given(sample=samples)
def test_equal_samples_have_no_gap_at_all(sample):
    assert largest_gap(numbers(sample), numbers(sample[::-1])) == 0.0


@given(a=texts, b=texts)
def test_gap_of_text_is_the_largest_difference_of_a_share(a, b):
    shares = [{name: count / sum(side.values()) for name, count in side.items()} for side in (a, b)]
    expected = max(abs(shares[0].get(name, 0) - shares[1].get(name, 0)) for name in a.keys() | b.keys())
    assert largest_gap(text(a), text(b)) == pytest.approx(expected, abs=1e-15)


@given(sketch=levels)
def test_collapsing_keeps_the_last_weight_of_every_value(sketch):
    seen = {float(v): 2**h for h, level in enumerate(sketch.levels) for v in level}
    values, weights = collapsed_items(sketch)
    assert dict(zip(values.tolist(), weights.tolist(), strict=True)) == seen
    assert (np.diff(values) > 0).all()


@pytest.mark.parametrize(
    ("baseline", "current"),
    [
        (numbers([1.0]), text({"a": 1})),
        (numbers([1.0]), numbers([])),
        (numbers([1.0]), feature(None)),
        (text({"a": 1}), FeatureStatistics("x", "String", 500, 0)),
        (text({"a": 1}), text({})),
        (FeatureStatistics("x", "Unknown", 0, 3), FeatureStatistics("x", "Unknown", 0, 3)),
    ],
)
def test_features_without_common_ground_have_no_gap(baseline, current):
    assert largest_gap(baseline, current) is None
    assert largest_gap(current, baseline) is None


def test_whole_and_fractional_numbers_share_an_axis():
    whole = feature(Sketch((np.array([1.0, 2.0]),)), "Integral")
    assert comparison(whole, numbers([1.0, 2.0])).gap == 0


def test_a_long_table_is_compared_within_the_sketches_error():
    # Two shifted uniform columns: the true gap is the shift. The error is the measured rank error of both sketches.
    sketches = []
    for shift in (0.0, 0.25):
        quantiles = QuantileSketch()
        quantiles.update(np.random.default_rng(11).random(200_000) + shift)
        sketches.append(quantiles.sketch())
    assert distribution_functions(*sketches).gap == pytest.approx(0.25, abs=0.005)
