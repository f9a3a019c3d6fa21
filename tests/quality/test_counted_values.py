"""Tables of distinct values: exact while few, cells of bounded number when many, the same in any order."""

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
