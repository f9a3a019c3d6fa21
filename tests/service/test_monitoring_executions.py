"""Executions of the four monitors in processes of their own: what they read, leave, publish and say."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from watchpost import Settings, suggest_baseline
from watchpost.runners import Upstream
from watchpost.service.clock import ManualClock
from watchpost.service.monitoring.documents import Members, MonitoringType
from watchpost.stores.store import Store
from watchpost.windows import Window

from .monitored import (
    HOUR,
    World,
    baseline_job,
    capture_line,
    captured,
    clarify_job,
    definition,
    label_line,
    timetable,
)

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
DELAY = 130.0  # the default delay of two minutes, and ten seconds


@pytest.fixture
def world(store: Store, clock: ManualClock, tmp_path: Path) -> World:
    return World(store, clock, tmp_path)


def training_csv(rows: int = 400) -> str:
    """Prices, ages and cities of homes."""
    lines = [f"{100 + i % 7}.5,{20 + i % 50},{('Rome', 'Oslo')[i % 2]}" for i in range(rows)]
    return "\n".join(["price,age,city", *lines]) + "\n"


def usual_lines(count: int = 300, hour: datetime = NOON) -> list[str]:
    return [
        capture_line(
            f"{20 + i % 50},{('Rome', 'Oslo')[i % 2]}", f"{100 + i % 7}.5", hour + timedelta(seconds=i), f"e{i}"
        )
        for i in range(count)
    ]


def with_baseline(world: World) -> None:
    """The baseline that a job would have made, without the wait for its process."""
    for path in suggest_baseline(pl.read_csv(training_csv().encode())).save(world.home / "made").iterdir():
        world.put(f"s3://lake/baseline/{path.name}", path.read_bytes())


def scheduled(world: World, monitor: MonitoringType, members: Members, **times: str) -> None:
    world.monitoring.definitions.create(monitor, "job", members, "me")
    world.monitoring.schedules.create("hourly", timetable(**times) | {"MonitoringType": monitor}, "me")
    world.settle()


def on_baseline(world: World, **more: object) -> Members:
    return definition(
        "DataQuality",
        constraints="s3://lake/baseline/constraints.json",
        statistics="s3://lake/baseline/statistics.json",
        **more,  # type: ignore[arg-type]  # keywords of `definition`
    )


def violations(world: World, hour: datetime = NOON + HOUR) -> list[dict[str, str]]:
    text = world.text(f"s3://lake/reports/homes/hourly/{hour:%Y/%m/%d/%H}/constraint_violations.json")
    found: list[dict[str, str]] = json.loads(text)["violations"]
    return found


# --- data quality -----------------------------------------------------------------------------------------------------


def test_a_quiet_hour_completes_leaves_the_contracts_files_and_publishes_the_contracts_metrics(world: World) -> None:
    with_baseline(world)
    scheduled(world, "DataQuality", on_baseline(world))
    captured(world, NOON, usual_lines())
    world.settle(3600 + DELAY)
    execution = world.execution()
    assert (execution.status, execution.message) == (
        "Completed",
        "Completed: Job completed successfully with no violations.",
    )
    assert world.names("s3://lake/reports/homes/hourly/2026/07/01/13/") == [
        "constraints.json",
        "report.html",
        "report.json",
        "statistics.json",
    ]
    ages = [20 + i % 50 for i in range(300)]
    by_name = {d.metric.name: d for d in world.around.metrics}
    assert by_name["feature_data_age"].statistics == (300.0, float(sum(ages)), 20.0, 69.0)
    assert by_name["feature_non_null_age"].values == (1.0,)
    summary = ("data_quality_score", "drift_score", "missing_value_rate", "total_number_of_violations")
    assert [by_name[name].values for name in summary] == [(1.0,), (0.0,), (0.0,), (0.0,)]


def test_a_broken_hour_names_its_fault_in_file_message_metrics_and_alert(world: World) -> None:
    with_baseline(world)
    scheduled(world, "DataQuality", on_baseline(world))
    captured(world, NOON, [line.replace("Rome", "Paris") for line in usual_lines()])
    world.settle(3600 + DELAY)
    found = violations(world)
    assert world.execution().status == "CompletedWithViolations"
    assert (
        world.execution().message
        == f"CompletedWithViolations: Job completed successfully with {len(found)} violations."
    )
    assert {(v["feature_name"], v["constraint_check_type"]) for v in found} >= {("city", "categorical_values_check")}
    drift = [d for d in world.around.metrics if d.metric.name == "feature_baseline_drift_city"]
    assert [(d.metric.namespace, dict(d.metric.dimensions), d.timestamp) for d in drift] == [
        (
            "aws/sagemaker/Endpoints/data-metrics",
            {"Endpoint": "homes", "MonitoringSchedule": "hourly"},
            NOON.timestamp(),
        )
    ]
    assert drift[0].values[0] > 0.3
    assert [alert.status for alert in world.monitoring.alerts.of("hourly")] == ["InAlert"]


def test_metrics_are_not_published_when_the_environment_says_so(world: World) -> None:
    with_baseline(world)
    application: Members = {"Environment": {"publish_cloudwatch_metrics": "Disabled"}}
    scheduled(world, "DataQuality", on_baseline(world, application=application))
    captured(world, NOON, usual_lines())
    world.settle(3600 + DELAY)
    assert (world.execution().status, world.around.metrics) == ("Completed", [])


def test_an_hour_without_records_fails_and_says_where_it_looked(world: World) -> None:
    with_baseline(world)
    scheduled(world, "DataQuality", on_baseline(world))
    world.settle(3600 + DELAY)
    execution = world.execution()
    assert execution.status == "Failed"
    assert execution.failure == (
        "Job inputs had no data: no record from 2026-07-01T12:00:00Z to 2026-07-01T13:00:00Z under "
        "s3://lake/capture/homes/"
    )
    assert world.names("s3://lake/reports/") == []


def test_records_of_neighbouring_hours_are_not_read(world: World) -> None:
    with_baseline(world)
    scheduled(world, "DataQuality", on_baseline(world))
    for hour in (NOON - HOUR, NOON, NOON + HOUR):
        captured(world, hour, usual_lines(100 + hour.hour, hour))
    captured(world, NOON, usual_lines(7), variant="Canary")
    world.settle(3600 + DELAY)
    statistics = json.loads(world.text("s3://lake/reports/homes/hourly/2026/07/01/13/statistics.json"))
    assert statistics["dataset"]["item_count"] == 112 + 7


def test_a_window_within_an_hour_takes_its_records_by_their_own_times(world: World) -> None:
    with_baseline(world)
    captured(world, NOON - HOUR, usual_lines(3600, NOON - HOUR))
    world.clock.advance(-1800)
    scheduled(world, "DataQuality", on_baseline(world), expression="NOW", start="-PT10M", end="-PT5M")
    statistics = json.loads(world.text("s3://lake/reports/homes/hourly/2026/07/01/11/statistics.json"))
    assert statistics["dataset"]["item_count"] == 300


def test_a_window_without_any_baseline_is_described_and_judged_by_nothing(world: World) -> None:
    scheduled(world, "DataQuality", definition("DataQuality"))
    captured(world, NOON, usual_lines())
    world.settle(3600 + DELAY)
    assert world.execution().status == "Completed"
    assert world.names("s3://lake/reports/homes/hourly/2026/07/01/13/") == ["constraints.json", "statistics.json"]


def test_a_window_run_again_replaces_its_report_and_publishes_no_metric_twice(world: World) -> None:
    with_baseline(world)
    scheduled(world, "DataQuality", on_baseline(world))
    captured(world, NOON, [line.replace("Rome", "Paris") for line in usual_lines()])
    world.settle(3600 + DELAY)
    published = len(world.around.metrics)
    captured(world, NOON, usual_lines())
    world.monitoring.run_window("hourly", Window(NOON, NOON + HOUR), "me")
    world.settle()
    assert world.execution().status == "Completed"
    assert "constraint_violations.json" not in world.names("s3://lake/reports/homes/hourly/2026/07/01/13/")
    assert len(world.around.metrics) == published
    assert [alert.status for alert in world.monitoring.alerts.of("hourly")] == ["OK"]


def test_each_baseline_job_at_a_place_makes_another_version(world: World) -> None:
    for name, rows in (("base", 400), ("again", 50)):
        world.put("s3://lake/train/a.csv", training_csv(rows))
        job = world.job(name, **baseline_job("s3://lake/train/", "s3://lake/baseline"))
        assert (job.status, job.message) == ("Completed", "Completed: Job completed successfully with no violations.")
    versions = world.monitoring.baselines("s3://lake/baseline")
    assert [(v.version, v.job) for v in versions] == [(1, "base"), (2, "again")]
    assert versions[0].files != versions[1].files
    assert set(versions[0].files) == {"statistics.json", "constraints.json"}


def test_a_baseline_takes_the_categorical_drift_method_it_is_told(world: World) -> None:
    world.put("s3://lake/train/a.csv", training_csv())
    job = baseline_job("s3://lake/train/", "s3://lake/baseline", categorical_drift_method="ChiSquared")
    assert world.job("base", **job).status == "Completed"
    constraints = json.loads(world.text("s3://lake/baseline/constraints.json"))
    assert constraints["monitoring_config"]["distribution_constraints"]["categorical_drift_method"] == "ChiSquared"


# --- batch data -------------------------------------------------------------------------------------------------------


def test_a_transform_jobs_manifest_leads_to_its_rows(world: World) -> None:
    with_baseline(world)
    rows = training_csv(60).splitlines()[1:]
    world.put("s3://lake/transformed/1.csv.out", "\n".join(rows[:40]) + "\n")
    world.put("s3://lake/transformed/2.csv.out", "\n".join(rows[40:]) + "\n")
    manifest = [{"prefix": "s3://lake/transformed/"}, "1.csv.out", "2.csv.out"]
    world.put("s3://lake/batches/output/2026/07/01/12/x.json", json.dumps(manifest))
    batch: Members = {
        "DataCapturedDestinationS3Uri": "s3://lake/batches",
        "DatasetFormat": {"Csv": {"Header": False}},
    }
    scheduled(world, "DataQuality", on_baseline(world, batch=batch))
    world.settle(3600 + DELAY)
    assert world.execution().status == "Completed", world.execution().failure
    statistics = json.loads(world.text("s3://lake/reports/hourly/2026/07/01/13/statistics.json"))
    assert statistics["dataset"]["item_count"] == 60
    assert {d.metric.namespace for d in world.around.metrics} == {"aws/sagemaker/ModelMonitoring/data-metrics"}
    assert {d.metric.dimensions for d in world.around.metrics} == {(("MonitoringSchedule", "hourly"),)}


@pytest.mark.parametrize("form", ["lines", "parquet"])
def test_batches_may_lie_in_hour_folders_themselves_in_every_format(world: World, form: str) -> None:
    with_baseline(world)
    table = pl.read_csv(training_csv(80).encode())
    place = f"{world.home}/part"
    formats: dict[str, tuple[Members, Callable[[str], object]]] = {
        "lines": ({"Json": {"Line": True}}, table.write_ndjson),
        "parquet": ({"Parquet": {}}, table.write_parquet),
    }
    asked, write = formats[form]
    write(place)
    world.put("s3://lake/batches/2026/07/01/12/part-0", Path(place).read_bytes())
    batch: Members = {"DataCapturedDestinationS3Uri": "s3://lake/batches", "DatasetFormat": asked}
    scheduled(world, "DataQuality", on_baseline(world, batch=batch))
    world.settle(3600 + DELAY)
    assert world.execution().status == "Completed", world.execution().failure


# --- scripts and commands ---------------------------------------------------------------------------------------------

DOUBLING = """
def preprocess_handler(inference_record, logger):
    logger.info("seen " + inference_record.event_metadata.event_id)
    row = inference_record.endpoint_output.data.rstrip("\\n") + "," + inference_record.endpoint_input.data
    if inference_record.event_metadata.event_id == "e0":
        return []
    return dict(zip(("price", "age", "city"), row.split(",")))
