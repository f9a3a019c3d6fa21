"""The quantile sketch against a slow rendering of the contract's algorithm, item by item."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.profiles.kll import QuantileSketch, capacity, update_together


@dataclass
class ReferenceLevel:
    capacity: int
    items: list[float] = field(default_factory=list)
    compactions: int = 0
    offset: int = 0

    def compact(self) -> list[float]:
        even = len(self.items) - len(self.items) % 2
        if self.compactions % 2:
            self.offset = 1 - self.offset
        kept = sorted(self.items[:even])[self.offset :: 2]
        self.items = self.items[even:]
        self.compactions += 1
        return kept


def reference(values: list[float]) -> list[list[float]]:
    """Contract 2.2, one value at a time."""
    levels = [ReferenceLevel(capacity(0))]
    for value in values:
        levels[0].items.append(value)
        if sum(len(level.items) for level in levels) > sum(level.capacity for level in levels):
            height = next(h for h, level in enumerate(levels) if len(level.items) >= level.capacity)
            if height + 1 == len(levels):
                levels.append(ReferenceLevel(capacity(height + 1)))
            levels[height + 1].items.extend(levels[height].compact())
    return [level.items for level in levels]


def sketched(values: np.ndarray, pieces: list[int] | None = None, edges: np.ndarray | None = None) -> QuantileSketch:
    sketch = QuantileSketch(edges)
    for part in np.split(values, pieces or []):
        sketch.update(part)
    return sketch


def contents(sketch: QuantileSketch) -> list[list[float]]:
    return [level.tolist() for level in sketch.sketch().levels]


seeds = st.integers(0, 2**32 - 1)


@st.composite
def streams(draw: st.DrawFn, most: int = 20_000) -> np.ndarray:
    """Long streams of many kinds: Hypothesis draws the shape, numpy the bulk."""
    rng = np.random.default_rng(draw(seeds))
    n = draw(st.integers(0, most))
    kind = draw(st.sampled_from(["normal", "few values", "sorted", "reversed", "heavy tail"]))
    return {
        "normal": lambda: rng.normal(size=n),
        "few values": lambda: rng.integers(0, 5, n).astype(float),
        "sorted": lambda: np.sort(rng.normal(size=n)),
        "reversed": lambda: -np.sort(rng.normal(size=n)),
        "heavy tail": lambda: rng.standard_cauchy(n),
    }[kind]()


def test_capacities_are_those_of_the_contract():
    assert [capacity(h) for h in range(8)] == [2050, 1314, 842, 540, 346, 222, 144, 94]


def test_the_contracts_test_vector_is_reproduced():
    levels = contents(sketched(np.array([(i * 7919) % 5000 for i in range(5000)], dtype=float)))
    assert [len(level) for level in levels] == [610, 2195]
    assert levels[0][:3] == [4410, 2329, 248]
    assert levels[1][:3] == [0, 4, 8]


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [(68_385, [177, 1134, 1127, 1, 1, 1919]), (23_432, [266, 1093, 2127, 1, 779]), (3_000, [950, 1025])],
)
def test_level_sizes_are_those_of_the_services_files(rows, sizes):
    levels = contents(sketched(np.arange(rows, dtype=float)))
    assert [len(level) for level in levels] == sizes


@settings(max_examples=15, deadline=None)
@given(streams())
def test_a_stream_read_in_order_gives_the_originals_sketch_item_by_item(values):
    assert contents(sketched(values)) == reference(values.tolist())


@settings(max_examples=25, deadline=None)
@given(streams(60_000), st.lists(st.integers(0, 60_000), max_size=5))
def test_how_a_stream_is_cut_into_batches_leaves_no_trace(values, cuts):
    pieces = sorted(min(cut, len(values)) for cut in cuts)
    assert contents(sketched(values, pieces)) == contents(sketched(values))


@settings(max_examples=15, deadline=None)
@given(streams(30_000), seeds)
def test_columns_updated_together_equal_columns_updated_alone(values, seed):
    columns = [values, np.random.default_rng(seed).permutation(values), values.round().clip(-1e6, 1e6).astype(np.int32)]
    together = [QuantileSketch() for _ in columns]
    update_together(together, columns)
    alone = [sketched(column.astype(float)) for column in columns]
    assert [contents(s) for s in together] == [contents(s) for s in alone]


@settings(max_examples=30, deadline=None)
@given(streams(), streams(), st.lists(st.floats(-3, 3), max_size=8, unique=True).map(sorted))
def test_cell_counts_are_exact_however_pieces_are_merged(a, b, edges):
    edges = np.array(edges)
    everything = np.concatenate((a, b))
    expected = np.bincount(np.searchsorted(edges, everything, side="left"), minlength=len(edges) + 1)
    at_once = sketched(everything, edges=edges).cells()
    merged = sketched(a, edges=edges).merge(sketched(b, edges=edges)).cells()
    assert at_once.counts.tolist() == merged.counts.tolist() == expected.tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(streams(), min_size=1, max_size=4), seeds)
def test_merged_pieces_keep_every_rank_within_the_bound(pieces, seed):
    parts = [sketched(piece) for piece in pieces]
    np.random.default_rng(seed).shuffle(parts)
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    everything = np.sort(np.concatenate(pieces))
    assert merged.count == len(everything)
    if len(everything):
        values, weights = merged.sketch().weighted()
        ranks = np.searchsorted(everything, values, side="right") / len(everything)
        # Single-sided rank error of a KLL sketch with k = 2048 is about 0.14 % (DataSketches' fit); compacting without
        # random bits costs some more on adversarial orders such as a sorted stream.
        assert np.abs(ranks - weights.cumsum() / weights.sum()).max() <= 0.01


@settings(max_examples=20, deadline=None)
@given(streams(), streams())
def test_merging_changes_neither_part(a, b):
    left, right = sketched(a), sketched(b)
    before = contents(left), contents(right)
    left.merge(right)
    assert (contents(left), contents(right)) == before


def test_sketches_that_count_different_cells_do_not_merge():
    with pytest.raises(ValueError, match="different cells"):
        QuantileSketch(np.array([1.0])).merge(QuantileSketch())
