"""Endpoints: models, configurations, fleets and the requests that go to them, as one value."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import random
from threading import Event

from watchpost.errors import Refused
from watchpost.runners import Settings
from watchpost.service.alarms.alarms import Alarms
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.endpoints.changes import EndpointChanges
from watchpost.service.endpoints.deployer import EndpointDeployer, InAlarm, no_alarms
from watchpost.service.endpoints.documents import ENDPOINT, Deployment, EndpointDocument, the_endpoint
from watchpost.service.endpoints.gateway import Gateway, Invocation, Invoked
from watchpost.service.endpoints.gateway_capture import CaptureWriters
from watchpost.service.endpoints.gateway_figures import Figures
from watchpost.service.endpoints.hosting import Hosting
from watchpost.service.endpoints.logs import EndpointLogs, log_group
from watchpost.service.endpoints.metrics import EndpointMetrics, Put
from watchpost.service.endpoints.model_data import ModelData
from watchpost.service.endpoints.models import EndpointConfigs, Models
from watchpost.service.endpoints.news import EndpointNews, PublishesEvents
from watchpost.service.endpoints.runner_fleets import FleetFactory
from watchpost.service.endpoints.runner_usage import UsageMeter
from watchpost.service.events.documents import PutLogEvents
from watchpost.stores.objects.objects import Objects
from watchpost.stores.store import Store

_PATIENCE_SECONDS = 10.0


class Endpoints:
    """The endpoints of a server.

    `models` and `configs` are what endpoints are made of; `changes` makes, updates, redirects and removes them (with
    `shift_traffic`, `fallback`, `restore` and `rollback` for whoever reacts to an alarm); `deployer` and `metrics` are
    loops.

    Args: settings: what the server's owner allows runners. rng: draws from [0, 1), for the choice of variants.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        configuration: Configuration,
        new_id: Callable[[], str],
        *,
        events: PublishesEvents,
        objects: Objects,
        put_metrics: Put,
        put_logs: PutLogEvents,
        settings: Settings | None = None,
        in_alarm: InAlarm = no_alarms,
        rng: Callable[[], float] = random,
    ) -> None:
        settings = settings or Settings()
        self._store, self._configuration = store, configuration
        self._news = EndpointNews(events, configuration, new_id)
        folder: Path = configuration.home / "runners"
        figures, logs = Figures(), EndpointLogs(put_logs, clock)
        self._captures = CaptureWriters(objects, clock, folder / "capture", settings.capture.flush_seconds)
        factory = FleetFactory(settings, folder, ModelData(objects, folder / "models").fetch, logs.take)
        self._hosting = Hosting(factory, self._captures)
        self._gateway = Gateway(clock, figures, logs, self._log_group_arn, settings.limits.invocation_seconds, rng)
        self.models = Models(store, clock, self._news, settings)
        self.configs = EndpointConfigs(store, clock, self._news, settings)
        self.deployer = EndpointDeployer(store, clock, self._news, self._hosting, self._gateway, figures, in_alarm)
        self.changes = EndpointChanges(store, clock, self._news, settings, new_id, self.deployer.wake)
        meter = UsageMeter(configuration.home)
        self.metrics = EndpointMetrics(clock, put_metrics, figures, self._hosting, meter, logs, self._captures.data)

    def describe(self, name: str) -> EndpointDocument:
        """The endpoint. Raises: Refused: ValidationException."""
        return self._store.read(lambda tx: the_endpoint(tx, name, self._news.arn("endpoint", name)))

    def all(self) -> list[EndpointDocument]:
        """All endpoints, by name."""
        return self._store.read(lambda tx: [endpoint for _, endpoint in tx.scan(ENDPOINT)])

    def variants(self, name: str) -> tuple[str, ...]:
        """The names of the production variants that serve, or will. Raises: Refused: ValidationException."""
        endpoint = self.describe(name)
        deployment = endpoint.live or endpoint.pending
        return tuple(variant.name for variant in deployment.variants) if deployment else ()

    def capture_prefix(self, name: str) -> str | None:
        """The `s3://` location in which the folder of the endpoint's captured traffic lies (its DestinationS3Uri).

        None: its present deployment has no capture. Raises: Refused: ValidationException.
        """
        endpoint = self.describe(name)
        deployment = endpoint.live or endpoint.pending
        capture = deployment.capture if deployment else None
        return capture.destination if capture else None

    def flush_capture(self, name: str) -> None:
        """Write what was captured of an endpoint so far; nothing to do is no fault."""
        self._captures.flush(name)

    def healthy(self, deployment: Deployment) -> dict[str, int]:
        """How many instances of each variant of a deployment are healthy in this process."""
        hosted = self._hosting.get(deployment)
        planned = (*deployment.variants, *deployment.shadows)
        return {variant.name: hosted.healthy(variant) if hosted else 0 for variant in planned}

    def invoke(self, invocation: Invocation) -> Invoked:
        """Ask a variant of an endpoint; see `Gateway.invoke`.

        Raises: Refused: ValidationError, ModelError, ServiceUnavailable.
        """
        if not self._gateway.routed(invocation.endpoint):
            self._await(invocation.endpoint)
        return self._gateway.invoke(invocation)

    def run(self, stop: Event) -> None:
        """Run the endpoints until `stop` is set; then drain them, and write what was captured."""
        self.deployer.run(stop)
        self._gateway.close()
        self._captures.close()

    def _await(self, name: str) -> None:
        """Wait a moment for an endpoint that serves but is not yet running here: after a start of the server, say."""
        endpoint = self._store.read(lambda tx: tx.get(ENDPOINT, name))
        if endpoint is None or endpoint.live is None or endpoint.status == "Deleting":
            account = self._configuration.account
            raise Refused("ValidationError", f"Endpoint {name} of account {account} not found.")
        if not self._gateway.routed(name, _PATIENCE_SECONDS):
            raise Refused("ServiceUnavailable", f"Endpoint {name} is being started by this server.")

    def _log_group_arn(self, name: str) -> str:
        place = f"{self._configuration.region}:{self._configuration.account}"
        return f"arn:aws:logs:{place}:log-group:{log_group(name)}"


def states_of(alarms: Alarms) -> InAlarm:
    """Which alarms of a server are in ALARM; one that does not exist is not."""

    def in_alarm(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if _state(alarms, name) == "ALARM")

    return in_alarm


def _state(alarms: Alarms, name: str) -> str:
    try:
        return alarms.reading.one(name).state.value
    except Refused:
        return ""