"""

READING = """
import json, os, pathlib

def postprocess_handler():
    with open("/opt/ml/processing/output/constraint_violations.json") as file:
        found = json.load(file)["violations"]
    assert os.path.exists("/opt/ml/processing/output/statistics.json")
    text = pathlib.Path("/opt/ml/processing/output/statistics.json").read_text()
    pathlib.Path("/opt/ml/processing/output/own.json").write_text(json.dumps([len(found), len(text) > 0]))
"""


def test_a_preprocessing_script_makes_the_rows_and_its_log_is_the_jobs(world: World) -> None:
    with_baseline(world)
    script = world.put("s3://lake/scripts/rows.py", DOUBLING)
    scheduled(world, "DataQuality", on_baseline(world, application={"RecordPreprocessorSourceUri": script}))
    captured(world, NOON, usual_lines(100))
    world.settle(3600 + DELAY)
    assert world.execution().status == "Completed", world.execution().failure
    statistics = json.loads(world.text("s3://lake/reports/homes/hourly/2026/07/01/13/statistics.json"))
    assert statistics["dataset"]["item_count"] == 99
    assert "seen e42" in world.log()


def test_a_script_that_raises_fails_the_run_and_says_where(world: World) -> None:
    with_baseline(world)
    script = world.put("s3://lake/scripts/bad.py", "def preprocess_handler(r):\n    return {'a': r.nothing}\n")
    scheduled(world, "DataQuality", on_baseline(world, application={"RecordPreprocessorSourceUri": script}))
    captured(world, NOON, usual_lines(10))
    world.settle(3600 + DELAY)
    failure = world.execution().failure
    assert failure is not None
    assert failure.startswith("There is an exception raised in preprocessor script: AttributeError")
    assert "line 2" in failure
    assert world.names("s3://lake/reports/") == []


def test_a_postprocessing_script_reads_the_reports_at_the_containers_paths(world: World) -> None:
    with_baseline(world)
    script = world.put("s3://lake/scripts/after.py", READING)
    scheduled(world, "DataQuality", on_baseline(world, application={"PostAnalyticsProcessorSourceUri": script}))
    captured(world, NOON, [line.replace("Rome", "Paris") for line in usual_lines()])
    world.settle(3600 + DELAY)
    assert world.execution().status == "CompletedWithViolations", world.execution().failure
    assert json.loads(world.text("s3://lake/reports/homes/hourly/2026/07/01/13/own.json")) == [
        len(violations(world)),
        True,
    ]


def test_an_unknown_image_fails_and_says_which_there_are(world: World) -> None:
    job = world.job("mine", AppSpecification={"ImageUri": "1.dkr.ecr.x.amazonaws.com/my-own:latest"})
    assert job.status == "Failed"
    assert job.message is not None
    assert "sagemaker-model-monitor-analyzer" in job.message
    assert "processors.toml" in job.message


OWN = """
import json, os, pathlib
source = pathlib.Path(os.environ["dataset_source"])
lines = sum(len(path.read_text().splitlines()) for path in source.rglob("*.jsonl"))
output = pathlib.Path(os.environ["output_path"])
(output / "constraint_violations.json").write_text(json.dumps({"violations": [{"feature_name": "x"}]}))
root = pathlib.Path(os.environ["WATCHPOST_CONTAINER_ROOT"])
(root / "opt/ml/output/metrics/cloudwatch").mkdir(parents=True)
(root / "opt/ml/output/metrics/cloudwatch/cloudwatch_metrics.jsonl").write_text(
    json.dumps({"MetricName": "rows", "Timestamp": os.environ["start_time"], "Dimensions": [], "Value": lines}) + "\\n"
)
(root / "opt/ml/output/message").write_text("CompletedWithViolations: found one")
print("counted", lines)
"""


def test_a_command_of_the_servers_owner_stands_for_an_image_of_ones_own(world: World, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    words = json.dumps([sys.executable, str(tmp_path / "own.py")])
    (tmp_path / "processors.toml").write_text(f"[processors.my-monitor]\ncommand = {words}\n")
    scheduled(world, "DataQuality", definition("DataQuality", image="1.dkr.ecr.x.amazonaws.com/my-monitor:2"))
    captured(world, NOON, usual_lines(25))
    world.settle(3600 + DELAY)
    assert (world.execution().status, world.execution().message) == (
        "CompletedWithViolations",
        "CompletedWithViolations: found one",
    )
    assert [(d.metric.name, d.values) for d in world.around.metrics] == [("rows", (25.0,))]
    assert "counted 25" in world.log()


# --- model quality ----------------------------------------------------------------------------------------------------


def quality(world: World, script: str | None = None, **endpoint: str) -> None:
    rng = np.random.default_rng(7)
    rows = [f"{p:.3f},{int(rng.random() < p)}" for p in (rng.random() for _ in range(500))]
    table = pl.read_csv("\n".join(["probability,label", *rows]).encode())
    told = Settings("BinaryClassification", probability_attribute="probability", ground_truth_attribute="label")
    learned = suggest_baseline(table, monitor="model_quality", settings=told)
    for path in learned.save(world.home / "made").iterdir():
        world.put(f"s3://lake/quality/{path.name}", path.read_bytes())
    members = definition(
        "ModelQuality",
        constraints="s3://lake/quality/constraints.json",
        ground_truth="s3://lake/labels",
        application={"ProblemType": "BinaryClassification", "RecordPreprocessorSourceUri": script},
        endpoint={"ProbabilityAttribute": "0", **endpoint},
    )
    scheduled(world, "ModelQuality", members)


def scores_and_labels(count: int, flip: bool) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(11)
    scores = [rng.random() for _ in range(count)]
    labels = [int((rng.random() < score) ^ flip) for score in scores]
    lines = [capture_line("1,2", f"{score:.3f}", NOON, f"e{i}") for i, score in enumerate(scores)]
    return lines, [label_line(f"e{i}", str(label)) for i, label in enumerate(labels)]


def test_model_quality_meets_its_labels_and_names_the_metrics_that_fell(world: World) -> None:
    quality(world)
    lines, labels = scores_and_labels(400, flip=True)
    captured(world, NOON, lines)
    world.put("s3://lake/labels/2026/07/01/12/a.jsonl", "\n".join(labels) + "\n")
    world.settle(3600 + DELAY)
    assert world.execution().status == "CompletedWithViolations", world.execution().failure
    assert {"accuracy", "auc"} <= {v["metric_name"] for v in violations(world)}
    by_name = {d.metric.name: d for d in world.around.metrics}
    assert by_name["accuracy"].metric.namespace == "aws/sagemaker/Endpoints/model-metrics"
    assert by_name["accuracy"].values[0] < 0.5


def test_a_window_without_a_label_yet_is_judged_as_such_and_not_failed(world: World) -> None:
    quality(world)
    lines, _ = scores_and_labels(300, flip=True)
    captured(world, NOON, lines)
    world.settle(3600 + DELAY)
    assert world.execution().status == "Completed", world.execution().failure
    report = json.loads(world.text("s3://lake/reports/homes/hourly/2026/07/01/13/report.json"))
    assert report["notes"][0] == "0 of 300 predictions have a label so far."
    assert world.execution().unjudged
    assert not world.around.metrics or all(d.metric.name != "accuracy" for d in world.around.metrics)


def test_labels_that_come_days_later_restate_the_window_they_belong_to(world: World) -> None:
    quality(world)
    lines, labels = scores_and_labels(400, flip=True)
    captured(world, NOON, lines)
    world.put("s3://lake/labels/2026/07/01/12/a.jsonl", "\n".join(labels[:60]) + "\n")
    world.settle(3600 + DELAY)
    world.put("s3://lake/labels/2026/07/04/09/b.jsonl", "\n".join(labels[60:]) + "\n")
    world.monitoring.run_window("hourly", Window(NOON, NOON + HOUR), "me")
    world.settle()
    assert not world.execution().unjudged
    report = json.loads(world.text("s3://lake/reports/homes/hourly/2026/07/01/13/statistics.json"))
    assert report["dataset"]["item_count"] == 400


@pytest.mark.parametrize("words", [("0", "1"), ("declined", "approved")], ids=" ".join)
def test_a_model_quality_job_learns_from_the_environment_the_sdk_sends(world: World, words: tuple[str, str]) -> None:
    rows = [f"{i % 10 / 10},{words[i % 10 > 4]}" for i in range(300)]
    world.put("s3://lake/train/q.csv", "\n".join(["probability,label", *rows]) + "\n")
    job = world.job(
        "base",
        **baseline_job(
            "s3://lake/train/q.csv",
            "s3://lake/quality",
            analysis_type="MODEL_QUALITY",
            problem_type="BinaryClassification",
            probability_attribute="probability",
            ground_truth_attribute="label",
            watchpost_positive_label=words[1],
        ),
    )
    assert job.status == "Completed", job.failure
    constraints = json.loads(world.text("s3://lake/quality/constraints.json"))
    assert constraints["binary_classification_constraints"]["accuracy"]["threshold"] == 1.0


def test_the_days_of_an_offset_choose_an_older_window(world: World) -> None:
    quality(world, StartTimeOffset="-PT2D", EndTimeOffset="-P1D")
    lines, labels = scores_and_labels(300, flip=False)
    captured(world, NOON - 30 * HOUR, lines)
    world.put("s3://lake/labels/2026/07/01/11/a.jsonl", "\n".join(labels) + "\n")
    world.settle(3600 + DELAY)
    execution = world.execution()
    assert (execution.start, execution.end) == (NOON - 47 * HOUR, NOON - 23 * HOUR)
    assert execution.status.startswith("Completed"), execution.failure


SCORE = """
def preprocess_handler(record):
    if record.ground_truth is None:
        return []
    return {"endpointOutput_probability": float(record.endpoint_output.data)}
