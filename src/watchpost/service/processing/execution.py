"""One run of a processing job outside any transaction: inputs laid out, the program run, its outputs put away."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal, Protocol

import msgspec
import structlog

from watchpost.errors import Misconfigured, Refused, ServerError, WatchpostError
from watchpost.metrics.identity import Datum, Metric
from watchpost.runners import Plan, Upstream
from watchpost.service.clock import Clock
from watchpost.service.execution.reports import REPORT, unjudged
from watchpost.service.execution.spec import METRICS, REQUEST, Spec, local
from watchpost.service.monitoring.documents import Members, ProcessingJob
from watchpost.service.processing.images import SETTINGS, Command, Ours, Unknown, program_of, read_settings
from watchpost.service.processing.inputs import (
    ProcessingInput,
    bring,
    clear,
    found_at,
    inputs_of,
    stage,
    upload,
)
from watchpost.service.processing.processing import outputs_of
from watchpost.service.processing.runs import Asked, Ended, Runs
from watchpost.stores.objects.objects import Objects

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
LONGEST_REASON = 1024  # of ExitMessage and FailureReason in the API
_SCRIPTS = ("record_preprocessor_script", "post_analytics_processor_script")
# Variables that change what the interpreter or the loader does.
_LOADERS = ("LD_", "DYLD_", "PYTHON")
_log = structlog.get_logger(__name__)

PutLog = Callable[[str, str, Sequence[tuple[int, str]], datetime, bool], object]
"""Group, stream, (epoch milliseconds, message) pairs, now, whether to create what is missing."""

ModelPlan = Callable[[str | None, str | None], Plan | None]
"""How a model is reached, by its name and the endpoint's; None where there is none."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended. cut: it did not: the server stops, and another life of it begins the run again.

    metrics: what it measured. files: SHA-256 of the files it put away, by URI. baseline: of those it judged by, by
    variable of the environment. unjudged: it found nothing because there was too little to judge by.
    """

    status: Literal["Completed", "Failed", "Stopped"]
    message: str = ""
    failure: str | None = None
    metrics: tuple[Datum, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    baseline: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    unjudged: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be run. See `executions_request.Request` for `since` and `window`; monitor: the schedule's kind."""

    job: ProcessingJob
    since: Mapping[str, datetime] = field(default_factory=dict)
    window: tuple[datetime, datetime] | None = None
    monitor: str | None = None


class Execute(Protocol):
    """Runs a job. Never raises but for the store's own failures."""

    def __call__(self, task: Task, asked: Asked) -> Finished:
        """Run it to its end, or until it was `asked` to stop."""


class _Line(msgspec.Struct, rename="pascal"):
    metric_name: str
    timestamp: datetime
    dimensions: list[dict[str, str]] = []
    value: float | None = None
    statistic_values: dict[str, float] | None = None
    unit: str = "None"


