"""The services' models as botocore publishes them: shapes, operations and faults, typed, read when first asked for."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import msgspec

OWN_MODELS = Path(__file__).parent / "models"
"""A folder of botocore's form with the model of what only this server does; add it to a loader's search paths."""


class _Namespace(msgspec.Struct):
    uri: str
    prefix: str | None = None


class _ErrorTrait(msgspec.Struct, rename="camel"):
    code: str | None = None
    http_status_code: int | None = None
    sender_fault: bool = False


class _Traits(msgspec.Struct, rename="camel", kw_only=True):
    location: str | None = None
    location_name: str | None = None
    flattened: bool | None = None
    timestamp_format: str | None = None
    xml_namespace: _Namespace | str | None = None
    xml_attribute: bool | None = None
    streaming: bool | None = None
    eventstream: bool | None = None
    jsonvalue: bool | None = None
    document: bool | None = None


class _Reference(_Traits):
    shape: str
    result_wrapper: str | None = None


class _Definition(_Traits):
    type: str
    members: dict[str, _Reference] = {}
    member: _Reference | None = None
    key: _Reference | None = None
    value: _Reference | None = None
    required: list[str] = []
    enum: list[str] = []
    min: float | None = None
    max: float | None = None
    pattern: str | None = None
    payload: str | None = None
    exception: bool = False
    fault: bool = False
    error: _ErrorTrait | None = None
    union: bool = False
    sensitive: bool = False


class _Http(msgspec.Struct, rename="camel"):
    method: str = "POST"
    request_uri: str = "/"
    response_code: int | None = None


class _OperationDefinition(msgspec.Struct):
    http: _Http = msgspec.field(default_factory=_Http)
    input: _Reference | None = None
    output: _Reference | None = None
    deprecated: bool = False


class _Metadata(msgspec.Struct, rename="camel", kw_only=True):
    api_version: str
    endpoint_prefix: str
    protocol: str
    protocols: list[str] | None = None
    signing_name: str | None = None
    json_version: str = "1.0"
    target_prefix: str | None = None
    xml_namespace: _Namespace | str | None = None
    aws_query_compatible: dict[str, object] | None = None
    service_full_name: str = ""


class _Service(msgspec.Struct):
    metadata: _Metadata
    operations: dict[str, _OperationDefinition]
    shapes: dict[str, _Definition]


class Shape:
    """A shape as it stands in its place: what its definition says, overridden by what the reference to it says.

    `kind` is the model's type (`structure`, `list`, `map`, `string`, `timestamp`, …); a `document` takes any JSON.
    """

    def __init__(self, name: str, definition: _Definition, place: _Traits, shapes: Mapping[str, _Definition]) -> None:
        self.name, self.kind, self.definition = name, definition.type, definition
        self._place, self._shapes = place, shapes
        self.location = place.location or definition.location
        self.location_name = place.location_name or definition.location_name
        self.flattened = bool(place.flattened or definition.flattened)
        self.timestamp_format = place.timestamp_format or definition.timestamp_format
        self.xml_attribute = bool(place.xml_attribute or definition.xml_attribute)
        self.eventstream = bool(place.eventstream or definition.eventstream)
        self.streaming = bool(place.streaming or definition.streaming)
        self.jsonvalue = bool(place.jsonvalue or definition.jsonvalue)
        self.document = bool(place.document or definition.document)

    @cached_property
    def members(self) -> dict[str, "Shape"]:
        """The members of a structure by their model names."""
        return {name: self._at(reference) for name, reference in self.definition.members.items()}

    @cached_property
    def member(self) -> "Shape":
        """What a list holds."""
        return self._at(self.definition.member)

    @cached_property
    def key(self) -> "Shape":
        """What a map's keys are."""
        return self._at(self.definition.key)

    @cached_property
    def value(self) -> "Shape":
        """What a map's values are."""
        return self._at(self.definition.value)

    @property
    def xmlns(self) -> tuple[str, str] | None:
        """(attribute, URI) of the XML namespace declared on this element, if any."""
        namespace = self._place.xml_namespace or self.definition.xml_namespace
        if namespace is None:
            return None
        if isinstance(namespace, str):
            return "xmlns", namespace
        return (f"xmlns:{namespace.prefix}" if namespace.prefix else "xmlns"), namespace.uri

    def _at(self, reference: _Reference | None) -> "Shape":
        if reference is None:
            raise LookupError(f"{self.name} is a {self.kind} and has no such part.")
        return Shape(reference.shape, self._shapes[reference.shape], reference, self._shapes)


