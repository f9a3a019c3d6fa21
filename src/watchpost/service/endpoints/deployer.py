"""The deployer: makes what runs what the endpoints' documents say, and says in them how far it came.

Every server that shares a store runs the fleets of all endpoints, for each answers InvokeEndpoint by itself. Whoever
sees a fleet healthy (or failed) first writes that; the others find it written. So every change of a status is a
transaction that looks whether it is still due.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from threading import Event

import structlog

from watchpost.errors import ServerError
from watchpost.service.clock import Clock
from watchpost.service.endpoints.documents import ENDPOINT, Deployment, EndpointDocument
from watchpost.service.endpoints.gateway import Gateway
from watchpost.service.endpoints.gateway_figures import Figures
from watchpost.service.endpoints.gateway_routes import Route, Share
from watchpost.service.endpoints.hosting import HostedDeployment, Hosting
from watchpost.service.endpoints.news import EndpointNews
from watchpost.service.endpoints.serving import note_serving
from watchpost.stores.store import Store, Transaction

_log = structlog.get_logger(__name__)
_ACTOR = "watchpost"
_IDLE_SECONDS, _BUSY_SECONDS = 1.0, 0.05
_LONGEST_REASON = 1024
_IN_TRANSITION = frozenset({"Creating", "Updating", "RollingBack", "Deleting"})

InAlarm = Callable[[Sequence[str]], Sequence[str]]
"""Which of these alarms are in state ALARM."""


def no_alarms(names: Sequence[str]) -> Sequence[str]:
    """None is in ALARM."""
    del names
    return ()


class EndpointDeployer:
    """Runs the endpoints."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        news: EndpointNews,
        hosting: Hosting,
        gateway: Gateway,
        figures: Figures,
        in_alarm: InAlarm = no_alarms,
    ) -> None:
        self._store, self._clock, self._news = store, clock, news
        self._hosting, self._gateway, self._figures, self._in_alarm = hosting, gateway, figures, in_alarm
        self._wake = Event()
        self._known: tuple[int, list[EndpointDocument]] = (-1, [])

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def run(self, stop: Event) -> None:
        """Follow the documents until `stop` is set; then everything is drained and stopped."""
        while not stop.is_set():
            self._wake.clear()
            busy = False
            try:
                busy = self.step(self._clock.now())
            except ServerError as problem:
                _log.warning("the endpoints' documents cannot be read", why=str(problem))
            self._clock.wait(_Either(self._wake, stop), _BUSY_SECONDS if busy else _IDLE_SECONDS)
        self._gateway.set_routes({})
        self._hosting.close()

    def step(self, now: datetime) -> bool:
        """One round; whether an endpoint is in transition, so that the next round ought to come soon."""
        endpoints = self._read()
        self._host(endpoints)
        # All of them, not only up to the first that changed.
        changed = sum(self._advance(endpoint, now) for endpoint in endpoints)
        if changed:
            endpoints = self._read()
            self._host(endpoints)
        routes = {route.endpoint: route for route in map(self._route, endpoints) if route is not None}
        self._gateway.set_routes(routes)
        shares = [share for route in routes.values() for share in (*route.shares, *route.shadows)]
        self._figures.watch(frozenset(share.variant.counted for share in shares), now.timestamp())
        # Only now: who was drained before the new route stood would turn requests away.
        self._hosting.keep(frozenset(deployment.id for one in endpoints for deployment in _hosted(one)))
        return any(endpoint.status in _IN_TRANSITION for endpoint in endpoints)

    def _read(self) -> list[EndpointDocument]:
        def work(tx: Transaction) -> tuple[int, list[EndpointDocument]]:
            revision = tx.revision(ENDPOINT)
            same = revision == self._known[0]
            return self._known if same else (revision, [endpoint for _, endpoint in tx.scan(ENDPOINT)])

        self._known = self._store.read(work)
        return self._known[1]

    def _host(self, endpoints: Sequence[EndpointDocument]) -> None:
        for endpoint in endpoints:
            for deployment in _hosted(endpoint):
                new = endpoint.pending is not None and deployment.id == endpoint.pending.id
                self._hosting.host(endpoint.name, deployment, checked=new)

    def _advance(self, endpoint: EndpointDocument, now: datetime) -> bool:
        """Take the endpoint one step on if one is due; whether it was."""
        changed = self._next(endpoint, now)
        if changed is endpoint:
            return False
        same = endpoint

        def work(tx: Transaction) -> bool:
            # Another server may have been first, or a client has asked for something else meanwhile.
            if tx.get(ENDPOINT, same.name) != same:
                return False
            if changed is None:
                tx.delete(ENDPOINT, same.name)
                note_serving(tx, same, now, gone=True)
                tx.record(self._news.deleted(same, now))
            else:
                tx.put(ENDPOINT, same.name, changed)
                note_serving(tx, changed, now)
                self._news.endpoint(tx, changed, "deploy", _ACTOR, now)
            return True

        return self._store.write(work)

    def _next(self, endpoint: EndpointDocument, now: datetime) -> EndpointDocument | None:
        """The endpoint one step on; the same if none is due; None: it is to be no more."""
        if endpoint.status == "Deleting":
            return None if self._hosting.gone(endpoint.name) else endpoint
        if endpoint.status not in _IN_TRANSITION:
            return endpoint
        pending = self._hosting.get(endpoint.pending)
        if pending is not None:
            return self._deployed(endpoint, pending, now)
        live = self._hosting.get(endpoint.live)
        if live is None or not (live.ready or live.failure):
            return endpoint
        return replace(endpoint, status="InService", modified=now, failure=_reason(live.failure or endpoint.failure))

    def _deployed(self, endpoint: EndpointDocument, pending: HostedDeployment, now: datetime) -> EndpointDocument:
        if pending.failure is not None:
            return _given_up(endpoint, pending.failure, now)
        shift = endpoint.shift
        if shift is None or not pending.ready:
            return endpoint
        loud = self._in_alarm(shift.alarms) if shift.alarms and shift.done else ()
        if loud:
            return _given_up(endpoint, f"Rolled back because of alarm {', '.join(loud)}.", now)
        if shift.since is not None and (now - shift.since).total_seconds() < shift.wait_seconds:
            return endpoint
        if endpoint.live is None or shift.wait_seconds == 0 or shift.done == len(shift.steps):
            return _promoted(endpoint, pending.deployment, now)
        return replace(endpoint, modified=now, shift=replace(shift, done=shift.done + 1, since=now))

    def _route(self, endpoint: EndpointDocument) -> Route | None:
        live, pending = self._hosting.get(endpoint.live), self._hosting.get(endpoint.pending)
        if live is None or endpoint.status == "Deleting":
            return None
        fraction = endpoint.shift.fraction if endpoint.shift is not None and pending is not None else 0.0
        shares = _shares(live, 1 - fraction)
        if pending is not None and fraction > 0:
            shares = (*shares, *_shares(pending, fraction))
        total = sum(variant.weight for variant in live.deployment.variants)
        shadows = tuple(
            Share(live.variants[shadow.name], min(shadow.weight / total, 1.0)) for shadow in live.deployment.shadows
        )
        return Route(endpoint.name, shares, shadows) if shares else None


