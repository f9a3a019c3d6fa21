"""Events in, invocations out: over a real store, with a clock that is told what time it is."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from watchpost.errors import Refused
from watchpost.events.destinations import Connection, Destination
from watchpost.events.envelope import Event
from watchpost.events.inputs import Transformer
from watchpost.events.rules import HttpParameters, RetryPolicy, Target
from watchpost.service.events.documents import RULE
from watchpost.service.events.events import Submission
from watchpost.windows import EPOCH

if TYPE_CHECKING:
    from conftest import Bus, Endpoint
    from watchpost.stores.store import Transaction

TOPIC = "arn:aws:sns:us-east-1:000000000000:alerts"
GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/all:*"


# --- events in ------------------------------------------------------------------------------------------------------


def test_an_event_reaches_the_topic_of_a_rule_that_matches_it(bus: "Bus") -> None:
    bus.rule("r", TOPIC)
    event_id = bus.put('{"k": 1}')
    assert bus.work() == 1
    ((arn, message),) = bus.topics.sent
    assert arn == TOPIC
    assert json.loads(message) == {
        "version": "0",
        "id": event_id,
        "detail-type": "Something Happened",
        "source": "app",
        "account": "000000000000",
        "time": "2026-07-01T12:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {"k": 1},
    }


def test_an_event_that_no_rule_matches_writes_nothing(bus: "Bus") -> None:
    bus.rule("r", TOPIC)
    bus.put(source="other")
    assert bus.work() == 0


def test_every_target_of_every_matching_rule_is_invoked(bus: "Bus") -> None:
    bus.topics.arns |= {TOPIC + "-2"}
    bus.rule("r1", TOPIC, TOPIC + "-2")
    bus.rule("r2", TOPIC, pattern='{"detail": {"k": [{"numeric": ["<", 5]}]}}')
    bus.rule("r3", TOPIC, pattern='{"detail": {"k": [{"numeric": [">", 5]}]}}')
    bus.put('{"k": 1}')
    bus.work()
    assert sorted(arn for arn, _ in bus.topics.sent) == [TOPIC, TOPIC, TOPIC + "-2"]


def test_a_disabled_rule_does_not_act_until_it_is_enabled_again(bus: "Bus") -> None:
    bus.rule("r", TOPIC)
    bus.events.rules.set_state("default", "r", "DISABLED", "me")
    bus.put()
    bus.events.rules.set_state("default", "r", "ENABLED", "me")
    bus.put()
    assert bus.work() == 1


def test_rules_of_one_bus_do_not_see_events_of_another(bus: "Bus") -> None:
    bus.events.buses.create("mine", None, {}, "me")
    bus.rule("r", TOPIC, bus="mine")
    bus.put()
    assert bus.work() == 0
    bus.put(bus="mine")
    assert bus.work() == 1


def test_an_event_for_a_bus_that_is_not_there_gets_an_id_and_goes_nowhere(bus: "Bus") -> None:
    bus.rule("r", TOPIC)
    assert bus.put(bus="nowhere")
    assert bus.work() == 0


def test_an_event_published_in_a_transaction_that_fails_goes_nowhere(bus: "Bus") -> None:
    bus.rule("r", TOPIC)
    event = Event("e", "app", "t", "000000000000", "us-east-1", bus.clock.now(), {})

    def work(tx: "Transaction") -> None:
        bus.events.publish(tx, event)
        raise Refused("ValidationException", "changed my mind")

    with pytest.raises(Refused):
        bus.store.write(work)
    assert bus.work() == 0
    bus.store.write(lambda tx: bus.events.publish(tx, event))
    assert bus.work() == 1


@pytest.mark.parametrize(
    ("submission", "code", "message"),
    [
        (
            Submission(None, "t", "{}"),
            "InvalidArgument",
            "Parameter Source is not valid. Reason: Source is a required argument.",
        ),
        (
            Submission("app", "", "{}"),
            "InvalidArgument",
            "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
        ),
        (
            Submission("app", "t", None),
            "InvalidArgument",
            "Parameter Detail is not valid. Reason: Detail is a required argument.",
        ),
        (Submission("app", "t", "{"), "MalformedDetail", "Detail is malformed."),
        (Submission("app", "t", "[1]"), "MalformedDetail", "Detail is malformed."),
        (Submission("app", "t", "[" * 100_000), "MalformedDetail", "Detail is malformed."),
        (Submission("app", "t", '{"a":' * 201 + "1" + "}" * 201), "MalformedDetail", "Detail is malformed."),
        (Submission("aws.mine", "t", "{}"), "NotAuthorizedForSourceException", "Not authorized for the source."),
    ],
)
def test_a_bad_entry_fails_alone(bus: "Bus", submission: Submission, code: str, message: str) -> None:
    bus.rule("r", TOPIC)
    good = Submission("app", "t", "{}", time=datetime(2026, 1, 1, tzinfo=UTC))
    first, second, third = bus.events.put([good, submission, good])
    assert (second.event_id, second.error, second.message) == (None, code, message)
    assert None not in (first.event_id, third.event_id)
    assert bus.work() == 2
    assert json.loads(bus.topics.sent[0][1])["time"] == "2026-01-01T00:00:00Z"


def test_a_changed_pattern_holds_from_the_next_event_on(bus: "Bus") -> None:
    bus.rule("r", TOPIC)
    bus.put()
    bus.rule("r", pattern='{"source": ["other"]}')
    bus.put()
    bus.put(source="other")
    assert bus.work() == 2


def test_a_rule_whose_commit_failed_is_not_remembered(bus: "Bus") -> None:
    rule = bus.rule("r", TOPIC)
    event = Event("e", "other", "t", "000000000000", "us-east-1", bus.clock.now(), {})

    def work(tx: "Transaction") -> None:
        tx.put(RULE, "default|r", replace(rule, pattern='{"source": ["other"]}'))
        bus.events.publish(tx, event)
        raise Refused("ValidationException", "the disk is full")

    with pytest.raises(Refused):
        bus.store.write(work)
    bus.rule("r", pattern='{"source": ["third"]}')
    bus.store.write(lambda tx: bus.events.publish(tx, event))
    assert bus.work() == 0


def test_a_detail_nested_deeply_arrives(bus: "Bus") -> None:
    bus.rule("r", TOPIC)
    detail = '{"a":' * 200 + "1" + "}" * 200
    bus.put(detail)
    bus.work()
    assert json.loads(bus.topics.sent[0][1])["detail"] == json.loads(detail)


def test_another_server_sees_a_new_rule_with_the_next_event(make_bus: "Callable[[], Bus]") -> None:
    one, other = make_bus(), make_bus()
    other.put()
    one.rule("r", TOPIC)
    other.put()
    assert one.work() == 1


# --- targets --------------------------------------------------------------------------------------------------------


def test_a_target_is_given_what_its_input_says(bus: "Bus") -> None:
    bus.rule(
        "r",
        Target("constant", TOPIC, constant='{"fixed": true}'),
        Target("path", TOPIC, path="$.detail.k"),
        Target("template", TOPIC, transformer=Transformer('"<k> by <aws.events.rule-name>"', (("k", "$.detail.k"),))),
    )
    bus.put('{"k": "v"}')
    bus.work()
    assert [message for _, message in bus.topics.sent] == ['{"fixed": true}', '"v"', '"v by r"']


def test_a_topic_that_is_not_there_makes_a_dead_letter(bus: "Bus") -> None:
    rule = bus.rule("r", TOPIC + "-gone")
    bus.put()
    bus.work()
    (letter,) = bus.dead()
    assert (letter.outcome, letter.subject) == ("failed", rule.arn)
    assert "does not exist" in letter.why


def test_a_bus_hands_events_on_to_another(bus: "Bus") -> None:
    other = bus.events.buses.create("other", None, {}, "me")
    bus.rule("on", other.arn)
    bus.rule("r", TOPIC, bus="other")
    event_id = bus.put()
    bus.work()
    assert json.loads(bus.topics.sent[0][1])["id"] == event_id


def test_a_circle_of_buses_ends(bus: "Bus") -> None:
    bus.rule("round", "arn:aws:events:us-east-1:000000000000:event-bus/default")
    bus.put()
    assert bus.work() == 6
    assert "circle" in bus.dead()[0].why


@dataclass
class Logged:
    number: int


def test_a_log_group_gets_the_event_or_what_the_input_says(bus: "Bus") -> None:
    logged: list[tuple[str, str, list[tuple[int, str]], bool]] = []

    def put_log(group: str, stream: str, events: Sequence[tuple[int, str]], now: datetime, create: bool) -> Logged:
        logged.append((group, stream, list(events), create))
        return Logged(len(logged))

    bus.events.log_with(put_log)
    shaped = Target(
        "shaped", GROUP, transformer=Transformer('{"timestamp": 5, "message": "<k>"}', (("k", "$.detail.k"),))
    )
    bus.rule("r", GROUP, shaped, Target("text", GROUP, constant='"just text"'))
    bus.put('{"k": "v"}')
    bus.work()
    at = int(bus.clock.now().timestamp() * 1000)
    (whole_at, whole), *_ = (events[0] for _, _, events, _ in logged)
    assert (whole_at, json.loads(whole)["detail"]) == (at, {"k": "v"})
    assert [events for _, _, events, _ in logged[1:]] == [[(5, "v")], [(at, '"just text"')]]
    assert {(group, stream, create) for group, stream, _, create in logged} == {("/aws/events/all", "r", True)}


def test_an_event_too_old_for_the_log_group_makes_a_dead_letter(bus: "Bus") -> None:
    bus.events.log_with(lambda *_: Logged(0))
    bus.rule("r", GROUP)
    bus.put()
    bus.work()
    assert "takes no event as old" in bus.dead()[0].why


def test_without_a_log_store_the_invocation_fails_in_words(bus: "Bus") -> None:
    bus.rule("r", GROUP)
    bus.put()
    bus.work()
    assert bus.dead()[0].why == "this server keeps no logs"


def test_a_webhook_is_posted_the_event(bus: "Bus", endpoint: "Endpoint") -> None:
    bus.rule("r", endpoint.url + "/hook?x=1")
    bus.put('{"k": 1}')
    bus.work()
    ((method, path, headers, body),) = endpoint.got
    assert (method, path) == ("POST", "/hook?x=1")
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert json.loads(body)["detail"] == {"k": 1}


@pytest.mark.parametrize("status", [500, 503, 429, 401])
def test_a_passing_failure_is_tried_again_later(bus: "Bus", endpoint: "Endpoint", status: int) -> None:
    endpoint.statuses += [status]
    bus.rule("r", endpoint.url)
    bus.put()
    bus.work()
    assert (len(endpoint.got), bus.work(0.5), bus.work(0.5)) == (1, 0, 1)
    assert len(endpoint.got) == 2
    assert bus.dead() == []


@pytest.mark.parametrize("status", [400, 404, 301])
def test_a_refusal_is_final(bus: "Bus", endpoint: "Endpoint", status: int) -> None:
    endpoint.statuses += [status]
    endpoint.headers["location"] = endpoint.url
    bus.rule("r", endpoint.url)
    bus.put()
    bus.work()
    assert (bus.work(3600), len(endpoint.got)) == (0, 1)
    assert bus.dead()[0].why == f"POST answered {status}"


def test_a_target_that_asks_for_patience_is_given_it(bus: "Bus", endpoint: "Endpoint") -> None:
    endpoint.statuses += [429]
    endpoint.headers["retry-after"] = "60"
    bus.rule("r", endpoint.url)
    bus.put()
    assert (bus.work(), bus.work(59), bus.work(1)) == (1, 0, 1)


def test_attempts_end_with_the_retry_policy(bus: "Bus", endpoint: "Endpoint") -> None:
    endpoint.statuses += [500] * 10
    bus.rule("r", Target("few", endpoint.url, retry=RetryPolicy(attempts=2)))
    bus.put()
    performed = [bus.work(seconds) for seconds in (0, 1, 2, 4, 8)]
    assert performed == [1, 1, 1, 0, 0]
    assert (bus.dead()[0].attempts, bus.dead()[0].why) == (3, "POST answered 500")


def test_attempts_end_with_the_age_of_the_event(bus: "Bus", endpoint: "Endpoint") -> None:
    endpoint.statuses += [500] * 10
    bus.rule("r", Target("young", endpoint.url, retry=RetryPolicy(seconds=60)))
    bus.put()
    bus.work()
    bus.work(59)
    assert len(endpoint.got) == 2
    assert len(bus.dead()) == 1


def test_nobody_at_the_address_is_a_passing_failure(bus: "Bus") -> None:
    bus.rule("r", Target("nobody", "http://127.0.0.1:9", retry=RetryPolicy(attempts=1)))
    bus.put()
    assert (bus.work(), len(bus.dead())) == (1, 0)
    assert bus.work(1) == 1
    assert "NewConnectionError" in bus.dead()[0].why


def test_an_api_destination_is_reached_through_its_connection(bus: "Bus", endpoint: "Endpoint") -> None:
    connection = bus.events.connections.create(Connection("c", "", "API_KEY", "X-Api-Key", "k-1", EPOCH, EPOCH), "me")
    wanted = Destination("d", "", connection.arn, endpoint.url + "/teams/*", "PUT", EPOCH, EPOCH)
    destination = bus.events.connections.create_destination(wanted, "me")
    bus.rule("r", Target("t", destination.arn, constant="{}", http=HttpParameters(("ml",))))
    bus.put()
    bus.work()
    ((method, path, headers, body),) = endpoint.got
    assert (method, path, headers["x-api-key"], body) == ("PUT", "/teams/ml", "k-1", b"{}")


def test_an_api_destination_without_its_connection_makes_a_dead_letter(bus: "Bus", endpoint: "Endpoint") -> None:
    connection = bus.events.connections.create(Connection("c", "", "BASIC", "me", "s", EPOCH, EPOCH), "me")
    wanted = Destination("d", "", connection.arn, endpoint.url, "POST", EPOCH, EPOCH)
    destination = bus.events.connections.create_destination(wanted, "me")
    bus.rule("r", destination.arn)
    bus.events.connections.delete("c", "me")
    bus.put()
    bus.work()
    assert endpoint.got == []
    assert "does not exist or is deauthorised" in bus.dead()[0].why


# --- crashes --------------------------------------------------------------------------------------------------------


def test_a_request_cut_off_by_a_crash_is_not_made_again(make_bus: "Callable[[], Bus]", endpoint: "Endpoint") -> None:
    before = make_bus()
    rule = before.rule("r", endpoint.url)
    before.put()
    before.store.claim("invocations", "server", before.clock.now(), 10)  # and then the server died
    after = make_bus()
    assert after.worker.recover(after.clock.now()) == 1
    assert (after.work(86400), endpoint.got) == (0, [])
    (letter,) = after.dead()
    assert (letter.outcome, letter.subject) == ("unknown", rule.arn)
    assert after.journal()[0] == "dead-letter"


def test_a_message_to_a_topic_cut_off_by_a_crash_is_sent_after_it(make_bus: "Callable[[], Bus]") -> None:
    before = make_bus()
    before.rule("r", TOPIC)
    before.put()
    before.store.claim("targets", "server", before.clock.now(), 10)
    after = make_bus()
    after.worker.recover(after.clock.now())
    assert (after.work(), len(after.topics.sent), after.dead()) == (1, 1, [])
