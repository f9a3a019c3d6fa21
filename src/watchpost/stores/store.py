"""What the service asks of a store: documents, a work queue and the journal, in transactions that survive a crash.

`Store.write` returns only when what it wrote is on disk. Many writers share one commit (group commit), so durable
writing is fast without any of them knowing of the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from watchpost.documents import Kind

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Task:
    """Work that waits in a queue: `body` is the encoded work, `attempts` how often it was claimed before."""

    id: int
    queue: str
    body: bytes
    due: datetime
    attempts: int
    enqueued: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the journal: what was decided or changed, by whom, about what (an ARN or a name).

    With which data (JSON).
    """

    at: datetime
    kind: str
    subject: str
    actor: str
    data: dict[str, object]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A line of the journal as it stands: its number, its hash and the hash of the line before (SHA-256, hex)."""

    number: int
    entry: Entry
    hash: str
    previous: str


class Transaction(Protocol):
    """One piece of work, all of it or nothing. Documents are kept by kind and key; keys sort by code point."""

    @property
    def connection(self) -> "Connection":
        """SQLAlchemy's connection, for the tables a chapter keeps for itself."""

    def get(self, kind: Kind[T], key: str) -> T | None:
        """The document, or None."""

    def put(self, kind: Kind[T], key: str, value: T) -> None:
        """Write the document, replacing what was there."""

    def delete(self, kind: Kind[T], key: str) -> bool:
        """Remove the document; whether it was there."""

    def scan(self, kind: Kind[T], prefix: str = "", after: str = "", limit: int | None = None) -> list[tuple[str, T]]:
        """(key, document) in key order: keys that start with `prefix` and are greater than `after`."""

    def revision(self, kind: Kind[T]) -> int:
        """How many changes the documents of this kind have seen, on any server: what a cache compares."""

    def record(self, entry: Entry) -> int:
        """Append to the journal; its number."""

    def journal(
        self, subject: str | None = None, kinds: tuple[str, ...] = (), before: int | None = None, limit: int = 100
    ) -> list[Recorded]:
        """Lines of the journal, newest first: of one subject, of some kinds, with a number below `before`."""

    def enqueue(self, queue: str, body: bytes, due: datetime, now: datetime) -> int:
        """Put work into a queue, to be claimed from `due` on; its id.

        Commits with everything else of this transaction.
        """

    def holds(self, task: Task, worker: str) -> bool:
        """Whether the claim by which `worker` took the task still stands: nobody settled it or freed it since."""

    def finish(self, task: int) -> None:
        """The task is done; it leaves the queue."""

    def postpone(self, task: int, due: datetime) -> None:
        """The task's claim ends; it may be claimed again from `due` on."""

    def interrupted(self, queue: str, worker: str) -> list[Task]:
        """Tasks that this worker claimed in an earlier life and never settled, as they were when it claimed them."""

    def next_due(self, queue: str) -> datetime | None:
        """When the next unclaimed task of the queue is due; None: there is none."""

    def waiting(self) -> dict[str, int]:
        """How many tasks each queue holds, claimed ones included."""


class Store(Protocol):
    """A place that keeps everything. Methods may be called from any thread."""

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction and return its result once it is durable.

        Whatever `work` raises undoes its writes and is raised here; other writers are not affected. `work` may be run
        again if the database asks for it, so it must do nothing but talk to its transaction.
        """

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` over one consistent snapshot, without waiting for writers."""

    def claim(self, queue: str, worker: str, now: datetime, limit: int) -> list[Task]:
        """Take up to `limit` due tasks for this worker, oldest due first; durable before it returns.

        So that no task is ever in two hands.
        """

    def watch(self, queue: str, wake: Callable[[], None]) -> None:
        """Call `wake` (quickly, from any thread) whenever work was put into the queue by this process."""

    @property
    def alive(self) -> bool:
        """Whether writing is still possible."""

    def close(self) -> None:
        """Finish what was begun and let go of the database."""
