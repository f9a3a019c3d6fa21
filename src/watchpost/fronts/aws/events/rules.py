"""Rules and targets."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from watchpost.errors import Refused
from watchpost.events.inputs import Transformer
from watchpost.events.rules import DEFAULT_BUS, HttpParameters, RetryPolicy, Rule, Target, bus_name
from watchpost.fronts.aws.events.buses import tags
from watchpost.fronts.aws.events.paging import page
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.windows import EPOCH

if TYPE_CHECKING:
    from watchpost.service.server import Server

_OF_OTHER_KINDS = (
    "KinesisParameters",
    "RunCommandParameters",
    "EcsParameters",
    "BatchParameters",
    "SqsParameters",
    "RedshiftDataParameters",
    "SageMakerPipelineParameters",
    "AppSyncParameters",
)


def put_rule(server: "Server", call: Call) -> Mapping[str, Any]:
    """Make or change a rule."""
    given = call.input
    rule = Rule(
        name=given["Name"],
        bus=bus_name(given.get("EventBusName")),
        arn="",
        since=EPOCH,
        pattern=given.get("EventPattern"),
        schedule=given.get("ScheduleExpression"),
        state=given.get("State", "ENABLED"),
        description=given.get("Description"),
        role=given.get("RoleArn"),
        tags=tuple(sorted(tags(given).items())),
    )
    return {"RuleArn": server.events.rules.put(rule, call.access_key or "")}


def describe_rule(server: "Server", call: Call) -> Mapping[str, Any]:
    """Show a rule."""
    return _shown(server.events.rules.describe(*_named(call, "Name"))) | {"CreatedBy": call.account}


def list_rules(server: "Server", call: Call) -> Mapping[str, Any]:
    """List rules by name."""
    bus, prefix = bus_name(call.input.get("EventBusName")), call.input.get("NamePrefix", "")
    rules, more = page(
        call, lambda after, limit: server.events.rules.rules(bus, prefix, after, limit), lambda rule: rule.name
    )
    return {"Rules": [_shown(rule) for rule in rules], **more}


def list_rule_names_by_target(server: "Server", call: Call) -> Mapping[str, Any]:
    """List the names of the rules that have a target."""
    names = server.events.rules.names_by_target(bus_name(call.input.get("EventBusName")), call.input["TargetArn"])
    found, more = page(call, lambda after, limit: _after(names, after)[:limit], str)
    return {"RuleNames": found, **more}


def enable_rule(server: "Server", call: Call) -> None:
    """Let a rule act."""
    bus, name = _named(call, "Name")
    server.events.rules.set_state(bus, name, "ENABLED", call.access_key or "")


def disable_rule(server: "Server", call: Call) -> None:
    """Keep a rule from acting."""
    bus, name = _named(call, "Name")
    server.events.rules.set_state(bus, name, "DISABLED", call.access_key or "")


def delete_rule(server: "Server", call: Call) -> None:
    """Remove a rule."""
    server.events.rules.delete(*_named(call, "Name"), call.access_key or "")


def put_targets(server: "Server", call: Call) -> Mapping[str, Any]:
    """Add or change targets of a rule."""
    targets = [_target(given) for given in call.input["Targets"]]
    server.events.rules.put_targets(*_named(call, "Rule"), targets, call.access_key or "")
    return {"FailedEntryCount": 0, "FailedEntries": []}


def remove_targets(server: "Server", call: Call) -> Mapping[str, Any]:
    """Take targets off a rule."""
    bus, rule = _named(call, "Rule")
    missing = server.events.rules.remove_targets(bus, rule, call.input["Ids"], call.access_key or "")
    failed = [
        {
            "TargetId": target,
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"Rule '{rule}' does not have a target with the Id '{target}'.",
        }
        for target in missing
    ]
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


def list_targets_by_rule(server: "Server", call: Call) -> Mapping[str, Any]:
    """List the targets of a rule by id."""
    rule = server.events.rules.describe(*_named(call, "Rule"))
    targets = {target.id: target for target in rule.targets}
    ids, more = page(call, lambda after, limit: _after(sorted(targets), after)[:limit], str)
    return {"Targets": [_shown_target(targets[target]) for target in ids], **more}


def tag_resource(server: "Server", call: Call) -> None:
    """Tag a rule or a bus."""
    _tag(server, call, tags(call.input), ())


def untag_resource(server: "Server", call: Call) -> None:
    """Take tags off a rule or a bus."""
    _tag(server, call, {}, call.input["TagKeys"])


def list_tags_for_resource(server: "Server", call: Call) -> Mapping[str, Any]:
    """List the tags of a rule or a bus."""
    bus, rule = _resource(call.input["ResourceARN"])
    described = server.events.buses.describe(bus) if rule is None else server.events.rules.describe(bus, rule)
    return {"Tags": [{"Key": key, "Value": value} for key, value in described.tags]}


def _tag(server: "Server", call: Call, added: Mapping[str, str], removed: Sequence[str]) -> None:
    bus, rule = _resource(call.input["ResourceARN"])
    actor = call.access_key or ""
    if rule is None:
        server.events.buses.tag(bus, added, removed, actor)
    else:
        server.events.rules.tag(bus, rule, added, removed, actor)


def _resource(arn: str) -> tuple[str, str | None]:
    """The bus and the rule that an ARN names; no rule: the bus itself."""
    _, _, resource = arn.rpartition(":")
    kind, _, name = resource.partition("/")
    if not arn.startswith("arn:") or kind not in {"event-bus", "rule"} or not name:
        raise Refused("ResourceNotFoundException", f"{arn} is neither a rule nor an event bus.")
    if kind == "event-bus":
        return name, None
    bus, slash, rule = name.rpartition("/")
    return (bus, rule) if slash else (DEFAULT_BUS, rule)


def _named(call: Call, member: str) -> tuple[str, str]:
    return bus_name(call.input.get("EventBusName")), call.input[member]


def _after(names: Sequence[str], after: str) -> list[str]:
    return [name for name in names if name > after]


def _target(given: Mapping[str, Any]) -> Target:
    name, arn = given["Id"], given["Arn"]
    for member in _OF_OTHER_KINDS:
        if given.get(member):
            raise Refused("ValidationException", f"{member} of target {name} is not supported: nor is such a target.")
    if given.get("DeadLetterConfig", {}).get("Arn"):
        raise Refused(
            "ValidationException",
            f"DeadLetterConfig of target {name} is not supported: there are no SQS queues. Invocations that fail for "
            "good are kept as dead letters of the server, with their reason.",
        )
    transformer, retry, http = (given.get(m) for m in ("InputTransformer", "RetryPolicy", "HttpParameters"))
    return Target(
        id=name,
        arn=arn,
        role=given.get("RoleArn"),
        constant=given.get("Input"),
        path=given.get("InputPath"),
        transformer=None
        if transformer is None
        else Transformer(transformer["InputTemplate"], tuple(transformer.get("InputPathsMap", {}).items())),
        retry=None
        if retry is None
        else RetryPolicy(retry.get("MaximumRetryAttempts", 185), retry.get("MaximumEventAgeInSeconds", 86400)),
        http=None
        if http is None
        else HttpParameters(
            tuple(http.get("PathParameterValues", ())),
            tuple(http.get("HeaderParameters", {}).items()),
            tuple(http.get("QueryStringParameters", {}).items()),
        ),
    )


def _shown(rule: Rule) -> dict[str, Any]:
    members = {
        "Name": rule.name,
        "Arn": rule.arn,
        "EventPattern": rule.pattern,
        "ScheduleExpression": rule.schedule,
        "State": rule.state,
        "Description": rule.description,
        "RoleArn": rule.role,
        "EventBusName": rule.bus,
    }
    return {name: value for name, value in members.items() if value is not None}


def _shown_target(target: Target) -> dict[str, Any]:
    transformer, retry, http = target.transformer, target.retry, target.http
    members: dict[str, Any] = {
        "Id": target.id,
        "Arn": target.arn,
        "RoleArn": target.role,
        "Input": target.constant,
        "InputPath": target.path,
        "InputTransformer": transformer
        and {"InputPathsMap": dict(transformer.paths), "InputTemplate": transformer.template},
        "RetryPolicy": retry and {"MaximumRetryAttempts": retry.attempts, "MaximumEventAgeInSeconds": retry.seconds},
        "HttpParameters": http
        and {
            "PathParameterValues": list(http.path_values),
            "HeaderParameters": dict(http.headers),
            "QueryStringParameters": dict(http.query),
        },
    }
    return {name: value for name, value in members.items() if value is not None}


OPERATIONS: Mapping[str, Operation] = {
    "PutRule": put_rule,
    "DescribeRule": describe_rule,
    "ListRules": list_rules,
    "ListRuleNamesByTarget": list_rule_names_by_target,
    "EnableRule": enable_rule,
    "DisableRule": disable_rule,
    "DeleteRule": delete_rule,
    "PutTargets": put_targets,
    "RemoveTargets": remove_targets,
    "ListTargetsByRule": list_targets_by_rule,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}

PARTIAL: Mapping[str, str] = {
    "PutRule": "RoleArn is kept and has no effect: there is no IAM",
    "PutTargets": (
        "targets are SNS topics, log groups, event buses, API destinations and http(s) addresses, others are refused; "
        "so is DeadLetterConfig; RoleArn has no effect"
    ),
}
