"""Windows run when somebody asks for them: those of the timetable, those that were run, and any other."""

from datetime import datetime, timedelta

from watchpost.errors import Refused
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.monitoring.adaptive import adaptive_of
from watchpost.service.monitoring.documents import (
    CURSOR,
    EXECUTION,
    MonitoringExecution,
    MonitoringSchedule,
    execution_key,
)
from watchpost.service.monitoring.executions_pending import Wanted, enqueue, is_under_way
from watchpost.service.monitoring.job import Job, offset, times_of
from watchpost.service.monitoring.schedules import resolved, the_schedule
from watchpost.stores.store import Store, Transaction
from watchpost.windows import Window

_ASKED = "somebody asked for it"
_MOMENT = timedelta(microseconds=1)


class RunNow:
    """Puts windows to work at once. A window that was run before gets another revision."""

    def __init__(self, store: Store, clock: Clock, configuration: Configuration) -> None:
        self._store, self._clock, self._configuration = store, clock, configuration

    def window(self, name: str, window: Window | None, actor: str) -> MonitoringExecution:
        """Run a window, or run it again. None: the last one of the schedule that is over.

        A window that is none of the schedule's has a report of its own, and neither metrics nor a say in the alert.
        Raises: Refused: ResourceNotFound; ValidationException: it is under way, it is not over, there is none.
        """
        now = self._clock.now()
        if window is not None and not window.start < window.end <= now:
            raise Refused("ValidationException", "A window begins before it ends, and ends before it is run.")

        def work(tx: Transaction) -> MonitoringExecution:
            schedule = the_schedule(tx, name, self._configuration)
            _, _, job = resolved(tx, schedule.config, self._configuration)
            wanted = _last(tx, schedule, job, now) if window is None else _meant(tx, schedule, job, window)
            return _enqueue(tx, schedule, wanted, now, actor)

        return self._store.write(work)


def _enqueue(
    tx: Transaction, schedule: MonitoringSchedule, wanted: Wanted, now: datetime, actor: str
) -> MonitoringExecution:
    before = tx.get(EXECUTION, wanted.key(schedule.name))
    if is_under_way(before):
        at = f"{wanted.scheduled:%FT%TZ}"
        raise Refused("ValidationException", f"The execution of {schedule.name} for {at} is under way.")
    return enqueue(tx, schedule, wanted, now, actor, before)


def _last(tx: Transaction, schedule: MonitoringSchedule, job: Job, now: datetime) -> Wanted:
    """The last window of a schedule that is over."""
    times = times_of(schedule.config, schedule.name)
    at: datetime | None
    if adaptive_of(job.environment, times, job) is not None:
        cursor = tx.get(CURSOR, schedule.name)
        at = cursor.last if cursor is not None else None
    elif times.schedule is None:
        at = schedule.since + _MOMENT
    else:
        at = times.schedule.previous(now)
    if at is None:
        raise Refused("ValidationException", f"No window of {schedule.name} is over yet; say which one to run.")
    return Wanted(at, why=_ASKED)


def _meant(tx: Transaction, schedule: MonitoringSchedule, job: Job, window: Window) -> Wanted:
    """The schedule's window of that start and end, if it is one of its own; else a window that was asked for."""
    times = times_of(schedule.config, schedule.name)
    timetable, end = times.schedule, times.end
    if end is None and job.source.end_time_offset is not None:
        end = offset(job.source.end_time_offset, "EndTimeOffset")
    at = window.end - (end or timedelta())
    before = tx.get(EXECUTION, execution_key(schedule.name, at))
    known = before.window or (before.start, before.end) if before is not None else (None, None)
    if known == (window.start, window.end):
        return Wanted(at, why=_ASKED)
    # Until an execution begins, the timetable alone says what its window is.
    regular = timetable is not None and adaptive_of(job.environment, times, job) is None
    due = timetable is not None and timetable.previous(at) == at
    if known[0] is None and regular and due and times.window(at, job.source) == window:
        return Wanted(at, why=_ASKED)
    return Wanted(window.end, window, asked=True, why=_ASKED)
