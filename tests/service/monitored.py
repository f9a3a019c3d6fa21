"""Monitoring with all it stands on: a store, a folder of objects; metrics, log lines and events are remembered."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from watchpost.events.envelope import Event
from watchpost.metrics.identity import Datum
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.monitoring.documents import Members, MonitoringExecution, ProcessingJob
from watchpost.service.monitoring.monitoring import Monitoring
from watchpost.service.processing.execution import Execute, Finished, ModelPlan, Task
from watchpost.service.processing.runs import Asked
from watchpost.service.worker import Worker
from watchpost.stores.objects.objects import BucketInfo, ObjectInfo, Objects
from watchpost.stores.objects.open import open_objects
from watchpost.stores.open import open_store
from watchpost.stores.store import Recorded, Store, Transaction
from watchpost.windows import EPOCH

ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
CLARIFY = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
ROLE = "arn:aws:iam::000000000000:role/monitor"
HOUR = timedelta(hours=1)
_SERVERS = ("server", "other")
_CLARIFYS = ("ModelBias", "ModelExplainability")
RESOURCES: Members = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 20}}


@dataclass
class Around:
    """What monitoring tells others: metrics, log lines, events; what a failed transaction told is remembered too."""

    metrics: list[Datum] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def put_within(self, tx: Transaction, data: Sequence[Datum]) -> None:
        self.metrics.extend(data)

    def replace_within(self, tx: Transaction, data: Sequence[Datum], gone: Sequence[Datum] = ()) -> None:
        replaced = {(d.metric, d.timestamp) for d in (*data, *gone)}
        self.metrics[:] = [d for d in self.metrics if (d.metric, d.timestamp) not in replaced] + list(data)

    def publish(self, tx: Transaction, event: Event) -> None:
        self.events.append(event)

    def put_log(self, group: str, stream: str, lines: Sequence[tuple[int, str]], now: datetime, create: bool) -> None:
        self.lines.extend((f"{group}|{stream}", text) for _, text in lines)

    def capture_prefix(self, endpoint: str) -> str:
        return "s3://lake/capture"


class FullLake:
    """Objects that have a capture file in every hour of every endpoint, as far as a schedule looks."""

    def bucket(self, name: str) -> BucketInfo:
        return BucketInfo(name, EPOCH)

    def head(self, bucket: str, key: str) -> None:
        return None

    def list(self, bucket: str, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[ObjectInfo]:
        return [] if after else [ObjectInfo(f"{prefix}AllTraffic/a.jsonl", 1, "", EPOCH)]

    def walk(self, bucket: str, prefix: str = "", after: str = "") -> Sequence[ObjectInfo]:
        """No report of an earlier run lies there: stand-ins for runs leave none."""
        return []


class World:
    """Monitoring over a store, and what tests do with it."""

    def __init__(
        self,
        store: Store,
        clock: ManualClock,
        home: Path,
        *,
        execute: Execute | None = None,
        model_plan: ModelPlan = lambda _model, _endpoint: None,
        around: Around | None = None,
        name: str = "server",
        objects: Objects | None = None,
    ) -> None:
        self.store, self.clock, self.home = store, clock, home
        self.around = around or Around()
        self.objects = objects or open_objects(home / "objects")
        ids = count(1)
        self.monitoring = Monitoring(
            store,
            clock,
            self.objects,
            self.around,
            self.around,
            self.around,
            self.around.put_log,
            Configuration(home=home),
            lambda: f"id-{next(ids)}",
            execute=execute,
            model_plan=model_plan,
            at_once=2,
        )
        trade = self.monitoring
        self.worker = Worker(store, clock, trade.performers(), name, trade.repeatable, trade.interrupted())

    def put(self, uri: str, body: str | bytes) -> str:
        """Put an object, its bucket made if need be."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self.objects.create_bucket(bucket)
        self.objects.put(bucket, key, body.encode() if isinstance(body, str) else body)
        return uri

    def text(self, uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.objects.get(bucket, key).decode()

    def names(self, uri: str) -> list[str]:
        """The keys below a prefix, without it."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return [info.key.removeprefix(key).lstrip("/") for info in self.objects.list(bucket, key)]

    def settle(self, seconds: float = 0) -> None:
        """Hand out what is due so many seconds from now, and perform it."""
        now = self.clock.advance(seconds)
        self.monitoring.tick(now)
        self.worker.step(self.clock.now())

    def job(self, name: str, **members: object) -> ProcessingJob:
        """Run a processing job to its end."""
        given: Members = {"ProcessingResources": RESOURCES, "RoleArn": ROLE, **members}
        self.monitoring.processing.create(name, given, "me")
        self.worker.step(self.clock.now())
        return self.monitoring.processing.describe(name)

    def execution(self, schedule: str = "hourly") -> MonitoringExecution:
        """The last execution of a schedule."""
        found = self.monitoring.schedules.last_execution(schedule)
        assert found is not None
        return found

    def log(self) -> str:
        return "\n".join(text for _, text in self.around.lines)

    def journal(self, kind: str) -> list[Recorded]:
        """Lines of a kind, oldest first."""
        return self.store.read(lambda tx: tx.journal(kinds=(kind,), limit=10_000_000))[::-1]


class Killed(BaseException):
    """kill -9, as far as one process can play it."""


class Servers:
    """Two servers over one store that run windows by `execute`, are killed and come back.

    `latest` is the latest instant they saw: their clock is set back too, but never before `since`.
    """

    def __init__(self, execute: Execute, since: datetime) -> None:
        self.store, self.clock, self.since, self.latest = open_store("sqlite://"), ManualClock(since), since, since
        self._execute, self._deaths = execute, list[bool]()
        self.worlds = [self._born(name) for name in _SERVERS]

    def live(
        self,
        steps: Sequence[tuple[str, int, float]],
        deaths: Sequence[bool],
        others: Mapping[str, Callable[[World], object]] | None = None,
    ) -> None:
        """Take steps: what happens, on which server, how many seconds after the last; then recover for good.

        what: "tick"; "work", in which the servers die as `deaths` says of each run; "restart"; or one of `others`.
        """
        acts: dict[str, Callable[[World], object]] = {
            "tick": lambda world: world.monitoring.tick(self.clock.now()),
            "work": lambda world: world.worker.step(self.clock.now()),
            **(others or {}),
        }
        self._deaths = list(deaths)
        for what, place, seconds in steps:
            now = self.clock.advance(max(seconds, (self.since - self.clock.now()).total_seconds()))
            self.latest = max(self.latest, now)
            try:
                if what != "restart":
                    acts[what](self.worlds[place])
                    continue
            except Killed:
                pass
            self.worlds[place] = self._born(_SERVERS[place])
            self.worlds[place].worker.recover(now)
        self._deaths.clear()
        self.clock.advance((self.latest - self.clock.now()).total_seconds())
        for world in self.worlds:
            world.worker.recover(self.latest)

    def _born(self, name: str) -> World:
        return World(self.store, self.clock, Path("nowhere"), execute=self._run, name=name, objects=full_lake())

    def _run(self, task: Task, asked: Asked) -> Finished:
        if self._deaths and self._deaths.pop():
            raise Killed
        return self._execute(task, asked)


def full_lake() -> Objects:
    """A lake in which every hour has captures."""
    return FullLake()  # type: ignore[return-value]  # what a schedule asks of it is there


def baseline_job(dataset: str, output: str, **environment: str) -> Members:
    """The members that the SageMaker SDK asks for when it suggests a baseline."""
    return {
        "AppSpecification": {"ImageUri": ANALYZER},
        "ProcessingInputs": [_input("baseline_dataset_input", dataset)],
        "ProcessingOutputConfig": {"Outputs": [_output("monitoring_output", output)]},
        "Environment": {
            "output_path": "/opt/ml/processing/output",
            "publish_cloudwatch_metrics": "Disabled",
            "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
            "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
            **environment,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def clarify_job(dataset: str, config: str, output: str) -> Members:
    """The members that the SageMaker SDK asks for when Clarify makes a baseline."""
    return {
        "AppSpecification": {"ImageUri": CLARIFY},
        "ProcessingInputs": [
            _input("dataset", dataset, "/opt/ml/processing/input/data"),
            _input("analysis_config", config, "/opt/ml/processing/input/config"),
        ],
        "ProcessingOutputConfig": {"Outputs": [_output("analysis_result", output)]},
    }


def definition(
    monitor: str,
    *,
    constraints: str | None = None,
    statistics: str | None = None,
    ground_truth: str | None = None,
    batch: Members | None = None,
    application: Members | None = None,
    endpoint: Members | None = None,
    image: str | None = None,
    seconds: int = 600,
) -> Members:
    """The members of a job definition as the SageMaker SDK asks for it."""
    source: Members = {
        "EndpointInput": {
            "EndpointName": "homes",
            "LocalPath": "/opt/ml/processing/input/endpoint",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            **(endpoint or {}),
        }
    }
    if batch is not None:
        source = {"BatchTransformInput": {"LocalPath": "/opt/ml/processing/input/batch", **batch}}
    if ground_truth is not None:
        source["GroundTruthS3Input"] = {"S3Uri": ground_truth}
    known: Members = {}
    if constraints is not None:
        known["ConstraintsResource"] = {"S3Uri": constraints}
    if statistics is not None:
        known["StatisticsResource"] = {"S3Uri": statistics}
    output: Members = {
        "S3Uri": "s3://lake/reports",
        "LocalPath": "/opt/ml/processing/output",
        "S3UploadMode": "Continuous",
    }
    return {
        f"{monitor}BaselineConfig": known,
        f"{monitor}AppSpecification": {
            "ImageUri": image or (CLARIFY if monitor in _CLARIFYS else ANALYZER),
            **(application or {}),
        },
        f"{monitor}JobInput": source,
        f"{monitor}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
        "JobResources": RESOURCES,
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
    }


def timetable(expression: str = "cron(0 * ? * * *)", start: str | None = None, end: str | None = None) -> Members:
    """A `MonitoringScheduleConfig` that names the definition `job`."""
    schedule: Members = {"ScheduleExpression": expression}
    if start is not None:
        schedule["DataAnalysisStartTime"] = start
    if end is not None:
        schedule["DataAnalysisEndTime"] = end
    return {"MonitoringJobDefinitionName": "job", "ScheduleConfig": schedule}


def capture_line(asked: str, answered: str, at: datetime, event: str, encoding: str = "CSV") -> str:
    """One line of a capture file."""
    sides = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": asked, "encoding": encoding},
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": answered, "encoding": encoding},
    }
    metadata = {"eventId": event, "inferenceTime": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return json.dumps({"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"})


def label_line(event: str, label: str) -> str:
    """One line of a ground truth file."""
    truth = {"groundTruthData": {"data": label, "encoding": "CSV"}, "eventMetadata": {"eventId": event}}
    return json.dumps({**truth, "eventVersion": "0"})


def captured(world: World, hour: datetime, lines: Sequence[str], variant: str = "AllTraffic") -> str:
    """Lay a capture file into an hour's folder; its URI."""
    uri = f"s3://lake/capture/homes/{variant}/{hour:%Y/%m/%d/%H}/00-00-000-{len(lines)}.jsonl"
    return world.put(uri, "\n".join(lines) + "\n")


def _input(name: str, uri: str, path: str | None = None) -> Members:
    place = path or f"/opt/ml/processing/input/{name}"
    found: Members = {"S3Uri": uri, "LocalPath": place, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "AppManaged": False, "S3Input": found}


def _output(name: str, uri: str) -> Members:
    found: Members = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "AppManaged": False, "S3Output": found}
