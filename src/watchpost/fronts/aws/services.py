"""The services this server answers for, each with its model, its protocols and its operations."""

from collections.abc import Callable, Mapping
from functools import cached_property

from watchpost.fronts.aws import model
from watchpost.fronts.aws.once import Once
from watchpost.fronts.aws.operation import BODY_LIMIT, AwsService
from watchpost.fronts.aws.protocols.cbor import Cbor
from watchpost.fronts.aws.protocols.json import Json
from watchpost.fronts.aws.protocols.query import Query
from watchpost.fronts.aws.protocols.rest_json import RestJson
from watchpost.fronts.aws.protocols.rest_xml import RestXml
from watchpost.fronts.aws.rest import Routes
from watchpost.fronts.aws.validation import Validator
from watchpost.fronts.aws.wire import Wire
from watchpost.registry import Family

# The protocols by the words decoders use; the models' own words where they differ stand behind.
WIRES: Mapping[str, Callable[[model.ServiceModel], Wire]] = {
    "json": Json,
    "cbor": Cbor,
    "query": Query,
    "rest-json": RestJson,
    "rest-xml": RestXml,
}
_MODEL_WORD = {"cbor": "smithy-rpc-v2-cbor"}


class Served:
    """One service: what botocore knows of it and what we do for it."""

    def __init__(self, service: AwsService, models: model.Models | None = None) -> None:
        self.service, self.model = service, (models or model.Models()).load(service.name)
        self.validator = Validator(self.model)
        self._wires = Once[str, Wire]()
        unknown = (service.operations.keys() | service.partial.keys()) - self.model.operations.keys()
        if unknown:
            raise LookupError(f"The model of {service.name} has no operation {', '.join(sorted(unknown))}.")

    def speaks(self, protocol: str) -> bool:
        """Whether the model offers this protocol (`json`, `cbor`, `query`, `rest-json`, `rest-xml`)."""
        return _MODEL_WORD.get(protocol, protocol) in self.model.protocols

    def wire(self, protocol: str) -> Wire:
        """The protocol, spoken for this service."""
        return self._wires.get(protocol, lambda: WIRES[protocol](self.model))

    def body_limit(self, operation: str) -> int:
        """The largest body of an operation in bytes, decompressed."""
        return self.service.body_limits.get(operation, BODY_LIMIT)

    @cached_property
    def largest_body(self) -> int:
        """The largest body of any operation in bytes."""
        return max([BODY_LIMIT, *self.service.body_limits.values()])

    @cached_property
    def routes(self) -> Routes:
        """How a REST service's requests look."""
        return Routes(self.model.operations.values())


def names() -> tuple[str, ...]:
    """The modules of this folder that are services: those named like a service of botocore."""
    return _names(model.Models())


def _names(models: model.Models) -> tuple[str, ...]:
    known = {name.replace("-", "_") for name in models.names}
    return tuple(name for name in Family(__package__, AwsService).names() if name in known)


class Services:
    """All services by the words a request names them with."""

    def __init__(self, services: Mapping[str, Served]) -> None:
        self.all = tuple(services.values())
        self._by_signing_name: dict[str, list[Served]] = {}
        for served in self.all:
            self._by_signing_name.setdefault(served.model.signing_name, []).append(served)
        self._by_target = {s.model.target_prefix: s for s in self.all if s.model.target_prefix}

    def signed_as(self, signing_name: str) -> list[Served]:
        """The services that share a name in signatures (`sagemaker` has three)."""
        return self._by_signing_name.get(signing_name, [])

    def targeted(self, prefix: str) -> Served | None:
        """The service whose `X-Amz-Target` starts with this prefix."""
        return self._by_target.get(prefix)

    @property
    def signing_names(self) -> list[str]:
        """What a signature may name, sorted."""
        return sorted(self._by_signing_name)


def installed() -> Services:
    """The services whose modules are in this folder."""
    family, models = Family(__package__, AwsService), model.Models()
    return Services({name: Served(family.load(name), models) for name in _names(models)})
