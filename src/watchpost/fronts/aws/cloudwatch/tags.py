"""Tags of alarms, alarm mute rules and dashboards, as operations."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from watchpost.alarms.requests import tags as requested_tags
from watchpost.fronts.aws.cloudwatch.alarm_members import Members, actor
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.service.alarms.tags import AlarmTags
from watchpost.service.metrics.dashboards import Dashboards

if TYPE_CHECKING:
    from watchpost.service.server import Server


def _keeper(server: "Server", arn: str) -> AlarmTags | Dashboards:
    """Who keeps what has this ARN."""
    return server.dashboards if ":dashboard/" in arn else server.alarms.tags


def list_tags_for_resource(server: "Server", call: Call) -> Members:
    """ListTagsForResource."""
    arn = call.input["ResourceARN"]
    tags = _keeper(server, arn).tags_of(arn)
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


def tag_resource(server: "Server", call: Call) -> Members:
    """TagResource."""
    arn = call.input["ResourceARN"]
    _keeper(server, arn).tag(arn, requested_tags(call.input["Tags"]), actor(call))
    return {}


def untag_resource(server: "Server", call: Call) -> Members:
    """UntagResource."""
    arn = call.input["ResourceARN"]
    _keeper(server, arn).untag(arn, call.input["TagKeys"], actor(call))
    return {}


OPERATIONS: Mapping[str, Operation] = {
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}

_KINDS = "Alarms, alarm mute rules and dashboards only."
PARTIAL: Mapping[str, str] = dict.fromkeys(OPERATIONS, _KINDS)
