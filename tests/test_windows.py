"""Durations and schedules: laws against a scan of every minute, a foreign implementation, and known answers."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pyawscron import AWSCron

from watchpost.windows import EPOCH, At, Cron, Rate, Window, parse_duration, parse_schedule

MINUTE = timedelta(minutes=1)
INSTANTS = st.integers(300_000, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
# Half an hour of daylight saving, changes at midnight, offsets that are no whole hours, a day that was left out.
PLACES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu"]
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
]


def field(low: int, high: int, most: int = 3) -> st.SearchStrategy[str]:
    values = st.integers(low, high)
    ranges = st.tuples(values, values).map(sorted).map(lambda p: f"{p[0]}-{p[1]}")
    steps = st.tuples(st.one_of(st.just("*"), values.map(str), ranges), st.integers(1, high)).map(
        "{0[0]}/{0[1]}".format
    )
    parts = st.one_of(values.map(str), ranges, steps)
    return st.one_of(st.just("*"), st.lists(parts, min_size=1, max_size=most).map(",".join))


MONTH_DAYS = st.one_of(
    field(1, 31), st.just("L"), st.just("LW"), st.integers(1, 31).map("{}W".format), st.just("1,15W,L")
)
WEEKDAYS = st.one_of(
    field(1, 7),
    st.just("L"),
    st.integers(1, 7).map("{}L".format),
    st.tuples(st.integers(1, 7), st.integers(1, 5)).map("{0[0]}#{0[1]}".format),
    st.sampled_from(["MON-FRI", "sun", "Fri#2", "satl", "FRI-MON", "TUE,THU"]),
)
DAYS = st.one_of(MONTH_DAYS.map(lambda d: (d, "?")), WEEKDAYS.map(lambda d: ("?", d)))
YEARS = st.one_of(st.just("*"), field(2000, 2060), st.just("1970-2199/3"))


@st.composite
def aws_crons(draw: st.DrawFn) -> str:
    month_day, weekday = draw(DAYS)
    return f"cron({draw(field(0, 59))} {draw(field(0, 23))} {month_day} {draw(field(1, 12))} {weekday} {draw(YEARS)})"


@st.composite
def unix_crons(draw: st.DrawFn) -> str:
    return " ".join(draw(field(*span)) for span in [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)])


# --- a reference that looks at every minute -------------------------------------------------------------------------


def named(text: str, value: int, low: int, high: int, names: str = "") -> bool:
    """Whether a field of plain values names a value; written from the grammar's prose, one value at a time."""
    for at, name in enumerate(names.split()):
        text = text.upper().replace(name, str(at + low))
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = low if span == "*" else int(first)
        end = int(last) if last else high if span == "*" or step else start
        inside = start <= value <= end if start <= end else value >= start or value <= end
        offset = value - start if value >= start else value - start + high - low + 1
        if inside and offset % int(step or 1) == 0:
            return True
    return False


def days_in(local: datetime) -> int:
    return ((local.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day


def nearest_working_day(local: datetime, day: int) -> int:
    month = [local.replace(day=d) for d in range(1, days_in(local) + 1)]
    working = [d.day for d in month if d.weekday() < 5]
    return min(working, key=lambda d: (abs(d - day), d))


def named_month_day(text: str, local: datetime) -> bool:
    def one(part: str) -> bool:
        match part:
            case "L":
                return local.day == days_in(local)
            case "LW":
                return local.day == nearest_working_day(local, days_in(local))
            case _ if part.endswith("W"):
                wanted = int(part[:-1])
                return wanted <= days_in(local) and local.day == nearest_working_day(local, wanted)
        return named(part, local.day, 1, 31)

    return any(one(part) for part in text.split(","))


def named_weekday(text: str, local: datetime) -> bool:
    weekday = local.isoweekday() % 7 + 1
    text = text.upper()
    for at, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]):
        text = text.replace(name, str(at + 1))
    if text == "L":
        return weekday == 7
    if text.endswith("L"):
        return weekday == int(text[:-1]) and local.day + 7 > days_in(local)
    if "#" in text:
        which, _, count = text.partition("#")
        return weekday == int(which) and (local.day - 1) // 7 + 1 == int(count)
    return named(text, weekday, 1, 7)


