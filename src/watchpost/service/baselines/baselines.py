"""Baselines as versions: made by jobs or found changed in place, tied to the model version that they belong to.

A version belongs to the model version that its job named (`watchpost_model`) or that was registered with its files;
else to the one that served when it was first judged by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

import msgspec
import structlog

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.service.baselines.own import OwnBaseline, own_baseline, owners
from watchpost.service.baselines.served import ServedModel, mismatch, models_served, package_name, several
from watchpost.service.configuration import Configuration
from watchpost.service.endpoints.serving import serving_history
from watchpost.service.monitoring.documents import (
    BASELINE,
    BaselineVersion,
    MonitoringExecution,
    ProcessingJob,
    arn,
)
from watchpost.service.monitoring.job import Job
from watchpost.service.monitoring.news import MonitoringNews
from watchpost.service.processing.images import repository
from watchpost.service.processing.inputs import inputs_of
from watchpost.stores.store import Entry, Transaction
from watchpost.windows import Window

MODEL_OF_BASELINE = "watchpost_model"
"""Environment of a baseline job: the model version it is for: a model's name, a package's ARN or `group/version`."""

WHICH_BASELINE = "watchpost_baseline"
"""Environment of a monitor's job: `Schedule`, `ModelVersion` or `AnyVersion`; see docs/schedules.md."""

_CHOICES = ("Schedule", "ModelVersion", "AnyVersion")
_FILES = ("statistics.json", "constraints.json", "analysis.json")
_INPUTS = {"baseline_constraints": "constraints", "baseline_statistics": "baseline"}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lineage:
    """What an execution was judged by, and what it judged.

    uri, version: of the baseline; None: there was none. owners: the model versions that it belongs to, none if that is
    not known. served: the model versions that served in the window. warning: what the exit message says of that.
    """

    schedule: str
    scheduled: datetime
    uri: str | None
    version: int | None
    owners: tuple[str, ...] = ()
    served: tuple[ServedModel, ...] = ()
    warning: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    """The mismatch of which a schedule's listeners know: the baseline's owners, and the versions that served."""

    owners: tuple[str, ...]
    served: tuple[str, ...]


LINEAGE = Kind("monitoring-lineage", Lineage)
_TOLD = Kind("monitoring-baseline-mismatch", _Told)


