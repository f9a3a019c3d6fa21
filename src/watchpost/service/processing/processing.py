"""Processing jobs: asked for, described, stopped, listed; what performs them is `ProcessingWork`."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from watchpost.errors import Refused
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.monitoring.documents import (
    NO_TAGS,
    PROCESSING_JOB,
    UNSETTLED,
    Members,
    ProcessingJob,
    arn,
    not_found,
)
from watchpost.service.monitoring.executions_pending import QUEUE, WORK, Work
from watchpost.service.monitoring.news import MonitoringNews
from watchpost.service.monitoring.runs_listed import delete_job, put_job
from watchpost.service.processing.inputs import inputs_of
from watchpost.service.registry.tags import write_tags
from watchpost.stores.store import Entry, Store, Transaction


class _S3Output(msgspec.Struct, rename="pascal"):
    s3_uri: str
    local_path: str = "/opt/ml/processing/output"


class _Output(msgspec.Struct, rename="pascal"):
    output_name: str
    s3_output: _S3Output | None = None


class _Outputs(msgspec.Struct, rename="pascal"):
    outputs: list[_Output] = []


class ProcessingJobs:
    """The processing jobs, those of monitoring executions among them."""

    def __init__(self, store: Store, clock: Clock, configuration: Configuration, news: MonitoringNews) -> None:
        self._store, self._clock, self._configuration, self._news = store, clock, configuration, news

    def create(self, name: str, members: Members, actor: str, tags: Mapping[str, str] = NO_TAGS) -> str:
        """Take a job in, to be run at once; its ARN. What image it names is looked at when it runs.

        Args: members: of the request, without the name and the tags.
        Raises: Refused: ResourceInUse: there is one of that name; ValidationException: an input or output is of a kind
        that is not supported.
        """
        inputs_of(members.get("ProcessingInputs"))
        outputs_of(members)
        now = self._clock.now()
        made = ProcessingJob(name, arn(self._configuration, "processing-job", name), "InProgress", now, now, members)

        def work(tx: Transaction) -> None:
            if tx.get(PROCESSING_JOB, name) is not None:
                raise Refused("ResourceInUse", f"Processing job {made.arn} already exists.")
            put_job(tx, made)
            write_tags(tx, made.arn, tags, made.created)
            tx.enqueue(QUEUE, WORK.encode(Work(name)), now, now)
            tx.record(Entry(now, "processing-job.create", made.arn, actor, {"members": members}))
            self._news.job(tx, made, now)

        self._store.write(work)
        return made.arn

    def describe(self, name: str) -> ProcessingJob:
        """The job. Raises: Refused: ResourceNotFound."""
        return self._store.read(lambda tx: the_job(tx, name, self._configuration))

    def all(self) -> list[ProcessingJob]:
        """All jobs, by name."""
        return [job for _, job in self._store.read(lambda tx: tx.scan(PROCESSING_JOB))]

    def stop(self, name: str, actor: str) -> None:
        """Ask a job to stop; one that has ended stays as it is. Raises: Refused: ResourceNotFound."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            job = the_job(tx, name, self._configuration)
            if job.status == "InProgress":
                stopping = replace(job, status="Stopping", modified=now)
                put_job(tx, stopping)
                tx.record(Entry(now, "processing-job.stop", job.arn, actor, {}))
                self._news.job(tx, stopping, now)

        self._store.write(work)

    def delete(self, name: str, actor: str) -> None:
        """Remove a job that has ended. Raises: Refused: ResourceNotFound; ResourceInUse: it is under way."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            job = the_job(tx, name, self._configuration)
            if job.status in UNSETTLED:
                raise Refused("ResourceInUse", f"Processing job {job.arn} is {job.status}.")
            delete_job(tx, name)
            tx.record(Entry(now, "processing-job.delete", job.arn, actor, {}))

        self._store.write(work)


def the_job(tx: Transaction, name: str, configuration: Configuration) -> ProcessingJob:
    """The job of that name. Raises: Refused: ResourceNotFound."""
    found = tx.get(PROCESSING_JOB, name)
    if found is None:
        raise not_found(arn(configuration, "processing-job", name), "Processing job")
    return found


def outputs_of(members: Members) -> list[tuple[str, str]]:
    """(container path, URI) of each output. Raises: Refused: ValidationException."""
    config = msgspec.convert(members.get("ProcessingOutputConfig") or {}, _Outputs)
    for each in config.outputs:
        if each.s3_output is None:
            why = "only S3Output is supported, there is no feature store"
            raise Refused("ValidationException", f"ProcessingOutput {each.output_name}: {why}.")
    return [(each.s3_output.local_path, each.s3_output.s3_uri) for each in config.outputs if each.s3_output]
