"""One alarm with a threshold for business hours and one for the rest."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.alarms.business_hours import BusinessHours, from_tags
from watchpost.alarms.thresholds import threshold_at
from watchpost.errors import Refused

from .alarms_of import INSTANTS, alarm

HOURS, THRESHOLD, TIMEZONE = "watchpost:business-hours", "watchpost:off-hours-threshold", "watchpost:timezone"


def hours(text: str, zone: str = "UTC") -> BusinessHours:
    found = from_tags({HOURS: text, THRESHOLD: "100", TIMEZONE: zone})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("MON-FRI 08:00-18:00", ["2026-07-01T08:00", "2026-07-03T17:59"], ["2026-07-01T07:59", "2026-07-04T12:00"]),
        ("MON-FRI 08:00-18:00; SAT 09:00-12:00", ["2026-07-04T09:00"], ["2026-07-04T12:00", "2026-07-05T10:00"]),
        ("MON+WED 00:00-24:00", ["2026-06-29T23:59", "2026-07-01T00:00"], ["2026-06-30T12:00"]),
        ("fri-mon 10:00-11:00", ["2026-07-03T10:30", "2026-07-05T10:30", "2026-07-06T10:30"], ["2026-07-07T10:30"]),
    ],
)
def test_hours_are_read_as_written(text: str, inside: list[str], outside: list[str]) -> None:
    found = hours(text)
    assert all(found.contain(datetime.fromisoformat(at).replace(tzinfo=UTC)) for at in inside)
    assert not any(found.contain(datetime.fromisoformat(at).replace(tzinfo=UTC)) for at in outside)


def test_hours_follow_the_clocks_of_the_place() -> None:
    berlin = hours("WED 08:00-09:00", "Europe/Berlin")
    assert berlin.contain(datetime(2026, 7, 1, 6, 30, tzinfo=UTC))
    assert berlin.contain(datetime(2026, 12, 2, 7, 30, tzinfo=UTC))


@given(INSTANTS, st.floats(allow_nan=False, allow_infinity=False))
def test_one_of_the_two_thresholds_always_holds(instant: datetime, threshold: float) -> None:
    watcher = alarm(threshold=threshold, hours=hours("MON-FRI 08:00-18:00"))
    local = instant.astimezone(UTC)
    inside = local.weekday() < 5 and timedelta(hours=8) <= local - local.replace(
        hour=0, minute=0, second=0
    ) < timedelta(hours=18)
    assert threshold_at(watcher, instant) == (threshold if inside else 100.0)


@pytest.mark.parametrize(
    "tags",
    [
        {HOURS: "MON-FRI 08:00-18:00"},
        {THRESHOLD: "5"},
        {TIMEZONE: "UTC"},
        {HOURS: "MON-FRI 08:00-18:00", THRESHOLD: "a lot"},
        {HOURS: "MON-FRI 08:00-18:00", THRESHOLD: "inf"},
        {HOURS: "MON-FRI 08:00-18:00", THRESHOLD: "5", TIMEZONE: "Mars/Olympus"},
        {HOURS: "MON-FRI 18:00-08:00", THRESHOLD: "5"},
        {HOURS: "MON-FRI 08:60-18:00", THRESHOLD: "5"},
        {HOURS: "MON-FRI 08:00-24:01", THRESHOLD: "5"},
        {HOURS: "MO-FR 08:00-18:00", THRESHOLD: "5"},
        {HOURS: "weekdays", THRESHOLD: "5"},
        {HOURS: ";", THRESHOLD: "5"},
    ],
)
def test_tags_that_make_no_sense_are_refused_by_name(tags: dict[str, str]) -> None:
    with pytest.raises(Refused, match="watchpost:"):
        from_tags(tags)


def test_alarms_without_these_tags_have_no_hours() -> None:
    assert from_tags({"team": "prices"}) is None
