"""Choosing rows to explain, and a typical one."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.attribution.errors import UnfitRows
from watchpost.attribution.rows import sample_rows, typical_row


@given(sizes=st.lists(st.integers(0, 30), max_size=5), limit=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_a_sample_holds_different_rows_in_reading_order_up_to_the_limit(sizes, limit, seed):
    numbered = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]) if sizes else []
    batches = [pl.DataFrame({"n": part}, schema={"n": pl.Int64}) for part in numbered]
    found = sample_rows(batches, limit, np.random.default_rng(seed))
    kept = found["n"].to_list() if found.width else []
    assert len(kept) == min(limit, sum(sizes))
    assert kept == sorted(set(kept))


def test_every_row_is_as_likely_as_any_other():
    """4,000 samples of 5 among 20: each row is met 1,000 times, give or take 5 standard deviations of 27."""
    met = np.zeros(20)
    rng = np.random.default_rng(0)
    batches = [pl.DataFrame({"n": range(start, start + 4)}) for start in range(0, 20, 4)]
    for _ in range(4000):
        met[sample_rows(batches, 5, rng)["n"].to_numpy()] += 1
    assert np.abs(met - 1000).max() < 137


def test_columns_that_come_and_go_are_null_where_they_are_not():
    batches = [pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [2.5], "b": ["x"]})]
    found = sample_rows(batches, 10, np.random.default_rng(0))
    assert found.to_dicts() == [{"a": 1.0, "b": None}, {"a": 2.5, "b": "x"}]


def test_text_that_is_all_numbers_becomes_numbers():
    found = sample_rows(
        [pl.DataFrame({"a": ["1", None], "b": ["1.5", "2"], "c": ["1", "x"]})], 9, np.random.default_rng(0)
    )
    assert found.schema == {"a": pl.Int64, "b": pl.Float64, "c": pl.String}


def test_a_typical_row_has_medians_and_the_most_frequent_text():
    rows = pl.DataFrame(
        {"x": [1.0, 2.0, 9.0, None], "n": [1, 2, 9, 9], "town": ["b", "a", "b", "a"], "ok": [True, True, None, False]}
    )
    assert typical_row(rows).to_dicts() == [{"x": 2.0, "n": 2, "town": "a", "ok": True}]


def test_no_row_is_no_typical_row():
    with pytest.raises(UnfitRows, match="there are none"):
        typical_row(pl.DataFrame({"a": []}))