def matches(text: str, local: datetime) -> bool:
    """Whether a wall-clock time is named by an expression."""
    fields = text.removeprefix("cron(").removesuffix(")").split()
    minute, hour, month_day, month, weekday = fields[:5]
    if not (named(minute, local.minute, 0, 59) and named(hour, local.hour, 0, 23) and named(month, local.month, 1, 12)):
        return False
    if len(fields) == 6:
        by_day = named_month_day(month_day, local) if weekday == "?" else named_weekday(weekday, local)
        return by_day and named(fields[5], local.year, 1970, 2199)
    by_month = named(month_day, local.day, 1, 31)
    by_week = named(weekday, local.isoweekday() % 7, 0, 7) or (local.isoweekday() == 7 and named(weekday, 7, 0, 7))
    if month_day.startswith("*") or weekday.startswith("*"):
        return by_month and by_week
    return by_month or by_week


def scan(text: str, place: str, start: datetime, end: datetime) -> list[datetime]:
    """Every instant of [start, end) at which the clock on the wall shows a time that is named.

    A time that was jumped over counts at the first minute after the jump; a time shown before does not count again.
    """
    zone, found = ZoneInfo(place), []
    at = start - timedelta(days=2)
    shown = at.astimezone(zone).replace(tzinfo=None)  # the latest time the wall has shown
    while at < start:
        shown = max(shown, at.astimezone(zone).replace(tzinfo=None))
        at += MINUTE
    while at < end:
        local = at.astimezone(zone).replace(tzinfo=None)
        passed = [shown + MINUTE * n for n in range(1, int((local - shown) / MINUTE) + 1)]
        if any(matches(text, time) for time in passed):
            found.append(at)
        shown = max(shown, local)
        at += MINUTE
    return found


# --- laws -----------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.one_of(aws_crons(), unix_crons()), st.sampled_from(PLACES), INSTANTS)
@example("cron(0/10 8-17 ? * MON-FRI *)", "UTC", datetime(2026, 11, 21, tzinfo=UTC))
def test_a_schedule_names_the_minutes_that_a_scan_of_the_wall_clock_finds(text: str, place: str, at: datetime) -> None:
    start = at.replace(second=0, microsecond=0)
    assume(start.astimezone(ZoneInfo(place)).second == 0)
    end = start + timedelta(hours=30)
    assert list(parse_schedule(text, place).between(start, end)) == scan(text, place, start, end)


@pytest.mark.parametrize(("place", "change"), CHANGES)
@settings(max_examples=30)
@given(text=st.one_of(aws_crons(), unix_crons()), minutes=st.integers(-180, 180))
@example(text="* * * * *", minutes=0)
@example(text="30 2 * * *", minutes=0)
@example(text="0 0 * * *", minutes=-90)
def test_a_schedule_agrees_with_the_scan_where_clocks_change(
    place: str, change: datetime, text: str, minutes: int
) -> None:
    start = change + MINUTE * minutes - timedelta(hours=3)
    end = start + timedelta(hours=6)
    assert list(parse_schedule(text, place).between(start, end)) == scan(text, place, start, end)


@given(st.one_of(aws_crons(), unix_crons()), st.sampled_from(PLACES), INSTANTS)
def test_next_and_previous_are_neighbours_on_either_side(text: str, place: str, at: datetime) -> None:
    schedule = parse_schedule(text, place)
    after, before = schedule.next_after(at), schedule.previous(at)
    if after is not None:
        assert after > at
        assert schedule.previous(after) == after
        assert schedule.previous(after - timedelta(microseconds=1)) == before
    if before is not None:
        assert before <= at
        assert schedule.next_after(before) == after
        assert schedule.next_after(before - timedelta(microseconds=1)) == before


@st.composite
def simple_crons(draw: st.DrawFn) -> str:
    """What pyawscron reads rightly: one part a field; no LW, no bare L of the week, no day that a month may lack."""
    month_days = st.one_of(st.integers(1, 28).map(str), st.just("L"), st.integers(1, 28).map("{}W".format))
    weekdays = st.sampled_from(["1", "7", "MON-FRI", "2L", "7L", "2#1", "6#4", "SUN,WED"])
    days = st.one_of(month_days.map("{} {{}} ?".format), weekdays.map("? {{}} {}".format))
    return f"{draw(field(0, 59, 1))} {draw(field(0, 23, 1))} {draw(days).format(draw(field(1, 12, 1)))} *"


