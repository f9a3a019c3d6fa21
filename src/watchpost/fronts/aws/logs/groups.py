"""Operations on log groups, log streams and tags."""

import re
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.logs.records import LogGroup, LogStream
from watchpost.service.configuration import Configuration
from watchpost.service.logs.documents import group_arn, group_name, stream_arn
from watchpost.service.server import Server
from watchpost.stores.sql.log_events import Summary

Answer = Mapping[str, Any]
_PAGE = 50


def actor(call: Call) -> str:
    """Who calls, for the journal."""
    return call.access_key or "anonymous"


def named_group(call: Call) -> str:
    """The group that `logGroupName` or `logGroupIdentifier` speaks of.

    Raises: Refused InvalidParameterException: none or both are given.
    """
    given: list[str] = [call.input[name] for name in ("logGroupName", "logGroupIdentifier") if name in call.input]
    if len(given) != 1:
        raise Refused("InvalidParameterException", "Exactly one of logGroupName and logGroupIdentifier must be given.")
    return group_name(given[0])


def create_log_group(server: Server, call: Call) -> None:
    """CreateLogGroup."""
    if call.input.get("kmsKeyId"):
        raise Refused(
            "InvalidParameterException",
            "kmsKeyId is not supported here: this server does not encrypt log events. Encrypt its disk instead.",
        )
    server.logs.groups.create(
        call.input["logGroupName"],
        call.now,
        actor(call),
        tags=call.input.get("tags"),
        log_class=call.input.get("logGroupClass", "STANDARD"),
        protected=call.input.get("deletionProtectionEnabled", False),
    )


def delete_log_group(server: Server, call: Call) -> None:
    """DeleteLogGroup."""
    server.logs.groups.delete(call.input["logGroupName"], call.now, actor(call))


def describe_log_groups(server: Server, call: Call) -> Answer:
    """DescribeLogGroups."""
    prefix, pattern = call.input.get("logGroupNamePrefix"), call.input.get("logGroupNamePattern")
    if prefix and pattern:
        raise Refused(
            "InvalidParameterException",
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        )
    identifiers = call.input.get("logGroupIdentifiers")
    names = None if identifiers is None else {group_name(each) for each in identifiers}
    log_class = call.input.get("logGroupClass")

    def chosen(group: LogGroup) -> bool:
        return (
            (not pattern or pattern.lower() in group.name.lower())
            and (names is None or group.name in names)
            and log_class in {None, group.log_class}
        )

    page = server.logs.groups.describe(
        chosen, prefix or "", call.input.get("nextToken"), call.input.get("limit", _PAGE)
    )
    answer = [_group(server.configuration, group, held) for group, held in page.groups]
    return {"logGroups": answer} | ({"nextToken": page.token} if page.token else {})


def list_log_groups(server: Server, call: Call) -> Answer:
    """ListLogGroups."""
    for name in ("dataSources", "fieldIndexNames"):
        if call.input.get(name):
            raise Refused("InvalidParameterException", f"{name} is not supported here.")
    alternatives = [each for each in call.input.get("logGroupNamePattern", "").split("|") if each]
    log_class, wanted = call.input.get("logGroupClass"), call.input.get("logGroupTags") or ()

    def chosen(group: LogGroup) -> bool:
        named = not alternatives or any(
            group.name.startswith(each[1:]) if each.startswith("^") else each in group.name for each in alternatives
        )
        return named and log_class in {None, group.log_class} and all(_tagged(group, each) for each in wanted)

    page = server.logs.groups.describe(chosen, "", call.input.get("nextToken"), call.input.get("limit", _PAGE))
    answer = [
        {
            "logGroupName": group.name,
            "logGroupArn": group_arn(server.configuration, group.name),
            "logGroupClass": group.log_class,
        }
        for group, _ in page.groups
    ]
    return {"logGroups": answer} | ({"nextToken": page.token} if page.token else {})


def _tagged(group: LogGroup, wanted: Mapping[str, Any]) -> bool:
    """Whether a group has a tag with one of these values; `!` before a value negates, `*` at its ends is a wildcard."""
    value = dict(group.tags).get(wanted["key"])
    if value is None:
        return False
    patterns = wanted.get("values") or ("*",)
    return any(fnmatchcase(value, _glob(each.removeprefix("!"))) != each.startswith("!") for each in patterns)


def _glob(pattern: str) -> str:
    return re.sub(r"([?\[])", r"[\1]", pattern)


def _group(configuration: Configuration, group: LogGroup, held: int) -> Answer:
    arn = group_arn(configuration, group.name)
    answer: dict[str, Any] = {
        "logGroupName": group.name,
        "creationTime": group.created,
        "metricFilterCount": len(group.metric_filters),
        "arn": f"{arn}:*",
        "storedBytes": held,
        "logGroupClass": group.log_class,
        "logGroupArn": arn,
        "deletionProtectionEnabled": group.protected,
    }
    return answer | ({"retentionInDays": group.retention} if group.retention is not None else {})


