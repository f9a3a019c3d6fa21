"""The profile's laws: pieces equal the whole, order does not matter, and every figure equals an independent one."""

import math
from collections import Counter
from collections.abc import Iterator
from functools import reduce
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.data.csv import CsvFiles
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import find_sources
from watchpost.profiles import Profile, profile
from watchpost.profiles.statistics import FeatureStatistics, Statistics
from watchpost.profiles.statistics_json import parse_statistics


class Batches:
    """Batches that are at hand, as a dataset."""

    name = "batches"

    def __init__(self, *frames: pl.DataFrame) -> None:
        self.frames = frames

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        yield from self.frames


def profiled(*frames: pl.DataFrame, threads: int | None = None) -> Profile:
    return profile(Batches(*frames), threads=threads)


words = st.text("abcé ", max_size=4)
number_texts = st.one_of(
    st.integers(-1000, 1000).map(str), st.floats(-100, 100, allow_subnormal=False).map(lambda x: f"{x:.3f}")
)
cells = {
    pl.Int64: st.integers(-(2**40), 2**40),
    pl.Float64: st.floats(-1e6, 1e6, allow_subnormal=False),
    pl.Boolean: st.booleans(),
    pl.String: st.one_of(
        words, number_texts, st.sampled_from(["true", "false", "NaN", ".5", "1E5", "- 3", " 7", "  7"])
    ),
}


@st.composite
def frames(draw: st.DrawFn, rows: int = 30) -> pl.DataFrame:
    """A batch of up to three columns; a column's dtype may differ from batch to batch."""
    height = draw(st.integers(0, rows))
    columns = {}
    for name in draw(st.sets(st.sampled_from(["a", "b", "c"]), min_size=1)):
        dtype = draw(st.sampled_from(list(cells)))
        column = st.lists(st.none() | cells[dtype], min_size=height, max_size=height)
        columns[name] = pl.Series(draw(column), dtype=dtype)
    return pl.DataFrame(columns)


def exact(feature: FeatureStatistics) -> tuple[object, ...]:
    """What a profile knows exactly, whatever the pieces."""
    numeric = feature.numeric
    extremes = (numeric.min, numeric.max) if numeric else None
    categories = dict(feature.categories) if feature.categories is not None else None
    return (
        feature.name,
        feature.inferred_type,
        feature.present,
        feature.missing,
        feature.classes,
        feature.distinct,
        categories,
        extremes,
    )


def assert_same(a: Statistics, b: Statistics) -> None:
    """Equal counts, types, values and extremes; moments equal to rounding. Column order aside."""
    ours, theirs = ({f.name: f for f in side.features} for side in (a, b))
    assert a.item_count == b.item_count
    assert {name: exact(f) for name, f in ours.items()} == {name: exact(f) for name, f in theirs.items()}
    for name, feature in ours.items():
        if feature.numeric is not None:
            x, y = feature.numeric, theirs[name].numeric
            size = max(abs(x.min), abs(x.max)) * feature.present
            assert math.isclose(x.sum, y.sum, rel_tol=1e-12, abs_tol=1e-13 * size)
            assert math.isclose(x.mean, y.mean, rel_tol=1e-12, abs_tol=1e-13 * size)
            assert math.isclose(x.std_dev, y.std_dev, rel_tol=1e-9, abs_tol=1e-7 * (abs(x.min) + abs(x.max)))


@given(st.lists(frames(), min_size=1, max_size=5))
def test_profiling_in_pieces_equals_profiling_at_once(pieces):
    at_once = profiled(*pieces)
    merged = reduce(Profile.merge, (profiled(piece) for piece in pieces))
    assert_same(merged.statistics(), at_once.statistics())


@given(frames(), frames(), frames())
def test_merge_is_associative_and_commutative(a, b, c):
    x, y, z = profiled(a), profiled(b), profiled(c)
    assert_same(x.merge(y).merge(z).statistics(), x.merge(y.merge(z)).statistics())
    assert_same(x.merge(y).statistics(), y.merge(x).statistics())


@given(frames(), frames())
def test_merging_changes_neither_part(a, b):
    x, y = profiled(a), profiled(b)
    before = [side.statistics() for side in (x, y)]
    x.merge(y)
    assert [side.statistics() for side in (x, y)] == before