class Execution:
    """Runs jobs for real. home: the server's folder, under which roots and the owner's commands lie."""

    def __init__(
        self,
        objects: Objects,
        runs: Runs,
        put_log: PutLog,
        clock: Clock,
        home: Path,
        model_plan: ModelPlan,
    ) -> None:
        self._objects, self._runs, self._put_log, self._clock = objects, runs, put_log, clock
        self._home, self._model_plan = home, model_plan

    def __call__(self, task: Task, asked: Asked) -> Finished:
        """See Execute."""
        root = (self._home / "executions" / task.job.name).resolve()
        clear(root)
        try:
            root.mkdir(parents=True, mode=0o700)
            return self._run(task, root, asked)
        except (WatchpostError, OSError, ValueError) as problem:
            if isinstance(problem, ServerError) and not isinstance(problem, Misconfigured):
                raise
            return _failed(f"{type(problem).__name__}: {problem}" if isinstance(problem, OSError) else str(problem))
        finally:
            clear(root)

    def _run(self, task: Task, root: Path, asked: Asked) -> Finished:
        job, members = task.job, task.job.members
        application = msgspec.convert(members["AppSpecification"], Members)
        settings = read_settings(self._home)
        program = program_of(str(application["ImageUri"]), settings)
        if isinstance(program, Unknown):
            self._tell(job, [program.why])
            return _failed(program.why)
        inputs = inputs_of(members.get("ProcessingInputs"))
        staged = stage(self._objects, root, inputs, task.since)
        outputs = outputs_of(members)
        for path, _ in outputs:
            local(root, path).mkdir(parents=True, exist_ok=True)
        request = local(root, REQUEST)
        request.parent.mkdir(parents=True, exist_ok=True)
        request.write_bytes(msgspec.json.encode({"ProcessingJobName": job.name, **members}))
        environment = msgspec.convert(members.get("Environment") or {}, dict[str, str])
        if not settings.scripts.run and any(name in environment for name in _SCRIPTS):
            return _failed(f"Scripts are switched off by this server's owner ({SETTINGS}: [scripts] run = false).")
        environment = self._completed(root, environment, inputs, outputs, program)
        seconds = _seconds(members)

        def tell(lines: Sequence[str]) -> None:
            self._tell(job, lines)

        if isinstance(program, Command):
            forbidden = [name for name in environment if name.startswith(_LOADERS) or name == "PATH"]
            if forbidden:
                return _failed(f"Environment may not set {', '.join(forbidden)}: a command is its owner's code alone.")
            words = (*program.command, *_words(application.get("ContainerArguments")))
            ended = self._runs.run_command(root, words, environment, seconds, tell, asked)
        else:
            spec = Spec(
                program.program,
                environment,
                dict(staged.uris),
                task.window,
                monitor=program.monitor,
                memory_bytes=settings.limits.memory_mb << 20,
            )
            if program.program == "clarify":
                spec = self._with_model(root, spec)
            ended = self._runs.run_ours(root, spec, seconds, tell, asked)
        return self._concluded(task, root, ended, outputs, environment, seconds)

    def _completed(
        self,
        root: Path,
        environment: dict[str, str],
        inputs: Sequence[ProcessingInput],
        outputs: Sequence[tuple[str, str]],
        program: Ours | Command,
    ) -> dict[str, str]:
        """The environment with what our programs need and a hand-made request may leave to its inputs' names."""
        places = {each.input_name: each.s3_input.local_path for each in inputs if each.s3_input is not None}
        found = dict(environment)
        if outputs:
            found.setdefault("output_path", outputs[0][0])
        if isinstance(program, Ours) and "dataset_source" not in found:
            given = [places[name] for name in ("baseline_dataset_input", "dataset") if name in places]
            found["dataset_source"] = (given or [*places.values(), "/opt/ml/processing/input"])[0]
        if isinstance(program, Ours) and program.program == "clarify" and "analysis_config" not in found:
            folder = places.get("analysis_config", "/opt/ml/processing/input/config")
            files = sorted(local(root, folder).glob("*.json"))
            if not files:
                raise Refused("ValidationException", "A Clarify job needs an input analysis_config with a JSON file.")
            found["analysis_config"] = f"/{files[0].relative_to(root).as_posix()}"
        return found

    def _with_model(self, root: Path, spec: Spec) -> Spec:
        """With the model that a Clarify job asks about: where it answers, or what to load in the job's own process."""
        text = local(root, spec.environment["analysis_config"]).read_bytes()
        try:
            config = msgspec.json.decode(text, type=dict[str, object])
            predictor = msgspec.convert(config.get("predictor") or {}, dict[str, object])
        except msgspec.MsgspecError as problem:
            raise Refused("ValidationException", f"analysis_config.json is not understood: {problem}.") from problem
        name, endpoint = (
            None if given is None else str(given)
            for given in (predictor.get("model_name"), predictor.get("endpoint_name"))
        )
        found = self._model_plan(name, endpoint or spec.environment.get("sagemaker_endpoint_name"))
        if found is None:
            return spec
        if isinstance(found, Upstream):
            return replace(spec, model=f"{found.url}{found.invocations}")
        if not found.data.startswith("s3://"):
            return replace(spec, model_job=found, model=found.data or None)
        path = root / "model" / found.data.rstrip("/").rpartition("/")[2]
        if not found.data.endswith("/"):
            bring(self._objects, found.data, path)
        for uri, below in found_at(self._objects, found.data) if found.data.endswith("/") else ():
            bring(self._objects, uri, path / below)
        # A tree is explained exactly from its file; whatever else a runner knows to load is asked.
        return replace(spec, model=str(path), model_job=None if found.runner == "xgboost" and path.is_file() else found)

    def _concluded(
        self,
        task: Task,
        root: Path,
        ended: Ended,
        outputs: Sequence[tuple[str, str]],
        environment: Mapping[str, str],
        seconds: float,
    ) -> Finished:
        if ended.end == "server stops":
            return Finished("Stopped", cut=True)
        if ended.end == "stopped":
            return Finished("Stopped", "The job was stopped.")
        if ended.end == "too long":
            return _failed(f"The job ran longer than its MaxRuntimeInSeconds of {seconds:g} and was ended.")
        if ended.end == "failed":
            how = f"signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
            return _failed(ended.message or f"AlgorithmError: the job ended with {how}; its log tells more.")
        sums: dict[str, str] = {}
        for path, uri in outputs:
            folder = local(root, path)
            put = upload(self._objects, folder, uri, replacing=task.monitor is not None)
            top = uri.rstrip("/")
            for one in put:
                sums[one] = sha256((folder / one.removeprefix(f"{top}/")).read_bytes()).hexdigest()
        known = {
            name: sha256(local(root, environment[name]).read_bytes()).hexdigest()
            for name in ("baseline_constraints", "baseline_statistics")
            if name in environment and local(root, environment[name]).is_file()
        }
        message = ended.message or "Completed: Job completed successfully."
        metrics = _metrics(root, environment, task.monitor)
        return Finished("Completed", message, None, metrics, sums, known, unjudged=_is_unjudged(root, outputs))

    def _tell(self, job: ProcessingJob, lines: Sequence[str]) -> None:
        now = self._clock.now()
        began = job.started or now
        stamp = int(now.timestamp() * 1000)
        try:
            stream = f"{job.name}/algo-1-{int(began.timestamp())}"
            for start in range(0, len(lines), 1000):
                some = [(stamp, line) for line in lines[start : start + 1000]]
                self._put_log(LOG_GROUP, stream, some, now, True)
        except (Refused, ServerError) as problem:
            # A log that cannot be kept must not fail the job it is of.
            _log.warning("processing.log", job=job.name, why=str(problem))


