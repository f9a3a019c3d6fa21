"""Instants, windows of time, durations and schedules. Instants are aware and in UTC unless a name says otherwise.

A schedule names wall-clock times of a place. Where the place moves its clocks, two things are defined: a time that does
not exist (the clocks jump over it) runs at the instant of the jump, once however many times fell into it; a time that
happens twice (the clocks go back) runs the first time only.
"""

import re
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR, LAST_YEAR = 1970, 2199

_DURATION = re.compile(
    r"([+-])?P(?!$)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_RATE = re.compile(r"rate\(\s*(\d+)\s+(minutes?|hours?|days?)\s*\)", re.IGNORECASE | re.ASCII)
_AT = re.compile(r"at\(\s*(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)\s*\)", re.IGNORECASE | re.ASCII)
_CRON = re.compile(r"cron\((.*)\)", re.IGNORECASE | re.ASCII)
_MONTHS = dict(
    zip(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], range(1, 13), strict=True)
)
_WEEKDAYS = dict(zip(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], range(7), strict=True))


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A stretch of time, start included, end excluded; both aware."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


def parse_duration(text: str) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds; a leading `-` makes it negative.

    Raises: ValueError: it is no such duration, or it counts months or years, which have no fixed length.

    >>> parse_duration("P2DT12H"), parse_duration("-PT2H")
    (datetime.timedelta(days=2, seconds=43200), datetime.timedelta(days=-1, seconds=79200))
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an ISO 8601 duration: expected a form like PT4H, P2DT12H, P1W or -PT30M.")
    sign, years, months, *rest = found.groups()
    if years or months:
        raise ValueError(f"{text!r} counts years or months, which have no fixed length: give days or weeks instead.")
    weeks, days, hours, minutes = (int(part or 0) for part in rest[:4])
    try:
        length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=float(rest[4] or 0))
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any calendar: at most 999999999 days.") from None
    return -length if sign == "-" else length


@dataclass(frozen=True, slots=True)
class At:
    """A schedule of one instant (aware, UTC)."""

    instant: datetime

    def next_after(self, instant: datetime) -> datetime | None:
        """The first time strictly after the instant, or None when there is none."""
        return self.instant if self.instant > instant else None

    def previous(self, instant: datetime) -> datetime | None:
        """The last time at or before the instant, or None when there is none."""
        return self.instant if self.instant <= instant else None

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Every time from `start` (included) to `end` (excluded), ascending."""
        return iter([self.instant] if start <= self.instant < end else [])


@dataclass(frozen=True, slots=True)
class Rate:
    """A schedule of equal steps counted from `start` (aware, UTC), which itself is no time of the schedule."""

    every: timedelta
    start: datetime = EPOCH

    def next_after(self, instant: datetime) -> datetime:
        """The first time strictly after the instant."""
        return self.start + self.every * max((instant - self.start) // self.every + 1, 1)

    def previous(self, instant: datetime) -> datetime | None:
        """The last time at or before the instant, or None when there is none."""
        steps = (instant - self.start) // self.every
        return self.start + self.every * steps if steps > 0 else None

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Every time from `start` (included) to `end` (excluded), ascending."""
        at = self.next_after(start - timedelta(microseconds=1))
        while at < end:
            yield at
            at += self.every


