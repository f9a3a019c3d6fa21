"""Processing jobs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from watchpost.fronts.aws.operation import Call, Operation
from watchpost.fronts.aws.sagemaker.runs import page_of_jobs
from watchpost.service.monitoring.documents import arn
from watchpost.service.monitoring.news import described_job
from watchpost.service.registry.tags import check_tags

if TYPE_CHECKING:
    from watchpost.service.server import Server

_NOT_KEPT = ("ProcessingJobName", "Tags")
_SUMMARY = (
    "ProcessingJobName",
    "ProcessingJobArn",
    "CreationTime",
    "ProcessingEndTime",
    "LastModifiedTime",
    "ProcessingJobStatus",
    "FailureReason",
    "ExitMessage",
)


def create_processing_job(server: "Server", call: Call) -> Mapping[str, Any]:
    """Run a job."""
    members = {name: value for name, value in call.input.items() if name not in _NOT_KEPT and value is not None}
    tags = check_tags(call.input.get("Tags") or ())
    made = server.monitoring.processing.create(call.input["ProcessingJobName"], members, call.access_key or "", tags)
    return {"ProcessingJobArn": made}


def describe_processing_job(server: "Server", call: Call) -> Mapping[str, Any]:
    """Show a job: what was asked, and how it goes."""
    found = server.monitoring.processing.describe(call.input["ProcessingJobName"])
    schedule = arn(server.configuration, "monitoring-schedule", found.schedule) if found.schedule else None
    return described_job(found, schedule)


def stop_processing_job(server: "Server", call: Call) -> None:
    """Ask a job to stop."""
    server.monitoring.processing.stop(call.input["ProcessingJobName"], call.access_key or "")


def delete_processing_job(server: "Server", call: Call) -> None:
    """Remove a job that has ended."""
    server.monitoring.processing.delete(call.input["ProcessingJobName"], call.access_key or "")


def list_processing_jobs(server: "Server", call: Call) -> Mapping[str, Any]:
    """List jobs."""
    some, more = page_of_jobs(server, call.input)
    described = [described_job(job) for job in some]
    summaries = [{name: job[name] for name in _SUMMARY if name in job} for job in described]
    return {"ProcessingJobSummaries": summaries, **more}


OPERATIONS: Mapping[str, Operation] = {
    "CreateProcessingJob": create_processing_job,
    "DescribeProcessingJob": describe_processing_job,
    "StopProcessingJob": stop_processing_job,
    "DeleteProcessingJob": delete_processing_job,
    "ListProcessingJobs": list_processing_jobs,
}

PARTIAL: Mapping[str, str] = {
    "CreateProcessingJob": (
        "no containers run: the images of Model Monitor and Clarify stand for programs of this server, others for "
        "commands its owner registered, and the rest fail; DatasetDefinition and FeatureStoreOutput are refused; "
        "cluster, network, role, KMS keys and experiments are kept and have no effect"
    ),
}
