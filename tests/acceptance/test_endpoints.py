"""Endpoints as boto3's users make them: the real server, models in processes of their own, real sockets."""

import io
import json
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

MODEL = """
import os, sys, time

STARTED = time.time()
hoard = []

def predict(body, content_type):
    print("asked", flush=True)
    match body:
        case b"pid":
            return str(os.getpid()), "text/plain"
        case b"die":
            os._exit(3)
        case b"raise":
            raise ValueError("these are no features")
        case b"memory":
            hoard.append(bytearray(2 << 30))
        case b"slow":
            time.sleep(60)
        case b"environment":
            return dict(os.environ)
    time.sleep(float(os.environ.get("PAUSE", "0")))
    return os.environ.get("NAME", "") + ":" + body.decode(), content_type

def broken(body):
    pass

if os.environ.get("NAME") == "cannot-start":
    raise ImportError("a library is missing")
"""

INSTANCES = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}


class Sagemaker:
    """A running server with a folder of models that its owner allows, and clients of it.

    `name` is that of the endpoint and its configuration: tests share a server.
    """

    def __init__(self, server: "Running", name: str) -> None:
        self.server, self.name = server, name
        self.control, self.runtime = server.client("sagemaker"), server.client("sagemaker-runtime")

    def model(self, name: str, **environment: str) -> None:
        own = {"WATCHPOST_CALLABLE": "model:predict", "NAME": name, **environment}
        self.control.create_model(ModelName=f"{self.name}-{name}", PrimaryContainer={"Environment": own})

    def config(self, *models: str, suffix: str = "", **more: Any) -> str:
        name = f"{self.name}{suffix}"
        variants = [{"VariantName": model, "ModelName": f"{self.name}-{model}", **INSTANCES} for model in models]
        self.control.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, **more)
        return name

    def create(self, *models: str, **more: Any) -> dict[str, Any]:
        self.config(*models, **more)
        self.control.create_endpoint(EndpointName=self.name, EndpointConfigName=self.name)
        return self.settled()

    def start(self, *models: str, **more: Any) -> None:
        for model in models:
            self.model(model)
        endpoint = self.create(*models, **more)
        assert endpoint["EndpointStatus"] == "InService", endpoint

    def settled(self) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            endpoint: dict[str, Any] = self.control.describe_endpoint(EndpointName=self.name)
            return endpoint if endpoint["EndpointStatus"] in {"InService", "Failed"} else None

        return awaited(found)

    def ask(self, body: bytes = b"1", **more: Any) -> str:
        answer = self.runtime.invoke_endpoint(EndpointName=self.name, Body=body, **more)
        return str(answer["Body"].read().decode())


