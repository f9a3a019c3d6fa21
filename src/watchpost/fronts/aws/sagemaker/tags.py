"""AddTags, ListTags and DeleteTags, of everything that has a SageMaker ARN."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.service.registry.tags import MOST_TAGS, check_tags

if TYPE_CHECKING:
    from watchpost.service.server import Server


def add_tags(server: "Server", call: Call) -> Mapping[str, Any]:
    """Add tags, or change those of the same keys; all of them then."""
    tags = check_tags(call.input["Tags"])
    return {"Tags": listed(server.sagemaker_tags.add(call.input["ResourceArn"], tags, call.access_key or ""))}


def list_tags(server: "Server", call: Call) -> Mapping[str, Any]:
    """A page of tags."""
    tags = listed(server.sagemaker_tags.of(call.input["ResourceArn"]))
    start, size = _start(call), min(call.input.get("MaxResults", MOST_TAGS), MOST_TAGS)
    rest = start + size
    more = {"NextToken": urlsafe_b64encode(str(rest).encode()).decode()} if rest < len(tags) else {}
    return {"Tags": tags[start:rest], **more}


def delete_tags(server: "Server", call: Call) -> Mapping[str, Any]:
    """Remove tags by key."""
    server.sagemaker_tags.remove(call.input["ResourceArn"], call.input["TagKeys"], call.access_key or "")
    return {}


def listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API lists them.

    >>> listed({"team": "pricing"})
    [{'Key': 'team', 'Value': 'pricing'}]
    """
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _start(call: Call) -> int:
    token = call.input.get("NextToken")
    try:
        return int(urlsafe_b64decode(token)) if token else 0
    except ValueError:
        raise Refused("ValidationException", "The NextToken is none that this server gave out.") from None


OPERATIONS: Mapping[str, Operation] = {"AddTags": add_tags, "DeleteTags": delete_tags, "ListTags": list_tags}
PARTIAL: Mapping[str, str] = {}
