"""Documents: kept by kind and key, sorted by code point, counted by revision."""

from dataclasses import dataclass
from sqlite3 import Connection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.documents import Kind
from watchpost.errors import Refused, StoreUnavailable
from watchpost.stores.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    size: float | None = None


THING = Kind("thing", Thing)
OTHER = Kind("other", str)

# Keys near each other, with what text columns trip over: case, accents, quotes, wildcards, the last code points.
keys = st.text(alphabet="aAbZéß%_'\\\U0001f600\ud7ff\ue000\U0010ffff /", min_size=1, max_size=4)


def test_a_document_comes_back_as_it_was_written(any_store: Store) -> None:
    thing = Thing("naïve \U0001f600 'quoted'", 1e-300)
    any_store.write(lambda tx: tx.put(THING, "a", thing))
    assert any_store.read(lambda tx: tx.get(THING, "a")) == thing


def test_a_document_of_another_kind_is_another_document(any_store: Store) -> None:
    any_store.write(lambda tx: tx.put(THING, "a", Thing("a")))
    assert any_store.read(lambda tx: (tx.get(OTHER, "a"), tx.scan(OTHER))) == (None, [])


def test_deleting_says_whether_there_was_something_to_delete(any_store: Store) -> None:
    any_store.write(lambda tx: tx.put(THING, "a", Thing("a")))
    assert any_store.write(lambda tx: (tx.delete(THING, "a"), tx.delete(THING, "a"))) == (True, False)


def test_scan_sees_the_keys_of_its_prefix_in_order_of_code_points(any_store: Store) -> None:
    @given(
        there=st.sets(keys, max_size=12),
        prefix=keys | st.just(""),
        after=keys | st.just(""),
        limit=st.none() | st.integers(0, 5),
    )
    @settings(max_examples=60)
    def law(there: set[str], prefix: str, after: str, limit: int | None) -> None:
        def work(tx: Transaction) -> list[str]:
            for key, _ in tx.scan(THING):
                tx.delete(THING, key)
            for key in there:
                tx.put(THING, key, Thing(key))
            return [key for key, _ in tx.scan(THING, prefix, after, limit)]

        expected = sorted(key for key in there if key.startswith(prefix) and key > after)
        assert any_store.write(work) == expected[:limit]

    law()


@pytest.mark.parametrize(("prefix", "after"), [("k4999", ""), ("k", "k4998"), ("k4", "k4998"), ("k4999", "k1")])
def test_a_scan_reads_the_documents_it_returns_and_not_those_before_them(store: Store, prefix: str, after: str) -> None:
    store.write(lambda tx: [tx.put(THING, f"k{n:04}", Thing("")) for n in range(5000)])
    steps: list[int] = []

    def count(tx: Transaction) -> list[tuple[str, Thing]]:
        sqlite = tx.connection.connection.dbapi_connection
        assert isinstance(sqlite, Connection)
        sqlite.set_progress_handler(lambda: steps.append(100), 100)  # called at every hundredth step of SQLite's
        try:
            return tx.scan(THING, prefix, after)
        finally:
            sqlite.set_progress_handler(None, 100)

    assert [key for key, _ in store.read(count)] == ["k4999"]
    assert sum(steps) < 1000


@pytest.mark.parametrize("key", ["a\0b", "\ud800"])
def test_a_key_that_no_text_column_can_hold_is_refused_by_name(any_store: Store, key: str) -> None:
    with pytest.raises(Refused, match="Unicode text without NUL"):
        any_store.write(lambda tx: tx.put(THING, key, Thing("a")))
    assert any_store.read(lambda tx: (tx.get(THING, key), tx.scan(THING, prefix=key))) == (None, [])


def test_a_revision_counts_the_changes_of_its_kind(any_store: Store) -> None:
    def work(tx: Transaction) -> tuple[int, int]:
        tx.put(THING, "a", Thing("a"))
        tx.put(THING, "a", Thing("b"))
        tx.delete(THING, "not there")
        return tx.revision(THING), tx.revision(OTHER)

    assert any_store.write(work) == (2, 0)
    any_store.write(lambda tx: tx.delete(THING, "a"))
    assert any_store.read(lambda tx: tx.revision(THING)) == 3


def test_what_a_newer_release_wrote_is_not_guessed_at(any_store: Store) -> None:
    any_store.write(lambda tx: tx.put(Kind("thing", Thing, version=2), "a", Thing("a")))
    with pytest.raises(StoreUnavailable, match="newer than this release"):
        any_store.read(lambda tx: tx.get(THING, "a"))


def test_reading_cannot_write(any_store: Store) -> None:
    with pytest.raises(StoreUnavailable):
        any_store.read(lambda tx: tx.put(THING, "a", Thing("a")))


def test_a_reader_sees_one_snapshot_whatever_is_written_meanwhile(any_store: Store) -> None:
    def work(tx: Transaction) -> tuple[Thing | None, Thing | None]:
        before = tx.get(THING, "a")
        any_store.write(lambda tx: tx.put(THING, "a", Thing("changed")))
        return before, tx.get(THING, "a")

    assert any_store.read(work) == (None, None)
    assert any_store.read(lambda tx: tx.get(THING, "a")) == Thing("changed")


def test_a_value_that_could_not_be_read_back_is_not_written(any_store: Store) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        any_store.write(lambda tx: tx.put(Kind("number", float), "a", float("nan")))
    assert any_store.read(lambda tx: tx.scan(Kind("number", float))) == []