def put_log_group_deletion_protection(server: Server, call: Call) -> None:
    """PutLogGroupDeletionProtection."""
    protected = call.input["deletionProtectionEnabled"]
    server.logs.groups.change(
        group_name(call.input["logGroupIdentifier"]),
        "protection-changed",
        lambda group: replace(group, protected=protected),
        call.now,
        actor(call),
    )


def put_retention_policy(server: Server, call: Call) -> None:
    """PutRetentionPolicy."""
    server.logs.groups.retain(call.input["logGroupName"], call.input["retentionInDays"], call.now, actor(call))


def delete_retention_policy(server: Server, call: Call) -> None:
    """DeleteRetentionPolicy."""
    server.logs.groups.retain(call.input["logGroupName"], None, call.now, actor(call))


def create_log_stream(server: Server, call: Call) -> None:
    """CreateLogStream."""
    server.logs.groups.create_stream(call.input["logGroupName"], call.input["logStreamName"], call.now, actor(call))


def delete_log_stream(server: Server, call: Call) -> None:
    """DeleteLogStream."""
    server.logs.groups.delete_stream(call.input["logGroupName"], call.input["logStreamName"], call.now, actor(call))


def describe_log_streams(server: Server, call: Call) -> Answer:
    """DescribeLogStreams."""
    page = server.logs.groups.streams(
        named_group(call),
        call.now,
        prefix=call.input.get("logStreamNamePrefix", ""),
        by_last_event=call.input.get("orderBy") == "LastEventTime",
        descending=call.input.get("descending", False),
        token=call.input.get("nextToken"),
        limit=call.input.get("limit", _PAGE),
    )
    answer = [_stream(server.configuration, stream, held) for stream, held in page.streams]
    return {"logStreams": answer} | ({"nextToken": page.token} if page.token else {})


def _stream(configuration: Configuration, stream: LogStream, held: Summary | None) -> Answer:
    answer: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "arn": stream_arn(configuration, stream.group, stream.name),
        "storedBytes": 0 if held is None else held.bytes,
    }
    if held is None:
        return answer
    return answer | {
        "firstEventTimestamp": held.first,
        "lastEventTimestamp": held.last,
        "lastIngestionTime": held.ingested,
        # Tokens are of no use any more, but old clients want to see one.
        "uploadSequenceToken": f"{held.ingested:056d}",
    }


def list_tags_for_resource(server: Server, call: Call) -> Answer:
    """ListTagsForResource."""
    return {"tags": dict(server.logs.groups.group(_resource(call)).tags)}


def tag_resource(server: Server, call: Call) -> None:
    """TagResource."""
    server.logs.groups.tag(_resource(call), call.input["tags"], call.now, actor(call))


def untag_resource(server: Server, call: Call) -> None:
    """UntagResource."""
    server.logs.groups.untag(_resource(call), call.input["tagKeys"], call.now, actor(call))


def _resource(call: Call) -> str:
    arn: str = call.input["resourceArn"]
    if ":log-group:" not in arn:
        raise Refused("InvalidParameterException", f"Only log groups can be tagged here: {arn}")
    return group_name(arn)


def list_tags_log_group(server: Server, call: Call) -> Answer:
    """ListTagsLogGroup."""
    return {"tags": dict(server.logs.groups.group(call.input["logGroupName"]).tags)}


def tag_log_group(server: Server, call: Call) -> None:
    """TagLogGroup."""
    server.logs.groups.tag(call.input["logGroupName"], call.input["tags"], call.now, actor(call))


def untag_log_group(server: Server, call: Call) -> None:
    """UntagLogGroup."""
    server.logs.groups.untag(call.input["logGroupName"], call.input["tags"], call.now, actor(call))


OPERATIONS: dict[str, Operation] = {
    "CreateLogGroup": create_log_group,
    "DeleteLogGroup": delete_log_group,
    "DescribeLogGroups": describe_log_groups,
    "ListLogGroups": list_log_groups,
    "PutLogGroupDeletionProtection": put_log_group_deletion_protection,
    "PutRetentionPolicy": put_retention_policy,
    "DeleteRetentionPolicy": delete_retention_policy,
    "CreateLogStream": create_log_stream,
    "DeleteLogStream": delete_log_stream,
    "DescribeLogStreams": describe_log_streams,
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsLogGroup": list_tags_log_group,
    "TagLogGroup": tag_log_group,
    "UntagLogGroup": untag_log_group,
}

PARTIAL = {
    "CreateLogGroup": "kmsKeyId is refused, and so are the classes DELIVERY and ESSENTIALS; INFREQUENT_ACCESS is only "
    "kept as a label.",
    "ListLogGroups": "dataSources and fieldIndexNames are refused.",
    "TagResource": "Log groups only.",
    "UntagResource": "Log groups only.",
    "ListTagsForResource": "Log groups only.",
}
