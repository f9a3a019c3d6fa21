"""Models: CreateModel, DescribeModel, ListModels, DeleteModel."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.fronts.aws.sagemaker.listings import during, page, stamp
from watchpost.runners import Container
from watchpost.service.registry.tags import check_tags

if TYPE_CHECKING:
    from watchpost.service.endpoints.documents import ModelDocument
    from watchpost.service.server import Server


def create_model(server: "Server", call: Call) -> Mapping[str, Any]:
    """Register a model."""
    asked = call.input
    container = _container(server, _the_definition(asked))
    members = {name: value for name, value in asked.items() if name not in {"ModelName", "Tags"}}
    tags = check_tags(asked.get("Tags", ()))
    return {"ModelArn": server.endpoints.models.create(asked["ModelName"], container, members, tags, _actor(call))}


def describe_model(server: "Server", call: Call) -> Mapping[str, Any]:
    """Show a model."""
    model = server.endpoints.models.describe(call.input["ModelName"])
    shown = {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created}
    return {"EnableNetworkIsolation": False, **model.members, **shown}


def list_models(server: "Server", call: Call) -> Mapping[str, Any]:
    """List models."""
    asked = call.input
    found = [
        model
        for model in server.endpoints.models.all()
        if asked.get("NameContains", "").lower() in model.name.lower() and during(asked, "CreationTime", model.created)
    ]

    def key(model: "ModelDocument") -> tuple[str, str]:
        return ("" if asked.get("SortBy") == "Name" else stamp(model.created), model.name)

    models, more = page(found, key, asked, descending=True)
    summaries = [{"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created} for model in models]
    return {"Models": summaries, **more}


def delete_model(server: "Server", call: Call) -> None:
    """Remove a model."""
    server.endpoints.models.delete(call.input["ModelName"], _actor(call))


def _the_definition(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    primary, containers = asked.get("PrimaryContainer"), asked.get("Containers", ())
    if (primary is None) == (not containers):
        raise Refused("ValidationException", "Exactly one of PrimaryContainer and Containers must be given.")
    if primary is not None:
        return dict(primary)
    if len(containers) != 1:
        told = "This server does not run inference pipelines: give one container, or serve the pipeline yourself."
        raise Refused("ValidationException", told)
    return dict(containers[0])


def _container(server: "Server", definition: Mapping[str, Any]) -> Container:
    package = definition.get("ModelPackageName")
    if package is not None:
        own: Sequence[object] = server.store.read(lambda tx: server.model_registry.containers(tx, package))
        if len(own) != 1 or not isinstance(own[0], Mapping):
            raise Refused("ValidationException", f"Model package {package} has {len(own)} containers; expected one.")
        packaged: Mapping[str, Any] = own[0]
        both = {**packaged.get("Environment", {}), **definition.get("Environment", {})}
        definition = {**packaged, **definition, "Environment": both}
    if definition.get("Mode") == "MultiModel":
        told = "This server does not run multi-model endpoints: make a model, and a variant or endpoint, for each."
        raise Refused("ValidationException", told)
    if definition.get("AdditionalModelDataSources"):
        raise Refused("ValidationException", "This server does not fetch AdditionalModelDataSources.")
    source = definition.get("ModelDataSource", {}).get("S3DataSource", {})
    data = definition.get("ModelDataUrl") or source.get("S3Uri", "")
    if not definition.get("Image") and not definition.get("Environment"):
        raise Refused("ValidationException", "A container needs an Image, or an Environment that names a runner.")
    environment = tuple(sorted(definition.get("Environment", {}).items()))
    return Container(definition.get("Image", ""), data, environment)


def _actor(call: Call) -> str:
    return call.access_key or ""


OPERATIONS: Mapping[str, Operation] = {
    "CreateModel": create_model,
    "DeleteModel": delete_model,
    "DescribeModel": describe_model,
    "ListModels": list_models,
}
PARTIAL: Mapping[str, str] = {
    "CreateModel": "No images are run: docs/endpoints.md says how Image, ModelDataUrl and Environment name a runner. "
    "VpcConfig, EnableNetworkIsolation, ImageConfig, ExecutionRoleArn and ContainerMetricsConfig are kept and shown, "
    "but have no effect. Inference pipelines, multi-model containers and AdditionalModelDataSources are refused.",
}
