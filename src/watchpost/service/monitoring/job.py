"""A monitor's job as a typed value, whichever of the API's five shapes it was asked in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeVar

import msgspec

from watchpost.errors import Refused
from watchpost.service.monitoring.documents import Members, MonitoringSchedule, MonitoringType
from watchpost.windows import Schedule, Window, parse_duration, parse_schedule

V = TypeVar("V")

ProblemType = Literal["BinaryClassification", "MulticlassClassification", "Regression"]

# The service's own documents write days behind the T.
_DAYS_AS_TIME = re.compile(r"(-?)PT(\d+)D")
_PLACE = re.compile(r"(.*\))\s+([A-Za-z_+\-/0-9]+)")
_EVERY_DAY = timedelta(days=1)


class _Csv(msgspec.Struct, rename="pascal"):
    header: bool | None = None


class _Json(msgspec.Struct, rename="pascal"):
    line: bool | None = None


class _Parquet(msgspec.Struct):
    pass


class DatasetFormat(msgspec.Struct, rename="pascal", frozen=True):
    """`MonitoringDatasetFormat`: one of the three is given."""

    csv: _Csv | None = None
    json: _Json | None = None
    parquet: _Parquet | None = None


class Source(msgspec.Struct, rename="pascal", frozen=True):
    """`EndpointInput` or `BatchTransformInput`: where records come from, and where in a record things are."""

    local_path: str = "/opt/ml/processing/input/endpoint"
    endpoint_name: str | None = None
    data_captured_destination_s3_uri: str | None = None
    dataset_format: DatasetFormat | None = None
    s3_input_mode: str = "File"
    s3_data_distribution_type: str = "FullyReplicated"
    features_attribute: str | None = None
    inference_attribute: str | None = None
    probability_attribute: str | None = None
    probability_threshold_attribute: float | None = None
    start_time_offset: str | None = None
    end_time_offset: str | None = None
    exclude_features_attribute: str | None = None


class _Place(msgspec.Struct, rename="pascal", frozen=True):
    s3_uri: str | None = None


class _Input(msgspec.Struct, rename="pascal", frozen=True):
    endpoint_input: Source | None = None
    batch_transform_input: Source | None = None
    ground_truth_s3_input: _Place | None = None


class _Baseline(msgspec.Struct, rename="pascal", frozen=True):
    baselining_job_name: str | None = None
    constraints_resource: _Place | None = None
    statistics_resource: _Place | None = None


class _Application(msgspec.Struct, rename="pascal", frozen=True):
    image_uri: str
    environment: dict[str, str] | None = None
    container_entrypoint: list[str] | None = None
    container_arguments: list[str] | None = None
    record_preprocessor_source_uri: str | None = None
    post_analytics_processor_source_uri: str | None = None
    problem_type: ProblemType | None = None
    config_uri: str | None = None


class _S3Output(msgspec.Struct, rename="pascal", frozen=True):
    s3_uri: str
    local_path: str = "/opt/ml/processing/output"
    s3_upload_mode: str = "Continuous"


class _Output(msgspec.Struct, rename="pascal", frozen=True):
    s3_output: _S3Output


class _Outputs(msgspec.Struct, rename="pascal", frozen=True):
    monitoring_outputs: list[_Output]
    kms_key_id: str | None = None


class _Stop(msgspec.Struct, rename="pascal", frozen=True):
    max_runtime_in_seconds: int


@dataclass(frozen=True, slots=True)
class Job:
    """What a monitor does: see the members of the same names in the API."""

    monitor: MonitoringType
    image: str
    source: Source
    output_uri: str
    output_path: str
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    preprocessor: str | None = None
    postprocessor: str | None = None
    problem_type: ProblemType | None = None
    config_uri: str | None = None
    constraints: str | None = None
    statistics: str | None = None
    baselining_job: str | None = None
    ground_truth: str | None = None
    max_seconds: int | None = None
    resources: Members = field(default_factory=dict)
    network: Members | None = None
    role: str = ""
    upload_mode: str = "Continuous"
    kms_key: str | None = None


def job_of(monitor: MonitoringType, members: Members) -> Job:
    """The job of a job definition's members, or of an inline `MonitoringJobDefinition`.

    Raises: Refused: ValidationException: not exactly one input is given.
    """
    inline = "MonitoringInputs" in members
    if inline:
        application, given = "MonitoringAppSpecification", members["MonitoringInputs"]
        input_ = _convert(given[0] if isinstance(given, list) and given else {}, _Input)
        baseline, output, resources = "BaselineConfig", "MonitoringOutputConfig", "MonitoringResources"
    else:
        application, baseline = f"{monitor}AppSpecification", f"{monitor}BaselineConfig"
        input_ = _convert(members.get(f"{monitor}JobInput") or {}, _Input)
        output, resources = f"{monitor}JobOutputConfig", "JobResources"
    app = _convert(members[application], _Application)
    outputs = _convert(members[output], _Outputs)
    known = _convert(members.get(baseline) or {}, _Baseline)
    stop = members.get("StoppingCondition")
    own = _convert(members.get("Environment") or {}, dict[str, str])
    [first, *_] = outputs.monitoring_outputs
    return Job(
        monitor=monitor,
        image=app.image_uri,
        source=_source(input_),
        output_uri=first.s3_output.s3_uri,
        output_path=first.s3_output.local_path,
        environment=own | (app.environment or {}),
        entrypoint=tuple(app.container_entrypoint or ()),
        arguments=tuple(app.container_arguments or ()),
        preprocessor=app.record_preprocessor_source_uri,
        postprocessor=app.post_analytics_processor_source_uri,
        problem_type=app.problem_type,
        config_uri=app.config_uri,
        constraints=known.constraints_resource.s3_uri if known.constraints_resource else None,
        statistics=known.statistics_resource.s3_uri if known.statistics_resource else None,
        baselining_job=known.baselining_job_name,
        ground_truth=input_.ground_truth_s3_input.s3_uri if input_.ground_truth_s3_input else None,
        max_seconds=_convert(stop, _Stop).max_runtime_in_seconds if stop else None,
        resources=_convert(members.get(resources) or {}, Members),
        network=_convert(members["NetworkConfig"], Members) if members.get("NetworkConfig") else None,
        role=str(members.get("RoleArn", "")),
        upload_mode=first.s3_output.s3_upload_mode,
        kms_key=outputs.kms_key_id,
    )


def _convert(value: object, kind: type[V]) -> V:
    return msgspec.convert(value, kind, strict=False)


def _source(given: _Input) -> Source:
    inputs = [each for each in (given.endpoint_input, given.batch_transform_input) if each is not None]
    if len(inputs) != 1:
        raise Refused("ValidationException", "Exactly one of EndpointInput and BatchTransformInput must be given.")
    return inputs[0]


def offset(text: str, member: str) -> timedelta:
    """A duration counted from the scheduled time. Raises: Refused: ValidationException naming the member."""
    days = _DAYS_AS_TIME.fullmatch(text)
    try:
        return parse_duration(f"{days[1]}P{days[2]}D" if days else text)
    except ValueError as problem:
        raise Refused("ValidationException", f"{member} is not valid. {problem}") from None


@dataclass(frozen=True, slots=True)
class Times:
    """`ScheduleConfig`, parsed: `schedule` is None for a schedule that runs once, now."""

    schedule: Schedule | None
    start: timedelta | None = None
    end: timedelta | None = None

    def window(self, scheduled: datetime, source: Source) -> Window:
        """What an execution of that scheduled time reads.

        Offsets of the schedule, else of the input; else the period since the schedule's previous time (contract 9.3).
        """
        start, end = self.start, self.end
        if start is None and source.start_time_offset is not None:
            start = offset(source.start_time_offset, "StartTimeOffset")
        if end is None and source.end_time_offset is not None:
            end = offset(source.end_time_offset, "EndTimeOffset")
        until = scheduled + (end or timedelta())
        if start is not None:
            return Window(scheduled + start, until)
        before = None
        if self.schedule is not None:
            before = self.schedule.previous(scheduled - timedelta(microseconds=1))
        return Window(before if before is not None and before < until else until - _EVERY_DAY, until)


def times_of(config: Members, name: str) -> Times:
    """When the schedule of that name runs. Raises: Refused: ValidationException: the expression is none.

    An expression may be followed by a time zone (`cron(0 12 * * ? *) Europe/Berlin`; ours). Without `ScheduleConfig`
    the schedule is daily, at an hour that depends on its name.
    """
    given = _convert(config.get("ScheduleConfig") or {}, dict[str, str | None])
    start = given.get("DataAnalysisStartTime")
    end = given.get("DataAnalysisEndTime")
    from_ = offset(start, "DataAnalysisStartTime") if start else None
    until = offset(end, "DataAnalysisEndTime") if end else None
    if from_ is not None and from_ >= (until or timedelta()):
        raise Refused("ValidationException", "DataAnalysisStartTime must be before DataAnalysisEndTime.")
    text = given.get("ScheduleExpression") or f"cron(0 {sum(name.encode()) % 24} ? * * *)"
    if text.strip().upper() == "NOW":
        if from_ is None or until is None:
            why = "DataAnalysisStartTime and DataAnalysisEndTime are required when ScheduleExpression is NOW."
            raise Refused("ValidationException", why)
        return Times(None, from_, until)
    placed = _PLACE.fullmatch(text.strip())
    expression, zone = (placed[1], placed[2]) if placed else (text.strip(), "UTC")
    try:
        schedule = parse_schedule(expression, zone)
    except ValueError as problem:
        raise Refused("ValidationException", f"ScheduleExpression is not valid. {problem}") from None
    return Times(schedule, from_, until)


def inline_job(schedule: MonitoringSchedule) -> Job | None:
    """The job given within the schedule itself; None where it names a job definition."""
    members = schedule.config.get("MonitoringJobDefinition")
    return job_of(schedule.monitor, _convert(members, Members)) if members else None
