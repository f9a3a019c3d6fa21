"""Signs of life of the servers that share a store, and what is done about one that died and never came back.

A server that is started again in its home folder finds its own interrupted tasks. One whose home is gone (a container
that was replaced) cannot: another server settles them for it, as the worker of that name would have.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event

from watchpost.documents import Kind
from watchpost.service.clock import Clock
from watchpost.stores.store import Entry, Store, Transaction

PULSE = Kind("pulse", datetime)
"""The last sign of life of a server, by its name; removed when it stops in good order."""

BEAT = timedelta(minutes=1)
# Long enough that a server which was merely held up (a paused machine, a slow disk) is not taken for dead.
GONE = timedelta(minutes=10)


class Pulse:
    """This server's sign of life, and its eye on the others'.

    `settle(name)` settles what the worker of a dead server left claimed, and says how many tasks that were.
    """

    def __init__(self, store: Store, clock: Clock, server: str, settle: Callable[[str], int]) -> None:
        self._store, self._clock, self._server, self._settle = store, clock, server, settle

    def begin(self, about: dict[str, object]) -> None:
        """Note in the journal that the server begins, and whether it was cut off the last time."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            last = tx.get(PULSE, self._server)
            tx.put(PULSE, self._server, now)
            tx.record(Entry(now, "server.started", self._server, "server", about | {"cut_off_after": last}))

        self._store.write(work)

    def run(self, stop: Event) -> None:
        """Beat until `stop` is set."""
        while not self._clock.wait(stop, BEAT.total_seconds()):
            self.step(self._clock.now())

    def step(self, now: datetime) -> int:
        """Beat once, and settle the affairs of servers that are gone; how many tasks that were."""
        self._store.write(lambda tx: tx.put(PULSE, self._server, now))
        pulses = self._store.read(lambda tx: tx.scan(PULSE))
        gone = [(name, last) for name, last in pulses if name != self._server and now - last > GONE]
        return sum(self._bury(name, last, now) for name, last in gone)

    def end(self) -> None:
        """Say goodbye: a server that stops in good order is not missed."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            if tx.delete(PULSE, self._server):
                tx.record(Entry(now, "server.stopped", self._server, "server", {}))

        self._store.write(work)

    def _bury(self, name: str, last: datetime, now: datetime) -> int:
        settled = self._settle(name)

        def work(tx: Transaction) -> None:
            if tx.get(PULSE, name) == last and tx.delete(PULSE, name):
                tx.record(Entry(now, "server.gone", name, self._server, {"last_seen": last, "tasks": settled}))

        self._store.write(work)
        return settled
