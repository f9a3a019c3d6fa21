"""Simulated hours: a clock that is moved by hand, and waiting for what the server does meanwhile."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from watchpost.errors import ServerError
from watchpost.service.clock import ManualClock

HOUR = timedelta(hours=1)
_LOOK_SECONDS, _PATIENCE_SECONDS = 0.02, 600.0
# A server that was begun within the hour still has its last window to run; the demo's must have run by now.
_AFTERWARDS = timedelta(minutes=20)


class Hours:
    """`count` whole hours that end about now: the present belongs to whoever starts the server afterwards."""

    def __init__(self, now: datetime, count: int) -> None:
        self.count = count
        self.end = (now - _AFTERWARDS).replace(minute=0, second=0, microsecond=0)
        self.start = self.end - count * HOUR
        self.clock = ManualClock(self.start - HOUR)

    def go_to(self, at: datetime) -> None:
        """Move the clock on; it never goes back."""
        ahead = (at - self.clock.now()).total_seconds()
        if ahead > 0:
            self.clock.advance(ahead)

    def until(self, what: str, happened: Callable[[], bool], step: float = 0.0) -> None:
        """Wait in real time until something has happened, the clock moving `step` seconds at every look.

        Raises: ServerError: it does not happen; `what` says in words what was awaited.
        """
        latest = time.monotonic() + _PATIENCE_SECONDS
        while not happened():
            if time.monotonic() > latest:
                raise ServerError(f"Waited {_PATIENCE_SECONDS:g} s in vain for {what}.")
            if step:
                self.clock.advance(step)
            time.sleep(_LOOK_SECONDS)
