"""Labels that come late: found where they are put, and the windows they belong to are run again by themselves.

A look lists the hour folders of a ground truth prefix, reads the label files that were not there at the last look, and
finds the windows whose records they name. Each such window is run again once a settling delay has passed, as a new
revision of itself; labels that come meanwhile are part of it. A run that fails is tried again after the same delay, as
often as the queue tries any.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Stop

import structlog

from watchpost.documents import Kind
from watchpost.errors import Refused, ServerError, WatchpostError
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.labels.captured_ids import CapturedIds, Hashes, StoredObject, by_hour, label_ids
from watchpost.service.labels.restating import DEFAULT_RESTATE_AFTER, Restating, restating_of
from watchpost.service.monitoring.documents import (
    EXECUTION,
    PROCESSING_JOB,
    SCHEDULE,
    MonitoringExecution,
    execution_key,
)
from watchpost.service.monitoring.executions_end import LABELLED
from watchpost.service.monitoring.executions_pending import ATTEMPTS, Wanted, enqueue, is_under_way, job_name
from watchpost.service.monitoring.executions_request import Endpoints, captured_below, folders, hours, is_whole
from watchpost.service.monitoring.job import Job
from watchpost.service.monitoring.schedules import resolved
from watchpost.stores.objects.objects import Objects
from watchpost.stores.store import Entry, Store, Transaction
from watchpost.windows import Window

_HOUR = timedelta(hours=1)
# Between the clocks of a remote store and ours; labels that come so shortly before a run may be met twice.
_SKEW = timedelta(seconds=5)
_ROUND = 5.0
_MOST_OFTEN, _LEAST_OFTEN = timedelta(seconds=15), timedelta(minutes=15)
_READABLE = frozenset({"InProgress", "Completed", "CompletedWithViolations", "Failed"})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LabelWatch:
    """A ground truth prefix: when the last look at it began, None before the first, and when the next one is due."""

    looked: datetime | None
    due: datetime


@dataclass(frozen=True, slots=True)
class SeenLabels:
    """The label files of an hour folder that were taken note of: `StoredObject.digest` of each."""

    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restatement:
    """A window that labels came late for. due: when it is run again. found: when the last of them were found.

    labels: how many of its records they name, files: in how many label files; both since the window was put to work.
    tries: how often it was put to work for them.
    """

    schedule: str
    due: datetime
    found: datetime
    labels: int
    files: int
    tries: int = 0


WATCH = Kind("label-watch", LabelWatch)
SEEN = Kind("labels-seen", SeenLabels)
RESTATEMENT = Kind("monitoring-restatement", Restatement)


@dataclass(frozen=True, slots=True)
class _Watched:
    """A schedule whose windows late labels restate."""

    name: str
    arn: str
    job: Job
    truth: str
    restating: Restating


@dataclass(frozen=True, slots=True)
class _Late:
    """Label files that are new since the last look, by their hour; `looked`: when that was."""

    fresh: Mapping[datetime, Sequence[StoredObject]]
    looked: datetime | None
    now: datetime


class LateLabels:
    """Looks for late labels, and runs again what they belong to.

    Args: folder: where captured ids are remembered. endpoints: where captured records lie.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        configuration: Configuration,
        objects: Objects,
        endpoints: Endpoints,
        folder: Path,
    ) -> None:
        self._store, self._clock, self._configuration = store, clock, configuration
        self._objects, self._endpoints = objects, endpoints
        self._ids = CapturedIds(objects, folder)

    def run(self, stop: Stop) -> None:
        """Look and run again until `stop` is set."""
        while not stop.is_set():
            self.tick(self._clock.now())
            self._clock.wait(stop, _ROUND)

    def tick(self, now: datetime) -> int:
        """Look where a look is due, and hand out what is to be run again; how many windows."""
        watched = self._store.read(self._watched)
        for truth in sorted({each.truth for each in watched}):
            self._look(truth, [each for each in watched if each.truth == truth], now)
        return self._restate(now, {each.name: each.restating.after for each in watched})

    def waiting(self) -> dict[str, Restatement]:
        """The windows that are to be run again, by the keys of their executions."""
        return self._store.read(
            lambda tx: {key: each for key, each in tx.scan(RESTATEMENT) if not each.tries or _has_failed(tx, key, each)}
        )

    def _watched(self, tx: Transaction) -> list[_Watched]:
        found = []
        for _, schedule in tx.scan(SCHEDULE):
            if schedule.monitor not in LABELLED or schedule.status != "Scheduled":
                continue
            try:
                _, _, job = resolved(tx, schedule.config, self._configuration)
                restating = restating_of(job.environment)
            except Refused:
                continue  # its executions fail and say so
            if job.ground_truth is not None and restating is not None:
                found.append(_Watched(schedule.name, schedule.arn, job, job.ground_truth.rstrip("/"), restating))
        return found

    def _look(self, truth: str, watched: Sequence[_Watched], now: datetime) -> None:
        """Look at one prefix if that is due, and note which windows its new labels belong to."""
        between = min(max(min(each.restating.after for each in watched) / 4, _MOST_OFTEN), _LEAST_OFTEN)
        watch = self._store.read(lambda tx: tx.get(WATCH, truth))
        if watch is not None and watch.due > now:
            return
        claimed = self._store.write(lambda tx: _claimed(tx, truth, now, between))
        if claimed is None:
            return  # another server looks
        since = _hour(now - max(each.restating.within for each in watched))
        try:
            there = by_hour(self._objects, truth, since)
            seen = dict(self._store.read(lambda tx: tx.scan(SEEN, prefix=f"{truth}|")))
            fresh = {hour: new for hour, files in there.items() if (new := _unseen(files, seen.get(_key(truth, hour))))}
            late = _Late(fresh, claimed.looked, now)
            affected = self._affected(watched, late) if fresh else {}
        except (WatchpostError, OSError) as problem:
            if isinstance(problem, ServerError):
                raise
            # What cannot be read now is looked at again: nothing of it is noted as seen.
            _log.warning("labels.unreadable", prefix=truth, why=str(problem))
            return
        if fresh:
            self._ids.tidy(since - _HOUR)
        self._store.write(lambda tx: _note(tx, truth, there, seen, affected, watched, late))

    def _affected(self, watched: Sequence[_Watched], late: _Late) -> dict[tuple[str, str], tuple[int, int]]:
        """(schedule, key of the execution) of windows with late labels: how many records, in how many files."""
        ids = _Ids(self._objects)
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for each in watched:
            oldest = late.now - each.restating.within
            executions = self._store.read(
                lambda tx, name=each.name, since=oldest: [  # type: ignore[misc]  # mypy does not infer defaults
                    one for _, one in tx.scan(EXECUTION, f"{name}|", execution_key(name, since))
                ]
            )
            meant = [one for one in executions if one.status in _READABLE and one.start is not None and not one.asked]
            if not meant:
                continue
            captured = self._captured(each, min(_hour(one.start) for one in meant if one.start is not None))
            for one in meant:
                files = [file for new in late.fresh.values() for file in new if _is_late(file, one, late)]
                count = self._met(each, one, files, ids, captured)
                if count:
                    found[each.name, one.key] = (count, len(files))
        return found

    def _captured(self, watched: _Watched, since: datetime) -> dict[datetime, list[StoredObject]]:
        """The capture files of an endpoint's hours, all variants; nothing for batches."""
        endpoint = watched.job.source.endpoint_name
        found: dict[datetime, list[StoredObject]] = {}
        if endpoint is not None:
            base = captured_below(watched.job, endpoint, self._endpoints)
            for variant in folders(self._objects, base):
                for hour, files in by_hour(self._objects, f"{base}/{variant}", since).items():
                    found.setdefault(hour, []).extend(files)
        return found

    def _met(
        self,
        watched: _Watched,
        execution: MonitoringExecution,
        files: Sequence[StoredObject],
        ids: "_Ids",
        captured: Mapping[datetime, Sequence[StoredObject]],
    ) -> int:
        """How many of a window's records the labels of these files name."""
        assert execution.start is not None
        assert execution.end is not None
        if not files:
            return 0
        import numpy as np  # noqa: PLC0415  loaded when there is a label to look for

        window = Window(execution.start, execution.end)
        if watched.job.source.endpoint_name is None:
            # Batches carry no ids of ours: their labels belong to the hour whose folder they lie in.
            return sum(len(ids.of(file)) for file in files if file.hour in window)
        labels = np.unique(np.concatenate([ids.of(file) for file in files]))
        inside = None if is_whole(window) else window
        return sum(self._ids.labelled(captured.get(hour, ()), labels, inside) for hour in hours(window))

    def _restate(self, now: datetime, after: Mapping[str, timedelta]) -> int:
        """Run again what is due. after: until it is tried once more if that fails, by schedule."""
        ready = self._store.read(
            lambda tx: [key for key, each in tx.scan(RESTATEMENT) if _is_ready(tx, key, each, now)]
        )
        return self._store.write(lambda tx: sum(_again(tx, key, now, after) for key in ready)) if ready else 0


