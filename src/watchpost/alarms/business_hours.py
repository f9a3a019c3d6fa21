"""One alarm with two thresholds: one for business hours, one for the rest of the week.

Watchpost's own addition. It is written as tags of the alarm, which every client can send:

| tag | value |
|---|---|
| `watchpost:business-hours` | `MON-FRI 08:00-18:00`, several separated by `;`, days also as `MON,WED` or `MON+WED` |
| `watchpost:off-hours-threshold` | the threshold outside of them; the alarm's own Threshold holds inside |
| `watchpost:timezone` | IANA name, `UTC` when absent |

A datapoint is judged by the threshold that holds at the start of its period.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from math import isfinite
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchpost.errors import Refused

HOURS_TAG = "watchpost:business-hours"
THRESHOLD_TAG = "watchpost:off-hours-threshold"
TIMEZONE_TAG = "watchpost:timezone"
TAGS = (HOURS_TAG, THRESHOLD_TAG, TIMEZONE_TAG)

_DAYS = {name: number for number, name in enumerate(("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"))}
_SPAN = re.compile(r"\s*([A-Za-z,+-]+)\s+(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)\s*")
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """When the alarm's own threshold holds, and which one holds otherwise.

    `spans` are (weekday with Monday 0, first minute of the day, minute after the last), local to `timezone`.
    """

    spans: tuple[tuple[int, int, int], ...]
    off_hours_threshold: float
    timezone: str = "UTC"

    def contain(self, instant: datetime) -> bool:
        """Whether the instant (aware) lies in business hours."""
        local = instant.astimezone(_zone(self.timezone))
        minute = local.hour * 60 + local.minute
        return any(day == local.weekday() and first <= minute < end for day, first, end in self.spans)

    def threshold(self, inside: float, instant: datetime) -> float:
        """The threshold that holds at the instant: `inside` during business hours."""
        return inside if self.contain(instant) else self.off_hours_threshold


def from_tags(tags: Mapping[str, str]) -> BusinessHours | None:
    """The business hours that an alarm's tags describe; None: none of them does.

    Raises: Refused (ValidationError): a tag is missing or cannot be read.
    """
    if not any(tag in tags for tag in TAGS):
        return None
    if missing := [tag for tag in (HOURS_TAG, THRESHOLD_TAG) if tag not in tags]:
        raise Refused(
            "ValidationError", f"The tag {missing[0]} is missing: {HOURS_TAG} and {THRESHOLD_TAG} go together."
        )
    zone = tags.get(TIMEZONE_TAG, "UTC")
    try:
        _zone(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise Refused(
            "ValidationError", f"The tag {TIMEZONE_TAG} is {zone!r}, expected an IANA time zone."
        ) from problem
    spans = tuple(span for part in tags[HOURS_TAG].split(";") if part.strip() for span in _spans(part))
    if not spans:
        raise _unreadable(tags[HOURS_TAG])
    return BusinessHours(spans, _number(tags[THRESHOLD_TAG]), zone)


def _spans(text: str) -> list[tuple[int, int, int]]:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise _unreadable(text)
    first_hour, first_minute, end_hour, end_minute = (int(n) for n in found.groups()[1:])
    first, end = first_hour * 60 + first_minute, end_hour * 60 + end_minute
    if first_minute > 59 or end_minute > 59 or not 0 <= first < end <= _DAY_MINUTES:
        raise _unreadable(text)
    return [(day, first, end) for part in re.split(r"[,+]", found[1]) for day in _weekdays(part, text)]


def _weekdays(part: str, text: str) -> list[int]:
    ends = [_DAYS.get(name) for name in part.upper().split("-")]
    if len(ends) > 2 or None in ends:
        raise _unreadable(text)
    first, last = ends[0], ends[-1]
    assert first is not None
    assert last is not None
    return [(first + step) % 7 for step in range((last - first) % 7 + 1)]


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise Refused("ValidationError", f"The tag {THRESHOLD_TAG} is {text!r}, expected a finite number.")
    return value


def _unreadable(text: str) -> Refused:
    return Refused("ValidationError", f"The tag {HOURS_TAG} holds {text!r}, expected a form like MON-FRI 08:00-18:00.")


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
