"""How one run of a window goes, told by the name of its processing job: later revisions do not change the answer."""

from dataclasses import dataclass

from watchpost.errors import Refused
from watchpost.service.monitoring.documents import (
    EXECUTION,
    PROCESSING_JOB,
    ExecutionStatus,
    MonitoringExecution,
)
from watchpost.service.processing.processing import outputs_of
from watchpost.stores.store import Transaction


@dataclass(frozen=True, slots=True)
class RunState:
    """status: of this run. message: its exit message. failure: why it failed. report: where its report lies (a URI).

    There is no report while it runs, when it failed, and once a later revision has replaced it.
    """

    execution: MonitoringExecution
    status: ExecutionStatus
    message: str | None = None
    failure: str | None = None
    report: str | None = None


def run_state(tx: Transaction, key: str, job: str) -> RunState:
    """How a run goes. key: of its execution. Raises: Refused: NotFoundException: there is no such run."""
    execution, made = tx.get(EXECUTION, key), tx.get(PROCESSING_JOB, job)
    if execution is None:
        raise Refused("NotFoundException", f"There is no execution {key}.")
    if execution.job != job:
        # It failed and left what stood before, or a later revision has come.
        if made is None or made.status == "Failed":
            return RunState(execution, "Failed", None, execution.failure if made is None else made.failure)
        return RunState(execution, _outcome(made.status, made.message), made.message)
    report = None
    if made is not None and execution.status in {"Completed", "CompletedWithViolations"}:
        report = next((uri for _, uri in outputs_of(made.members)), None)
    return RunState(execution, execution.status, execution.message, execution.failure, report)


def _outcome(status: ExecutionStatus, message: str | None) -> ExecutionStatus:
    found = status == "Completed" and (message or "").startswith("CompletedWithViolations")
    return "CompletedWithViolations" if found else status