@given(simple_crons(), INSTANTS)
def test_next_after_agrees_with_pyawscron_where_that_is_right(text: str, at: datetime) -> None:
    foreign = AWSCron(text).occurrence(at)
    try:
        expected = foreign.next()
    except Exception as gave_up:  # it raises plain Exception when it has hopped ten times
        assume("shouldn't happen" not in str(gave_up))
        raise
    assert parse_schedule(f"cron({text})").next_after(at) == expected


@given(st.integers(1, 400), st.sampled_from(["minute", "hour", "day"]), INSTANTS, INSTANTS)
def test_a_rate_counts_whole_steps_from_its_start(value: int, unit: str, start: datetime, at: datetime) -> None:
    rate = parse_schedule(f"rate({value} {unit if value == 1 else unit + 's'})", start=start)
    assert isinstance(rate, Rate)
    after, before = rate.next_after(at), rate.previous(at)
    assert after > max(at, start)
    assert (after - start) % rate.every == timedelta(0)
    assert after - rate.every <= max(at, start)
    assert before == (after - rate.every if after - rate.every > start else None)
    assert list(islice(rate.between(after, after + rate.every * 3), 4)) == [after + rate.every * n for n in range(3)]


# --- known answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT4H", timedelta(hours=4)),
        ("P2DT12H", timedelta(days=2, hours=12)),
        ("P15D", timedelta(days=15)),
        ("P1W", timedelta(weeks=1)),
        ("-PT2H", timedelta(hours=-2)),
        ("-PT0H", timedelta(0)),
        ("PT1.5S", timedelta(seconds=1.5)),
        ("PT90M", timedelta(minutes=90)),
    ],
)
def test_a_duration_is_read(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "P", "PT", "-P", "4H", "PT4", "P1H", "P1DT", "PT-2H", "P٣D", "P1.5D", "pt4h"])
def test_what_is_no_duration_is_refused_with_the_expected_form(text: str) -> None:
    with pytest.raises(ValueError, match="is not an ISO 8601 duration: expected"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P1M", "P1Y", "P1Y2M3DT4H"])
def test_a_duration_of_months_is_refused_because_months_differ(text: str) -> None:
    with pytest.raises(ValueError, match="no fixed length"):
        parse_duration(text)


def test_a_duration_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than any calendar"):
        parse_duration("P99999999999D")


SATURDAY = datetime(2026, 11, 21, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Amazon EventBridge user guide, "Cron expressions reference", examples.
        ("cron(0 10 * * ? *)", "2026-11-21T10:00"),
        ("cron(15 12 * * ? *)", "2026-11-21T12:15"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-23T18:00"),
        ("cron(0 8 1 * ? *)", "2026-12-01T08:00"),
        ("cron(0/15 * * * ? *)", "2026-11-21T05:15"),
        ("cron(0/10 * ? * MON-FRI *)", "2026-11-23T00:00"),
        ("cron(0/30 20-2 ? * MON-FRI *)", "2026-11-23T00:00"),
        ("cron(0 9 ? * 2#1 *)", "2026-12-07T09:00"),
        ("cron(0 0 L * ? *)", "2026-11-30T00:00"),
        ("cron(0 0 LW * ? *)", "2026-11-30T00:00"),
        ("cron(0 0 LW 1 ? 2027)", "2027-01-29T00:00"),
        ("cron(0 0 3W * ? *)", "2026-12-03T00:00"),
        ("cron(0 0 1W 8 ? 2027)", "2027-08-02T00:00"),  # 1 August 2027 is a Sunday
        ("cron(0 0 31W 10 ? 2027)", "2027-10-29T00:00"),  # 31 October 2027 is a Sunday
        ("cron(0 0 ? * 5L *)", "2026-11-26T00:00"),
        ("cron(0 0 ? * FRIL *)", "2026-11-27T00:00"),
        ("cron(0 0 29 2 ? *)", "2028-02-29T00:00"),
        # SageMaker's monitoring schedules.
        ("cron(0 * ? * * *)", "2026-11-21T06:00"),
        ("cron(0 4 ? * * *)", "2026-11-22T04:00"),
        ("cron(0 3/5 ? * * *)", "2026-11-21T08:00"),
        # CloudWatch mute rules.
        ("0 2 * * SUN", "2026-11-22T02:00"),
        ("cron(0 2 * * SUN)", "2026-11-22T02:00"),
        ("0 1 1 * *", "2026-12-01T01:00"),
        ("0 18 * * FRI", "2026-11-27T18:00"),
        ("0 23 * * *", "2026-11-21T23:00"),
        ("0 0 * * 0", "2026-11-22T00:00"),
        ("0 0 * * 7", "2026-11-22T00:00"),
        ("0 0 * * SAT-SUN", "2026-11-22T00:00"),
        ("0 0 13 * 5", "2026-11-27T00:00"),  # POSIX: the 13th or a Friday
        ("at(2026-12-10T14:00)", "2026-12-10T14:00"),
        ("at(2026-12-10T14:00:30)", "2026-12-10T14:00:30"),
        ("rate(1 hour)", "2026-11-21T06:00"),
        ("rate(7 days)", "2026-11-26T00:00"),
    ],
)
def test_the_next_time_of_published_expressions(text: str, expected: str) -> None:
    assert parse_schedule(text).next_after(SATURDAY) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["cron(0 0 30 2 ? *)", "cron(0 0 * * ? 2020)", "at(2024-05-10T14:00)"])
