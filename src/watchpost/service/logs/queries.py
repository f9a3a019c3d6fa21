"""Insights queries: started, run in threads with a time limit, their results kept for a day."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event, Lock
from typing import TYPE_CHECKING, Literal

import msgspec
import structlog

from watchpost.documents import Kind
from watchpost.errors import Refused, WatchpostError
from watchpost.logs.blocks import Events, concatenated
from watchpost.logs.scan import Span, unordered
from watchpost.logs.tokens import page_token, read_token
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.logs.documents import group_of
from watchpost.service.logs.groups import milliseconds
from watchpost.stores.sql import log_events
from watchpost.stores.store import Store, Transaction

if TYPE_CHECKING:
    from watchpost.logs.insights.evaluate import Result
    from watchpost.logs.insights.syntax import Query
    from watchpost.logs.insights.table import Chunk

Row = tuple[tuple[str, str], ...]
Status = Literal["Scheduled", "Running", "Complete", "Failed", "Cancelled", "Timeout"]

TIME_LIMIT = timedelta(minutes=15)
KEPT = timedelta(days=1)
MOST_GROUPS = 50
MOST_RUNNING = 30
_AT_A_TIME = 2
# Events that are worked on together: enough for columns to pay, few enough to stop soon.
_CHUNK = 100_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class QueryRecord:
    """A query that was started: times in epoch milliseconds, both inclusive; `owner` is the server that runs it."""

    id: str
    text: str
    groups: tuple[str, ...]
    start: int
    end: int
    limit: int | None
    created: int
    owner: str
    status: Status = "Scheduled"
    why: str = ""
    ended: int | None = None
    matched: int = 0
    scanned: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class QueryRows:
    """The rows of a query, as compressed JSON."""

    packed: bytes


LOG_QUERY = Kind("log-query", QueryRecord)
LOG_QUERY_ROWS = Kind("log-query-rows", QueryRows)


class LogQueries:
    """The queries of a store.

    Args: owner: this server's name, the same after a restart: queries it left running are then known to have failed.
    """

    def __init__(
        self, store: Store, clock: Clock, configuration: Configuration, new_id: Callable[[], str], owner: str
    ) -> None:
        self._store, self._clock, self._configuration = store, clock, configuration
        self._new_id, self._owner = new_id, owner
        self._running: dict[str, Event] = {}
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="log-query")

    def start(self, text: str, groups: Sequence[str], start: int, end: int, limit: int | None, now: datetime) -> str:
        """Start a query over events with timestamps in [start, end], epoch milliseconds; its id.

        Raises: Refused MalformedQueryException; ResourceNotFoundException for a group; InvalidParameterException;
        LimitExceededException when too many queries run.
        """
        # Here and below: what evaluates queries takes a third of a second to import, which the server's start need not
        # wait for.
        from watchpost.logs.insights.evaluate import check  # noqa: PLC0415
        from watchpost.logs.insights.parser import parse  # noqa: PLC0415

        query = parse(text)
        check(query)
        if not 1 <= len(groups) <= MOST_GROUPS:
            raise Refused(
                "InvalidParameterException", f"A query needs 1 to {MOST_GROUPS} log groups, not {len(groups)}"
            )
        if start > end:
            raise Refused("InvalidParameterException", "startTime must not be after endTime.")
        record = QueryRecord(
            self._new_id(), text, tuple(groups), start, end, limit, milliseconds(now), self._owner, "Running"
        )
        stop = Event()
        with self._lock:
            if len(self._running) >= MOST_RUNNING:
                raise Refused(
                    "LimitExceededException", f"Account maximum query concurrency limit of [{MOST_RUNNING}] reached."
                )
            self._running[record.id] = stop
        try:
            self._store.write(lambda tx: self._begin(tx, record))
        except BaseException:
            self._running.pop(record.id, None)
            raise
        self._threads.submit(self._perform, record, query, stop)
        return record.id

    def record(self, id_: str) -> QueryRecord:
        """A query as it stands.

        Raises: Refused ResourceNotFoundException.
        """
        found = self._store.read(lambda tx: tx.get(LOG_QUERY, id_))
        if found is None:
            raise Refused("ResourceNotFoundException", f"The specified query does not exist: {id_}")
        return self._as_it_stands(found)

    def rows(self, id_: str) -> list[Row]:
        """The rows of a query that is complete, else none."""
        found = self._store.read(lambda tx: tx.get(LOG_QUERY_ROWS, id_))
        return [] if found is None else msgspec.json.decode(zlib.decompress(found.packed), type=list[Row])

    def stop(self, id_: str, now: datetime) -> None:
        """Stop a query that runs.

        Raises: Refused ResourceNotFoundException; InvalidParameterException when it has ended.
        """
        record = self.record(id_)
        if record.status not in {"Scheduled", "Running"}:
            raise Refused(
                "InvalidParameterException", f"Query with id {id_} has already ended with status: {record.status}"
            )
        sign = self._running.get(id_)
        if sign is not None:
            sign.set()
        self._store.write(lambda tx: _settle(tx, replace(record, status="Cancelled", ended=milliseconds(now)), None))

    def records(
        self, group: str | None, status: str | None, token: str | None, limit: int
    ) -> tuple[list[QueryRecord], str | None]:
        """Queries of the last day, newest first; and the token that continues the listing."""
        found = [self._as_it_stands(each) for _, each in self._store.read(lambda tx: tx.scan(LOG_QUERY))]
        found = [each for each in found if group in {None, *each.groups} and status in {None, each.status}]
        found.sort(key=lambda each: (each.created, each.id), reverse=True)
        if token is not None:
            created, _, id_ = read_token(token).partition(":")
            found = [each for each in found if (each.created, each.id) < (int(created), id_)]
        page = found[:limit]
        return page, page_token(f"{page[-1].created}:{page[-1].id}") if len(found) > limit else None

    def forget(self, now: datetime) -> None:
        """Drop queries that are older than a day."""
        oldest = milliseconds(now - KEPT)
        old = [key for key, each in self._store.read(lambda tx: tx.scan(LOG_QUERY)) if each.created < oldest]

        def work(tx: Transaction) -> None:
            for key in old:
                tx.delete(LOG_QUERY, key)
                tx.delete(LOG_QUERY_ROWS, key)

        if old:
            self._store.write(work)

    def close(self) -> None:
        """Stop all queries and wait for their threads."""
        for sign in list(self._running.values()):
            sign.set()
        self._threads.shutdown(cancel_futures=True)

    def _begin(self, tx: Transaction, record: QueryRecord) -> None:
        for name in record.groups:
            try:
                group_of(tx, name)
            except Refused as refusal:
                account = self._configuration.account
                raise Refused(
                    refusal.fault,
                    f"Log group '{name}' does not exist for account ID '{account}' (Service: AWSLogs; "
                    "Status Code: 400; Error Code: ResourceNotFoundException)",
                ) from refusal
        tx.put(LOG_QUERY, record.id, record)

    def _as_it_stands(self, record: QueryRecord) -> QueryRecord:
        """A query that was running when its server went away did not end: it failed."""
        if record.status not in {"Scheduled", "Running"} or record.id in self._running:
            return record
        age = milliseconds(self._clock.now()) - record.created
        if record.owner == self._owner or age > TIME_LIMIT.total_seconds() * 1000 + 60_000:
            # It may have ended between the reading of its record and the look at what runs.
            latest = self._store.read(lambda tx: tx.get(LOG_QUERY, record.id)) or record
            return replace(latest, status="Failed") if latest.status in {"Scheduled", "Running"} else latest
        return record

    def _perform(self, record: QueryRecord, query: "Query", stop: Event) -> None:
        from polars.exceptions import PanicException  # noqa: PLC0415

        from watchpost.logs.insights.evaluate import Stopped, run  # noqa: PLC0415

        deadline = self._clock.now() + TIME_LIMIT
        status: Status = "Failed"
        why, result = "", None
        try:
            result = self._store.read(
                lambda tx: run(
                    query,
                    self._chunks(tx, record),
                    record.created / 1000,
                    record.limit,
                    lambda: stop.is_set() or self._clock.now() > deadline,
                )
            )
            status = "Complete"
        except Stopped:
            status = "Cancelled" if stop.is_set() else "Timeout"
        except WatchpostError as problem:
            why = str(problem)
        except (Exception, PanicException) as fault:  # noqa: BLE001  a thread's top loop: the query failed, others go on
            why = f"{type(fault).__name__}: {fault}"
            _log.exception("log-query.fault", query=record.id)
        ended = replace(record, status=status, why=why, ended=milliseconds(self._clock.now()))
        if result is not None:
            ended = replace(ended, matched=result.matched, scanned=result.scanned, bytes=result.bytes)
        try:
            self._store.write(lambda tx: _settle(tx, ended, result))
        except WatchpostError as problem:
            # The store is closing or gone; without its end the query counts as failed.
            _log.warning("log-query.lost", query=record.id, why=str(problem))
        finally:
            self._running.pop(record.id, None)

    def _chunks(self, tx: Transaction, record: QueryRecord) -> "Iterator[Chunk]":
        from watchpost.logs.insights.table import Chunk  # noqa: PLC0415

        def load(blocks: Sequence[int]) -> dict[int, bytes]:
            return log_events.bodies(tx.connection, blocks)

        for name in record.groups:
            oldest = group_of(tx, name).horizon(record.created)
            span = Span(max(record.start, oldest), record.end)
            headers = log_events.headers(tx.connection, name, span.start, span.end)
            gathered: list[Events] = []
            for events in unordered(headers, load, span):
                gathered.append(events)
                if sum(map(len, gathered)) >= _CHUNK:
                    yield Chunk(f"{self._configuration.account}:{name}", concatenated(gathered))
                    gathered = []
            if gathered:
                yield Chunk(f"{self._configuration.account}:{name}", concatenated(gathered))


def _settle(tx: Transaction, record: QueryRecord, result: "Result | None") -> None:
    """Write how a query ended, unless it ended before or was forgotten."""
    found = tx.get(LOG_QUERY, record.id)
    if found is None or found.status not in {"Scheduled", "Running"}:
        return
    tx.put(LOG_QUERY, record.id, record)
    if result is not None:
        tx.put(LOG_QUERY_ROWS, record.id, QueryRows(zlib.compress(msgspec.json.encode(result.rows), 1)))
