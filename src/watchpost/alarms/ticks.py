"""When alarms are evaluated, and over which periods.

Source: CloudWatch's user guide, "Alarm evaluation". An alarm with periods of a minute or more is evaluated every
minute, over windows that slide by a minute: at 12:15 a five-minute alarm looks at what is stamped 12:10, 12:05, 12:00,
and at 12:16 at 12:11, 12:06, 12:01. Periods of 10, 20 and 30 seconds are evaluated every ten seconds. An alarm that
looks at more than a day is evaluated once an hour, over data up to the last full hour.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

from watchpost.alarms.records import MetricAlarm

Pace = Literal["seconds", "minutes", "hours"]

BEAT = 10
DAY = 86_400
# The guide's worked case evaluates its daily alarm at 10:03, 11:03 and 12:03.
HOURLY_DELAY = 180


def pace(alarm: MetricAlarm) -> Pace:
    """How often the alarm is evaluated."""
    return pace_of(alarm.period, alarm.evaluation_periods)


def pace_of(period: int, evaluation_periods: int) -> Pace:
    """How often an alarm over so many periods of so many seconds is evaluated."""
    if period < 60:
        return "seconds"
    return "hours" if evaluation_periods * period > DAY else "minutes"


def due(tick: datetime) -> tuple[Pace, ...]:
    """Which alarms are evaluated at the tick, which is a multiple of ten seconds."""
    second = int(tick.timestamp())
    paces: tuple[Pace, ...] = ("seconds",)
    if second % 60 == 0:
        paces += ("minutes",)
    if second % 3600 == HOURLY_DELAY:
        paces += ("hours",)
    return paces


def last_tick(now: datetime) -> datetime:
    """The latest tick at or before the instant."""
    return datetime.fromtimestamp(int(now.timestamp()) // BEAT * BEAT, UTC)


def next_tick(now: datetime) -> datetime:
    """The earliest tick after the instant."""
    return last_tick(now) + timedelta(seconds=BEAT)


def window_end(alarm_pace: Pace, instant: datetime) -> int:
    """Epoch seconds at which the newest period ends when such an alarm is looked at: at a tick or between ticks.

    >>> window_end("hours", datetime(2026, 11, 21, 12, 3, tzinfo=UTC)) % 86_400
    43200
    """
    grain = {"seconds": BEAT, "minutes": 60, "hours": 3600}[alarm_pace]
    return int(instant.timestamp()) // grain * grain