class OperationModel:
    """One operation of a model: how it is called over HTTP and what goes in and out."""

    def __init__(self, name: str, definition: _OperationDefinition, shapes: Mapping[str, _Definition]) -> None:
        self.name, self.method, self.uri = name, definition.http.method, definition.http.request_uri
        self.deprecated = definition.deprecated
        self.status = definition.http.response_code or 200
        self.input = _shape(definition.input, shapes)
        self.output = _shape(definition.output, shapes)
        wrapper = definition.output.result_wrapper if definition.output else None
        self.result_wrapper = wrapper or f"{name}Result"

    @cached_property
    def streams_events(self) -> bool:
        """Whether it speaks an event stream in either direction, which no protocol here does."""
        sides = [side for side in (self.input, self.output) if side is not None]
        return any(member.eventstream for side in sides for member in side.members.values())


def _shape(reference: _Reference | None, shapes: Mapping[str, _Definition]) -> Shape | None:
    return None if reference is None else Shape(reference.shape, shapes[reference.shape], reference, shapes)


class FaultModel:
    """A modelled error: the code clients match on and the HTTP status. `sender` tells whose fault it is."""

    def __init__(self, shape: Shape) -> None:
        error = shape.definition.error or _ErrorTrait()
        self.shape = shape
        self.code = error.code or shape.name
        self.sender = not shape.definition.fault
        self.status = error.http_status_code or (400 if self.sender else 500)


class ServiceModel:
    """One service: its protocols (botocore's names), operations and faults."""

    def __init__(self, name: str, service: _Service) -> None:
        metadata = service.metadata
        self.name, self.api_version, self.full_name = name, metadata.api_version, metadata.service_full_name
        self.signing_name = metadata.signing_name or metadata.endpoint_prefix
        self.protocols = frozenset(metadata.protocols or [metadata.protocol])
        self.json_version, self.target_prefix = metadata.json_version, metadata.target_prefix
        self.query_compatible = metadata.aws_query_compatible is not None
        namespace = metadata.xml_namespace
        self.xml_namespace = namespace.uri if isinstance(namespace, _Namespace) else namespace
        self.operations = {n: OperationModel(n, d, service.shapes) for n, d in service.operations.items()}
        self._shapes = service.shapes

    @cached_property
    def faults(self) -> dict[str, FaultModel]:
        """The modelled errors by shape name, and by code where no shape has that name."""
        errors = [FaultModel(Shape(n, d, _Traits(), self._shapes)) for n, d in self._shapes.items() if d.exception]
        # Of two shapes with one code the later is the one botocore raises (`ResourceNotFound` of CloudWatch).
        by_code = {fault.code: fault for fault in errors}
        return by_code | {fault.shape.name: fault for fault in errors}


class Models:
    """The models that botocore has, by its names for services (`cloudwatch`, `sagemaker-runtime`), and our own.

    Which those are is looked up once for all of them.
    """

    def __init__(self) -> None:
        from botocore.loaders import Loader  # type: ignore[import-untyped]  # botocore ships no types

        self._loader = Loader(extra_search_paths=[str(OWN_MODELS)])

    @property
    def names(self) -> frozenset[str]:
        """All services there is a model of."""
        return frozenset(self._loader.list_available_services("service-2"))

    def load(self, name: str) -> ServiceModel:
        """The model of a service."""
        plain: object = self._loader.load_service_model(name, "service-2")
        return ServiceModel(name, msgspec.convert(plain, _Service))


def load(name: str) -> ServiceModel:
    """The model of one service by botocore's name for it."""
    return Models().load(name)


def nobody() -> ServiceModel:
    """A service without operations or errors of its own: who speaks when nobody was addressed."""
    metadata = _Metadata(api_version="", endpoint_prefix="", protocol="json")
    return ServiceModel("", _Service(metadata, {}, {}))
