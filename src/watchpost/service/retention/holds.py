"""What monitoring still needs: hours of records that a window is to read, and files that runs are judged by."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watchpost.data.manifests import is_manifest, parse_manifest
from watchpost.errors import InputError, Refused
from watchpost.service.configuration import Configuration
from watchpost.service.endpoints.documents import ENDPOINT
from watchpost.service.endpoints.serving import serving_history
from watchpost.service.labels.restating import restating_of
from watchpost.service.monitoring.adaptive import adaptive_of
from watchpost.service.monitoring.documents import (
    CURSOR,
    EXECUTION,
    SCHEDULE,
    Cursor,
    MonitoringSchedule,
    execution_key,
)
from watchpost.service.monitoring.executions_pending import QUEUE, WORK
from watchpost.service.monitoring.executions_request import CAPTURE_PREFIX
from watchpost.service.monitoring.job import Job, Source, Times, times_of
from watchpost.service.monitoring.schedules import resolved
from watchpost.service.registry.documents import MODEL_PACKAGE
from watchpost.stores.objects.objects import Objects, bucket_and_key
from watchpost.stores.sql import queued
from watchpost.stores.store import Transaction

_HOUR = re.compile(r"(?:^|/)(\d{4})/(\d\d)/(\d\d)/(\d\d)/")
_MOMENT = timedelta(microseconds=1)
_BESIDE = frozenset(
    (
        "statistics.json",
        "constraints.json",
        "analysis.json",
        "analysis_config.json",
        "bias_counts.json",
        "model_metadata.json",
        "attribution_data.jsonl",
    )
)


@dataclass(frozen=True, slots=True)
class HeldHours:
    """Below `prefix` of a bucket, whatever lies in the folder of an hour that is `since` or later is needed."""

    bucket: str
    prefix: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Holds:
    """What must not be deleted. objects: (bucket, key); what lies below such a key is meant too."""

    hours: tuple[HeldHours, ...] = ()
    objects: frozenset[tuple[str, str]] = frozenset()

    def holds(self, bucket: str, key: str) -> bool:
        """Whether an object is needed."""
        parts = key.split("/")
        if any((bucket, "/".join(parts[:length])) in self.objects for length in range(1, len(parts) + 1)):
            return True
        at = hour_of(key)
        if at is None:
            return False
        return any(held.bucket == bucket and at >= held.since and key.startswith(held.prefix) for held in self.hours)


def hour_of(key: str) -> datetime | None:
    """The hour whose folder (`yyyy/mm/dd/hh/`) an object lies in; None: in none.

    >>> hour_of("capture/homes/AllTraffic/2026/07/01/13/a.jsonl").isoformat()
    '2026-07-01T13:00:00+00:00'
    """
    found = _HOUR.search(key)
    try:
        return None if found is None else datetime(*(int(part) for part in found.groups()), tzinfo=UTC)  # type: ignore[arg-type, misc]  # four ints
    except ValueError:
        return None


def needed_since(
    schedule: MonitoringSchedule,
    times: Times,
    source: Source,
    cursor: Cursor | None,
    waiting: Iterable[datetime],
    horizon: timedelta | None,
    now: datetime,
) -> datetime | None:
    """The beginning of the earliest hour that a schedule's windows are still to read; None: there is none.

    Args: cursor: how far windows were handed out. waiting: where those begin that were handed out and have not ended.
    horizon: for how long windows are judged again; None: they are not.
    """
    wanted = list(waiting)
    if schedule.status in {"Scheduled", "Pending"}:
        last = max(cursor.last, schedule.since) if cursor is not None else schedule.since
        following = times.schedule.next_after(last) if times.schedule is not None else schedule.since + _MOMENT
        if following is not None and following > last:
            # What was handed out last ends where the next begins, whatever the timetable becomes.
            wanted += [times.window(following, source).start, times.window(last, source).end]
        if cursor is not None and cursor.until is not None:
            wanted.append(cursor.until)
        if horizon is not None:
            # The window that was scheduled then, whose labels may come now, began earlier.
            wanted += [now - horizon, times.window(now - horizon, source).start]
    return min(wanted).astimezone(UTC).replace(minute=0, second=0, microsecond=0) if wanted else None


def current_holds(tx: Transaction, configuration: Configuration, now: datetime) -> tuple[Holds, tuple[HeldHours, ...]]:
    """What the schedules need as they stand; and those of the held hours that may hold manifests of batches."""
    waiting = _waiting(tx)
    hours, batches, objects = list[HeldHours](), list[HeldHours](), set(_packaged(tx))
    for _, schedule in tx.scan(SCHEDULE):
        try:
            _, _, job = resolved(tx, schedule.config, configuration)
            times = times_of(schedule.config, schedule.name)
            horizon = _horizon(job, times)
        except Refused:
            continue  # its runs fail, and say so: they need nothing
        objects |= set(_files(job))
        cursor = tx.get(CURSOR, schedule.name)
        begins = [start or times.window(at, job.source).start for at, start in waiting.get(schedule.name, ())]
        since = needed_since(schedule, times, job.source, cursor, begins, horizon, now)
        if since is None:
            continue
        hours += _hours([job.ground_truth], since)
        if job.source.endpoint_name is not None:
            hours += _hours(_capture_places(tx, job, job.source.endpoint_name), since)
        else:
            batches += _hours([job.source.data_captured_destination_s3_uri], since)
    return Holds((*hours, *batches), frozenset(objects)), tuple(batches)


def with_manifests(holds: Holds, batches: Sequence[HeldHours], objects: Objects) -> Holds:
    """The same, with the files that the manifests of held hours lead to."""
    led = set[tuple[str, str]]()
    for held in batches:
        if objects.bucket(held.bucket) is None:
            continue
        for info in objects.walk(held.bucket, held.prefix):
            at = hour_of(info.key)
            if at is None or at < held.since or not info.key.endswith(".json"):
                continue
            name = f"s3://{held.bucket}/{info.key}"
            try:
                if is_manifest(objects.get(held.bucket, info.key, 0, 512)):
                    led |= {bucket_and_key(uri) for uri in parse_manifest(objects.get(held.bucket, info.key), name)}
            except (InputError, Refused):
                continue  # the run that reads it says what is wrong with it
    return Holds(holds.hours, holds.objects | led)


def _waiting(tx: Transaction) -> dict[str, list[tuple[datetime, datetime | None]]]:
    """By schedule: the scheduled times whose runs have not ended, and where their windows begin if that is noted."""
    found = dict[str, list[tuple[datetime, datetime | None]]]()
    for body in queued.bodies(tx, QUEUE):
        work = WORK.decode(body)
        if work.schedule is None or work.scheduled is None:
            continue
        execution = tx.get(EXECUTION, work.key or execution_key(work.schedule, work.scheduled))
        start = None
        if execution is not None:
            start = execution.window[0] if execution.window is not None else execution.start
        found.setdefault(work.schedule, []).append((work.scheduled, start))
    return found


def _horizon(job: Job, times: Times) -> timedelta | None:
    """For how long windows are judged again as labels come late; None: they are not. Raises: Refused."""
    restating = restating_of(job.environment) if job.ground_truth is not None else None
    if restating is None:
        return None
    adaptive = adaptive_of(job.environment, times, job)
    return restating.within + (adaptive.longest if adaptive is not None else timedelta())


def _hours(uris: Iterable[str | None], since: datetime) -> Iterator[HeldHours]:
    for uri in uris:
        if uri is not None:
            bucket, key = bucket_and_key(uri)
            yield HeldHours(bucket, f"{key.rstrip('/')}/" if key.strip("/") else "", since)


def _capture_places(tx: Transaction, job: Job, endpoint: str) -> set[str]:
    """Folders of the endpoint's captures: where a run looks, and wherever the endpoint ever captured to."""
    said = job.environment.get(CAPTURE_PREFIX)
    found = {said} if said else set()
    found |= {line.capture for line in serving_history(tx, endpoint) if line.capture is not None}
    document = tx.get(ENDPOINT, endpoint)
    fleets = () if document is None else (document.live, document.pending, document.previous)
    found |= {fleet.capture.destination for fleet in fleets if fleet is not None and fleet.capture is not None}
    return {capture_folder(place, endpoint) for place in found}


