"""Tables of reported data: the names of series, the log of what came in lately, and chunks of history.

What they hold is bytes made by `watchpost.metrics.packing`; why there is a log and how it becomes chunks is told in
`watchpost.service.metrics.folding`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from watchpost.metrics.batch import Series
from watchpost.metrics.identity import Metric
from watchpost.metrics.packing import Pack
from watchpost.stores.sql.schema import ROW_ID, metadata

metric_series = Table(
    "metric_series",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    # SHA-256 of the names, with and without the unit: the names may be longer than an entry of PostgreSQL's indexes.
    Column("identity", String(64), nullable=False, unique=True),
    Column("metric", String(64), nullable=False),
    # Namespace, name and dimensions as JSON, which may hold any character, NUL too.
    Column("names", Text, nullable=False),
    Column("unit", Text, nullable=False),
    # The newest datum, epoch seconds; may lag behind by a quarter of an hour.
    Column("seen", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
Index(None, metric_series.c.metric)
Index(None, metric_series.c.seen)

metric_log = Table(
    "metric_log",
    metadata,
    # Never given out twice: every server remembers how far it has read.
    Column("id", ROW_ID, primary_key=True),
    Column("singles", LargeBinary, nullable=False),
    Column("others", LargeBinary, nullable=False),
    Column("sketches", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

metric_chunks = Table(
    "metric_chunks",
    metadata,
    Column("series", BigInteger, primary_key=True, autoincrement=False),
    Column("tier", Integer, primary_key=True, autoincrement=False),  # seconds that a cell stands for
    Column("start", BigInteger, primary_key=True, autoincrement=False),  # epoch seconds
    Column("singles", LargeBinary, nullable=False),
    Column("others", LargeBinary, nullable=False),
    Column("sketches", LargeBinary, nullable=False),
    # A question reads a stretch of one series: rows lie in that order on disk.
    sqlite_with_rowid=False,
)
Index(None, metric_chunks.c.tier, metric_chunks.c.start)

_MANY = 500  # names, numbers or entries in one statement
_ROWS = 250  # rows held at once, see `bodies`

_APPEND = text("INSERT INTO metric_log (singles, others, sketches) VALUES (:singles, :others, :sketches)")
_LOG = (
    select(metric_log.c.id, metric_log.c.singles, metric_log.c.others, metric_log.c.sketches)
    .where(metric_log.c.id > bindparam("after"))
    .order_by(metric_log.c.id)
    .limit(_MANY)
)
_SERIES = select(metric_series.c.id, metric_series.c.names, metric_series.c.unit, metric_series.c.seen)
_PUT_CHUNK = text(
    "INSERT INTO metric_chunks (series, tier, start, singles, others, sketches) "
    "VALUES (:series, :tier, :start, :singles, :others, :sketches) "
    "ON CONFLICT (series, tier, start) DO UPDATE SET "
    "singles = excluded.singles, others = excluded.others, sketches = excluded.sketches"
)


class Known(NamedTuple):
    """A series with its number, and its newest datum in epoch seconds."""

    number: int
    series: Series
    seen: int


class Names(NamedTuple):
    """Series in columns of equal length: numbers, metrics as `names_of` writes them, units, newest data (epoch s)."""

    numbers: list[int]
    metrics: list[str]
    units: list[str]
    seen: list[int]


class ChunkKey(NamedTuple):
    """Where a chunk lies: series, seconds that its cells stand for, epoch second of its start."""

    series: int
    tier: int
    start: int


# --- the log --------------------------------------------------------------------------------------------------------


def append(connection: Connection, entry: Pack) -> None:
    """Add one entry to the log."""
    connection.execute(_APPEND, entry._asdict())


def entries(connection: Connection, after: int) -> Iterator[list[tuple[int, Pack]]]:
    """The log's entries with a number above `after`, in order, in portions that fit into memory whatever came in."""
    while portion := connection.execute(_LOG, {"after": after}).all():
        yield [(row.id, Pack(row.singles, row.others, row.sketches)) for row in portion]
        after = portion[-1].id


def condense(connection: Connection, upto: int, entry: Pack | None) -> None:
    """Put one entry in the place of all entries up to a number; None if there is nothing left of them."""
    connection.execute(delete(metric_log).where(metric_log.c.id < upto if entry else metric_log.c.id <= upto))
    if entry:
        connection.execute(update(metric_log).where(metric_log.c.id == upto).values(entry._asdict()))


