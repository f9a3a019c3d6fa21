"""Laws of cells and sketches: merging forgets nothing, whatever the order, and rolling up is merging."""

from collections import Counter
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.metrics.batch import batch
from watchpost.metrics.cells import EMPTY, Cells, keys, merge, rolled
from watchpost.metrics.identity import Datum, Metric
from watchpost.metrics.packing import pack, pack_each, unpack
from watchpost.metrics.sketch import EXACT, RELATIVE_ERROR, combine, quantise

VALUES = st.floats(-1e6, 1e6, allow_subnormal=False) | st.integers(0, 200).map(float)
NOT_NEGATIVE = st.floats(0, 1e9, allow_subnormal=False) | st.integers(0, 200).map(float)
COUNTS = st.integers(1, 1000).map(float)


@st.composite
def data(draw: st.DrawFn, values: st.SearchStrategy[float] = VALUES) -> Datum:
    metric = Metric("app", draw(st.sampled_from("ab")))
    moment, fine = draw(st.integers(0, 7200)), draw(st.sampled_from((1, 60)))
    if draw(st.integers(0, 9)) == 0:
        low, high = sorted((draw(values), draw(values)))
        count = draw(COUNTS)
        return Datum(metric, moment, (), (), (count, (low + high) / 2 * count, low, high), resolution=fine)
    pairs = draw(st.lists(st.tuples(values, COUNTS), min_size=1, max_size=6))
    numbers, counts = zip(*pairs, strict=True)
    return Datum(metric, moment, numbers, counts, resolution=fine)


@st.composite
def cells(draw: st.DrawFn) -> Cells:
    """Cells of up to a few hundred samples, so that some sketches are rounded and some not."""
    some = draw(st.lists(data(), max_size=12))
    if draw(st.booleans()):
        many = draw(st.integers(1, 3 * EXACT))
        step = draw(st.sampled_from((0.37, 1.0, 1e-3)))
        some += [Datum(Metric("app", "a"), 60, tuple(1 + step * i for i in range(many)), (2.0,) * many)]
    return stored(some)


def stored(some: list[Datum]) -> Cells:
    arrived = batch(some)
    return merge([arrived.numbered({s: ord(s.metric.name) for s in arrived.series})]) if some else EMPTY


def two_orders(
    items: list[tuple[int, float]],
) -> st.SearchStrategy[tuple[list[tuple[int, float]], list[tuple[int, float]]]]:
    return st.tuples(st.just(items), st.permutations(items))


def same(one: Cells, other: Cells) -> bool:
    """Equal but for how sums were rounded on the way."""
    exact = ("key", "count", "low", "high", "whole", "coarse", "items", "values", "weights")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in exact) and bool(
        np.allclose(one.total, other.total, rtol=1e-9, atol=1e-6)
    )


@given(cells(), cells(), cells())
def test_merging_is_associative(one: Cells, two: Cells, three: Cells) -> None:
    assert same(merge([merge([one, two]), three]), merge([one, merge([two, three])]))
    assert same(merge([one, two, three]), merge([one, merge([two, three])]))


@given(cells(), cells())
def test_merging_is_commutative(one: Cells, two: Cells) -> None:
    assert same(merge([one, two]), merge([two, one]))


@given(cells())
def test_merging_with_nothing_changes_nothing(one: Cells) -> None:
    assert same(merge([one, EMPTY]), one)


@given(st.lists(data(), min_size=1, max_size=30))
def test_taking_in_at_once_equals_taking_in_one_by_one(some: list[Datum]) -> None:
    assert same(stored(some), reduce(lambda a, b: merge([a, b]), (stored([d]) for d in some)))


@given(st.lists(data(), min_size=1, max_size=30), st.sampled_from(((60, 300), (60, 3600), (300, 3600), (10, 60))))
def test_rolling_up_in_steps_equals_rolling_up_at_once(some: list[Datum], steps: tuple[int, int]) -> None:
    once, twice = rolled(stored(some), steps[1]), rolled(rolled(stored(some), steps[0]), steps[1])
    assert same(once, twice)


@given(st.lists(data(NOT_NEGATIVE), min_size=1, max_size=30))
def test_a_cell_knows_every_sample_while_its_values_are_few(some: list[Datum]) -> None:
    of_values = [d for d in some if d.values and d.metric.name == "a"]
    if not of_values:
        return
    [whole] = [rolled(stored(of_values), 3 * 3600)]
    lengths, values, weights = whole.explicit()
    samples: Counter[float] = Counter()
    for datum in of_values:
        for value, count in zip(datum.values, datum.counts, strict=True):
            samples[value] += int(count)
    assert lengths.tolist() == [len(samples)]
    assert dict(zip(values.tolist(), weights.tolist(), strict=True)) == samples


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=200))
def test_rounded_values_stay_within_the_stated_error(values: list[float]) -> None:
    true = np.array(values)
    assert (np.abs(quantise(true) - true) <= RELATIVE_ERROR * true).all()
    assert (quantise(-true) == -quantise(true)).all()


