"""The worker: takes due tasks out of the store's queues and does what they say, each at most once.

A task is claimed durably, performed outside any transaction, then settled in one. A claim that was never settled was
cut off by a stop of the server: whether it had its effect nobody knows, so it is not done again by itself. It becomes a
dead letter with the outcome "unknown", and `interrupted` may tell people. Only queues whose performers do nothing but
write to the store when they settle (`repeatable`) start such tasks again. A worker that was held up and taken for dead
has lost its claims: what it brings late is not written, for the task may be in another's hands.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore, Event, Thread
from typing import Literal

import structlog

from watchpost.errors import ServerError
from watchpost.service.clock import Clock
from watchpost.service.dead_letters import bury
from watchpost.stores.store import Store, Task, Transaction


def nothing(_tx: Transaction) -> None:
    """Write nothing further when a task is settled."""


@dataclass(frozen=True, slots=True)
class Done:
    """The work is done. `then` writes what follows from it, in the transaction that takes the task off its queue."""

    then: Callable[[Transaction], None] = nothing


@dataclass(frozen=True, slots=True)
class Retry:
    """The work failed and is tried again from `at` on."""

    at: datetime
    why: str
    then: Callable[[Transaction], None] = nothing


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The work failed for good: it becomes a dead letter. `subject` is the ARN it was for."""

    why: str
    subject: str = ""
    then: Callable[[Transaction], None] = nothing


Outcome = Done | Retry | GiveUp
Performer = Callable[[Task, datetime], Outcome]
"""Does one task; called outside any transaction, from any thread. `task.attempts` is 0 at the first attempt."""

Interrupted = Callable[[Transaction, Task, datetime], str]
"""Writes what people are told of an interrupted task; returns the ARN it was for, or ""."""

# How long a queue may sleep although nothing of its own is due: another server may put work into it unseen.
_LONGEST_SLEEP = 5.0
_AFTER_A_FAULT = 1.0
# How often a running worker looks whether the threads of its queues live.
_ROUND = 1.0

_log = structlog.get_logger(__name__)


