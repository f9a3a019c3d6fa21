"""What passes through the gateway, counted by variant and interval, as SageMaker's endpoint metrics.

Latencies are microseconds. Source of names, units and meanings: Amazon SageMaker developer guide, "Monitor SageMaker AI
with Amazon CloudWatch", endpoint invocation metrics.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

from watchpost.metrics.identity import Datum, Metric
from watchpost.service.endpoints.documents import ONCE_A_MINUTE, Publishing

NAMESPACE = "AWS/SageMaker"
# Beyond so many different latencies in an interval, further ones are rounded to two digits: memory stays bounded.
_MOST_DISTINCT = 5000


@dataclass(frozen=True, slots=True)
class Outcome:
    """One invocation: the model's HTTP status (None: no answer came), how long it took and how long all the rest.

    `model_us` None: the model was not asked at all. `instances`: how many the variant has. `refused`: the caller got a
    5xx of ours.
    """

    status: int | None
    model_us: int | None
    overhead_us: int
    instance: str
    instances: int = 1
    refused: bool = False


@dataclass(slots=True)
class _Interval:
    count: int = 0
    client_errors: int = 0
    server_errors: int = 0
    model_errors: int = 0
    per_instance: Counter[float] = field(default_factory=Counter)
    model: Counter[int] = field(default_factory=Counter)
    overhead: Counter[int] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        status = outcome.status or 0
        self.count += 1
        self.client_errors += 400 <= status < 500
        self.server_errors += 500 <= status < 600 or outcome.refused
        self.model_errors += not 200 <= status < 300
        self.per_instance[1 / max(outcome.instances, 1)] += 1
        if outcome.model_us is not None:
            _count(self.model, outcome.model_us)
        _count(self.overhead, outcome.overhead_us)


@dataclass(frozen=True, slots=True)
class Counted:
    """A variant whose invocations are counted, also when there are none."""

    endpoint: str
    variant: str
    publishing: Publishing = ONCE_A_MINUTE


class Figures:
    """The counts of all variants. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._intervals: dict[tuple[Counted, str, int], _Interval] = {}
        self._reported: dict[Counted, int] = {}

    def record(self, counted: Counted, second: float, outcome: Outcome) -> None:
        """Count one invocation that ended at an instant (epoch seconds)."""
        start = int(second) // counted.publishing.invocation_seconds * counted.publishing.invocation_seconds
        with self._lock:
            self._interval(counted, "", start).add(outcome)
            if counted.publishing.enhanced and outcome.instance:
                self._interval(counted, outcome.instance, start).add(outcome)

    def watch(self, variants: frozenset[Counted], second: float) -> None:
        """Say which variants there are; intervals of theirs without an invocation are reported as zero."""
        with self._lock:
            self._reported = {
                counted: self._reported.get(counted, int(second) // counted.publishing.invocation_seconds)
                for counted in sorted(variants, key=str)
            }

    def due(self, second: float, *, all_of_them: bool = False) -> list[Datum]:
        """The data of the intervals that have ended, each once; `all_of_them`: also of those that have not."""
        data: list[Datum] = []
        with self._lock:
            for key, interval in list(self._intervals.items()):
                counted, instance, start = key
                if all_of_them or start + counted.publishing.invocation_seconds <= second:
                    data += _data(counted, instance, start, interval)
                    del self._intervals[key]
            seen = {(datum.metric.dimensions, int(datum.timestamp)) for datum in data}
            for counted, reported in self._reported.items():
                current = int(second) // counted.publishing.invocation_seconds
                for number in range(max(reported, current - 5), current):
                    start = number * counted.publishing.invocation_seconds
                    if (Metric.of("", "", _dimensions(counted, "")).dimensions, start) not in seen:
                        data.append(_datum(counted, "", "Invocations", start, {0.0: 1}))
                self._reported[counted] = max(current, reported)
        return data

    def _interval(self, counted: Counted, instance: str, start: int) -> _Interval:
        key = (counted, instance, start)
        found = self._intervals.get(key)
        if found is None:
            found = self._intervals[key] = _Interval()
        return found


def _count(latencies: Counter[int], latency: int) -> None:
    if latency not in latencies and len(latencies) >= _MOST_DISTINCT:
        latency = int(float(f"{latency:.2g}"))
    latencies[latency] += 1


def _data(counted: Counted, instance: str, start: int, interval: _Interval) -> list[Datum]:
    def rate(errors: int) -> dict[float, int]:
        # One datum for each request, 0 or 1: so the average is the rate.
        return {value: n for value, n in ((0.0, interval.count - errors), (1.0, errors)) if n}

    found: list[tuple[str, Mapping[float, int], str]] = [
        ("Invocations", {1.0: interval.count}, "None"),
        ("Invocation4XXErrors", rate(interval.client_errors), "None"),
        ("Invocation5XXErrors", rate(interval.server_errors), "None"),
        ("InvocationModelErrors", rate(interval.model_errors), "None"),
        ("InvocationsPerInstance", interval.per_instance, "None"),
        ("ModelLatency", {float(us): n for us, n in interval.model.items()}, "Microseconds"),
        ("OverheadLatency", {float(us): n for us, n in interval.overhead.items()}, "Microseconds"),
    ]
    return [_datum(counted, instance, name, start, values, unit) for name, values, unit in found if values]


def _dimensions(counted: Counted, instance: str) -> dict[str, str]:
    named = {"EndpointName": counted.endpoint, "VariantName": counted.variant}
    return {**named, "InstanceId": instance} if instance else named


def _datum(
    counted: Counted, instance: str, name: str, start: int, values: Mapping[float, int], unit: str = "None"
) -> Datum:
    return Datum(
        Metric.of(NAMESPACE, name, _dimensions(counted, instance)),
        float(start),
        values=tuple(values),
        counts=tuple(float(n) for n in values.values()),
        unit=unit,
        resolution=1 if counted.publishing.invocation_seconds < 60 else 60,
    )
