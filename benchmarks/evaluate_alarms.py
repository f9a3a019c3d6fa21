"""One cycle of evaluation of ten thousand threshold alarms, each on a series of its own; no alarm changes its state.

In a process that keeps the newest data in memory, and in one that was just started and has everything in SQLite.
"""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np

from benchmarks.measure import Contender, Row, Table, Turn, race
from benchmarks.prometheus_rules import seconds_of_a_cycle
from watchpost.alarms.evaluation import evaluate
from watchpost.alarms.records import AlarmState, MetricAlarm
from watchpost.metrics.identity import Datum, Metric, MetricStat
from watchpost.service.alarms.alarms import Alarms
from watchpost.service.alarms.documents import METRIC_ALARM, STATE
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.metrics.metrics import Metrics
from watchpost.stores.open import open_store
from watchpost.stores.store import Transaction

REACH = "from memory at most 0.005 s, after a restart at most 0.100 s"
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
# Alarms on three periods of ten seconds look at six; one datum a period has come in for some minutes.
PERIOD, COUNTED, LOOKED_AT, LIMIT = 10, 3, 6, 100.0
PAST, ROUNDS = 30, 7


class Nobody:
    """Topics and events of alarms that never change."""

    def publish(self, *told: object, **more: object) -> str:
        """Nothing may be told."""
        raise AssertionError(f"an alarm changed its state: {told} {more}")


class House:
    """A database on disk with alarms that are OK, and the clients that report data."""

    def __init__(self, alarms: int) -> None:
        self.clock = ManualClock(NOON)
        self.store = open_store(Path(tempfile.mkdtemp(prefix="watchpost-bench-")) / "watchpost.db")
        self._metrics = [Metric.of("Bench", "latency", {"EndpointName": f"endpoint-{i}"}) for i in range(alarms)]
        self.store.write(self._keep)
        self.reported = Metrics(self.store, self.clock)
        for _ in range(PAST):
            self.report()
        self.reported.fold(self.clock.now())

    def _keep(self, tx: Transaction) -> None:
        for i, metric in enumerate(self._metrics):
            alarm = MetricAlarm(
                name=f"latency-{i}",
                arn=f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:latency-{i}",
                created=NOON,
                updated=NOON,
                evaluation_periods=COUNTED,
                operator="GreaterThanThreshold",
                stat=MetricStat(metric, PERIOD, "Average", None),
                threshold=LIMIT,
            )
            tx.put(METRIC_ALARM, alarm.name, alarm)
            tx.put(STATE, alarm.name, AlarmState("OK", "Threshold not crossed", NOON))

    def report(self) -> None:
        """A datum of every series, and a period passes."""
        at = self.clock.now().timestamp()
        data = [Datum(metric, at, (float(i % 90),), (1.0,), resolution=1) for i, metric in enumerate(self._metrics)]
        for first in range(0, len(data), 1000):
            self.reported.put(data[first : first + 1000])
        self.clock.advance(PERIOD)

    def alarms(self, metrics: Metrics) -> Alarms:
        """The alarms of a process that has read none of them yet."""
        nobody, ids = Nobody(), count()
        configuration = Configuration(Path("unused"))
        return Alarms(self.store, self.clock, metrics, nobody, nobody, configuration, lambda: str(next(ids)))


def from_memory(alarms: str) -> Turn:
    """The cycle of a server that runs: what is due is evaluated and noted durably.

    The server reads on what came in every two seconds, whether it evaluates or not, and keeps ready what alarms asked.
    """
    house = House(int(alarms))
    server = house.alarms(house.reported)

    def prepare() -> None:
        house.report()
        house.reported.look()

    return Turn(prepare, lambda: server.tick(house.clock.now()))


def after_a_restart(alarms: str) -> Turn:
    """The first cycle of a process: alarms, states, names of series and data are read from SQLite.

    Imports and opening the database are not part of it.
    """
    house = House(int(alarms))

    def cycle() -> int:
        return house.alarms(Metrics(house.store, house.clock)).tick(house.clock.now())

    return Turn(house.report, cycle)


def one_by_one(alarms: str) -> Callable[[], object]:
    """The rule itself, alarm by alarm, the datapoints at hand."""
    values = np.tile(np.arange(int(alarms))[:, None] % 90.0, LOOKED_AT).tolist()

    def cycle() -> list[str]:
        marks = (["X" if value > LIMIT else "0" for value in row] for row in values)
        return [evaluate(row, COUNTED, COUNTED, "missing", "OK") for row in marks]

    return cycle


def limit(alarms: str) -> Callable[[], object]:
    """Compare every datapoint with its threshold, and count."""
    values, limits = np.full((int(alarms), COUNTED), 1.0), np.full((int(alarms), 1), LIMIT)
    return lambda: (values > limits).sum(axis=1) >= COUNTED


CONTENDERS: dict[str, Contender] = {
    "numpy, compare only (the limit)": limit,
    "Watchpost, from memory": from_memory,
    "Watchpost, first cycle after a restart": after_a_restart,
    "one by one in Python, data at hand": one_by_one,
}


def plan(scale: float) -> list[Table]:
    """10,000 alarms, and as many rules of Prometheus where it is installed."""
    alarms = int(10_000 * scale)
    title = f"{alarms:,} threshold alarms, one cycle"
    table = race(title, "evaluate_alarms", list(CONTENDERS), str(alarms), rounds=ROUNDS, reach=REACH)
    peer = seconds_of_a_cycle(alarms, COUNTED * PERIOD, LIMIT)
    rows = table.rows if peer is None else (*table.rows, Row("Prometheus, as many rules, its own figure", peer))
    absent = "" if peer is not None else ". Prometheus is not installed here and was not measured"
    return [Table(title, rows, REACH + absent, table.faults)]
