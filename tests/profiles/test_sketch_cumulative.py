"""A sketch's content in order: distinct values, and how many of the values fed are at most each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.profiles.kll import QuantileSketch
from watchpost.profiles.statistics import Sketch

# Neighbours that differ in their lowest bits only, values that repeat, both zeros, and everything a float can be.
neighbours = st.builds(
    lambda start, steps: start + steps * np.spacing(start),
    st.sampled_from([1.0, -1e15, 5e-324, 1e300]),
    st.integers(0, 40),
)
values = st.one_of(
    neighbours, st.integers(-3, 3).map(float), st.just(-0.0), st.floats(allow_nan=False, allow_infinity=False)
)
sketches = st.lists(st.lists(values, max_size=40), max_size=5).map(
    lambda levels: Sketch(tuple(np.array(level, dtype=np.float64) for level in levels))
)


def plainly(sketch):
    """Every item as often as it counts, then sorted and counted."""
    rows = [np.repeat(level, 1 << height) for height, level in enumerate(sketch.levels)]
    distinct, counts = np.unique(np.concatenate([*rows, np.empty(0)]), return_counts=True)
    return distinct.tolist(), counts.cumsum().tolist()


@given(sketch=sketches)
def test_the_order_of_a_sketch_is_that_of_the_rows_it_stands_for(sketch):
    found, below = sketch.cumulative()
    assert (found.tolist(), below.tolist()) == plainly(sketch)


@given(sketch=sketches)
def test_weights_are_the_steps_of_the_cumulative_counts(sketch):
    weights = sketch.weighted()[1]
    assert weights.cumsum().tolist() == sketch.cumulative()[1].tolist()
    assert weights.sum() == sketch.weight
    assert (weights > 0).all()


@given(sketch=sketches, order=st.randoms(use_true_random=False))
def test_the_order_of_items_within_a_level_leaves_no_trace(sketch, order):
    shuffled = Sketch(tuple(np.array(order.sample(level.tolist(), len(level))) for level in sketch.levels))
    for mine, its in zip(sketch.cumulative(), shuffled.cumulative(), strict=True):
        assert mine.tobytes() == its.tobytes()


@pytest.mark.parametrize("spread", [1e-12, 1e-3, 1e12])
def test_a_full_sketch_is_in_order_however_close_its_values_lie(spread):
    # Around 1e9 doubles are 1.2e-7 apart: the first column has one value, the second neighbours in the lowest bits.
    quantiles = QuantileSketch()
    quantiles.update(np.random.default_rng(7).normal(1e9, spread, 60_000))
    sketch = quantiles.sketch()
    found, below = sketch.cumulative()
    assert (found.tolist(), below.tolist()) == plainly(sketch)


def test_both_zeros_are_one_value_and_written_without_a_sign():
    found, below = Sketch((np.array([0.0, -0.0]), np.array([-0.0]))).cumulative()
    assert (found.tolist(), np.signbit(found).any(), below.tolist()) == ([0.0], False, [4])


def test_what_is_remembered_cannot_be_changed():
    sketch = Sketch((np.array([2.0, 1.0]),))
    for array in sketch.weighted():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
    assert sketch.levels[0].tolist() == [2.0, 1.0]
