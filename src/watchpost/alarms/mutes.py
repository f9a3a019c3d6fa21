"""When a mute rule withholds actions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from watchpost.alarms.records import MuteRule
from watchpost.errors import Refused
from watchpost.windows import At, Rate, Schedule, Window, parse_duration, parse_schedule

_INSTANT = timedelta(microseconds=1)
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=15)

Status = Literal["SCHEDULED", "ACTIVE", "EXPIRED"]


@dataclass(frozen=True, slots=True)
class _Times:
    schedule: Schedule
    duration: timedelta


def check(rule: MuteRule) -> None:
    """See that the rule's schedule can be read.

    Raises: Refused (ValidationError): the expression, the duration or the zone makes no sense.
    """
    try:
        times = _times(rule.expression, rule.duration, rule.timezone)
    except ValueError as problem:
        raise Refused("ValidationError", f"Invalid schedule of the mute rule: {problem}") from problem
    if not SHORTEST <= times.duration <= LONGEST:
        raise Refused("ValidationError", f"Duration {rule.duration} is not between PT1M and P15D")
    if rule.start is not None and rule.expire is not None and rule.expire <= rule.start:
        raise Refused("ValidationError", "ExpireDate must be after StartDate")


def mute_type(rule: MuteRule) -> Literal["ONE_TIME", "RECURRING"]:
    """Whether the rule mutes once or again and again."""
    return "ONE_TIME" if isinstance(_times(rule.expression, rule.duration, rule.timezone).schedule, At) else "RECURRING"


def window_at(rule: MuteRule, instant: datetime) -> Window | None:
    """The window in which the rule mutes at the instant; windows of one rule that overlap are one."""
    times = _times(rule.expression, rule.duration, rule.timezone)
    if (rule.start is not None and instant < rule.start) or (rule.expire is not None and instant >= rule.expire):
        return None
    latest = times.schedule.previous(instant)
    if latest is None or instant >= latest + times.duration:
        return None
    first = latest
    while (earlier := times.schedule.previous(first - _INSTANT)) is not None and earlier + times.duration >= first:
        first = earlier
        # A schedule whose windows always touch has no first one; two lengths back is as good as any.
        if latest - first > 2 * times.duration:
            break
    start = first if rule.start is None else max(first, rule.start)
    end = latest + times.duration
    return Window(start, end if rule.expire is None else min(end, rule.expire))


def status(rule: MuteRule, now: datetime) -> Status:
    """ACTIVE inside a window, EXPIRED when there will be none any more, else SCHEDULED."""
    if window_at(rule, now) is not None:
        return "ACTIVE"
    following = _times(rule.expression, rule.duration, rule.timezone).schedule.next_after(now)
    if following is None or (rule.expire is not None and max(now, following) >= rule.expire):
        return "EXPIRED"
    return "SCHEDULED"


def muting(rules: Iterable[MuteRule], alarm: str, instant: datetime) -> tuple[MuteRule, Window] | None:
    """The rule that mutes the alarm at the instant, with its window; of several the one that ends last."""
    found = [
        (rule, window) for rule in rules if alarm in rule.alarms and (window := window_at(rule, instant)) is not None
    ]
    return max(found, key=lambda pair: pair[1].end, default=None)


@lru_cache(maxsize=4096)
def _times(expression: str, duration: str, timezone: str) -> _Times:
    schedule = parse_schedule(expression, timezone)
    if isinstance(schedule, Rate):
        # A rate is a value that does not fit here, not an object of a wrong type.
        raise ValueError(  # noqa: TRY004
            f"{expression!r} is a rate: mute rules take cron(minutes hours day month weekday) or at(…)."
        )
    return _Times(schedule, parse_duration(duration))