"""


def test_a_preprocessing_script_of_model_quality_sees_labels_and_its_rows_meet_them(world: World) -> None:
    script = world.put("s3://lake/scripts/score.py", SCORE)
    quality(world, script, ProbabilityAttribute="probability")
    lines, labels = scores_and_labels(300, flip=True)
    captured(world, NOON, lines)
    world.put("s3://lake/labels/2026/07/01/12/a.jsonl", "\n".join(labels[:200]) + "\n")
    world.settle(3600 + DELAY)
    assert world.execution().status == "CompletedWithViolations", world.execution().failure
    report = json.loads(world.text("s3://lake/reports/homes/hourly/2026/07/01/13/statistics.json"))
    assert report["dataset"]["item_count"] == 200


def test_the_merger_writes_records_with_their_labels_into_their_hours(world: World) -> None:
    lines, labels = scores_and_labels(20, flip=False)
    captured(world, NOON, lines)
    world.put("s3://lake/labels/2026/07/01/12/a.jsonl", "\n".join(labels[:15]) + "\n")
    inputs = [
        {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix"}}
        for name, uri, path in (
            ("endpoint_input_1", "s3://lake/capture", "/opt/ml/processing/input_data"),
            ("groundtruth_input_1", "s3://lake/labels", "/opt/ml/processing/groundtruth"),
        )
    ]
    output = {"S3Uri": "s3://lake/merged", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    job = world.job(
        "merge",
        AppSpecification={"ImageUri": "1.dkr.ecr.x/sagemaker-model-monitor-groundtruth-merger"},
        ProcessingInputs=inputs,
        ProcessingOutputConfig={"Outputs": [{"OutputName": "merged", "S3Output": output}]},
        Environment={
            "dataset_source": "/opt/ml/processing/input_data",
            "ground_truth_source": "/opt/ml/processing/groundtruth",
            "output_path": "/opt/ml/processing/output",
        },
    )
    assert job.status == "Completed", job.failure
    assert world.names("s3://lake/merged/") == ["homes/AllTraffic/2026/07/01/12/part-00000.jsonl"]
    merged = world.text("s3://lake/merged/homes/AllTraffic/2026/07/01/12/part-00000.jsonl").splitlines()
    assert len(merged) == 15
    assert json.loads(merged[0])["groundTruthData"]["encoding"] == "CSV"


# --- bias and explainability ------------------------------------------------------------------------------------------

GROUPS: Members = {
    "headers": ["label", "income", "sex"],
    "label": "label",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": [0]}],
}


def people(count: int, seed: int, gap: float) -> list[tuple[int, int, int]]:
    """Label, income, sex; `gap` is how much rarer the good label is in group 0."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        sex = int(rng.integers(2))
        found.append((int(rng.random() < 0.6 - gap * (1 - sex)), int(rng.integers(100)), sex))
    return found


