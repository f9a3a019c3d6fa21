"""`watchpost run`, against a server on a real socket whose runs are real processes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server
from threading import Thread

import polars as pl
import pytest
import structlog
import uvicorn
from click.testing import CliRunner, Result

from watchpost import suggest_baseline
from watchpost.fronts.aws.app import application
from watchpost.fronts.cli import watchpost
from watchpost.fronts.listening import uvicorn_settings
from watchpost.service.configuration import Configuration
from watchpost.service.home import write_address
from watchpost.service.server import Server, open_server

HOUR = datetime(2026, 3, 2, 9, tzinfo=UTC)
ROLE = "arn:aws:iam::000000000000:role/monitor"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a schedule over an hour whose records are as they were, and one whose records are not."""
    home: Path = tmp_path_factory.mktemp("home")
    with (
        structlog.testing.capture_logs(),  # what is logged would stand among what the command prints
        create_server(("127.0.0.1", 0)) as listener,
        open_server(Configuration(home)) as server,
    ):
        write_address(home, f"http://127.0.0.1:{listener.getsockname()[1]}", "us-east-1", "000000000000")
        furnish(server, home)
        web = uvicorn.Server(uvicorn_settings(application(server)))
        thread = Thread(target=web.run, kwargs={"sockets": [listener]})
        thread.start()
        server.start()
        yield server
        web.should_exit = True
        thread.join()


def furnish(server: Server, home: Path) -> None:
    server.objects.create_bucket("lake")
    table = pl.DataFrame({"price": [100.5 + i % 7 for i in range(200)], "city": ["Rome", "Oslo"] * 100})
    for path in suggest_baseline(table).save(home / "made").iterdir():
        server.objects.put("lake", f"baseline/{path.name}", path.read_bytes())
    for hour, city in ((HOUR, "Oslo"), (HOUR + timedelta(hours=1), "Paris")):
        lines = [captured(f"{100 + i % 7}.5", ("Rome", city)[i % 2], hour, i) for i in range(200)]
        key = f"capture/homes/AllTraffic/{hour:%Y/%m/%d/%H}/00-00-000-a.jsonl"
        server.objects.put("lake", key, "\n".join(lines).encode())
    output = {"S3Uri": "s3://lake/reports", "LocalPath": "/opt/ml/processing/output"}
    server.monitoring.definitions.create(
        "DataQuality",
        "job",
        {
            "DataQualityBaselineConfig": {
                "ConstraintsResource": {"S3Uri": "s3://lake/baseline/constraints.json"},
                "StatisticsResource": {"S3Uri": "s3://lake/baseline/statistics.json"},
            },
            "DataQualityAppSpecification": {"ImageUri": "sagemaker-model-monitor-analyzer"},
            "DataQualityJobInput": {
                "EndpointInput": {"EndpointName": "homes", "LocalPath": "/opt/ml/processing/input"}
            },
            "DataQualityJobOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
            "JobResources": {"ClusterConfig": {}},
            "Environment": {"sagemaker_endpoint_datacapture_prefix": "s3://lake/capture"},
            "RoleArn": ROLE,
        },
        "me",
    )
    config = {"MonitoringJobDefinitionName": "job", "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"}}
    server.monitoring.schedules.create("homes-hourly", config, "me")


def captured(price: str, city: str, at: datetime, number: int) -> str:
    sides = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": city, "encoding": "CSV"},
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": price, "encoding": "CSV"},
    }
    metadata = {"eventId": f"{at:%H}-{number}", "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    return json.dumps({"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"})


def run(server: Server, *words: str) -> Result:
    return CliRunner().invoke(watchpost, ["run", *words, "--home", str(server.configuration.home)])


def test_a_quiet_window_prints_its_report_and_exits_with_0(server: Server) -> None:
    ran = run(server, "homes-hourly", "--window", "2026-03-02T09:00Z/PT1H", "--wait")
    assert ran.exit_code == 0, ran.output
    assert "no violations" in ran.output
    assert "s3://lake/reports/homes/homes-hourly/2026/03/02/10" in ran.output


def test_violations_exit_with_1_and_the_report_can_be_had_as_json(server: Server) -> None:
    ran = run(server, "homes-hourly", "--window", "2026-03-02T10:00Z/2026-03-02T11:00Z", "--wait", "--json")
    assert ran.exit_code == 1, ran.output
    assert {each["feature_name"] for each in json.loads(ran.stdout)["violations"]} >= {"city"}


def test_a_window_without_records_exits_with_2_and_says_where_it_looked(server: Server) -> None:
    ran = run(server, "homes-hourly", "--window", "2026-03-02T00:00/2026-03-02T08:00", "--wait")
    assert ran.exit_code == 2
    assert "s3://lake/capture/homes/" in ran.output


def test_without_waiting_the_command_says_what_it_began(server: Server) -> None:
    ran = run(server, "homes-hourly", "--window", "2026-03-01T00:00Z/PT1H", "--json")
    assert ran.exit_code == 0, ran.output
    begun = json.loads(ran.output)
    assert (begun["ScheduledTime"], begun["Revision"]) == ("2026-03-01T01:00:00Z", 1)
    assert begun["ProcessingJobName"].startswith("data-quality-monitoring-202603010100-")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nothing",), "does not exist"),
        (("homes-hourly", "--window", "yesterday"), "--window 'yesterday' is none"),
        (("homes-hourly", "--window", "2026-03-02T10:00Z/2026-03-02T09:00Z"), "ends before it is run"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_sentence(server: Server, words: tuple[str, ...], told: str) -> None:
    ran = run(server, *words)
    assert ran.exit_code == 2
    assert told in ran.output
