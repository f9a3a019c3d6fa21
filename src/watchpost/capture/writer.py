"""The writer of an endpoint variant's capture files: a bounded queue, and one background thread that does the rest."""

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from random import Random  # noqa: TID251  see CaptureWriter: an argument with a default, here at the serving process' edge
from weakref import WeakSet

from msgspec.structs import replace

from watchpost.capture.collector import Collector
from watchpost.capture.config import CaptureConfig, check_name
from watchpost.capture.counters import Counters
from watchpost.capture.destinations import Destination, destination_of
from watchpost.capture.exchange import Exchange
from watchpost.capture.record import CapturedCall, Handed, handed, kept
from watchpost.capture.slices import MOST_BYTES
from watchpost.capture.states import state_folder

# How many calls were handed over is noted often, as what is lost in a kill is counted by that. To empty the queue costs
# the requests several changes of threads, so it waits for a few notes; but not when it is half full.
_NOTE_SECONDS, _NOTES_A_TURN, _FULL = 0.1, 5, 0.5
# The largest slice is some 0.5 ms of work, the smallest a tenth of that, where calls need no looking into; each that
# does costs ten times as much. Between slices the thread sleeps, so that a request never waits longer than a slice for
# the interpreter's lock; without a sleep it would wait for the 5 ms after which Python makes threads take turns. Each
# sleep costs the requests a little, so a full queue is cut in larger ones.
_LEAST_SLICE, _MOST_SLICE, _MOST_LOOKED_INTO, _SLICES, _BREATH_SECONDS = 48, 512, 128, 8, 0.0005
_size: Callable[[Handed], int] = itemgetter(10)


