"""Executions and processing jobs listed by real boto3: in pages, in every order, and through every filter."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from watchpost.fronts.aws.app import application
from watchpost.service.configuration import Configuration
from watchpost.service.monitoring.documents import MonitoringExecution, ProcessingJob
from watchpost.service.monitoring.runs_listed import put_execution, put_job
from watchpost.service.server import open_server
from watchpost.stores.store import Transaction

from .asking import client, listening

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
COUNT = 23


def filled(tx: Transaction) -> None:
    """Hourly executions of two schedules, every fifth failed, each with its job; jobs have names in another order."""
    for number in range(COUNT):
        at, status = NOON + number * HOUR, "Failed" if number % 5 == 0 else "Completed"
        job, name = f"run-{number * 7 % COUNT:02}", f"schedule-{number % 2}"
        put_execution(
            tx,
            MonitoringExecution(
                name,
                at,
                status,
                at,
                at,
                "DataQuality",
                job,
                at - HOUR,
                at,
                f"endpoint-{number % 2}",
                f"job-{number % 2}",
            ),
        )
        put_job(tx, ProcessingJob(job, f"arn:{job}", status, at, at, {}))


@pytest.fixture(scope="module")
def sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:  # boto3's client has no type of its own
    with open_server(Configuration(tmp_path_factory.mktemp("runs"))) as server:
        server.store.write(filled)
        with listening(application(server)) as url:
            made = client(server, url, "sagemaker", retries={"total_max_attempts": 1})
            yield made
            made.close()


def hours(sagemaker, **asked: object) -> list[int]:
    """The hours of the executions of all pages of four."""
    pages = sagemaker.get_paginator("list_monitoring_executions").paginate(PaginationConfig={"PageSize": 4}, **asked)
    found = [each["ScheduledTime"] for page in pages for each in page["MonitoringExecutionSummaries"]]
    return [round((at - NOON) / HOUR) for at in found]


def jobs(sagemaker, **asked: object) -> list[str]:
    pages = sagemaker.get_paginator("list_processing_jobs").paginate(PaginationConfig={"PageSize": 4}, **asked)
    return [each["ProcessingJobName"] for page in pages for each in page["ProcessingJobSummaries"]]


def test_pages_of_executions_follow_one_another_from_the_newest(sagemaker) -> None:
    assert hours(sagemaker) == list(range(COUNT))[::-1]
    assert hours(sagemaker, SortOrder="Ascending", SortBy="CreationTime") == list(range(COUNT))
    failed = [number for number in range(COUNT) if number % 5 == 0]
    assert hours(sagemaker, SortBy="Status")[: len(failed)] == failed[::-1]


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"MonitoringScheduleName": "schedule-1"}, range(1, COUNT, 2)),
        ({"EndpointName": "endpoint-0"}, range(0, COUNT, 2)),
        ({"MonitoringJobDefinitionName": "job-1"}, range(1, COUNT, 2)),
        ({"StatusEquals": "Failed"}, range(0, COUNT, 5)),
        ({"StatusEquals": "Failed", "MonitoringScheduleName": "schedule-1"}, range(5, COUNT, 10)),
        ({"MonitoringTypeEquals": "ModelBias"}, range(0)),
        ({"ScheduledTimeAfter": NOON + 3 * HOUR, "ScheduledTimeBefore": NOON + 9 * HOUR}, range(4, 9)),
        ({"LastModifiedTimeBefore": NOON + 2 * HOUR}, range(2)),
    ],
)
def test_filters_leave_the_executions_they_name(sagemaker, asked: dict[str, Any], left: range) -> None:
    assert hours(sagemaker, **asked) == list(left)[::-1]


def test_processing_jobs_come_by_name_status_and_time(sagemaker) -> None:
    every = [f"run-{number:02}" for number in range(COUNT)]
    assert jobs(sagemaker, SortBy="Name", SortOrder="Ascending") == every
    assert jobs(sagemaker)[0] == f"run-{(COUNT - 1) * 7 % COUNT:02}"
    assert sorted(jobs(sagemaker, NameContains="run-1")) == every[10:20]
    assert len(jobs(sagemaker, StatusEquals="Failed")) == len(range(0, COUNT, 5))


def test_a_token_that_was_not_given_out_or_is_another_orders_is_refused(sagemaker) -> None:
    token = sagemaker.list_monitoring_executions(MaxResults=2)["NextToken"]
    for asked in ({"NextToken": "bm9uZQ=="}, {"NextToken": token, "SortBy": "Status"}):
        with pytest.raises(ClientError, match="NextToken is not valid") as told:
            sagemaker.list_monitoring_executions(**asked)
        assert told.value.response["Error"]["Code"] == "ValidationException"
