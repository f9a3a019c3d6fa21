"""Rules, targets, buses and connections: what is refused and in which words, and what is kept."""

from typing import TYPE_CHECKING

import pytest

from watchpost.errors import Refused
from watchpost.events.destinations import Connection, Destination
from watchpost.events.inputs import Transformer
from watchpost.events.rules import Rule, Target
from watchpost.windows import EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Bus

TOPIC = "arn:aws:sns:us-east-1:000000000000:alerts"


def refused(call: "Callable[[], object]") -> tuple[str, str]:
    with pytest.raises(Refused) as problem:
        call()
    return problem.value.fault, problem.value.message


@pytest.mark.parametrize(
    ("members", "fault", "message"),
    [
        ({}, "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified."),
        (
            {"pattern": '{"a": []}'},
            "InvalidEventPatternException",
            "Event pattern is not valid. Reason: Empty arrays are not allowed",
        ),
        ({"schedule": "every day"}, "ValidationException", "Parameter ScheduleExpression is not valid."),
        ({"schedule": "rate(5 minute)"}, "ValidationException", "Parameter ScheduleExpression is not valid."),
        ({"schedule": "cron(0 10 * * * *)"}, "ValidationException", "Parameter ScheduleExpression is not valid."),
        ({"schedule": "0 10 * * *"}, "ValidationException", "Parameter ScheduleExpression is not valid."),
        ({"schedule": "cron(0 10 * * *)"}, "ValidationException", "Parameter ScheduleExpression is not valid."),
        ({"schedule": "at(2026-12-01T00:00)"}, "ValidationException", "Parameter ScheduleExpression is not valid."),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(bus: "Bus", members: dict[str, str], fault: str, message: str) -> None:
    wanted = Rule("r", "default", "", EPOCH, **members)  # type: ignore[arg-type]  # the words above are the members
    found, text = refused(lambda: bus.events.rules.put(wanted, "me"))
    assert (found, text[: len(message)]) == (fault, message)


def test_a_schedule_is_for_the_default_bus_only(bus: "Bus") -> None:
    bus.events.buses.create("mine", None, {}, "me")
    assert refused(lambda: bus.rule("r", bus="mine", schedule="rate(1 hour)")) == (
        "ValidationException",
        "ScheduleExpression is supported only on the default event bus.",
    )


def test_what_is_not_there_is_named(bus: "Bus") -> None:
    rules, missing = bus.events.rules, "ResourceNotFoundException"
    assert refused(lambda: rules.describe("default", "r")) == (missing, "Rule r does not exist on EventBus default.")
    assert refused(lambda: rules.rules("mine")) == (missing, "Event bus mine does not exist.")
    assert refused(lambda: bus.rule("r", bus="mine")) == (missing, "Event bus mine does not exist.")
    assert refused(lambda: rules.put_targets("default", "r", [Target("t", TOPIC)], "me"))[0] == missing
    assert refused(lambda: rules.remove_targets("default", "r", ["t"], "me"))[0] == missing
    assert refused(lambda: rules.set_state("default", "r", "ENABLED", "me"))[0] == missing
    assert refused(lambda: rules.delete("mine", "r", "me"))[0] == missing
    assert refused(lambda: bus.events.buses.describe("mine"))[0] == missing
    rules.delete("default", "r", "me")


def test_putting_a_rule_again_keeps_its_targets_and_tags(bus: "Bus") -> None:
    bus.rule("r", TOPIC)
    bus.events.rules.tag("default", "r", {"team": "ml", "old": "x"}, ["old"], "me")
    again = bus.rule("r", schedule="rate(1 hour)")
    assert [target.arn for target in again.targets] == [TOPIC]
    assert again.tags == (("team", "ml"),)
    assert (again.pattern, again.schedule) == (None, "rate(1 hour)")
    assert again.arn == "arn:aws:events:us-east-1:000000000000:rule/r"


def test_a_bus_holds_three_hundred_rules(bus: "Bus") -> None:
    for number in range(300):
        bus.rule(f"r{number}")
    assert refused(lambda: bus.rule("one-more")) == (
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    )
    bus.rule("r7", schedule="rate(1 hour)")
    assert len(bus.events.rules.rules("default", prefix="r29", limit=50)) == 11


def test_a_rule_has_at_most_five_targets(bus: "Bus") -> None:
    bus.rule("r", *[TOPIC] * 5)
    rules = bus.events.rules
    assert (
        refused(lambda: rules.put_targets("default", "r", [Target("six", TOPIC)], "me"))[0] == "LimitExceededException"
    )
    rules.put_targets("default", "r", [Target("t0", TOPIC, path="$.detail")], "me")
    assert rules.describe("default", "r").targets[0].path == "$.detail"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            Target("x", TOPIC, constant="{}", path="$"),
            "Only one of Input, InputPath, or InputTransformer must be provided for target x.",
        ),
        (
            Target("x", TOPIC, transformer=Transformer("<a> <b>", (("a", "$.a"),))),
            "InputTemplate for target x contains invalid placeholder b.",
        ),
        (
            Target("x", TOPIC, path="detail"),
            "InputPath for target x is not valid. 'detail' is not a supported JSONPath",
        ),
        (Target("x", "nonsense"), "Parameter nonsense is not valid. Reason: Provided Arn is not in correct format."),
        (
            Target("x", "arn:aws:sqs:us-east-1:000000000000:q"),
            "Parameter arn:aws:sqs:us-east-1:000000000000:q is not valid. Reason: Watchpost does not invoke SQS",
        ),
    ],
)
def test_a_target_that_cannot_work_is_refused(bus: "Bus", target: Target, message: str) -> None:
    bus.rule("r")
    fault, text = refused(lambda: bus.events.rules.put_targets("default", "r", [target], "me"))
    assert (fault, text[: len(message)]) == ("ValidationException", message)


