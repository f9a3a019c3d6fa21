"""The store over SQL: group commit for writers, snapshots for readers."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from watchpost.errors import StoreUnavailable
from watchpost.stores import sql
from watchpost.stores.sql.engines import Engines, connect, told
from watchpost.stores.sql.migrations import bring_up_to_date
from watchpost.stores.sql.transaction import SqlTransaction
from watchpost.stores.sql.writer import Writer
from watchpost.stores.store import Task, Transaction

T = TypeVar("T")


def open_sql_store(where: str, observe: Callable[[int, float], None]) -> "SqlStore":
    """The store at a path or URL, its tables created or brought up to date; see `watchpost.stores.open`."""
    define_every_table()
    engines = connect(where)
    try:
        bring_up_to_date(engines)
    except DBAPIError as problem:
        engines.dispose()
        raise told(engines.name, problem) from problem
    except BaseException:
        engines.dispose()
        raise
    return SqlStore(engines, observe)


def define_every_table() -> None:
    """Import the modules of this folder, so that the tables of every chapter are in the MetaData."""
    for module in iter_modules(sql.__path__, f"{sql.__name__}."):
        if not module.ispkg:
            import_module(module.name)


class SqlStore:
    """`Store` over SQLite or PostgreSQL."""

    def __init__(self, engines: Engines, observe: Callable[[int, float], None]) -> None:
        self._engines = engines
        self._watchers: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
        self._writer = Writer(engines, observe, self._wake)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction and return its result once it is durable."""
        return self._writer.write(work)

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` over one consistent snapshot, without waiting for writers.

        Raises: what it raises; StoreUnavailable. A write inside it fails.
        """
        try:
            return self._read(work)
        except DBAPIError as problem:
            # A connection that died while it rested in the pool says so at its first use only.
            if problem.connection_invalidated:
                return self._read_once_more(work)
            raise told(self._engines.name, problem) from problem

    def claim(self, queue: str, worker: str, now: datetime, limit: int) -> list[Task]:
        """Take up to `limit` due tasks for this worker, oldest due first; durable before it returns."""
        return self._writer.write(lambda tx: tx.claim(queue, worker, now, limit))

    def watch(self, queue: str, wake: Callable[[], None]) -> None:
        """Call `wake` (quickly, from any thread) whenever work was put into the queue by this process."""
        self._watchers[queue].append(wake)

    @property
    def alive(self) -> bool:
        """Whether writing is still possible."""
        return self._writer.alive

    def close(self) -> None:
        """Finish what was begun and let go of the database. Closing twice is no fault."""
        self._writer.close()
        self._engines.dispose()

    def _read(self, work: Callable[[Transaction], T]) -> T:
        if not self._writer.alive:
            raise StoreUnavailable(self._engines.name, "is closed", "Start the server again")
        with self._engines.reading.connect() as connection, connection.begin():
            return work(SqlTransaction(connection))

    def _read_once_more(self, work: Callable[[Transaction], T]) -> T:
        try:
            return self._read(work)
        except DBAPIError as problem:
            raise told(self._engines.name, problem) from problem

    def _wake(self, queues: set[str]) -> None:
        for queue in queues:
            for wake in self._watchers.get(queue, ()):
                wake()
