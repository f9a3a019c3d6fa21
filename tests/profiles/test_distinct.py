"""Distinct counts: the hash against its test vectors and its library, the estimate against the truth."""

from itertools import chain

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.profiles.distinct import _CARDINALITIES, _RAW_ESTIMATES, REGISTERS, DistinctSketch, xxhash64

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=100), max_size=50)


@pytest.mark.parametrize(
    ("text", "digest"),
    [("", 0x98B1582B0977E704), ("a", 0x88E4FE59ADF7B0CC), ("1", 0xF31C5F1336EB2190), ("3.0", 0xDB64C0641F60D155)],
)
def test_the_contracts_hash_vectors_hold(text, digest):
    assert int(xxhash64(pl.Series([text]))[0]) == digest


@given(texts)
def test_the_hash_is_xxhash64_with_seed_42(values):
    xxhash = pytest.importorskip("xxhash")
    hashes = xxhash64(pl.Series(values, dtype=pl.String))
    assert hashes.tolist() == [xxhash.xxh64(value.encode(), seed=42).intdigest() for value in values]


@given(texts)
def test_many_strings_are_hashed_as_few_are(values):
    many = pl.Series(values * 600, dtype=pl.String)
    assert xxhash64(many).tolist() == xxhash64(pl.Series(values, dtype=pl.String)).tolist() * 600


@given(st.lists(texts, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_nor_cuts_change_the_registers(pieces, random):
    at_once = DistinctSketch()
    at_once.add_texts(pl.Series([*chain.from_iterable(pieces)], dtype=pl.String))
    merged = DistinctSketch()
    shuffled = [*pieces, *pieces]
    random.shuffle(shuffled)
    for piece in shuffled:
        part = DistinctSketch()
        part.add_texts(pl.Series(piece, dtype=pl.String))
        merged = part.merge(merged)
    assert merged.registers.tolist() == at_once.registers.tolist()


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 200_000), st.integers(0, 2**32 - 1))
def test_the_estimate_is_within_five_standard_errors(n, seed):
    sketch = DistinctSketch()
    sketch.add_numbers(np.random.default_rng(seed).normal(size=n))
    assert abs(sketch.estimate() - n) <= max(3, 5 * 1.04 / np.sqrt(REGISTERS) * n)


def test_equal_numbers_are_one_value():
    sketch = DistinctSketch()
    sketch.add_numbers(np.array([0.0, -0.0, 3, 3.0, 1e300]))
    assert sketch.estimate() == 3


def test_the_bias_curve_is_that_of_uniform_hashes():
    """A fresh simulation of the raw estimate; 400 streams give its mean to about 0.25 %, so six errors are 1.5 %."""
    rng = np.random.default_rng(2718)
    scale = 0.7213 / (1.0 + 1.079 / REGISTERS) * REGISTERS * REGISTERS
    for cardinality in (250, 600, 1000, 1600, 2500):
        registers = np.zeros((400, REGISTERS), dtype=np.int64)
        buckets = rng.integers(0, REGISTERS, (400, cardinality))
        np.maximum.at(registers, (np.arange(400)[:, None], buckets), rng.geometric(0.5, (400, cardinality)))
        mean = (scale / np.ldexp(1.0, -registers).sum(axis=1)).mean()
        assert np.interp(cardinality, _CARDINALITIES, _RAW_ESTIMATES) == pytest.approx(mean, rel=0.015)
