"""Repeated inference ids: exact while few, an unbiased estimate beyond, and the same in any order of merging."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from watchpost.data.identifiers import RepeatedIds, hash_ids

ids = st.one_of(st.none(), st.sampled_from("abcdef"), st.text(max_size=80), st.integers(0, 200).map(str))


def counter(*parts: list[str | None], cap: int = 1 << 20) -> RepeatedIds:
    counted = RepeatedIds(cap)
    for part in parts:
        counted.add(part)
    return counted


@given(st.lists(ids))
def test_few_ids_are_counted_exactly(some):
    present = [i for i in some if i is not None]
    counts = counter(some).counts()
    assert (counts.records, counts.repeated, counts.exact) == (len(present), len(present) - len(set(present)), True)


@given(st.lists(st.lists(ids), min_size=1, max_size=5), st.integers(1, 40), st.randoms(use_true_random=False))
def test_merging_in_any_order_equals_counting_at_once(parts, cap, order):
    whole = counter(*parts, cap=cap).counts()
    pieces = [counter(part, cap=cap) for part in parts]
    order.shuffle(pieces)
    merged = pieces[0]
    for piece in pieces[1:]:
        merged = merged.merge(piece)
    assert merged.counts() == whole


@given(st.lists(st.text(max_size=80), min_size=1), st.data())
def test_an_ids_hash_does_not_depend_on_its_company(some, data):
    one = data.draw(st.sampled_from(some))
    assert hash_ids(pl.Series([one]))[0] == hash_ids(pl.Series(some))[some.index(one)]


def test_many_ids_are_estimated_within_five_standard_errors():
    """50,000 ids, each seen 3 times, from a sample of at most 4,096: relative standard error below 1 / sqrt(2,048)."""
    many = [f"{i:08x}-0000-4000-8000-000000000000" for i in range(50_000)]
    counts = counter(many, many, many, cap=4096).counts()
    assert counts.records == 150_000
    assert not counts.exact
    assert abs(counts.repeated - 100_000) < 5 * 100_000 / 2048**0.5


def test_the_hash_never_changes():
    """Stored counters must merge with new ones: values of this implementation, pinned."""
    some = ["", "a", "feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9", "ü", "x" * 65]
    assert [hex(h) for h in hash_ids(pl.Series(some))] == [
        "0x0",
        "0x8db5874da05ddd7",
        "0x9d76a061bc89cde",
        "0x60b572119fcfcd21",
        "0x84d473042dce2ab9",
    ]
