"""The table of log events: packed blocks by log group and stream (see `watchpost.logs.blocks`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
)

from watchpost.logs.scan import Header
from watchpost.stores.sql.schema import NAME, ROW_ID, metadata

log_blocks = Table(
    "log_blocks",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("log_group", NAME, nullable=False),
    Column("log_stream", NAME, nullable=False),
    Column("first_time", BigInteger, nullable=False),
    Column("last_time", BigInteger, nullable=False),
    Column("ingested", BigInteger, nullable=False),
    Column("events", Integer, nullable=False),
    # As CloudWatch counts them: UTF-8 and 26 bytes for each event.
    Column("bytes", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # A number is part of the keys of events and must never come twice.
    sqlite_autoincrement=True,
)
Index(None, log_blocks.c.log_group, log_blocks.c.log_stream, log_blocks.c.last_time)
Index(None, log_blocks.c.log_group, log_blocks.c.last_time)
Index(None, log_blocks.c.events, log_blocks.c.log_group, log_blocks.c.log_stream)

# For each metric filter with a default value: the minutes in which events came, and whether one matched.
log_filter_minutes = Table(
    "log_filter_minutes",
    metadata,
    Column("log_group", NAME, primary_key=True),
    Column("filter", NAME, primary_key=True),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    # 0: none matched so far; 1: settled, by a match or by the default value that was reported.
    Column("settled", Integer, nullable=False),
)

_B = log_blocks.c
_OF_GROUP = _B.log_group == bindparam("of_group")
_OF_STREAM = _B.log_stream == bindparam("of_stream")
_INSERT = insert(log_blocks).returning(_B.id)
_HEADER = select(_B.id, _B.log_stream, _B.first_time, _B.last_time, _B.events, _B.size)
_NOTE_QUIET = text(
    "INSERT INTO log_filter_minutes (log_group, filter, minute, settled) VALUES (:of_group, :filter, :minute, 0) "
    "ON CONFLICT (log_group, filter, minute) DO NOTHING"
)
_NOTE_MATCH = text(
    "INSERT INTO log_filter_minutes (log_group, filter, minute, settled) VALUES (:of_group, :filter, :minute, 1) "
    "ON CONFLICT (log_group, filter, minute) DO UPDATE SET settled = 1"
)


@dataclass(frozen=True, slots=True)
class NewBlock:
    """A block to be written; times in epoch milliseconds."""

    group: str
    stream: str
    first: int
    last: int
    ingested: int
    events: int
    counted: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Summary:
    """What a stream, or a group, holds: times in epoch milliseconds, bytes as CloudWatch counts them."""

    first: int
    last: int
    ingested: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Small:
    """What counts as a small block: fewer events than this in fewer stored bytes than this."""

    events: int
    size: int


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute (epoch seconds) of a metric filter in which no event matched."""

    group: str
    filter: str
    minute: int


def append(connection: Connection, block: NewBlock) -> int:
    """Write a block; its number."""
    return int(
        connection.execute(
            _INSERT,
            {
                "log_group": block.group,
                "log_stream": block.stream,
                "first_time": block.first,
                "last_time": block.last,
                "ingested": block.ingested,
                "events": block.events,
                "bytes": block.counted,
                "size": len(block.body),
                "body": block.body,
            },
        ).scalar_one()
    )


def headers(
    connection: Connection, group: str, start: int, end: int, streams: Sequence[str] | None = None
) -> list[Header]:
    """The blocks of a group that reach into [start, end]; of some of its streams, or of all."""
    query = _HEADER.where(_OF_GROUP, _B.last_time >= start, _B.first_time <= end)
    if streams is not None:
        query = query.where(_B.log_stream.in_(streams))
    return [Header(*row) for row in connection.execute(query, {"of_group": group})]


def small_headers(connection: Connection, group: str, stream: str, small: Small, limit: int) -> list[Header]:
    """The oldest blocks of a stream that are small."""
    query = _HEADER.where(_OF_GROUP, _OF_STREAM, *_is(small)).order_by(_B.first_time, _B.id).limit(limit)
    return [Header(*row) for row in connection.execute(query, {"of_group": group, "of_stream": stream})]


def bodies(connection: Connection, blocks: Sequence[int]) -> dict[int, bytes]:
    """The bodies of these blocks."""
    rows = connection.execute(select(_B.id, _B.body).where(_B.id.in_(blocks)))
    return {row[0]: bytes(row[1]) for row in rows}


