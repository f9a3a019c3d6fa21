"""Work that was given up, kept with its reason so that nobody has to guess, and the way back into the queue."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.service.clock import Clock
from watchpost.stores.store import Entry, Store, Task, Transaction


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A task that left its queue undone.

    `outcome` is "failed" when every attempt is known to have failed, "unknown" when the server stopped in the middle of
    an attempt: it may or may not have had its effect. `attempts` counts those that were begun. `subject` is the ARN
    the work was for, or the name of its queue.
    """

    queue: str
    task: int
    body: bytes
    outcome: Literal["failed", "unknown"]
    why: str
    subject: str
    attempts: int
    enqueued: datetime
    at: datetime


KEPT = timedelta(days=14)
"""How long a dead letter is kept, as long as SQS keeps a message at most; the journal remembers it for ever."""

DEAD_LETTER = Kind("dead-letter", DeadLetter)


def bury(
    tx: Transaction, task: Task, outcome: Literal["failed", "unknown"], why: str, now: datetime, subject: str = ""
) -> DeadLetter:
    """Take the task out of its queue for good, keep it as a dead letter and say so in the journal."""
    letter = DeadLetter(
        queue=task.queue,
        task=task.id,
        body=task.body,
        outcome=outcome,
        why=why,
        subject=subject or task.queue,
        attempts=task.attempts + 1,
        enqueued=task.enqueued,
        at=now,
    )
    for key, old in tx.scan(DEAD_LETTER, prefix=f"{task.queue}/", limit=2):
        # Each new one takes up to two old ones along, so they never pile up for ever.
        if old.at + KEPT < now:
            tx.delete(DEAD_LETTER, key)
    tx.put(DEAD_LETTER, _key(task.queue, task.id), letter)
    data: dict[str, object] = {"queue": task.queue, "task": task.id, "outcome": outcome, "why": why}
    tx.record(Entry(now, "dead-letter", letter.subject, "server", data | {"attempts": letter.attempts}))
    tx.finish(task.id)
    return letter


def dead_letters(tx: Transaction, queue: str = "", after: str = "", limit: int = 100) -> list[tuple[str, DeadLetter]]:
    """Dead letters with their keys, oldest task first: of one queue, or of all."""
    return tx.scan(DEAD_LETTER, prefix=f"{queue}/" if queue else "", after=after, limit=limit)


def redrive(tx: Transaction, key: str, actor: str, now: datetime) -> int:
    """Put a dead letter back into its queue, due at once; the id of the new task.

    Raises: Refused: NotFound, no dead letter has that key.
    """
    letter = _letter(tx, key)
    tx.delete(DEAD_LETTER, key)
    task = tx.enqueue(letter.queue, letter.body, now, now)
    tx.record(Entry(now, "dead-letter.redrive", letter.subject, actor, {"dead_letter": key, "task": task}))
    return task


def drop(tx: Transaction, key: str, actor: str, now: datetime) -> None:
    """Forget a dead letter for good; the journal keeps what it was. Raises: Refused: see `redrive`."""
    letter = _letter(tx, key)
    tx.delete(DEAD_LETTER, key)
    tx.record(Entry(now, "dead-letter.drop", letter.subject, actor, {"dead_letter": key}))


class DeadLetters:
    """What a person does about dead letters: each is looked at, put back or dropped by its key."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def page(self, queue: str = "", after: str = "", limit: int = 100) -> list[tuple[str, DeadLetter]]:
        """Dead letters with their keys, see `dead_letters`."""
        return self._store.read(lambda tx: dead_letters(tx, queue, after, limit))

    def describe(self, key: str) -> DeadLetter:
        """One of them. Raises: Refused: see `redrive`."""
        return self._store.read(lambda tx: _letter(tx, key))

    def redrive(self, key: str, actor: str) -> int:
        """Put one back, see `redrive`; durable on return."""
        now = self._clock.now()
        return self._store.write(lambda tx: redrive(tx, key, actor, now))

    def drop(self, key: str, actor: str) -> None:
        """Drop one, see `drop`; durable on return."""
        now = self._clock.now()
        self._store.write(lambda tx: drop(tx, key, actor, now))


def _letter(tx: Transaction, key: str) -> DeadLetter:
    letter = tx.get(DEAD_LETTER, key)
    if letter is None:
        raise Refused("NotFoundException", f"No dead letter has the key {key!r}. List them to see the keys.")
    return letter


def _key(queue: str, task: int) -> str:
    return f"{queue}/{task:020d}"
