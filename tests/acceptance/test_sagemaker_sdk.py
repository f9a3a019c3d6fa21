"""Scripts as SageMaker's tutorials print them, run by the real SDK against the real server, and nothing but that.

The SDK sleeps 5 to 30 seconds between two looks at a job or an endpoint, which is most of what a journey takes. So the
scripts run with `journeys/shortened` on their path, which cuts every nap; one runs at the SDK's own pace.
"""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

JOURNEYS = Path(__file__).parent / "journeys"
MAKE = Path(__file__).parents[1] / "peers" / "make.py"
# Journeys of one server share little; a machine that runs the whole suite beside them is slow all the same.
_SECONDS = 240


@pytest.fixture(scope="session")
def sagemaker_python() -> str:
    """The interpreter of an environment with the SageMaker SDK, made on first use; a loud skip if that cannot be."""
    done = subprocess.run([sys.executable, str(MAKE), "sagemaker"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the SageMaker SDK is not at hand: {done.stderr.strip()}")
    return done.stdout.strip()


@pytest.fixture
def server(served: Callable[..., Any], tmp_path: Path) -> Any:
    """A server that writes captures within half a second instead of a minute."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "runners.toml").write_text("[capture]\nflush_seconds = 0.5\n")
    return served(home=home)


def travel(server: Any, python: str, script: str, *arguments: object, naps: bool = False) -> dict[str, Any]:
    """Run a journey as a user would after `eval "$(watchpost env)"`; the JSON it printed last."""
    own = dict(os.environ)  # noqa: TID251  a child needs its parent's environment
    environment = {**own, **server.environment, "SAGEMAKER_SUPPRESS_V2_WARNING": "1", "PYTHONWARNINGS": "ignore"}
    if not naps:
        environment["PYTHONPATH"] = str(JOURNEYS / "shortened")
    command = [python, str(JOURNEYS / script), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    last = done.stdout.strip().splitlines()[-1]
    # The SDK marks time with dots, and no line end behind them.
    said: dict[str, Any] = json.loads(last[last.index("{") :])
    return said


def archive(folder: Path, booster: xgboost.Booster) -> Path:
    """A model archive as a SageMaker training job leaves it."""
    booster.save_model(folder / "xgboost-model.json")
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder / "xgboost-model.json", arcname="xgboost-model")
    return path


@pytest.fixture
def prices(tmp_path: Path) -> tuple[Path, Path]:
    """A regression model of three features, and its training data with its own predictions in front, label behind."""
    rng = np.random.default_rng(1)
    features = np.column_stack([rng.integers(0, 50, 2000), rng.normal(100, 10, 2000), rng.integers(0, 3, 2000)])
    label = 2 * features[:, 0] + features[:, 1] + rng.normal(0, 1, 2000)
    booster = xgboost.train({"max_depth": 3, "nthread": 1}, xgboost.DMatrix(features, label), 20)
    predicted = booster.predict(xgboost.DMatrix(features))
    lines = ["prediction,rooms,area,storey"]
    for guess, (rooms, area, storey) in zip(predicted, features, strict=True):
        lines.append(f"{guess:.4f},{int(rooms)},{area:.4f},{int(storey)}")
    train = tmp_path / "train.csv"
    train.write_text("\n".join(lines) + "\n")
    judged = [f"{guess:.4f},{truth:.4f}" for guess, truth in zip(predicted, label, strict=True)]
    (tmp_path / "judged.csv").write_text("\n".join(["prediction,label", *judged]) + "\n")
    return archive(tmp_path, booster), train


@pytest.fixture
def churn(tmp_path: Path) -> tuple[Path, Path]:
    """A classifier of three features: who became a customer lately leaves; and validation data with labels."""
    rng = np.random.default_rng(2)
    tenure, charge, group = rng.integers(0, 50, 600), rng.normal(100, 20, 600), rng.integers(0, 2, 600)
    features = np.column_stack([tenure, charge, group]).astype(float)
    label = (tenure + rng.normal(0, 5, 600) < 25).astype(int)
    parameters = {"max_depth": 3, "objective": "binary:logistic", "nthread": 1}
    booster = xgboost.train(parameters, xgboost.DMatrix(features, label), 20)
    rows = [f"{y},{int(t)},{c:.3f},{int(g)}" for y, (t, c, g) in zip(label, features, strict=True)]
    validation = tmp_path / "validation.csv"
    validation.write_text("\n".join(["label,tenure,charge,group", *rows]) + "\n")
    unlabelled = [row.partition(",")[2] for row in rows[:100]]
    (tmp_path / "features.csv").write_text("\n".join(unlabelled) + "\n")
    return archive(tmp_path, booster), validation


def test_a_data_quality_journey_finds_the_column_that_went_wrong(
    server: Any, sagemaker_python: str, prices: tuple[Path, Path]
) -> None:
    said = travel(server, sagemaker_python, "data_quality.py", *prices)
    assert said["baseline_items"] == said["from_s3"] == 2000
    assert said["baseline_features"] == said["constrained_features"] == ["prediction", "rooms", "area", "storey"]
    assert said["answers"] == said["checked_items"] == 120
    captured = said["captured"]["captureData"]
    assert captured["endpointInput"]["data"].split(",")[1] == "-1000.0"
    assert captured["endpointInput"]["encoding"] == captured["endpointOutput"]["encoding"] == "CSV"
    assert ["area", "baseline_drift_check"] in said["violations"]
    assert said["exit_message"].startswith("CompletedWithViolations")
    assert said["report"].endswith("/DEMO-ModelMonitor/reports") or "/reports/" in said["report"]
    assert (said["expression"], said["endpoint"]) == ("cron(0 * ? * * *)", "DEMO-price-quality")
    assert (said["stopped"], said["updated"]) == ("Stopped", "cron(0 3 ? * * *)")
    assert said["monitors"] == ["DEMO-price-quality-hourly", "DEMO-price-quality-now"]
    assert said["sampling"] == 50


def test_a_model_quality_journey_finds_the_error_that_grew(
    server: Any, sagemaker_python: str, prices: tuple[Path, Path]
) -> None:
    model, train = prices
    said = travel(server, sagemaker_python, "model_quality.py", model, train.with_name("judged.csv"))
    assert {"mae", "mse", "r2", "rmse"} <= set(said["constraints"])
    assert said["baseline_mae"] < 2
    assert said["items"] == 200
    assert said["mae"] == pytest.approx(30, abs=1e-6)
    assert {name for name, _ in said["violations"]} >= {"mae", "mse", "rmse"}
    assert said["job"].startswith("model-quality-monitoring-")
    assert said["exit_message"].startswith("CompletedWithViolations")
    assert {"mae", "rmse"} <= set(said["metrics"])
    assert {"Endpoint", "MonitoringSchedule"} <= set(said["dimensions"])


def test_a_bias_journey_finds_the_group_that_came_to_be_treated_otherwise(
    server: Any, sagemaker_python: str, churn: tuple[Path, Path]
) -> None:
    said = travel(server, sagemaker_python, "bias.py", *churn)
    assert "post_training_bias_metrics" in said["baseline"]
    assert said["metrics"] >= 10
    assert said["exit_message"].startswith("CompletedWithViolations"), said
    assert "DPPL" in said["violations"]


def test_an_explainability_journey_finds_the_feature_that_lost_its_weight(
    server: Any, sagemaker_python: str, churn: tuple[Path, Path]
) -> None:
    model, validation = churn
    said = travel(server, sagemaker_python, "explainability.py", model, validation.with_name("features.csv"))
    shap = said["global_shap_values"]
    assert max(shap, key=shap.__getitem__) == "tenure"
    assert said["exit_message"].startswith("CompletedWithViolations"), said
    assert said["violations"]


def test_a_registered_model_is_approved_deployed_and_tagged(
    server: Any, sagemaker_python: str, prices: tuple[Path, Path]
) -> None:
    said = travel(server, sagemaker_python, "registry.py", prices[0])
    assert said["versions"] == [2, 1]
    assert said["before"] == "PendingManualApproval"
    assert said["metadata"] == {"trained-on": "2024"}
    assert said["statistics"].endswith("/registry/statistics.json")
    assert said["latest"].endswith(":model-package/prices/2")
    assert said["price"] == pytest.approx(120, abs=5)
    assert said["tags"] == [{"Key": "stage", "Value": "production"}]


def test_a_baseline_at_the_pace_of_the_sdk_shows_the_log_of_its_job(
    server: Any, sagemaker_python: str, prices: tuple[Path, Path]
) -> None:
    """Slow: nearly a minute, all of it the SDK's naps."""
    assert travel(server, sagemaker_python, "baseline.py", prices[1], naps=True) == {"items": 2000}


def test_boto3_alone_captures_schedules_and_restates_quality_as_labels_come_in(
    server: Any, prices: tuple[Path, Path]
) -> None:
    said = travel(server, sys.executable, "boto3_only.py", *prices, naps=True)
    assert said["capture"] == ["Started", 100]
    assert said["baseline"] == "Completed"
    assert said["schedules"] == dict.fromkeys(
        ["cron(0 * * * ? *)", "cron(0 */2 * * ? *)", "cron(0 12 * * ? *)"], "Scheduled"
    )
    assert said["first"] == {"status": "Completed", "items": 20, "mae": pytest.approx(10)}
    assert said["second"] == {"status": "Completed", "items": 60, "mae": pytest.approx((20 * 10 + 40 * 40) / 60)}


def test_the_aws_cli_alone_serves_and_watches_a_model(server: Any, prices: tuple[Path, Path]) -> None:
    said = server.run("bash", str(JOURNEYS / "monitor.sh"), "flats-bucket", *map(str, prices))
    assert said.splitlines() == [
        "AllTraffic",
        "constraints.json",
        "statistics.json",
        "flats\tDataQuality",
        "pricing",
        "OK",
    ]


def test_labels_go_where_the_schedules_of_the_endpoint_look_for_them(server: Any, tmp_path: Path) -> None:
    sagemaker, s3 = server.client("sagemaker"), server.client("s3")
    s3.create_bucket(Bucket="labels")
    watch(sagemaker, "churn", "s3://labels/churn/")
    (tmp_path / "sold.csv").write_text("id,label\n007,1\n8,0\n")
    (tmp_path / "late.jsonl").write_text('{"inference_id": "x", "ground_truth": 0.5}\n')
    files = [str(tmp_path / "sold.csv"), str(tmp_path / "late.jsonl")]
    said = json.loads(
        server.run("watchpost", "labels", *files, "--endpoint", "churn", "--at", "2026-11-20T06:30Z", "--json")
    )
    assert said["labels"] == 3
    (uri,) = said["objects"]
    assert uri.startswith("s3://labels/churn/2026/11/20/06/30-00-000-")
    body = s3.get_object(Bucket="labels", Key=uri.removeprefix("s3://labels/"))["Body"].read()
    records = [json.loads(line) for line in body.splitlines()]
    assert [record["eventMetadata"]["eventId"] for record in records] == ["007", "8", "x"]
    assert [record["groundTruthData"]["data"] for record in records] == ["1", "0", "0.5"]
    # One place in all, so that nobody needs to be named; and the server may be found by its home.
    again = server.run("watchpost", "labels", files[0], "--home", str(server.home), "--json")
    assert json.loads(again)["objects"][0].startswith("s3://labels/churn/")


def watch(sagemaker: Any, endpoint: str, labels: str) -> None:
    """A schedule that reads the endpoint's labels from there."""
    sagemaker.create_model_quality_job_definition(
        JobDefinitionName=endpoint,
        ModelQualityAppSpecification={
            "ImageUri": "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer",
            "ProblemType": "BinaryClassification",
        },
        ModelQualityJobInput={
            "EndpointInput": {"EndpointName": endpoint, "LocalPath": "/in", "InferenceAttribute": "0"},
            "GroundTruthS3Input": {"S3Uri": labels},
        },
        ModelQualityJobOutputConfig={
            "MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://labels/out", "LocalPath": "/out"}}]
        },
        JobResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        RoleArn="arn:aws:iam::000000000000:role/SageMakerRole",
    )
    sagemaker.create_monitoring_schedule(
        MonitoringScheduleName=endpoint,
        MonitoringScheduleConfig={
            "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
            "MonitoringJobDefinitionName": endpoint,
            "MonitoringType": "ModelQuality",
        },
    )