@given(st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=200))
def test_rounding_twice_is_rounding_once_and_keeps_the_order(values: list[float]) -> None:
    rounded = quantise(np.array(sorted(values)))
    assert (quantise(rounded) == rounded).all()
    assert (np.diff(rounded) >= 0).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20).map(float)), max_size=60).flatmap(two_orders))
def test_items_make_the_same_sketches_in_whatever_order_they_come(
    orders: tuple[list[tuple[int, float]], list[tuple[int, float]]],
) -> None:
    items, shuffled = orders

    def combined(some: list[tuple[int, float]]) -> list[list[float]]:
        group, values = (np.array(column) for column in zip(*some, strict=True)) if some else (np.empty(0),) * 2
        found = combine(group.astype(np.int64), values, np.ones(len(some)), np.zeros(6, dtype=np.bool_))
        return [column.tolist() for column in found]

    expected = sorted(Counter(items).items())
    by_group = sorted(shuffled, key=lambda item: item[0])
    assert combined(shuffled) == combined(by_group)
    assert combined(shuffled)[:3] == [
        [group for (group, _), _ in expected],
        [value for (_, value), _ in expected],
        [float(count) for _, count in expected],
    ]


def test_zero_stays_zero_when_rounded() -> None:
    assert quantise(np.array([0.0, -0.0, 1e-310])).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("distinct", "rounded"), [(EXACT, False), (EXACT + 1, True)])
def test_a_sketch_is_rounded_once_it_has_more_than_so_many_distinct_values(distinct: int, rounded: bool) -> None:
    some = [Datum(Metric("app", "a"), 60, (1 + i / 1000,), (1.0,)) for i in range(distinct)]
    assert stored(some).coarse.tolist() == [rounded]


def test_a_statistic_set_hides_the_distribution_unless_its_samples_are_equal() -> None:
    metric = Metric("app", "a")
    sets = [(4.0, 10.0, 1.0, 4.0), (1.0, 3.0, 3.0, 3.0), (4.0, 12.0, 3.0, 3.0), (4.0, 13.0, 3.0, 3.0)]
    known = [stored([Datum(metric, 60, (), (), each)]).whole.tolist() for each in sets]
    assert known == [[False], [True], [True], [False]]


def test_a_negative_value_hides_the_distribution() -> None:
    metric = Metric("app", "a")
    whole = stored([Datum(metric, 60, (1.0,), (1.0,)), Datum(metric, 61, (-1.0, 2.0), (1.0, 1.0))])
    assert whole.whole.tolist() == [False]
    assert whole.items.tolist() == [0]


@pytest.mark.parametrize(
    "bad",
    [
        Datum(Metric("app", "a"), 60),
        Datum(Metric("app", "a"), -1, (1.0,), (1.0,)),
        Datum(Metric("app", "a"), 60, (float("nan"),), (1.0,)),
        Datum(Metric("app", "a"), 60, (float("inf"), 1.0), (1.0, 1.0)),
        Datum(Metric("app", "a"), float("nan"), (1.0,), (1.0,)),
    ],
)
def test_a_datum_that_is_none_is_refused(bad: Datum) -> None:
    with pytest.raises(ValueError, match="A datum"):
        batch([bad])


# --- bytes ----------------------------------------------------------------------------------------------------------


@given(cells())
def test_packing_and_unpacking_changes_nothing(one: Cells) -> None:
    assert same(merge([unpack([pack(one)])]), one)


@given(cells(), cells())
def test_packs_are_read_together_as_their_union(one: Cells, two: Cells) -> None:
    assert same(merge([unpack([pack(one), pack(two)])]), merge([one, two]))


@given(cells())
def test_a_pack_without_its_sketches_gives_the_plain_figures(one: Cells) -> None:
    without = [pack(one)._replace(sketches=b"")]
    assert same(merge([unpack(without, sketches=False)]), one.plain())


@given(cells(), st.data())
def test_packing_stretches_is_packing_each(one: Cells, choice: st.DataObject) -> None:
    if not len(one):
        return
    first = sorted({0, *choice.draw(st.lists(st.integers(0, len(one) - 1), max_size=5))})
    packs = pack_each(one, np.array(first))
    ends = [*first[1:], len(one)]
    assert packs == [pack(one[a:b]) for a, b in zip(first, ends, strict=True)]


@given(cells(), st.sets(st.sampled_from((97, 98, 99))), st.integers(0, 7200), st.integers(0, 7200))
def test_a_range_of_series_holds_exactly_what_starts_in_it(one: Cells, series: set[int], start: int, end: int) -> None:
    chosen = one.of(np.array(sorted(series), dtype=np.int64), start, end)
    inside = np.isin(one.series, sorted(series)) & (one.start >= start) & (one.start < end)
    assert same(chosen, one[inside])


def test_a_key_tells_series_start_and_resolution() -> None:
    start, series = np.array([0, 1_795_176_000]), np.array([1, 123_456_789])
    one = Cells(keys(series, start, np.array([True, False])), *(np.ones(2),) * 4, *(start > 0,) * 2, *(start,) * 3)
    assert (one.series.tolist(), one.start.tolist()) == (series.tolist(), start.tolist())
    assert one.fine.tolist() == [True, False]
