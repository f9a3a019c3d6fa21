"""Scheduled rules: each time once, the latest of those missed, never twice."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchpost.events.rules import Target
from watchpost.service.events.documents import RULE

if TYPE_CHECKING:
    from conftest import Bus

TOPIC = "arn:aws:sns:us-east-1:000000000000:alerts"
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def tick(bus: "Bus", seconds: float = 0) -> int:
    return bus.events.tick(bus.clock.advance(seconds))


def test_a_schedule_fires_each_of_its_times_once(bus: "Bus") -> None:
    bus.rule("r", TOPIC, schedule="rate(5 minutes)")
    assert [tick(bus, seconds) for seconds in (0, 299, 1, 0, 299, 1, 30)] == [0, 0, 1, 0, 0, 1, 0]


def test_what_is_sent_is_a_scheduled_event_of_the_time_that_was_due(bus: "Bus") -> None:
    rule = bus.rule("r", TOPIC, schedule="cron(0 13 * * ? *)")
    tick(bus, 3605.5)
    bus.work()
    ((_, message),) = bus.topics.sent
    event = json.loads(message)
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert (event["resources"], event["time"]) == ([rule.arn], "2026-07-01T13:00:00Z")


def test_of_the_times_missed_during_a_stop_only_the_latest_fires(make_bus: "Callable[[], Bus]") -> None:
    before = make_bus()
    before.rule("r", TOPIC, schedule="rate(5 minutes)")
    assert tick(before, 300) == 1
    after = make_bus()
    assert (tick(after, 3599), tick(after, 1), tick(after, 1)) == (1, 1, 0)


def test_a_time_fired_before_a_restart_does_not_fire_after_it(make_bus: "Callable[[], Bus]") -> None:
    before = make_bus()
    before.rule("r", TOPIC, schedule="rate(5 minutes)")
    assert tick(before, 300) == 1
    assert tick(make_bus()) == 0


def test_of_two_servers_one_fires(make_bus: "Callable[[], Bus]") -> None:
    one, other = make_bus(), make_bus()
    one.rule("r", TOPIC, schedule="rate(1 minute)")
    one.clock.advance(60)
    assert (tick(one), tick(other)) == (1, 0)


def test_times_before_a_rule_was_made_or_enabled_do_not_count(bus: "Bus") -> None:
    bus.clock.advance(1)
    bus.rule("r", TOPIC, schedule="cron(0 * * * ? *)")
    assert tick(bus) == 0
    bus.events.rules.set_state("default", "r", "DISABLED", "me")
    assert tick(bus, 3600) == 0
    bus.events.rules.set_state("default", "r", "ENABLED", "me")
    assert tick(bus) == 0
    assert tick(bus, 3600) == 1


def test_a_rate_counts_anew_when_it_is_changed_and_not_when_the_rule_is_put_again(bus: "Bus") -> None:
    bus.rule("r", TOPIC, schedule="rate(10 minutes)")
    bus.clock.advance(480)
    bus.rule("r", schedule="rate(10 minutes)")
    assert tick(bus, 120) == 1
    bus.clock.advance(240)
    bus.rule("r", schedule="rate(5 minutes)")
    assert (tick(bus, 240), tick(bus, 60)) == (0, 1)


def test_a_rule_that_is_removed_fires_no_more(bus: "Bus") -> None:
    bus.rule("r", schedule="rate(1 minute)")
    assert tick(bus, 60) == 1
    bus.events.rules.delete("default", "r", "me")
    assert tick(bus, 60) == 0


def test_a_rule_that_cannot_fire_stands_in_the_journal_and_stops_no_other(bus: "Bus") -> None:
    bus.rule("a", schedule="rate(1 minute)")
    bus.rule("b", TOPIC, schedule="rate(1 minute)")
    broken = replace(bus.events.rules.describe("default", "a"), targets=(Target("t", "no arn"),))
    bus.store.write(lambda tx: tx.put(RULE, "default|a", broken))
    assert (tick(bus, 60), bus.journal()[0]) == (1, "event-rule.failed")
    assert tick(bus, 1) == 0


def test_a_rule_may_have_both_a_pattern_and_a_schedule(bus: "Bus") -> None:
    bus.rule("r", TOPIC, pattern='{"source": ["app"]}', schedule="rate(1 minute)")
    bus.put()
    tick(bus, 60)
    assert bus.work() == 2


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 400), max_size=12))
def test_however_ticks_come_no_time_fires_twice_or_early(make_bus: "Callable[[], Bus]", steps: list[int]) -> None:
    bus = make_bus()
    bus.topics.sent.clear()
    bus.rule("r", TOPIC, schedule="rate(2 minutes)")
    since = bus.events.rules.describe("default", "r").since
    due = set[datetime]()
    for step in steps:
        tick(bus, step)
        elapsed = (bus.clock.now() - since) // timedelta(minutes=2)
        due |= {since + timedelta(minutes=2) * elapsed} if elapsed else set()
    bus.work()
    times = [datetime.fromisoformat(json.loads(message)["time"]) for _, message in bus.topics.sent]
    assert sorted(times) == sorted(due)
    bus.events.rules.remove_targets("default", "r", ["t0"], "me")
    bus.events.rules.delete("default", "r", "me")


def test_the_loop_fires_as_the_clock_moves_and_sees_new_rules(bus: "Bus") -> None:
    stop, fired = Event(), Event()
    bus.store.watch("targets", fired.set)
    loop = Thread(target=bus.events.run, args=(stop,))
    loop.start()
    try:
        bus.rule("r", TOPIC, schedule="rate(1 minute)")
        for _ in range(200):  # the loop looks at the clock in its own time
            bus.clock.advance(60)
            if fired.wait(0.05):
                break
        assert fired.is_set()
    finally:
        stop.set()
        loop.join(5)
    assert not loop.is_alive()
