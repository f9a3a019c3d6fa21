"""What is told of models, endpoint configurations and endpoints: the journal, and events as SageMaker sends them.

Source of the detail types and members: Amazon SageMaker developer guide, "Events that SageMaker sends to EventBridge".
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from watchpost.events.envelope import Event
from watchpost.service.configuration import Configuration
from watchpost.service.endpoints.documents import Deployment, EndpointConfigDocument, EndpointDocument, ModelDocument
from watchpost.service.registry.tags import tags_on
from watchpost.stores.store import Entry, Transaction

_SHOWN = {"InService": "IN_SERVICE", "OutOfService": "OUT_OF_SERVICE", "RollingBack": "ROLLING_BACK"}
_SHOWN |= {"SystemUpdating": "SYSTEM_UPDATING", "UpdateRollbackFailed": "UPDATE_ROLLBACK_FAILED"}


class PublishesEvents(Protocol):
    """The event bus, as far as it is needed here."""

    def publish(self, tx: Transaction, event: Event) -> None:
        """Match an event and enqueue what follows, in the caller's transaction."""


class EndpointNews:
    """Writes what changed, in the transaction of the change."""

    def __init__(self, events: PublishesEvents, configuration: Configuration, new_id: Callable[[], str]) -> None:
        self._events, self._new_id = events, new_id
        self._region, self._account = configuration.region, configuration.account

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a `model`, an `endpoint-config` or an `endpoint`; names in ARNs are in lower case."""
        return f"arn:aws:sagemaker:{self._region}:{self._account}:{kind}/{name.lower()}"

    def model(self, tx: Transaction, model: ModelDocument, change: str, actor: str, now: datetime) -> None:
        """A model was created or deleted (`change`)."""
        self._record(tx, f"model.{change}", model.arn, actor, {"name": model.name}, now)
        detail = {
            "ModelName": model.name,
            "ModelArn": model.arn,
            "CreationTime": _milliseconds(model.created),
            **model.members,
            "Tags": tags_on(tx, model.arn, model.created),
        }
        self._publish(tx, "SageMaker Model State Change", model.arn, detail, now)

    def config(self, tx: Transaction, config: EndpointConfigDocument, change: str, actor: str, now: datetime) -> None:
        """An endpoint configuration was created or deleted (`change`)."""
        self._record(tx, f"endpoint-config.{change}", config.arn, actor, {"name": config.name}, now)
        detail = {
            "EndpointConfigName": config.name,
            "EndpointConfigArn": config.arn,
            "CreationTime": _milliseconds(config.created),
            **config.members,
            "Tags": tags_on(tx, config.arn, config.created),
        }
        self._publish(tx, "SageMaker Endpoint Config State Change", config.arn, detail, now)

    def endpoint(
        self,
        tx: Transaction,
        endpoint: EndpointDocument,
        change: str,
        actor: str,
        now: datetime,
        data: Mapping[str, object] | None = None,
    ) -> None:
        """An endpoint changed; `data` says what about it, for the journal."""
        told = {"status": endpoint.status, "config": endpoint.config, "failure": endpoint.failure, **(data or {})}
        self._record(tx, f"endpoint.{change}", endpoint.arn, actor, told, now)
        detail = _detail(endpoint) | {"Tags": tags_on(tx, endpoint.arn, endpoint.created)}
        self._publish(tx, "SageMaker Endpoint State Change", endpoint.arn, detail, now)
        if endpoint.pending is not None and endpoint.live is not None:
            pending = {
                "EndpointConfigName": endpoint.pending.config,
                "ProductionVariants": _variants(endpoint.pending),
                "TrafficFraction": endpoint.shift.fraction if endpoint.shift else 0.0,
            }
            moved = {**detail, "PendingDeploymentSummary": pending}
            self._publish(tx, "SageMaker Endpoint Deployment State Change", endpoint.arn, moved, now)

    def deleted(self, endpoint: EndpointDocument, now: datetime) -> Entry:
        """The line of the journal that says an endpoint is gone."""
        return Entry(now, "endpoint.deleted", endpoint.arn, "watchpost", {"config": endpoint.config})

    def _record(
        self, tx: Transaction, kind: str, subject: str, actor: str, data: Mapping[str, object], now: datetime
    ) -> None:
        tx.record(Entry(now, kind, subject, actor, dict(data)))

    def _publish(self, tx: Transaction, kind: str, arn: str, detail: Mapping[str, object], now: datetime) -> None:
        event = Event(
            id=self._new_id(),
            source="aws.sagemaker",
            detail_type=kind,
            account=self._account,
            region=self._region,
            time=now.replace(microsecond=0),
            detail=detail,
            resources=(arn,),
        )
        self._events.publish(tx, event)


def _detail(endpoint: EndpointDocument) -> dict[str, object]:
    deployment = endpoint.live or endpoint.pending
    detail: dict[str, object] = {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.config,
        "ProductionVariants": _variants(deployment) if deployment else [],
        "EndpointStatus": _SHOWN.get(endpoint.status, endpoint.status.upper()),
        "CreationTime": _milliseconds(endpoint.created),
        "LastModifiedTime": _milliseconds(endpoint.modified),
    }
    return detail if endpoint.failure is None else {**detail, "FailureReason": endpoint.failure}


def _variants(deployment: Deployment) -> list[dict[str, object]]:
    return [
        {
            "VariantName": variant.name,
            "CurrentWeight": variant.weight,
            "DesiredWeight": variant.weight,
            "CurrentInstanceCount": variant.instances,
            "DesiredInstanceCount": variant.instances,
        }
        for variant in deployment.variants
    ]


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
