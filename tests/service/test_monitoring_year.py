"""Hourly schedules on a hundred endpoints, servers that are killed, clocks that jump: each window once, by the journal.

A day of it by default; `WATCHPOST_SIMULATED_HOURS=8760` is the year.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from watchpost.events.envelope import Event
from watchpost.metrics.identity import Datum
from watchpost.service.clock import ManualClock
from watchpost.service.monitoring.documents import Members
from watchpost.service.processing.execution import Finished, Task
from watchpost.service.processing.runs import Asked
from watchpost.stores.open import open_store
from watchpost.stores.sql.chain import verify
from watchpost.stores.store import Recorded, Store, Transaction

from .monitored import HOUR, Around, Killed, World, definition, full_lake, timetable

ENDPOINTS = 100
HOURS = int(os.environ.get("WATCHPOST_SIMULATED_HOURS", "24"))  # noqa: TID251  how long a test may take is its caller's
START = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE: Members = {"Environment": {"watchpost_data_ready_after": "PT0S"}}


class Forgetful(Around):
    """What monitoring tells others, two million events a year, and nobody keeps it."""

    def put_within(self, tx: Transaction, data: Sequence[Datum]) -> None:
        """Let it go."""

    def publish(self, tx: Transaction, event: Event) -> None:
        """Let it go."""


class Runs:
    """Stand-ins for runs: one in 200 takes its server with it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.deaths, self.begun = rng, 0, 0

    def __call__(self, task: Task, asked: Asked) -> Finished:
        self.begun += 1
        if self.rng.random() < 0.005:
            self.deaths += 1
            raise Killed
        return Finished("Completed", "Completed: Job completed successfully with no violations.")


def test_each_window_of_a_hundred_hourly_schedules_is_executed_exactly_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(8760)
    store = open_store("sqlite://")
    clock, runs = ManualClock(START), Runs(rng)

    def born(name: str) -> World:
        return World(store, clock, tmp_path, execute=runs, around=Forgetful(), name=name, objects=full_lake())

    worlds = {name: born(name) for name in ("one", "two")}
    monitoring = worlds["one"].monitoring
    for number in range(ENDPOINTS):
        members = definition("DataQuality", application=AT_ONCE, endpoint={"EndpointName": f"endpoint-{number:03}"})
        monitoring.definitions.create("DataQuality", f"job-{number:03}", members, "me")
        config = timetable() | {"MonitoringJobDefinitionName": f"job-{number:03}"}
        monitoring.schedules.create(f"schedule-{number:03}", config, "me")
    monitoring.tick(START)
    end = START + HOURS * HOUR
    latest = START
    while latest < end or store.read(lambda tx: tx.waiting()):
        # Mostly an hour; sometimes the clock is set back, or a weekend passes without a server.
        jump = rng.choice([1.0, 0.4, -1.5, 7.0], p=[0.7, 0.15, 0.05, 0.1])
        now = clock.advance(
            max(min(jump * 3600, (end - clock.now()).total_seconds()), (START - clock.now()).total_seconds())
        )
        latest = max(latest, now)
        name = str(rng.choice(["one", "two"]))
        try:
            worlds[name].monitoring.tick(now)
            worlds[name].worker.step(max(now, latest))
        except Killed:
            worlds[name] = born(name)
            worlds[name].worker.recover(max(now, latest))
    ended = Counter(
        (line.entry.subject.rpartition("/")[2], str(line.entry.data["scheduled"]))
        for line in _journal(store, "monitoring-execution.end")
    )
    assert verify(store) is None
    store.close()
    assert set(ended.values()) == {1}
    assert len(ended) == ENDPOINTS * (HOURS + 1)
    times = {datetime.fromisoformat(at) for _, at in ended}
    assert times == {START + timedelta(hours=hour) for hour in range(HOURS + 1)}
    assert runs.begun == len(ended) + runs.deaths
    assert HOURS < 24 or runs.deaths


def _journal(store: Store, kind: str) -> Iterator[Recorded]:
    """The lines of a kind, newest first, a portion at a time: a year has a million."""
    before: int | None = None
    while lines := store.read(lambda tx: tx.journal(kinds=(kind,), before=before, limit=10_000)):  # noqa: B023  read at once
        yield from lines
        before = lines[-1].number
