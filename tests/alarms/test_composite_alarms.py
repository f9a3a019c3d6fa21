"""Composite alarms, suppression and mute rules in the service."""

import json

import pytest

from watchpost.errors import Refused

from .conftest import House


@pytest.fixture
def family(house: House) -> House:
    """Two alarms that tell nobody, and one over both of them."""
    house.put("a", AlarmActions=[], OKActions=[])
    house.put("b", AlarmActions=[], OKActions=[], MetricName="other")
    house.compose("both", "ALARM(a) AND ALARM(b)")
    return house


def test_a_composite_alarm_is_judged_when_it_is_made(family: House) -> None:
    state = family.described("both").state
    arn = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:both"
    assert (state.value, state.reason) == ("OK", f"{arn} was created and its alarm rule evaluates to OK")


def test_a_composite_alarm_follows_its_children_and_says_which_moved_it(family: House) -> None:
    family.set("a", "ALARM")
    assert family.state("both") == "OK"
    family.set("b", "ALARM")
    state = family.described("both").state
    child = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:b"
    assert state.reason == f"{child} transitioned to ALARM at Wednesday 01 July, 2026 12:00:00 UTC"
    assert json.loads(state.reason_data or "") == {
        "triggeringAlarms": [{"arn": child, "state": {"value": "ALARM", "timestamp": "2026-07-01T12:00:00.000+0000"}}]
    }
    body = family.topics.sent[-1].body
    assert body["TriggeringChildren"] == [
        {"Arn": child, "State": {"Value": "ALARM", "Timestamp": "2026-07-01T12:00:00.000+0000"}}
    ]
    assert body["AlarmRule"] == "ALARM(a) AND ALARM(b)"
    assert "Trigger" not in body


def test_composites_over_composites_are_judged_children_first(family: House) -> None:
    # Judged in the wrong order, `odd` would see `a` in ALARM and `either` still in OK for a moment.
    family.compose("either", "ALARM(a) OR ALARM(b)")
    family.compose("odd", "ALARM(a) AND NOT ALARM(either)")
    family.set("a", "ALARM")
    assert (family.state("either"), family.state("odd")) == ("ALARM", "OK")
    assert len(family.history(alarm="odd", item="StateUpdate")) == 1  # its first judgement


def test_a_circle_is_not_evaluated_and_blocks_deletion_until_it_is_broken(family: House) -> None:
    family.compose("ring", "ALARM(both)")
    family.compose("both", "ALARM(ring) OR ALARM(a)")
    family.set("a", "ALARM")
    assert (family.state("ring"), family.state("both")) == ("OK", "OK")
    with pytest.raises(Refused, match="depends on it"):
        family.alarms.changes.delete(["ring"])
    family.compose("both", "FALSE")
    family.alarms.changes.delete(["ring"])


def test_unknown_children_are_refused(house: House) -> None:
    with pytest.raises(Refused, match="do not exist: nobody"):
        house.compose("c", "ALARM(nobody)")


def test_names_are_shared_by_both_kinds(family: House) -> None:
    with pytest.raises(Refused, match="composite alarm"):
        family.put("both")
    with pytest.raises(Refused, match="metric alarm"):
        family.compose("a", "TRUE")


def test_what_a_composite_needs_cannot_be_deleted_before_it(family: House) -> None:
    with pytest.raises(Refused, match="both depends on it"):
        family.alarms.changes.delete(["a"])
    family.alarms.changes.delete(["a", "both"])


def test_only_one_composite_is_deleted_at_a_time(family: House) -> None:
    family.compose("second", "TRUE")
    with pytest.raises(Refused, match="no more than one composite"):
        family.alarms.changes.delete(["both", "second"])


# --- suppression ------------------------------------------------------------------------------------------------------


@pytest.fixture
def suppressed(house: House) -> House:
    """A composite alarm that waits two minutes for its suppressor and is silent three minutes longer than it."""
    # Their metrics never have data: they stay as they are set.
    house.put("a", AlarmActions=[], OKActions=[], TreatMissingData="ignore")
    house.put("maintenance", AlarmActions=[], OKActions=[], MetricName="other", TreatMissingData="ignore")
    house.set("maintenance", "OK")
    house.set("a", "OK")
    house.compose(
        "c",
        "ALARM(a)",
        ActionsSuppressor="maintenance",
        ActionsSuppressorWaitPeriod=120,
        ActionsSuppressorExtensionPeriod=180,
    )
    house.pass_(120)  # what its first judgement would tell
    house.topics.sent.clear()
    return house


