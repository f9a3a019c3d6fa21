"""A monitoring execution as the processing job it is: inputs, environment and output of one window."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from watchpost.data.manifests import is_manifest, parse_manifest
from watchpost.service.monitoring.documents import Members, MonitoringSchedule
from watchpost.service.monitoring.job import DatasetFormat, Job
from watchpost.stores.objects.objects import Objects, bucket_and_key
from watchpost.windows import Window

HOUR = timedelta(hours=1)
CAPTURE_PREFIX = "sagemaker_endpoint_datacapture_prefix"
"""Environment of a job: where records lie that another process than this server captures."""

GROUND_TRUTH = "groundtruth_input_1"
_INPUT, _TRUTH = "/opt/ml/processing/input", "/opt/ml/processing/groundtruth"
_BASELINE, _CONFIG = "/opt/ml/processing/baseline", "/opt/ml/processing/input/analysis_config"
_TYPES = {
    "DataQuality": None,
    "ModelQuality": "MODEL_QUALITY",
    "ModelBias": "MODEL_BIAS",
    "ModelExplainability": "MODEL_EXPLAINABILITY",
}


# Its own analysis_config.json is not among them: the schedule brings the one that holds.
_BESIDE = ("statistics.json", "bias_counts.json", "model_metadata.json", "attribution_data.jsonl")


class Endpoints(Protocol):
    """What is asked of the endpoints."""

    def capture_prefix(self, endpoint: str) -> str:
        """Where the endpoint's records are captured to: `s3://bucket/prefix`, above the folder of the endpoint.

        Raises: Refused: there is no such endpoint, or it captures nothing.
        """


@dataclass(frozen=True, slots=True)
class Request:
    """The processing job of a window.

    members: of CreateProcessingJob. since: labels collected before it are of no use, by the input's name. searched:
    where records of the window would lie. found: whether there are any. window: see `Spec.window`.
    """

    members: Members
    searched: tuple[str, ...]
    found: bool
    window: tuple[datetime, datetime] | None
    since: Mapping[str, datetime] = field(default_factory=dict)


def request_of(
    job: Job,
    schedule: MonitoringSchedule,
    scheduled: datetime,
    window: Window,
    objects: Objects,
    endpoints: Endpoints,
    *,
    asked: bool = False,
) -> Request:
    """The job's request. asked: the window is none of the schedule's.

    Raises: Refused: the endpoint or a URI is none; InputError: a manifest is broken.
    """
    inputs: list[Members] = []
    searched: list[str] = []
    found = _records(job, window, objects, endpoints, searched)
    for number, (name, uri, path, kind) in enumerate(found, 1):
        inputs.append(_input(f"{name}_{number}", uri, path, job, kind))
    count = len(inputs)
    for name, one, folder in (
        ("constraints", job.constraints, f"{_BASELINE}/constraints"),
        ("baseline", job.statistics, f"{_BASELINE}/stats"),
        ("analysis_config", job.config_uri, _CONFIG),
        ("record_preprocessor_script_input", job.preprocessor, f"{_INPUT}/record_preprocessor_script_input"),
        ("post_analytics_processor_script_input", job.postprocessor, f"{_INPUT}/post_analytics_processor_script_input"),
    ):
        if one is not None:
            inputs.append(_input(name, one, folder, job))
    if job.constraints is not None and job.monitor != "DataQuality":
        # What a baseline job of ours left beside its constraints tells how sure its figures are.
        beside = job.constraints.rpartition("/")[0]
        for name in _BESIDE:
            uri = f"{beside}/{name}"
            if uri not in (job.constraints, job.statistics) and objects.head(*bucket_and_key(uri)) is not None:
                inputs.append(_input(f"baseline_{name.partition('.')[0]}", uri, f"{_BASELINE}/constraints", job))
    if job.ground_truth is not None:
        inputs.append(_input(GROUND_TRUTH, job.ground_truth, _TRUTH, job))
    members: Members = {
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": _output(job, report_uri(job, schedule, scheduled, window if asked else None)),
        "ProcessingResources": dict(job.resources),
        "StoppingCondition": {"MaxRuntimeInSeconds": job.max_seconds or _longest(job)},
        "AppSpecification": _application(job),
        "Environment": _environment(job, schedule, window),
        "RoleArn": job.role,
    }
    if job.network is not None:
        members["NetworkConfig"] = job.network
    return Request(
        members,
        tuple(searched),
        count > 0,
        None if is_whole(window) or job.source.endpoint_name is None else (window.start, window.end),
        {GROUND_TRUTH: window.start},
    )


def report_uri(job: Job, schedule: MonitoringSchedule, scheduled: datetime, asked: Window | None = None) -> str:
    """Where a window's report goes (contract 9.3); a time within an hour has a folder of its own below the hour's.

    asked: a window that is none of the schedule's; its report must not stand where the schedule's do.
    """
    parts = [job.output_uri.rstrip("/"), job.source.endpoint_name, schedule.name, f"{scheduled:%Y/%m/%d/%H}"]
    if asked is not None:
        parts[-1] = f"windows/{asked.start:%Y%m%dT%H%M%SZ}-{asked.end:%Y%m%dT%H%M%SZ}"
        return "/".join(part for part in parts if part)
    once = str((schedule.config.get("ScheduleConfig") or {}).get("ScheduleExpression", "")).upper() == "NOW"  # type: ignore[attr-defined]  # a structure of the API
    if scheduled.minute and not once:
        parts.append(f"{scheduled:%M}")
    return "/".join(part for part in parts if part)


def captured_below(job: Job, endpoint: str, endpoints: Endpoints) -> str:
    """The prefix below which the endpoint's variants have their folders of captured records. Raises: Refused."""
    prefix = (job.environment.get(CAPTURE_PREFIX) or endpoints.capture_prefix(endpoint)).rstrip("/")
    return prefix if prefix.endswith(f"/{endpoint}") else f"{prefix}/{endpoint}"


