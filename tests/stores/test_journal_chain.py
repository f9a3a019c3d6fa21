"""The journal: appended to by everybody, chained, and no line of it can change unseen."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.stores.open import open_store
from watchpost.stores.sql.chain import Broken, Head, verify
from watchpost.stores.store import Entry, Store, Transaction

CHANGED = "its content was changed: it does not have the hash it was recorded with"
UNCHAINED = "it does not carry the hash of the line before"
NOON = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)


def entry(subject: str, kind: str = "alarm.state", **data: object) -> Entry:
    return Entry(NOON, kind, subject, "server", dict(data))


def append(store: Store, *subjects: str) -> None:
    store.write(lambda tx: [tx.record(entry(subject)) for subject in subjects])


def tamper(store: Store, statement: str) -> None:
    store.write(lambda tx: tx.connection.exec_driver_sql(statement) and None)


def test_lines_come_newest_first_by_subject_kind_and_number(any_store: Store) -> None:
    lines = [entry("a", "x"), entry("b", "x"), entry("a", "y"), entry("a", "x")]
    any_store.write(lambda tx: [tx.record(line) for line in lines])

    def numbers(**wanted: object) -> list[int]:
        return [line.number for line in any_store.read(lambda tx: tx.journal(**wanted))]  # type: ignore[arg-type]

    assert numbers() == [4, 3, 2, 1]
    assert numbers(subject="a") == [4, 3, 1]
    assert numbers(kinds=("x",)) == [4, 2, 1]
    assert numbers(subject="a", kinds=("x", "y"), before=4, limit=1) == [3]


def test_an_entry_comes_back_as_it_was_recorded(any_store: Store) -> None:
    line = entry("arn:x", data=[1, 2.5, None, "\0\U0001f600"], to={"b": 1, "a": 2})
    assert any_store.write(lambda tx: tx.record(line)) == 1
    assert any_store.read(lambda tx: tx.journal())[0].entry == line


def test_a_line_that_is_taken_back_leaves_no_gap(any_store: Store) -> None:
    def fails(tx: Transaction) -> None:
        tx.record(entry("lost"))
        raise ZeroDivisionError

    append(any_store, "a")
    with pytest.raises(ZeroDivisionError):
        any_store.write(fails)
    append(any_store, "b")
    assert [line.number for line in any_store.read(lambda tx: tx.journal())] == [2, 1]
    assert verify(any_store) is None


def test_the_hash_is_the_one_that_is_documented(store: Store) -> None:
    append(store, "é", "b")
    previous = "0" * 64
    for line in reversed(store.read(lambda tx: tx.journal())):
        since = (line.entry.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        content = {"actor": "server", "at": since, "data": {}, "kind": "alarm.state", "number": line.number}
        plain = json.dumps({**content, "subject": line.entry.subject}, separators=(",", ":"), ensure_ascii=False)
        assert line.previous == previous
        previous = sha256((previous + plain).encode()).hexdigest()
        assert line.hash == previous


def test_appending_from_many_threads_and_two_servers_keeps_one_chain(database: str, any_store: Store) -> None:
    other = open_store(database)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: append((any_store, other)[n % 2], str(n)), range(80)))
    other.close()
    assert verify(any_store) is None
    assert {line.entry.subject for line in any_store.read(lambda tx: tx.journal())} == set(map(str, range(80)))


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE journal SET data = '{\"a\":2}' WHERE number = 3", Broken(3, CHANGED)),
        ("UPDATE journal SET at = at + 1 WHERE number = 3", Broken(3, CHANGED)),
        ("UPDATE journal SET actor = 'me' WHERE number = 1", Broken(1, CHANGED)),
        ("DELETE FROM journal WHERE number = 3", Broken(3, "it is missing: line 4 follows line 2")),
        ("DELETE FROM journal WHERE number <= 2", Broken(1, "it is missing: line 3 follows line 0")),
        ("UPDATE journal SET hash = previous WHERE number = 5", Broken(5, CHANGED)),
        ("UPDATE journal SET previous = hash WHERE number = 4", Broken(4, UNCHAINED)),
    ],
)  # fmt: skip
def test_the_first_line_that_was_tampered_with_is_found(any_store: Store, statement: str, expected: Broken) -> None:
    append(any_store, *"abcde")
    assert verify(any_store) is None
    tamper(any_store, statement)
    assert verify(any_store) == expected


def test_lines_cut_off_at_the_end_are_found_by_a_head_that_was_noted(store: Store) -> None:
    append(store, *"abc")
    last = store.read(lambda tx: tx.journal(limit=1))[0]
    noted = Head(last.number, last.hash)
    append(store, "d")
    assert verify(store, noted) is None
    tamper(store, "DELETE FROM journal WHERE number >= 3")
    assert verify(store) is None
    assert verify(store, noted) == Broken(3, "the journal ends before line 3, which was noted earlier")
    append(store, "another past")
    assert verify(store, noted) == Broken(3, "its hash is not the one that was noted earlier")


def test_any_data_that_json_knows_keeps_the_chain_whole(store: Store) -> None:
    plain = st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )

    @given(st.dictionaries(st.text(), plain, max_size=4), st.text(max_size=5))
    @settings(max_examples=60)
    def law(data: dict[str, object], subject: str) -> None:
        store.write(lambda tx: tx.record(Entry(NOON, "x", subject.replace("\0", ""), "server", data)))
        assert verify(store) is None

    law()