def test_bias_against_a_clarify_baseline_names_group_and_metric(world: World) -> None:
    rows = "\n".join(f"{label},{income},{sex}" for label, income, sex in people(800, 1, 0.05))
    world.put("s3://lake/train/people.csv", rows + "\n")
    config = {**GROUPS, "methods": {"pre_training_bias": {"methods": "all"}, "report": {}}}
    world.put("s3://lake/bias/analysis_config.json", json.dumps(config))
    job = world.job(
        "base", **clarify_job("s3://lake/train/people.csv", "s3://lake/bias/analysis_config.json", "s3://lake/bias")
    )
    assert job.status == "Completed", job.failure
    world.put("s3://lake/bias-schedule/analysis_config.json", json.dumps(GROUPS))
    members = definition(
        "ModelBias",
        constraints="s3://lake/bias/analysis.json",
        ground_truth="s3://lake/labels",
        application={"ConfigUri": "s3://lake/bias-schedule/analysis_config.json"},
    )
    scheduled(world, "ModelBias", members)
    now = people(800, 2, 0.5)
    lines = [capture_line(f"{income},{sex}", "0.7", NOON, f"e{i}") for i, (_, income, sex) in enumerate(now)]
    captured(world, NOON, lines)
    labels = [label_line(f"e{i}", str(label)) for i, (label, _, _) in enumerate(now)]
    world.put("s3://lake/labels/2026/07/01/13/a.jsonl", "\n".join(labels) + "\n")
    world.settle(3600 + DELAY)
    assert world.execution().status == "CompletedWithViolations", (world.execution().failure, world.log())
    assert ("sex", "0", "DPL") in {(v["facet"], v["facet_value"], v["metric_name"]) for v in violations(world)}
    dpl = next(d for d in world.around.metrics if d.metric.name == "bias_metric_DPL")
    assert dpl.metric.namespace == "aws/sagemaker/Endpoints/bias-metrics"
    assert dict(dpl.metric.dimensions) == {
        "Endpoint": "homes",
        "MonitoringSchedule": "hourly",
        "BiasStage": "Pre-training",
        "Label": "label",
        "LabelValue": "1",
        "Facet": "sex",
        "FacetValue": "0",
    }
    assert dpl.values[0] == pytest.approx(0.5, abs=0.1)


