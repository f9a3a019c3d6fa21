"""Packed blocks of events, and reading them in order."""

import random  # noqa: TID251  seeded by Hypothesis
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import StoreUnavailable
from watchpost.logs.blocks import EventKey, concatenated, pack, repack, unpack
from watchpost.logs.filter_pattern import compile_pattern
from watchpost.logs.scan import Header, Span, ascending, descending, unordered

# Numbers of blocks start at 1.
keys = st.builds(
    EventKey,
    st.integers(0, 3) | st.integers(0, 10**16),
    st.integers(1, 2) | st.integers(1, 2**62 - 1),
    st.integers(0, 3),
)
batches = st.lists(st.tuples(st.integers(0, 30), st.text(max_size=5)), min_size=1, max_size=6).map(sorted)


@given(keys, keys)
def test_ids_of_events_sort_as_their_keys_do_and_are_read_back(one, other):
    assert EventKey.parse(one.text()) == one
    assert (one.text() < other.text()) == (one < other)
    assert one.before <= one < one.after
    assert other >= one or other <= one.before
    assert other <= one or other >= one.after


@pytest.mark.parametrize("text", ["", "1" * 55, "x" * 56, "٣" * 56, "9" * 56])
def test_what_is_no_id_is_refused(text):
    with pytest.raises(ValueError, match=r"digits|beyond"):
        EventKey.parse(text)


@given(batches, st.integers(0, 10**13))
def test_a_block_gives_back_what_was_packed(batch, ingested):
    times, messages = [t for t, _ in batch], [m for _, m in batch]
    events = unpack(pack(times, messages, ingested), 7, "s")
    assert (events.timestamps.tolist(), list(events.messages), list(events.streams)) == (
        times,
        messages,
        ["s"] * len(batch),
    )
    assert events.ingested.tolist() == [ingested] * len(batch)
    assert [events.key(place) for place in range(len(events))] == [EventKey(t, 7, n) for n, t in enumerate(times)]


@given(st.lists(batches, min_size=1, max_size=4))
def test_merged_blocks_keep_the_keys_of_their_events(parts):
    before = concatenated(
        [unpack(pack([t for t, _ in part], [m for _, m in part], n), n + 1, "s") for n, part in enumerate(parts)]
    ).ordered()
    after = unpack(repack(before), 99, "s")
    assert [after.key(n) for n in range(len(after))] == [before.key(n) for n in range(len(before))]
    assert (list(after.messages), after.ingested.tolist()) == (list(before.messages), before.ingested.tolist())


def test_a_damaged_block_says_so():
    body = pack([1] * 100, ["a message"] * 100, 1)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        unpack(body[:-5], 1, "s")


@given(
    st.lists(batches, max_size=6),
    st.integers(0, 30),
    st.integers(0, 30),
    st.none() | st.builds(EventKey, st.integers(0, 30), st.integers(0, 6), st.integers(0, 6)),
    st.none() | st.builds(EventKey, st.integers(0, 30), st.integers(0, 6), st.integers(0, 6)),
    st.booleans(),
    st.randoms(),
)
def test_scans_give_what_sorting_everything_gives(parts, start, end, after, before, filtered, chance: random.Random):
    bodies = {n: pack([t for t, _ in part], [m for _, m in part], 0) for n, part in enumerate(parts, 1)}
    headers = [
        Header(n, "s", part[0][0], part[-1][0], len(part), chance.choice([10, 5_000_000]))
        for n, part in enumerate(parts, 1)
    ]
    pattern = compile_pattern('"a"') if filtered else None
    span = Span(start, end, after, before, pattern)
    expected = sorted(
        (EventKey(t, n, place), message)
        for n, part in enumerate(parts, 1)
        for place, (t, message) in enumerate(part)
        if start <= t <= end
        and (after is None or EventKey(t, n, place) > after)
        and (before is None or EventKey(t, n, place) < before)
        and (pattern is None or "a" in message)
    )

    def load(blocks):
        return {block: bodies[block] for block in blocks}

    def listed(events):
        return [(events.key(n), events.messages[n]) for n in range(len(events))]

    if after is None:
        given: list[EventKey] = []
        for piece in ascending(headers, load, span):
            given += [key for key, _ in listed(piece.events)]
            left = [key for key, _ in expected if key not in given]
            rest = ascending(headers, load, Span(start, end, piece.seen, before, pattern))
            assert piece.last or [key for each in rest for key, _ in listed(each.events)] == left
    if before is None:
        taken: set[EventKey] = set()
        for piece in descending(headers, load, span):
            taken |= {key for key, _ in listed(piece.events)}
            rest = descending(headers, load, Span(start, end, after, piece.seen, pattern))
            back = {key for each in rest for key, _ in listed(each.events)}
            assert piece.last or back == {key for key, _ in expected} - taken
    forth = [listed(piece.events) for piece in ascending(headers, load, span)]
    back = [listed(piece.events) for piece in descending(headers, load, span)]
    assert list(chain.from_iterable(forth)) == expected
    assert list(chain.from_iterable(reversed(back))) == expected
    assert sorted(each for events in unordered(headers, load, span) for each in listed(events)) == expected


def test_a_scan_says_up_to_where_it_has_seen_everything():
    parts = [(1, [1, 9]), (2, [5, 20]), (3, [15, 30])]
    bodies = {n: pack(times, ["x"] * len(times), 0) for n, times in parts}
    headers = [Header(n, "s", times[0], times[-1], len(times), 5_000_000) for n, times in parts]
    pieces = list(ascending(headers, lambda blocks: {b: bodies[b] for b in blocks}, Span()))
    assert [piece.events.timestamps.tolist() for piece in pieces] == [[1], [5, 9], [15, 20, 30]]
    assert [piece.seen.timestamp for piece in pieces[:-1]] == [5, 15]
    assert [piece.last for piece in pieces] == [False, False, True]


def test_taking_events_takes_all_their_columns():
    events = unpack(pack([1, 2, 3], ["a", "b", "c"], 9), 4, "s").take(np.array([2, 0]))
    assert ([events.key(n) for n in range(2)], events.messages) == ([EventKey(3, 4, 2), EventKey(1, 4, 0)], ["c", "a"])