def capture_folder(prefix: str, endpoint: str) -> str:
    """The folder of an endpoint's captures below the prefix that they are captured to; the prefix may be it already."""
    place = prefix.rstrip("/")
    return place if place.endswith(f"/{endpoint}") else f"{place}/{endpoint}"


def _files(job: Job) -> Iterator[tuple[str, str]]:
    """What runs of a job are judged by, and their scripts."""
    for uri in (job.constraints, job.statistics, job.config_uri, job.preprocessor, job.postprocessor):
        if uri is not None:
            bucket, key = bucket_and_key(uri)
            yield bucket, key.rstrip("/")
    for uri in (job.constraints, job.statistics):
        if uri is not None:
            bucket, key = bucket_and_key(uri)
            yield from ((bucket, f"{key.rpartition('/')[0]}/{name}".lstrip("/")) for name in _BESIDE)


def _packaged(tx: Transaction) -> Iterator[tuple[str, str]]:
    """The baselines that model packages were registered with."""
    for _, package in tx.scan(MODEL_PACKAGE):
        for member in ("DriftCheckBaselines", "ModelMetrics"):
            for uri in _uris(package.members.get(member)):
                try:
                    bucket, key = bucket_and_key(uri)
                except Refused:
                    continue  # registered only to be kept; nothing of this server's
                yield bucket, key.rstrip("/")


def _uris(structure: object) -> Iterator[str]:
    if isinstance(structure, Mapping):
        for name, value in structure.items():
            if name == "S3Uri" and isinstance(value, str):
                yield value
            else:
                yield from _uris(value)