@dataclass(frozen=True, slots=True)
class Days:
    """One of cron's two day fields: which days of a month it names.

    `plain` are days of the month 1-31 or weekdays 0-6 (0 = Sunday), as `of_week` says. `last` and `last_weekday` are L
    and LW, `nearest` the days n of nW, `last_of` the weekdays n of nL, `nth` the (weekday, k) of n#k. `starred` is true
    when the field began with `*` or was `?`: such a field does not widen the other.
    """

    of_week: bool
    plain: frozenset[int]
    starred: bool
    last: bool = False
    last_weekday: bool = False
    nearest: frozenset[int] = frozenset()
    last_of: frozenset[int] = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()

    def of(self, year: int, month: int) -> set[int]:
        """The days of that month, 1-31, that it names."""
        first, length = (monthrange(year, month)[0] + 1) % 7, monthrange(year, month)[1]
        weekday = [(first + day) % 7 for day in range(length)]  # of day + 1
        if self.of_week:
            days = {day for day in range(1, length + 1) if weekday[day - 1] in self.plain}
            days |= {day for day in range(length - 6, length + 1) if weekday[day - 1] in self.last_of}
            return days | {day for day in range(1, length + 1) if (weekday[day - 1], (day + 6) // 7) in self.nth}
        days = {day for day in self.plain if day <= length}
        days |= {length} if self.last else set()
        days |= {_working_day(length, length, weekday)} if self.last_weekday else set()
        return days | {_working_day(day, length, weekday) for day in self.nearest if day <= length}


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule of wall-clock times in a place: those whose minute, hour, day, month and year are all named.

    `times` are the times of day, ascending. Source: Amazon EventBridge, cron expressions reference (six fields);
    POSIX.1-2017 crontab (five fields: where both day fields are restricted, either may match).
    """

    times: tuple[time, ...]
    month_days: Days
    weekdays: Days
    months: frozenset[int]
    years: frozenset[int] | None
    zone: ZoneInfo

    def next_after(self, instant: datetime) -> datetime | None:
        """The first time strictly after the instant, or None when there is none up to the year 2199."""
        for day in self._days(instant.astimezone(self.zone).date(), 1):
            passed = self._passed(day, instant)
            if passed < len(self.times):
                return self._at(day, self.times[passed])
        return None

    def previous(self, instant: datetime) -> datetime | None:
        """The last time at or before the instant, or None when there is none since 1970."""
        # One day ahead: clocks that go back over midnight put the first pass of a day before the end of the day before.
        for day in self._days(instant.astimezone(self.zone).date() + timedelta(days=1), -1):
            passed = self._passed(day, instant)
            if passed:
                return self._at(day, self.times[passed - 1])
        return None

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Every time from `start` (included) to `end` (excluded), ascending, each once."""
        last = start - timedelta(microseconds=1)
        for day in self._days(last.astimezone(self.zone).date(), 1):
            for time_of_day in self.times[self._passed(day, last) :]:
                at = self._at(day, time_of_day)
                if at >= end:
                    return
                if at > last:
                    yield at
                    last = at

    def _passed(self, day: date, instant: datetime) -> int:
        """How many times of the day come at or before the instant; later on the wall is never an earlier instant."""
        return bisect_right(self.times, instant, key=lambda time_of_day: self._at(day, time_of_day))

    def _at(self, day: date, time_of_day: time) -> datetime:
        return _instant(datetime.combine(day, time_of_day), self.zone)

    def _days(self, start: date, step: int) -> Iterator[date]:
        """The days from `start` on that it names, in the direction of `step` (1 or -1)."""
        start = max(start, date(FIRST_YEAR, 1, 1)) if step > 0 else min(start, date(LAST_YEAR, 12, 31))
        year, month = start.year, start.month
        while FIRST_YEAR <= year <= LAST_YEAR:
            if month in self.months and (self.years is None or year in self.years):
                for day in sorted(self._days_of(year, month), reverse=step < 0):
                    if (date(year, month, day) - start).days * step >= 0:
                        yield date(year, month, day)
            year, month = year + (month - 1 + step) // 12, (month - 1 + step) % 12 + 1

    def _days_of(self, year: int, month: int) -> frozenset[int]:
        by_month, by_week = _named(self.month_days, year, month), _named(self.weekdays, year, month)
        restricted = not (self.month_days.starred or self.weekdays.starred)
        return by_month | by_week if restricted else by_month & by_week


Schedule = Cron | Rate | At


@lru_cache(maxsize=1024)
def _named(days: Days, year: int, month: int) -> frozenset[int]:
    return frozenset(days.of(year, month))


# A server reads the same few expressions at every window of theirs: reading one takes longer than what a window writes.
@lru_cache(maxsize=1024)
def parse_schedule(text: str, timezone: str = "UTC", start: datetime = EPOCH) -> Schedule:
    """The schedule an expression names: `cron(…)`, `rate(…)` or `at(…)`, letter case free.

    Args: text: `cron` with the six fields of AWS (minutes, hours, day of month, month, day of week, year) or the five
    of Unix (weekday 0 and 7 are Sunday), these also bare; `rate(5 minutes)`; `at(2026-05-10T14:00)`. timezone: IANA
    name, for cron and at. start: aware; what a rate counts from.
    Raises: ValueError: the expression or the time zone is not one, in a sentence saying which part and why.
    """
    zone = _zone(timezone)
    if found := _RATE.fullmatch(text):
        return Rate(_step(text, int(found[1]), found[2].lower()), start)
    if found := _AT.fullmatch(text):
        try:
            return At(_instant(datetime.fromisoformat(found[1]), zone))
        except (ValueError, OverflowError):
            raise ValueError(f"{text!r} names a date or time that does not exist.") from None
    found = _CRON.fullmatch(text)
    fields = (found[1] if found else text).upper().split()
    if len(fields) == 6 and found:
        return _aws_cron(fields, zone)
    if len(fields) == 5:
        return _unix_cron(fields, zone)
    raise ValueError(
        f"{text!r} is not a schedule: expected cron(minutes hours day-of-month month day-of-week year), five fields "
        "without the year, rate(5 minutes) or at(yyyy-MM-ddThh:mm)."
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, not a name, a folder of the database
        raise ValueError(f"{name!r} is not a time zone: expected an IANA name such as Europe/Berlin.") from None


def _step(text: str, value: int, unit: str) -> timedelta:
    if value < 1 or (value == 1) == unit.endswith("s"):
        raise ValueError(f"{text!r} is not a rate: expected a positive number, and minute, hour or day only after 1.")
    try:
        return timedelta(**{unit.rstrip("s") + "s": value})
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any calendar: at most 999999999 days.") from None


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a wall-clock time: of the first pass of two, of the jump when there is none."""
    if zone.key == "UTC":
        return local.replace(tzinfo=UTC)
    at = local.replace(tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == local:
        return at
    # The clocks jump over it. By PEP 495, fold=1 reads it with the offset of after the jump: an instant before it.
    early = int(local.replace(tzinfo=zone, fold=1).timestamp())
    late, after = int(at.timestamp()), at.astimezone(zone).utcoffset()
    while late - early > 1:
        middle = (early + late) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == after:
            late = middle
        else:
            early = middle
    return datetime.fromtimestamp(late, UTC)


def _working_day(day: int, length: int, weekday: list[int]) -> int:
    """The day from Monday to Friday nearest to `day`, in the same month."""
    match weekday[day - 1]:
        case 6:
            return day - 1 if day > 1 else day + 2
        case 0:
            return day + 1 if day < length else day - 2
    return day


def _aws_cron(fields: list[str], zone: ZoneInfo) -> Cron:
    minutes, hours, month_day, month, weekday, year = fields
    if (month_day == "?") == (weekday == "?"):
        raise ValueError(
            f"day of month {month_day!r} and day of week {weekday!r}: exactly one of the two fields must be '?'."
        )
    weekdays = {name: number + 1 for name, number in _WEEKDAYS.items()}
    years = _Field("year", FIRST_YEAR, LAST_YEAR).values(year)
    return Cron(
        times=_times(minutes, hours),
        month_days=_month_days(month_day),
        weekdays=_aws_weekdays(weekday, _Field("day of week", 1, 7, weekdays)),
        months=_Field("month", 1, 12, _MONTHS).values(month),
        years=None if year == "*" else years,
        zone=zone,
    )


def _unix_cron(fields: list[str], zone: ZoneInfo) -> Cron:
    minutes, hours, month_day, month, weekday = fields
    return Cron(
        times=_times(minutes, hours),
        month_days=_plain_days(_Field("day of month", 1, 31), month_day, of_week=False),
        weekdays=_plain_days(_Field("day of week", 0, 7, _WEEKDAYS), weekday, of_week=True),
        months=_Field("month", 1, 12, _MONTHS).values(month),
        years=None,
        zone=zone,
    )


def _times(minutes: str, hours: str) -> tuple[time, ...]:
    of_hour, of_day = _Field("minutes", 0, 59).values(minutes), _Field("hours", 0, 23).values(hours)
    return tuple(time(hour, minute) for hour in sorted(of_day) for minute in sorted(of_hour))


def _plain_days(field: "_Field", text: str, *, of_week: bool) -> Days:
    values = field.values("*" if text == "?" else text)
    return Days(of_week, frozenset(v % 7 for v in values) if of_week else values, text[0] in "*?")


def _month_days(text: str) -> Days:
    field = _Field("day of month", 1, 31)
    parts = ["*" if part == "?" else part for part in text.split(",")]
    nearest = frozenset(field.number(part[:-1]) for part in parts if part[-1:] == "W" and part != "LW")
    plain = [part for part in parts if part not in {"L", "LW"} and part[-1:] != "W"]
    values = field.values(",".join(plain)) if plain else frozenset()
    return Days(False, values, text[0] in "*?", last="L" in parts, last_weekday="LW" in parts, nearest=nearest)


def _aws_weekdays(text: str, field: "_Field") -> Days:
    parts = ["*" if part == "?" else "7" if part == "L" else part for part in text.split(",")]
    last_of = frozenset(field.number(part[:-1]) - 1 for part in parts if part[-1:] == "L")
    nth = frozenset(
        (field.number(day) - 1, _Field("day of week after #", 1, 5).number(which))
        for day, hash_sign, which in (part.partition("#") for part in parts)
        if hash_sign
    )
    plain = [part for part in parts if part[-1:] != "L" and "#" not in part]
    values = frozenset(v - 1 for v in field.values(",".join(plain))) if plain else frozenset[int]()
    return Days(True, values, text[0] in "*?", last_of=last_of, nth=nth)


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a cron expression: its name, the values it may hold, and names for some of them."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] | None = None

    def values(self, text: str) -> frozenset[int]:
        """What `*`, `a`, `a-b`, `a/n`, `a-b/n` and lists of them name; a range may run over the end (FRI-MON)."""
        return frozenset(value for part in text.split(",") for value in self._part(part))

    def _part(self, part: str) -> list[int]:
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = self.low, self.high
        else:
            low = self.number(first)
            high = self.number(last) if dash else self.high if slash else low
        values = [*range(low, high + 1)] if low <= high else [*range(low, self.high + 1), *range(self.low, high + 1)]
        return values[:: self._every(part, step)] if slash else values

    def number(self, text: str) -> int:
        value = (self.names or {}).get(text)
        if value is None:
            value = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else self.low - 1
        if not self.low <= value <= self.high:
            names = f" or {'-'.join([*self.names][:: len(self.names) - 1])}" if self.names else ""
            raise ValueError(f"{self.name}: {text!r} is not a value: expected {self.low}-{self.high}{names}.")
        return value

    def _every(self, part: str, step: str) -> int:
        if not (step.isascii() and step.isdigit() and len(step) < 5 and int(step) > 0):
            raise ValueError(f"{self.name}: {part!r} has no step: expected a positive number after '/'.")
        return int(step)
