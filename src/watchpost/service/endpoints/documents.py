"""How models, endpoint configurations and endpoints lie in the store, and what an endpoint's states mean.

Requests are kept as they were asked (`members`, in the API's own words), because descriptions must echo them whole;
what the server acts on stands in fields beside them. An endpoint keeps copies of all it needs (`Deployment`), for its
configuration and its models may be deleted while it runs.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.runners import Container
from watchpost.stores.store import Transaction

Members = dict[str, object]
"""A structure of the API: member names to JSON values."""

EndpointStatus = Literal[
    "OutOfService",
    "Creating",
    "Updating",
    "SystemUpdating",
    "RollingBack",
    "InService",
    "Deleting",
    "Failed",
    "UpdateRollbackFailed",
]


@dataclass(frozen=True, slots=True)
class ModelDocument:
    """A model: the container that serves it."""

    name: str
    arn: str
    created: datetime
    container: Container
    members: Members

    @property
    def package(self) -> str | None:
        """The ARN or name of the model package it was made of, if it was."""
        containers = self.members.get("Containers")
        both = [self.members.get("PrimaryContainer"), *(containers if isinstance(containers, list) else ())]
        names = [one.get("ModelPackageName") for one in both if isinstance(one, dict)]
        return next((str(name) for name in names if name), None)


@dataclass(frozen=True, slots=True)
class Capture:
    """What of an endpoint's traffic is captured: the API's DataCaptureConfig."""

    enabled: bool
    percentage: int
    destination: str
    kms_key: str = ""
    inputs: bool = True
    outputs: bool = True
    csv_types: tuple[str, ...] = ()
    json_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """A variant as an endpoint configuration has it; `startup_seconds` None: as long as the server's owner allows."""

    name: str
    model: str
    weight: float = 1.0
    instances: int = 1
    startup_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Publishing:
    """How metrics are published: utilization every so many seconds, invocations too if `enhanced`, else each minute.

    `enhanced` also adds series with the dimension InstanceId.
    """

    seconds: int = 60
    enhanced: bool = False

    @property
    def invocation_seconds(self) -> int:
        """How often invocation metrics are published."""
        return self.seconds if self.enhanced else 60


ONCE_A_MINUTE = Publishing()


@dataclass(frozen=True, slots=True)
class EndpointConfigDocument:
    """An endpoint configuration; immutable, as in the API."""

    name: str
    arn: str
    created: datetime
    variants: tuple[VariantPlan, ...]
    shadows: tuple[VariantPlan, ...]
    capture: Capture | None
    publishing: Publishing
    members: Members


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant of an endpoint: what serves it, its share of the traffic, how many processes or machines it has.

    package: the ARN or name of the model package that its model was made of.
    """

    name: str
    model: str
    container: Container
    weight: float
    instances: int
    startup_seconds: int | None = None
    package: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A fleet of variants, whole as it is started. `id` is its own; `shadows` get copies, nobody gets their answers."""

    id: str
    config: str
    variants: tuple[Variant, ...]
    shadows: tuple[Variant, ...] = ()
    capture: Capture | None = None
    publishing: Publishing = ONCE_A_MINUTE
    policy: Members | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """How far traffic has moved to a new fleet: `done` of the `steps` (fractions, ascending to 1), the last at `since`.

    None is done until the new fleet is healthy.
    """

    steps: tuple[float, ...]
    wait_seconds: float
    done: int = 0
    since: datetime | None = None
    alarms: tuple[str, ...] = ()

    @property
    def fraction(self) -> float:
        """The new fleet's part of the traffic, in [0, 1]."""
        return self.steps[self.done - 1] if self.done else 0.0


@dataclass(frozen=True, slots=True)
class EndpointDocument:
    """An endpoint.

    Args: live: the fleet that serves; None until the first is healthy. pending: the fleet that is to replace it, and
    shift how far it has. previous: the fleet before, for a rollback. usual: each variant's weight before a fallback.
    policy: LastDeploymentConfig.
    """

    name: str
    arn: str
    config: str
    status: EndpointStatus
    created: datetime
    modified: datetime
    live: Deployment | None = None
    pending: Deployment | None = None
    shift: Shift | None = None
    previous: Deployment | None = None
    usual: dict[str, float] = field(default_factory=dict)
    failure: str | None = None
    policy: Members | None = None


MODEL = Kind("model", ModelDocument)
ENDPOINT_CONFIG = Kind("endpoint-config", EndpointConfigDocument)
ENDPOINT = Kind("endpoint", EndpointDocument)


def the_model(tx: Transaction, name: str, arn: str) -> ModelDocument:
    """The model. Raises: Refused: ValidationException, in SageMaker's words."""
    model = tx.get(MODEL, name)
    if model is None:
        raise Refused("ValidationException", f'Could not find model "{arn}".')
    return model


def the_config(tx: Transaction, name: str, arn: str) -> EndpointConfigDocument:
    """The endpoint configuration. Raises: Refused: ValidationException, in SageMaker's words."""
    config = tx.get(ENDPOINT_CONFIG, name)
    if config is None:
        raise Refused("ValidationException", f'Could not find endpoint configuration "{arn}".')
    return config


def the_endpoint(tx: Transaction, name: str, arn: str) -> EndpointDocument:
    """The endpoint. Raises: Refused: ValidationException, in SageMaker's words."""
    endpoint = tx.get(ENDPOINT, name)
    if endpoint is None:
        raise Refused("ValidationException", f'Could not find endpoint "{arn}".')
    return endpoint
