"""What was reported lately and is not in chunks yet, in memory, in step with the database.

The log of reported data is the truth; the tail is what this process has read of it. Reading it on is part of every
question, in the same snapshot that reads the chunks. So what any server acknowledged is in every later answer of every
server, once: the mark says how the log and the chunks share the data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, TypeVar

from watchpost.documents import Kind
from watchpost.metrics.cells import Cells, merge
from watchpost.metrics.packing import unpack
from watchpost.metrics.periods import LISTED
from watchpost.metrics.recent import Recent
from watchpost.service.metrics.series import Registry
from watchpost.stores.sql import metrics as tables

if TYPE_CHECKING:
    from watchpost.service.clock import Clock
    from watchpost.stores.store import Store, Transaction

T = TypeVar("T")

# Three hours by minutes, and half an hour by ten seconds for the periods of 10, 20 and 30 seconds.
_RINGS = ((60, 192), (10, 186))


@dataclass(frozen=True, slots=True)
class Mark:
    """How log and chunks share the data.

    `upto`: entries of the log up to this number are condensed into one. `moved`: how often cells left the log for
    chunks, `moved_at` when last (epoch seconds). `changes`: how often either was rewritten, so that two servers never
    do so from the same state.
    """

    upto: int = 0
    moved: int = 0
    moved_at: int = 0
    changes: int = 0


MARK = Kind("metric-mark", Mark)
MARK_KEY = "metrics"


class Tail:
    """The log as this process has read it. Any thread may ask; `lock` guards everything."""

    def __init__(self, store: "Store", clock: "Clock") -> None:
        self._store, self._clock = store, clock
        self.lock = RLock()
        self.registry = Registry()
        self.rings = _rings()
        self._mark: Mark | None = None
        self._read = 0
        self._parts: list[Cells] = []
        self.unfolded = 0  # entries read since the log was last folded by this process

    def question(self, work: "Callable[[Transaction, tuple[Cells, ...]], T]") -> T:
        """Run `work` over a snapshot of the database together with the tail that belongs to it."""

        def attempt(tx: "Transaction") -> tuple[T] | None:
            with self.lock:
                parts = self._caught_up(tx)
            return None if parts is None else (work(tx, parts),)

        return self._until_consistent(attempt)

    def held_question(self, work: "Callable[[Transaction, tuple[Cells, ...]], T]") -> T:
        """The same for work that uses the rings: they stand still meanwhile."""

        def attempt(tx: "Transaction") -> tuple[T] | None:
            with self.lock:
                parts = self._caught_up(tx)
                return None if parts is None else (work(tx, parts),)

        return self._until_consistent(attempt)

    def _until_consistent(self, attempt: "Callable[[Transaction], tuple[T] | None]") -> T:
        while True:
            answer = self._store.read(attempt)
            if answer is not None:
                return answer[0]

    def _caught_up(self, tx: "Transaction") -> tuple[Cells, ...] | None:
        """The tail, read on to this snapshot; None if the snapshot is older than the tail's own move to chunks."""
        mark = tx.get(MARK, MARK_KEY) or Mark()
        if self._mark is not None and mark.moved < self._mark.moved:
            return None
        if self._mark is None:
            since = int(self._clock.now().timestamp()) - LISTED
            self.registry.start(tables.series_seen_since(tx.connection, since))
            self._reload(tx, mark)
        elif mark.moved > self._mark.moved or mark.upto > self._read:
            self._reload(tx, mark)
        else:
            self._read_on(tx, mark)
        if self._mark is None or mark.changes > self._mark.changes:
            self._mark = mark
        return tuple(self._parts)

    def _read_on(self, tx: "Transaction", mark: Mark) -> None:
        for portion in tables.entries(tx.connection, self._read):
            self._read = portion[-1][0]
            self.unfolded += len(portion)
            # The condensed entry, long and in order, is not sorted again for the sake of what came in after it.
            condensed = 1 if portion[0][0] == mark.upto else 0
            for part in (portion[:condensed], portion[condensed:]):
                self._feed(tx, merge([unpack(pack for _, pack in part)]))

    def _reload(self, tx: "Transaction", mark: Mark) -> None:
        if mark.upto > self._read:
            # Somebody condensed what had not been read here: the rings start anew from what the database has.
            self.rings = _rings()
        self._parts = []
        for portion in tables.entries(tx.connection, 0):
            if portion[0][0] > self._read:
                break
            # The rings have had these already.
            self._add(merge([unpack(pack for number, pack in portion if number <= self._read)]))
        self._read_on(tx, mark)
        self._read = max(self._read, mark.upto)

    def _feed(self, tx: "Transaction", fresh: Cells) -> None:
        if not len(fresh):
            return
        self.registry.notice(tx.connection, fresh)
        for ring in self.rings:
            ring.add(fresh)
        self._add(fresh)

    def _add(self, cells: Cells) -> None:
        self._parts.append(cells)
        # Each part at least twice its successor: few parts to look through, and every cell is merged few times.
        while len(self._parts) > 1 and len(self._parts[-2]) < 2 * len(self._parts[-1]):
            last = self._parts.pop()
            self._parts[-1] = merge([self._parts[-1], last])


def _rings() -> tuple[Recent, ...]:
    return tuple(Recent(step, length) for step, length in _RINGS)
