"""Alarms and monitors as lists show them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchpost.fronts.web.sentences import cause
from watchpost.service.alarms.overview import Standing
from watchpost.service.monitoring.alerts import BAD
from watchpost.service.monitoring.documents import MonitoringExecution, MonitoringSchedule

if TYPE_CHECKING:
    from watchpost.service.server import Server

UNJUDGED = "No verdict yet, for want of data."
"""What is said of a run that found nothing because there was too little to judge by."""

_WORDS = {
    "CompletedWithViolations": "violations",
    "Completed": "no violations",
    "InProgress": "running",
    "Pending": "waiting",
}


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm as a list shows it: `said` is its cause in plain words."""

    standing: Standing
    said: str


@dataclass(frozen=True, slots=True)
class MonitorRow:
    """A monitoring schedule and its last execution, None before the first; `found`: its violations in a sentence."""

    schedule: MonitoringSchedule
    last: MonitoringExecution | None
    found: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether the schedule itself failed, or its last execution failed or found violations."""
        return self.schedule.status == "Failed" or (self.last is not None and self.last.status in BAD)

    @property
    def is_unjudged(self) -> bool:
        """Whether the last execution found nothing because there was too little to judge by."""
        return self.last is not None and self.last.unjudged

    @property
    def said(self) -> str:
        """What is wrong, or what the last execution said."""
        if self.schedule.status == "Failed":
            return self.schedule.failure or "The schedule cannot run."
        if self.last is None:
            return "It has not run yet."
        # The message repeats the status, as the service's own does; and "job completed" is not what matters.
        message = (self.last.message or "").removeprefix(f"{self.last.status}: ")
        message = message.removeprefix("Job completed successfully with ")
        # A later revision that failed leaves standing what an earlier one found: that is the news.
        failure = self.last.failure if self.last.status in {"Failed", "Stopped"} else None
        if self.is_unjudged:
            return UNJUDGED
        return failure or self.found or message[:1].upper() + message[1:] or f"The last run: {self.word}."

    @property
    def word(self) -> str:
        """How the last execution went, in a word or two; empty before the first."""
        return "" if self.last is None else execution_word(self.last)


def alarm_row(standing: Standing) -> AlarmRow:
    """The alarm with its cause."""
    return AlarmRow(standing, cause(standing.alarm, standing.state))


def monitor_rows(server: "Server") -> tuple[MonitorRow, ...]:
    """All schedules by name, those that are wrong first."""
    schedules = server.monitoring.schedules
    rows = [MonitorRow(schedule, schedules.last_execution(schedule.name)) for schedule in schedules.all()]
    return tuple(sorted(rows, key=lambda row: not row.is_bad))


def execution_word(execution: MonitoringExecution) -> str:
    """How an execution went, in a word or two."""
    if execution.unjudged:
        return "no verdict"
    return _WORDS.get(execution.status, execution.status.lower())
