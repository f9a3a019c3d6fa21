"""How an execution ends: its status, its figures in the metric store, and what stands where a later revision failed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from watchpost.metrics.identity import Datum
from watchpost.service.monitoring.alerts import MonitoringAlerts
from watchpost.service.monitoring.documents import (
    FIGURES,
    ExecutionStatus,
    Figures,
    Members,
    MonitoringExecution,
)
from watchpost.service.monitoring.news import MonitoringNews
from watchpost.service.monitoring.runs_listed import put_execution
from watchpost.service.processing.execution import Finished
from watchpost.stores.store import Entry, Transaction

LABELLED = frozenset({"ModelQuality", "ModelBias"})
"""Monitors whose figures change when labels come late."""

_SUMMARY = frozenset({"data_quality_score", "drift_score", "missing_value_rate", "total_number_of_violations"})
_OWN_DIMENSIONS = frozenset({"Endpoint", "MonitoringSchedule"})


class MetricSink(Protocol):
    """Where metrics go."""

    def put_within(self, tx: Transaction, data: Sequence[Datum]) -> None:
        """Take in data as part of a transaction of the caller's."""

    def replace_within(self, tx: Transaction, data: Sequence[Datum], gone: Sequence[Datum] = ()) -> None:
        """Take in data instead of what their series had at their times; what `gone` names is removed."""


class Conclusions:
    """Writes how executions end, in the transactions that take their tasks off the queue."""

    def __init__(self, metrics: MetricSink, news: MonitoringNews, alerts: MonitoringAlerts) -> None:
        self._metrics, self._news, self._alerts = metrics, news, alerts

    def conclude(
        self, tx: Transaction, execution: MonitoringExecution, finished: Finished, subject: str, now: datetime
    ) -> None:
        """Note how a run of a window ended. subject: the schedule's ARN."""
        status: ExecutionStatus = finished.status
        if finished.message.startswith("CompletedWithViolations"):
            status = "CompletedWithViolations"
        data: dict[str, object] = {
            "scheduled": execution.scheduled,
            "status": status,
            "message": finished.message,
            "baseline": dict(finished.baseline),
        }
        standing = execution.standing
        if standing is not None and finished.status != "Completed":
            # The run told nothing of the window: what was known of it still holds.
            stood = replace(
                execution,
                status=standing.status,
                modified=now,
                job=standing.job,
                message=standing.message,
                failure=finished.failure or finished.message,
                baseline=standing.baseline,
                revision=standing.revision,
                # What the failed run read was judged by nobody: labels that came before it are still late.
                begun=standing.begun,
                unjudged=standing.unjudged,
            )
            put_execution(tx, stood)
            data |= {"revision": execution.revision, "stands": standing.revision}
            tx.record(Entry(now, "monitoring-execution.end", subject, "server", data))
            return
        ended = replace(
            execution,
            status=status,
            modified=now,
            message=finished.message or None,
            failure=finished.failure,
            baseline=dict(finished.baseline),
            unjudged=finished.unjudged and status == "Completed",
        )
        tx.record(Entry(now, "monitoring-execution.end", subject, "server", data | _revision(execution)))
        if finished.status == "Completed":
            ended = self._publish(tx, ended, finished.metrics, subject, now)
        put_execution(tx, ended)
        if not execution.asked:
            self._alerts.heard(tx, ended, now)

    def _publish(
        self, tx: Transaction, ended: MonitoringExecution, data: tuple[Datum, ...], subject: str, now: datetime
    ) -> MonitoringExecution:
        """Put the figures of a window into the metric store; those of a later revision replace the earlier ones."""
        old = tx.get(FIGURES, ended.key)
        whole = ended.monitor in LABELLED
        kept = tuple(datum for datum in data if whole or datum.metric.name in _SUMMARY)
        if ended.asked:
            pass  # a window that is none of the schedule's would mix with the schedule's own datapoints
        elif ended.published:
            new = {_place(datum) for datum in data}
            self._metrics.replace_within(tx, data, [d for d in (old.data if old else ()) if _place(d) not in new])
        elif data:
            self._metrics.put_within(tx, data)
        if kept or old is not None:
            tx.put(FIGURES, ended.key, Figures(ended.revision, kept))
        if ended.standing is not None:
            self._tell(tx, ended, old.data if old else (), kept, subject, now)
        return replace(ended, published=ended.published or (bool(data) and not ended.asked))

    def _tell(
        self,
        tx: Transaction,
        ended: MonitoringExecution,
        old: Sequence[Datum],
        new: Sequence[Datum],
        subject: str,
        now: datetime,
    ) -> None:
        """Tell what a window's figures were and are."""
        assert ended.standing is not None
        was, are = _by_name(old), _by_name(new)
        figures = {name: {"was": was.get(name), "is": are.get(name)} for name in sorted(was.keys() | are.keys())}
        before = ended.standing
        data: dict[str, object] = {
            "scheduled": ended.scheduled,
            "window": [ended.start, ended.end],
            "revision": ended.revision,
            "before": before.revision,
            "status": {"was": before.status, "is": ended.status},
            "figures": figures,
        }
        tx.record(Entry(now, "monitoring-execution.restated", subject, "server", data))
        detail: Members = {
            "MonitoringScheduleName": ended.schedule,
            "ScheduledTime": ended.scheduled,
            "WindowStart": ended.start,
            "WindowEnd": ended.end,
            "EndpointName": ended.endpoint,
            "MonitoringType": ended.monitor,
            "Revision": ended.revision,
            "ProcessingJobName": ended.job,
            "MonitoringExecutionStatus": ended.status,
            "Before": {
                "Revision": before.revision,
                "ProcessingJobName": before.job,
                "MonitoringExecutionStatus": before.status,
            },
            "Figures": {name: {"Was": each["was"], "Is": each["is"]} for name, each in figures.items()},
        }
        self._news.restated(tx, detail, subject, now)


def _revision(execution: MonitoringExecution) -> dict[str, object]:
    return {"revision": execution.revision} if execution.revision > 1 else {}


def _place(datum: Datum) -> tuple[object, float]:
    return (datum.metric, datum.unit), datum.timestamp


def _by_name(data: Sequence[Datum]) -> Mapping[str, float]:
    """Single figures by name; `name{Facet=age}` where it has dimensions beside those of every figure."""
    found: dict[str, float] = {}
    for datum in data:
        if len(datum.values) == 1:
            own = ",".join(f"{name}={value}" for name, value in datum.metric.dimensions if name not in _OWN_DIMENSIONS)
            found[f"{datum.metric.name}{{{own}}}" if own else datum.metric.name] = datum.values[0]
    return found
