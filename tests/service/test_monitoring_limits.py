"""A run is bounded in time and memory, can be stopped, and dies with its server without losing its window."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import boto3
import pytest
from botocore.client import BaseClient

from watchpost.service.clock import ManualClock
from watchpost.service.execution.spec import Spec, local, read_spec, write_spec
from watchpost.service.processing.images import Command, read_settings, repository
from watchpost.service.processing.runs import Ended, Runs
from watchpost.stores.store import Store

from .monitored import HOUR, ROLE, World, baseline_job, capture_line, captured, definition, timetable

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def never() -> bool:
    return False


def ran(root: Path, code: str, seconds: float = 20, asked: Callable[[], bool] = never) -> tuple[Ended, list[str]]:
    """Run a line of Python as an owner's command."""
    said: list[str] = []
    ended = Runs().run_command(root, [sys.executable, "-c", code], {}, seconds, said.extend, asked)
    return ended, said


def test_what_a_run_says_is_its_log_and_what_it_leaves_is_its_message(tmp_path: Path) -> None:
    message = local(tmp_path, "/opt/ml/output/message")
    message.parent.mkdir(parents=True)
    code = f"print('one'); print('two'); open({str(message)!r}, 'w').write('all is well')"
    assert ran(tmp_path, code) == (Ended("done", "all is well", 0), ["one", "two"])


def test_a_run_that_fails_ends_with_its_code(tmp_path: Path) -> None:
    ended, _ = ran(tmp_path, "raise SystemExit(7)")
    assert (ended.end, ended.code) == ("failed", 7)


def test_a_run_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    ended, _ = ran(tmp_path, child, seconds=0.5)
    assert ended.end == "too long"
    alive = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"{tmp_path}" not in alive


def test_a_run_that_is_asked_to_stop_stops(tmp_path: Path) -> None:
    ended, _ = ran(tmp_path, "import time; time.sleep(60)", asked=lambda: True)
    assert ended.end == "stopped"


def test_closing_ends_what_runs_and_begins_nothing(tmp_path: Path) -> None:
    runs, ends = Runs(), list[str]()
    words = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
    up = Event()

    def run() -> None:
        ends.append(runs.run_command(tmp_path, words, {}, 60, lambda _: up.set(), never).end)

    thread = Thread(target=run)
    thread.start()
    assert up.wait(20)
    runs.close()
    thread.join(20)
    run()
    assert ends == ["server stops", "server stops"]


def test_memory_is_bounded(tmp_path: Path) -> None:
    folder = local(tmp_path, "/opt/ml/processing/input")
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("a\n" + "1\n" * 1000)
    environment = {"dataset_source": "/opt/ml/processing/input", "output_path": "/opt/ml/processing/output"}
    spec = Spec("analyzer", environment, memory_bytes=48 << 20)
    ended = Runs().run_ours(tmp_path, spec, 60, lambda _: None, never)
    assert ended.end == "failed"


def test_a_spec_comes_back_as_it_was_left(tmp_path: Path) -> None:
    spec = Spec("clarify", {"a": "b"}, {"/opt/ml/x": "s3://b/x"}, (NOON, NOON + HOUR), "http://m", None, None, 5)
    write_spec(tmp_path, spec)
    assert read_spec(tmp_path) == spec


@pytest.mark.parametrize("path", ["/etc/passwd", "/opt/ml/../../etc/passwd", "opt/ml/x", "/opt/mlx"])
def test_a_containers_path_leads_nowhere_else(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="no path below"):
        local(tmp_path, path)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        (
            "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer",
            "sagemaker-model-monitor-analyzer",
        ),
        ("1.dkr.ecr.x.amazonaws.com/sagemaker-clarify-processing:1.0", "sagemaker-clarify-processing"),
        ("host:5000/team/mine@sha256:abc", "mine"),
        ("mine", "mine"),
    ],
)
def test_images_are_told_apart_by_their_repository(image: str, name: str) -> None:
    assert repository(image) == name


