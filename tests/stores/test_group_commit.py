"""Group commit: many writers, few commits, and each writer's fate is its own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sqlite3 import connect
from threading import Event

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError

from watchpost.documents import Kind
from watchpost.errors import Refused, StoreUnavailable, WatchpostError
from watchpost.stores.open import open_store
from watchpost.stores.store import Store, Transaction

Work = Callable[[Transaction], object]
WORD = Kind("word", str)


class Held:
    """A store whose writer is kept busy until everybody waits behind it, so that their works share a transaction."""

    def __init__(self, where: str) -> None:
        self.batches: list[int] = []
        self.store = open_store(where, lambda works, _: self.batches.append(works))
        self.batches.clear()

    def together(self, works: Sequence[Work]) -> list[object]:
        """The outcome of each work, its result or what it raised."""
        began, go = Event(), Event()

        def hold(_tx: Transaction) -> None:
            began.set()
            assert go.wait(20)

        def outcome(work: Work) -> object:
            try:
                return self.store.write(work)
            except (WatchpostError, SQLAlchemyError) as problem:
                return problem

        with ThreadPoolExecutor(len(works) + 1) as pool:
            first = pool.submit(self.store.write, hold)
            assert began.wait(20)
            rest = [pool.submit(outcome, work) for work in works]
            while self.store._writer._jobs.qsize() < len(works):  # type: ignore[attr-defined]
                pass
            go.set()
            first.result()
            return [one.result() for one in rest]


@pytest.fixture
def held(database: str) -> Iterator[Held]:
    held = Held(database)
    yield held
    held.store.close()


def put(key: str) -> Work:
    return lambda tx: tx.put(WORD, key, key)


def words(store: Store) -> list[str]:
    return [key for key, _ in store.read(lambda tx: tx.scan(WORD))]


def test_fifty_waiting_writers_share_a_commit(held: Held) -> None:
    held.together([put(f"{n:02}") for n in range(50)])
    assert held.batches == [51] or (sum(held.batches) == 51 and len(held.batches) <= 3)
    assert len(words(held.store)) == 50


def test_a_work_that_raises_takes_back_its_own_writes_only(held: Held) -> None:
    def refused(tx: Transaction) -> None:
        tx.put(WORD, "refused", "x")
        tx.connection.execute(text("DELETE FROM documents"))
        raise Refused("X", "no")

    outcomes = held.together([put("a"), refused, put("b")])
    assert [type(one) for one in outcomes] == [type(None), Refused, type(None)]
    assert words(held.store) == ["a", "b"]


def test_a_work_that_the_database_refuses_leaves_its_neighbours_alone(held: Held) -> None:
    def broken(tx: Transaction) -> None:
        tx.put(WORD, "broken", "x")
        tx.connection.execute(text("SELECT * FROM no_such_table"))

    outcomes = held.together([put("a"), broken, put("b")])
    assert isinstance(outcomes[1], Exception)
    assert words(held.store) == ["a", "b"]


def test_when_the_transaction_is_lost_each_work_gets_one_of_its_own(held: Held) -> None:
    def lose(tx: Transaction) -> None:
        tx.put(WORD, "lost", "x")
        tx.connection.exec_driver_sql("ROLLBACK")

    outcomes = held.together([put("a"), lose, put("b")])
    assert isinstance(outcomes[1], StoreUnavailable)
    assert words(held.store) == ["a", "b"]
    held.store.write(put("c"))
    assert words(held.store) == ["a", "b", "c"]


def test_a_work_sees_what_its_neighbour_wrote_before_it(held: Held) -> None:
    def add(tx: Transaction) -> int:
        tx.put(WORD, "count", str(int(tx.get(WORD, "count") or "0") + 1))
        return int(tx.get(WORD, "count") or "0")

    assert set(held.together([add] * 20)) == set(range(1, 21))


def test_writing_inside_a_work_is_refused_instead_of_waiting_for_ever(store: Store) -> None:
    with pytest.raises(RuntimeError, match="hand its transaction on"):
        store.write(lambda _: store.write(lambda _: None))


def test_closing_finishes_what_was_begun_and_takes_no_more(tmp_path: Path) -> None:
    store = open_store(tmp_path / "db")
    with ThreadPoolExecutor(20) as pool:
        writes = [pool.submit(store.write, put(f"{n:03}")) for n in range(200)]
        store.close()
    kept = [f"{n:03}" for n, write in enumerate(writes) if write.exception() is None]
    again = open_store(tmp_path / "db")
    assert words(again) == kept
    again.close()
    with pytest.raises(StoreUnavailable, match="is closed"):
        store.write(lambda _: None)
    with pytest.raises(StoreUnavailable, match="is closed"):
        store.read(lambda _: None)
    store.close()


def test_a_full_disk_is_told_and_the_store_goes_on_when_there_is_room_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "db")

    def room(pages: int) -> Work:
        # SQLite answers as it does when the disk is full.
        return lambda tx: tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar_one()

    def fill(tx: Transaction) -> None:
        for n in range(200):
            tx.put(WORD, f"big {n}", "x" * 5000)

    store.write(put("before"))
    store.write(room(1))
    with pytest.raises(StoreUnavailable, match="full"):
        store.write(fill)
    assert words(store) == ["before"]
    store.write(room(100_000))
    store.write(put("after"))
    assert words(store) == ["after", "before"]
    store.close()


def test_a_database_that_another_process_keeps_locked_fails_the_waiting_works_and_no_later_ones(tmp_path: Path) -> None:
    store = open_store(tmp_path / "db")
    store.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA busy_timeout = 50").close())
    other = connect(tmp_path / "db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(20) as pool:
        outcomes = [write.exception() for write in [pool.submit(store.write, put(str(n))) for n in range(20)]]
    assert {type(one) for one in outcomes} == {StoreUnavailable}
    assert "is locked: another program holds it" in str(outcomes[0])
    other.execute("ROLLBACK")
    other.close()
    store.write(put("after"))
    assert words(store) == ["after"]
    store.close()


def test_whoever_waits_behind_a_locked_database_is_told_at_once_and_does_not_wait_in_turn(tmp_path: Path) -> None:
    store = open_store(tmp_path / "db")
    store.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA busy_timeout = 1").close())
    other = connect(tmp_path / "db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began, go, tried = Event(), Event(), list[object]()

    def hold(connection: object, *_: object) -> None:
        tried.append(connection)
        began.set()
        assert go.wait(20)

    event.listen(store._engines.writing, "checkout", hold)  # type: ignore[attr-defined]
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(store.write, put("first"))
        assert began.wait(20)
        rest = [pool.submit(store.write, put(str(n))) for n in range(19)]
        while store._writer._jobs.qsize() < len(rest):  # type: ignore[attr-defined]
            pass
        go.set()
        outcomes = [write.exception() for write in [first, *rest]]
    assert {type(one) for one in outcomes} == {StoreUnavailable}
    assert len(tried) == 1
    other.close()
    store.close()
