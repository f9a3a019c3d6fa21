"""What the background thread does with calls: lines of them, files of the lines, and an account of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random  # noqa: TID251  the type of an argument

from watchpost.capture.batches import OpenBatches
from watchpost.capture.config import CaptureConfig
from watchpost.capture.delivery import Delivery
from watchpost.capture.destinations import Destination
from watchpost.capture.predecessors import Marker
from watchpost.capture.record import Handed, Transcriber, call_of, event_id
from watchpost.capture.slices import FEWEST, lines_at_once
from watchpost.capture.spool import Spool


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of what left the queue, in the words of Counters.

    safe: of what was handed over, all that needs this process no longer.
    """

    captured: int
    sampled_out: int
    failed: int
    oversized: int
    withheld: int
    faults: int
    lost: int
    spooled: int
    files: int
    retries: int
    safe: int


class Collector:
    """For one thread, but `progress`. Instants are seconds since 1970. plain: no payload needs to be looked into."""

    def __init__(self, config: CaptureConfig, destination: Destination, prefix: str, state: Path, rng: Random) -> None:
        self._config, self._state, self._rng = config, state, rng
        self._transcriber = Transcriber(config)
        self.plain = self._transcriber.plain
        self._batches = OpenBatches(prefix, config.flush_seconds, config.flush_bytes)
        self._delivery = Delivery(destination, Spool(None, config.spool_bytes), rng.random)
        self._destination = destination
        self._marker: Marker | None = None
        self._left = {"sampled_out": 0, "withheld": 0, "oversized": 0}
        self._faults = self._unwritten = self._lost = self._adopted = 0

    def begin(self, now: float) -> None:
        """Make a marker and a spool, and take over what dead writers left. Raises: OSError."""
        self._marker = Marker(self._state, event_id(self._rng.getrandbits(128)))
        spool = Spool(self._marker.spool, self._config.spool_bytes)
        self._delivery = Delivery(self._destination, spool, self._rng.random)
        for dead in self._marker.predecessors():
            self._lost += dead.lost
            if dead.spool.is_dir():
                self._adopted += spool.adopt(dead.spool)
        self._delivery.retry(now)

    def collect(self, calls: Sequence[Handed], now: float) -> None:
        """Gather the calls' lines, or count why they have none."""
        if len(calls) < FEWEST or not self.plain:
            self._collect_each(calls, now)
            return
        try:
            lines = lines_at_once(calls, now, self._transcriber, self._rng.randbytes)
        except Exception:  # noqa: BLE001  which call nobody thought of, and that it costs itself only, is found out below
            lines = None
        if lines is not None:
            self._batches.add(lines.body, lines.at, now, lines.records)
            return
        middle = len(calls) // 2
        self.collect(calls[:middle], now)
        self.collect(calls[middle:], now)

    def _collect_each(self, calls: Sequence[Handed], now: float) -> None:
        draw, line_of, add = self._rng.getrandbits, self._transcriber.line, self._batches.add
        for waiting in calls:
            try:
                call = call_of(waiting)
                at, event = now if call.at is None else call.at, call.event
                line = line_of(call, at, draw(128) if event is None else event)
                if isinstance(line, bytes):
                    add(line, at, now)
                else:
                    self._left[line] += 1
            except Exception:  # noqa: BLE001  a worker's loop: a call nobody thought of costs itself only, and is counted
                self._faults += 1
                self._unwritten += 1

    def write_due(self, now: float, *, everything: bool) -> None:
        """Write the files that are due, or all, and try again what waits."""
        # What waits goes first: after a failure the rest joins it without another try, and with a slow store a last
        # flush takes one timeout, not several.
        self._delivery.retry(now, at_once=everything)
        for hour in self._batches.all() if everything else self._batches.due(now):
            self._delivery.deliver(self._batches.take(hour, now, self._rng.getrandbits(128)), now)

    def note(self, handed_over: int) -> None:
        """Note in the marker how many records came and how many are safe. Raises: OSError."""
        if self._marker is not None:
            self._marker.note(handed_over, self.progress().safe)

    def end(self, handed_over: int) -> None:
        """The last word: what waits in memory goes to disk or is given up, and the marker with it."""
        self._delivery.delivered.failed += self._delivery.spool.to_disk()
        if self._marker is None:
            return
        if self._delivery.spool:
            try:
                self.note(handed_over)
            except OSError:
                self._faults += 1
            self._marker.let_go()
        else:
            self._marker.remove()

    def forget(self) -> None:
        """In a forked child: the marker and the spool are the parent's."""
        if self._marker is not None:
            self._marker.let_go()

    def count_fault(self) -> None:
        """Count a fault of ours."""
        self._faults += 1

    def progress(self) -> Progress:
        """How far it came; from any thread, then as of a moment ago."""
        delivered, spool = self._delivery.delivered, self._delivery.spool
        left, on_disk = self._left, spool.on_disk
        # What was adopted was not handed over to this writer.
        settled = delivered.captured + delivered.failed + sum(left.values()) + self._unwritten
        return Progress(
            captured=delivered.captured,
            sampled_out=left["sampled_out"],
            failed=delivered.failed,
            oversized=left["oversized"],
            withheld=left["withheld"],
            faults=self._faults,
            lost=self._lost,
            spooled=on_disk,
            files=delivered.files,
            retries=delivered.retries,
            safe=settled + on_disk - self._adopted,
        )
