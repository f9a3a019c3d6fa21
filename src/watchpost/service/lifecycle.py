"""Background loops: begun together, watched while they run, stopped together."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic

import structlog

from watchpost.errors import ServerError

_SECOND_CHANCE, _LONGEST_PAUSE = 1.0, 60.0
# A loop that has not looked at its stop sign for so long, over what it said it would wait, is stuck.
_GRACE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class LoopState:
    """How a loop fares: `beating` when its thread runs and comes round; `failures` since the start, `last` in words."""

    name: str
    beating: bool
    failures: int
    last: str | None


class StopSign(Event):
    """The event a loop is given. Each look at it is a sign of life, so loops need not know that they are watched."""

    def __init__(self, seconds: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._expected = seconds()

    @property
    def late(self) -> bool:
        """Whether the loop ought to have looked long ago."""
        return self._seconds() > self._expected + _GRACE_SECONDS

    def expect(self, seconds: float) -> None:
        """The loop says that it will not look for so long."""
        self._expected = self._seconds() + seconds

    def is_set(self) -> bool:
        """Whether to stop."""
        self.expect(0.0)
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the sign."""
        self.expect(float("inf") if timeout is None else timeout)
        try:
            return super().wait(timeout)
        finally:
            self.expect(0.0)


class Loop:
    """A thread that runs `run(stop)` until told to stop, and begins it again should it fail."""

    def __init__(
        self,
        name: str,
        run: Callable[[Event], None],
        failed: Callable[[str], None],
        pause_seconds: float = _SECOND_CHANCE,
    ) -> None:
        """`failed` is told the name at each failure; after the first, the loop begins again in `pause_seconds`."""
        self._name, self._run, self._failed, self._pause = name, run, failed, pause_seconds
        self._stop, self._failures = StopSign(), 0
        self._last: str | None = None
        self._thread = Thread(target=self._serve, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop."""
        self._stop.set()

    def join(self, seconds: float) -> bool:
        """Wait for its end; whether it came."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def state(self) -> LoopState:
        """How it fares."""
        beating = self._thread.is_alive() and not self._stop.late
        return LoopState(self._name, beating, self._failures, self._last)

    def _serve(self) -> None:
        log = structlog.get_logger("watchpost.loops")
        pause = self._pause
        while not self._stop.is_set():
            began = monotonic()
            try:
                self._run(self._stop)
            except Exception as problem:  # noqa: BLE001  a loop's top: whatever failed, it is begun again
                self._failures += 1
                self._last = f"{type(problem).__name__}: {problem}"
                self._failed(self._name)
                _tell(log, problem, self._name, pause)
                # A loop that ran well for long deserves a quick second chance.
                pause = self._pause if monotonic() - began > _LONGEST_PAUSE else min(pause * 2, _LONGEST_PAUSE)
                self._stop.wait(pause)
            else:
                return


def _tell(log: structlog.stdlib.BoundLogger, problem: Exception, loop: str, pause: float) -> None:
    """What the server knows to say in a sentence, such as a full disk, needs no traceback; a bug does."""
    if isinstance(problem, ServerError):
        log.error("loop failed", loop=loop, why=str(problem), again_in_seconds=pause)
    else:
        log.error("loop failed", loop=loop, again_in_seconds=pause, exc_info=problem)
