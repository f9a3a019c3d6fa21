"""Bringing files to their destination: at once, or later from the spool, with ever longer pauses after failures."""

from collections.abc import Callable
from dataclasses import dataclass

from watchpost.capture.batches import Batch
from watchpost.capture.destinations import Destination
from watchpost.capture.spool import Spool

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


@dataclass(slots=True)
class Delivered:
    """What came of the files so far. Records, but for files and retries."""

    captured: int = 0
    failed: int = 0
    files: int = 0
    retries: int = 0


class Delivery:
    """Writes files and spools what cannot be written. For one thread; instants are seconds since 1970.

    Args: random: numbers in [0, 1), to spread the retries of many writers.
    """

    def __init__(self, destination: Destination, spool: Spool, random: Callable[[], float]) -> None:
        self._destination, self.spool, self._random = destination, spool, random
        self._pause, self._not_before = 0.0, 0.0
        self.delivered = Delivered()

    def deliver(self, batch: Batch, now: float) -> None:
        """Write a file, or keep it behind those that wait; beyond the spool's bound it is given up and counted."""
        if not self.spool and self._may_try(now) and self._written(batch, now):
            self._count(batch.records)
        elif not self.spool.keep(batch):
            self.delivered.failed += batch.records

    def retry(self, now: float, *, at_once: bool = False) -> None:
        """Write what waits, until one fails; if the pause is over, or at once."""
        while self.spool and (at_once or self._may_try(now)):
            try:
                batch = self.spool.first()
            except OSError:
                self.delivered.failed += self.spool.remove_first()
                continue
            if not self._written(batch, now):
                return
            self.spool.remove_first()
            self._count(batch.records)

    def _may_try(self, now: float) -> bool:
        # A clock that was set back must not stretch the pause.
        return now >= self._not_before or self._not_before - now > LONGEST_PAUSE_SECONDS * 2

    def _written(self, batch: Batch, now: float) -> bool:
        try:
            self._destination.write(batch.key, batch.body)
        except Exception:  # noqa: BLE001  the end of a worker's loop: whatever a store raises, the file is kept and tried again
            self.delivered.retries += 1
            self._pause = min(max(self._pause * 2, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
            self._not_before = now + self._pause * (0.5 + 0.5 * self._random())
            return False
        self._pause = self._not_before = 0.0
        return True

    def _count(self, records: int) -> None:
        self.delivered.captured += records
        self.delivered.files += 1
