"""What may be published and subscribed, and SNS's words for what may not.

Source: contract of Amazon SNS, "Messages"; sizes in bytes of UTF-8.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence

from watchpost.errors import Refused
from watchpost.topics.topic import MessageAttribute

MESSAGE_BYTES = 256 * 1024
BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_TOPIC_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_FIFO_NAME = re.compile(r"[A-Za-z0-9_-]{1,251}\.fifo")
_ATTRIBUTE_NAME = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
_ATTRIBUTE_TYPE = re.compile(r"(String\.Array|String|Number|Binary)(\..*)?", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SUBJECT = re.compile(r"[\x20-\x7e]{1,99}")
_GROUP = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")


def invalid(reason: str) -> Refused:
    """SNS's InvalidParameter with its usual prefix."""
    return Refused("InvalidParameterException", f"Invalid parameter: {reason}")


def check_topic_name(name: str, fifo: bool) -> None:
    """Raise Refused unless it may name a topic; a FIFO topic's name ends in `.fifo`, no other does."""
    if not (_FIFO_NAME if fifo else _TOPIC_NAME).fullmatch(name):
        raise invalid("Topic Name")


def check_arn(arn: str, member: str = "TopicArn") -> None:
    """Raise Refused unless it has the six parts of an ARN and speaks of SNS."""
    parts = arn.split(":")
    if len(parts) < 6:
        raise invalid(f"{member} Reason: An ARN must have at least 6 elements, not {len(parts)}")
    if parts[0] != "arn" or parts[2] != "sns" or not parts[5]:
        raise invalid(f"{member} Reason: {arn!r} is not the ARN of an SNS topic or subscription")


def check_subject(subject: str | None) -> None:
    """Raise Refused unless it is absent or 1 to 99 printable ASCII characters that do not begin with a blank."""
    if subject is not None and (not _SUBJECT.fullmatch(subject) or subject[0] == " "):
        raise invalid("Subject")


def fitting_subject(text: str) -> str | None:
    r"""The nearest subject that SNS takes; None if nothing is left of it.

    >>> fitting_subject('ALARM: "größe"\n')
    'ALARM: "gr??e"'
    """
    printable = "".join(c if " " <= c <= "~" else " " if c.isspace() else "?" for c in text)
    return printable.strip()[:99] or None


def check_group(member: str, value: str) -> None:
    """Raise Refused unless it may name a message group or be a deduplication id."""
    if not _GROUP.fullmatch(value):
        raise invalid(
            f"{member} Reason: {member} can only include alphanumeric and punctuation characters. 1 to 128 in length"
        )


def check_body(body: str, structured: bool) -> None:
    """Raise Refused unless the text can be published; `structured`: it must be JSON with a `default`."""
    if not body:
        raise invalid("Empty message")
    if not structured:
        return
    try:
        texts = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(texts, dict):
        raise invalid("Message Structure - JSON message body failed to parse")
    if not isinstance(texts.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")


def message_bytes(body: str, attributes: Sequence[MessageAttribute]) -> int:
    """The size of a message in bytes: its body and the names, types and values of its attributes.

    >>> message_bytes("é", [MessageAttribute("a", "String", "b")])
    10
    """
    # A binary value counts by its own length, not by that of its base64 text: four characters for three bytes.
    values = sum(
        len(a.value) // 4 * 3 - a.value.count("=") if a.type.startswith("Binary") else len(a.value.encode())
        for a in attributes
    )
    return len(body.encode()) + sum(len(a.name.encode()) + len(a.type.encode()) for a in attributes) + values


def check_size(body: str, attributes: Sequence[MessageAttribute]) -> None:
    """Raise Refused if the message is larger than 256 KiB."""
    if message_bytes(body, attributes) > MESSAGE_BYTES:
        raise invalid("Message too long")


def check_attribute(name: str, value: Mapping[str, object]) -> None:
    """Raise Refused unless SNS would take the attribute: `value` has DataType and StringValue or BinaryValue."""
    if not _ATTRIBUTE_NAME.fullmatch(name) or ".." in name:
        raise _unfit(
            f"The message attribute name '{name}' is invalid: it may have letters, digits, '_', '-' and single "
            "periods inside, 256 characters at most."
        )
    kind = str(value.get("DataType") or "")
    match = _ATTRIBUTE_TYPE.fullmatch(kind)
    if not kind:
        raise _unfit(f"The message attribute '{name}' must contain non-empty message attribute type.")
    if match is None:
        raise _unfit(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type "
            "prefixes is Binary, Number, and String."
        )
    field = "BinaryValue" if match[1] == "Binary" else "StringValue"
    if field not in value:
        short = field.removesuffix("Value")
        raise _unfit(f"The message attribute '{name}' with type '{kind}' must use field '{short}'.")
    text = value[field]
    if not text:
        raise _unfit(
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute "
            f"type '{kind}'."
        )
    if match[1] == "Number" and not _NUMBER.fullmatch(str(text).strip()):
        raise _unfit(f"Could not cast message attribute '{name}' value to number.")
    if match[1] == "String.Array":
        _check_array(name, str(text))


def message_attribute(name: str, value: Mapping[str, object]) -> MessageAttribute:
    """An attribute that `check_attribute` let pass, as it is kept."""
    kind = str(value["DataType"])
    if kind.startswith("Binary"):
        blob = value["BinaryValue"]
        assert isinstance(blob, bytes)
        return MessageAttribute(name, kind, b64encode(blob).decode())
    return MessageAttribute(name, kind, str(value["StringValue"]))


def _check_array(name: str, text: str) -> None:
    try:
        elements = json.loads(text)
    except (ValueError, RecursionError):
        elements = None
    if not isinstance(elements, list) or any(isinstance(e, dict | list) for e in elements):
        raise _unfit(
            f"The message attribute '{name}' with type 'String.Array' must be a JSON array of strings, numbers, true, "
            "false and null."
        )


def _unfit(message: str) -> Refused:
    return Refused("InvalidParameterValueException", message)
