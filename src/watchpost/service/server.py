"""The server as one value: a store, a clock and the use cases built on them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from uuid import uuid4

from watchpost import __version__
from watchpost.errors import StoreUnavailable
from watchpost.service.alarms.alarms import Alarms
from watchpost.service.clock import Clock, SystemClock
from watchpost.service.configuration import Configuration
from watchpost.service.credentials import Credentials, KeyChange
from watchpost.service.endpoints.endpoints import Endpoints, states_of
from watchpost.service.endpoints.settings import read_settings
from watchpost.service.events.events import Events
from watchpost.service.health import Health, HealthCheck
from watchpost.service.home import prepared, server_name
from watchpost.service.lifecycle import Loop
from watchpost.service.logs.logs import Logs
from watchpost.service.metrics.anomaly_detectors import AnomalyDetectors
from watchpost.service.metrics.dashboards import Dashboards
from watchpost.service.metrics.metrics import Metrics
from watchpost.service.metrics.queries import MetricQueries
from watchpost.service.monitoring.endpoints import MonitoredEndpoints
from watchpost.service.monitoring.monitoring import Monitoring
from watchpost.service.objects import opened_objects
from watchpost.service.pulse import Pulse
from watchpost.service.queued_work import Trade, worker
from watchpost.service.registry.model_registry import ModelRegistry
from watchpost.service.registry.tags import SagemakerTags
from watchpost.service.retention.object_expiration import BucketLifecycles
from watchpost.service.retention.retention import Retention
from watchpost.service.retention.settings import read_settings as read_retention
from watchpost.service.self_metrics import SelfMetrics
from watchpost.service.sign_in import SignIn
from watchpost.service.topics.topics import Topics
from watchpost.stores.objects.objects import Objects
from watchpost.stores.objects.uploads import Uploads
from watchpost.stores.open import open_store
from watchpost.stores.store import Entry, Store

# Longer than the longest attempt of a delivery, which a stop waits for.
_STOP_SECONDS = 30.0


@dataclass(slots=True)
class Server:
    """Everything an operation may use; fronts get one and call its use cases.

    `name` is the same after every restart: what the server calls itself in claims and leases.
    """

    configuration: Configuration
    clock: Clock
    store: Store
    new_id: Callable[[], str]
    name: str
    credentials: Credentials
    sign_in: SignIn
    self_metrics: SelfMetrics
    objects: Objects
    uploads: Uploads
    bucket_lifecycles: BucketLifecycles
    metrics: Metrics
    anomaly_detectors: AnomalyDetectors
    metric_queries: MetricQueries
    topics: Topics
    events: Events
    logs: Logs
    alarms: Alarms
    dashboards: Dashboards
    model_registry: ModelRegistry
    sagemaker_tags: SagemakerTags
    endpoints: Endpoints
    monitoring: Monitoring
    pulse: Pulse
    loops: tuple[Loop, ...]
    _check: HealthCheck = field(init=False)
    _started: bool = False

    def __post_init__(self) -> None:
        self._check = HealthCheck(self.store, self.clock, self.name)

    def start(self) -> None:
        """Begin the background work: evaluation, schedules, deliveries, upkeep."""
        self._started = True
        self.pulse.begin({"version": __version__})
        for loop in self.loops:
            loop.start()

    def health(self) -> Health:
        """What is alive: the store takes writes, every loop comes round."""
        return self._check.health(tuple(loop.state for loop in self.loops))

    def close(self) -> None:
        """Stop the background work, wait for it, let go of the store. Closing twice is no fault."""
        for loop in self.loops:
            loop.stop()
        still = [loop for loop in self.loops if not loop.join(_STOP_SECONDS)]
        if self._started and not still:
            self._started = False
            self._say_goodbye()
        self.store.close()

    def _say_goodbye(self) -> None:
        try:
            self.pulse.end()
        except StoreUnavailable:
            # The store is what failed: the next start will find that this life was cut off, and that is true.
            return

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def random_id() -> str:
    """A new identifier: a random UUID."""
    return str(uuid4())


def open_server(
    configuration: Configuration, clock: Clock | None = None, new_id: Callable[[], str] = random_id
) -> Server:
    """The server of a home folder, its store open and its use cases built; nothing runs before `start`.

    Raises: Misconfigured: a setting makes no sense. StoreUnavailable: the database cannot be opened.
    """
    home = prepared(configuration.home)
    self_metrics = SelfMetrics()
    store = open_store(configuration.database or home / "watchpost.db", self_metrics.committed)
    try:
        return _composed(configuration, clock or SystemClock(), new_id, store, self_metrics)
    except BaseException:
        store.close()
        raise


def _composed(
    configuration: Configuration, clock: Clock, new_id: Callable[[], str], store: Store, self_metrics: SelfMetrics
) -> Server:
    name = server_name(configuration.home)
    objects, uploads = opened_objects(configuration, clock.now())
    metrics = Metrics(store, clock)
    detectors = AnomalyDetectors(store, metrics, clock, configuration)
    topics = Topics(store, clock, configuration, new_id)
    events = Events(store, clock, topics, configuration, new_id)
    logs = Logs(store, clock, metrics, topics, configuration, new_id, name)
    events.log_with(logs.put)
    alarms = Alarms(
        store,
        clock,
        metrics,
        topics,
        events,
        configuration,
        new_id,
        holder=name,
        settings=detectors.settings,
        detectors=detectors.ensure,
        evaluated=self_metrics.evaluated,
    )
    endpoints = Endpoints(
        store,
        clock,
        configuration,
        new_id,
        events=events,
        objects=objects,
        put_metrics=metrics.put,
        put_logs=logs.put,
        settings=read_settings(configuration.home),
        in_alarm=states_of(alarms),
    )
    monitored = MonitoredEndpoints(store, configuration.home)
    monitoring = Monitoring(
        store,
        clock,
        objects,
        monitored,
        metrics,
        events,
        logs.put,
        configuration,
        new_id,
        model_plan=monitored.model,
        flush=endpoints.flush_capture,
    )
    monitoring.tidy()
    retention = Retention(store, clock, configuration, objects, read_retention(configuration.home), name)
    trades = (
        Trade(topics.performers(), topics.interrupted(), topics.repeatable()),
        Trade(events.performers(), events.interrupted(), events.repeatable),
        Trade(monitoring.performers(), monitoring.interrupted(), monitoring.repeatable),
    )

    def settle(gone: str) -> int:
        return worker(store, clock, trades, gone, self_metrics.delivered).recover(clock.now())

    pulse = Pulse(store, clock, name, settle)
    runs = {
        "pulse": pulse.run,
        "metrics": metrics.run,
        "logs": logs.run,
        "events": events.run,
        "alarms": alarms.run,
        "endpoints": endpoints.run,
        "endpoint metrics": endpoints.metrics.run,
        "monitoring": monitoring.run,
        "late labels": monitoring.late_labels.run,
        "retention": retention.run,
        "work": worker(store, clock, trades, name, self_metrics.delivered).run,
    }
    waiting = "watchpost_queue_tasks", "Tasks in a work queue", "queue"
    self_metrics.watch(*waiting, lambda: store.read(lambda tx: tx.waiting()))
    kept = "watchpost_retention", "What expired since the start; what is old, but held as it is needed", "what"
    self_metrics.watch(*kept, retention.figures)
    self_metrics.watch("watchpost_objects_disk_bytes", "The disk that objects lie on", "what", retention.disk)
    return Server(
        configuration=configuration,
        clock=clock,
        store=store,
        new_id=new_id,
        name=name,
        credentials=Credentials(configuration.home, lambda change: _note_keys(store, clock, change)),
        sign_in=SignIn(store, clock, configuration.home),
        self_metrics=self_metrics,
        objects=objects,
        uploads=uploads,
        bucket_lifecycles=BucketLifecycles(store, objects),
        metrics=metrics,
        anomaly_detectors=detectors,
        metric_queries=MetricQueries(metrics, detectors, clock, configuration),
        topics=topics,
        events=events,
        logs=logs,
        alarms=alarms,
        dashboards=Dashboards(store, clock, configuration),
        model_registry=ModelRegistry(store, clock, configuration, events, new_id),
        sagemaker_tags=SagemakerTags(store, clock, configuration),
        endpoints=endpoints,
        monitoring=monitoring,
        pulse=pulse,
        loops=tuple(Loop(loop, run, self_metrics.restarted) for loop, run in runs.items()),
    )


def _note_keys(store: Store, clock: Clock, change: KeyChange) -> None:
    """Write into the journal that the owner gave somebody a key, or took one back."""
    data: dict[str, object] = {"added": dict(change.added), "removed": dict(change.removed)}
    store.write(lambda tx: tx.record(Entry(clock.now(), "credentials.change", "credentials", "owner", data)))
