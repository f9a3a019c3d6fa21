"""The server's own figures for Prometheus, as `/metrics` shows them. Every name starts with `watchpost_`."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from watchpost import __version__

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class SelfMetrics:
    """What the server counts and times about itself. Durations are in seconds. Every method may be called anywhere."""

    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        about = ("service", "operation")
        self._requests = Counter("watchpost_requests", "Requests answered", (*about, "status"), registry=own)
        self._request_seconds = Histogram(
            "watchpost_request_seconds", "Time to answer a request", about, registry=own, buckets=_SECONDS
        )
        self._ingested = Counter(
            "watchpost_ingested", "Data taken in: metric_data, log_events, events", ("what",), registry=own
        )
        self._rejected = Counter(
            "watchpost_rejected", "Data refused or put aside, by reason", ("what", "reason"), registry=own
        )
        self._commit_works = Histogram(
            "watchpost_commit_works", "Works that shared one commit", registry=own, buckets=_COUNTS
        )
        self._commit_seconds = Histogram(
            "watchpost_commit_seconds", "Time from the begin to the end of a commit", registry=own, buckets=_SECONDS
        )
        self._evaluation_seconds = Histogram(
            "watchpost_alarm_evaluation_seconds", "Time of one evaluation cycle", registry=own, buckets=_SECONDS
        )
        self._evaluation_lag = Gauge(
            "watchpost_alarm_evaluation_lag_seconds", "How late the last evaluation cycle began", registry=own
        )
        self._deliveries = Counter(
            "watchpost_deliveries", "Deliveries and target invocations, by outcome", ("queue", "outcome"), registry=own
        )
        self._restarts = Counter("watchpost_loop_restarts", "Failures of a background loop", ("loop",), registry=own)
        build = Gauge("watchpost_build_info", "The release that runs", ("version",), registry=own)
        build.labels(__version__).set(1)

    def request(self, service: str, operation: str, status: int, seconds: float) -> None:
        """A request was answered. Names come from the service models only, so that their number is bounded."""
        self._requests.labels(service, operation, str(status)).inc()
        self._request_seconds.labels(service, operation).observe(seconds)

    def ingested(self, what: str, count: int) -> None:
        """So many `metric_data`, `log_events` or `events` were taken in."""
        self._ingested.labels(what).inc(count)

    def rejected(self, what: str, reason: str, count: int = 1) -> None:
        """So many were refused or put aside; `reason` is one of a few words, never a name from a request."""
        self._rejected.labels(what, reason).inc(count)

    def committed(self, works: int, seconds: float) -> None:
        """So many works shared a commit."""
        self._commit_works.observe(works)
        self._commit_seconds.observe(seconds)

    def evaluated(self, seconds: float, lag: float) -> None:
        """An evaluation cycle took so long and began so late."""
        self._evaluation_seconds.observe(seconds)
        self._evaluation_lag.set(lag)

    def delivered(self, queue: str, outcome: str) -> None:
        """A task of a queue ended as `done`, `retry`, `given_up` or `unknown`."""
        self._deliveries.labels(queue, outcome).inc()

    def restarted(self, loop: str) -> None:
        """A background loop failed and was begun again."""
        self._restarts.labels(loop).inc()

    def watch(self, name: str, help: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """A gauge that is read when somebody looks: its values by label."""
        self._registry.register(_Read(name, help, label, read))

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)


class _Read(Collector):
    def __init__(self, name: str, help: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._help, self._label, self._read = name, help, label, read

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily(self._name, self._help, labels=[self._label])]

    def collect(self) -> Iterable[Metric]:
        gauge = GaugeMetricFamily(self._name, self._help, labels=[self._label])
        for value, figure in self._read().items():
            gauge.add_metric([value], figure)
        return [gauge]