class _Either(Event):
    """Set when one of two is; a wait ends early with the first only, which is soon enough for a stop."""

    def __init__(self, wake: Event, stop: Event) -> None:
        super().__init__()
        self._wake, self._stop = wake, stop

    def is_set(self) -> bool:
        return self._wake.is_set() or self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        return self._wake.wait(timeout)


def _shares(hosted: HostedDeployment, part: float) -> tuple[Share, ...]:
    if part <= 0:
        return ()
    total = sum(variant.weight for variant in hosted.deployment.variants)
    return tuple(
        Share(hosted.variants[variant.name], part * variant.weight / total)
        for variant in hosted.deployment.variants
        if variant.name in hosted.variants
    )


def _hosted(endpoint: EndpointDocument) -> list[Deployment]:
    """What ought to run for an endpoint."""
    if endpoint.status in {"Failed", "Deleting"}:
        return []
    return [deployment for deployment in (endpoint.live, endpoint.pending) if deployment is not None]


def _promoted(endpoint: EndpointDocument, pending: Deployment, now: datetime) -> EndpointDocument:
    return replace(
        endpoint,
        status="InService",
        config=pending.config,
        modified=now,
        live=pending,
        previous=endpoint.live,
        pending=None,
        shift=None,
        usual={},
        failure=None,
    )


def _given_up(endpoint: EndpointDocument, why: str, now: datetime) -> EndpointDocument:
    """A first deployment that failed; or an update that did, and the fleet before it goes on."""
    if endpoint.live is None:
        return replace(endpoint, status="Failed", modified=now, failure=_reason(why), shift=None)
    return replace(endpoint, status="InService", modified=now, pending=None, shift=None, failure=_reason(why))


def _reason(why: str | None) -> str | None:
    return why[:_LONGEST_REASON] if why else None