class Running:
    """`watchpost serve` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.home, self._said = folder / "home", folder / "stderr"
        models = folder / "models"
        self.home.mkdir()
        models.mkdir()
        (models / "model.py").write_text(MODEL)
        (self.home / "runners.toml").write_text(
            f'[python]\nfolders = ["{models}"]\n'
            "[limits]\nmemory_mb = 1024\nstartup_seconds = 30\ninvocation_seconds = 3\n"
            "[capture]\nflush_seconds = 0.2\n"
        )
        self.start()

    def start(self) -> None:
        with self._said.open("a") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "watchpost", "serve", "--home", str(self.home), "--port", "0"],
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        assert self.process.stdout is not None
        assert "http" in self.process.stdout.readline(), self._said.read_text()
        shown = [sys.executable, "-m", "watchpost", "env", "--home", str(self.home), "--json"]
        self.environment = json.loads(subprocess.run(shown, capture_output=True, text=True, check=True).stdout)

    def end(self, number: int) -> int:
        assert self.process.stdout is not None
        self.process.send_signal(number)
        self.process.stdout.close()
        return self.process.wait(30)

    def client(self, service: str, **settings: Any) -> Any:
        own = boto3.Session(
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.environment["AWS_DEFAULT_REGION"],
        )
        # A pool for all threads of a test: urllib3 warns of connections it throws away.
        config = Config(max_pool_connections=100, **settings)
        return own.client(service, endpoint_url=self.environment["AWS_ENDPOINT_URL"], config=config)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("endpoints"))
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGKILL)


@pytest.fixture
def sagemaker(server: Running, request: pytest.FixtureRequest) -> Iterator[Sagemaker]:
    name: str = request.node.name
    own = Sagemaker(server, f"e-{name.removeprefix('test_').replace('_', '-')[:40].rstrip('-')}")
    yield own
    with suppress(ClientError):
        # Its address may have changed meanwhile.
        server.client("sagemaker").delete_endpoint(EndpointName=own.name)


def awaited(what: Callable[[], Any], seconds: float = 15) -> Any:
    """What a question answers, once it answers something."""
    until = monotonic() + seconds
    while monotonic() < until:
        found = what()
        if found:
            return found
        sleep(0.05)
    raise AssertionError(found)


def test_an_endpoint_from_its_model_to_its_end(sagemaker: Sagemaker) -> None:
    control, name = sagemaker.control, sagemaker.name
    sagemaker.start("a")
    shown = control.describe_endpoint(EndpointName=name)
    [variant] = shown["ProductionVariants"]
    assert (variant["CurrentWeight"], variant["CurrentInstanceCount"], shown["EndpointConfigName"]) == (1.0, 1, name)
    answer = sagemaker.runtime.invoke_endpoint(
        EndpointName=name, Body=b"1,2", ContentType="text/csv", CustomAttributes="k=v", InferenceId="7"
    )
    assert answer["Body"].read() == b"a:1,2"
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/csv", "a")
    found = control.list_endpoints(StatusEquals="InService", NameContains=name)["Endpoints"]
    assert [one["EndpointName"] for one in found] == [name]
    assert control.list_endpoints(StatusEquals="Failed", NameContains=name)["Endpoints"] == []
    assert [one["ModelName"] for one in control.list_models(NameContains=name)["Models"]] == [f"{name}-a"]
    assert control.describe_model(ModelName=f"{name}-a")["PrimaryContainer"]["Environment"]["NAME"] == "a"
    config = control.describe_endpoint_config(EndpointConfigName=name)
    assert config["ProductionVariants"] == [{"VariantName": "a", "ModelName": f"{name}-a", **INSTANCES}]
    # The order of the SageMaker SDK's predictor.delete_endpoint().
    control.delete_endpoint_config(EndpointConfigName=name)
    control.delete_endpoint(EndpointName=name)
    control.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    with pytest.raises(ClientError, match=f"Endpoint {name} of account"):
        sagemaker.ask()


def test_tags_of_endpoints_are_those_they_were_made_with(sagemaker: Sagemaker) -> None:
    sagemaker.start("a", Tags=[{"Key": "team", "Value": "price"}])
    arn = sagemaker.control.describe_endpoint_config(EndpointConfigName=sagemaker.name)["EndpointConfigArn"]
    assert sagemaker.control.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "price"}]


def test_an_update_under_load_drops_no_request(sagemaker: Sagemaker) -> None:
    sagemaker.start("a")
    sagemaker.model("b")
    to_a, to_b = sagemaker.config("a", suffix="2"), sagemaker.config("b", suffix="3")
    stop, answers, faults = threading.Event(), list[str](), list[Exception]()

    def ask() -> None:
        # Each thread its own client, that tries nothing twice.
        runtime = sagemaker.server.client("sagemaker-runtime", retries={"total_max_attempts": 1})
        while not stop.is_set():
            try:
                answer = runtime.invoke_endpoint(EndpointName=sagemaker.name, Body=b"1")
                answers.append(answer["Body"].read().decode())
            except Exception as problem:  # noqa: BLE001  every one is a failure of the test
                faults.append(problem)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for config in (to_b, to_a, to_b):
        sagemaker.control.update_endpoint(EndpointName=sagemaker.name, EndpointConfigName=config)
        awaited(lambda config=config: sagemaker.settled()["EndpointConfigName"] == config)
        seen = len(answers)
        awaited(lambda seen=seen: len(answers) > seen + 20)
    stop.set()
    for thread in threads:
        thread.join()
    assert not faults
    assert set(answers[-10:]) == {"b:1"}
    assert set(answers) == {"a:1", "b:1"}


def test_a_runner_that_crashes_is_started_again(sagemaker: Sagemaker) -> None:
    sagemaker.start("a")
    first = sagemaker.ask(b"pid")
    with pytest.raises(ClientError, match="gave no answer") as error:
        sagemaker.ask(b"die")
    assert error.value.response["Error"]["Code"] == "ModelError"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    # At once: a process that is still dying takes no other request with it.
    second = sagemaker.ask(b"pid")
    process = psutil.Process(int(second))
    process.kill()
    process.wait(10)
    # Whether or not the server has noticed yet: nobody has seen this request.
    third = sagemaker.ask(b"pid")
    assert len({first, second, third}) == 3
    logs = sagemaker.server.client("logs")

    def told() -> int:
        events = logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{sagemaker.name}")["events"]
        return sum("started again" in event["message"] for event in events)

    awaited(lambda: told() == 2)


def test_what_a_model_raises_is_its_callers_to_read(sagemaker: Sagemaker) -> None:
    sagemaker.start("a")
    with pytest.raises(ClientError) as error:
        sagemaker.ask(b"raise")
    answer = error.value.response
    assert (answer["OriginalStatusCode"], answer["Error"]["Code"]) == (500, "ModelError")
    assert "these are no features" in answer["OriginalMessage"]
    assert answer["LogStreamArn"].endswith(f"log-group:/aws/sagemaker/Endpoints/{sagemaker.name}")


def test_a_model_that_wants_too_much_memory_or_time_fails_its_request_only(sagemaker: Sagemaker) -> None:
    sagemaker.start("a")
    with pytest.raises(ClientError, match="MemoryError"):
        sagemaker.ask(b"memory")
    with pytest.raises(ClientError, match="timed out while waiting for a response"):
        sagemaker.ask(b"slow")
    assert sagemaker.ask(b"2") == "a:2"


def test_a_model_sees_its_own_environment_and_nothing_of_the_servers(sagemaker: Sagemaker) -> None:
    sagemaker.model("a", LD_PRELOAD="/tmp/evil.so", PYTHONPATH="/tmp/evil")
    sagemaker.create("a")
    seen = json.loads(sagemaker.ask(b"environment"))
    assert seen["NAME"] == "a"
    assert not {"LD_PRELOAD", "PYTHONPATH"} & seen.keys()
    assert not [name for name in seen if name.startswith("AWS_")]


def test_a_model_that_cannot_be_loaded_fails_its_endpoint_with_its_last_words(sagemaker: Sagemaker) -> None:
    sagemaker.model("cannot-start")
    failed = sagemaker.create("cannot-start")
    assert failed["EndpointStatus"] == "Failed"
    assert "ImportError: a library is missing" in failed["FailureReason"]


def test_traffic_follows_weights_and_targets(sagemaker: Sagemaker) -> None:
    sagemaker.start("a", "b")
    assert {sagemaker.ask() for _ in range(40)} == {"a:1", "b:1"}
    assert sagemaker.ask(TargetVariant="b") == "b:1"
    sagemaker.control.update_endpoint_weights_and_capacities(
        EndpointName=sagemaker.name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "a", "DesiredWeight": 0},
            {"VariantName": "b", "DesiredInstanceCount": 2},
        ],
    )
    by_name = {variant["VariantName"]: variant for variant in sagemaker.settled()["ProductionVariants"]}
    assert (by_name["a"]["CurrentWeight"], by_name["b"]["CurrentInstanceCount"]) == (0, 2)
    assert {sagemaker.ask() for _ in range(20)} == {"b:1"}
    with pytest.raises(ClientError, match=r"Variant x of endpoint .* not found"):
        sagemaker.ask(TargetVariant="x")


def test_slow_models_do_not_hold_up_others(sagemaker: Sagemaker) -> None:
    sagemaker.start("a")
    sagemaker.runtime.meta.events.unregister("needs-retry.sagemaker-runtime")
    began, ended = monotonic(), list[float]()

    def ask() -> None:
        with suppress(ClientError):
            sagemaker.ask(b"slow")
        ended.append(monotonic() - began)

    slow = [threading.Thread(target=ask) for _ in range(80)]
    for thread in slow:
        thread.start()
    sagemaker.control.describe_endpoint(EndpointName=sagemaker.name)
    # No matter how loaded the machine: all the slow ones still wait when this is answered.
    assert not ended
    for thread in slow:
        thread.join()


def test_a_killed_server_leaves_no_process_behind_and_comes_back_with_its_endpoints(sagemaker: Sagemaker) -> None:
    sagemaker.start("a")
    runner = psutil.Process(int(sagemaker.ask(b"pid")))
    sagemaker.server.end(signal.SIGKILL)
    runner.wait(10)
    sagemaker.server.start()
    after = Sagemaker(sagemaker.server, sagemaker.name)
    assert after.ask(b"9") == "a:9"
    again = psutil.Process(int(after.ask(b"pid")))
    assert sagemaker.server.end(signal.SIGTERM) == 0
    assert not again.is_running()
    sagemaker.server.start()


def test_an_xgboost_archive_from_s3_is_served(sagemaker: Sagemaker, tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    np = pytest.importorskip("numpy")
    rows = np.random.default_rng(3).random((100, 3))
    data = xgboost.DMatrix(rows, label=rows[:, 0] > 0.5)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 3)
    booster.save_model(tmp_path / "model.ubj")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(tmp_path / "model.ubj", "xgboost-model")
    s3 = sagemaker.server.client("s3")
    s3.create_bucket(Bucket="xgboost-models")
    s3.put_object(Bucket="xgboost-models", Key="price/model.tar.gz", Body=packed.getvalue())
    sagemaker.control.create_model(
        ModelName=f"{sagemaker.name}-x",
        ExecutionRoleArn="arn:aws:iam::000000000000:role/sagemaker",
        PrimaryContainer={
            "Image": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            "ModelDataUrl": "s3://xgboost-models/price/model.tar.gz",
        },
    )
    endpoint = sagemaker.create("x")
    assert endpoint["EndpointStatus"] == "InService", endpoint
    body = "\n".join(",".join(map(str, row)) for row in rows[:5])
    # As tutorials read it: scores of several rows, joined by commas.
    scores = [float(score) for score in sagemaker.ask(body.encode(), ContentType="text/csv").split(",")]
    np.testing.assert_allclose(scores, booster.inplace_predict(rows[:5].astype(np.float32)), rtol=1e-6)


def test_what_is_not_supported_is_refused_by_name(sagemaker: Sagemaker) -> None:
    control, runtime = sagemaker.control, sagemaker.runtime
    sagemaker.start("a")
    variant = {"VariantName": "v", "ModelName": f"{sagemaker.name}-a", **INSTANCES}
    with pytest.raises(ClientError, match="does not implement InvokeEndpointWithResponseStream"):
        runtime.invoke_endpoint_with_response_stream(EndpointName=sagemaker.name, Body=b"")
    with pytest.raises(ClientError, match="multi-model"):
        sagemaker.ask(TargetModel="m.tar.gz")
    with pytest.raises(ClientError, match="asynchronous inference"):
        control.create_endpoint_config(
            EndpointConfigName="x",
            ProductionVariants=[variant],
            AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://b/o"}},
        )
    with pytest.raises(ClientError, match="inference pipelines"):
        control.create_model(ModelName="x", Containers=[{"Image": "a"}, {"Image": "b"}])
    with pytest.raises(ClientError, match="must not choose what code"):
        control.create_model(
            ModelName="x",
            PrimaryContainer={
                "Environment": {
                    "WATCHPOST_RUNNER": "python_callable",
                    "WATCHPOST_CALLABLE": "os:system",
                    "WATCHPOST_FOLDER": "/",
                }
            },
        )


def test_captured_calls_lie_where_sagemaker_puts_them(sagemaker: Sagemaker) -> None:
    s3 = sagemaker.server.client("s3")
    s3.create_bucket(Bucket="captured")
    sagemaker.start(
        "a",
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://captured/dc",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
        },
    )
    shown = sagemaker.control.describe_endpoint(EndpointName=sagemaker.name)["DataCaptureConfig"]
    assert (shown["CaptureStatus"], shown["CurrentSamplingPercentage"]) == ("Started", 100)
    sagemaker.ask(b"1,2", ContentType="text/csv", InferenceId="id-7")
    [found] = awaited(lambda: s3.list_objects_v2(Bucket="captured", Prefix=f"dc/{sagemaker.name}/a/").get("Contents"))
    record = json.loads(s3.get_object(Bucket="captured", Key=found["Key"])["Body"].read())
    assert record["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": "1,2",
        "encoding": "CSV",
    }
    assert record["eventMetadata"]["inferenceId"] == "id-7"


def test_what_was_counted_before_a_stop_is_kept(sagemaker: Sagemaker) -> None:
    sagemaker.start("a")
    for _ in range(3):
        sagemaker.ask()
    assert sagemaker.server.end(signal.SIGTERM) == 0
    sagemaker.server.start()
    cloudwatch = sagemaker.server.client("cloudwatch")
    endpoint = sagemaker.server.client("sagemaker").describe_endpoint(EndpointName=sagemaker.name)

    def datapoints(metric: str) -> Any:
        return cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": "EndpointName", "Value": sagemaker.name}, {"Name": "VariantName", "Value": "a"}],
            StartTime=endpoint["CreationTime"] - timedelta(minutes=2),
            EndTime=endpoint["CreationTime"] + timedelta(minutes=5),
            Period=60,
            Statistics=["Sum", "SampleCount", "Maximum"],
        )["Datapoints"]

    assert sum(one["Sum"] for one in datapoints("Invocations")) == 3
    latencies = datapoints("ModelLatency")
    assert sum(one["SampleCount"] for one in latencies) == 3
    assert {one["Unit"] for one in latencies} == {"Microseconds"}
    assert 50 < max(one["Maximum"] for one in latencies) < 3e6
    assert sum(one["Sum"] for one in datapoints("Invocation5XXErrors")) == 0
