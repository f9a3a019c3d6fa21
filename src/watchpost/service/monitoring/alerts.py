"""Alerts of schedules (contract 9.4): bad when enough of the last executions were."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from watchpost.errors import Refused
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.monitoring.documents import (
    ALERT,
    ALERT_CHANGE,
    SCHEDULE,
    AlertChange,
    MonitoringAlert,
    MonitoringExecution,
    arn,
    not_found,
)
from watchpost.stores.store import Entry, Store, Transaction

DEFAULT_ALERT = "monitoring-alert"
"""The name of the alert that every schedule has."""

BAD: frozenset[str] = frozenset({"CompletedWithViolations", "Failed"})
"""Statuses of executions that count towards an alert."""


_KEPT = 100  # the longest evaluation period


class MonitoringAlerts:
    """The alerts of all schedules, each of which has one."""

    def __init__(self, store: Store, clock: Clock, configuration: Configuration) -> None:
        self._store, self._clock, self._configuration = store, clock, configuration

    def begin(self, tx: Transaction, schedule: str, now: datetime) -> None:
        """Give a new schedule its alert."""
        tx.put(ALERT, _key(schedule, DEFAULT_ALERT), MonitoringAlert(schedule, DEFAULT_ALERT, "OK", now, now))

    def end(self, tx: Transaction, schedule: str) -> None:
        """Remove the alerts of a schedule; their history stays."""
        for key, _ in tx.scan(ALERT, prefix=_key(schedule, "")):
            tx.delete(ALERT, key)

    def of(self, schedule: str) -> list[MonitoringAlert]:
        """The alerts of a schedule, by name. Raises: Refused: ResourceNotFound."""

        def work(tx: Transaction) -> list[MonitoringAlert]:
            if tx.get(SCHEDULE, schedule) is None:
                raise not_found(arn(self._configuration, "monitoring-schedule", schedule), "Monitoring schedule")
            return [alert for _, alert in tx.scan(ALERT, prefix=_key(schedule, ""))]

        return self._store.read(work)

    def update(self, schedule: str, name: str, datapoints: int, period: int, actor: str) -> str:
        """Change how many of how many executions must be bad; the schedule's ARN.

        Raises: Refused: ResourceNotFound; ValidationException: more datapoints than the period has.
        """
        if datapoints > period:
            raise Refused("ValidationException", "DatapointsToAlert must not be greater than EvaluationPeriod.")
        now = self._clock.now()

        def work(tx: Transaction) -> str:
            of = tx.get(SCHEDULE, schedule)
            alert = tx.get(ALERT, _key(schedule, name))
            if of is None or alert is None:
                raise not_found(f"{name} of schedule {schedule}", "Monitoring alert")
            changed = replace(alert, datapoints=datapoints, period=period, modified=now)
            data: dict[str, object] = {"alert": name, "datapoints": datapoints, "period": period}
            tx.record(Entry(now, "monitoring-alert.update", of.arn, actor, data))
            self._judge(tx, changed, now)
            return of.arn

        return self._store.write(work)

    def history(self, schedule: str | None = None, name: str | None = None) -> list[AlertChange]:
        """Changes of alerts, oldest first: of one schedule, of one name."""
        prefix = "" if schedule is None else f"{schedule}|"
        found = self._store.read(lambda tx: tx.scan(ALERT_CHANGE, prefix=prefix))
        return [change for _, change in found if name is None or change.name == name]

    def heard(self, tx: Transaction, execution: MonitoringExecution, now: datetime) -> None:
        """Take in how an execution ended, or ended this time, and judge the alerts of its schedule anew."""
        for _, alert in tx.scan(ALERT, prefix=_key(execution.schedule, "")):
            recent = dict(alert.recent) | {execution.scheduled: execution.status in BAD}
            self._judge(tx, replace(alert, recent=tuple(sorted(recent.items())[-_KEPT:])), now)

    def _judge(self, tx: Transaction, alert: MonitoringAlert, now: datetime) -> None:
        bad = sum(was_bad for _, was_bad in alert.recent[-alert.period :])
        status: Literal["OK", "InAlert"] = "InAlert" if bad >= alert.datapoints else "OK"
        tx.put(ALERT, _key(alert.schedule, alert.name), replace(alert, status=status))
        if status == alert.status:
            return
        stamp = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"
        change = AlertChange(alert.schedule, alert.name, now, status)
        tx.put(ALERT_CHANGE, f"{alert.schedule}|{stamp}|{alert.name}", change)
        data: dict[str, object] = {"alert": alert.name, "status": status, "bad": bad, "of": alert.period}
        subject = arn(self._configuration, "monitoring-schedule", alert.schedule)
        tx.record(Entry(now, "monitoring-alert.change", subject, "server", data))


def _key(schedule: str, name: str) -> str:
    return f"{schedule}|{name}"
