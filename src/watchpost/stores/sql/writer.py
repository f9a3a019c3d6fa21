"""Group commit: one thread runs everybody's works in shared transactions, so many writers pay for one commit.

Each work runs behind a savepoint, so one that raises takes back its own writes only. Nobody hears of an outcome before
the commit, good or bad: a refusal may rest on what a neighbour wrote in the same transaction.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread, current_thread
from time import perf_counter
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from watchpost.errors import StoreUnavailable
from watchpost.stores.sql.driver import Driver
from watchpost.stores.sql.engines import Engines, passing, told, undone
from watchpost.stores.sql.transaction import SqlTransaction

T = TypeVar("T")

# A batch ends when nobody waits, and at the latest here, so that nobody waits long for the neighbours' works.
_MOST_WORKS, _MOST_SECONDS = 500, 0.05
_ATTEMPTS, _PAUSE_SECONDS = 5, 0.05


class _Job:
    """A work on its way, what went wrong with it, and the queues it put work into."""

    __slots__ = ("_finished", "_work", "again", "problem", "woken")

    def __init__(self, work: Callable[[SqlTransaction], None]) -> None:
        self._work = work
        self._finished: Future[None] = Future()
        self.problem: BaseException | None = None
        self.again = False
        self.woken: set[str] = set()

    def run(self, connection: Connection) -> None:
        transaction = SqlTransaction(connection)
        self._work(transaction)
        transaction.settle()
        self.problem, self.woken = None, transaction.woken

    def finish(self) -> None:
        if self.problem is None:
            self._finished.set_result(None)
        else:
            self._finished.set_exception(self.problem)

    def wait(self) -> None:
        self._finished.result()


class Writer:
    """The thread that writes.

    `observe` is told of every commit (works, seconds), `wake` of the queues that got work.
    """

    def __init__(
        self, engines: Engines, observe: Callable[[int, float], None], wake: Callable[[set[str]], None]
    ) -> None:
        self._engines, self._observe, self._wake = engines, observe, wake
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._door, self._closed, self._closing = Lock(), False, Event()
        self._thread = Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether works are still taken."""
        return self._thread.is_alive() and not self._closed

    def write(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run `work` and return its result once it is durable. Raises: what it raises; StoreUnavailable."""
        if current_thread() is self._thread:
            raise RuntimeError("A work that is being written cannot write by itself: hand its transaction on.")
        given: list[T] = []

        def keep(transaction: SqlTransaction) -> None:
            given[:] = [work(transaction)]

        job = _Job(keep)
        with self._door:
            if self._closed:
                raise StoreUnavailable(self._engines.name, "is closed", "Start the server again")
            self._jobs.put(job)
        job.wait()
        return given[0]

    def close(self) -> None:
        """Finish what was begun, take no more."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._closing.set()
                self._jobs.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            jobs = [job]
            try:
                if not self._commit(jobs, gather=True):
                    for each in jobs:
                        self._alone(each)
            except BaseException as problem:  # noqa: BLE001 - a worker's top loop: callers are told, the thread lives on
                for each in jobs:
                    each.problem = told(self._engines.name, problem)
            for each in jobs:
                each.finish()
            woken = {queue for each in jobs if each.problem is None for queue in each.woken}
            if woken:
                self._wake(woken)

    def _commit(self, jobs: list[_Job], *, gather: bool) -> bool:
        """Run jobs in one transaction; when gathering, also those that wait, which join `jobs`.

        Returns: False when nothing of it was written and it may be tried again. Raises: DBAPIError: the database cannot
        be reached, or the commit failed and nobody can tell whether it was written.
        """
        began, stage = perf_counter(), "begin"
        try:
            with self._engines.writing.connect() as connection:
                transaction, stage = connection.begin(), "works"
                for job in jobs:
                    self._attempt(job, connection)
                    if gather and perf_counter() - began < _MOST_SECONDS:
                        jobs.extend(self._waiting(_MOST_WORKS - len(jobs)))
                stage = "commit"
                transaction.commit()
        except DBAPIError as problem:
            if stage == "begin" and not passing(problem):
                # A database that is locked, or away, is not asked again for each: whoever came meanwhile is told too.
                jobs.extend(self._waiting(self._jobs.qsize()) if gather else ())
                raise
            if stage == "commit" and not undone(problem):
                raise  # it may have been done after all
            for job in jobs:
                job.problem = job.problem or told(self._engines.name, problem)
            return False
        self._observe(len(jobs), perf_counter() - began)
        return True

    def _waiting(self, limit: int) -> Iterator[_Job]:
        """Whoever waits to be written, up to so many."""
        for _ in range(limit):
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return
            if job is None:
                # The store is being closed: this batch is the last, and the loop must find the sign again.
                self._jobs.put(None)
                return
            yield job

    def _attempt(self, job: _Job, connection: Connection) -> None:
        """Run a job behind a savepoint. Raises: DBAPIError: the transaction is lost, all its works with it."""
        driver = Driver(connection)
        driver.change("SAVEPOINT work")
        try:
            job.run(connection)
        except BaseException as problem:
            # Whatever a work raises belongs to its caller, not to this thread.
            job.problem = told(self._engines.name, problem)
            job.again = isinstance(problem, DBAPIError) and passing(problem)
            if job.again:
                raise
            driver.change("ROLLBACK TO SAVEPOINT work")
        driver.change("RELEASE SAVEPOINT work")

    def _alone(self, job: _Job) -> None:
        """The shared transaction is lost: a transaction of its own for each, so that only the guilty suffer."""
        for attempt in range(_ATTEMPTS):
            job.again = False
            if self._commit([job], gather=False) or not job.again:
                return
            self._closing.wait(_PAUSE_SECONDS * 2**attempt)