@given(st.lists(frames(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_row_and_batch_order_do_not_matter(pieces, random):
    shuffled = [piece.sample(fraction=1, shuffle=True, seed=random.randrange(2**32)) for piece in pieces]
    random.shuffle(shuffled)
    assert_same(profiled(*shuffled).statistics(), profiled(*pieces).statistics())


@given(st.lists(frames(), min_size=1, max_size=4))
def test_the_number_of_threads_leaves_no_trace(pieces):
    assert profiled(*pieces, threads=1).statistics() == profiled(*pieces, threads=4).statistics()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 30_000), max_size=4))
def test_quantiles_of_pieces_stay_within_the_sketch_bound(seed, cuts):
    values = np.random.default_rng(seed).normal(size=30_000)
    bounds = [0, *sorted(cuts), len(values)]
    parts = [profiled(pl.DataFrame({"x": values[a:b]})) for a, b in pairwise(bounds)]
    sketch = reduce(Profile.merge, parts).statistics().features[0].numeric.sketch
    items, weights = sketch.weighted()
    ranks = np.searchsorted(np.sort(values), items, side="right") / len(values)
    assert np.abs(ranks - weights.cumsum() / weights.sum()).max() <= 0.005


@given(st.lists(st.none() | cells[pl.Float64], min_size=1, max_size=200))
def test_moments_equal_those_of_numpy(values):
    feature = profiled(pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)})).statistics().features[0]
    present = np.array([value for value in values if value is not None])
    assert (feature.present, feature.missing) == (len(present), len(values) - len(present))
    if len(present):
        numeric = feature.numeric
        assert numeric.sum == pytest.approx(math.fsum(present), rel=1e-12, abs=1e-8)
        assert numeric.mean == pytest.approx(math.fsum(present) / len(present), rel=1e-12, abs=1e-9)
        assert numeric.std_dev == pytest.approx(present.std(), rel=1e-9, abs=1e-9)
        assert (numeric.min, numeric.max) == (present.min(), present.max())


@given(st.lists(cells[pl.String], min_size=1, max_size=60))
def test_text_cells_are_classed_by_the_contracts_expressions(values):
    """Contract 2.5, with Python's own engine as the oracle."""
    import re

    fractional = re.compile(r"(-|\+)? ?\d+((\.\d+)|((?:\.\d+)?[Ee][-+]?\d+))", re.ASCII)
    integral = re.compile(r"(-|\+)? ?\d+", re.ASCII)

    def kind(cell: str) -> str:
        if integral.fullmatch(cell):
            return "integral"
        if fractional.fullmatch(cell):
            return "fractional"
        return "boolean" if cell in ("true", "false") else "string"

    feature = profiled(pl.DataFrame({"x": values})).statistics().features[0]
    counts = Counter(map(kind, values))
    seen = feature.classes
    assert (seen.integral, seen.fractional, seen.boolean, seen.string) == tuple(
        counts[k] for k in ("integral", "fractional", "boolean", "string")
    )
    if counts["string"] or counts["boolean"]:
        assert feature.inferred_type == "String"
        assert feature.categories == Counter(values)
    else:
        assert feature.inferred_type == ("Fractional" if counts["fractional"] else "Integral")


def test_nan_and_infinities_are_counted_and_kept_out_of_the_moments():
    values = [1.0, math.nan, 3.0, math.inf, -math.inf, None]
    feature = profiled(pl.DataFrame({"x": values}, strict=False)).statistics().features[0]
    assert (feature.present, feature.missing, feature.classes.non_finite) == (5, 1, 3)
    assert (feature.numeric.mean, feature.numeric.max) == (2.0, 3.0)


def test_a_column_that_a_batch_lacks_is_missing_there():
    both = profiled(pl.DataFrame({"a": [1, 2], "b": [1, 2]}), pl.DataFrame({"a": [3]}))
    assert [(f.name, f.missing) for f in both.statistics().features] == [("a", 0), ("b", 1)]


