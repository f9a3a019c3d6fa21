"""The flip test against a search of all rows."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.bias import FacetRule, Grouping, OneOf, bias_table
from watchpost.bias.flip_test import flip_test, nearest_vote

quick = settings(max_examples=150, deadline=None)


@st.composite
def tables(draw):
    """Points, their labels, queries; mostly whole numbers, so that many are equal or equally far."""
    wide = draw(st.integers(1, 3))
    cell = draw(st.sampled_from([st.integers(0, 1), st.integers(0, 4), st.floats(-9, 9, allow_subnormal=False)]))
    row = st.lists(cell, min_size=wide, max_size=wide)
    points = draw(st.lists(row, min_size=1, max_size=60))
    labels = draw(st.lists(st.booleans(), min_size=len(points), max_size=len(points)))
    queries = draw(st.lists(row, min_size=1, max_size=20))
    return np.array(points, dtype=float), np.array(labels), np.array(queries, dtype=float)


@quick
@given(table=tables())
def test_the_nearest_rows_vote_and_the_earliest_among_those_equally_far(table):
    points, labels, queries = table
    k = 5 if len(points) > 9 else 1
    for query, voted in zip(queries, nearest_vote(points, labels, queries), strict=True):
        far = np.sqrt(((points - query) ** 2).sum(axis=1))
        nearest = sorted(range(len(points)), key=lambda row: (far[row], row))[:k]
        assert voted == (2 * sum(labels[nearest]) > k)


def test_thousands_of_equal_rows_do_not_hide_the_next_neighbours():
    points = np.repeat([[0.0], [1.0]], [4, 5000], axis=0)
    labels = np.arange(5004) >= 4
    assert nearest_vote(points, labels, np.array([[0.0], [0.4], [0.6]])).tolist() == [False, False, True]


@quick
@given(table=tables(), seed=st.integers(0, 2**32 - 1))
def test_asking_some_rows_gives_some_of_the_answers(table, seed):
    points, labels, _ = table
    inside = np.arange(len(points)) % 2 == 0
    if len(points) < 2:
        return
    exact = flip_test(points, inside, labels)
    asked = flip_test(points, inside, labels, rng=np.random.default_rng(seed), most=3)
    assert asked.sampled == (inside.sum() > 3)
    assert asked.favoured + asked.disfavoured + asked.agreed == min(3, inside.sum())
    assert asked.favoured <= exact.favoured
    assert asked.disfavoured <= exact.disfavoured


def group(features, **columns):
    rows = len(next(iter(columns.values())))
    given_ = {"facet": [1] + [0] * (rows - 1), "label": [1] * rows, "predicted": [1] + [0] * (rows - 1)} | columns
    who = Grouping("label", OneOf((1,)), (FacetRule(("facet",), (OneOf((1,)),)),), "predicted", OneOf((1,)))
    return bias_table(pl.DataFrame(given_), who, features=features).groups[0]["FT"]


def test_a_row_favoured_where_its_neighbours_are_not_counts_for_the_group():
    assert group(["x"], x=[1.0, 2.0, 3.0]).value == 1.0


def test_the_flip_test_says_why_it_has_no_value():
    assert "non-numeric columns, such as 'town'" in group(["town"], town=["a", "b"]).error
    assert "'x' lacks some" in group(["x"], x=[1.0, None]).error
    assert "lacks the feature 'y'" in group(["y"], x=[1.0, 2.0]).error
    assert "no feature" in group([], x=[1.0, 2.0]).error
    assert "outside it" in group(["x"], x=[1.0], facet=[1], label=[1], predicted=[1]).error
