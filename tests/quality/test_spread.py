"""Standard deviations by the contract's rule, and the sample of rows they are taken from."""

from functools import reduce

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.quality.attributes import Attributes
from watchpost.quality.evaluation import Evaluation
from watchpost.quality.spread import RowSample

ATTRIBUTES = Attributes("Regression", inference="p", ground_truth="y")
seeds = st.integers(0, 2**32)


def frame(n, seed):
    rng = np.random.default_rng(seed)
    return pl.DataFrame({"y": rng.normal(size=n), "p": rng.normal(size=n)})


def deviation(n, seed):
    rng = np.random.default_rng(seed)
    evaluation = Evaluation(ATTRIBUTES)
    evaluation.update(frame(n, seed), rng)
    return evaluation.figures(rng).metric("mae").standard_deviation


@given(seeds)
def test_fewer_than_200_rows_have_no_deviation(seed):
    assert deviation(199, seed) is None
    assert deviation(200, seed) > 0


@given(seeds)
def test_same_generator_gives_the_same_deviation(seed):
    assert deviation(300, seed) == deviation(300, seed)


def test_deviation_is_on_average_half_a_standard_error():
    """Of samples of 80 % without replacement (contract 6.5): sqrt(0.2 / 0.8) of the standard error of the mean."""
    found = np.array([deviation(500, seed) for seed in range(60)])
    # |e| of two standard normals: variance 2 - 4 / pi.
    expected = 0.5 * np.sqrt((2 - 4 / np.pi) / 500)
    assert np.sqrt((found**2).mean()) == pytest.approx(expected, rel=0.25)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=5), seeds)
def test_sample_keeps_all_rows_while_they_are_few_and_never_more_than_its_size(sizes, seed):
    rng = np.random.default_rng(seed)
    samples = []
    start = 0
    for size in sizes:
        sample = RowSample(size=300)
        sample.update(pl.DataFrame({"row": np.arange(start, start + size)}), rng)
        samples.append(sample)
        start += size
    merged = reduce(RowSample.merge, samples)
    assert merged.seen == start
    assert merged.rows.height == min(start, 300)
    if start:
        assert merged.rows["row"].n_unique() == merged.rows.height
        assert start > 300 or sorted(merged.rows["row"]) == list(range(start))


def test_every_row_is_as_likely_to_be_kept_whenever_it_came():
    rng, kept = np.random.default_rng(5), np.zeros(1000)
    for _ in range(300):
        parts = []
        for half in np.split(np.arange(1000), 2):
            sample = RowSample(size=100)
            for piece in np.split(half, 5):
                sample.update(pl.DataFrame({"row": piece}), rng)
            parts.append(sample)
        kept[parts[0].merge(parts[1]).rows["row"].to_numpy()] += 1
    shares = kept.reshape(10, 100).mean(axis=1) / 300
    assert shares == pytest.approx(np.full(10, 0.1), abs=0.01)  # three deviations of 0.1 over 30,000 draws are 0.005


def test_deviations_of_more_rows_than_are_kept_are_scaled_to_all_of_them():
    rng = np.random.default_rng(3)
    evaluation = Evaluation(ATTRIBUTES)
    found = []
    for seed in range(30):
        evaluation = Evaluation(ATTRIBUTES)
        evaluation._sample = RowSample(size=1000)  # the size is no option of an evaluation
        evaluation.update(frame(20_000, seed), rng)
        found.append(evaluation.figures(rng).metric("mae").standard_deviation)
    expected = 0.5 * np.sqrt((2 - 4 / np.pi) / 20_000)
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(expected, rel=0.3)
