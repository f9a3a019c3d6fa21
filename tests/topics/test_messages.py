"""What is delivered and what may be published, as SNS does it."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.topics.attributes import check_subscription_attributes, check_topic_attribute
from watchpost.topics.limits import (
    check_arn,
    check_attribute,
    check_body,
    check_size,
    check_subject,
    check_topic_name,
    message_bytes,
)
from watchpost.topics.messages import (
    chosen_body,
    confirm_url,
    confirmation,
    encoded,
    http_headers,
    notification,
    text_to_sign,
    unsubscribe_url,
)
from watchpost.topics.policies import default_policy, with_permission, without_permission
from watchpost.topics.topic import Message, MessageAttribute

NOON = datetime(2026, 11, 21, 5, tzinfo=UTC)
TOPIC = "arn:aws:sns:us-east-1:000000000000:drift"


def test_a_notification_has_the_members_of_the_contract_in_their_order() -> None:
    message = Message("uuid", TOPIC, "hello", "greeting", NOON, (MessageAttribute("k", "String", "v"),))
    members = notification(message, "http", "1", "http://h/x.pem", unsubscribe_url("http://h", f"{TOPIC}:s"))
    assert json.loads(encoded(members)) == {
        "Type": "Notification",
        "MessageId": "uuid",
        "TopicArn": TOPIC,
        "Subject": "greeting",
        "Message": "hello",
        "Timestamp": "2026-11-21T05:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertURL": "http://h/x.pem",
        "UnsubscribeURL": f"http://h/?Action=Unsubscribe&SubscriptionArn={TOPIC}:s",
        "MessageAttributes": {"k": {"Type": "String", "Value": "v"}},
    }


def test_a_notification_without_subject_and_attributes_does_not_speak_of_them() -> None:
    members = notification(Message("uuid", TOPIC, "hello", None, NOON), "http", "1", "c", "u")
    assert {"Subject", "MessageAttributes", "SequenceNumber"} & set(members) == set()


def test_the_signed_text_of_a_notification_has_its_members_in_order() -> None:
    members = notification(Message("uuid", TOPIC, "hello", "greeting", NOON), "http", "1", "c", "u")
    assert text_to_sign(members) == (
        "Message\nhello\nMessageId\nuuid\nSubject\ngreeting\nTimestamp\n2026-11-21T05:00:00.000Z\n"
        f"TopicArn\n{TOPIC}\nType\nNotification\n"
    )


def test_a_confirmation_says_what_the_service_says() -> None:
    link = confirm_url("http://h/", TOPIC, "abc")
    members = confirmation("SubscriptionConfirmation", "uuid", f"{TOPIC}:s", "abc", link, NOON, "1", "c")
    assert members["Message"] == (
        f"You have chosen to subscribe to the topic {TOPIC}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message."
    )
    assert members["SubscribeURL"] == f"http://h/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=abc"
    assert text_to_sign(members) == (
        f"Message\n{members['Message']}\nMessageId\nuuid\nSubscribeURL\n{link}\n"
        f"Timestamp\n2026-11-21T05:00:00.000Z\nToken\nabc\nTopicArn\n{TOPIC}\nType\nSubscriptionConfirmation\n"
    )


def test_a_farewell_offers_the_way_back() -> None:
    members = confirmation("UnsubscribeConfirmation", "uuid", f"{TOPIC}:s", "abc", "link", NOON, "1", "c")
    assert members["Message"] == (
        f"You have chosen to deactivate subscription {TOPIC}:s.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
    )


def test_headers_name_the_message_and_a_confirmation_has_no_subscription() -> None:
    told = dict(http_headers("Notification", "uuid", TOPIC, f"{TOPIC}:s", None, raw=True))
    assert told == {
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-message-id": "uuid",
        "x-amz-sns-topic-arn": TOPIC,
        "x-amz-sns-subscription-arn": f"{TOPIC}:s",
        "x-amz-sns-rawdelivery": "true",
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
    }
    asked = dict(http_headers("SubscriptionConfirmation", "uuid", TOPIC, None, None, raw=False))
    assert "x-amz-sns-subscription-arn" not in asked
    assert "x-amz-sns-rawdelivery" not in asked


def test_each_protocol_gets_its_own_text_or_the_default() -> None:
    body = json.dumps({"default": "d", "email": "e", "sms": 3})
    message = Message("1", TOPIC, body, None, NOON, structured=True)
    assert [chosen_body(message, p) for p in ("email", "http", "sms")] == ["e", "d", "d"]
    assert chosen_body(Message("1", TOPIC, body, None, NOON), "email") == body


@given(st.text(), st.lists(st.tuples(st.text(), st.text()), max_size=3))
def test_size_is_counted_in_bytes_of_all_parts(body: str, attributes: list[tuple[str, str]]) -> None:
    typed = [MessageAttribute(name, "String", value) for name, value in attributes]
    expected = len((body + "".join(f"{name}String{value}" for name, value in attributes)).encode())
    assert message_bytes(body, typed) == expected


def refusal(check: object, *arguments: object) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        check(*arguments)  # type: ignore[operator]
    return refused.value.fault.removesuffix("Exception"), refused.value.message


@pytest.mark.parametrize("subject", ["", "a" * 100, "two\nlines", "ünicode", " blank first", "bell\x07"])
def test_subjects_that_sns_does_not_take(subject: str) -> None:
    assert refusal(check_subject, subject) == ("InvalidParameter", "Invalid parameter: Subject")


@pytest.mark.parametrize("name", ["", "a b", "ä", "a" * 257, "a.fifo", "a/b"])
def test_names_that_no_standard_topic_has(name: str) -> None:
    assert refusal(check_topic_name, name, False) == ("InvalidParameter", "Invalid parameter: Topic Name")


def test_a_fifo_topics_name_says_so() -> None:
    check_topic_name("orders.fifo", True)
    assert refusal(check_topic_name, "orders", True)[1] == "Invalid parameter: Topic Name"


# Texts recorded from the service.
WORDS = [
    ((check_arn, "x"), "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"),
    ((check_body, "", False), "Invalid parameter: Empty message"),
    ((check_body, "{", True), "Invalid parameter: Message Structure - JSON message body failed to parse"),
    ((check_body, "[]", True), "Invalid parameter: Message Structure - JSON message body failed to parse"),
    ((check_body, "{}", True), "Invalid parameter: Message Structure - No default entry in JSON message body"),
    ((check_size, "a" * (256 * 1024 + 1), ()), "Invalid parameter: Message too long"),
    (
        (check_attribute, "a", {"DataType": "Number", "BinaryValue": b"1"}),
        "The message attribute 'a' with type 'Number' must use field 'String'.",
    ),
    (
        (check_attribute, "a", {"DataType": "Text", "StringValue": "1"}),
        "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is "
        "Binary, Number, and String.",
    ),
    (
        (check_subscription_attributes, "http", {"RawMessageDelivery": "x"}, "Attributes Reason: "),
        "Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [x]. Must be true or false.",
    ),
    (
        (check_subscription_attributes, "http", {"FilterPolicyScope": "x"}, ""),
        "Invalid parameter: FilterPolicyScope: Invalid value [x]. Please use either MessageBody or MessageAttributes",
    ),
    ((check_subscription_attributes, "http", {"Typo": "x"}, ""), "Invalid parameter: AttributeName"),
    ((check_topic_attribute, "Typo", "x", False, ""), "Invalid parameter: AttributeName"),
]


@pytest.mark.parametrize(("call", "message"), WORDS)
def test_refusals_are_in_the_services_words(call: tuple[object, ...], message: str) -> None:
    assert refusal(*call)[1] == message


@pytest.mark.parametrize(
    ("name", "word"),
    [("KmsMasterKeyId", "KMS"), ("HTTPSuccessFeedbackRoleArn", "journal"), ("ArchivePolicy", "archive")],
)
def test_what_a_topic_cannot_do_here_is_refused_with_the_reason(name: str, word: str) -> None:
    assert word in refusal(check_topic_attribute, name, "x", False, "")[1]


def test_a_queue_for_dead_letters_is_refused_with_the_alternative() -> None:
    policy = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"})
    assert (
        "may be the ARN of a topic" in refusal(check_subscription_attributes, "http", {"RedrivePolicy": policy}, "")[1]
    )


def test_the_default_policy_is_the_services() -> None:
    policy = json.loads(default_policy(TOPIC, "000000000000"))
    (statement,) = policy["Statement"]
    assert (policy["Version"], policy["Id"], statement["Sid"]) == (
        "2008-10-17",
        "__default_policy_ID",
        "__default_statement_ID",
    )
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceOwner": "000000000000"}}


def test_a_permission_can_be_added_and_removed() -> None:
    policy = default_policy(TOPIC, "000000000000")
    wider = with_permission(policy, TOPIC, "friends", ["111111111111"], ["Publish"])
    assert json.loads(wider)["Statement"][1]["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    assert json.loads(without_permission(wider, "friends")) == json.loads(policy)
    assert refusal(with_permission, wider, TOPIC, "friends", ["1"], ["Publish"])[1].endswith("Statement already exists")
