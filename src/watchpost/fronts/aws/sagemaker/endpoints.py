"""Endpoints: Create, Describe, List, Update, UpdateEndpointWeightsAndCapacities, Delete."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from watchpost.fronts.aws.operation import Call, Operation
from watchpost.fronts.aws.sagemaker import endpoint_configs, models
from watchpost.fronts.aws.sagemaker.listings import during, is_asked, page, stamp
from watchpost.service.endpoints.changes import Retained, Wanted
from watchpost.service.registry.tags import check_tags

if TYPE_CHECKING:
    from watchpost.service.endpoints.documents import Capture, Deployment, EndpointDocument, Variant
    from watchpost.service.server import Server

_ALL_PROPERTIES: tuple[Retained, ...] = ("DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig")


def create_endpoint(server: "Server", call: Call) -> Mapping[str, Any]:
    """Make an endpoint; it is Creating until its variants are healthy."""
    asked = call.input
    arn = server.endpoints.changes.create(
        asked["EndpointName"],
        asked["EndpointConfigName"],
        asked.get("DeploymentConfig"),
        check_tags(asked.get("Tags", ())),
        call.access_key or "",
    )
    return {"EndpointArn": arn}


def update_endpoint(server: "Server", call: Call) -> Mapping[str, Any]:
    """Replace an endpoint's fleet by that of another configuration."""
    asked = call.input
    excluded = {one["VariantPropertyType"] for one in asked.get("ExcludeRetainedVariantProperties", ())}
    retained = [one for one in _ALL_PROPERTIES if one not in excluded]
    arn = server.endpoints.changes.update(
        asked["EndpointName"],
        asked["EndpointConfigName"],
        call.access_key or "",
        retain=retained if asked.get("RetainAllVariantProperties") else (),
        policy=asked.get("DeploymentConfig"),
        retain_policy=asked.get("RetainDeploymentConfig", False),
    )
    return {"EndpointArn": arn}


def update_endpoint_weights_and_capacities(server: "Server", call: Call) -> Mapping[str, Any]:
    """Change weights and numbers of instances."""
    wanted = [
        Wanted(one["VariantName"], one.get("DesiredWeight"), one.get("DesiredInstanceCount"))
        for one in call.input["DesiredWeightsAndCapacities"]
    ]
    arn = server.endpoints.changes.update_weights(call.input["EndpointName"], wanted, call.access_key or "")
    return {"EndpointArn": arn}


def describe_endpoint(server: "Server", call: Call) -> Mapping[str, Any]:
    """Show an endpoint."""
    endpoint = server.endpoints.describe(call.input["EndpointName"])
    shown: dict[str, Any] = {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.config,
        "EndpointStatus": endpoint.status,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "FailureReason": endpoint.failure,
        "LastDeploymentConfig": endpoint.policy,
    }
    deployment = endpoint.live or endpoint.pending
    if deployment is not None:
        shown |= _deployed(server, endpoint, deployment)
        if deployment.capture is not None:
            shown["DataCaptureConfig"] = _capture(deployment.capture)
    if endpoint.live is not None and endpoint.pending is not None:
        pending = _deployed(server, endpoint, endpoint.pending)
        started = {"EndpointConfigName": endpoint.pending.config, "StartTime": endpoint.modified}
        shown["PendingDeploymentSummary"] = {**started, **pending}
    return {name: value for name, value in shown.items() if value is not None}


def list_endpoints(server: "Server", call: Call) -> Mapping[str, Any]:
    """List endpoints."""
    asked = call.input
    found = [
        endpoint
        for endpoint in server.endpoints.all()
        if asked.get("NameContains", "").lower() in endpoint.name.lower()
        and during(asked, "CreationTime", endpoint.created)
        and during(asked, "LastModifiedTime", endpoint.modified)
        and is_asked(asked, StatusEquals=endpoint.status)
    ]

    def key(endpoint: "EndpointDocument") -> tuple[str, str]:
        by = {"Name": "", "Status": endpoint.status}
        return (by.get(asked.get("SortBy", "CreationTime"), stamp(endpoint.created)), endpoint.name)

    endpoints, more = page(found, key, asked, descending=True)
    return {"Endpoints": [_summary(endpoint) for endpoint in endpoints], **more}


def delete_endpoint(server: "Server", call: Call) -> None:
    """Remove an endpoint; it is Deleting until the requests under way have ended."""
    server.endpoints.changes.delete(call.input["EndpointName"], call.access_key or "")


def _summary(endpoint: "EndpointDocument") -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.status,
    }


def _deployed(server: "Server", endpoint: "EndpointDocument", deployment: "Deployment") -> dict[str, Any]:
    healthy = server.endpoints.healthy(deployment)
    now = "Updating" if endpoint.live is not None else "Creating"
    status = None if endpoint.status in {"InService", "Failed", "Deleting"} else now

    def summary(variant: "Variant") -> dict[str, Any]:
        shown: dict[str, Any] = {
            "VariantName": variant.name,
            "CurrentWeight": variant.weight,
            "DesiredWeight": variant.weight,
            "CurrentInstanceCount": healthy.get(variant.name, 0),
            "DesiredInstanceCount": variant.instances,
        }
        image = variant.container.image
        if image:
            resolved = {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": endpoint.created}
            shown["DeployedImages"] = [resolved]
        if status is not None:
            shown["VariantStatus"] = [{"Status": status, "StartTime": endpoint.modified}]
        return shown

    def summaries(variants: Sequence["Variant"]) -> list[dict[str, Any]]:
        return [summary(variant) for variant in variants]

    found = {"ProductionVariants": summaries(deployment.variants)}
    if deployment.shadows:
        found["ShadowProductionVariants"] = summaries(deployment.shadows)
    return found


def _capture(capture: "Capture") -> dict[str, Any]:
    return {
        "EnableCapture": capture.enabled,
        "CaptureStatus": "Started" if capture.enabled else "Stopped",
        "CurrentSamplingPercentage": capture.percentage,
        "DestinationS3Uri": capture.destination,
        "KmsKeyId": capture.kms_key,
    }


OPERATIONS: Mapping[str, Operation] = {
    **models.OPERATIONS,
    **endpoint_configs.OPERATIONS,
    "CreateEndpoint": create_endpoint,
    "DeleteEndpoint": delete_endpoint,
    "DescribeEndpoint": describe_endpoint,
    "ListEndpoints": list_endpoints,
    "UpdateEndpoint": update_endpoint,
    "UpdateEndpointWeightsAndCapacities": update_endpoint_weights_and_capacities,
}
PARTIAL: Mapping[str, str] = {
    **models.PARTIAL,
    **endpoint_configs.PARTIAL,
    "UpdateEndpoint": "RollingUpdatePolicy moves traffic in steps of its batch size while both fleets run; "
    "MaximumExecutionTimeoutInSeconds has no effect.",
    "UpdateEndpointWeightsAndCapacities": "ServerlessUpdateConfig has no effect.",
}
