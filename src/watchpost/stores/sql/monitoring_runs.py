"""What executions and processing jobs are listed by, so that a page of a million of them is found in an index.

A row stands beside each document of theirs, under its kind and key, and is written in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from sqlalchemy import Column, ColumnElement, Index, Table, delete, func, literal, select, tuple_

from watchpost.stores.sql.driver import Driver, microseconds
from watchpost.stores.sql.schema import NAME, ROW_ID, Instant, metadata
from watchpost.stores.store import Transaction

monitoring_runs = Table(
    "monitoring_runs",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("kind", NAME, nullable=False),
    Column("key", NAME, nullable=False),
    Column("schedule", NAME, nullable=False),
    Column("scheduled", Instant, nullable=False),
    Column("created", Instant, nullable=False),
    Column("modified", Instant, nullable=False),
    Column("status", NAME, nullable=False),
    Column("endpoint", NAME, nullable=True),
    Column("definition", NAME, nullable=True),
    Column("monitor", NAME, nullable=True),
)
_C = monitoring_runs.c
Index(None, _C.kind, _C.key, unique=True)
Index(None, _C.kind, _C.scheduled, _C.id)
Index(None, _C.kind, _C.created, _C.id)
Index(None, _C.kind, _C.status, _C.scheduled, _C.id)
Index(None, _C.kind, _C.schedule, _C.scheduled, _C.id)
Index(None, _C.kind, _C.endpoint, _C.scheduled, _C.id)
Index(None, _C.kind, _C.definition, _C.scheduled, _C.id)
Index(None, _C.kind, _C.monitor, _C.scheduled, _C.id)

Kind = Literal["execution", "job"]
Order = Literal["scheduled", "created", "status", "key"]
Place = tuple[str, str, int]
"""Where a row stands in an order: what it is ordered by, its scheduled time if that breaks ties, and its number."""

_PUT = (
    "INSERT INTO monitoring_runs "
    "(kind, key, schedule, scheduled, created, modified, status, endpoint, definition, monitor) VALUES "
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (kind, key) DO UPDATE SET schedule = excluded.schedule, scheduled = excluded.scheduled, "
    "created = excluded.created, modified = excluded.modified, status = excluded.status, "
    "endpoint = excluded.endpoint, definition = excluded.definition, monitor = excluded.monitor"
)


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is found by. key: of its document. scheduled: of a job of its own, when it was created."""

    key: str
    scheduled: datetime
    created: datetime
    modified: datetime
    status: str
    schedule: str = ""
    endpoint: str | None = None
    definition: str | None = None
    monitor: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A run's key, and its place in the order that was asked for."""

    key: str
    place: Place


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs: those with each of the values given; times lie between their bounds, without them.

    named: a part of the key.
    """

    schedule: str | None = None
    endpoint: str | None = None
    definition: str | None = None
    monitor: str | None = None
    status: str | None = None
    named: str = ""
    scheduled: tuple[datetime | None, datetime | None] = (None, None)
    created: tuple[datetime | None, datetime | None] = (None, None)
    modified: tuple[datetime | None, datetime | None] = (None, None)


def put(tx: Transaction, kind: Kind, run: Run) -> None:
    """Write a run's row, replacing the one it had."""
    times = (microseconds(at) for at in (run.scheduled, run.created, run.modified))
    found_by = (run.status, run.endpoint, run.definition, run.monitor)
    Driver(tx.connection).change(_PUT, kind, run.key, run.schedule, *times, *found_by)


def forget(tx: Transaction, kind: Kind, key: str) -> None:
    """Remove a run's row."""
    tx.connection.execute(delete(monitoring_runs).where(_C.kind == kind, _C.key == key))


def listed(
    tx: Transaction,
    kind: Kind,
    wanted: RunFilter,
    limit: int,
    order: Order = "scheduled",
    after: Place | None = None,
    *,
    descending: bool = True,
) -> Sequence[Listed]:
    """Up to `limit` runs in an order, beginning behind the place where the last page ended.

    Raises: ValueError: the place is none of this order.
    """
    columns = _ordered(order)
    tests = [_C.kind == kind, *_tests(wanted)]
    if after is not None:
        here, there = tuple_(*columns), tuple_(*map(_literal, columns, _values(order, after)))
        tests.append(here < there if descending else here > there)
    by = [column.desc() if descending else column.asc() for column in columns]
    query = select(_C.id, _C.key, _C.scheduled, _C.created, _C.status).where(*tests).order_by(*by).limit(limit)
    return [Listed(row.key, _place(order, row)) for row in tx.connection.execute(query)]


def counted(tx: Transaction, kind: Kind, wanted: RunFilter) -> int:
    """How many runs there are."""
    query = select(func.count()).select_from(monitoring_runs).where(_C.kind == kind, *_tests(wanted))
    return tx.connection.execute(query).scalar_one()


def _ordered(order: Order) -> list[Column[object]]:
    return [_C[order], *([_C.scheduled] if order == "status" else []), _C.id]


class _Row(Protocol):
    @property
    def id(self) -> int: ...

    @property
    def key(self) -> str: ...

    @property
    def scheduled(self) -> datetime: ...

    @property
    def created(self) -> datetime: ...

    @property
    def status(self) -> str: ...


def _place(order: Order, row: _Row) -> Place:
    match order:
        case "scheduled":
            return row.scheduled.isoformat(), "", row.id
        case "created":
            return row.created.isoformat(), "", row.id
        case "status":
            return row.status, row.scheduled.isoformat(), row.id
        case "key":
            return row.key, "", row.id


def _literal(column: Column[object], value: object) -> ColumnElement[object]:
    # A row of values takes no types from the row it is compared with.
    return literal(value, column.type)


def _values(order: Order, after: Place) -> list[object]:
    first: object = datetime.fromisoformat(after[0]) if order in {"scheduled", "created"} else after[0]
    return [first, *([datetime.fromisoformat(after[1])] if order == "status" else []), after[2]]


def _tests(wanted: RunFilter) -> list[ColumnElement[bool]]:
    equal = (
        (_C.schedule, wanted.schedule),
        (_C.endpoint, wanted.endpoint),
        (_C.definition, wanted.definition),
        (_C.monitor, wanted.monitor),
        (_C.status, wanted.status),
    )
    between = ((_C.scheduled, wanted.scheduled), (_C.created, wanted.created), (_C.modified, wanted.modified))
    tests = [column == value for column, value in equal if value is not None]
    tests += [column > start for column, (start, _) in between if start is not None]
    tests += [column < end for column, (_, end) in between if end is not None]
    if wanted.named:
        tests.append(func.replace(_C.key, wanted.named, "") != _C.key)  # instr() and strpos() are each of one database
    return tests
