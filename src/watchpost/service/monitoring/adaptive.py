"""Adaptive schedules: shorter windows while something is wrong, longer ones while all is quiet, within bounds.

The windows of such a schedule tile the time: each begins where the one before ended, whatever their lengths. Its
expression only says where the first window lies, and how long it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchpost.errors import Refused
from watchpost.service.monitoring.documents import ExecutionStatus
from watchpost.service.monitoring.job import Job, Times, offset
from watchpost.windows import Window, parse_duration

ADAPTIVE = "watchpost_adaptive"
"""Environment of a job: the shortest and the longest window of its schedules (`PT15M/PT6H`)."""

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_LONGEST = timedelta(days=31)
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Adaptive:
    """How a schedule adapts: `shortest` <= `longest`, in whole minutes.

    times: its timetable. lag: how long after the end of a window its scheduled time is; from the end offset. first: how
    long the first window is where the start offset says so, else None: the period of the timetable.
    """

    shortest: timedelta
    longest: timedelta
    times: Times
    lag: timedelta = timedelta()
    first: timedelta | None = None

    def within(self, length: timedelta) -> timedelta:
        """The length nearest to this one that the bounds allow."""
        return min(max(length, self.shortest), self.longest)


@dataclass(frozen=True, slots=True)
class Covered:
    """How far windows were handed out: where the last one ends, how long it is, and its scheduled time."""

    until: datetime
    length: timedelta
    scheduled: datetime


@dataclass(frozen=True, slots=True)
class NextWindow:
    """A window, when it is scheduled, and why it is as long as it is, in a sentence."""

    window: Window
    scheduled: datetime
    why: str


def adaptive_of(environment: Mapping[str, str], times: Times, job: Job) -> Adaptive | None:
    """How schedules of a job adapt; None: they keep to their timetable.

    Raises: Refused: ValidationException: the setting is none.
    """
    text = environment.get(ADAPTIVE)
    if not text or times.schedule is None:
        return None
    shortest, longest = parse_bounds(text)
    if job.source.endpoint_name is None and (shortest % _HOUR or longest % _HOUR):
        # Batches lie in folders of whole hours and say no time of their own.
        raise Refused("ValidationException", f"{ADAPTIVE} must give whole hours for batch data: {text!r}.")
    start, end = job.source.start_time_offset, job.source.end_time_offset
    began = times.start if times.start is not None else offset(start, "StartTimeOffset") if start else None
    ended = times.end if times.end is not None else offset(end, "EndTimeOffset") if end else timedelta()
    return Adaptive(shortest, longest, times, -ended, None if began is None else ended - began)


def parse_bounds(text: str) -> tuple[timedelta, timedelta]:
    """The shortest and the longest window. Raises: Refused: ValidationException.

    >>> parse_bounds("PT15M/PT6H")
    (datetime.timedelta(seconds=900), datetime.timedelta(seconds=21600))
    """
    first, slash, last = text.partition("/")
    try:
        shortest, longest = parse_duration(first.strip()), parse_duration(last.strip())
    except ValueError:
        shortest = longest = timedelta()
    if not slash or not _MINUTE <= shortest <= longest <= _LONGEST or shortest % _MINUTE or longest % _MINUTE:
        raise Refused(
            "ValidationException",
            f"{ADAPTIVE} is {text!r}, expected the shortest and the longest window like PT15M/PT6H: whole minutes, the "
            "first not above the second, at most 31 days.",
        )
    return shortest, longest


def next_window(
    adaptive: Adaptive, since: datetime, covered: Covered | None, outcome: ExecutionStatus | None
) -> NextWindow | None:
    """The window that follows; None: the timetable has no more times.

    Violations make the next window the shortest one; each quiet window makes the next one twice as long, up to the
    longest. A window that failed or was stopped told nothing: the length stays.

    Args: since: the schedule was made, started or given another timetable then. covered: None before the first window.
    outcome: of the last window; None where it is not known.
    """
    if covered is None or covered.scheduled < since:
        return _first(adaptive, since, None if covered is None else covered.until)
    was = adaptive.within(covered.length)
    match outcome:
        case "CompletedWithViolations":
            length, why = adaptive.shortest, "the window before had violations"
        case "Completed":
            length, why = adaptive.within(2 * was), "the window before was quiet"
        case _:
            length, why = was, "the window before told nothing"
    window = Window(covered.until, covered.until + length)
    change = f"{spelled(length)} as before" if length == covered.length else _changed(covered.length, length)
    return NextWindow(window, window.end + adaptive.lag, f"{change}: {why}")


def _first(adaptive: Adaptive, since: datetime, until: datetime | None) -> NextWindow | None:
    """The first window scheduled after `since`: up to a time of the timetable, and of nothing that was judged before.

    What was under way when a schedule was stopped is joined to it, if the longest window has room for it.
    """
    timetable = adaptive.times.schedule
    assert timetable is not None
    at = timetable.next_after(since)
    while at is not None:
        before = timetable.previous(at - _MOMENT)
        usual = adaptive.within(adaptive.first or (at - before if before is not None else timedelta(days=1)))
        end = at - adaptive.lag
        start = end - usual if until is None or end - until > adaptive.longest else until
        if end - start >= adaptive.shortest:
            return NextWindow(
                Window(start, end), at, f"{spelled(end - start)}: the first window since the schedule began"
            )
        at = timetable.next_after(at)
    return None


def _changed(was: timedelta, length: timedelta) -> str:
    return f"{spelled(length)} instead of {spelled(was)}"


def spelled(length: timedelta) -> str:
    """A length of whole minutes as an ISO 8601 duration.

    >>> spelled(timedelta(minutes=90)), spelled(timedelta(days=1, hours=2)), spelled(timedelta(minutes=15))
    ('PT1H30M', 'PT26H', 'PT15M')
    """
    hours, rest = divmod(length, _HOUR)
    minutes = rest // _MINUTE
    return f"PT{hours}H" * bool(hours) + f"{'' if hours else 'PT'}{minutes}M" * bool(minutes or not hours)
