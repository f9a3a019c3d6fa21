"""One piece of work in SQL: documents, the work queue and the journal over one connection."""

from collections import Counter
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.stores.sql.chain import BEGINNING, line_hash, recorded, stored_data
from watchpost.stores.sql.schema import documents, journal, revisions, tasks
from watchpost.stores.store import Entry, Recorded, Task

T = TypeVar("T")

_OF_KIND = documents.c.kind == bindparam("kind")
_GET = select(documents.c.body).where(_OF_KIND, documents.c.key == bindparam("key"))
_DELETE = delete(documents).where(_OF_KIND, documents.c.key == bindparam("key"))
_SCAN = select(documents.c.key, documents.c.body).where(_OF_KIND, documents.c.key > bindparam("after"))
# Both databases speak this; SQLAlchemy's upsert is a construct of its own for each.
_PUT = text(
    "INSERT INTO documents (kind, key, body) VALUES (:kind, :key, :body) "
    "ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)
_REVISE = text(
    "INSERT INTO revisions (kind, revision) VALUES (:kind, :changes) "
    "ON CONFLICT (kind) DO UPDATE SET revision = revisions.revision + excluded.revision"
)
_REVISION = select(revisions.c.revision).where(revisions.c.kind == bindparam("kind"))
_LAST_LINE = select(journal.c.number, journal.c.hash).order_by(journal.c.number.desc()).limit(1)
_TASK = select(tasks.c.id, tasks.c.queue, tasks.c.body, tasks.c.due, tasks.c.attempts, tasks.c.enqueued)
_ENQUEUE = insert(tasks).returning(tasks.c.id)
_WAITING = (tasks.c.queue == bindparam("queue")) & tasks.c.worker.is_(None)
_CLAIMABLE = (
    _TASK.where(_WAITING, tasks.c.due <= bindparam("now")).order_by(tasks.c.due, tasks.c.id).limit(bindparam("limit"))
)
_NEXT_DUE = select(tasks.c.due).where(_WAITING).order_by(tasks.c.due).limit(1)


class SqlTransaction:
    """`Transaction` over one connection. `woken` are the queues that got work."""

    __slots__ = ("_changes", "connection", "woken")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.woken: set[str] = set()
        self._changes: Counter[str] = Counter()

    # --- documents --------------------------------------------------------------------------------------------------

    def get(self, kind: Kind[T], key: str) -> T | None:
        """The document, or None."""
        if not _storable(key):
            return None
        body = self.connection.execute(_GET, {"kind": kind.name, "key": key}).scalar()
        return None if body is None else kind.decode(body)

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
        self.connection.execute(_PUT, {"kind": kind.name, "key": key, "body": body})
        self._changes[kind.name] += 1

    def delete(self, kind: Kind[T], key: str) -> bool:
        """Remove the document; whether it was there."""
        if not _storable(key):
            return False
        there = self.connection.execute(_DELETE, {"kind": kind.name, "key": key}).rowcount > 0
        self._changes[kind.name] += there
        return there

    def scan(self, kind: Kind[T], prefix: str = "", after: str = "", limit: int | None = None) -> list[tuple[str, T]]:
        """(key, document) in key order: keys that start with `prefix` and are greater than `after`."""
        if not _storable(prefix):
            return []
        query = _SCAN.order_by(documents.c.key)
        bounds = {"kind": kind.name, "after": after.partition("\0")[0]}
        if prefix:
            query = query.where(documents.c.key >= bindparam("prefix"))
            bounds["prefix"] = prefix
            if (end := _end_of(prefix)) is not None:
                query = query.where(documents.c.key < bindparam("end"))
                bounds["end"] = end
        if limit is not None:
            query = query.limit(limit)
        return [(key, kind.decode(body)) for key, body in self.connection.execute(query, bounds).all()]

    def revision(self, kind: Kind[T]) -> int:
        """How many changes the documents of this kind have seen, those of this transaction included."""
        stored = self.connection.execute(_REVISION, {"kind": kind.name}).scalar()
        return (stored or 0) + self._changes[kind.name]

    # --- journal ----------------------------------------------------------------------------------------------------

    def record(self, entry: Entry) -> int:
        """Append to the journal; its number."""
        last = self.connection.execute(_LAST_LINE).first()
        number, previous = (1, BEGINNING) if last is None else (last.number + 1, last.hash)
        data = stored_data(entry.data)
        line = {
            "number": number,
            "at": entry.at,
            "kind": entry.kind,
            "subject": entry.subject,
            "actor": entry.actor,
            "data": data,
            "hash": line_hash(previous, number, entry, data),
            "previous": previous,
        }
        self.connection.execute(insert(journal), line)
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
        task = {"queue": queue, "body": body, "due": due, "enqueued": now, "attempts": 0}
        new: int = self.connection.execute(_ENQUEUE, task).scalar_one()
        self.woken.add(queue)
        return new

    def claim(self, queue: str, worker: str, now: datetime, limit: int) -> list[Task]:
        """Take up to `limit` due tasks for this worker, oldest due first."""
        due = self.connection.execute(_CLAIMABLE, {"queue": queue, "now": now, "limit": limit}).all()
        if due:
            claim = update(tasks).where(tasks.c.id.in_([row.id for row in due]))
            self.connection.execute(claim.values(worker=worker, claimed=now, attempts=tasks.c.attempts + 1))
        return [Task(*row) for row in due]

    def finish(self, task: int) -> None:
        """The task is done; it leaves the queue."""
        self.connection.execute(delete(tasks).where(tasks.c.id == task))

    def postpone(self, task: int, due: datetime) -> None:
        """The task's claim ends; it may be claimed again from `due` on."""
        queue = self.connection.execute(select(tasks.c.queue).where(tasks.c.id == task)).scalar()
        if queue is not None:
            released = update(tasks).where(tasks.c.id == task).values(worker=None, claimed=None, due=due)
            self.connection.execute(released)
            self.woken.add(queue)

    def interrupted(self, queue: str, worker: str) -> list[Task]:
        """Tasks that this worker claimed in an earlier life and never settled, as they were when it claimed them."""
        query = _TASK.where(tasks.c.queue == queue, tasks.c.worker == worker).order_by(tasks.c.due, tasks.c.id)
        rows = self.connection.execute(query)
        return [Task(row.id, row.queue, row.body, row.due, row.attempts - 1, row.enqueued) for row in rows]

    def next_due(self, queue: str) -> datetime | None:
        """When the next unclaimed task of the queue is due; None: there is none."""
        return self.connection.execute(_NEXT_DUE, {"queue": queue}).scalar()

    def waiting(self) -> dict[str, int]:
        """How many tasks each queue holds, claimed ones included."""
        counted = select(tasks.c.queue, func.count()).group_by(tasks.c.queue)
        return {row[0]: row[1] for row in self.connection.execute(counted)}

    # --- the end of the work ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Write what was gathered on the way; the store calls it after the work."""
        for kind, changes in sorted(self._changes.items()):
            if changes:
                self.connection.execute(_REVISE, {"kind": kind, "changes": changes})


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
