"""What differs between SQLite and PostgreSQL: how connections are made, how writing begins, which failures pass."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry

from watchpost.errors import Misconfigured, StoreUnavailable
from watchpost.stores.sql.driver import Driver

# Any number will do, so long as nobody else who shares the database takes the same.
_WRITE_LOCK = 0x5741_5443_4850_4F53
_READERS, _MORE_READERS = 8, 56
_BUSY_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Engines:
    """A way in for the writer and one for readers.

    `name` is the URL without its password, for messages. `folder` holds a private database and goes with it.
    """

    name: str
    writing: Engine
    reading: Engine
    folder: TemporaryDirectory[str] | None = None

    def dispose(self) -> None:
        """Close every connection; a private database is removed."""
        self.reading.dispose()
        self.writing.dispose()
        if self.folder is not None:
            self.folder.cleanup()


def connect(where: str) -> Engines:
    """Engines for a path, a `sqlite:` or a `postgresql:` URL; nothing is opened yet.

    Raises: Misconfigured: no such kind of database. StoreUnavailable: its driver is not installed.
    """
    if where == "sqlite://":
        folder = TemporaryDirectory(prefix="watchpost-")
        return _sqlite(Path(folder.name) / "watchpost.db", folder)
    if "://" not in where:
        return _sqlite(Path(where))
    try:
        url = make_url(where)
    except ArgumentError as problem:
        raise Misconfigured("The database", where, "a path or a URL like postgresql://user@host/name") from problem
    match url.get_backend_name():
        case "sqlite" if url.database and not url.host:
            return _sqlite(Path(url.database))
        case "postgresql" | "postgres":
            return _postgresql(url.set(drivername="postgresql+psycopg"))
        case other:
            raise Misconfigured("The database", other, "sqlite:///path or postgresql://user@host/name")


def _sqlite(path: Path, folder: TemporaryDirectory[str] | None = None) -> Engines:
    url = URL.create("sqlite+pysqlite", database=str(path))
    # isolation_level None: the driver begins nothing by itself, our events say BEGIN.
    arguments = {"isolation_level": None, "check_same_thread": False, "timeout": _BUSY_SECONDS}
    writing = create_engine(url, connect_args=arguments, pool_size=1, max_overflow=0)
    reading = create_engine(url, connect_args=arguments, pool_size=_READERS, max_overflow=_MORE_READERS)
    # A private database need not outlive the process: no waiting for the disk.
    synchronous = "FULL" if folder is None else "OFF"

    @event.listens_for(writing, "connect")
    def prepare_writer(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # How to wait for the disk comes first: the change to WAL writes already.
        _pragmas(connection, f"synchronous={synchronous}", "journal_mode=WAL", "foreign_keys=ON", "temp_store=MEMORY")
        # After a burst the log file shrinks again instead of keeping its largest size for ever.
        _pragmas(connection, "cache_size=-65536", f"journal_size_limit={64 << 20}")

    @event.listens_for(reading, "connect")
    def prepare_reader(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        _pragmas(connection, "query_only=ON", "temp_store=MEMORY", "cache_size=-16384")

    @event.listens_for(writing, "begin")
    def begin_writing(connection: Connection) -> None:
        # IMMEDIATE: the write lock comes first, so a work never fails half-way for want of it.
        Driver(connection).change("BEGIN IMMEDIATE")

    @event.listens_for(reading, "begin")
    def begin_reading(connection: Connection) -> None:
        Driver(connection).change("BEGIN")

    return Engines(f"sqlite:///{path}", writing, reading, folder)


def _pragmas(connection: DBAPIConnection, *settings: str) -> None:
    cursor = connection.cursor()
    for setting in settings:
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _postgresql(url: URL) -> Engines:
    name = url.render_as_string(hide_password=True)
    # A server that vanished in the middle of a transaction must not hold the write lock for long.
    options = "-c idle_in_transaction_session_timeout=60000 -c timezone=UTC"
    arguments = {"options": options, "connect_timeout": 10, "application_name": "watchpost"}
    try:
        writing = create_engine(url, connect_args=arguments, pool_size=1, max_overflow=0, pool_pre_ping=True)
        reading = create_engine(
            url,
            connect_args=arguments,
            pool_size=_READERS,
            max_overflow=_MORE_READERS,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )
    except ImportError as problem:
        raise StoreUnavailable(
            name, "needs PostgreSQL's driver", "Install it: pip install 'watchpost[postgres]'"
        ) from problem

    @event.listens_for(writing, "begin")
    def begin_writing(connection: Connection) -> None:
        # One writer at a time over all servers, as in SQLite: whatever a work reads stays true until its commit, so no
        # update is lost and the journal's chain has one end. Group commit keeps the lock's rate low.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")

    return Engines(name, writing, reading)


def passing(problem: DBAPIError) -> bool:
    """Whether the same work may well succeed when it is run again: a deadlock, a connection that was lost."""
    return problem.connection_invalidated or _state(problem) in {"40001", "40P01", "55P03", "57P01", "25P03"}


def undone(problem: DBAPIError) -> bool:
    """Whether a commit that failed so is certain to have written nothing."""
    return not problem.connection_invalidated and _state(problem) in {"40001", "40P01"}


def _state(problem: DBAPIError) -> str | None:
    return getattr(problem.orig, "sqlstate", None)


def _is_locked(problem: DBAPIError) -> bool:
    """Whether another program kept SQLite's file locked for longer than we wait."""
    # The extended codes of a failure have its kind in their lowest byte; what the driver itself refuses has none.
    return getattr(problem.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def told(name: str, problem: BaseException) -> BaseException:
    """What is raised to the caller: the database's own failures as StoreUnavailable, anything else as it is."""
    if not isinstance(problem, DBAPIError) or isinstance(problem, DataError | IntegrityError | ProgrammingError):
        return problem
    if _is_locked(problem):
        why, todo = "is locked: another program holds it", "Let that program finish or close it, then try again"
    else:
        why, todo = f"answers: {str(problem.orig).strip()}", "Check that it is reachable, writable and not full"
    unavailable = StoreUnavailable(name, why, todo)
    unavailable.__cause__ = problem
    return unavailable