def _is(small: Small) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _B.events < small.events, _B.size < small.size


def crowded(connection: Connection, small: Small, least: int, limit: int) -> list[tuple[str, str]]:
    """(group, stream) that have at least so many small blocks."""
    counted = func.count()
    query = select(_B.log_group, _B.log_stream).where(*_is(small)).group_by(_B.log_group, _B.log_stream)
    rows = connection.execute(query.having(counted >= least).order_by(counted.desc()).limit(limit))
    return [(row[0], row[1]) for row in rows]


def replace(connection: Connection, blocks: Sequence[int], merged: NewBlock) -> bool:
    """Put one block in the place of others; False, and nothing done, if one of them is gone meanwhile."""
    there = connection.execute(select(func.count()).where(_B.id.in_(blocks))).scalar_one()
    if there != len(blocks):
        return False
    connection.execute(delete(log_blocks).where(_B.id.in_(blocks)))
    append(connection, merged)
    return True


def summaries(connection: Connection, group: str, horizon: int) -> dict[str, Summary]:
    """What the streams of a group hold; blocks that end before the horizon count no more."""
    query = (
        select(
            _B.log_stream, func.min(_B.first_time), func.max(_B.last_time), func.max(_B.ingested), func.sum(_B.bytes)
        )
        .where(_OF_GROUP, _B.last_time >= horizon)
        .group_by(_B.log_stream)
    )
    rows = connection.execute(query, {"of_group": group})
    return {row[0]: Summary(max(row[1], horizon), row[2], row[3], int(row[4])) for row in rows}


def stored_bytes(connection: Connection, groups: Sequence[str]) -> dict[str, int]:
    """The bytes of each of these groups, as CloudWatch counts them."""
    query = select(_B.log_group, func.sum(_B.bytes)).where(_B.log_group.in_(groups)).group_by(_B.log_group)
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def remove(connection: Connection, group: str, stream: str | None = None) -> None:
    """Delete all events of a group, or of one of its streams."""
    gone = delete(log_blocks).where(_OF_GROUP)
    if stream is None:
        connection.execute(gone, {"of_group": group})
        connection.execute(delete(log_filter_minutes).where(log_filter_minutes.c.log_group == group))
    else:
        connection.execute(gone.where(_OF_STREAM), {"of_group": group, "of_stream": stream})


def purge(connection: Connection, group: str, horizon: int) -> int:
    """Delete the blocks of a group that end before the horizon; how many those were."""
    old = delete(log_blocks).where(_OF_GROUP, _B.last_time < bindparam("horizon"))
    return connection.execute(old, {"of_group": group, "horizon": horizon}).rowcount


def note_minutes(
    connection: Connection, group: str, filter_name: str, matched: Sequence[int], quiet: Sequence[int]
) -> None:
    """Remember in which minutes events of a group matched a filter, and in which none did so far."""
    for statement, minutes in ((_NOTE_MATCH, matched), (_NOTE_QUIET, quiet)):
        if minutes:
            rows = [{"of_group": group, "filter": filter_name, "minute": minute} for minute in minutes]
            connection.execute(statement, rows)


def quiet_minutes(connection: Connection, before: int, limit: int = 1000) -> list[Minute]:
    """Minutes that ended before an instant (epoch seconds) without a match or a default value."""
    m = log_filter_minutes.c
    query = select(m.log_group, m.filter, m.minute).where(m.settled == 0, m.minute + 60 <= before)
    return [Minute(*row) for row in connection.execute(query.order_by(m.minute).limit(limit))]


def settle_minutes(connection: Connection, minutes: Sequence[Minute]) -> None:
    """Their default values are reported."""
    for each in minutes:
        note_minutes(connection, each.group, each.filter, (each.minute,), ())


def forget_minutes(connection: Connection, before: int) -> None:
    """Drop what is known of settled minutes before an instant (epoch seconds): no events can come for them any more."""
    m = log_filter_minutes.c
    connection.execute(delete(log_filter_minutes).where(m.minute < before, m.settled == 1))


def forget_filter(connection: Connection, group: str, filter_name: str) -> None:
    """Drop what is known of a filter that is no more."""
    m = log_filter_minutes.c
    connection.execute(delete(log_filter_minutes).where(m.log_group == group, m.filter == filter_name))
