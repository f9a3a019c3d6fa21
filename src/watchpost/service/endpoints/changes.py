"""What can be done with an endpoint: made, updated, its traffic moved, rolled back, removed.

Each operation writes what is wanted; the deployer (`endpoint_deployer`) makes it so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from watchpost.errors import Refused
from watchpost.runners import Settings
from watchpost.service.clock import Clock
from watchpost.service.endpoints.documents import (
    ENDPOINT,
    Deployment,
    EndpointDocument,
    Members,
    Variant,
    VariantPlan,
    the_config,
    the_endpoint,
    the_model,
)
from watchpost.service.endpoints.models import check_instances
from watchpost.service.endpoints.news import EndpointNews
from watchpost.service.endpoints.policies import shift_of
from watchpost.service.endpoints.serving import note_serving
from watchpost.service.registry.tags import write_tags
from watchpost.stores.store import Store, Transaction

Retained = Literal["DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a variant is to have from now on; None leaves it as it is."""

    variant: str
    weight: float | None = None
    instances: int | None = None


class EndpointChanges:
    """Operations on endpoints. `wake` is called after each, so that the deployer looks at once."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        news: EndpointNews,
        settings: Settings,
        new_id: Callable[[], str],
        wake: Callable[[], None],
    ) -> None:
        self._store, self._clock, self._news, self._new_id, self._wake = store, clock, news, new_id, wake
        self._most = settings.limits.processes

    def create(self, name: str, config: str, policy: Members | None, tags: Mapping[str, str], actor: str) -> str:
        """Make an endpoint; its ARN. Raises: Refused: ValidationException."""
        now, arn = self._clock.now(), self._news.arn("endpoint", name)

        def work(tx: Transaction) -> None:
            if tx.get(ENDPOINT, name) is not None:
                raise Refused("ValidationException", f'Cannot create already existing endpoint "{arn}".')
            pending = self._deployment(tx, config, policy)
            shift = shift_of(None)
            endpoint = EndpointDocument(
                name, arn, config, "Creating", now, now, pending=pending, shift=shift, policy=policy
            )
            write_tags(tx, arn, tags, now)
            self._put(tx, endpoint, "create", actor, now)

        self._store.write(work)
        self._wake()
        return arn

    def update(
        self,
        name: str,
        config: str,
        actor: str,
        *,
        retain: Sequence[Retained] = (),
        policy: Members | None = None,
        retain_policy: bool = False,
    ) -> str:
        """Replace the fleet by that of another configuration; the endpoint's ARN.

        Args: retain: what variants of the same name keep. policy: DeploymentConfig. retain_policy: use the last one.
        Raises: Refused: ValidationException: no such thing, or a change is under way.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> str:
            endpoint = self._settled(tx, name, "update")
            live = endpoint.live
            assert live is not None
            chosen = endpoint.policy if retain_policy else policy
            pending = _retained(self._deployment(tx, config, chosen), live, retain)
            shift = shift_of(chosen, sum(variant.instances for variant in pending.variants))
            changed = replace(endpoint, status="Updating", modified=now, pending=pending, shift=shift, failure=None)
            self._put(tx, replace(changed, policy=chosen), "update", actor, now, {"to": config})
            return endpoint.arn

        arn = self._store.write(work)
        self._wake()
        return arn

    def update_weights(self, name: str, wanted: Sequence[Wanted], actor: str) -> str:
        """Change weights and numbers of instances; the endpoint's ARN. It is Updating until that is done.

        Raises: Refused: ValidationException, ResourceLimitExceeded.
        """
        for one in wanted:
            check_instances(one.variant, one.instances or 0, self._most)
        now = self._clock.now()

        def work(tx: Transaction) -> str:
            endpoint = self._settled(tx, name, "update")
            assert endpoint.live is not None
            live = _changed(endpoint, endpoint.live, wanted)
            changed = replace(endpoint, status="Updating", modified=now, live=live, usual={}, failure=None)
            self._put(tx, changed, "weights", actor, now, _weights(live))
            return endpoint.arn

        arn = self._store.write(work)
        self._wake()
        return arn

    def shift_traffic(self, name: str, weights: Mapping[str, float], actor: str, why: str = "") -> None:
        """Give variants these weights at once; those that are not named keep theirs.

        Raises: Refused: ValidationException: no such endpoint or variant, a change is under way, or all would be 0.
        """
        self._redirect(name, lambda _: weights, "shift-traffic", actor, why, usual=lambda endpoint: endpoint.usual)

    def fallback(self, name: str, variant: str, actor: str, why: str = "") -> None:
        """Send all traffic to one variant at once; `restore` undoes it.

        Raises: Refused: ValidationException: no such endpoint or variant, or a change is under way.
        """

        def alone(live: Deployment) -> dict[str, float]:
            return {one.name: 0.0 for one in live.variants} | {variant: 1.0}

        def usual(endpoint: EndpointDocument) -> dict[str, float]:
            live = endpoint.live.variants if endpoint.live else ()
            return endpoint.usual or {one.name: one.weight for one in live}

        self._redirect(name, alone, "fallback", actor, why, usual)

    def restore(self, name: str, actor: str, why: str = "") -> None:
        """Give every variant the weight it had before a fallback.

        Raises: Refused: ValidationException: no such endpoint, no fallback, or a change is under way.
        """
        usual = self._store.read(lambda tx: the_endpoint(tx, name, self._news.arn("endpoint", name))).usual
        if not usual:
            raise Refused("ValidationException", f"The traffic of endpoint {name} was not sent to a fallback.")
        self._redirect(name, lambda _: usual, "restore", actor, why, lambda _: {})

    def rollback(self, name: str, actor: str, why: str = "") -> None:
        """Go back to the fleet before the last update; or give up the update that is under way.

        Raises: Refused: ValidationException: there is nothing to go back to.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            endpoint = the_endpoint(tx, name, self._news.arn("endpoint", name))
            said = {"why": why} if why else {}
            if endpoint.pending is not None and endpoint.live is not None:
                changed = replace(
                    endpoint, status="RollingBack", modified=now, pending=None, shift=None, failure=why or None
                )
            elif endpoint.previous is not None and endpoint.status == "InService":
                pending = replace(endpoint.previous, id=self._new_id())
                changed = replace(
                    endpoint, status="RollingBack", modified=now, pending=pending, shift=shift_of(None), failure=None
                )
            else:
                raise Refused("ValidationException", f"Endpoint {name} has no earlier deployment to go back to.")
            self._put(tx, changed, "rollback", actor, now, said)

        self._store.write(work)
        self._wake()

    def delete(self, name: str, actor: str) -> None:
        """Remove the endpoint: it takes no more requests, and is gone when those under way have ended.

        Raises: Refused: ValidationException.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            endpoint = the_endpoint(tx, name, self._news.arn("endpoint", name))
            if endpoint.status in {"Creating", "Updating", "RollingBack"}:
                raise Refused("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')
            changed = replace(endpoint, status="Deleting", modified=now, pending=None, shift=None)
            self._put(tx, changed, "delete", actor, now)

        self._store.write(work)
        self._wake()

    def _redirect(
        self,
        name: str,
        weights: Callable[[Deployment], Mapping[str, float]],
        change: str,
        actor: str,
        why: str,
        usual: Callable[[EndpointDocument], dict[str, float]],
    ) -> None:
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            endpoint = self._settled(tx, name, change)
            assert endpoint.live is not None
            wanted = [Wanted(variant, weight) for variant, weight in weights(endpoint.live).items()]
            live = _changed(endpoint, endpoint.live, wanted)
            changed = replace(endpoint, modified=now, live=live, usual=usual(endpoint))
            said: dict[str, object] = {"why": why} if why else {}
            self._put(tx, changed, change, actor, now, _weights(live) | said)

        self._store.write(work)
        self._wake()

    def _settled(self, tx: Transaction, name: str, change: str) -> EndpointDocument:
        endpoint = the_endpoint(tx, name, self._news.arn("endpoint", name))
        if endpoint.status == "Failed":
            told = f'Cannot {change} failed endpoint "{endpoint.arn}": it can only be deleted.'
            raise Refused("ValidationException", told)
        if endpoint.status != "InService" or endpoint.live is None:
            raise Refused("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')
        return endpoint

    def _deployment(self, tx: Transaction, name: str, policy: Members | None) -> Deployment:
        config = the_config(tx, name, self._news.arn("endpoint-config", name))

        def variant(planned: VariantPlan) -> Variant:
            model = the_model(tx, planned.model, self._news.arn("model", planned.model))
            return Variant(
                planned.name,
                planned.model,
                model.container,
                planned.weight,
                planned.instances,
                planned.startup_seconds,
                model.package,
            )

        return Deployment(
            self._new_id(),
            name,
            tuple(map(variant, config.variants)),
            tuple(map(variant, config.shadows)),
            config.capture,
            config.publishing,
            policy,
        )

    def _put(
        self,
        tx: Transaction,
        endpoint: EndpointDocument,
        change: str,
        actor: str,
        now: datetime,
        data: Mapping[str, object] | None = None,
    ) -> None:
        tx.put(ENDPOINT, endpoint.name, endpoint)
        note_serving(tx, endpoint, now)
        self._news.endpoint(tx, endpoint, change, actor, now, data)


def _changed(endpoint: EndpointDocument, live: Deployment, wanted: Sequence[Wanted]) -> Deployment:
    by_name = {one.variant: one for one in wanted}
    unknown = by_name.keys() - {variant.name for variant in (*live.variants, *live.shadows)}
    if unknown:
        told = f"Variant {', '.join(sorted(unknown))} not found in endpoint {endpoint.name}."
        raise Refused("ValidationException", told)

    def applied(variant: Variant) -> Variant:
        one = by_name.get(variant.name)
        if one is None:
            return variant
        weight = variant.weight if one.weight is None else one.weight
        return replace(variant, weight=weight, instances=variant.instances if one.instances is None else one.instances)

    variants, shadows = tuple(map(applied, live.variants)), tuple(map(applied, live.shadows))
    if sum(variant.weight for variant in variants) <= 0:
        raise Refused("ValidationException", "At least one production variant must have a weight above 0.")
    if any(variant.instances < 1 for variant in (*variants, *shadows)):
        raise Refused("ValidationException", "A variant must have at least one instance.")
    return replace(live, variants=variants, shadows=shadows)


def _retained(pending: Deployment, live: Deployment, retain: Sequence[Retained]) -> Deployment:
    before = {variant.name: variant for variant in (*live.variants, *live.shadows)}

    def kept(variant: Variant) -> Variant:
        old = before.get(variant.name, variant)
        return replace(
            variant,
            weight=old.weight if "DesiredWeight" in retain else variant.weight,
            instances=old.instances if "DesiredInstanceCount" in retain else variant.instances,
        )

    capture = live.capture if "DataCaptureConfig" in retain else pending.capture
    variants, shadows = tuple(map(kept, pending.variants)), tuple(map(kept, pending.shadows))
    return replace(pending, variants=variants, shadows=shadows, capture=capture)


def _weights(live: Deployment) -> dict[str, object]:
    return {
        "weights": {variant.name: variant.weight for variant in live.variants},
        "instances": {variant.name: variant.instances for variant in live.variants},
    }