def namespace(environment: Mapping[str, str]) -> str:
    """Where a run's metrics belong (contract 5.2)."""
    kinds = {
        "MODEL_QUALITY": "model-metrics",
        "MODEL_BIAS": "bias-metrics",
        "MODEL_EXPLAINABILITY": "explainability-metrics",
    }
    kind = kinds.get(environment.get("analysis_type", ""), "data-metrics")
    place = "Endpoints" if environment.get("sagemaker_endpoint_name") else "ModelMonitoring"
    return f"aws/sagemaker/{place}/{kind}"


def _metrics(root: Path, environment: Mapping[str, str], monitor: str | None) -> tuple[Datum, ...]:
    """What the run left to be shipped; lines that are none are left out (contract 5.3)."""
    folder = local(root, METRICS)
    if monitor is None and environment.get("publish_cloudwatch_metrics") != "Enabled":
        return ()
    found: list[Datum] = []
    decoder, own = msgspec.json.Decoder(_Line), namespace(environment)
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
        for text in path.read_bytes().splitlines():
            try:
                line = decoder.decode(text)
                found.append(_datum(own, line))
            except (msgspec.MsgspecError, KeyError, UnicodeDecodeError) as problem:
                _log.warning("processing.metric", why=str(problem), line=text[:200].decode(errors="replace"))
    return tuple(found)


def _datum(own: str, line: _Line) -> Datum:
    metric = Metric.of(own, line.metric_name, {each["Name"]: each["Value"] for each in line.dimensions})
    stamp = (line.timestamp if line.timestamp.tzinfo else line.timestamp.replace(tzinfo=UTC)).timestamp()
    if line.statistic_values is not None:
        given = line.statistic_values
        four = (given["SampleCount"], given["Sum"], given["Minimum"], given["Maximum"])
        return Datum(metric, stamp, statistics=four, unit=line.unit)
    if line.value is None:
        raise KeyError("Value")
    return Datum(metric, stamp, (line.value,), (1.0,), unit=line.unit)


def _is_unjudged(root: Path, outputs: Sequence[tuple[str, str]]) -> bool:
    reports = (local(root, path) / REPORT for path, _ in outputs)
    return any(bool(unjudged(report.read_bytes())) for report in reports if report.is_file())


def _failed(why: str) -> Finished:
    return Finished("Failed", why[:LONGEST_REASON], why[:LONGEST_REASON])


def _seconds(members: Members) -> float:
    condition = members.get("StoppingCondition")
    given = msgspec.convert(condition, dict[str, float]) if condition else {}
    return given.get("MaxRuntimeInSeconds", 86_400.0)


def _words(given: object) -> tuple[str, ...]:
    return tuple(msgspec.convert(given, list[str])) if given else ()
