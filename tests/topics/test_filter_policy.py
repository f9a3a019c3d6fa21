"""Which messages a filter policy lets through, its bounds, and the words of its refusals."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.topics.filter_policy import MOST_COMBINATIONS, combinations, compile_filter_policy
from watchpost.topics.topic import Message, MessageAttribute

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def message(body: str = "hello", **attributes: object) -> Message:
    typed = []
    for name, value in attributes.items():
        match value:
            case bytes():
                typed.append(MessageAttribute(name, "Binary", "AAAA"))
            case list():
                typed.append(MessageAttribute(name, "String.Array", json.dumps(value)))
            case int() | float():
                typed.append(MessageAttribute(name, "Number", str(value)))
            case _:
                typed.append(MessageAttribute(name, "String", str(value)))
    return Message("1", "arn:aws:sns:us-east-1:0:t", body, None, NOON, tuple(typed))


def passes(policy: object, given: Message, scope: str = "MessageAttributes") -> bool:
    return compile_filter_policy(json.dumps(policy), scope).lets_through(given, "http")


@given(
    st.dictionaries(
        st.text("abcd", min_size=1, max_size=3),
        st.one_of(st.text(max_size=5), st.integers(-1000, 1000)),
        min_size=1,
        max_size=5,
    )
)
def test_a_policy_made_of_a_messages_own_attributes_lets_it_through(values: dict[str, object]) -> None:
    assert passes({name: [value] for name, value in values.items()}, message(**values))


@given(
    st.recursive(
        st.one_of(st.text(max_size=3), st.integers(-9, 9), st.booleans(), st.none()).map(lambda value: [value]),
        lambda inner: st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, min_size=1, max_size=3),
        max_leaves=5,
    ).filter(lambda policy: isinstance(policy, dict) and combinations(policy) <= MOST_COMBINATIONS)
)
def test_a_policy_made_of_a_messages_own_body_lets_it_through(policy: dict[str, object]) -> None:
    def body(value: object) -> object:
        return {k: body(v) for k, v in value.items()} if isinstance(value, dict) else value[0]  # type: ignore[index]

    assert passes(policy, message(json.dumps(body(policy))), "MessageBody")


@pytest.mark.parametrize("scope", ["MessageAttributes", "MessageBody"])
@pytest.mark.parametrize("policy", ["", "{}"])
def test_no_policy_lets_everything_through(policy: str, scope: str) -> None:
    assert compile_filter_policy(policy, scope).lets_through(message("no JSON"), "http")


# Policy, attributes, whether it passes. Rows follow Amazon SNS, "String value matching" and its neighbours.
ROWS = [
    ({"store": ["shop"]}, {"store": "shop"}, True),
    ({"store": ["shop"]}, {"store": "Shop"}, False),
    ({"store": ["shop", "depot"]}, {"store": "depot"}, True),
    ({"store": ["shop"], "event": ["order"]}, {"store": "shop"}, False),
    ({"store": ["shop"], "event": ["order"]}, {"store": "shop", "event": "order"}, True),
    ({"price": [100]}, {"price": 100}, True),
    ({"price": [100]}, {"price": 100.0}, True),
    ({"price": [100]}, {"price": "100"}, False),
    ({"price": [{"numeric": [">", 0, "<=", 150]}]}, {"price": 150}, True),
    ({"price": [{"numeric": [">", 0, "<=", 150]}]}, {"price": 150.00001}, False),
    ({"price": [{"numeric": ["=", 301.5]}]}, {"price": 301.5}, True),
    ({"price": [{"numeric": [">", 0]}]}, {"price": "5"}, False),
    ({"event": [{"anything-but": "cancelled"}]}, {"event": "placed"}, True),
    ({"event": [{"anything-but": "cancelled"}]}, {"event": "cancelled"}, False),
    ({"event": [{"anything-but": "cancelled"}]}, {}, False),
    ({"event": [{"anything-but": {"prefix": "order-"}}]}, {"event": "data-entry"}, True),
    ({"event": [{"anything-but": {"suffix": "-test"}}]}, {"event": "order-test"}, False),
    ({"event": [{"prefix": "bas"}]}, {"event": "baseball"}, True),
    ({"event": [{"suffix": "ball"}]}, {"event": "baseball"}, True),
    ({"event": [{"suffix": "ball"}]}, {"event": "rugby"}, False),
    ({"event": [{"equals-ignore-case": "TENNIS"}]}, {"event": "Tennis"}, True),
    ({"event": [{"wildcard": "*ball"}]}, {"event": "baseball"}, True),
    ({"ip": [{"cidr": "10.0.0.0/24"}]}, {"ip": "10.0.0.255"}, True),
    ({"ip": [{"cidr": "10.0.0.0/24"}]}, {"ip": "10.1.1.0"}, False),
    ({"store": [{"exists": True}]}, {"store": "x"}, True),
    ({"store": [{"exists": True}]}, {}, False),
    ({"store": [{"exists": False}]}, {}, True),
    ({"store": [{"exists": False}]}, {"store": "x"}, False),
    ({"interests": ["rugby"]}, {"interests": ["soccer", "rugby"]}, True),
    ({"interests": [None]}, {"interests": ["soccer", None]}, True),
    ({"interests": [{"anything-but": ["rugby", "hockey"]}]}, {"interests": ["rugby", "soccer"]}, True),
    ({"interests": [{"anything-but": ["rugby", "hockey"]}]}, {"interests": ["rugby", "hockey"]}, False),
    ({"blob": [{"exists": True}]}, {"blob": b"x"}, False),
    ({"source": ["a"], "$or": [{"name": ["x"]}, {"space": ["y"]}]}, {"source": "a", "space": "y"}, True),
    ({"source": ["a"], "$or": [{"name": ["x"]}, {"space": ["y"]}]}, {"source": "a"}, False),
]


@pytest.mark.parametrize(("policy", "attributes", "expected"), ROWS)
def test_policies_over_attributes(policy: object, attributes: dict[str, object], expected: bool) -> None:
    assert passes(policy, message(**attributes)) is expected


BODIES = [
    ({"person": {"name": ["Ann"]}}, {"person": {"name": "Ann"}}, True),
    ({"person": {"name": ["Ann"]}}, {"person": {"name": "Bob"}}, False),
    ({"people": {"name": ["Ann"]}}, {"people": [{"name": "Bob"}, {"name": "Ann"}]}, True),
    ({"ok": [True]}, {"ok": True}, True),
    ({"ok": [True]}, {"ok": 1}, False),
    ({"ok": [None]}, {"ok": None}, True),
    ({"drift": [{"numeric": [">", 0.1]}]}, {"drift": 0.2}, True),
]


@pytest.mark.parametrize(("policy", "body", "expected"), BODIES)
def test_policies_over_bodies(policy: object, body: object, expected: bool) -> None:
    assert passes(policy, message(json.dumps(body)), "MessageBody") is expected


@pytest.mark.parametrize("body", ["no JSON", "[1]", '"text"', "3"])
def test_a_body_that_is_no_object_never_passes(body: str) -> None:
    assert not passes({"a": [{"exists": False}]}, message(body), "MessageBody")


def test_a_structured_message_is_judged_by_the_protocols_own_text() -> None:
    body = json.dumps({"default": '{"a": 1}', "http": '{"a": 2}'})
    given_message = Message("1", "arn", body, None, NOON, structured=True)
    policy = compile_filter_policy('{"a": [2]}', "MessageBody")
    assert (policy.lets_through(given_message, "http"), policy.lets_through(given_message, "https")) == (True, False)


# The words are those the service was recorded to use.
REFUSALS = [
    ({"key": "text"}, 'FilterPolicy: "key" must be an object or an array'),
    ({"key": []}, "FilterPolicy: Empty arrays are not allowed"),
    ({str(i): ["x"] for i in range(6)}, "FilterPolicy: Filter policy can not have more than 5 keys"),
    ({"a": list(range(151))}, "FilterPolicy: Filter policy is too complex"),
    ({"a": [{"like": "x"}]}, "FilterPolicy: Unrecognized match type like"),
    ({"a": [{"prefix": "x", "suffix": "y"}]}, "FilterPolicy: Only one key allowed in match expression"),
    ({"a": [{"prefix": 1}]}, "FilterPolicy: prefix match pattern must be a string"),
    ({"a": [{"exists": "yes"}]}, "FilterPolicy: exists match pattern must be either true or false."),
    ({"a": [{"numeric": [">", 5, "<", 1]}]}, "FilterPolicy: Bottom must be less than top"),
    ({"a": [{"numeric": ["<", "x"]}]}, "FilterPolicy: Value of < must be numeric"),
    ({"a": [{"cidr": "10.0.0.0"}]}, "FilterPolicy: Malformed CIDR, one '/' required"),
]


@pytest.mark.parametrize("prefix", ["", "Attributes Reason: "])
@pytest.mark.parametrize(("policy", "reason"), REFUSALS)
def test_a_policy_that_breaks_a_rule_is_refused_in_the_services_words(policy: object, reason: str, prefix: str) -> None:
    with pytest.raises(Refused) as refused:
        compile_filter_policy(json.dumps(policy), "MessageAttributes", prefix)
    assert (refused.value.fault, refused.value.message) == (
        "InvalidParameterException",
        f"Invalid parameter: {prefix}{reason}",
    )


def test_attributes_have_no_depth_for_a_nested_policy() -> None:
    with pytest.raises(Refused) as refused:
        compile_filter_policy('{"a": {"b": ["c"]}}')
    assert refused.value.message == (
        "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy"
    )


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(Refused, match=r"Invalid value \[x\]\. Please use either MessageBody or MessageAttributes"):
        compile_filter_policy("{}", "x")


@pytest.mark.parametrize("text", ["{", "nonsense", "[" * 100_000])
def test_a_policy_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="failed to parse JSON"):
        compile_filter_policy(text)


def test_nested_keys_weigh_by_depth() -> None:
    # Amazon SNS, "Filter policy constraints": 3 x 4 x 2 x 3 = 72.
    policy = {"key_a": {"key_b": {"key_c": ["1", "2", "3", "4"]}}, "key_d": {"key_e": ["1", "2", "3"]}}
    assert combinations(policy) == 72
