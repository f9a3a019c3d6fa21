"""Rules, targets and buses as values, and the names they go by."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from watchpost.events.inputs import Transformer

DEFAULT_BUS = "default"
Kind = Literal["sns", "logs", "event-bus", "api-destination", "webhook"]
State = Literal["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"]

_ARN = re.compile(r"arn:aws[\w-]*:([a-z0-9-]+):([a-z0-9-]*):(\d{12})?:(.+)", re.ASCII)
_SERVICES = {
    "sqs": "SQS queues",
    "lambda": "Lambda functions",
    "kinesis": "Kinesis streams",
    "firehose": "Firehose streams",
    "states": "Step Functions state machines",
    "ecs": "ECS tasks",
    "batch": "Batch jobs",
    "ssm": "Systems Manager commands and automations",
    "sagemaker": "SageMaker pipelines",
    "redshift": "Redshift clusters",
    "redshift-serverless": "Redshift workgroups",
    "execute-api": "API Gateway endpoints",
    "appsync": "AppSync APIs",
    "codebuild": "CodeBuild projects",
    "codepipeline": "CodePipeline pipelines",
    "inspector": "Inspector assessments",
    "ec2": "EC2 actions",
    "ssm-incidents": "Incident Manager response plans",
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a failed invocation is tried again: at most so many times (0-185) and so many seconds (60-86400)."""

    attempts: int = 185
    seconds: int = 86400


@dataclass(frozen=True, slots=True)
class HttpParameters:
    """What is put into the request to an API destination: a value for each `*` of its path, headers, query."""

    path_values: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Where a rule sends what it matches; at most one of `constant`, `path` and `transformer` says what is sent."""

    id: str
    arn: str
    role: str | None = None
    constant: str | None = None
    path: str | None = None
    transformer: Transformer | None = None
    retry: RetryPolicy | None = None
    http: HttpParameters | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a bus: events its `pattern` (JSON text) holds for, or the times of its `schedule`, go to its targets.

    `since` is when its schedule began to count: when it was set, or the rule was last enabled.
    """

    name: str
    bus: str
    arn: str
    since: datetime
    pattern: str | None = None
    schedule: str | None = None
    state: State = "ENABLED"
    description: str | None = None
    role: str | None = None
    targets: tuple[Target, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def enabled(self) -> bool:
        """Whether it acts."""
        return self.state != "DISABLED"


@dataclass(frozen=True, slots=True)
class Bus:
    """An event bus beside the default one."""

    name: str
    arn: str
    created: datetime
    changed: datetime
    description: str | None = None
    tags: tuple[tuple[str, str], ...] = ()


def bus_arn(region: str, account: str, name: str) -> str:
    """The ARN of a bus."""
    return f"arn:aws:events:{region}:{account}:event-bus/{name}"


def rule_arn(region: str, account: str, bus: str, name: str) -> str:
    """The ARN of a rule; the default bus is not named in it."""
    return f"arn:aws:events:{region}:{account}:rule/{name if bus == DEFAULT_BUS else f'{bus}/{name}'}"


def bus_name(name_or_arn: str | None) -> str:
    """The name of the bus that a request names by its name, its ARN, or not at all."""
    return name_or_arn.rpartition("event-bus/")[2] if name_or_arn else DEFAULT_BUS


def kind_of(arn: str) -> Kind:
    """What a target is: an ARN of a topic, a log group, a bus or an API destination, or an http(s) address.

    Raises: ValueError: nothing the server can invoke; says what it is.
    """
    if re.match(r"https?://[^\s/]", arn):
        return "webhook"
    found = _ARN.fullmatch(arn)
    if found is None:
        raise ValueError("Provided Arn is not in correct format.")
    service, resource = found[1], found[4]
    match service:
        case "sns" if ":" not in resource:
            return "sns"
        case "logs" if resource.startswith("log-group:") and log_group(arn):
            return "logs"
        case "events" if resource.startswith("event-bus/"):
            return "event-bus"
        case "events" if resource.startswith("api-destination/"):
            return "api-destination"
    what = _SERVICES.get(service, f"resources of {service!r}")
    raise ValueError(
        f"Watchpost does not invoke {what}. Supported targets: SNS topics, CloudWatch log groups, event buses, "
        "API destinations, and http or https addresses."
    )


def log_group(arn: str) -> str:
    """The name of the log group that an ARN names, with or without the `:*` at its end."""
    return arn.partition(":log-group:")[2].removesuffix(":*")