def is_whole(window: Window) -> bool:
    """Whether it begins and ends with an hour, so that the folders of its hours are all it reads."""
    return window.start == _hour(window.start) and window.end == _hour(window.end)


def hours(window: Window) -> Iterator[datetime]:
    """The hours that a window touches, ascending."""
    at = _hour(window.start)
    while at < window.end:
        yield at
        at += HOUR


def _records(
    job: Job, window: Window, objects: Objects, endpoints: Endpoints, searched: list[str]
) -> Iterator[tuple[str, str, str, str]]:
    """(name, URI, container path, S3 data type) of every folder or manifest with records of the window."""
    source = job.source
    place = source.local_path.rstrip("/")
    if source.endpoint_name is not None:
        base = captured_below(job, source.endpoint_name, endpoints)
        searched.append(f"{base}/")
        for variant in folders(objects, base):
            for hour in hours(window):
                uri = f"{base}/{variant}/{hour:%Y/%m/%d/%H}"
                if _holds(objects, uri):
                    below = f"{source.endpoint_name}/{variant}/{hour:%Y/%m/%d/%H}"
                    yield "endpoint_input", uri, f"{place}/{below}", "S3Prefix"
        return
    base = (source.data_captured_destination_s3_uri or "").rstrip("/")
    searched.append(f"{base}/")
    yield from _batches(base, place, window, objects)


def _batches(base: str, place: str, window: Window, objects: Objects) -> Iterator[tuple[str, str, str, str]]:
    """Manifests of what transform jobs wrote, else of what they read; else data files in hour folders."""
    for side in ("/output", "/input", ""):
        some = False
        for hour in hours(window):
            uri = f"{base}{side}/{hour:%Y/%m/%d/%H}"
            if not _holds(objects, uri):
                continue
            some = True
            manifests = _manifests(objects, uri) if side else []
            for number, manifest in enumerate(manifests):
                yield "batch_input", manifest, f"{place}/{hour:%Y/%m/%d/%H}/{number}", "ManifestFile"
            if not manifests:
                yield "batch_input", uri, f"{place}/{hour:%Y/%m/%d/%H}", "S3Prefix"
        if some:
            return


def _manifests(objects: Objects, uri: str) -> list[str]:
    """The manifests of an hour folder; empty when it holds data itself. Raises: UnreadableSource."""
    bucket, prefix = bucket_and_key(f"{uri}/")
    found = []
    for info in objects.walk(bucket, prefix):
        if not info.key.endswith(".json") or not is_manifest(objects.get(bucket, info.key, 0, 512)):
            return []
        parse_manifest(objects.get(bucket, info.key), f"s3://{bucket}/{info.key}")
        found.append(f"s3://{bucket}/{info.key}")
    return found


