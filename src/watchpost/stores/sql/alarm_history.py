"""The history of alarms: what changed, when and why. It outlives the alarm."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Index, Table, Text, and_, delete, insert, or_, select

from watchpost.stores.sql.schema import NAME, ROW_ID, Instant, metadata
from watchpost.stores.store import Transaction

alarm_history = Table(
    "alarm_history",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("alarm", NAME, nullable=False),
    Column("alarm_type", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("item", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("data", Text, nullable=False),
)
Index(None, alarm_history.c.alarm, alarm_history.c.at, alarm_history.c.id)
Index(None, alarm_history.c.at, alarm_history.c.id)

Place = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """A line of the history. `alarm_type` is MetricAlarm or CompositeAlarm, `item` CloudWatch's HistoryItemType.

    `data` is JSON text. `id` is 0 until it is stored.
    """

    alarm: str
    alarm_type: str
    at: datetime
    item: str
    summary: str
    data: str
    id: int = 0


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which lines: of one alarm, of some types, of one kind, from `start` to `end` (both included)."""

    alarm: str | None = None
    alarm_types: tuple[str, ...] = ()
    item: str | None = None
    start: datetime | None = None
    end: datetime | None = None


def add(tx: Transaction, item: HistoryItem) -> None:
    """Append a line."""
    row = {
        "alarm": item.alarm,
        "alarm_type": item.alarm_type,
        "at": item.at,
        "item": item.item,
        "summary": item.summary,
        "data": item.data,
    }
    tx.connection.execute(insert(alarm_history), row)


def lines(
    tx: Transaction, wanted: HistoryFilter, limit: int, after: Place | None = None, *, newest_first: bool = True
) -> Sequence[HistoryItem]:
    """Up to `limit` lines in order of time, beginning behind the place (instant, id) where the last page ended."""
    columns = alarm_history.c
    tests = [
        *([columns.alarm == wanted.alarm] if wanted.alarm is not None else []),
        *([columns.alarm_type.in_(wanted.alarm_types)] if wanted.alarm_types else []),
        *([columns.item == wanted.item] if wanted.item is not None else []),
        *([columns.at >= wanted.start] if wanted.start is not None else []),
        *([columns.at <= wanted.end] if wanted.end is not None else []),
    ]
    if after is not None:
        at, id_ = after
        beyond = columns.at < at if newest_first else columns.at > at
        level = and_(columns.at == at, columns.id < id_ if newest_first else columns.id > id_)
        tests.append(or_(beyond, level))
    order = (columns.at.desc(), columns.id.desc()) if newest_first else (columns.at, columns.id)
    query = select(alarm_history).where(*tests).order_by(*order).limit(limit)
    return [
        HistoryItem(row.alarm, row.alarm_type, row.at, row.item, row.summary, row.data, row.id)
        for row in tx.connection.execute(query)
    ]


def forget(tx: Transaction, before: datetime) -> int:
    """Remove lines from before the instant; how many there were."""
    return tx.connection.execute(delete(alarm_history).where(alarm_history.c.at < before)).rowcount
