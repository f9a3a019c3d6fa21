"""The attributes of topics and subscriptions: which there are, what they may be, what SNS shows.

Source: Amazon SNS API, SetTopicAttributes and SetSubscriptionAttributes. What this server cannot do is refused with the
reason, so that nobody believes in an encryption or a log that is not there.
"""

import json
from collections.abc import Mapping

from watchpost.topics.delivery_policy import (
    effective_subscription_json,
    effective_topic_json,
    subscription_policy,
    topic_policy,
)
from watchpost.topics.filter_policy import compile_filter_policy
from watchpost.topics.limits import invalid
from watchpost.topics.policies import check_policy, default_policy
from watchpost.topics.topic import Subscription, Topic

_FIFO_ONLY = {"ContentBasedDeduplication", "FifoThroughputScope"}
_FEEDBACK = ("SuccessFeedbackRoleArn", "FailureFeedbackRoleArn", "SuccessFeedbackSampleRate")
_NOT_HERE = {
    "KmsMasterKeyId": "this server has no KMS: encrypt the disk or database it writes to",
    "SignatureKeyId": "this server signs with a key of its own",
    "ArchivePolicy": "this server keeps no archive of messages",
    "BeginningArchiveTime": "this server keeps no archive of messages",
    "DataProtectionPolicy": "this server does not search messages for personal data",
}
_RAW = frozenset({"http", "https", "command"})


def check_topic_attribute(name: str, value: str | None, fifo: bool, prefix: str, creating: bool = False) -> None:
    """Raise Refused unless a topic may have the attribute with that value; None is the default."""
    if name == "FifoTopic":
        if not creating:
            raise invalid("AttributeName")
        _boolean(name, value, prefix)
    elif name in _FIFO_ONLY and not fifo:
        raise invalid(f"{prefix}{name}: Only FIFO topics can have this attribute")
    elif name in _NOT_HERE:
        if value is not None:
            raise invalid(f"{prefix}{name}: {_NOT_HERE[name]}")
    elif name.endswith(_FEEDBACK):
        raise invalid(f"{prefix}{name}: delivery status is not written to logs here; the journal has every delivery")
    elif name not in _TOPIC:
        raise invalid("AttributeName")
    elif value is not None:
        _check_topic_value(name, value, prefix)


_TOPIC = {
    "DisplayName",
    "Policy",
    "DeliveryPolicy",
    "SignatureVersion",
    "TracingConfig",
    "ContentBasedDeduplication",
    "FifoThroughputScope",
}


def _check_topic_value(name: str, value: str, prefix: str) -> None:
    match name:
        case "Policy":
            check_policy(value, prefix)
        case "DeliveryPolicy":
            topic_policy(value, f"{prefix}DeliveryPolicy: ")
        case "ContentBasedDeduplication":
            _boolean(name, value, prefix)
        case "SignatureVersion":
            _one_of(name, value, ("1", "2"), prefix)
        case "FifoThroughputScope":
            _one_of(name, value, ("Topic", "MessageGroup"), prefix)
        case "TracingConfig":
            if value == "Active":
                raise invalid(f"{prefix}TracingConfig: this server has no X-Ray; only PassThrough is possible")
            _one_of(name, value, ("PassThrough",), prefix)
        case "DisplayName":
            if len(value) > 100 or not value.isprintable():
                raise invalid(f"{prefix}DisplayName: must be at most 100 printable characters")


def shown_topic_attributes(topic: Topic, account: str, confirmed: int, pending: int) -> dict[str, str]:
    """All attributes of a topic as GetTopicAttributes shows them."""
    return {
        "TopicArn": topic.arn,
        "Owner": account,
        "DisplayName": "",
        "Policy": default_policy(topic.arn, account),
        "EffectiveDeliveryPolicy": effective_topic_json(topic.attribute("DeliveryPolicy")),
        "SubscriptionsConfirmed": str(confirmed),
        "SubscriptionsPending": str(pending),
        "SubscriptionsDeleted": str(topic.deleted),
        **dict(topic.attributes),
    }


def check_subscription_attributes(protocol: str, attributes: Mapping[str, str], prefix: str) -> None:
    """Raise Refused unless a subscription may have these attributes; empty text is the default."""
    for name, value in attributes.items():
        match name:
            case "DeliveryPolicy":
                subscription_policy(value, f"{prefix}DeliveryPolicy: ")
            case "RawMessageDelivery":
                _check_raw(value, protocol, prefix)
            case "RedrivePolicy":
                _check_redrive(value, prefix)
            case "FilterPolicyScope" | "FilterPolicy":
                pass
            case "SubscriptionRoleArn" | "ReplayPolicy":
                if value:
                    raise invalid(f"{prefix}{name}: this server has no Firehose streams and no archive to replay")
            case _:
                raise invalid("AttributeName")
    scope = attributes.get("FilterPolicyScope") or "MessageAttributes"
    compile_filter_policy(attributes.get("FilterPolicy", ""), scope, prefix)


def shown_subscription_attributes(
    subscription: Subscription, topic: Topic, account: str, endpoint: str
) -> dict[str, str]:
    """All attributes of a subscription as GetSubscriptionAttributes shows them; `endpoint` with its secrets masked."""
    kept = dict(subscription.attributes)
    shown = {
        "SubscriptionArn": subscription.arn,
        "TopicArn": subscription.topic_arn,
        "Protocol": subscription.protocol,
        "Endpoint": endpoint,
        "Owner": account,
        "PendingConfirmation": _text(subscription.confirmed is None),
        "ConfirmationWasAuthenticated": _text(subscription.authenticated),
        "RawMessageDelivery": "false",
        "SubscriptionPrincipal": f"arn:aws:iam::{account}:root",
        **kept,
    }
    if "FilterPolicy" in kept:
        shown.setdefault("FilterPolicyScope", "MessageAttributes")
    if subscription.protocol in {"http", "https"}:
        own, general = subscription.attribute("DeliveryPolicy"), topic.attribute("DeliveryPolicy")
        shown["EffectiveDeliveryPolicy"] = effective_subscription_json(general, own)
    return shown


def _check_raw(value: str, protocol: str, prefix: str) -> None:
    if value.lower() not in {"true", "false"}:
        raise invalid(f"{prefix}RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
    if value.lower() == "true" and protocol not in _RAW:
        raise invalid(
            f"{prefix}RawMessageDelivery: Delivery protocol [{protocol}] does not support raw message delivery."
        )


def _check_redrive(value: str, prefix: str) -> None:
    if not value:
        return
    try:
        policy = json.loads(value)
    except (ValueError, RecursionError):
        raise invalid(f"{prefix}RedrivePolicy: failed to parse JSON.") from None
    target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
    if not isinstance(target, str):
        raise invalid(f"{prefix}RedrivePolicy: deadLetterTargetArn is missing")
    if not target.startswith("arn:aws:sns:"):
        raise invalid(
            f"{prefix}RedrivePolicy: this server has no SQS queues; deadLetterTargetArn may be the ARN of a topic. "
            "Without a policy, what cannot be delivered is kept as a dead letter of the server"
        )


def _boolean(name: str, value: str | None, prefix: str) -> None:
    if value is not None and value.lower() not in {"true", "false"}:
        raise invalid(f"{prefix}{name}: Invalid value [{value}]. Must be true or false.")


def _one_of(name: str, value: str, known: tuple[str, ...], prefix: str) -> None:
    if value not in known:
        raise invalid(f"{prefix}{name}: Invalid value [{value}]. Must be one of {', '.join(known)}")


def _text(value: bool) -> str:
    return "true" if value else "false"