class CaptureWriter:
    """Writes what an endpoint variant is asked and answers to hourly files (contract 1.1).

    `submit` hands a call over and returns at once; nothing here ever raises into the request. The thread starts with
    the first call, or `start`, so a server may fork after making the writer, and a forked child goes on with an empty
    queue and counters of its own. What is in memory is flushed when the interpreter exits.

    Args: destination: a folder, `s3://bucket/prefix`, or a Destination. state: folder for markers and the spool;
    default: a hidden one in the destination's folder, or for other destinations one in the system's temporary folder.
    clock: seconds since 1970. rng: of event ids; default: one of its own, seeded by the system, anew after a fork.
    Raises: Misconfigured.
    """

    def __init__(
        self,
        config: CaptureConfig,
        destination: str | Path | Destination,
        endpoint: str,
        variant: str = "AllTraffic",
        *,
        state: str | Path | None = None,
        clock: Callable[[], float] = time.time,  # noqa: TID251  the default at the serving process' edge
        rng: Random | None = None,
    ) -> None:
        self.endpoint, self.variant = (
            check_name("The endpoint's name", endpoint),
            check_name("The variant's name", variant),
        )
        self.config, self.clock, self._given_rng = config, clock, rng
        self._destination = destination_of(destination)
        self._state = state_folder(self._destination, self.endpoint, self.variant, state)
        _, self._most = config.sampling.bounds
        self.samples = self._most < 1
        self.most_body_bytes = config.max_body_bytes
        self._most_records, self._most_bytes = config.queue_records, config.queue_bytes
        self._urgent_records, self._urgent_bytes = _FULL * config.queue_records, _FULL * config.queue_bytes
        self._closed = False
        self._reset()
        _LIVING.add(self)
        atexit.register(self.close)

    def _reset(self) -> None:
        """Empty, without a thread: as made, or as a forked child begins."""
        self._rng = self._given_rng or Random()  # noqa: S311  ids need to be distinct, not secret
        self._lock = threading.Lock()
        self._queue: deque[Handed] = deque()
        self._queued_bytes = 0
        self._handed_over = self._sampled_out = self._dropped = self._incomplete = self._oversized = self._faults = 0
        self._wake, self._flushes = threading.Event(), deque[threading.Event]()
        self._collector = Collector(
            self.config, self._destination, f"{self.endpoint}/{self.variant}", self._state, self._rng
        )
        self._thread: threading.Thread | None = None

    # --- on the request's thread ------------------------------------------------------------------------------------

    def admit(self, inference_id: str | None = None) -> int | None:
        """A new event's 128 random bits; None if sampling leaves the call out, which is then counted.

        For whoever wants to know before it keeps bodies; under rules most calls pass, and are judged by `submit`.
        """
        event = self._rng.getrandbits(128)
        if self.samples and not kept(self._most, inference_id, event):
            with self._lock:
                self._sampled_out += 1
            return None
        return event

    def begin(self, inference_id: str | None = None) -> Exchange | None:
        """A call that begins now, to gather its bodies in; None if it is not to be captured. Never raises."""
        try:
            event = None
            if self.samples and (event := self.admit(inference_id)) is None:
                return None
            exchange = Exchange(self, event, self.clock())
            exchange.inference_id = inference_id
        except Exception:  # noqa: BLE001  the request must never feel a fault of ours; it is counted
            self.count_fault()
            return None
        return exchange

    def submit(self, call: CapturedCall) -> None:
        """Hand a call over. Never blocks, never raises; a full queue drops the call and counts it."""
        try:
            if call.event is None and self.samples:
                event = self.admit(call.inference_id)
                if event is None:
                    return
                call = replace(call, event=event)
            self.take(handed(call if call.at is not None else replace(call, at=self.clock())))
        except Exception:  # noqa: BLE001  the request must never feel a fault of ours; it is counted
            self.count_fault()

    def take(self, call: Handed) -> None:
        """Hand over a call that was admitted and has its instant, as submit does."""
        try:
            # A `with` costs as much again as the lock.
            lock, size = self._lock, call[10]
            lock.acquire()
            try:
                waiting = self._queued_bytes + size
                if waiting > self._urgent_bytes or len(self._queue) >= self._urgent_records or self._closed:
                    if waiting > self._most_bytes or len(self._queue) >= self._most_records or self._closed:
                        self._dropped += 1
                        return
                    if not self._wake.is_set():
                        self._wake.set()
                # A tuple of bytes and texts, which the garbage collector looks at once and never again: else a queue
                # of thousands would cost every request.
                self._queue.append(call)
                self._queued_bytes = waiting
                self._handed_over += 1
            finally:
                lock.release()
            if self._thread is None:
                self.start()
        except Exception:  # noqa: BLE001  the request must never feel a fault of ours; it is counted
            self.count_fault()

    def count_incomplete(self) -> None:
        """Count a request that gave nothing to record: no successful answer, cut off, or a body nobody read."""
        with self._lock:
            self._incomplete += 1

    def count_oversized(self) -> None:
        """Count a request with a body above the cap."""
        with self._lock:
            self._oversized += 1

    def count_fault(self) -> None:
        """Count a fault of ours."""
        with self._lock:
            self._faults += 1

    # --- of its life ------------------------------------------------------------------------------------------------

    @property
    def destination(self) -> str:
        """The path or URI below which the files go."""
        return self._destination.name

    @property
    def counters(self) -> Counters:
        """What became of the calls so far, in this process."""
        done = self._collector.progress()
        return Counters(
            captured=done.captured,
            sampled_out=self._sampled_out + done.sampled_out,
            dropped=self._dropped,
            failed=done.failed,
            oversized=self._oversized + done.oversized,
            incomplete=self._incomplete,
            withheld=done.withheld,
            faults=self._faults + done.faults,
            lost=done.lost,
            pending=max(self._handed_over - done.safe, 0),
            spooled=done.spooled,
            files=done.files,
            retries=done.retries,
        )

    def start(self) -> None:
        """Start the background thread now, and with it the account of earlier writers; not before a fork."""
        with self._lock:
            if self._thread is not None or self._closed:
                return
            thread = threading.Thread(target=self._run, name=f"capture {self.endpoint}/{self.variant}", daemon=True)
            thread.start()
            self._thread = thread

    def flush(self, timeout: float = 10.0) -> bool:
        """Write all that was handed over. False if not all of it is at the destination after so many seconds."""
        self._flush(timeout)
        counters = self.counters
        return not (counters.pending or counters.spooled)

    def close(self, timeout: float = 15.0) -> bool:
        """Write all, end the thread; see flush. What the destination does not take is spooled for the next writer."""
        with self._lock:
            already, self._closed = self._closed, True
        if not already:
            atexit.unregister(self.close)
            _LIVING.discard(self)
            if self._thread is not None:
                self._wake.set()
                self._thread.join(timeout)
        counters = self.counters
        return not (counters.pending or counters.spooled)

    def _flush(self, timeout: float) -> None:
        # The call before may be handed over and its thread not made yet, by another thread.
        if self._thread is None and self._handed_over:
            self.start()
        if self._thread is None or not self._thread.is_alive():
            return
        done = threading.Event()
        self._flushes.append(done)
        self._wake.set()
        done.wait(timeout)

    # --- on the background thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        collector, closing = self._collector, False
        try:
            collector.begin(self.clock())
        except Exception:  # noqa: BLE001  a worker's top loop: without a marker it still captures
            collector.count_fault()
        notes = 0
        while not closing:
            woken = self._wake.wait(_NOTE_SECONDS)
            self._wake.clear()
            closing = self._closed
            asked = [self._flushes.popleft() for _ in range(len(self._flushes))]
            notes = 0 if woken or asked or closing else (notes + 1) % _NOTES_A_TURN
            try:
                if notes:
                    collector.note(self._handed_over)
                else:
                    self._turn(collector, everything=bool(asked) or closing)
            except Exception:  # noqa: BLE001  a worker's top loop: the fault is counted, the next turn goes on
                collector.count_fault()
            for done in asked:
                done.set()
        collector.end(self._handed_over)
        while self._flushes:
            self._flushes.popleft().set()

    def _turn(self, collector: Collector, *, everything: bool) -> None:
        """Empty the queue as it stands, write what is due, note how far it came."""
        collector.note(self._handed_over)
        waiting = len(self._queue)
        size = min(max(waiting // _SLICES, _LEAST_SLICE), _MOST_SLICE if collector.plain else _MOST_LOOKED_INTO)
        # A few large bodies are as much work as many small ones.
        if self._queued_bytes > MOST_BYTES:
            size = min(size, waiting * MOST_BYTES // (2 * self._queued_bytes) + 1)
        for _ in range(-(-waiting // size)):
            now = self.clock()
            collector.collect(self._taken(size), now)
            if not everything:
                time.sleep(_BREATH_SECONDS)
        collector.write_due(self.clock(), everything=everything)
        collector.note(self._handed_over)

    def _taken(self, most: int) -> list[Handed]:
        with self._lock:
            taken = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
            self._queued_bytes -= sum(map(_size, taken))
            return taken

    def _after_fork(self) -> None:
        self._collector.forget()
        self._reset()


# The writers of this process, for the one moment when a child was forked: its copies of their threads do not run, and
# what is in their queues is the parent's to write.
_LIVING: WeakSet[CaptureWriter] = WeakSet()


def _after_fork_in_child() -> None:
    for writer in list(_LIVING):
        writer._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