def test_a_bias_baseline_asks_the_model_for_the_predictions_it_lacks(world: World, scoring: str) -> None:
    own = World(world.store, world.clock, world.home, model_plan=lambda _model, _endpoint: Upstream(scoring))
    rows = "\n".join(f"{label},{income / 300},{sex}" for label, income, sex in people(300, 1, 0.05))
    own.put("s3://lake/train/people.csv", rows + "\n")
    methods: Members = {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}}
    config = {**GROUPS, "methods": methods, "predictor": {"model_name": "m"}, "probability_threshold": 0.5}
    own.put("s3://lake/bias/analysis_config.json", json.dumps(config))
    job = own.job(
        "base", **clarify_job("s3://lake/train/people.csv", "s3://lake/bias/analysis_config.json", "s3://lake/bias")
    )
    assert job.status == "Completed", job.failure
    analysis = json.loads(own.text("s3://lake/bias/analysis.json"))
    names = {m["name"] for m in analysis["post_training_bias_metrics"]["facets"]["sex"][0]["metrics"]}
    assert {"AD", "DPPL", "DI"} <= names


def test_explainability_asks_the_model_and_publishes_attributions(world: World, scoring: str) -> None:
    asked: list[tuple[str | None, str | None]] = []

    def model(name: str | None, endpoint: str | None) -> Upstream:
        asked.append((name, endpoint))
        return Upstream(scoring)

    own = World(world.store, world.clock, world.home, model_plan=model, around=world.around)
    rng = np.random.default_rng(3)
    rows = [f"{rng.random():.4f},{rng.random():.4f}" for _ in range(200)]
    own.put("s3://lake/train/f.csv", "\n".join(rows) + "\n")
    config: Members = {
        "headers": ["strong", "weak"],
        "methods": {"shap": {"baseline": [[0.5, 0.5]], "num_samples": 20, "agg_method": "mean_abs"}},
        "predictor": {"model_name": "homes-model", "content_type": "text/csv"},
    }
    own.put("s3://lake/shap/analysis_config.json", json.dumps(config))
    job = own.job(
        "base", **clarify_job("s3://lake/train/f.csv", "s3://lake/shap/analysis_config.json", "s3://lake/shap")
    )
    assert job.status == "Completed", (job.failure, own.log())
    members = definition(
        "ModelExplainability",
        constraints="s3://lake/shap/analysis.json",
        application={"ConfigUri": "s3://lake/shap/analysis_config.json"},
    )
    scheduled(own, "ModelExplainability", members)
    captured(own, NOON, [capture_line(row, "0.5", NOON, f"e{i}") for i, row in enumerate(rows)])
    own.settle(3600 + DELAY)
    assert own.execution().status == "Completed", (own.execution().failure, own.log())
    assert asked == [("homes-model", None), ("homes-model", "homes")]
    values = {d.metric.name: d for d in own.around.metrics}
    assert values["feature_strong"].values[0] > 10 * values["feature_weak"].values[0]
    dimensions = dict(values["feature_strong"].metric.dimensions)
    assert (dimensions["ExplainabilityMethod"], dimensions["ValueType"]) == ("KernelShap", "GlobalShapValues")
    assert "ExpectedValue" in values


@pytest.fixture
def scoring() -> "object":
    """A model server: a row's score is 3 times its first value plus a tenth of its second."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Model(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            rows = [[float(cell) for cell in line.split(",")] for line in body.split()]
            answer = "\n".join(str(3 * row[0] + 0.1 * row[1]) for row in rows).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
