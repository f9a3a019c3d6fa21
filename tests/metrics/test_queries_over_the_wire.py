"""GetMetricData, anomaly detectors and dashboards by boto3 in all three protocols, and by awscli."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import boto3
import botocore.model
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError

from watchpost.fronts.aws.app import application
from watchpost.service.configuration import Configuration
from watchpost.service.server import open_server

Client = Any  # boto3 makes its clients' methods while it runs
NOW = datetime.now(UTC).replace(second=0, microsecond=0)  # noqa: TID251  the server's clock is the machine's
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of clients of a running server."""
    configuration = Configuration(home=tmp_path_factory.mktemp("home"))
    with socket.create_server(("127.0.0.1", 0)) as listener, open_server(configuration) as server:
        pair = server.credentials.pair()
        web = uvicorn.Server(
            uvicorn.Config(application(server), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        )
        thread = Thread(target=web.run, kwargs={"sockets": [listener]})
        thread.start()
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": pair.access_key,
            "AWS_SECRET_ACCESS_KEY": pair.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        web.should_exit = True
        thread.join()


def client_of(env: dict[str, str]) -> Client:
    session = boto3.Session(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1")
    return session.client(
        "cloudwatch", endpoint_url=env["AWS_ENDPOINT_URL"], config=Config(retries={"total_max_attempts": 1})
    )


@pytest.fixture(params=["json", "smithy-rpc-v2-cbor", "query"])
def cloudwatch(
    env: dict[str, str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    monkeypatch.setattr(botocore.model, "PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", (request.param,))
    client = client_of(env)
    yield client
    client.close()


def queries() -> list[dict[str, Any]]:
    stat = {"Metric": {"Namespace": "wire", "MetricName": "m"}, "Period": 60, "Stat": "Average"}
    return [{"Id": "m", "MetricStat": stat}, {"Id": "e", "Expression": "m * 2", "Label": "twice, ${MAX}"}]


def test_data_math_labels_and_pages(cloudwatch: Client) -> None:
    values = [{"MetricName": "m", "Timestamp": NOW - i * MINUTE, "Value": i} for i in (1, 2, 3)]
    cloudwatch.put_metric_data(Namespace="wire", MetricData=values)
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries(), StartTime=NOW - 10 * MINUTE, EndTime=NOW, MaxDatapoints=2
    )
    found = [each for page in pages for each in page["MetricDataResults"]]
    assert [(each["Id"], each["Label"], each["StatusCode"], each["Values"]) for each in found] == [
        ("m", "m", "PartialData", [1, 2]),
        ("m", "m", "Complete", [3]),
        ("e", "twice, 6", "PartialData", [2]),
        ("e", "twice, 6", "Complete", [4, 6]),
    ]
    assert found[0]["Timestamps"] == [NOW - MINUTE, NOW - 2 * MINUTE]


def test_mistakes_arrive_as_the_exceptions_of_the_model(cloudwatch: Client) -> None:
    with pytest.raises(cloudwatch.exceptions.InvalidNextToken):
        cloudwatch.get_metric_data(
            MetricDataQueries=queries(), StartTime=NOW - MINUTE, EndTime=NOW, NextToken="stranger"
        )
    with pytest.raises(ClientError, match="Error in expression 'e'") as problem:
        cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "e", "Expression": "1 +"}], StartTime=NOW - MINUTE, EndTime=NOW
        )
    assert problem.value.response["Error"]["Code"] == "ValidationError"


def test_a_dashboard_comes_back_as_it_was_put(cloudwatch: Client) -> None:
    body = '{"widgets": [ {"type":"text","properties":{"markdown":"# <Ü> & more"}} ], "mine": 1}'
    put = cloudwatch.put_dashboard(DashboardName="front", DashboardBody=body)
    assert [each["DataPath"] for each in put["DashboardValidationMessages"]] == ["/mine"]
    assert cloudwatch.get_dashboard(DashboardName="front")["DashboardBody"] == body
    [listed] = cloudwatch.list_dashboards(DashboardNamePrefix="fr")["DashboardEntries"]
    assert (listed["DashboardName"], listed["Size"]) == ("front", len(body.encode()))
    cloudwatch.delete_dashboards(DashboardNames=["front"])
    with pytest.raises(cloudwatch.exceptions.ResourceNotFound):
        cloudwatch.get_dashboard(DashboardName="front")


def test_a_faulty_dashboard_says_where(cloudwatch: Client) -> None:
    with pytest.raises(cloudwatch.exceptions.DashboardInvalidInputError) as problem:
        cloudwatch.put_dashboard(DashboardName="front", DashboardBody='{"widgets": 1}')
    assert problem.value.response["dashboardValidationMessages"] == [
        {"DataPath": "/widgets", "Message": "Should be array"}
    ]


def test_an_anomaly_detector_is_kept_and_forgotten(cloudwatch: Client) -> None:
    single = {"Namespace": "wire", "MetricName": "m", "Stat": "Average"}
    cloudwatch.put_anomaly_detector(SingleMetricAnomalyDetector=single)
    [found] = cloudwatch.describe_anomaly_detectors(Namespace="wire")["AnomalyDetectors"]
    assert found["SingleMetricAnomalyDetector"] == {**single, "Dimensions": []}
    cloudwatch.delete_anomaly_detector(SingleMetricAnomalyDetector=single)
    with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException):
        cloudwatch.delete_anomaly_detector(SingleMetricAnomalyDetector=single)


def test_a_drawn_widget_is_refused_by_name(cloudwatch: Client) -> None:
    with pytest.raises(ClientError, match="GetMetricWidgetImage"):
        cloudwatch.get_metric_widget_image(MetricWidget="{}")


def test_awscli_asks_for_metric_data(env: dict[str, str]) -> None:
    client = client_of(env)
    client.put_metric_data(Namespace="cli", MetricData=[{"MetricName": "m", "Timestamp": NOW - MINUTE, "Value": 7}])
    client.close()
    stat = {"Metric": {"Namespace": "cli", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    span = ["--start-time", (NOW - 5 * MINUTE).isoformat(), "--end-time", NOW.isoformat()]
    command = [sys.executable, "-m", "awscli", "cloudwatch", "get-metric-data", *span, "--output", "json"]
    asked = ["--metric-data-queries", json.dumps([{"Id": "a", "MetricStat": stat}])]
    own = {**os.environ, **env}  # noqa: TID251  a child needs its parent's environment
    said = subprocess.run([*command, *asked], env=own, capture_output=True, text=True, check=True)
    [found] = json.loads(said.stdout)["MetricDataResults"]
    assert found["Values"] == [7]
