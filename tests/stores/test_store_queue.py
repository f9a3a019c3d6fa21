"""The work queue: claimed durably, by one worker, when due; settled or found again after a stop."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from watchpost.errors import Refused
from watchpost.stores.open import open_store
from watchpost.stores.store import Store, Transaction

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def enqueue(store: Store, body: bytes, due: datetime = NOON, queue: str = "mail") -> int:
    return store.write(lambda tx: tx.enqueue(queue, body, due, NOON))


def test_a_task_is_claimed_from_its_due_instant_on(any_store: Store) -> None:
    enqueue(any_store, b"later", NOON + timedelta(microseconds=1))
    assert any_store.claim("mail", "w", NOON, 10) == []
    (task,) = any_store.claim("mail", "w", NOON + timedelta(microseconds=1), 10)
    assert (task.body, task.due, task.enqueued, task.attempts) == (b"later", NOON + timedelta(microseconds=1), NOON, 0)


def test_the_oldest_due_comes_first_and_no_more_than_asked_for(any_store: Store) -> None:
    for minutes in (3, 1, 2):
        enqueue(any_store, b"%d" % minutes, NOON + minutes * MINUTE)
    assert [task.body for task in any_store.claim("mail", "w", NOON + 9 * MINUTE, 2)] == [b"1", b"2"]


def test_queues_do_not_see_each_other(any_store: Store) -> None:
    enqueue(any_store, b"a")
    assert any_store.claim("targets", "w", NOON, 10) == []


def test_a_task_never_gets_into_two_hands(any_store: Store) -> None:
    ids = [any_store.write(lambda tx: [tx.enqueue("mail", b"x", NOON, NOON) for _ in range(30)]) for _ in range(2)]

    def work(worker: str) -> list[int]:
        mine: list[int] = []
        while tasks := any_store.claim("mail", worker, NOON, 3):
            mine += [task.id for task in tasks]
        return mine

    with ThreadPoolExecutor(8) as pool:
        claimed = [task for tasks in pool.map(work, map(str, range(8))) for task in tasks]
    assert Counter(claimed) == Counter(one for some in ids for one in some)


def test_two_servers_on_one_database_never_take_the_same_task(database: str, any_store: Store) -> None:
    any_store.write(lambda tx: [tx.enqueue("mail", b"x", NOON, NOON) for _ in range(60)])
    other = open_store(database)

    def work(store: Store, worker: str) -> list[int]:
        mine: list[int] = []
        while tasks := store.claim("mail", worker, NOON, 2):
            mine += [task.id for task in tasks]
        return mine

    with ThreadPoolExecutor(4) as pool:
        claimed = [t for tasks in pool.map(work, [any_store, other] * 2, ["a", "b", "c", "d"]) for t in tasks]
    other.close()
    assert sorted(claimed) == sorted(set(claimed))
    assert len(claimed) == 60


def test_a_finished_task_is_gone(any_store: Store) -> None:
    task = enqueue(any_store, b"a")
    any_store.claim("mail", "w", NOON, 1)
    any_store.write(lambda tx: tx.finish(task))
    assert any_store.read(lambda tx: (tx.interrupted("mail", "w"), tx.waiting())) == ([], {})


def test_a_postponed_task_comes_again_and_counts_its_attempts(any_store: Store) -> None:
    task = enqueue(any_store, b"a")
    any_store.claim("mail", "w", NOON, 1)
    any_store.write(lambda tx: tx.postpone(task, NOON + MINUTE))
    assert any_store.claim("mail", "w", NOON, 1) == []
    (again,) = any_store.claim("mail", "w", NOON + MINUTE, 1)
    assert (again.id, again.attempts, again.due) == (task, 1, NOON + MINUTE)


def test_an_unsettled_claim_is_found_by_its_worker_after_a_restart(database: str) -> None:
    first = open_store(database)
    enqueue(first, b"claimed")
    enqueue(first, b"waiting", NOON + MINUTE)
    (claimed,) = first.claim("mail", "w", NOON, 1)
    first.close()
    second = open_store(database)
    assert second.read(lambda tx: (tx.interrupted("mail", "w"), tx.interrupted("mail", "x"))) == ([claimed], [])
    assert [task.body for task in second.claim("mail", "w", NOON + MINUTE, 9)] == [b"waiting"]
    second.close()


def test_the_next_due_instant_is_of_tasks_nobody_holds(any_store: Store) -> None:
    def due() -> datetime | None:
        return any_store.read(lambda tx: tx.next_due("mail"))

    assert due() is None
    enqueue(any_store, b"a", NOON + MINUTE)
    enqueue(any_store, b"b")
    assert due() == NOON
    any_store.claim("mail", "w", NOON, 1)
    assert due() == NOON + MINUTE


@pytest.mark.parametrize("put", [lambda tx: tx.enqueue("mail", b"a", NOON, NOON), lambda tx: tx.postpone(1, NOON)])
def test_watchers_of_a_queue_are_woken_when_it_gets_work(
    any_store: Store, put: Callable[[Transaction], object]
) -> None:
    enqueue(any_store, b"first")
    woken, other = Event(), Event()
    any_store.watch("mail", woken.set)
    any_store.watch("targets", other.set)
    any_store.write(put)
    assert woken.wait(5)
    assert not other.is_set()


def test_work_that_was_taken_back_wakes_nobody(any_store: Store) -> None:
    woken: list[str] = []
    any_store.watch("mail", lambda: woken.append("mail"))

    def refused(tx: Transaction) -> None:
        tx.enqueue("mail", b"a", NOON, NOON)
        raise Refused("X", "no")

    with pytest.raises(Refused):
        any_store.write(refused)
    any_store.write(lambda _: None)  # whoever was to be woken by the work before has been by now
    assert (woken, any_store.read(lambda tx: tx.waiting())) == ([], {})


def test_a_claim_is_held_until_it_is_settled_freed_or_taken_anew(any_store: Store) -> None:
    enqueue(any_store, b"x")
    (task,) = any_store.claim("mail", "w", NOON, 1)

    def held(worker: str) -> bool:
        return any_store.read(lambda tx: tx.holds(task, worker))

    assert (held("w"), held("other")) == (True, False)
    any_store.write(lambda tx: tx.postpone(task.id, NOON))
    assert not held("w")
    (again,) = any_store.claim("mail", "w", NOON, 1)
    assert not held("w")
    assert any_store.read(lambda tx: tx.holds(again, "w"))
    any_store.write(lambda tx: tx.finish(task.id))
    assert not any_store.read(lambda tx: tx.holds(again, "w"))
