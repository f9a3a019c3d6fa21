"""Amazon SNS: topics, subscriptions, publishing. Source: the service model of version 2010-03-31."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import AwsService, Call
from watchpost.service.topics.documents import the_topic
from watchpost.service.topics.topics import Publication
from watchpost.topics.limits import BATCH_ID, MESSAGE_BYTES, check_attribute, invalid, message_attribute, message_bytes

if TYPE_CHECKING:
    from watchpost.service.server import Server
    from watchpost.service.topics.subscriptions import Listed
    from watchpost.service.topics.topics import Published
    from watchpost.stores.store import Transaction

Answer = Mapping[str, Any]


def create_topic(server: "Server", call: Call) -> Answer:
    """CreateTopic."""
    asked = call.input
    if asked.get("DataProtectionPolicy"):
        raise invalid("DataProtectionPolicy: this server does not search messages for personal data")
    tags = _tags(asked.get("Tags", ()))
    arn = server.topics.catalogue.create(asked["Name"], asked.get("Attributes", {}), tags, _actor(call))
    return {"TopicArn": arn}


def delete_topic(server: "Server", call: Call) -> None:
    """DeleteTopic."""
    server.topics.catalogue.delete(call.input["TopicArn"], _actor(call))


def list_topics(server: "Server", call: Call) -> Answer:
    """ListTopics."""
    arns, more = server.topics.catalogue.page(_after(call))
    return {"Topics": [{"TopicArn": arn} for arn in arns], **_next(more)}


def get_topic_attributes(server: "Server", call: Call) -> Answer:
    """GetTopicAttributes."""
    return {"Attributes": server.topics.catalogue.attributes(call.input["TopicArn"])}


def set_topic_attributes(server: "Server", call: Call) -> None:
    """SetTopicAttributes."""
    asked = call.input
    value = asked.get("AttributeValue", "")
    server.topics.catalogue.set_attribute(asked["TopicArn"], asked["AttributeName"], value, _actor(call))


def add_permission(server: "Server", call: Call) -> None:
    """AddPermission."""
    asked = call.input
    accounts, actions = asked["AWSAccountId"], asked["ActionName"]
    server.topics.catalogue.add_permission(asked["TopicArn"], asked["Label"], accounts, actions, _actor(call))


def remove_permission(server: "Server", call: Call) -> None:
    """RemovePermission."""
    server.topics.catalogue.remove_permission(call.input["TopicArn"], call.input["Label"], _actor(call))


def tag_resource(server: "Server", call: Call) -> Answer:
    """TagResource."""
    server.topics.catalogue.tag(call.input["ResourceArn"], _tags(call.input["Tags"]), _actor(call))
    return {}


def untag_resource(server: "Server", call: Call) -> Answer:
    """UntagResource."""
    server.topics.catalogue.untag(call.input["ResourceArn"], call.input["TagKeys"], _actor(call))
    return {}


def list_tags_for_resource(server: "Server", call: Call) -> Answer:
    """ListTagsForResource."""
    tags = server.topics.catalogue.tags(call.input["ResourceArn"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def subscribe(server: "Server", call: Call) -> Answer:
    """Subscribe."""
    asked = call.input
    subscription = server.topics.subscriptions.subscribe(
        asked["TopicArn"], asked["Protocol"], asked.get("Endpoint", ""), asked.get("Attributes", {}), _actor(call)
    )
    shown = subscription.confirmed is not None or asked.get("ReturnSubscriptionArn", False)
    return {"SubscriptionArn": subscription.arn if shown else "pending confirmation"}


def confirm_subscription(server: "Server", call: Call) -> Answer:
    """ConfirmSubscription; also what the link in a confirmation opens, unsigned."""
    asked = call.input
    strict = str(asked.get("AuthenticateOnUnsubscribe", "")).lower() == "true"
    confirmed = server.topics.subscriptions.confirm(asked["TopicArn"], asked["Token"], call.access_key, strict)
    return {"SubscriptionArn": confirmed.arn}


def unsubscribe(server: "Server", call: Call) -> None:
    """Unsubscribe; also what the link in a message opens, unsigned."""
    server.topics.subscriptions.unsubscribe(call.input["SubscriptionArn"], call.access_key)


def get_subscription_attributes(server: "Server", call: Call) -> Answer:
    """GetSubscriptionAttributes."""
    return {"Attributes": server.topics.subscriptions.attributes(call.input["SubscriptionArn"])}


def set_subscription_attributes(server: "Server", call: Call) -> None:
    """SetSubscriptionAttributes."""
    asked = call.input
    value = asked.get("AttributeValue", "")
    server.topics.subscriptions.set_attribute(asked["SubscriptionArn"], asked["AttributeName"], value, _actor(call))


def list_subscriptions(server: "Server", call: Call) -> Answer:
    """ListSubscriptions."""
    found, more = server.topics.subscriptions.page(after=_after(call))
    return {"Subscriptions": [_listed(server, subscription) for subscription in found], **_next(more)}


def list_subscriptions_by_topic(server: "Server", call: Call) -> Answer:
    """ListSubscriptionsByTopic."""
    found, more = server.topics.subscriptions.page(call.input["TopicArn"], _after(call))
    return {"Subscriptions": [_listed(server, subscription) for subscription in found], **_next(more)}


def publish(server: "Server", call: Call) -> Answer:
    """Publish, to a topic or a phone number."""
    asked, now, topics = call.input, call.now, server.topics
    publication = _publication(asked)
    targets = [asked[name] for name in ("TopicArn", "TargetArn", "PhoneNumber") if asked.get(name)]
    if len(targets) != 1:
        raise invalid("TopicArn or TargetArn Reason: exactly one of TopicArn, TargetArn and PhoneNumber must be given")
    if asked.get("PhoneNumber"):
        published = server.store.write(lambda tx: topics.publish_to_phone(tx, targets[0], publication, now))
    else:
        published = server.store.write(lambda tx: topics.publish_to(tx, targets[0], publication, now))
    return _published(published)


def publish_batch(server: "Server", call: Call) -> Answer:
    """PublishBatch: each entry is published or refused by itself."""
    arn, entries = call.input["TopicArn"], call.input["PublishBatchRequestEntries"]
    _check_batch(entries)

    def work(tx: "Transaction") -> Answer:
        successful, failed = list[Answer](), list[Answer]()
        the_topic(tx, arn)
        for entry in entries:
            try:
                published = server.topics.publish_to(tx, arn, _publication(entry), call.now)
            except Refused as refused:
                code = _CODES.get(refused.fault, refused.fault)
                failed.append({"Id": entry["Id"], "Code": code, "Message": refused.message, "SenderFault": True})
            else:
                successful.append({"Id": entry["Id"], **_published(published)})
        return {"Successful": successful, "Failed": failed}

    return server.store.write(work)


def _published(published: "Published") -> Answer:
    sequence = {} if published.sequence is None else {"SequenceNumber": published.sequence}
    return {"MessageId": published.message_id, **sequence}


_CODES = {"InvalidParameterException": "InvalidParameter", "InvalidParameterValueException": "ParameterValueInvalid"}


def _check_batch(entries: Sequence[Mapping[str, Any]]) -> None:
    names = [entry["Id"] for entry in entries]
    if not names:
        raise Refused("EmptyBatchRequestException", "The batch request doesn't contain any entries.")
    if len(names) > 10:
        raise Refused(
            "TooManyEntriesInBatchRequestException",
            "The batch request contains more entries than permissible (more than 10).",
        )
    if len(set(names)) < len(names):
        raise Refused("BatchEntryIdsNotDistinctException", "Two or more batch entries in the request have the same Id.")
    if any(not BATCH_ID.fullmatch(name) for name in names):
        raise Refused(
            "InvalidBatchEntryIdException",
            "The Id of a batch entry in a batch request doesn't abide by the specification.",
        )
    if sum(_size(entry) for entry in entries) > MESSAGE_BYTES:
        raise Refused(
            "BatchRequestTooLongException", "The length of all the batch messages put together is more than the limit."
        )


def _size(entry: Mapping[str, Any]) -> int:
    given = entry.get("MessageAttributes", {})
    for name, value in given.items():
        check_attribute(name, value)
    return message_bytes(entry["Message"], [message_attribute(name, value) for name, value in given.items()])


def _publication(asked: Mapping[str, Any]) -> Publication:
    structure = asked.get("MessageStructure")
    if structure not in {None, "", "json", "string"}:
        raise invalid(f"MessageStructure: Invalid value [{structure}]. Must be json")
    return Publication(
        message=asked["Message"],
        subject=asked.get("Subject"),
        attributes=asked.get("MessageAttributes", {}),
        structured=structure == "json",
        group=asked.get("MessageGroupId"),
        deduplication=asked.get("MessageDeduplicationId"),
    )


def _listed(server: "Server", subscription: "Listed") -> Answer:
    return {
        "SubscriptionArn": subscription.arn,
        "Owner": server.configuration.account,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic_arn,
    }


def _actor(call: Call) -> str:
    return call.access_key or "anonymous"


def _tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _after(call: Call) -> str:
    """The key a page begins behind."""
    token = call.input.get("NextToken")
    if not token:
        return ""
    try:
        return urlsafe_b64decode(token.encode("ascii")).decode()
    except ValueError:
        raise invalid("NextToken") from None


def _next(key: str | None) -> Answer:
    return {} if key is None else {"NextToken": urlsafe_b64encode(key.encode()).decode()}


plugin = AwsService(
    name="sns",
    operations={
        "AddPermission": add_permission,
        "ConfirmSubscription": confirm_subscription,
        "CreateTopic": create_topic,
        "DeleteTopic": delete_topic,
        "GetSubscriptionAttributes": get_subscription_attributes,
        "GetTopicAttributes": get_topic_attributes,
        "ListSubscriptions": list_subscriptions,
        "ListSubscriptionsByTopic": list_subscriptions_by_topic,
        "ListTagsForResource": list_tags_for_resource,
        "ListTopics": list_topics,
        "Publish": publish,
        "PublishBatch": publish_batch,
        "RemovePermission": remove_permission,
        "SetSubscriptionAttributes": set_subscription_attributes,
        "SetTopicAttributes": set_topic_attributes,
        "Subscribe": subscribe,
        "TagResource": tag_resource,
        "Unsubscribe": unsubscribe,
        "UntagResource": untag_resource,
    },
    partial={
        "AddPermission": "The policy is kept and shown, not enforced: who has a key of the server may do everything.",
        "CreateTopic": (
            "KmsMasterKeyId, delivery status logging, active tracing, archives and data protection policies are "
            "refused by name; Policy is kept but not enforced."
        ),
        "Publish": (
            "Mobile push endpoints are refused. On FIFO topics messages are numbered and deduplicated, but one that is "
            "being retried does not hold up those behind it."
        ),
        "RemovePermission": "See AddPermission.",
        "SetSubscriptionAttributes": (
            "RedrivePolicy takes the ARN of a topic, not of a queue; ReplayPolicy and SubscriptionRoleArn are refused."
        ),
        "SetTopicAttributes": "See CreateTopic.",
        "Subscribe": (
            "http, https, email, email-json and sms, and as extensions apprise and command; sqs, lambda, firehose and "
            "application are refused by name."
        ),
    },
    unsigned=frozenset({"ConfirmSubscription", "Unsubscribe"}),
)
