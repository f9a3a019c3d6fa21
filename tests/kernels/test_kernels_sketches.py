"""Compiled or not, sketches hold the same."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from watchpost import kernels
from watchpost.kernels.distinct import hash_texts, look_up
from watchpost.kernels.survey import survey
from watchpost.profiles.column import ColumnProfile
from watchpost.profiles.distinct import DistinctSketch, xxhash64_by_numpy
from watchpost.profiles.kll import QuantileSketch, update_together
from watchpost.profiles.seen import WORTH_REMEMBERING, SeenTexts

pytestmark = pytest.mark.skipif(
    not kernels.available(), reason="the package was built without its compiled kernels: install a C compiler"
)


@st.composite
def batches(draw: st.DrawFn) -> list[np.ndarray]:
    """Batches of some thousand numbers, floats and 32-bit integers, few or many different ones."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    made = []
    for size in draw(st.lists(st.one_of(st.integers(0, 9_000), st.just(40_000)), min_size=1, max_size=6)):
        match draw(st.sampled_from(["normal", "few", "integers", "ascending", "equal"])):
            case "normal":
                made.append(rng.normal(0, 1, size))
            case "few":
                made.append(rng.integers(0, 7, size).astype(np.float64))
            case "integers":
                made.append(rng.integers(-(2**31), 2**31, size).astype(np.int32))
            case "ascending":
                made.append(np.arange(size, dtype=np.float64))
            case _:
                made.append(np.full(size, -3, dtype=np.int32))
    return made


@settings(max_examples=60, deadline=None)
@given(batches(), st.lists(st.floats(-3, 3), max_size=9, unique=True).map(sorted))
def test_a_stream_gives_the_same_sketch_and_cells_either_way(batches, edges):
    compiled, plain = QuantileSketch(np.array(edges)), QuantileSketch(np.array(edges))
    for batch in batches:
        if len(batch):
            compiled.update(batch)
            update_together([plain], [batch])
    assert compiled.history() == plain.history()
    for a, b in zip(compiled.sketch().levels, plain.sketch().levels, strict=True):
        np.testing.assert_array_equal(a, b)
    a_cells, b_cells = compiled.cells(), plain.cells()
    assert a_cells is not None
    assert b_cells is not None
    np.testing.assert_array_equal(a_cells.counts, b_cells.counts)
    assert a_cells.counts.sum() == sum(map(len, batches))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        arrays.arrays(np.float64, st.integers(0, 3_000), elements=st.floats(allow_nan=False, allow_infinity=False)),
        max_size=3,
    )
)
def test_numbers_raise_the_same_registers_either_way(batches):
    compiled, plain = DistinctSketch(), DistinctSketch()
    for batch in batches:
        compiled.add_numbers(batch)
        plain.add_numbers_by_numpy(batch)
    np.testing.assert_array_equal(compiled.registers, plain.registers)


def test_many_numbers_raise_the_same_registers_either_way():
    values = np.random.default_rng(5).normal(size=300_000)
    compiled, plain = DistinctSketch(), DistinctSketch()
    compiled.add_numbers(values)
    plain.add_numbers_by_numpy(values)
    np.testing.assert_array_equal(compiled.registers, plain.registers)


@settings(deadline=None)
@given(st.lists(st.text(max_size=80), max_size=20))
def test_texts_are_hashed_as_the_reference_does_either_way(texts):
    encoded = [text.encode("utf-8", "replace") for text in texts]
    lengths = np.array([len(text) for text in encoded], np.uint32)
    expected = [xxhash.xxh64_intdigest(text, 42) for text in encoded]
    hashes = hash_texts(b"".join(encoded), lengths, 42)
    assert hashes is not None
    assert hashes.tolist() == expected
    assert xxhash64_by_numpy(b"".join(encoded), lengths).tolist() == expected


@given(st.lists(st.integers(0, 40), max_size=60), st.sets(st.integers(0, 40)))
def test_hashes_are_counted_at_their_places_and_the_others_told(keys, remembered):
    """Six bits of place, so that some of the forty hashes share places and push each other out."""
    hash_of = np.random.default_rng(1).integers(0, 2**64, 41, dtype=np.uint64)
    known, numbers = np.zeros(64, np.uint64), np.zeros(64, np.uint16)
    for key in sorted(remembered):
        place = int(hash_of[key]) >> 58 & ~1
        place += bool(known[place])
        known[place], numbers[place] = hash_of[key], key
    counts = np.zeros(41, np.int64)
    unknown = look_up(hash_of[keys].astype(np.uint64), known, numbers, counts)
    assert unknown is not None
    at_hand = {int(number) for number, mark in zip(numbers, known, strict=True) if mark}
    assert unknown.tolist() == [i for i, key in enumerate(keys) if key not in at_hand]
    assert Counter(dict(enumerate(counts.tolist()))) == Counter(key for key in keys if key in at_hand)


def test_texts_that_share_their_places_are_all_counted():
    """A hundred thousand texts in as many pairs of places: many are pushed out, none is lost or counted twice."""
    words = [f"user-{i}" for i in np.random.default_rng(3).integers(0, 100_000, 250_000)]
    column = ColumnProfile("user")
    for start in range(0, len(words), 60_000):
        column.update(pl.Series("user", words[start : start + 60_000]))
    assert column.classes.string == len(words)
    seen = SeenTexts()
    seen.remember(pl.Series(words).unique(), counted=False)
    counts, known, unknown = seen.look_up(pl.Series(words))
    assert not counts
    assert known + len(unknown) == len(words)
    assert len(unknown) < len(words) / 10


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["1", "01", "2.50", "2.5", "-7", "3e2", "x", "true"]), min_size=1, max_size=4),
        min_size=1,
        max_size=5,
    )
)
def test_few_texts_that_are_numbers_are_the_same_remembered_or_not(batches):
    remembering, forgetful = ColumnProfile("n"), ColumnProfile("n")
    for texts in batches:
        cells = pl.Series("n", texts * (WORTH_REMEMBERING // len(texts) + 1))
        for column, pieces in ((remembering, [cells]), (forgetful, [cells[:1999], cells[1999:]])):
            for piece in pieces:
                numbers = column.update(piece)
                if numbers is not None:
                    column.quantiles.update(numbers)
    rows = remembering.classes.total
    a, b = remembering.statistics(rows), forgetful.statistics(rows)
    assert (a.classes, a.distinct, a.categories) == (b.classes, b.distinct, b.categories)
    if a.numeric is not None and b.numeric is not None:
        assert a.numeric.mean == pytest.approx(b.numeric.mean, rel=1e-12)
        assert a.numeric.buckets == b.numeric.buckets


@given(st.binary(max_size=300), st.integers(0, 400))
def test_a_survey_counts_as_python_does(data, copies):
    data = data * copies
    assert survey(data) == (data.count(b"\n"), data.count(b'"'), data.isascii())
