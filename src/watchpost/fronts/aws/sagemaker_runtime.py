"""SageMaker Runtime (`sagemaker-runtime`): InvokeEndpoint."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import AwsService, Call
from watchpost.runners import Question
from watchpost.service.endpoints.gateway import Invocation

if TYPE_CHECKING:
    from watchpost.service.server import Server

_REFUSED = {
    "TargetModel": "multi-model endpoints",
    "TargetContainerHostname": "multi-container endpoints",
    "EnableExplanations": "online explanations",
    "InferenceComponentName": "inference components",
    "SessionId": "stateful sessions",
}


def invoke_endpoint(server: "Server", call: Call) -> Mapping[str, Any]:
    """Ask a model."""
    asked = call.input
    for name, what in _REFUSED.items():
        if asked.get(name):
            raise Refused("ValidationError", f"{name}: this server has no {what}.")
    question = Question(
        asked.get("Body", b""), asked.get("ContentType", ""), asked.get("Accept", ""), asked.get("CustomAttributes", "")
    )
    invocation = Invocation(
        asked["EndpointName"], question, asked.get("TargetVariant", ""), asked.get("InferenceId", "")
    )
    invoked = server.endpoints.invoke(invocation)
    answer = {
        "Body": invoked.answer.body,
        "ContentType": invoked.answer.content_type,
        "InvokedProductionVariant": invoked.variant,
    }
    return answer | ({"CustomAttributes": invoked.answer.attributes} if invoked.answer.attributes else {})


plugin = AwsService(
    name="sagemaker-runtime",
    operations={"InvokeEndpoint": invoke_endpoint},
    partial={
        "InvokeEndpoint": "TargetModel, TargetContainerHostname, EnableExplanations, InferenceComponentName and "
        "SessionId are refused; PrefixAwareId has no effect."
    },
)
