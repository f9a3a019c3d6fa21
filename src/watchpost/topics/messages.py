"""What is delivered: SNS's JSON messages, the text that is signed, and the bodies of each protocol.

Source: Amazon SNS, "HTTP/HTTPS notification JSON format" and "Verifying the signatures of messages".
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from urllib.parse import urlencode

from watchpost.topics.topic import Message, MessageAttribute

Confirmation = Literal["SubscriptionConfirmation", "UnsubscribeConfirmation"]
DEFAULT_CONTENT_TYPE = "text/plain; charset=UTF-8"
USER_AGENT = "Amazon Simple Notification Service Agent"
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


def timestamp(at: datetime) -> str:
    """The instant as SNS writes it.

    >>> from datetime import UTC
    >>> timestamp(datetime(2026, 11, 21, 5, 0, tzinfo=UTC))
    '2026-11-21T05:00:00.000Z'
    """
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def chosen_body(message: Message, protocol: str) -> str:
    """The text for one protocol: its own where the message has one, else the default."""
    if not message.structured:
        return message.body
    texts = json.loads(message.body)
    own = texts.get(protocol)
    return own if isinstance(own, str) else texts["default"]


def confirm_url(base_url: str, topic_arn: str, token: str) -> str:
    """The link that confirms a subscription; it works without a signature."""
    query = urlencode({"Action": "ConfirmSubscription", "TopicArn": topic_arn, "Token": token}, safe=":")
    return f"{base_url.rstrip('/')}/?{query}"


def unsubscribe_url(base_url: str, subscription_arn: str) -> str:
    """The link that ends a subscription; it works without a signature."""
    query = urlencode({"Action": "Unsubscribe", "SubscriptionArn": subscription_arn}, safe=":")
    return f"{base_url.rstrip('/')}/?{query}"


def notification(
    message: Message, protocol: str, version: str, certificate_url: str, unsubscribe: str
) -> dict[str, object]:
    """The members of a notification, all but the Signature, in SNS's order."""
    members: dict[str, object] = {"Type": "Notification", "MessageId": message.id}
    if message.sequence is not None:
        members["SequenceNumber"] = message.sequence
    members["TopicArn"] = message.topic_arn
    if message.subject is not None:
        members["Subject"] = message.subject
    members["Message"] = chosen_body(message, protocol)
    members["Timestamp"] = timestamp(message.at)
    members["SignatureVersion"] = version
    members["Signature"] = ""
    members["SigningCertURL"] = certificate_url
    members["UnsubscribeURL"] = unsubscribe
    if message.attributes:
        members["MessageAttributes"] = {a.name: _attribute(a) for a in message.attributes}
    return members


def confirmation(
    kind: Confirmation,
    message_id: str,
    subscription_arn: str,
    token: str,
    subscribe_url: str,
    at: datetime,
    version: str,
    certificate_url: str,
) -> dict[str, object]:
    """The members of a message that asks to confirm a subscription or tells of its end, all but the Signature."""
    topic_arn = subscription_arn.rpartition(":")[0]
    if kind == "SubscriptionConfirmation":
        text = (
            f"You have chosen to subscribe to the topic {topic_arn}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        )
    else:
        text = (
            f"You have chosen to deactivate subscription {subscription_arn}.\n"
            "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
        )
    return {
        "Type": kind,
        "MessageId": message_id,
        "Token": token,
        "TopicArn": topic_arn,
        "Message": text,
        "SubscribeURL": subscribe_url,
        "Timestamp": timestamp(at),
        "SignatureVersion": version,
        "Signature": "",
        "SigningCertURL": certificate_url,
    }


def text_to_sign(members: Mapping[str, object]) -> str:
    r"""The canonical text of a message that its signature covers: name and value of certain members, a line each.

    >>> text_to_sign({"Type": "Notification", "MessageId": "1", "TopicArn": "t", "Message": "m", "Timestamp": "now"})
    'Message\nm\nMessageId\n1\nTimestamp\nnow\nTopicArn\nt\nType\nNotification\n'
    """
    return "".join(f"{name}\n{members[name]}\n" for name in _SIGNED[str(members["Type"])] if name in members)


def encoded(members: Mapping[str, object]) -> str:
    """A message's members as the JSON text that is delivered."""
    return json.dumps(members, indent=2, ensure_ascii=False)


def http_headers(
    kind: str, message_id: str, topic_arn: str, subscription_arn: str | None, content_type: str | None, raw: bool
) -> tuple[tuple[str, str], ...]:
    """The headers of a POST to a subscriber; `kind` is the message's Type."""
    headers = [
        ("x-amz-sns-message-type", kind),
        ("x-amz-sns-message-id", message_id),
        ("x-amz-sns-topic-arn", topic_arn),
    ]
    if subscription_arn is not None:
        headers.append(("x-amz-sns-subscription-arn", subscription_arn))
    if raw:
        headers.append(("x-amz-sns-rawdelivery", "true"))
    return (*headers, ("Content-Type", content_type or DEFAULT_CONTENT_TYPE), ("User-Agent", USER_AGENT))


def mail_footer(unsubscribe: str, endpoint: str) -> str:
    """The lines under every mail to a subscriber."""
    return (
        "\n\n--\n"
        f"{endpoint} gets this mail because it is subscribed. To end the subscription, open this link:\n"
        f"{unsubscribe}\n"
    )


def confirmation_mail(topic_arn: str, subscribe_url: str, ended: bool) -> str:
    """The text of the mail that asks to confirm a subscription, or with `ended` tells of its end."""
    if ended:
        return (
            f"Your subscription to this topic has ended:\n{topic_arn}\n\n"
            f"If this was a mistake, open this link to restore it (it is valid for two days):\n{subscribe_url}\n"
        )
    return (
        f"You have chosen to subscribe to the topic:\n{topic_arn}\n\n"
        f"To confirm this subscription, open this link (it is valid for two days):\n{subscribe_url}\n\n"
        "If you did not ask for it, do nothing: without your confirmation no message will be sent to you.\n"
    )


def _attribute(attribute: MessageAttribute) -> dict[str, str]:
    return {"Type": attribute.type, "Value": attribute.value}