def test_a_schedule_that_never_comes_again_has_no_next_time(text: str) -> None:
    assert parse_schedule(text).next_after(SATURDAY) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cron(0 10 * * * *)", "exactly one"),
        ("cron(0 10 ? * ? *)", "exactly one"),
        ("cron(60 10 * * ? *)", "minutes: '60'"),
        ("cron(0 24 * * ? *)", "hours: '24'"),
        ("cron(0 0 32 * ? *)", "day of month: '32'"),
        ("cron(0 0 0W * ? *)", "day of month: '0'"),
        ("cron(0 0 * 13 ? *)", "month: '13' is not a value: expected 1-12 or JAN-DEC"),
        ("cron(0 0 ? * 8 *)", "day of week: '8' is not a value: expected 1-7 or SUN-SAT"),
        ("cron(0 0 ? * 2#6 *)", "day of week after #: '6'"),
        ("cron(0 0 * * ? 1969)", "year: '1969'"),
        ("cron(0/0 0 * * ? *)", "no step"),
        ("cron(0/x 0 * * ? *)", "no step"),
        ("cron(, 0 * * ? *)", "minutes: ''"),
        ("0 0 L * *", "day of month: 'L'"),
        ("0 10 * * ? *", "is not a schedule"),
        ("cron(0 10 * *)", "is not a schedule"),
        ("rate(5 minute)", "is not a rate"),
        ("rate(1 minutes)", "is not a rate"),
        ("rate(0 minutes)", "is not a rate"),
        ("rate(5 seconds)", "is not a schedule"),
        ("rate(99999999999 days)", "longer than any calendar"),
        ("at(2026-02-30T00:00)", "does not exist"),
        ("every day", "is not a schedule"),
        ("", "is not a schedule"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_part_that_is_wrong(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why.replace("?", r"\?")):
        parse_schedule(text)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "Europe"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        parse_schedule("0 2 * * *", name)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-03-28", "2026-03-28T01:30"),
        ("2026-03-29", "2026-03-29T01:00"),  # 02:30 does not exist: at the jump from 02:00 to 03:00
        ("2026-10-25", "2026-10-25T00:30"),  # 02:30 comes twice: the first
        ("2026-10-26", "2026-10-26T01:30"),
    ],
)
def test_half_past_two_in_berlin_through_the_year(day: str, expected: str) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    times = list(parse_schedule("30 2 * * *", "Europe/Berlin").between(start, start + timedelta(days=1)))
    assert times == [datetime.fromisoformat(expected).replace(tzinfo=UTC)]


def test_a_single_time_in_the_jump_is_moved_to_it() -> None:
    schedule = parse_schedule("at(2026-03-29T02:30)", "Europe/Berlin")
    assert schedule == At(datetime(2026, 3, 29, 1, tzinfo=UTC))


def test_a_cron_is_a_plain_value() -> None:
    first, again = parse_schedule("0 2 * * SUN", "Europe/Berlin"), parse_schedule("cron(0 2 * * sun)", "Europe/Berlin")
    assert isinstance(first, Cron)
    assert first == again
    assert hash(first) == hash(again)


def test_a_window_holds_its_start_and_not_its_end() -> None:
    window = Window(EPOCH, EPOCH + MINUTE)
    assert (EPOCH in window, EPOCH + MINUTE in window, window.length) == (True, False, MINUTE)