# --- series ---------------------------------------------------------------------------------------------------------


def series_seen_since(connection: Connection, second: int) -> Names:
    """Every series with data since an epoch second, its names unread."""
    found = Names([], [], [], [])
    # In portions so small that the garbage collector sleeps on; see `bodies`.
    for rows in connection.execute(_SERIES.where(metric_series.c.seen >= second)).partitions(_ROWS):
        numbers, metrics, units, seen = zip(*rows, strict=True)
        found.numbers.extend(numbers)
        found.metrics.extend(metrics)
        found.units.extend(units)
        found.seen.extend(seen)
    return found


def series_numbered(connection: Connection, numbers: Sequence[int]) -> list[Known]:
    """The series with these numbers, as far as there are such."""
    return [
        _known(row)
        for some in _portions(numbers)
        for row in connection.execute(_SERIES.where(metric_series.c.id.in_(some))).all()
    ]


def series_of(connection: Connection, metrics: Iterable[Metric]) -> list[Known]:
    """Every series of these metrics, whatever the unit, however old."""
    hashes = [_hash(_names(metric)) for metric in metrics]
    return [
        _known(row)
        for some in _portions(hashes)
        for row in connection.execute(_SERIES.where(metric_series.c.metric.in_(some))).all()
    ]


def numbers_of(connection: Connection, seen: Mapping[Series, int]) -> dict[Series, int]:
    """The numbers of series, giving new ones to those that have none. For writing transactions.

    Args: seen: for each series its newest datum in epoch seconds.
    """
    identities = {_identity(series): series for series in seen}
    found = _numbers(connection, identities)
    fresh = {identity: series for identity, series in identities.items() if series not in found}
    if found:
        # A series that had gone silent is listed again.
        older = metric_series.c.seen < bindparam("newest")
        awake = update(metric_series).where(metric_series.c.id == bindparam("number"), older)
        rows_seen = [{"number": number, "newest": seen[series]} for series, number in found.items()]
        connection.execute(awake.values(seen=bindparam("newest")), rows_seen)
    if fresh:
        connection.execute(insert(metric_series), [_series_row(i, s, seen[s]) for i, s in fresh.items()])
        found.update(_numbers(connection, fresh))
    return found


def _numbers(connection: Connection, identities: Mapping[str, Series]) -> dict[Series, int]:
    numbers: dict[Series, int] = {}
    for some in _portions(list(identities)):
        rows = connection.execute(
            select(metric_series.c.id, metric_series.c.identity).where(metric_series.c.identity.in_(some))
        )
        numbers.update({identities[row.identity]: row.id for row in rows})
    return numbers


def note_seen(connection: Connection, seen: Sequence[tuple[int, int]]) -> None:
    """Remember the newest datum (epoch seconds) of series by number."""
    if seen:
        query = update(metric_series).where(metric_series.c.id == bindparam("number")).values(seen=bindparam("newest"))
        connection.execute(query, [{"number": number, "newest": newest} for number, newest in seen])


def forget_series(connection: Connection, before: int) -> None:
    """Remove the names of series without data since an epoch second."""
    connection.execute(delete(metric_series).where(metric_series.c.seen < before))


_NAMES = msgspec.json.Decoder(tuple[str, str, tuple[tuple[str, str], ...]])
_MANY_NAMES = msgspec.json.Decoder(list[tuple[str, str, tuple[tuple[str, str], ...]]])


def names_of(metric: Metric) -> str:
    """Namespace, name and dimensions as they are stored: JSON, the same text for equal metrics and no other.

    A metric inside a document has this very text.

    >>> names_of(Metric.of("app", "latency", {"b": "2", "a": "1"}))
    '["app","latency",[["a","1"],["b","2"]]]'
    """
    return _names(metric).decode()


def read_names(metrics: Sequence[str]) -> list[Metric]:
    """The metrics that were written so."""
    return [Metric(*names) for names in _MANY_NAMES.decode(f"[{','.join(metrics)}]")]


def _names(metric: Metric) -> bytes:
    return msgspec.json.encode(tuple(metric))


def _hash(names: bytes) -> str:
    return hashlib.sha256(names).hexdigest()


def _identity(series: Series) -> str:
    return _hash(_names(series.metric) + series.unit.encode())


