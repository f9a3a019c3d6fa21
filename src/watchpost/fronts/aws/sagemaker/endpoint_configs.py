"""Endpoint configurations: CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs, DeleteEndpointConfig."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.fronts.aws.sagemaker.listings import during, page, stamp
from watchpost.service.endpoints.documents import Capture, Publishing, VariantPlan
from watchpost.service.registry.tags import check_tags

if TYPE_CHECKING:
    from watchpost.service.endpoints.documents import EndpointConfigDocument
    from watchpost.service.server import Server

_REFUSED = {
    "AsyncInferenceConfig": "asynchronous inference",
    "ExplainerConfig": "online explanations; an explainability monitor explains what was captured",
    "CrossRegionTrafficConfig": "other regions",
}
_REFUSED_OF_VARIANTS = {
    "InstancePools": "pools of instances",
    "CoreDumpConfig": "core dumps",
    "CapacityReservationConfig": "reserved capacity",
}
_FREQUENCIES = (10, 30, 60, 120, 180, 240, 300)


def create_endpoint_config(server: "Server", call: Call) -> Mapping[str, Any]:
    """Make an endpoint configuration."""
    asked = call.input
    for name, what in _REFUSED.items():
        if asked.get(name):
            raise Refused("ValidationException", f"{name}: this server has no {what}.")
    arn = server.endpoints.configs.create(
        asked["EndpointConfigName"],
        tuple(map(_variant, asked["ProductionVariants"])),
        tuple(map(_variant, asked.get("ShadowProductionVariants", ()))),
        _capture(asked["DataCaptureConfig"]) if "DataCaptureConfig" in asked else None,
        _publishing(asked.get("MetricsConfig", {})),
        {name: value for name, value in asked.items() if name not in {"EndpointConfigName", "Tags"}},
        check_tags(asked.get("Tags", ())),
        call.access_key or "",
    )
    return {"EndpointConfigArn": arn}


def describe_endpoint_config(server: "Server", call: Call) -> Mapping[str, Any]:
    """Show an endpoint configuration."""
    config = server.endpoints.configs.describe(call.input["EndpointConfigName"])
    shown = {
        "EndpointConfigName": config.name,
        "EndpointConfigArn": config.arn,
        "CreationTime": config.created,
    }
    return {"EnableNetworkIsolation": False, **config.members, **shown}


def list_endpoint_configs(server: "Server", call: Call) -> Mapping[str, Any]:
    """List endpoint configurations."""
    asked = call.input
    found = [
        config
        for config in server.endpoints.configs.all()
        if asked.get("NameContains", "").lower() in config.name.lower()
        and during(asked, "CreationTime", config.created)
    ]

    def key(config: "EndpointConfigDocument") -> tuple[str, str]:
        return ("" if asked.get("SortBy") == "Name" else stamp(config.created), config.name)

    configs, more = page(found, key, asked, descending=True)
    summaries = [
        {"EndpointConfigName": config.name, "EndpointConfigArn": config.arn, "CreationTime": config.created}
        for config in configs
    ]
    return {"EndpointConfigs": summaries, **more}


def delete_endpoint_config(server: "Server", call: Call) -> None:
    """Remove an endpoint configuration."""
    server.endpoints.configs.delete(call.input["EndpointConfigName"], call.access_key or "")


def _variant(asked: Mapping[str, Any]) -> VariantPlan:
    name = asked["VariantName"]
    for member, what in _REFUSED_OF_VARIANTS.items():
        if asked.get(member):
            raise Refused("ValidationException", f"{member} of variant {name}: this server has no {what}.")
    if not asked.get("ModelName"):
        told = f"Variant {name} has no ModelName: this server has no inference components."
        raise Refused("ValidationException", told)
    return VariantPlan(
        name,
        asked["ModelName"],
        asked.get("InitialVariantWeight", 1.0),
        asked.get("InitialInstanceCount", 1),
        asked.get("ContainerStartupHealthCheckTimeoutInSeconds"),
    )


def _capture(asked: Mapping[str, Any]) -> Capture:
    modes = {option["CaptureMode"] for option in asked["CaptureOptions"]}
    types = asked.get("CaptureContentTypeHeader", {})
    destination = asked["DestinationS3Uri"]
    if not destination.startswith("s3://"):
        raise Refused("ValidationException", f"DestinationS3Uri {destination}: captured data go to s3://bucket/prefix.")
    return Capture(
        enabled=asked.get("EnableCapture", True),
        percentage=asked["InitialSamplingPercentage"],
        destination=destination,
        kms_key=asked.get("KmsKeyId", ""),
        inputs=bool(modes & {"Input", "InputAndOutput"}),
        outputs=bool(modes & {"Output", "InputAndOutput"}),
        csv_types=tuple(types.get("CsvContentTypes", ())),
        json_types=tuple(types.get("JsonContentTypes", ())),
    )


def _publishing(asked: Mapping[str, Any]) -> Publishing:
    seconds = asked.get("MetricPublishFrequencyInSeconds", 60)
    if seconds not in _FREQUENCIES:
        known = ", ".join(map(str, _FREQUENCIES))
        raise Refused("ValidationException", f"MetricPublishFrequencyInSeconds must be one of {known}.")
    return Publishing(seconds, asked.get("EnableEnhancedMetrics", False))


OPERATIONS: Mapping[str, Operation] = {
    "CreateEndpointConfig": create_endpoint_config,
    "DeleteEndpointConfig": delete_endpoint_config,
    "DescribeEndpointConfig": describe_endpoint_config,
    "ListEndpointConfigs": list_endpoint_configs,
}
PARTIAL: Mapping[str, str] = {
    "CreateEndpointConfig": "A variant has InitialInstanceCount processes on this machine; InstanceType, "
    "ServerlessConfig, AcceleratorType, ManagedInstanceScaling, RoutingConfig, VolumeSizeInGB, VpcConfig, KmsKeyId and "
    "the like are kept and shown, but have no effect. AsyncInferenceConfig, ExplainerConfig, "
    "CrossRegionTrafficConfig, InstancePools, CoreDumpConfig and variants without ModelName are refused.",
}
