"""When mute rules mute."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.alarms.mutes import check, mute_type, muting, status, window_at
from watchpost.alarms.records import MuteRule
from watchpost.errors import Refused

from .alarms_of import INSTANTS, NOON

RULE = MuteRule("nightly", "arn", NOON, "0 23 * * *", "PT2H", alarms=("a",))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Source: CloudWatch user guide, alarm mute rules: expression, duration, instants inside, instants outside.
ROWS = [
    ("0 2 * * SUN", "PT4H", ["2026-07-05T02:00", "2026-07-05T05:59"], ["2026-07-05T06:00", "2026-07-06T03:00"]),
    ("0 1 1 * *", "PT6H", ["2026-07-01T01:00", "2026-07-01T06:59"], ["2026-07-01T07:00", "2026-07-02T02:00"]),
    (
        "0 18 * * FRI",
        "P2DT12H",
        ["2026-07-03T18:00", "2026-07-05T12:00", "2026-07-06T05:59"],
        ["2026-07-03T17:59", "2026-07-06T06:00"],
    ),
    ("0 23 * * *", "PT2H", ["2026-07-01T23:00", "2026-07-02T00:59"], ["2026-07-02T01:00", "2026-07-02T22:59"]),
    (
        "at(2024-05-10T14:00)",
        "PT4H",
        ["2024-05-10T14:00", "2024-05-10T17:59"],
        ["2024-05-10T18:00", "2025-05-10T15:00"],
    ),
    ("cron(0 23 * * *)", "PT2H", ["2026-07-01T23:30"], ["2026-07-01T12:00"]),
]


@pytest.mark.parametrize(("expression", "duration", "inside", "outside"), ROWS)
def test_published_schedules_mute_when_the_guide_says(
    expression: str, duration: str, inside: list[str], outside: list[str]
) -> None:
    rule = replace(RULE, expression=expression, duration=duration)
    assert all(window_at(rule, at(instant)) is not None for instant in inside)
    assert all(window_at(rule, at(instant)) is None for instant in outside)


def test_windows_follow_the_clocks_of_the_place() -> None:
    berlin = replace(RULE, expression="0 2 * * *", duration="PT1H", timezone="Europe/Berlin")
    assert window_at(berlin, at("2026-07-01T00:30")) is not None  # summer: two hours ahead of UTC
    assert window_at(berlin, at("2026-12-01T01:30")) is not None  # winter: one hour ahead


def test_start_and_expiry_cut_the_windows() -> None:
    rule = replace(RULE, start=at("2026-07-01T23:30"), expire=at("2026-07-02T00:30"))
    window = window_at(rule, at("2026-07-02T00:00"))
    assert window is not None
    assert (window.start, window.end) == (at("2026-07-01T23:30"), at("2026-07-02T00:30"))
    assert window_at(rule, at("2026-07-01T23:15")) is None
    assert window_at(rule, at("2026-07-02T00:30")) is None


def test_overlapping_windows_of_a_rule_are_one() -> None:
    rule = replace(RULE, expression="0 22,23 * * *", duration="PT2H")
    window = window_at(rule, at("2026-07-01T23:59"))
    assert window is not None
    assert (window.start, window.end) == (at("2026-07-01T22:00"), at("2026-07-02T01:00"))


def test_of_several_rules_the_one_that_ends_last_is_named() -> None:
    longer = replace(RULE, name="longer", duration="PT5H")
    found = muting([RULE, longer, replace(longer, name="other", alarms=("b",))], "a", at("2026-07-01T23:30"))
    assert found is not None
    assert found[0].name == "longer"
    assert muting([RULE], "b", at("2026-07-01T23:30")) is None


def test_status_says_whether_a_rule_will_mute_again() -> None:
    once = replace(RULE, expression="at(2026-07-01T14:00)", duration="PT1H")
    stands = [status(once, at(f"2026-07-01T{hour}:30")) for hour in (13, 14, 15)]
    assert stands == ["SCHEDULED", "ACTIVE", "EXPIRED"]
    assert status(replace(RULE, expire=at("2026-07-01T20:00")), NOON) == "EXPIRED"
    assert (mute_type(once), mute_type(RULE)) == ("ONE_TIME", "RECURRING")


@pytest.mark.parametrize(
    "changes",
    [
        {"expression": "rate(5 minutes)"},
        {"expression": "0 25 * * *"},
        {"duration": "P16D"},
        {"duration": "PT30S"},
        {"duration": "4 hours"},
        {"timezone": "Mars/Olympus"},
        {"start": NOON, "expire": NOON},
    ],
)
def test_schedules_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Refused) as refusal:
        check(replace(RULE, **changes))  # type: ignore[arg-type]  # the rows name the fields
    assert refusal.value.fault == "ValidationError"


@given(INSTANTS, st.integers(1, 71))
def test_a_rule_is_active_exactly_inside_its_windows(instant: datetime, hours: int) -> None:
    rule = replace(RULE, expression="30 6 * * *", duration=f"PT{hours}H")
    beginnings = [instant.replace(hour=6, minute=30, second=0, microsecond=0) - timedelta(days=d) for d in range(4)]
    inside = any(start <= instant < start + timedelta(hours=hours) for start in beginnings)
    assert (window_at(rule, instant) is not None) == inside == (status(rule, instant) == "ACTIVE")