def folders(objects: Objects, base: str) -> list[str]:
    """The names of the folders right below a prefix: one listed object each."""
    bucket, prefix = bucket_and_key(f"{base}/")
    if objects.bucket(bucket) is None:
        return []
    found: list[str] = []
    after = ""
    while listed := objects.list(bucket, prefix, after, 1):
        name, folder, _ = listed[0].key.removeprefix(prefix).partition("/")
        after = f"{prefix}{name}/\U0010ffff" if folder else listed[0].key
        if folder:
            found.append(name)
    return found


def _holds(objects: Objects, uri: str) -> bool:
    bucket, prefix = bucket_and_key(f"{uri}/")
    return objects.bucket(bucket) is not None and bool(objects.list(bucket, prefix, "", 1))


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _longest(job: Job) -> int:
    # Two jobs of half an hour each in the service: one merges labels (contract 6.2).
    return 1800 if job.ground_truth is not None else 3600


def _input(name: str, uri: str, path: str, job: Job, kind: str = "S3Prefix") -> Members:
    return {
        "InputName": name,
        "AppManaged": False,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": path,
            "S3DataType": kind,
            "S3InputMode": job.source.s3_input_mode,
            "S3DataDistributionType": job.source.s3_data_distribution_type,
            "S3CompressionType": "None",
        },
    }


def _output(job: Job, uri: str) -> Members:
    output: Members = {
        "S3Uri": uri,
        "LocalPath": job.output_path,
        "S3UploadMode": job.upload_mode,
    }
    config: Members = {"Outputs": [{"OutputName": "result", "S3Output": output, "AppManaged": False}]}
    return config | ({"KmsKeyId": job.kms_key} if job.kms_key else {})


def _application(job: Job) -> Members:
    members: Members = {"ImageUri": job.image}
    if job.entrypoint:
        members["ContainerEntrypoint"] = list(job.entrypoint)
    if job.arguments:
        members["ContainerArguments"] = list(job.arguments)
    return members


def _environment(job: Job, schedule: MonitoringSchedule, window: Window) -> dict[str, str]:
    """The variables of the container contract (10.1), over those the user gave."""
    source = job.source
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    threshold = source.probability_threshold_attribute
    found: dict[str, str | None] = {
        "dataset_format": _format(source.dataset_format),
        "dataset_source": source.local_path,
        "output_path": job.output_path,
        "start_time": f"{window.start:{stamp}}",
        "end_time": f"{window.end:{stamp}}",
        "metric_time": f"{window.start:{stamp}}",
        "sagemaker_endpoint_name": source.endpoint_name,
        "sagemaker_monitoring_schedule_name": schedule.name,
        "monitoring_input_type": "ENDPOINT_INPUT" if source.endpoint_name else "BATCH_TRANSFORM_INPUT",
        "analysis_type": _TYPES[job.monitor],
        "problem_type": job.problem_type,
        "inference_attribute": source.inference_attribute,
        "probability_attribute": source.probability_attribute,
        "probability_threshold_attribute": None if threshold is None else repr(threshold),
        "features_attribute": source.features_attribute,
        "exclude_features_attribute": source.exclude_features_attribute,
        "ground_truth_source": _TRUTH if job.ground_truth else None,
        "baseline_constraints": _at(job.constraints, f"{_BASELINE}/constraints"),
        "baseline_statistics": _at(job.statistics, f"{_BASELINE}/stats"),
        "analysis_config": _at(job.config_uri, _CONFIG),
        "record_preprocessor_script": _at(job.preprocessor, f"{_INPUT}/record_preprocessor_script_input"),
        "post_analytics_processor_script": _at(job.postprocessor, f"{_INPUT}/post_analytics_processor_script_input"),
    }
    defaults = {"publish_cloudwatch_metrics": "Enabled"}
    return {**defaults, **job.environment, **{name: value for name, value in found.items() if value is not None}}


def _at(uri: str | None, folder: str) -> str | None:
    return None if uri is None else f"{folder}/{uri.rstrip('/').rpartition('/')[2]}"


def _format(given: DatasetFormat | None) -> str:
    """`dataset_format` of batch data, whose API spells it otherwise (contract 10.2); captures have their own."""
    if given is None:
        form: Members = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
    elif given.csv is not None:
        form = {"csv": {"header": bool(given.csv.header)}}
    elif given.json is not None:
        form = {"json": {} if given.json.line is None else {"line": given.json.line}}
    else:
        form = {"parquet": {}}
    return msgspec.json.encode(form).decode()