class _Ids:
    """The ids of label files, each file read once, and only if a run may have missed it."""

    def __init__(self, objects: Objects) -> None:
        self._objects, self._known = objects, dict[str, Hashes]()

    def of(self, file: StoredObject) -> Hashes:
        """See `label_ids`. Raises: Refused, OSError."""
        if file.uri not in self._known:
            self._known[file.uri] = label_ids(self._objects, [file])
        return self._known[file.uri]


def _claimed(tx: Transaction, truth: str, now: datetime, between: timedelta) -> LabelWatch | None:
    """The watch of a prefix that this server looks at now; None: another one does, or it is not due."""
    watch = tx.get(WATCH, truth)
    if watch is not None and watch.due > now:
        return None
    claimed = LabelWatch(watch.looked if watch is not None else None, now + between)
    tx.put(WATCH, truth, claimed)
    return claimed


def _note(
    tx: Transaction,
    truth: str,
    there: Mapping[datetime, Sequence[StoredObject]],
    seen: Mapping[str, SeenLabels],
    affected: Mapping[tuple[str, str], tuple[int, int]],
    watched: Iterable[_Watched],
    late: _Late,
) -> None:
    """Note what was seen, and which windows are to be run again."""
    watch = tx.get(WATCH, truth)
    if watch is not None:
        tx.put(WATCH, truth, replace(watch, looked=late.now))
    keys = {_key(truth, hour): hour for hour in there}
    for key in seen.keys() - keys.keys():
        tx.delete(SEEN, key)
    for hour in late.fresh:
        tx.put(SEEN, _key(truth, hour), SeenLabels(tuple(sorted(file.digest() for file in there[hour]))))
    by_name = {each.name: each for each in watched}
    for (name, key), (labels, files) in affected.items():
        known, of = tx.get(RESTATEMENT, key), by_name[name]
        if known is None or known.tries:
            made = Restatement(name, late.now + of.restating.after, late.now, labels, files)
            data: dict[str, object] = {"execution": key, "labels": labels, "files": files, "due": made.due}
            tx.record(Entry(late.now, "monitoring-restatement.due", of.arn, "server", data))
        else:
            made = replace(known, found=late.now, labels=known.labels + labels, files=known.files + files)
        tx.put(RESTATEMENT, key, made)


