"""Queued work is done once, retried when told, and never silently repeated after a stop."""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from watchpost.service.clock import ManualClock, SystemClock
from watchpost.service.dead_letters import DeadLetter, dead_letters, redrive
from watchpost.service.worker import Done, GiveUp, Outcome, Retry, Worker
from watchpost.stores.open import open_store
from watchpost.stores.store import Entry, Store, Task, Transaction

SECOND = timedelta(seconds=1)


def enqueue(store: Store, now: datetime, body: bytes = b"work", queue: str = "q") -> int:
    return store.write(lambda tx: tx.enqueue(queue, body, now, now))


def letters(store: Store) -> list[DeadLetter]:
    return [letter for _, letter in store.read(dead_letters)]


def test_due_work_is_done_once(store: Store, clock: ManualClock) -> None:
    done: list[bytes] = []

    def perform(task: Task, now: datetime) -> Outcome:
        done.append(task.body)
        return Done()

    enqueue(store, clock.now())
    worker = Worker(store, clock, {"q": perform}, "w")
    assert (worker.step(clock.now()), worker.step(clock.now()), done) == (1, 0, [b"work"])


def test_work_that_is_not_due_waits(store: Store, clock: ManualClock) -> None:
    enqueue(store, clock.now() + SECOND)
    worker = Worker(store, clock, {"q": lambda _task, _now: Done()}, "w")
    assert (worker.step(clock.now()), worker.step(clock.now() + SECOND)) == (0, 1)


def test_failed_work_is_tried_again_when_the_performer_says(store: Store, clock: ManualClock) -> None:
    attempts: list[int] = []

    def perform(task: Task, now: datetime) -> Outcome:
        attempts.append(task.attempts)
        return Retry(now + SECOND, "no answer") if task.attempts < 2 else Done()

    enqueue(store, clock.now())
    worker = Worker(store, clock, {"q": perform}, "w")
    for second in range(5):
        worker.step(clock.now() + second * SECOND)
    assert attempts == [0, 1, 2]


def test_work_that_is_given_up_becomes_a_dead_letter_with_its_reason(store: Store, clock: ManualClock) -> None:
    enqueue(store, clock.now())
    Worker(store, clock, {"q": lambda _task, _now: GiveUp("no such host", "arn:x")}, "w").step(clock.now())
    (letter,) = letters(store)
    assert (letter.outcome, letter.why, letter.subject, letter.attempts) == ("failed", "no such host", "arn:x", 1)
    assert [line.entry.kind for line in store.read(lambda tx: tx.journal("arn:x"))] == ["dead-letter"]


def test_a_performers_bug_is_a_dead_letter_and_the_others_go_on(store: Store, clock: ManualClock) -> None:
    def perform(task: Task, now: datetime) -> Outcome:
        if task.body == b"bad":
            raise ZeroDivisionError
        return Done()

    enqueue(store, clock.now(), b"bad")
    enqueue(store, clock.now(), b"good")
    assert Worker(store, clock, {"q": perform}, "w").step(clock.now()) == 2
    assert [letter.body for letter in letters(store)] == [b"bad"]


def test_what_follows_from_the_work_is_written_with_its_end(store: Store, clock: ManualClock) -> None:
    def perform(task: Task, now: datetime) -> Outcome:
        return Done(lambda tx: void(tx.record(Entry(now, "told", "s", "server", {}))))

    enqueue(store, clock.now())
    Worker(store, clock, {"q": perform}, "w").step(clock.now())
    assert len(store.read(lambda tx: tx.journal("s"))) == 1


def test_a_follow_up_that_fails_leaves_nothing_half_written(store: Store, clock: ManualClock) -> None:
    def follow(tx: Transaction) -> None:
        tx.record(Entry(clock.now(), "told", "s", "server", {}))
        raise ZeroDivisionError

    enqueue(store, clock.now())
    Worker(store, clock, {"q": lambda _task, _now: Done(follow)}, "w").step(clock.now())
    assert store.read(lambda tx: tx.journal("s")) == []
    assert [letter.outcome for letter in letters(store)] == ["unknown"]


def test_work_cut_off_by_a_stop_is_not_done_again_and_people_are_told(store: Store, clock: ManualClock) -> None:
    done: list[Task] = []
    told: list[int] = []

    def tell(tx: Transaction, task: Task, now: datetime) -> str:
        told.append(task.id)
        return "arn:x"

    task = enqueue(store, clock.now())
    store.claim("q", "w", clock.now(), 1)
    worker = Worker(store, clock, {"q": collecting(done)}, "w", interrupted={"q": tell})
    assert worker.recover(clock.now()) == 1
    assert (worker.step(clock.now()), done, told) == (0, [], [task])
    assert [(x.outcome, x.subject, x.attempts) for x in letters(store)] == [("unknown", "arn:x", 1)]


def test_work_that_only_writes_to_the_store_is_done_again_after_a_stop(store: Store, clock: ManualClock) -> None:
    done: list[Task] = []
    enqueue(store, clock.now())
    store.claim("q", "w", clock.now(), 1)
    worker = Worker(store, clock, {"q": collecting(done)}, "w", repeatable=frozenset({"q"}))
    worker.recover(clock.now())
    assert (worker.step(clock.now()), len(done), letters(store)) == (1, 1, [])


LATE: list[Outcome] = [Done(), Retry(datetime(2026, 7, 1, tzinfo=UTC), "no answer"), GiveUp("no such host")]


