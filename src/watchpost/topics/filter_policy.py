"""Filter policies: which of a topic's messages a subscription gets.

A policy is a pattern of the event language (`watchpost.events`), tried on the message's attributes or on its body, with
bounds of its own. Source: Amazon SNS, "Subscription filter policies" and "Filter policy constraints".
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import msgspec

from watchpost.events.operators import MalformedPattern
from watchpost.events.pattern import Pattern, compile_parsed
from watchpost.topics.limits import invalid
from watchpost.topics.messages import chosen_body
from watchpost.topics.topic import Message, MessageAttribute

SCOPES = ("MessageAttributes", "MessageBody")
MOST_KEYS, MOST_COMBINATIONS, MOST_BYTES = 5, 150, 256 * 1024


@dataclass(frozen=True, slots=True)
class FilterPolicy:
    """A compiled policy; `pattern` is None when everything passes."""

    pattern: Pattern | None
    body: bool

    def lets_through(self, message: Message, protocol: str) -> bool:
        """Whether a subscription of that protocol gets the message."""
        if self.pattern is None:
            return True
        seen = _body(chosen_body(message, protocol)) if self.body else _attributes(message.attributes)
        return seen is not None and self.pattern.matches(seen)


@lru_cache(maxsize=1024)
def compile_filter_policy(text: str, scope: str = "MessageAttributes", prefix: str = "") -> FilterPolicy:
    """The policy a JSON text stands for; no text or `{}` lets everything through.

    Args: prefix: what the refusal's reason begins with, `Attributes Reason: ` when subscribing.
    Raises: Refused: InvalidParameter, in SNS's words.
    """
    if scope not in SCOPES:
        raise invalid(
            f"{prefix}FilterPolicyScope: Invalid value [{scope}]. Please use either MessageBody or MessageAttributes"
        )
    policy = _parsed(text, prefix)
    if not policy:
        return FilterPolicy(None, scope == "MessageBody")
    if len(policy) > MOST_KEYS:
        raise invalid(f"{prefix}FilterPolicy: Filter policy can not have more than 5 keys")
    if scope == "MessageAttributes" and _nested(policy):
        raise invalid("Filter policy scope MessageAttributes does not support nested filter policy")
    try:
        pattern = compile_parsed(policy)
    except MalformedPattern as problem:
        raise invalid(f"{prefix}FilterPolicy: {problem.reason}") from None
    if combinations(policy) > MOST_COMBINATIONS:
        raise invalid(f"{prefix}FilterPolicy: Filter policy is too complex")
    return FilterPolicy(pattern, scope == "MessageBody")


def combinations(policy: Mapping[str, object], depth: int = 1) -> int:
    """How many combinations of values a policy stands for: the product over its keys of values times depth.

    `$or` adds up its branches.

    >>> combinations({"a": {"b": {"c": ["1", "2", "3", "4"]}}, "d": {"e": ["1", "2", "3"]}})
    72
    """
    return prod(_weight(key, value, depth) for key, value in policy.items())


def _weight(key: str, value: object, depth: int) -> int:
    if isinstance(value, Mapping):
        return combinations(value, depth + 1)
    if not isinstance(value, Sequence):
        return 1
    if key == "$or":
        return sum(combinations(branch, depth) for branch in value if isinstance(branch, Mapping))
    return len(value) * depth


def _parsed(text: str, prefix: str) -> Mapping[str, object]:
    if len(text.encode()) > MOST_BYTES:
        raise invalid(f"{prefix}FilterPolicy: Filter policy is too long")
    if not text:
        return {}
    try:
        policy = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise invalid(f"{prefix}FilterPolicy: failed to parse JSON.") from None
    if not isinstance(policy, Mapping):
        raise invalid(f"{prefix}FilterPolicy: Filter is not an object")
    return policy


def _nested(policy: Mapping[str, object]) -> bool:
    branches = policy.get("$or", ())
    inside = branches if isinstance(branches, Sequence) else ()
    return any(isinstance(value, Mapping) for value in policy.values()) or any(
        _nested(branch) for branch in inside if isinstance(branch, Mapping)
    )


def _attributes(attributes: tuple[MessageAttribute, ...]) -> dict[str, object]:
    """What a policy sees of attributes: numbers as numbers, arrays element by element, binary ones not at all."""
    seen: dict[str, object] = {}
    for attribute in attributes:
        kind = attribute.type
        if kind.startswith("Binary"):
            continue
        if kind.startswith("Number"):
            seen[attribute.name] = float(attribute.value)
        elif kind.startswith("String.Array"):
            seen[attribute.name] = json.loads(attribute.value)
        else:
            seen[attribute.name] = attribute.value
    return seen


def _body(text: str) -> Mapping[str, object] | None:
    try:
        body = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return body if isinstance(body, Mapping) else None
