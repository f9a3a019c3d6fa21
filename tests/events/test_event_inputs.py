"""What a target is given: paths, templates, envelopes, requests, retries."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.events.destinations import Connection, Destination, Parameter, request
from watchpost.events.envelope import Event
from watchpost.events.inputs import Arrival, Transformer, selected, transformed
from watchpost.events.json_path import MISSING, compile_path
from watchpost.events.retries import next_attempt
from watchpost.events.rules import HttpParameters, RetryPolicy, bus_name, kind_of, log_group, rule_arn

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
RULE = "arn:aws:events:us-east-1:123456789012:rule/example"
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)


def event(detail: dict[str, object], **members: object) -> Event:
    return Event(
        id="7bf73129-1428-4cd3-a780-95db273d1602",
        source="aws.ec2",
        detail_type="EC2 Instance State-change Notification",
        account="123456789012",
        region="us-east-1",
        time=NOON,
        detail=detail,
        resources=("arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789",),
    )


def filled(template: str, detail: dict[str, object], **paths: str) -> str:
    return transformed(Transformer(template, tuple(paths.items())), Arrival(event(detail), RULE, "example", NOON))


# --- envelope -------------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_an_event_is_the_same_after_its_envelope_was_written_and_read(detail: dict[str, object]) -> None:
    there = event(detail)
    again = Event.from_json(there.to_json())
    assert again.plain() == there.plain()
    assert again.time == NOON.replace(microsecond=0)


def test_an_envelope_has_the_members_of_aws_in_their_order() -> None:
    assert list(json.loads(event({}).to_json())) == [
        "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail",
    ]  # fmt: skip
    assert event({}).plain()["time"] == "2026-11-21T12:00:00Z"


@pytest.mark.parametrize("text", ["{}", "[]", '{"id": 5}', "nonsense"])
def test_what_is_no_envelope_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Event.from_json(text)


# --- paths ----------------------------------------------------------------------------------------------------------

TREE = {"detail": {"x": "baz", "a-b": [1, {"c": 2}, {"c": 3}], "odd key": {"": None}}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", TREE),
        ("$.detail.x", "baz"),
        ("$.detail.a-b[0]", 1),
        ("$.detail.a-b[*].c", [2, 3]),
        ("$.detail.a-b[*]", [1, {"c": 2}, {"c": 3}]),
        ("$.detail['odd key']['']", None),
        ('$["detail"]["x"]', "baz"),
        ("$.detail.none[*]", []),
    ],
)
def test_a_path_leads_to_its_value(path: str, expected: object) -> None:
    assert compile_path(path).find(TREE) == expected


@pytest.mark.parametrize("path", ["$.detail.none", "$.detail.a-b[9]", "$.detail.x.y", "$.detail.x[0]", "$.detail[0]"])
def test_a_path_that_leads_nowhere_finds_nothing(path: str) -> None:
    assert compile_path(path).find(TREE) is MISSING


@pytest.mark.parametrize("path", ["", "detail.x", "$..x", "$.", "$.a[", "$.a[-1]", "$.a[?(@.b)]", "$x", "$.a[0:2]"])
def test_what_of_jsonpath_is_not_supported_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is not a supported JSONPath"):
        compile_path(path)


def test_a_selected_scalar_is_delivered_as_json() -> None:
    assert selected("$.detail.command", event({"command": "baz"})) == '"baz"'
    assert selected("$.detail.none", event({})) == "null"
    assert json.loads(selected("$.detail", event({"a": [1]}))) == {"a": [1]}


# --- templates ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        # Amazon EventBridge user guide, "Input transformation", and recordings of LocalStack's public tests.
        ('{"instance": <id>, "status": <state>}', '{"instance": "i-1", "status": "ok"}'),
        ('{"instance": "<id>"}', '{"instance": "i-1"}'),
        ('"Instance <id> is in state <state>"', '"Instance i-1 is in state ok"'),
        ('"the <id>"\n"is <state>"', '"the i-1"\n"is ok"'),
        ("<id>", '"i-1"'),
        ('{"o": <object>}', '{"o": {"acc_id":"0a78","sf_id":"baz"}}'),
        ('"got <object>"', '"got {acc_id:0a78,sf_id:baz}"'),
        ('"got <list>"', '"got [ACTIVE,INACTIVE]"'),
        ('{"l": <list>}', '{"l": ["ACTIVE","INACTIVE"]}'),
        ('{"n": <number>, "b": <flag>, "t": "<number>"}', '{"n": 7, "b": true, "t": "7"}'),
        ('{"m": <missing>, "t": "<missing>."}', '{"m": "", "t": "."}'),
        (
            '{"rule": "<aws.events.rule-arn>", "name": <aws.events.rule-name>}',
            f'{{"rule": "{RULE}", "name": "example"}}',
        ),
        ('{"at": <aws.events.event.ingestion-time>}', '{"at": "2026-11-21T12:00:00Z"}'),
        ('{"say": "\\"<id>\\" and <state>"}', '{"say": "\\"i-1\\" and ok"}'),
        ('{"quoted": "<odd>"}', '{"quoted": "a\\"b\\\\"}'),
        ("{}", "{}"),
    ],
)
def test_a_template_is_filled_in(template: str, expected: str) -> None:
    detail = {"id": "i-1", "state": "ok", "n": 7, "flag": True, "o": {"acc_id": "0a78", "sf_id": "baz"}}
    detail |= {"l": ["ACTIVE", "INACTIVE"], "odd": 'a"b\\'}
    paths = {"id": "$.detail.id", "state": "$.detail.state", "number": "$.detail.n", "flag": "$.detail.flag"}
    paths |= {"object": "$.detail.o", "list": "$.detail.l", "missing": "$.detail.none", "odd": "$.detail.odd"}
    assert filled(template, detail, **paths) == expected


def test_the_whole_event_is_there_with_and_without_its_detail() -> None:
    both = json.loads(filled('{"all": <aws.events.event.json>, "head": <aws.events.event>}', {"a": 1}))
    assert both["all"] == event({"a": 1}).plain()
    assert "detail" not in both["head"]
    assert both["head"]["detailType"] == "EC2 Instance State-change Notification"


@given(st.dictionaries(st.sampled_from(["a", "b"]), JSON, min_size=1))
def test_a_template_of_placeholders_outside_quotation_marks_stays_json(detail: dict[str, object]) -> None:
    template = "{" + ", ".join(f'"{key}": <{key}>' for key in detail) + "}"
    assert json.loads(filled(template, detail, **{key: f"$.detail.{key}" for key in detail})) == detail


@given(st.text())
def test_text_inside_quotation_marks_stays_a_json_string(text: str) -> None:
    assert json.loads(filled('"it says <t>!"', {"t": text}, t="$.detail.t")) == f"it says {text}!"


def test_placeholders_that_nothing_stands_for_are_named() -> None:
    transformer = Transformer("<a> <b> <aws.events.rule-arn> <c>", (("a", "$.a"),))
    assert transformer.unknown() == ["b", "c"]


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        ("arn:aws:sns:us-east-1:000000000000:alerts", "sns"),
        ("arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/all:*", "logs"),
        ("arn:aws:events:us-east-1:000000000000:event-bus/other", "event-bus"),
        ("arn:aws:events:us-east-1:000000000000:api-destination/d/1-2", "api-destination"),
        ("https://example.org/hook", "webhook"),
        ("http://127.0.0.1:8000", "webhook"),
    ],
)
def test_what_a_target_is_shows_in_its_arn(arn: str, kind: str) -> None:
    assert kind_of(arn) == kind


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        ("arn:aws:sqs:us-east-1:000000000000:q", "does not invoke SQS queues"),
        ("arn:aws:lambda:us-east-1:000000000000:function:f", "does not invoke Lambda functions"),
        ("arn:aws:sagemaker:us-east-1:000000000000:pipeline/p", "does not invoke SageMaker pipelines"),
        ("arn:aws:xyz:us-east-1:000000000000:thing", "does not invoke resources of 'xyz'"),
        ("my-topic", "Provided Arn is not in correct format."),
        ("https:///nowhere", "Provided Arn is not in correct format."),
    ],
)
def test_a_target_that_cannot_be_invoked_is_refused_by_name(arn: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        kind_of(arn)


def test_names_in_arns() -> None:
    assert rule_arn("R", "A", "default", "r") == "arn:aws:events:R:A:rule/r"
    assert rule_arn("R", "A", "mine", "r") == "arn:aws:events:R:A:rule/mine/r"
    assert bus_name("arn:aws:events:us-east-1:000000000000:event-bus/mine") == "mine"
    assert (bus_name("mine"), bus_name(None)) == ("mine", "default")
    assert log_group("arn:aws:logs:us-east-1:000000000000:log-group:/aws/x:*") == "/aws/x"


# --- HTTP -----------------------------------------------------------------------------------------------------------

BASIC = Connection("c", "arn", "BASIC", "me", "secret", NOON, NOON)
KEYED = Connection("c", "arn", "API_KEY", "X-Key", "k-1", NOON, NOON)
HOOK = Destination("d", "arn", "c", "https://example.org/*/items/*?v=1", "PUT", NOON, NOON)


def test_a_request_is_authorised_by_its_connection() -> None:
    given_ = HttpParameters(("a b", "c/d"), (("X-Mine", "1"),), (("q", "ä"),))
    made = request(HOOK, BASIC, given_, '{"a": 1}')
    assert (made.method, made.url) == ("PUT", "https://example.org/a%20b/items/c%2Fd?v=1&q=%C3%A4")
    assert dict(made.headers)["authorization"] == "Basic bWU6c2VjcmV0"
    assert dict(made.headers)["x-mine"] == "1"
    assert dict(request(HOOK, KEYED, given_, "{}").headers)["x-key"] == "k-1"


def test_what_the_connection_adds_wins_over_the_target() -> None:
    added = (Parameter("header", "X-Mine", "2"), Parameter("query", "q", "z"), Parameter("body", "team", "ml", True))
    connection = Connection("c", "arn", "BASIC", "me", "s", NOON, NOON, parameters=added)
    made = request(HOOK, connection, HttpParameters(("1", "2"), (("x-mine", "1"),), (("q", "y"),)), '{"a":1}')
    assert dict(made.headers)["x-mine"] == "2"
    assert made.url.endswith("?v=1&q=z")
    assert json.loads(made.body) == {"a": 1, "team": "ml"}
    assert request(HOOK, connection, HttpParameters(("1", "2")), '"text"').body == b'"text"'


def test_too_few_values_for_the_path_are_refused() -> None:
    with pytest.raises(ValueError, match=r"has 2 '\*', but the target gives 1 values"):
        request(HOOK, BASIC, HttpParameters(("1",)), "{}")


@given(
    st.builds(RetryPolicy, st.integers(0, 185), st.integers(60, 86400)),
    st.integers(1, 200),
    st.timedeltas(timedelta(0), timedelta(days=1)),
    st.floats(0, 1),
)
def test_the_next_attempt_keeps_to_the_policy(
    policy: RetryPolicy, attempts: int, waited: timedelta, jitter: float
) -> None:
    at = next_attempt(policy, attempts, NOON, NOON + waited, jitter)
    if at is None:
        assert attempts > policy.attempts or waited + timedelta(seconds=480) > timedelta(seconds=policy.seconds)
    else:
        assert attempts <= policy.attempts
        assert NOON + waited + timedelta(seconds=0.75) <= at <= NOON + timedelta(seconds=policy.seconds)
        assert at <= NOON + waited + timedelta(seconds=480)


def test_attempts_wait_longer_and_longer_and_as_long_as_the_target_asks() -> None:
    waits = [next_attempt(RetryPolicy(), n, NOON, NOON, 0.0) for n in range(1, 12)]
    assert [int((at - NOON).total_seconds()) for at in waits if at] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 480, 480]
    assert next_attempt(RetryPolicy(), 1, NOON, NOON, 0.0, timedelta(minutes=2)) == NOON + timedelta(minutes=2)


def test_a_policy_of_no_attempts_gives_up_at_once() -> None:
    assert next_attempt(RetryPolicy(attempts=0), 1, NOON, NOON, 0.5) is None
