"""Whether the server can do its work right now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from watchpost import __version__
from watchpost.documents import Kind
from watchpost.errors import WatchpostError
from watchpost.service.clock import Clock
from watchpost.service.lifecycle import LoopState
from watchpost.stores.store import Store

_CHECKED = Kind("health", datetime)
# Anybody may ask for the health, so asking must not make the disk work at will.
_KEPT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Health:
    """What is alive. `ok` when all of it is; `store` is None when writing works, else what it answers.

    `at` is when the store was last asked, `journal` the number of the journal's last line.
    """

    ok: bool
    version: str
    at: datetime
    store: str | None
    loops: tuple[LoopState, ...]
    journal: int


class HealthCheck:
    """Writes the instant into the store and remembers for a few seconds whether that worked."""

    def __init__(self, store: Store, clock: Clock, server: str) -> None:
        self._store, self._clock, self._server = store, clock, server
        self._lock = Lock()
        self._last: tuple[datetime, str | None, int] | None = None

    def health(self, loops: tuple[LoopState, ...]) -> Health:
        """The health, the store's part of it at most five seconds old."""
        now = self._clock.now()
        with self._lock:
            if self._last is None or not timedelta(0) <= now - self._last[0] < _KEPT:
                self._last = (now, *self._written(now))
            at, problem, lines = self._last
        ok = problem is None and all(loop.beating for loop in loops)
        return Health(ok, __version__, at, problem, loops, lines)

    def _written(self, now: datetime) -> tuple[str | None, int]:
        try:
            self._store.write(lambda tx: tx.put(_CHECKED, self._server, now))
            last = self._store.read(lambda tx: tx.journal(limit=1))
        except WatchpostError as problem:
            return str(problem), 0
        return None, last[0].number if last else 0
