"""One piece of work in SQL: documents, the work queue and the journal over one connection."""

from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, select

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.stores.sql.chain import BEGINNING, line_hash, recorded, stored_data
from watchpost.stores.sql.driver import Driver, instant, microseconds
from watchpost.stores.sql.schema import journal
from watchpost.stores.store import Entry, Recorded, Task

T = TypeVar("T")

_GET = "SELECT body FROM documents WHERE kind = ? AND key = ?"
_DELETE = "DELETE FROM documents WHERE kind = ? AND key = ?"
_PUT = (
    "INSERT INTO documents (kind, key, body) VALUES (?, ?, ?) "
    "ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)
_REVISE = (
    "INSERT INTO revisions (kind, revision) VALUES (?, ?) "
    "ON CONFLICT (kind) DO UPDATE SET revision = revisions.revision + excluded.revision"
)
_REVISION = "SELECT revision FROM revisions WHERE kind = ?"
_LAST_LINE = "SELECT number, hash FROM journal ORDER BY number DESC LIMIT 1"
_RECORD = "INSERT INTO journal (number, at, kind, subject, actor, data, hash, previous) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_TASK = "SELECT id, queue, body, due, attempts, enqueued FROM tasks WHERE queue = ? AND "
_ENQUEUE = "INSERT INTO tasks (queue, body, due, enqueued, attempts) VALUES (?, ?, ?, ?, 0) RETURNING id"
_CLAIMABLE = f"{_TASK}worker IS NULL AND due <= ? ORDER BY due, id LIMIT ?"
_CLAIM = "UPDATE tasks SET worker = ?, claimed = ?, attempts = attempts + 1 WHERE id IN "
_INTERRUPTED = f"{_TASK}worker = ? ORDER BY due, id"
_HELD = "SELECT 1 FROM tasks WHERE id = ? AND worker = ? AND attempts = ?"
_FINISH = "DELETE FROM tasks WHERE id = ?"
_POSTPONE = "UPDATE tasks SET worker = NULL, claimed = NULL, due = ? WHERE id = ? RETURNING queue"
_NEXT_DUE = "SELECT due FROM tasks WHERE queue = ? AND worker IS NULL ORDER BY due LIMIT 1"
_WAITING = "SELECT queue, count(*) FROM tasks GROUP BY queue"


class SqlTransaction:
    """`Transaction` over one connection. `woken` are the queues that got work."""

    __slots__ = ("_changes", "_driver", "connection", "woken")

    def __init__(self, connection: Connection) -> None:
        self.connection, self._driver = connection, Driver(connection)
        self.woken: set[str] = set()
        self._changes: Counter[str] = Counter()

    # --- documents --------------------------------------------------------------------------------------------------

    def get(self, kind: Kind[T], key: str) -> T | None:
        """The document, or None."""
        if not _storable(key):
            return None
        rows = self._driver.rows(_GET, kind.name, key)
        return kind.decode(rows[0][0]) if rows else None

    def put(self, kind: Kind[T], key: str, value: T) -> None:
        """Write the document, replacing what was there.

        Raises: Refused: the key holds what no text column can: a NUL character or half a surrogate pair.
        StoreUnavailable: the value could not be read back (a number that is not finite where one must be).
        """
        if not _storable(key):
            raise Refused("ValidationError", f"A name must be Unicode text without NUL characters: {key!r}")
        body = kind.encode(value)
        # What cannot be read back must fail now, with its writer, and not later with whoever reads it.
        kind.decode(body)
        self._driver.change(_PUT, kind.name, key, body)
        self._changes[kind.name] += 1

    def delete(self, kind: Kind[T], key: str) -> bool:
        """Remove the document; whether it was there."""
        if not _storable(key):
            return False
        there = self._driver.change(_DELETE, kind.name, key) > 0
        self._changes[kind.name] += there
        return there

    def scan(self, kind: Kind[T], prefix: str = "", after: str = "", limit: int | None = None) -> list[tuple[str, T]]:
        """(key, document) in key order: keys that start with `prefix` and are greater than `after`."""
        if not _storable(prefix):
            return []
        # One lower bound: of two, SQLite may begin at the lesser and read every key up to the other.
        after = after.partition("\0")[0]
        bound, start = (">", after) if after >= prefix else (">=", prefix)
        query = f"SELECT key, body FROM documents WHERE kind = ? AND key {bound} ?"  # noqa: S608  one of two signs
        bounds: list[str | int] = [kind.name, start]
        if prefix and (end := _end_of(prefix)) is not None:
            query += " AND key < ?"
            bounds.append(end)
        query += " ORDER BY key"
        if limit is not None:
            query += " LIMIT ?"
            bounds.append(limit)
        return [(key, kind.decode(body)) for key, body in self._driver.rows(query, *bounds)]

    def revision(self, kind: Kind[T]) -> int:
        """How many changes the documents of this kind have seen, those of this transaction included."""
        stored = self._driver.rows(_REVISION, kind.name)
        return (stored[0][0] if stored else 0) + self._changes[kind.name]

    # --- journal ----------------------------------------------------------------------------------------------------

    def record(self, entry: Entry) -> int:
        """Append to the journal; its number."""
        last = self._driver.rows(_LAST_LINE)
        number, previous = (last[0][0] + 1, last[0][1]) if last else (1, BEGINNING)
        data = stored_data(entry.data)
        hash_ = line_hash(previous, number, entry, data)
        at = microseconds(entry.at)
        self._driver.change(_RECORD, number, at, entry.kind, entry.subject, entry.actor, data, hash_, previous)
        return number

    def journal(
        self, subject: str | None = None, kinds: tuple[str, ...] = (), before: int | None = None, limit: int = 100
    ) -> list[Recorded]:
        """Lines of the journal, newest first: of one subject, of some kinds, with a number below `before`."""
        query = select(journal).order_by(journal.c.number.desc()).limit(limit)
        if subject is not None:
            query = query.where(journal.c.subject == subject)
        if kinds:
            query = query.where(journal.c.kind.in_(kinds))
        if before is not None:
            query = query.where(journal.c.number < before)
        return [recorded(row) for row in self.connection.execute(query)]

    # --- work queue -------------------------------------------------------------------------------------------------

    def enqueue(self, queue: str, body: bytes, due: datetime, now: datetime) -> int:
        """Put work into a queue, to be claimed from `due` on; its id."""
        [(new,)] = self._driver.rows(_ENQUEUE, queue, body, microseconds(due), microseconds(now))
        self.woken.add(queue)
        return int(new)

    def claim(self, queue: str, worker: str, now: datetime, limit: int) -> list[Task]:
        """Take up to `limit` due tasks for this worker, oldest due first."""
        at = microseconds(now)
        due = [_task(*row) for row in self._driver.rows(_CLAIMABLE, queue, at, limit)]
        if due:
            places = ", ".join("?" * len(due))
            self._driver.change(f"{_CLAIM}({places})", worker, at, *(task.id for task in due))
        return due

    def holds(self, task: Task, worker: str) -> bool:
        """Whether the claim by which `worker` took the task still stands: nobody settled it or freed it since."""
        # Each claim counts one attempt, so a later claim by the same worker is told from this one.
        return bool(self._driver.rows(_HELD, task.id, worker, task.attempts + 1))

    def finish(self, task: int) -> None:
        """The task is done; it leaves the queue."""
        self._driver.change(_FINISH, task)

    def postpone(self, task: int, due: datetime) -> None:
        """The task's claim ends; it may be claimed again from `due` on."""
        for (queue,) in self._driver.rows(_POSTPONE, microseconds(due), task):
            self.woken.add(queue)

    def interrupted(self, queue: str, worker: str) -> list[Task]:
        """Tasks that this worker claimed in an earlier life and never settled, as they were when it claimed them."""
        found = [_task(*row) for row in self._driver.rows(_INTERRUPTED, queue, worker)]
        return [replace(task, attempts=task.attempts - 1) for task in found]

    def next_due(self, queue: str) -> datetime | None:
        """When the next unclaimed task of the queue is due; None: there is none."""
        rows = self._driver.rows(_NEXT_DUE, queue)
        return instant(rows[0][0]) if rows else None

    def waiting(self) -> dict[str, int]:
        """How many tasks each queue holds, claimed ones included."""
        return dict(self._driver.rows(_WAITING))

    # --- the end of the work ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Write what was gathered on the way; the store calls it after the work."""
        for kind, changes in sorted(self._changes.items()):
            if changes:
                self._driver.change(_REVISE, kind, changes)


def _task(id_: int, queue: str, body: bytes, due: int, attempts: int, enqueued: int) -> Task:
    return Task(id_, queue, body, instant(due), attempts, instant(enqueued))


def _storable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in name


def _end_of(prefix: str) -> str | None:
    """The least text that is greater than every text starting with `prefix`; None: there is none.

    >>> _end_of("ab"), _end_of("a\U0010ffff"), _end_of("\U0010ffff")
    ('ac', 'b', None)
    """
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    # Between these two lie no characters but halves of pairs, which no text may hold.
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)