class Worker:
    """Performs the tasks of some queues.

    Args: performers: what does the tasks of each queue. name: who claims; must stay the same over restarts and differ
    between servers that share a store. repeatable: queues whose interrupted tasks are simply done again. interrupted:
    per queue, what is written about a task that was cut off. concurrency: tasks of one queue in flight at a time.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        performers: Mapping[str, Performer],
        name: str,
        repeatable: frozenset[str] = frozenset(),
        interrupted: Mapping[str, Interrupted] | None = None,
        concurrency: int = 8,
    ) -> None:
        self._store, self._clock, self._name = store, clock, name
        self._performers, self._repeatable = dict(performers), repeatable
        self._interrupted = dict(interrupted or {})
        self._concurrency = concurrency

    def recover(self, now: datetime) -> int:
        """Settle what an earlier life of this worker left claimed; how many tasks that were.

        Must be called before the first claim of this life: `run` does.
        """
        return sum(self._recover(queue, now) for queue in sorted(self._performers))

    def step(self, now: datetime) -> int:
        """Perform everything that is due, one after the other, until nothing is; how many tasks were performed."""
        performed = 0
        while claimed := [task for queue in sorted(self._performers) for task in self._claim(queue, now, 100)]:
            for task in claimed:
                self._perform(task, now)
            performed += len(claimed)
        return performed

    def run(self, stop: Event) -> None:
        """Recover, then perform tasks as they fall due until `stop` is set; returns when the last one is settled."""
        self.recover(self._clock.now())
        lanes = [
            _Lane(queue, self._store, self._clock, self._claim, self._perform, self._concurrency)
            for queue in sorted(self._performers)
        ]
        threads = {lane: lane.start(stop) for lane in lanes}
        while not stop.wait(_ROUND):
            for lane, thread in threads.items():
                if not thread.is_alive():
                    _log.error("queue.restarted", queue=lane.queue)
                    threads[lane] = lane.start(stop)
        for lane in lanes:
            lane.wake.set()
        for thread in threads.values():
            thread.join()

    def _recover(self, queue: str, now: datetime) -> int:
        def work(tx: Transaction) -> int:
            tasks = tx.interrupted(queue, self._name)
            for task in tasks:
                if queue in self._repeatable:
                    tx.postpone(task.id, now)
                    continue
                tell = self._interrupted.get(queue)
                subject = "" if tell is None else tell(tx, task, now)
                bury(tx, task, "unknown", "the server stopped in the middle of an attempt", now, subject)
            return len(tasks)

        return self._store.write(work)

    def _claim(self, queue: str, now: datetime, limit: int) -> list[Task]:
        due = self._store.read(lambda tx: tx.next_due(queue))
        # Claiming is a durable write; looking first keeps an idle server from writing at all.
        return [] if due is None or due > now else self._store.claim(queue, self._name, now, limit)

    def _perform(self, task: Task, now: datetime) -> None:
        try:
            outcome = self._performers[task.queue](task, now)
        except Exception as fault:  # noqa: BLE001  whatever a performer's bug raises, the other tasks go on
            _log.exception("task.fault", queue=task.queue, task=task.id)
            outcome = GiveUp(f"a fault of the server: {type(fault).__name__}: {fault}")
        try:
            self._store.write(lambda tx: self._settle(tx, task, outcome))
        except ServerError:
            raise
        except Exception as fault:  # noqa: BLE001  a performer's `then` is code of others: see above
            _log.exception("task.fault", queue=task.queue, task=task.id)
            why = f"could not be settled: {type(fault).__name__}: {fault}"
            undone: Literal["failed", "unknown"] = "failed" if task.queue in self._repeatable else "unknown"
            self._store.write(lambda tx: self._bury(tx, task, undone, why))

    def _settle(self, tx: Transaction, task: Task, outcome: Outcome) -> None:
        if not self._holds(tx, task):
            return
        match outcome:
            case Done():
                tx.finish(task.id)
            case Retry(at=at):
                tx.postpone(task.id, at)
            case GiveUp(why=why, subject=subject):
                bury(tx, task, "failed", why, self._clock.now(), subject)
        outcome.then(tx)

    def _bury(self, tx: Transaction, task: Task, undone: Literal["failed", "unknown"], why: str) -> None:
        if self._holds(tx, task):
            bury(tx, task, undone, why, self._clock.now())

    def _holds(self, tx: Transaction, task: Task) -> bool:
        """Whether the task is still this worker's: a server that was held up for long is taken for dead by another.

        Then the other has settled the claim, and may have the task in hands: what comes this late is only logged.
        """
        held = tx.holds(task, self._name)
        if not held:
            _log.warning("task.no_longer_claimed", queue=task.queue, task=task.id)
        return held


class _Lane:
    """One queue of a running worker: a thread that claims and a few that perform."""

    def __init__(self, queue: str, store: Store, clock: Clock, claim: "_Claim", perform: "_Perform", size: int) -> None:
        self.queue, self.wake = queue, Event()
        self._store, self._clock, self._size = store, clock, size
        self._claim, self._perform = claim, perform
        self._slots = BoundedSemaphore(size)

        store.watch(queue, self.wake.set)

    def start(self, stop: Event) -> Thread:
        thread = Thread(target=self._run, args=(stop,), name=f"queue {self.queue}", daemon=True)
        thread.start()
        return thread

    def _run(self, stop: Event) -> None:
        with ThreadPoolExecutor(self._size, thread_name_prefix=self.queue) as pool:
            while True:
                # Cleared before `stop` is looked at: who sets `stop` sets `wake` after it, so one of the two is seen.
                self.wake.clear()
                if stop.is_set():
                    return
                try:
                    seconds = self._start_due(pool)
                except ServerError as problem:
                    _log.warning("queue.unavailable", queue=self.queue, why=str(problem))
                    seconds = _AFTER_A_FAULT
                self._clock.wait(self.wake, seconds)

    def _start_due(self, pool: ThreadPoolExecutor) -> float:
        """Start as many due tasks as there are free slots; how many seconds to sleep then."""
        free = 0
        while self._slots.acquire(blocking=False):
            free += 1
        claimed: list[Task] = []
        now = self._clock.now()
        try:
            claimed = self._claim(self.queue, now, free) if free else []
        finally:
            for _ in range(free - len(claimed)):
                self._slots.release()
        for task in claimed:
            pool.submit(self._do, task, now)
        if len(claimed) == free:
            return _LONGEST_SLEEP  # all slots are taken; who finishes wakes this thread
        due = self._store.read(lambda tx: tx.next_due(self.queue))
        return _LONGEST_SLEEP if due is None else min((due - now).total_seconds(), _LONGEST_SLEEP)

    def _do(self, task: Task, now: datetime) -> None:
        try:
            self._perform(task, now)
        except ServerError as problem:
            # Its effect is done, but the database could not take the news: it stays claimed, and the next start tells.
            _log.error("task.unsettled", queue=task.queue, task=task.id, why=str(problem))
        finally:
            self._slots.release()
            self.wake.set()


_Claim = Callable[[str, datetime, int], list[Task]]
_Perform = Callable[[Task, datetime], None]