@pytest.mark.parametrize("late", LATE, ids=lambda outcome: type(outcome).__name__)
def test_a_server_that_was_held_up_frees_no_claim_of_another(store: Store, clock: ManualClock, late: Outcome) -> None:
    told: list[str] = []
    done: list[Task] = []

    def held_up(task: Task, now: datetime) -> Outcome:
        # Meanwhile another server takes this one for dead, and claims its task.
        Worker(store, clock, {"q": held_up}, "w", repeatable=frozenset({"q"})).recover(now)
        assert len(store.claim("q", "other", now, 10)) == 1
        return replace(late, then=lambda _tx: told.append("late"))

    enqueue(store, clock.now())
    Worker(store, clock, {"q": held_up}, "w").step(clock.now())
    assert (told, letters(store), store.claim("q", "third", clock.now(), 10)) == ([], [], [])
    other = Worker(store, clock, {"q": collecting(done)}, "other", repeatable=frozenset({"q"}))
    assert (other.recover(clock.now()), other.step(clock.now()), len(done)) == (1, 1, 1)


@pytest.mark.parametrize("late", LATE, ids=lambda outcome: type(outcome).__name__)
def test_what_was_buried_while_a_server_was_held_up_stays_as_it_is(
    store: Store, clock: ManualClock, late: Outcome
) -> None:
    def held_up(task: Task, now: datetime) -> Outcome:
        Worker(store, clock, {"q": held_up}, "w").recover(now)
        return late

    enqueue(store, clock.now())
    Worker(store, clock, {"q": held_up}, "w").step(clock.now())
    assert [letter.outcome for letter in letters(store)] == ["unknown"]
    assert store.read(lambda tx: tx.waiting()) == {}


def test_an_earlier_life_frees_no_claim_of_the_present_one(store: Store, clock: ManualClock) -> None:
    def held_up(task: Task, now: datetime) -> Outcome:
        Worker(store, clock, {"q": held_up}, "w", repeatable=frozenset({"q"})).recover(now)
        assert len(store.claim("q", "w", now, 10)) == 1
        return Retry(now, "no answer")

    enqueue(store, clock.now())
    Worker(store, clock, {"q": held_up}, "w").step(clock.now())
    assert store.claim("q", "third", clock.now(), 10) == []


def test_a_dead_letter_can_be_put_back(store: Store, clock: ManualClock) -> None:
    outcomes: list[Outcome] = [Done(), GiveUp("once")]
    enqueue(store, clock.now())
    worker = Worker(store, clock, {"q": lambda _task, _now: outcomes.pop()}, "w")
    worker.step(clock.now())
    ((key, _),) = store.read(dead_letters)
    store.write(lambda tx: redrive(tx, key, "owner", clock.now()))
    assert (worker.step(clock.now()), letters(store)) == (1, [])


def test_dead_letters_are_kept_for_two_weeks(store: Store, clock: ManualClock) -> None:
    worker = Worker(store, clock, {"q": lambda _task, _now: GiveUp("no")}, "w")
    for body in (b"old", b"new", b"newest"):
        enqueue(store, clock.now(), body)
        worker.step(clock.now())
        clock.advance(8 * 24 * 3600)
    assert [letter.body for letter in letters(store)] == [b"new", b"newest"]


@pytest.mark.parametrize("tasks", [1, 40])
def test_a_running_worker_is_woken_by_new_work_and_finishes_it_before_it_stops(store: Store, tasks: int) -> None:
    clock, done, finished, stop = SystemClock(), list[Task](), Event(), Event()

    def perform(task: Task, now: datetime) -> Outcome:
        done.append(task)
        if len(done) == tasks:
            finished.set()
        return Done()

    thread = Thread(target=Worker(store, clock, {"q": perform, "r": perform}, "w").run, args=(stop,))
    thread.start()
    for _ in range(tasks):
        enqueue(store, clock.now())
    assert finished.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert (len(done), len({task.id for task in done})) == (tasks, tasks)
    assert store.read(lambda tx: tx.waiting()) == {}


KILLED = """
import os, signal, sys
from watchpost.service.clock import SystemClock
from watchpost.service.worker import Worker
from watchpost.stores.open import open_store

def perform(task, now):
    with open(sys.argv[2], "a") as effects:
        effects.write("done\\n")
    os.kill(os.getpid(), signal.SIGKILL)

store, clock = open_store(sys.argv[1]), SystemClock()
store.write(lambda tx: tx.enqueue("q", b"work", clock.now(), clock.now()))
Worker(store, clock, {"q": perform}, "w").step(clock.now())
"""


def test_a_kill_between_effect_and_settlement_never_repeats_the_effect(tmp_path: Path) -> None:
    database, effects = tmp_path / "w.db", tmp_path / "effects"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(database), str(effects)], check=False)
    assert killed.returncode == -signal.SIGKILL
    store, clock, again = open_store(database), SystemClock(), list[Task]()
    worker = Worker(store, clock, {"q": collecting(again)}, "w")
    worker.recover(clock.now())
    worker.step(clock.now())
    assert (effects.read_text(), again) == ("done\n", [])
    assert [letter.outcome for letter in letters(store)] == ["unknown"]
    store.close()


def collecting(into: list[Task]) -> Callable[[Task, datetime], Outcome]:
    def perform(task: Task, now: datetime) -> Outcome:
        into.append(task)
        return Done()

    return perform


def void(_: object) -> None:
    """Drop a result that nobody needs."""
