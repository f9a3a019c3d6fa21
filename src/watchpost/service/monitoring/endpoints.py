"""What monitoring asks of endpoints: where their records are captured to, and how their models are reached."""

from pathlib import Path

from watchpost.errors import Refused
from watchpost.runners import Container, NoRunner, Plan, Settings, plan, read_toml
from watchpost.service.endpoints.documents import ENDPOINT, MODEL, Deployment
from watchpost.stores.store import Store, Transaction

RUNNERS_FILE = "runners.toml"


class MonitoredEndpoints:
    """Reads the documents of endpoints and models."""

    def __init__(self, store: Store, home: Path) -> None:
        self._store, self._home = store, home

    def capture_prefix(self, endpoint: str) -> str:
        """Where the endpoint's records are captured to, above the folder of its name.

        Also where capture is switched off by now: what was captured is still to be monitored.
        Raises: Refused: ValidationException: there is no such endpoint, or it never captured anything.
        """
        for deployment in self._store.read(lambda tx: _deployments(tx, endpoint)):
            if deployment.capture is not None:
                return deployment.capture.destination
        raise Refused(
            "ValidationException",
            f"Endpoint {endpoint} does not exist on this server, or captures nothing. Give it a DataCaptureConfig, or "
            "say in the job definition's Environment where its records lie: sagemaker_endpoint_datacapture_prefix.",
        )

    def model(self, model: str | None, endpoint: str | None) -> Plan | None:
        """How a model is reached, by its name or as that of an endpoint; None: there is none, or it cannot be."""

        def work(tx: Transaction) -> Container | None:
            found = tx.get(MODEL, model) if model is not None else None
            if found is not None or endpoint is None:
                return found.container if found is not None else None
            return next((d.variants[0].container for d in _deployments(tx, endpoint) if d.variants), None)

        container = self._store.read(work)
        if container is None:
            return None
        try:
            return plan(container, self._settings())
        except NoRunner:
            return None

    def _settings(self) -> Settings:
        path = self._home / RUNNERS_FILE
        return read_toml(path.read_text(encoding="utf-8"), str(path)) if path.is_file() else Settings()


def _deployments(tx: Transaction, endpoint: str) -> list[Deployment]:
    found = tx.get(ENDPOINT, endpoint)
    fleets = () if found is None else (found.live, found.pending, found.previous)
    return [fleet for fleet in fleets if fleet is not None]