def test_a_rule_goes_only_after_its_targets(bus: "Bus") -> None:
    bus.rule("r", TOPIC)
    assert refused(lambda: bus.events.rules.delete("default", "r", "me")) == (
        "ValidationException",
        "Rule can't be deleted since it has targets.",
    )
    assert bus.events.rules.remove_targets("default", "r", ["t0", "other"], "me") == ["other"]
    bus.events.rules.delete("default", "r", "me")
    assert bus.events.rules.rules("default") == []


def test_rules_are_found_by_their_targets(bus: "Bus") -> None:
    bus.rule("a", TOPIC)
    bus.rule("b")
    bus.rule("c", TOPIC)
    assert bus.events.rules.names_by_target("default", TOPIC) == ["a", "c"]


def test_buses_are_made_listed_and_removed(bus: "Bus") -> None:
    buses = bus.events.buses
    buses.create("mine", "of the team", {"team": "ml"}, "me")
    buses.create("zoo", None, {}, "me")
    assert [b.name for b in buses.buses()] == ["default", "mine", "zoo"]
    assert [b.name for b in buses.buses(after="default", limit=1)] == ["mine"]
    assert buses.describe("default").arn == "arn:aws:events:us-east-1:000000000000:event-bus/default"
    exists = ("ResourceAlreadyExistsException", "Event bus mine already exists.")
    assert refused(lambda: buses.create("mine", None, {}, "me")) == exists
    bus.rule("r", bus="mine")
    has_rules = ("ValidationException", "Event bus can't be deleted since it has rules.")
    assert refused(lambda: buses.delete("mine", "me")) == has_rules
    assert refused(lambda: buses.delete("default", "me")) == ("ValidationException", "Cannot delete event bus default.")
    bus.events.rules.delete("mine", "r", "me")
    buses.delete("mine", "me")
    buses.delete("mine", "me")
    assert [b.name for b in buses.buses()] == ["default", "zoo"]


def test_the_default_bus_can_be_described_and_tagged(bus: "Bus") -> None:
    bus.events.buses.update("default", "everything", "me")
    bus.events.buses.tag("default", {"a": "1"}, [], "me")
    default = bus.events.buses.describe("default")
    assert (default.description, default.tags) == ("everything", (("a", "1"),))
    assert [b.name for b in bus.events.buses.buses()] == ["default"]


def test_more_than_fifty_tags_are_refused(bus: "Bus") -> None:
    bus.rule("r")
    tags = {f"k{n}": "" for n in range(51)}
    assert refused(lambda: bus.events.rules.tag("default", "r", tags, [], "me"))[0] == "LimitExceededException"


def test_connections_and_destinations_refer_to_each_other(bus: "Bus") -> None:
    connections = bus.events.connections
    wanted = Destination("d", "", "arn:of:none", "https://example.org", "POST", EPOCH, EPOCH)
    assert refused(lambda: connections.create_destination(wanted, "me"))[0] == "ResourceNotFoundException"
    connection = connections.create(Connection("c", "", "BASIC", "u", "p", EPOCH, EPOCH), "me")
    made = connections.create_destination(
        Destination("d", "", connection.arn, "https://example.org", "POST", EPOCH, EPOCH), "me"
    )
    assert made.arn.startswith("arn:aws:events:us-east-1:000000000000:api-destination/d/")
    assert connections.destinations(connection=connection.arn) == [made]
    assert connections.destinations(connection="another") == []
    again = refused(lambda: connections.create(Connection("c", "", "BASIC", "u", "p", EPOCH, EPOCH), "me"))
    assert again[0] == "ResourceAlreadyExistsException"
    ftp = Destination("f", "", connection.arn, "ftp://example.org", "POST", EPOCH, EPOCH)
    assert refused(lambda: connections.create_destination(ftp, "me"))[0] == "ValidationException"


def test_every_change_is_in_the_journal_and_no_secret_is(bus: "Bus") -> None:
    bus.events.buses.create("mine", None, {}, "me")
    bus.rule("r", TOPIC)
    bus.events.rules.set_state("default", "r", "DISABLED", "me")
    bus.events.connections.create(Connection("c", "", "BASIC", "u", "p4ss", EPOCH, EPOCH), "me")
    lines = bus.store.read(lambda tx: tx.journal())
    assert [line.entry.kind for line in reversed(lines)] == [
        "event-bus.create",
        "event-rule.put",
        "event-rule.targets",
        "event-rule.state",
        "event-connection.create",
    ]
    assert {line.entry.actor for line in lines} == {"me"}
    assert "p4ss" not in str(lines)
