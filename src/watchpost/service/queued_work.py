"""Who does what the use cases put into queues, and how its ends are counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchpost.service.clock import Clock
from watchpost.service.worker import Done, GiveUp, Interrupted, Outcome, Performer, Retry, Worker
from watchpost.stores.store import Store, Task, Transaction

Count = Callable[[str, str], None]
"""Told of each end: the queue, and `done`, `retry`, `given_up` or `unknown`."""

_ENDS: Mapping[type[Outcome], str] = {Done: "done", Retry: "retry", GiveUp: "given_up"}


@dataclass(frozen=True, slots=True)
class Trade:
    """What one use case offers: who performs the tasks of its queues, and the rest of what a `Worker` must know."""

    performers: Mapping[str, Performer]
    interrupted: Mapping[str, Interrupted]
    repeatable: frozenset[str]


def worker(store: Store, clock: Clock, trades: Sequence[Trade], name: str, count: Count) -> Worker:
    """The worker of that name for all queues of all use cases."""
    return Worker(
        store,
        clock,
        {queue: _counted(queue, perform, count) for trade in trades for queue, perform in trade.performers.items()},
        name,
        repeatable=frozenset().union(*(trade.repeatable for trade in trades)),
        interrupted={queue: _told(queue, tell, count) for trade in trades for queue, tell in trade.interrupted.items()},
    )


def _counted(queue: str, perform: Performer, count: Count) -> Performer:
    def performed(task: Task, now: datetime) -> Outcome:
        outcome = perform(task, now)
        count(queue, _ENDS[type(outcome)])
        return outcome

    return performed


def _told(queue: str, tell: Interrupted, count: Count) -> Interrupted:
    def interrupted(tx: Transaction, task: Task, now: datetime) -> str:
        count(queue, "unknown")
        return tell(tx, task, now)

    return interrupted
