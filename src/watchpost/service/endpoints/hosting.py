"""Deployments as they run in this process: their fleets, and the requests that are under way in them."""

from collections.abc import Mapping
from threading import Event, Lock, Thread
from time import monotonic
from typing import Protocol

import structlog

from watchpost.runners import NoRunner
from watchpost.service.endpoints.documents import Capture, Deployment, Variant
from watchpost.service.endpoints.gateway_figures import Counted
from watchpost.service.endpoints.gateway_routes import Captures, LiveVariant
from watchpost.service.endpoints.policies import termination_wait
from watchpost.service.endpoints.runner_fleets import Fleet, FleetFactory

_log = structlog.get_logger(__name__)
# A request that began just before its fleet was replaced gets its time, and a little more for the answer's way.
_GRACE_SECONDS = 5.0


class CapturesTraffic(Protocol):
    """Gives out what takes the traffic of (endpoint, variant) by its configuration."""

    def take(self, endpoint: str, variant: str, capture: Capture | None) -> Captures:
        """What takes it, until it is given back."""

    def give_back(self, endpoint: str, variant: str, capture: Capture | None) -> None:
        """It is needed no more."""


class HostedDeployment:
    """One deployment, running. Made and changed by one thread; its variants are used by many."""

    def __init__(
        self, endpoint: str, deployment: Deployment, factory: FleetFactory, captures: CapturesTraffic, *, checked: bool
    ) -> None:
        """`checked` False: it served before, so it gets traffic without waiting for its health check."""
        self.endpoint, self.deployment, self.checked = endpoint, deployment, checked
        self.refusal: str | None = None
        self.variants: dict[str, LiveVariant] = {}
        self._captures = captures
        self._drain_seconds = factory.settings.limits.invocation_seconds + _GRACE_SECONDS
        try:
            for variant in (*deployment.variants, *deployment.shadows):
                name = f"{endpoint}-{variant.name}-{deployment.id[:8]}"
                fleet = factory.fleet(endpoint, variant, name, checked=checked)
                counted = Counted(endpoint, variant.name, deployment.publishing)
                capture = captures.take(endpoint, variant.name, deployment.capture)
                self.variants[variant.name] = LiveVariant(variant.name, fleet, counted, capture)
        except NoRunner as problem:
            self.refusal = str(problem)

    @property
    def failure(self) -> str | None:
        """Why it cannot run; None: nothing speaks against it so far."""
        if self.refusal is not None:
            return self.refusal
        for variant in self.variants.values():
            if variant.fleet.failure is not None:
                return f"The primary container for production variant {variant.name} did not pass the ping health " + (
                    f"check: {variant.fleet.failure}"
                )
        return None

    @property
    def ready(self) -> bool:
        """Whether every variant has all its instances, healthy."""
        planned = (*self.deployment.variants, *self.deployment.shadows)
        return self.refusal is None and all(self.healthy(variant) >= variant.instances for variant in planned)

    def healthy(self, variant: Variant) -> int:
        """How many instances of a variant are healthy."""
        live = self.variants.get(variant.name)
        return live.fleet.healthy if live else 0

    def apply(self, deployment: Deployment) -> None:
        """Follow a change of weights and numbers of instances."""
        before = {variant.name: variant for variant in (*self.deployment.variants, *self.deployment.shadows)}
        for variant in (*deployment.variants, *deployment.shadows):
            live = self.variants.get(variant.name)
            if live is not None and before[variant.name].instances != variant.instances:
                live.fleet.scale(variant.instances)
        self.deployment = deployment

    def drain_and_stop(self, now: Event) -> None:
        """Let the requests under way end, wait as the deployment's policy says, then stop; `now` ends the wait."""
        until = monotonic() + self._drain_seconds
        for variant in self.variants.values():
            if not variant.drain(max(until - monotonic(), 0.0)):
                _log.warning("requests were cut off", endpoint=self.endpoint, variant=variant.name)
        now.wait(termination_wait(self.deployment.policy))
        self.stop()

    def stop(self) -> None:
        """End at once."""
        for name, fleet in self.fleets.items():
            fleet.stop()
            self._captures.give_back(self.endpoint, name, self.deployment.capture)

    @property
    def fleets(self) -> Mapping[str, Fleet]:
        """The fleets by variant."""
        return {name: variant.fleet for name, variant in self.variants.items()}


class Hosting:
    """All deployments that run in this process, by id."""

    def __init__(self, factory: FleetFactory, captures: CapturesTraffic) -> None:
        self._factory, self._captures = factory, captures
        self._hosted: dict[str, HostedDeployment] = {}
        self._leaving: dict[str, tuple[str, Thread]] = {}
        self._lock, self._ending = Lock(), Event()

    def get(self, deployment: Deployment | None) -> HostedDeployment | None:
        """The deployment as it runs; None: it does not."""
        with self._lock:
            return self._hosted.get(deployment.id) if deployment is not None else None

    def all(self) -> list[HostedDeployment]:
        """All that run and are not about to end."""
        with self._lock:
            return list(self._hosted.values())

    def host(self, endpoint: str, deployment: Deployment, *, checked: bool) -> None:
        """Begin to run a deployment; one that runs follows its changes."""
        running = self.get(deployment)
        if running is None:
            hosted = HostedDeployment(endpoint, deployment, self._factory, self._captures, checked=checked)
            with self._lock:
                self._hosted[deployment.id] = hosted
        elif running.deployment != deployment:
            running.apply(deployment)

    def keep(self, ids: frozenset[str]) -> None:
        """Drain and stop all deployments but these; returns at once."""
        with self._lock:
            gone = [self._hosted.pop(each) for each in list(self._hosted) if each not in ids]
        for hosted in gone:
            leaving = Thread(target=self._leave, args=(hosted,), name=f"drain {hosted.endpoint}", daemon=True)
            with self._lock:
                self._leaving[hosted.deployment.id] = hosted.endpoint, leaving
            leaving.start()

    def gone(self, endpoint: str) -> bool:
        """Whether nothing of an endpoint runs any more."""
        with self._lock:
            names = {hosted.endpoint for hosted in self._hosted.values()}
            return endpoint not in names | {name for name, _ in self._leaving.values()}

    def close(self) -> None:
        """Stop everything, and wait for it."""
        self._ending.set()
        self.keep(frozenset())
        with self._lock:
            leaving = [thread for _, thread in self._leaving.values()]
        for thread in leaving:
            thread.join()

    def _leave(self, hosted: HostedDeployment) -> None:
        try:
            hosted.drain_and_stop(self._ending)
        finally:
            with self._lock:
                del self._leaving[hosted.deployment.id]
