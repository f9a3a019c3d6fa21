"""Monitoring: job definitions, schedules, executions, processing jobs and alerts, as one value."""

from collections.abc import Callable
from datetime import datetime
from threading import Event as Stop

from watchpost.service.baselines.baselines import LINEAGE, Lineage
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.labels.late_labels import LateLabels
from watchpost.service.monitoring.alerts import MonitoringAlerts
from watchpost.service.monitoring.documents import BASELINE, BaselineVersion, MonitoringExecution
from watchpost.service.monitoring.executions import Executions, Flush
from watchpost.service.monitoring.executions_end import MetricSink
from watchpost.service.monitoring.executions_request import Endpoints
from watchpost.service.monitoring.jobs import JobDefinitions
from watchpost.service.monitoring.news import MonitoringNews, PublishesEvents
from watchpost.service.monitoring.run_now import RunNow
from watchpost.service.monitoring.run_state import RunState, run_state
from watchpost.service.monitoring.schedules import MonitoringSchedules
from watchpost.service.monitoring.schedules_due import DueWindows
from watchpost.service.processing.execution import Execute, Execution, ModelPlan, PutLog
from watchpost.service.processing.inputs import clear
from watchpost.service.processing.processing import ProcessingJobs
from watchpost.service.processing.runs import Runs
from watchpost.service.worker import Interrupted, Performer
from watchpost.stores.objects.objects import Objects
from watchpost.stores.store import Store
from watchpost.windows import Window


def no_model(_model: str | None, _endpoint: str | None) -> None:
    """Where no model can be asked."""
    return


def nothing_to_flush(_endpoint: str) -> None:
    """Where all that was captured is in files."""


class Monitoring:
    """Monitoring as one value.

    Members: `definitions`, `schedules`, `due` and `late_labels` (the loops), `executions`, `processing` (jobs),
    `alerts`.
    Queue: "processing", whose interrupted tasks are begun again.

    Args: endpoints: where captured records lie. put_log: `Logs.put`. model_plan: how a model is reached, by its name
    and the endpoint's. execute: what runs a job instead of a process of its own. flush: writes what was captured of an
    endpoint and is still in memory. at_once: how many jobs run at a time; None is the number of processors.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        objects: Objects,
        endpoints: Endpoints,
        metrics: MetricSink,
        events: PublishesEvents,
        put_log: PutLog,
        configuration: Configuration,
        new_id: Callable[[], str],
        *,
        model_plan: ModelPlan = no_model,
        execute: Execute | None = None,
        flush: Flush = nothing_to_flush,
        at_once: int | None = None,
    ) -> None:
        self._store, self._clock, self._home = store, clock, configuration.home
        news = MonitoringNews(events, configuration, new_id)
        self.alerts = MonitoringAlerts(store, clock, configuration)
        self.definitions = JobDefinitions(store, clock, configuration)
        self.schedules = MonitoringSchedules(store, clock, configuration, news, self.alerts)
        self.due = DueWindows(store, clock, configuration, news)
        self._run_now = RunNow(store, clock, configuration)
        self.late_labels = LateLabels(
            store, clock, configuration, objects, endpoints, configuration.home / "captured-ids"
        )
        self.processing = ProcessingJobs(store, clock, configuration, news)
        self._runs = Runs()
        self.executions = Executions(
            store,
            clock,
            configuration,
            objects,
            endpoints,
            news,
            self.alerts,
            metrics,
            execute or Execution(objects, self._runs, put_log, clock, configuration.home, model_plan),
            flush,
            at_once,
        )

    def performers(self) -> dict[str, Performer]:
        """What does the tasks of the queue, for the worker."""
        return self.executions.performers()

    def interrupted(self) -> dict[str, Interrupted]:
        """Whom interrupted tasks were for: nobody has to be told, they are begun again."""
        return {}

    @property
    def repeatable(self) -> frozenset[str]:
        """The queues whose interrupted tasks are begun again."""
        return self.executions.repeatable

    def baselines(self, uri: str) -> list[BaselineVersion]:
        """The versions of the baseline at a prefix, first to last."""
        found = self._store.read(lambda tx: tx.scan(BASELINE, prefix=f"{uri.rstrip('/')}|"))
        return [version for _, version in found]

    def lineage(self, execution: MonitoringExecution) -> Lineage | None:
        """By which baseline version an execution was judged, and which model versions served; None: it did not end."""
        return self._store.read(lambda tx: tx.get(LINEAGE, execution.key))

    def run_window(self, schedule: str, window: Window | None, actor: str) -> MonitoringExecution:
        """Run a window at once, or run it again; None: the last one. Raises: Refused; see `RunNow.window`."""
        return self._run_now.window(schedule, window, actor)

    def run_state(self, key: str, job: str) -> RunState:
        """How a run goes that was asked for. Raises: Refused: NotFoundException; see `run_state`."""
        return self._store.read(lambda tx: run_state(tx, key, job))

    def tick(self, now: datetime) -> int:
        """Hand out the windows that are due; how many."""
        return self.due.tick(now)

    def run(self, stop: Stop) -> None:
        """Hand out windows as they fall due, until `stop` is set; then runs under way are cut, to be begun again."""
        try:
            self.due.run(stop)
        finally:
            if stop.is_set():
                self._runs.close()

    def tidy(self) -> None:
        """Remove what runs of an earlier life left in the home folder."""
        clear(self._home / "executions")
