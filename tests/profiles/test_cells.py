"""Cells cut at the baseline's quantiles, and what lies in them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.profiles.cells import CELLS, cell_counts, cell_pair, quantile_edges
from watchpost.profiles.gap import category_counts, distribution_functions
from watchpost.profiles.kll import QuantileSketch
from watchpost.profiles.statistics import CellCounts, NumericStatistics, Sketch

everything = st.floats(allow_nan=False, allow_infinity=False)
samples = st.lists(st.one_of(st.integers(-9, 9).map(float), everything), max_size=300)


def sketch(values):
    return Sketch((np.array(values, dtype=np.float64),))


def numeric(values, cells=None):
    return NumericStatistics(0, 0, 0, 0, 0, sketch=sketch(values), cells=cells)


@given(values=samples, cells=st.integers(4, 40))
def test_edges_ascend_are_finite_and_cut_no_more_cells_than_asked(values, cells):
    edges = quantile_edges(sketch(values), cells)
    assert (np.diff(edges) > 0).all()
    assert np.isfinite(edges).all()
    assert len(edges) + 1 <= max(cells, 1)


@given(baseline=samples, current=samples)
def test_every_row_lies_in_one_cell(baseline, current):
    edges = quantile_edges(sketch(baseline))
    counts = cell_counts(numeric(current), edges)
    expected = np.bincount(np.searchsorted(edges, current, side="left"), minlength=len(edges) + 1)
    assert counts.tolist() == expected.tolist()
    assert counts.sum() == len(current)


@given(values=st.lists(st.integers(-9, 20).map(float), min_size=1, max_size=300))
def test_a_column_of_few_values_gets_a_cell_for_each(values):
    counts = cell_counts(numeric(values), quantile_edges(sketch(values)))
    assert sorted(counts[counts > 0].tolist()) == sorted(np.unique(values, return_counts=True)[1].tolist())


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(320, 2050))
def test_cells_of_many_values_hold_like_shares(seed, rows):
    values = np.random.default_rng(seed).standard_cauchy(rows)
    counts = cell_counts(numeric(values), quantile_edges(sketch(values)))
    assert len(counts) == CELLS
    assert abs(counts - rows / CELLS).max() <= 1


@given(baseline=samples.filter(len), current=samples.filter(len))
def test_exact_counts_and_the_sketch_agree_where_the_sketch_is_exact(baseline, current):
    quantiles = QuantileSketch(quantile_edges(sketch(baseline)))
    quantiles.update(np.array(current, dtype=np.float64))
    counted = distribution_functions(sketch(baseline), sketch(current), counted=quantiles.cells())
    plain = distribution_functions(sketch(baseline), sketch(current))
    assert cell_pair(counted).current.tolist() == cell_pair(plain).current.tolist()


def test_exact_counts_are_used_on_their_own_edges_only():
    edges = np.array([1.0, 2.0])
    feature = numeric([1.0, 2.0, 3.0], CellCounts(edges, np.array([7, 8, 9])))
    assert cell_counts(feature, edges).tolist() == [7, 8, 9]
    assert cell_counts(feature, np.array([1.5])).tolist() == [1, 2]


def test_values_never_seen_fall_into_cells_of_their_own():
    edges = quantile_edges(sketch([0.0] * 50 + [1.0] * 50))
    assert cell_counts(numeric([-1.0, 0.0, 0.5, 1.0, 2.0]), edges).tolist() == [1, 1, 1, 1, 1]


def test_a_value_that_holds_most_rows_is_an_edge_once():
    edges = quantile_edges(sketch([0.0] * 600 + [float(v) for v in range(1, 401)]))
    assert edges.tolist().count(0.0) == 1


@pytest.mark.parametrize(("rows", "cells"), [(4000, 32), (320, 32), (319, 16), (100, 8), (20, 4)])
def test_cells_get_coarser_as_rows_get_few(rows, cells):
    pair = distribution_functions(sketch(np.arange(4000.0)), sketch(np.linspace(0, 4000, rows)))
    assert len(cell_pair(pair).baseline) == cells


def test_an_empty_sketch_has_no_edges():
    assert len(quantile_edges(Sketch(()))) == 0


def test_without_sketch_nothing_is_counted():
    assert cell_counts(NumericStatistics(0, 0, 0, 0, 0), np.array([1.0])) is None


def test_categories_are_their_own_cells():
    cells = cell_pair(category_counts({"a": 3, "b": 1}, {"a": 1, "c": 1}))
    assert [side.tolist() for side in cells.shares] == [[0.75, 0.25, 0.0], [0.5, 0.0, 0.5]]
