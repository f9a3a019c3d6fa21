"""Where the hour comes from. Everything below `service` takes the instant as an argument."""

import time
from datetime import UTC, datetime, timedelta
from threading import Condition, Event
from typing import Protocol


class Clock(Protocol):
    """The source of instants and of waiting."""

    def now(self) -> datetime:
        """This instant, aware, UTC."""

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait until `stop` is set or so many seconds have passed on this clock; True if `stop` is set."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """This instant, aware, UTC."""
        return datetime.fromtimestamp(time.time(), UTC)

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait until `stop` is set or so many seconds have passed; True if `stop` is set."""
        return stop.wait(max(seconds, 0.0))


class ManualClock:
    """A clock that moves only when told: for tests, replay and accelerated demonstrations."""

    def __init__(self, now: datetime) -> None:
        self._now, self._moved = now, Condition()

    def now(self) -> datetime:
        """The instant it was last set to."""
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Move on by so many seconds and wake who waits; returns the new instant."""
        with self._moved:
            self._now += timedelta(seconds=seconds)
            self._moved.notify_all()
            return self._now

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait until the clock was moved on by so many seconds or `stop` is set; True if `stop` is set."""
        until = self._now + timedelta(seconds=seconds)
        with self._moved:
            while self._now < until and not stop.is_set():
                # A short slice of real time, so that setting `stop` is noticed without the clock being moved.
                self._moved.wait(0.02)
        return stop.is_set()