def _series_row(identity: str, series: Series, seen: int) -> dict[str, str | int]:
    names = _names(series.metric)
    return {
        "identity": identity,
        "metric": _hash(names),
        "names": names.decode(),
        "unit": series.unit,
        "seen": seen,
    }


def _known(row: "Row[*tuple[Any, ...]]") -> Known:
    return Known(row.id, Series(Metric(*_NAMES.decode(row.names)), row.unit), row.seen)


# --- chunks ---------------------------------------------------------------------------------------------------------


def packs_between(
    connection: Connection, numbers: Sequence[int], spans: Mapping[int, tuple[int, int]], sketches: bool
) -> list[Pack]:
    """The chunks of some series; `spans` says for each tier which chunks: first <= start < last."""
    chunk = metric_chunks.c
    columns = (chunk.singles, chunk.others, chunk.sketches) if sketches else (chunk.singles, chunk.others)
    packs: list[Pack] = []
    for tier, (first, last) in spans.items():
        span = (chunk.tier == tier) & (chunk.start >= first) & (chunk.start < last)
        if len(numbers) > _MANY and _are_few(connection, span, 2 * len(numbers)):
            # Thousands of series of which the log still has nearly everything: no need to look for each of them.
            asked = set(numbers)
            found = connection.execute(select(chunk.series, *columns).where(span)).all()
            packs += [
                Pack(row.singles, row.others, row.sketches if sketches else b"") for row in found if row[0] in asked
            ]
            continue
        query = select(*columns).where(span).order_by(chunk.series, chunk.start)
        for some in _portions(numbers):
            for rows in connection.execute(query.where(chunk.series.in_(some))).partitions(_ROWS):
                if sketches:
                    packs += [Pack(*row) for row in rows]
                else:
                    packs.append(Pack(b"".join([row[0] for row in rows]), b"".join([row[1] for row in rows]), b""))
    return packs


def _are_few(connection: Connection, span: ColumnElement[bool], few: int) -> bool:
    """Whether there are fewer chunks than that; counted in an index."""
    found = select(metric_chunks.c.start).where(span).limit(few).subquery()
    return connection.execute(select(func.count()).select_from(found)).scalar_one() < few


def chunks_at(connection: Connection, wanted: Sequence[ChunkKey]) -> Iterator[Pack]:
    """Those of the wanted chunks that exist."""
    chunk = metric_chunks.c
    asked = set(wanted)
    for tier in sorted({key.tier for key in asked}):
        numbers = sorted({key.series for key in asked if key.tier == tier})
        starts = sorted({key.start for key in asked if key.tier == tier})
        for some in _portions(numbers):
            query = select(metric_chunks).where(chunk.tier == tier, chunk.series.in_(some), chunk.start.in_(starts))
            for row in connection.execute(query):
                if ChunkKey(row.series, row.tier, row.start) in asked:
                    yield Pack(row.singles, row.others, row.sketches)


def chunks_before(connection: Connection, tier: int, before: int, limit: int) -> list[tuple[ChunkKey, Pack]]:
    """Up to `limit` chunks of a tier that start before an epoch second, oldest first."""
    chunk = metric_chunks.c
    query = select(metric_chunks).where(chunk.tier == tier, chunk.start < before)
    rows = connection.execute(query.order_by(chunk.start, chunk.series).limit(limit))
    return [(ChunkKey(row.series, row.tier, row.start), Pack(row.singles, row.others, row.sketches)) for row in rows]


def put_chunks(connection: Connection, chunks: Sequence[tuple[ChunkKey, Pack]]) -> None:
    """Write chunks, replacing what was there."""
    if chunks:
        connection.execute(_PUT_CHUNK, [{**key._asdict(), **pack._asdict()} for key, pack in chunks])


def delete_chunks(connection: Connection, chunks: Sequence[ChunkKey]) -> None:
    """Remove chunks."""
    if chunks:
        chunk = metric_chunks.c
        of_key = (
            (chunk.series == bindparam("number"))
            & (chunk.tier == bindparam("step"))
            & (chunk.start == bindparam("first"))
        )
        connection.execute(
            delete(metric_chunks).where(of_key),
            [{"number": key.series, "step": key.tier, "first": key.start} for key in chunks],
        )


T = TypeVar("T", str, int)


def _portions(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), _MANY):
        yield items[first : first + _MANY]