def _is_ready(tx: Transaction, key: str, restatement: Restatement, now: datetime) -> bool:
    """Whether a window's time has come and it can be run, or what it belongs to is gone."""
    if restatement.due > now:
        return False
    schedule, execution = tx.get(SCHEDULE, restatement.schedule), tx.get(EXECUTION, key)
    if schedule is None or execution is None:
        return True
    return schedule.status == "Scheduled" and not is_under_way(execution)


def _again(tx: Transaction, key: str, now: datetime, after: Mapping[str, timedelta]) -> int:
    """Put a window to work once more if its time has come; whether it was."""
    restatement = tx.get(RESTATEMENT, key)
    if restatement is None or not _is_ready(tx, key, restatement, now):
        return 0  # another server was faster
    tx.delete(RESTATEMENT, key)
    schedule, execution = tx.get(SCHEDULE, restatement.schedule), tx.get(EXECUTION, key)
    if schedule is None or execution is None:
        return 0
    if restatement.tries:
        if not _has_failed(tx, key, restatement):
            return 0
        if restatement.tries >= ATTEMPTS:
            data: dict[str, object] = {"execution": key, "tries": restatement.tries, "why": execution.failure}
            tx.record(Entry(now, "monitoring-restatement.given-up", schedule.arn, "server", data))
            return 0
    elif execution.begun is not None and execution.begun > restatement.found:
        return 0  # somebody ran it again meanwhile, with these labels
    # Kept until it is known how the run ended.
    due = now + after.get(schedule.name, DEFAULT_RESTATE_AFTER)
    tx.put(RESTATEMENT, key, replace(restatement, due=due, tries=restatement.tries + 1))
    named = "1 record" if restatement.labels == 1 else f"{restatement.labels} records"
    enqueue(tx, schedule, Wanted(execution.scheduled, why=f"labels of {named} came late"), now, "server", execution)
    return 1


def _has_failed(tx: Transaction, key: str, restatement: Restatement) -> bool:
    """Whether the last run of a window has ended and told nothing, unless that is what somebody wanted."""
    schedule, execution = tx.get(SCHEDULE, restatement.schedule), tx.get(EXECUTION, key)
    if schedule is None or execution is None or is_under_way(execution):
        return False
    if execution.status != "Failed" and execution.revision == execution.latest:
        return False
    job = tx.get(PROCESSING_JOB, job_name(schedule, Wanted(execution.scheduled), execution.latest))
    return job is None or job.status != "Stopped"


def _is_late(file: StoredObject, execution: MonitoringExecution, late: _Late) -> bool:
    """Whether a run would read a label file that it cannot have read when it last began."""
    if execution.start is None or file.hour < _hour(execution.start):
        return False
    begun = execution.begun or execution.modified
    # A file may be put with an older time than that of its coming; then the last look tells that it was not there.
    return file.info.modified > begun - _SKEW or (late.looked is not None and begun < late.looked)


def _unseen(files: Iterable[StoredObject], seen: SeenLabels | None) -> list[StoredObject]:
    known = set(seen.digests) if seen is not None else set()
    return [file for file in files if file.digest() not in known]


def _key(truth: str, hour: datetime) -> str:
    return f"{truth}|{hour:%Y-%m-%dT%H}"


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