class Baselines:
    """Versions of baselines, written in the transactions of the runs that make them and judge by them."""

    def __init__(self, configuration: Configuration, news: MonitoringNews) -> None:
        self._configuration, self._news = configuration, news

    def made(self, tx: Transaction, job: ProcessingJob, files: Mapping[str, str], now: datetime) -> None:
        """Number the baseline that a job left, by its place. files: SHA-256 by URI of what it put away."""
        names = [uri for uri in files if uri.rpartition("/")[2] in _FILES]
        if not names:
            return
        uri = names[0].rpartition("/")[0]
        environment = _environment(job)
        model = environment.get(MODEL_OF_BASELINE)
        data = [place for name, place in _places(job).items() if name in {"baseline_dataset_input", "dataset"}]
        version = BaselineVersion(
            uri,
            0,
            job.name,
            now,
            {one.removeprefix(f"{uri}/"): files[one] for one in names},
            data=tuple(data),
            model=package_name(model),
            monitor=_monitor(job, environment),
        )
        self._add(tx, version, "baseline.made", job.arn)

    def chosen(self, tx: Transaction, job: Job, window: Window) -> Job:
        """The job with the baseline that its environment asks for: its own, or that of the model version that served.

        Raises: Refused: ValidationException: the environment asks for something else.
        """
        which = job.environment.get(WHICH_BASELINE, "Schedule")
        if which not in _CHOICES:
            why = f"{WHICH_BASELINE} in Environment is {which!r}, expected one of {', '.join(_CHOICES)}."
            raise Refused("ValidationException", why)
        if which != "ModelVersion" or job.source.endpoint_name is None:
            return job
        served = models_served(serving_history(tx, job.source.endpoint_name), window.start, window.end)
        own = (
            own_baseline(tx, served[-1], job.monitor, OwnBaseline(job.constraints, job.statistics)) if served else None
        )
        return job if own is None else replace(job, constraints=own.constraints, statistics=own.statistics)

    def judged(
        self,
        tx: Transaction,
        execution: MonitoringExecution,
        job: ProcessingJob,
        digests: Mapping[str, str],
        now: datetime,
    ) -> str:
        """Note by which baseline a window was judged, and which models served in it; what the exit message adds.

        Args: digests: SHA-256 by variable of the environment, see `Finished.baseline`.
        """
        places = _places(job)
        files = {places[_INPUTS[name]]: digest for name, digest in digests.items() if _INPUTS.get(name) in places}
        served: tuple[ServedModel, ...] = ()
        if execution.endpoint is not None and execution.start is not None and execution.end is not None:
            served = models_served(serving_history(tx, execution.endpoint), execution.start, execution.end)
        version = self._seen(tx, files, now) if files else None
        belongs: tuple[str, ...] = ()
        warning = ""
        if version is not None:
            judged = OwnBaseline(places.get("constraints"), places.get("baseline"))
            belongs, version = self._owners(tx, version, served, execution, judged)
        if _environment(job).get(WHICH_BASELINE) != "AnyVersion":
            odd = mismatch(belongs, served)
            warning = " ".join(filter(None, (odd, several(served))))
            self._tell(tx, execution, belongs, served, odd, now)
        uri, number = (version.uri, version.version) if version is not None else (None, None)
        lineage = Lineage(execution.schedule, execution.scheduled, uri, number, belongs, served, warning)
        tx.put(LINEAGE, execution.key, lineage)
        return warning

    def _owners(
        self,
        tx: Transaction,
        version: BaselineVersion,
        served: tuple[ServedModel, ...],
        execution: MonitoringExecution,
        judged: OwnBaseline,
    ) -> tuple[tuple[str, ...], BaselineVersion]:
        known = owners(tx, served, execution.monitor, judged) | ({version.model} if version.model else set())
        if known:
            return tuple(sorted(known)), version
        names = {one.name for one in served}
        if version.first_served is None and len(names) == 1:
            # Nobody said whose it is: it is taken to describe the version that it was first used for.
            version = replace(version, first_served=next(iter(names)))
            tx.put(BASELINE, _key(version), version)
        return (version.first_served,) if version.first_served is not None else (), version

    def _seen(self, tx: Transaction, files: Mapping[str, str], now: datetime) -> BaselineVersion:
        """The version of these files (SHA-256 by URI): the last one of their place, or a new one if they differ."""
        uri = next(iter(files)).rpartition("/")[0]
        seen = {one.removeprefix(f"{uri}/"): digest for one, digest in files.items()}
        versions = tx.scan(BASELINE, prefix=f"{uri}|")
        last = versions[-1][1] if versions else None
        if last is not None and last.files | seen == last.files:
            return last
        kept = last.files if last is not None else {}
        changed = sorted(name for name in seen if name in kept and kept[name] != seen[name])
        # A file that no execution had read before is not a change, nor are the tie and the data another's for it.
        version = BaselineVersion(uri, 0, "", now, kept | seen)
        if last is not None and not changed:
            version = replace(last, files=kept | seen, made=now)
        made = self._add(tx, version, "baseline.changed" if changed else "baseline.found", uri, {"changed": changed})
        if changed:
            _log.warning("baseline.changed", uri=uri, version=made.version, files=changed)
        return made

    def _add(
        self,
        tx: Transaction,
        version: BaselineVersion,
        kind: str,
        subject: str,
        more: Mapping[str, object] | None = None,
    ) -> BaselineVersion:
        versions = tx.scan(BASELINE, prefix=f"{version.uri}|")
        number = versions[-1][1].version + 1 if versions else 1
        made = replace(version, version=number)
        tx.put(BASELINE, _key(made), made)
        data: dict[str, object] = {
            "uri": made.uri,
            "version": number,
            "digest": digest(made.files),
            "files": made.files,
            "data": list(made.data),
            "model": made.model,
            **(more or {}),
        }
        tx.record(Entry(made.made, kind, subject, "server", data))
        return made

    def _tell(
        self,
        tx: Transaction,
        execution: MonitoringExecution,
        belongs: tuple[str, ...],
        served: tuple[ServedModel, ...],
        odd: str,
        now: datetime,
    ) -> None:
        """Publish a mismatch when it begins or becomes another, not at each window."""
        told = tx.get(_TOLD, execution.schedule)
        if not odd:
            if told is not None:
                tx.delete(_TOLD, execution.schedule)
            return
        fresh = _Told(belongs, tuple(sorted({one.name for one in served})))
        if fresh == told:
            return
        tx.put(_TOLD, execution.schedule, fresh)
        subject = arn(self._configuration, "monitoring-schedule", execution.schedule)
        detail: dict[str, object] = {
            "MonitoringScheduleName": execution.schedule,
            "EndpointName": execution.endpoint,
            "ScheduledTime": execution.scheduled,
            "BaselineModelVersions": list(belongs),
            "ServedModelVersions": list(fresh.served),
            "Message": odd,
        }
        tx.record(Entry(now, "baseline.mismatch", subject, "server", detail))
        self._news.mismatch(tx, detail, subject, now)


def digest(files: Mapping[str, str]) -> str:
    """One SHA-256 for a version: of its files' names and digests."""
    return sha256(msgspec.json.encode(sorted(files.items()))).hexdigest()


def _key(version: BaselineVersion) -> str:
    return f"{version.uri}|{version.version:06}"


def _places(job: ProcessingJob) -> dict[str, str]:
    """URIs of the job's inputs by their names."""
    given = inputs_of(job.members.get("ProcessingInputs"))
    return {each.input_name: each.s3_input.s3_uri for each in given if each.s3_input is not None}


def _environment(job: ProcessingJob) -> dict[str, str]:
    return msgspec.convert(job.members.get("Environment") or {}, dict[str, str])


def _monitor(job: ProcessingJob, environment: Mapping[str, str]) -> str:
    application = msgspec.convert(job.members["AppSpecification"], dict[str, object])
    if "clarify" in repository(str(application["ImageUri"])):
        return "Clarify"
    return "ModelQuality" if environment.get("analysis_type", "").upper() == "MODEL_QUALITY" else "DataQuality"