def test_a_histogram_is_shown_up_to_120_distinct_values_only():
    few, many = ([f"v{i}" for i in range(n)] for n in (100, 300))
    seen = [profiled(pl.DataFrame({"x": values})).statistics().features[0] for values in (few, many)]
    assert [f.categories is not None for f in seen] == [True, False]


def test_the_services_statistics_are_reproduced(shared):
    """Counts, sketches and buckets exactly, floats to 1e-12: a file of the service, and the data it was made from."""
    folder = shared / "golden/sagemaker-sdk-fixtures/pipeline/quality_check_step/data_quality"
    data = CsvFiles(find_sources(folder / "baseline_dataset.csv"), header=False)
    ours = profile(data).statistics()
    path = folder / "statistics.json"
    theirs = parse_statistics(path.read_bytes(), str(path))
    assert ours.item_count == theirs.item_count
    for mine, its in zip(ours.features, theirs.features, strict=True):
        assert (mine.name, mine.inferred_type, mine.present, mine.missing) == (
            its.name,
            its.inferred_type,
            its.present,
            its.missing,
        )
        a, b = mine.numeric, its.numeric
        assert a.buckets == b.buckets
        assert a.sketch == b.sketch
        for x, y in zip(
            (a.mean, a.sum, a.std_dev, a.min, a.max), (b.mean, b.sum, b.std_dev, b.min, b.max), strict=True
        ):
            assert x == pytest.approx(y, rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 4_000), min_size=1, max_size=3), st.booleans())
def test_distinct_counts_of_pieces_equal_the_whole_beyond_the_exact_limit(seed, cuts, as_text):
    """Thousands of values, some of them words: pieces that still count and pieces that no longer do."""
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, 3_000, 4_000)
    column = pl.Series([f"w{n}" if n % 3 == 0 else str(n) for n in numbers]) if as_text else pl.Series(numbers)
    bounds = [0, *sorted(cuts), len(column)]
    pieces = [pl.DataFrame({"x": column[a:b]}) for a, b in pairwise(bounds)]
    merged = reduce(Profile.merge, (profiled(piece) for piece in pieces)).statistics().features[0]
    whole = profiled(pl.DataFrame({"x": column})).statistics().features[0]
    assert (merged.distinct, merged.categories, merged.classes) == (whole.distinct, whole.categories, whole.classes)
    assert whole.distinct == pytest.approx(column.n_unique(), rel=0.2)


@settings(max_examples=12)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([3, 300, 5_000]),
    st.lists(st.sampled_from(["true", "12", "4.5", "", "NaN", "new"]), max_size=4),
)
def test_large_batches_that_repeat_themselves_are_counted_like_small_ones(seed, pool, strangers):
    """Batches large enough for texts to be remembered, with truth values, numbers and new words among them."""
    rng = np.random.default_rng(seed)
    words = [f"w{i}" for i in range(pool)] + ["true", "false"]
    columns = [pl.Series("x", np.array(words, dtype=object)[rng.integers(0, len(words), 60_000)], dtype=pl.String)]
    columns += [columns[0].shuffle(seed=1), pl.concat([columns[0], pl.Series("x", strangers, dtype=pl.String)])]
    large = profiled(*(column.to_frame() for column in columns)).statistics().features[0]
    whole = pl.concat(columns)
    small = profiled(*(whole[i : i + 20_000].to_frame() for i in range(0, len(whole), 20_000))).statistics().features[0]
    assert exact(large) == exact(small)
    if large.numeric is not None:
        assert large.numeric.sketch == small.numeric.sketch
    if large.categories is not None:
        counts = whole.value_counts(name="rows")
        assert large.categories == dict(zip(counts["x"], counts["rows"], strict=True))


@given(st.lists(st.sampled_from(["7", "007", "+7", "- 7", "1.5", "1.50", "-2e3", "0", "-0"]), min_size=1, max_size=60))
def test_few_texts_that_are_numbers_count_like_the_numbers_and_by_their_text(texts):
    text = profiled(pl.DataFrame({"x": texts})).statistics().features[0]
    typed = profiled(pl.DataFrame({"x": [float(t.replace(" ", "")) for t in texts]})).statistics().features[0]
    assert text.numeric == typed.numeric
    assert text.distinct == len(set(texts))