def by_minutes(house: House, happenings: dict[int, tuple[str, str]]) -> list[tuple[int, str]]:
    """Let eleven minutes pass; (minute, subject) of what was told. Events come before the tick of their minute."""
    start = house.clock.now()
    for minute in range(1, 12):
        house.clock.advance(60)
        if minute in happenings:
            house.alarms.tick(house.clock.now())
            house.set(*happenings[minute])
        house.alarms.tick(house.clock.now())
    return [(int((sent.at - start).total_seconds() // 60), sent.body["NewStateValue"]) for sent in house.topics.sent]


# Source: CloudWatch user guide, action suppression; the alarm is named "a", its suppressor "maintenance".
SUPPRESSION_ROWS = [
    ({2: ("a", "ALARM")}, [(4, "ALARM")]),
    ({2: ("a", "ALARM"), 3: ("maintenance", "ALARM")}, []),
    ({2: ("a", "ALARM"), 3: ("a", "OK")}, [(5, "OK")]),
    ({1: ("maintenance", "ALARM"), 2: ("a", "ALARM")}, []),
    ({2: ("a", "ALARM"), 3: ("maintenance", "ALARM"), 6: ("maintenance", "OK")}, [(9, "ALARM")]),
    (
        {2: ("a", "ALARM"), 3: ("maintenance", "ALARM"), 6: ("maintenance", "OK"), 7: ("a", "OK")},
        [(9, "OK")],
    ),
]


@pytest.mark.parametrize(("happenings", "told"), SUPPRESSION_ROWS)
def test_suppression_tells_what_and_when_the_guide_says(
    suppressed: House, happenings: dict[int, tuple[str, str]], told: list[tuple[int, str]]
) -> None:
    assert by_minutes(suppressed, happenings) == told


def test_what_holds_actions_back_is_shown(suppressed: House) -> None:
    suppressed.set("a", "ALARM")
    assert suppressed.described("c").state.suppression.by == "WaitPeriod"
    detail = suppressed.events.published[-1].detail
    assert detail["state"]["actionsSuppressedReason"] == "Actions suppressed by WaitPeriod"  # type: ignore[index]
    suppressed.set("maintenance", "ALARM")
    assert suppressed.described("c").state.suppression.by == "Alarm"


def test_losing_the_suppressor_tells_what_was_held(suppressed: House) -> None:
    suppressed.set("a", "ALARM")
    suppressed.compose("c", "ALARM(a)")
    assert suppressed.told() == ['ALARM: "c"']
    assert suppressed.described("c").state.suppression.by is None


def test_a_wait_goes_on_over_a_restart(suppressed: House) -> None:
    suppressed.set("a", "ALARM")
    after = House.over(suppressed.store, suppressed.clock)
    after.pass_(60)
    assert after.told() == []
    after.pass_(60)
    assert after.told() == ['ALARM: "c"']


# --- mute rules -------------------------------------------------------------------------------------------------------


def mute(house: House, name: str = "window", duration: str = "PT10M", **members: object) -> None:
    """Mute the alarm on latency from 12:02 on."""
    schedule = {"Expression": "at(2026-07-01T12:02)", "Duration": duration}
    given = {"Name": name, "Rule": {"Schedule": schedule}, "MuteTargets": {"AlarmNames": ["latency"]}, **members}
    house.alarms.mutes.put(given)


@pytest.fixture
def muted(house: House) -> House:
    """An alarm in OK, two minutes into a mute window of ten."""
    house.put()
    mute(house)
    for _ in range(3):
        house.minute(1.0)
    house.topics.sent.clear()
    return house


def test_a_muted_alarm_changes_state_but_tells_nobody_until_the_window_ends(muted: House) -> None:
    told = [muted.minute(20.0) is not None and list(muted.told()) for _ in range(10)]
    assert muted.state() == "ALARM"
    assert told[:8] == [[]] * 8
    assert told[-1] == ['ALARM: "latency"']
    assert muted.topics.sent[-1].body["ActionExecutedAfterMuteWindow"] is True
    assert "muted" in muted.topics.sent[-1].readable


def test_events_are_published_in_spite_of_a_mute_and_name_it(muted: House) -> None:
    muted.minute(20.0)
    assert muted.events.published[-1].detail["muteDetail"] == {
        "mutedByArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm-mute-rule:window",
        "muteWindowStart": "2026-07-01T12:02:00.000+0000",
        "muteWindowEnd": "2026-07-01T12:12:00.000+0000",
    }


def test_an_incident_that_is_over_before_the_window_ends_is_not_told(muted: House) -> None:
    for value in (20.0, 20.0, *[1.0] * 10):
        muted.minute(value)
    assert muted.told() == []


def test_deleting_the_rule_tells_what_was_withheld_at_once(muted: House) -> None:
    muted.minute(20.0)
    muted.alarms.mutes.delete("window")
    assert muted.told() == ['ALARM: "latency"']


def test_enabling_actions_does_not_unmute(muted: House) -> None:
    muted.alarms.changes.enable_actions(["latency"], False)
    muted.alarms.changes.enable_actions(["latency"], True)
    muted.minute(20.0)
    assert muted.told() == []


def test_windows_of_several_rules_add_up(muted: House) -> None:
    mute(muted, "longer", "PT20M")
    for _ in range(12):
        muted.minute(20.0)
    assert muted.told() == []
    for _ in range(10):
        muted.minute(20.0)
    assert muted.told() == ['ALARM: "latency"']


def test_a_mute_outranks_the_suppressor(suppressed: House) -> None:
    schedule = {"Expression": "at(2026-07-01T12:00)", "Duration": "PT10M"}
    rule = {"Name": "r", "Rule": {"Schedule": schedule}, "MuteTargets": {"AlarmNames": ["c"]}}
    suppressed.alarms.mutes.put(rule)
    suppressed.set("a", "ALARM")
    suppressed.pass_(120)  # the wait is over, the mute is not
    assert suppressed.told() == []
    suppressed.pass_(600)
    assert suppressed.told() == ['ALARM: "c"']


def test_mute_rules_are_listed_by_alarm_and_status(muted: House) -> None:
    mute(muted, "later", StartDate=None)
    assert [rule.name for rule, _ in muted.alarms.mutes.page("latency", ("ACTIVE",), "", 10).rules] == [
        "later",
        "window",
    ]
    assert muted.alarms.mutes.page("nobody", (), "", 10).rules == ()
    assert muted.alarms.mutes.page(None, (), "", 1).more
    with pytest.raises(Refused) as refusal:
        muted.alarms.mutes.get("unknown")
    assert refusal.value.fault == "ResourceNotFoundException"
