"""Tables of distinct values: exact while few, cells of bounded number when many, the same in any order."""

import math
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.quality.binary import BinaryQuality
from watchpost.quality.counted_values import CountedValues

finite = st.floats(allow_nan=False, allow_infinity=False)
CAP = 4096


def counted(values, kinds=None, weights=None, cap=CAP):
    table = CountedValues(2, cap)
    table.add(np.array(values, dtype=np.float64), kinds, weights)
    return table


@given(st.lists(st.tuples(finite, st.booleans()), max_size=50))
def test_few_values_are_counted_exactly(rows):
    values, kinds = [v for v, _ in rows], np.array([k for _, k in rows], dtype=bool)
    table = counted(values, kinds).table()
    assert table.exact
    assert table.values.tolist() == sorted(set(values))
    for value, of_both in zip(table.values, table.weights.T, strict=True):
        assert of_both.tolist() == [float(rows.count((value, kind))) for kind in (False, True)]


def random_rows(seed, n=20_000):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 10.0 ** rng.integers(-3, 3), n), rng.random(n) < 0.3, rng.integers(1, 4, n).astype(float)


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.booleans(), st.integers(1, 6))
def test_many_values_make_the_same_table_in_any_order_and_any_pieces(seed, weighted, count):
    values, kinds, weights = random_rows(seed)
    held = weights if weighted else None
    whole = counted(values, kinds, held).table()
    order = np.random.default_rng(seed + 1).permutation(len(values))
    pieces = np.array_split(order, count)
    tables = [counted(values[p], kinds[p], None if held is None else held[p]) for p in pieces]
    merged = reduce(CountedValues.merge, tables).table()
    assert not whole.exact
    assert len(whole.values) <= CAP
    assert np.array_equal(merged.values, whole.values)
    assert np.array_equal(merged.weights, whole.weights)


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.booleans())
def test_feeding_a_table_that_is_cut_already_equals_counting_at_once(seed, weighted):
    values, kinds, weights = random_rows(seed)
    held = weights if weighted else None
    growing = CountedValues(2, CAP)
    for piece in np.array_split(np.arange(len(values)), 7):
        growing.add(values[piece], kinds[piece], None if held is None else held[piece])
        growing.table()
    whole = counted(values, kinds, held).table()
    assert np.array_equal(growing.table().values, whole.values)
    assert np.array_equal(growing.table().weights, whole.weights)


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_cells_keep_the_weight_and_lie_close_to_the_values(seed):
    values, kinds, _ = random_rows(seed)
    table = counted(values, kinds).table()
    assert table.weights.sum(axis=1).tolist() == [np.count_nonzero(~kinds), np.count_nonzero(kinds)]
    nearest = table.values[np.abs(table.values[:, None] - values[None, :500]).argmin(axis=0)]
    assert np.abs(nearest / values[:500] - 1).max() < 0.02  # 4096 cells over some 15 powers of two on both sides


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_area_from_cells_is_close_to_the_exact_one(seed):
    rng = np.random.default_rng(seed)
    label = rng.random(30_000) < 0.3
    score = 1 / (1 + np.exp(-rng.normal(label * 1.0, 1.0)))
    exact, cut = BinaryQuality(), BinaryQuality(cap=CAP)
    for quality in (exact, cut):
        quality.update(label, scores=score)
    assert exact.figures().exact
    assert not cut.figures().exact
    assert cut.figures().value("auc") == pytest.approx(exact.figures().value("auc"), abs=1e-5)
    assert cut.figures().value("log_loss") == exact.figures().value("log_loss")


def test_both_zeros_are_one_value():
    assert counted([0.0, -0.0]).table().values.tolist() == [0.0]


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.lists(st.booleans(), min_size=4, max_size=4))
def test_values_outside_the_cells_counted_by_place_are_counted_as_well(seed, weighted):
    rng = np.random.default_rng(seed)
    pieces = [
        (rng.normal(0, scale, 9_000), rng.random(9_000) < 0.3, rng.integers(1, 4, 9_000).astype(float))
        for scale in 10.0 ** rng.permutation([-9, 0, 3, 80])
    ]
    growing = CountedValues(2, CAP)
    for (values, kinds, weights), with_weights in zip(pieces, weighted, strict=True):
        growing.add(values, kinds, weights if with_weights else None)
    whole = CountedValues(2, 1 << 20)
    for (values, kinds, weights), with_weights in zip(pieces, weighted, strict=True):
        whole.add(values, kinds, weights if with_weights else None)
    grown, exact = growing.table(), whole.table()
    assert exact.exact
    assert len(grown.values) <= CAP
    assert np.array_equal(grown.weights.sum(axis=1), exact.weights.sum(axis=1))
    # A cell's weight is that of the exact values nearest to it in order: both cumulate alike at every cell's end.
    ends = exact.weights.cumsum(axis=1)
    assert all(np.isin(own, [0.0, *known]).all() for own, known in zip(grown.weights.cumsum(axis=1), ends, strict=True))


def test_many_rows_of_few_values_stay_exact():
    values = np.random.default_rng(1).choice(np.linspace(-1, 1, 300), 50_000)
    table = counted(values)
    assert table.table().exact
    assert table.table().weights[0].tolist() == [float(np.sum(values == v)) for v in np.linspace(-1, 1, 300)]


@settings(max_examples=30)
@given(st.lists(st.sampled_from([0.0, 1e-300, 1e-17, 1e-9, 0.3, 0.5, 1 - 1e-9, 1.0]), min_size=1, max_size=100))
def test_log_loss_is_the_mean_of_the_logarithms(scores):
    labels = np.arange(len(scores)) % 2 == 0
    quality = BinaryQuality()
    quality.update(labels, scores=np.array(scores))
    least = np.finfo(float).eps
    given_to = [p if label else 1 - p for p, label in zip(scores, labels, strict=True)]
    expected = -math.fsum(math.log(min(max(p, least), 1 - least)) for p in given_to) / len(scores)
    assert quality.figures().value("log_loss") == pytest.approx(expected, rel=1e-14)
