"""Intervals hold what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.bias.flip_test import Flips
from watchpost.bias.intervals import flip_interval, metric_intervals
from watchpost.bias.metrics import METRICS, side

COUNTED = [metric for metric in METRICS if metric.compute is not None]
TOWNS = 3


def population():
    """Shares of (side, town, label, prediction): a third in the group, 30 and 12 % positive, found at 60 and 50 %."""
    shares = np.zeros((2, TOWNS, 2, 2))
    for at, (share, positive, recall, alarm) in enumerate(((0.7, 0.3, 0.6, 0.08), (0.3, 0.12, 0.5, 0.05))):
        for town in range(TOWNS):
            p = positive * (1 + 0.2 * (town - 1))
            shares[at, town] = (
                share / TOWNS * np.array([[(1 - p) * (1 - alarm), (1 - p) * alarm], [p * (1 - recall), p * recall]])
            )
    return shares


def true_values(shares):
    a, d = side(shares[0]), side(shares[1])
    return {m.name: float(m.compute(a, d) if m.by_group else m.compute(a.total(), d.total())) for m in COUNTED}


def intervals(shares, rows, rng, **options):
    cells = rng.multinomial(rows, shares.ravel()).reshape(shares.shape).astype(float)
    cells = np.concatenate([cells, np.zeros((2, 1, 2, 2))], axis=1)
    return metric_intervals(cells, 1.0, rng, predicted=True, **options)


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.sampled_from([300, 1000, 5000]))
def test_an_interval_of_95_percent_holds_the_truth_in_about_95_of_100_samples(seed, rows):
    rng, shares, samples = np.random.default_rng(seed), population(), 150
    truth = true_values(shares)
    hits = dict.fromkeys(truth, 0)
    for _ in range(samples):
        for name, found in intervals(shares, rows, rng, replicates=1000, confidence=0.95).items():
            hits[name] += found.low <= truth[name] <= found.high
    # Below 86 % of 150 is one in a million at a true 95 %; 92 % was the least ever measured.
    assert {name: n for name, n in hits.items() if n < 0.86 * samples} == {}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 300))
def test_intervals_are_finite_and_in_order_however_few_the_rows(seed, rows):
    found = intervals(population(), rows, np.random.default_rng(seed), replicates=1000)
    assert {m.name for m in COUNTED} == set(found)
    assert all(np.isfinite([i.low, i.high]).all() and i.low <= i.high for i in found.values())


def test_five_hits_of_five_are_not_taken_for_certain():
    cells = np.zeros((2, 2, 2, 2))
    cells[0, 0] = [[500, 50], [100, 400]]
    cells[1, 0] = [[500, 50], [0, 5]]
    recall = metric_intervals(cells, 1.0, np.random.default_rng(0), predicted=True)["RD"]
    assert recall.low < -0.2
    assert recall.high > 0.2


def test_distances_of_groups_that_may_be_alike_may_be_nothing():
    cells = np.zeros((2, 2, 2, 2))
    cells[:, 0, :, 0] = [[700, 300], [350, 155]]
    found = metric_intervals(cells, 1.0, np.random.default_rng(0), predicted=False)
    assert [found[name].low for name in ("JS", "KL", "KS", "LP", "TVD")] == [0.0] * 5


def test_the_same_generator_gives_the_same_intervals():
    first, second = (intervals(population(), 500, np.random.default_rng(7), replicates=1000) for _ in range(2))
    assert first == second


def test_weights_that_say_little_widen_the_interval():
    cells = np.random.default_rng(1).integers(1, 50, (2, 2, 2, 2)).astype(float)
    full, half = (
        metric_intervals(cells, worth, np.random.default_rng(0), predicted=True)["DPL"] for worth in (1.0, 0.5)
    )
    assert half.high - half.low == pytest.approx(np.sqrt(2) * (full.high - full.low), rel=0.1)


def test_shared_neighbours_widen_the_interval_of_the_flip_test():
    wide, narrow = (
        flip_interval(Flips(20, 10, 70, places), 1.0, np.random.default_rng(0)) for places in (25.0, 1000.0)
    )
    assert wide.high - wide.low > 1.7 * (narrow.high - narrow.low)


def test_a_group_variable_with_a_value_for_every_row_gives_no_interval():
    cells = np.ones((2, 6001, 2, 2))
    assert not {"CDDL", "CDDPL"} & set(metric_intervals(cells, 1.0, np.random.default_rng(0), predicted=True))


def test_a_groups_interval_follows_from_its_own_weights():
    # Within a group all rows weigh the same, so that rates of it are as sure as those of its rows.
    rows = np.random.default_rng(2).integers(20, 90, (2, 2, 2, 2)).astype(float)
    weight = np.array([1.0, 10.0])[:, None, None, None]
    plain, weighted = (
        metric_intervals(cells, worth, np.random.default_rng(0), predicted=True)
        for cells, worth in ((rows, 1.0), (rows * weight, np.broadcast_to(1 / weight, rows.shape)))
    )
    for name in ("DPL", "DPPL", "DI", "AD", "RD", "DAR"):
        assert (weighted[name].low, weighted[name].high) == pytest.approx((plain[name].low, plain[name].high)), name


def test_intervals_of_unequally_sampled_rows_hold_the_truth_as_often_as_they_say():
    """Two strata, taken with probability 1 and 0.1, that differ in outcome; rows count by one over it."""
    rng, samples, rows = np.random.default_rng(5), 150, 4000
    strata = np.stack([0.25 * population(), 0.75 * population()[:, :, ::-1]])  # outcomes the other way round
    probability = np.array([1.0, 0.1])[:, None, None, None, None]
    truth = true_values(strata.sum(axis=0))
    names = ("DPL", "DPPL", "AD", "RD", "CI")
    hits = dict.fromkeys(names, 0)
    for _ in range(samples):
        there = rng.multinomial(rows, strata.ravel()).reshape(strata.shape)
        seen = rng.binomial(there, np.broadcast_to(probability, there.shape))
        cells, squares = ((seen / probability**power).sum(axis=0) for power in (1, 2))
        worth = np.divide(cells, squares, out=np.ones_like(cells), where=squares > 0)
        padded = np.concatenate([cells, np.zeros((2, 1, 2, 2))], axis=1)
        worths = np.concatenate([worth, np.ones((2, 1, 2, 2))], axis=1)
        found = metric_intervals(padded, worths, rng, predicted=True, replicates=1000, confidence=0.95)
        for name in names:
            hits[name] += found[name].low <= truth[name] <= found[name].high
    # As above: below 86 % of 150 is one in a million at a true 95 %.
    assert {name: n for name, n in hits.items() if n < 0.86 * samples} == {}