def test_the_owners_commands_are_read_from_the_home_folder(tmp_path: Path) -> None:
    (tmp_path / "processors.toml").write_text('[processors.mine]\ncommand = ["run", "it"]\n')
    assert read_settings(tmp_path).processors == {"mine": Command(("run", "it"))}


# --- the server -------------------------------------------------------------------------------------------------------


def test_a_job_that_exceeds_its_time_fails_and_says_so(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    world = World(store, clock, tmp_path)
    words = json.dumps([sys.executable, "-c", "import time; time.sleep(60)"])
    (tmp_path / "processors.toml").write_text(f"[processors.slow]\ncommand = {words}\n")
    job = world.job("slow", AppSpecification={"ImageUri": "x/slow"}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job.status, job.failure) == (
        "Failed",
        "The job ran longer than its MaxRuntimeInSeconds of 1 and was ended.",
    )


def test_a_server_that_stops_leaves_the_window_to_its_next_life(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    first = World(store, clock, tmp_path)
    slow = json.dumps([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"])
    (tmp_path / "processors.toml").write_text(f"[processors.mine]\ncommand = {slow}\n")
    first.monitoring.definitions.create("DataQuality", "job", definition("DataQuality", image="x/mine"), "me")
    captured(first, NOON, [capture_line("1", "2", NOON, "e")])
    first.monitoring.schedules.create("hourly", timetable(), "me")
    first.settle()
    first.monitoring.tick(clock.advance(3730))
    thread = Thread(target=first.worker.step, args=(clock.now(),))
    thread.start()
    until_up(first)
    stop = Event()
    stop.set()
    first.monitoring.run(stop)
    thread.join(20)
    assert first.execution().status == "InProgress"
    (tmp_path / "processors.toml").write_text(f'[processors.mine]\ncommand = ["{sys.executable}", "-c", "1"]\n')
    again = World(store, clock, tmp_path)
    again.worker.step(clock.advance(2))
    assert again.execution().status == "Completed"
    assert len(again.journal("monitoring-execution.end")) == 2  # noon's, which had no records, and this one


def until_up(world: World) -> None:
    """Wait until the run has said its first word."""
    tick = Event()
    for _ in range(400):
        if "up" in world.log():
            return
        tick.wait(0.05)
    raise AssertionError(world.log())


# --- over the wire ----------------------------------------------------------------------------------------------------


@pytest.fixture
def sagemaker(tmp_path: Path) -> "object":
    """A client of the real server, and one of its objects."""
    home = tmp_path / "home"
    command = [sys.executable, "-m", "watchpost"]
    process = subprocess.Popen(
        [*command, "serve", "--home", str(home), "--port", "0", "--log-level", "error"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "http" in process.stdout.readline()
    shown = subprocess.run([*command, "env", "--home", str(home), "--json"], capture_output=True, text=True, check=True)
    said = json.loads(shown.stdout)
    session = boto3.Session(said["AWS_ACCESS_KEY_ID"], said["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1")
    yield lambda service: session.client(service, endpoint_url=said["AWS_ENDPOINT_URL"])
    process.terminate()
    process.wait(30)
    process.stdout.close()


def ended(describe: Callable[[], dict[str, object]], member: str, *running: str) -> dict[str, object]:
    """Wait until something has ended."""
    tick = Event()
    for _ in range(600):
        found = describe()
        if found and found[member] not in running:
            return found
        tick.wait(0.1)
    raise AssertionError(found)


def test_a_client_makes_a_baseline_and_a_schedule_and_reads_what_they_found(
    sagemaker: Callable[[str], BaseClient],
) -> None:
    api, s3 = sagemaker("sagemaker"), sagemaker("s3")
    s3.create_bucket(Bucket="lake")
    rows = [f"{i % 40}.5,{20 + i % 50}" for i in range(400)]
    s3.put_object(Bucket="lake", Key="train/a.csv", Body="\n".join(["price,age", *rows]).encode())
    api.create_processing_job(
        ProcessingJobName="base",
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 20}
        },
        RoleArn=ROLE,
        Tags=[{"Key": "team", "Value": "pricing"}],
        **baseline_job("s3://lake/train/", "s3://lake/baseline"),
    )
    job = ended(lambda: api.describe_processing_job(ProcessingJobName="base"), "ProcessingJobStatus", "InProgress")
    assert job["ExitMessage"] == "Completed: Job completed successfully with no violations."
    # What the SageMaker SDK reads of the answer (and fails without).
    assert {
        "ProcessingResources",
        "ProcessingInputs",
        "ProcessingOutputConfig",
        "AppSpecification",
        "Environment",
    } <= set(job)
    streams = sagemaker("logs").describe_log_streams(
        logGroupName="/aws/sagemaker/ProcessingJobs", logStreamNamePrefix="base/", orderBy="LogStreamName", limit=1
    )
    assert len(streams["logStreams"]) == 1
    now = datetime.now(UTC)  # noqa: TID251  the server's own clock is the machine's
    lines = [capture_line(str(20 + i % 50), "90.5", now, f"e{i}") for i in range(200)]
    s3.put_object(
        Bucket="lake", Key=f"capture/homes/AllTraffic/{now:%Y/%m/%d/%H}/a.jsonl", Body="\n".join(lines).encode()
    )
    api.create_data_quality_job_definition(
        JobDefinitionName="job",
        **definition(
            "DataQuality",
            constraints="s3://lake/baseline/constraints.json",
            statistics="s3://lake/baseline/statistics.json",
            application={"Environment": {"sagemaker_endpoint_datacapture_prefix": "s3://lake/capture"}},
        ),
    )
    config = timetable("NOW", "-PT1H", "-PT0H") | {"MonitoringType": "DataQuality"}
    made = api.create_monitoring_schedule(
        MonitoringScheduleName="once", MonitoringScheduleConfig=config, Tags=[{"Key": "team", "Value": "pricing"}]
    )
    assert api.list_tags(ResourceArn=made["MonitoringScheduleArn"])["Tags"] == [{"Key": "team", "Value": "pricing"}]

    def last() -> dict[str, object]:
        found = api.list_monitoring_executions(
            MonitoringScheduleName="once", SortBy="ScheduledTime", SortOrder="Descending", MaxResults=100
        )["MonitoringExecutionSummaries"]
        return found[0] if found else {}

    execution = ended(last, "MonitoringExecutionStatus", "Pending", "InProgress")
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    run = api.describe_processing_job(ProcessingJobName=str(execution["ProcessingJobArn"]).rpartition("/")[2])
    assert run["MonitoringScheduleArn"] == made["MonitoringScheduleArn"]
    uri = run["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    key = f"{uri.removeprefix('s3://lake/')}/constraint_violations.json"
    violations = json.loads(s3.get_object(Bucket="lake", Key=key)["Body"].read())["violations"]
    assert {"baseline_drift_check"} <= {violation["constraint_check_type"] for violation in violations}
    (listed,) = api.list_monitoring_schedules(EndpointName="homes")["MonitoringScheduleSummaries"]
    assert (listed["MonitoringType"], listed["MonitoringScheduleStatus"]) == ("DataQuality", "Scheduled")
    (alert,) = api.list_monitoring_alerts(MonitoringScheduleName="once")["MonitoringAlertSummaries"]
    assert alert["AlertStatus"] == "InAlert"
    described = api.describe_data_quality_job_definition(JobDefinitionName="job")
    assert described["DataQualityJobInput"]["EndpointInput"]["EndpointName"] == "homes"
    api.delete_monitoring_schedule(MonitoringScheduleName="once")
    with pytest.raises(api.exceptions.ResourceNotFound):
        api.describe_monitoring_schedule(MonitoringScheduleName="once")
    api.delete_data_quality_job_definition(JobDefinitionName="job")
    assert last()["MonitoringScheduleName"] == "once"
