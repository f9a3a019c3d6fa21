"""The four monitors of the demo as the requests that make them: baseline jobs, job definitions, schedules."""

import json
from dataclasses import dataclass

from watchpost.fronts.demo.fitting import FEATURES, LABEL
from watchpost.service.labels.restating import RESTATE_AFTER
from watchpost.service.monitoring.documents import Members, MonitoringType

BUCKET, ENDPOINT, MODEL = "resale", "resale-price", "resale-price-v1"
ROLE = "arn:aws:iam::000000000000:role/SageMakerRole"
PREDICTED = "predicted_price"
CAPTURE, LABELS, REPORTS = f"s3://{BUCKET}/capture", f"s3://{BUCKET}/ground-truth", f"s3://{BUCKET}/reports"
DEAR = 500_000
"""A valuation above so many dollars is the favourable outcome whose fair share the bias monitor watches."""

_ECR = "156813124566.dkr.ecr.us-east-1.amazonaws.com"
_ANALYZER, _CLARIFY = f"{_ECR}/sagemaker-model-monitor-analyzer", f"{_ECR}/sagemaker-clarify-processing:1.0"
_CLUSTER: Members = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}}


@dataclass(frozen=True, slots=True)
class Watching:
    """One of the monitors. title: for people. schedule: its name, and of its job definition and baseline job.

    data: the table it learns from, as a CSV file's URI.
    """

    monitor: MonitoringType
    title: str
    schedule: str
    data: str

    @property
    def baseline(self) -> str:
        """Where its baseline lies."""
        return f"s3://{BUCKET}/baselines/{self.schedule}"

    @property
    def clarifies(self) -> bool:
        """Whether it is one of Clarify's, which are told what to do by an analysis_config.json."""
        return self.monitor in {"ModelBias", "ModelExplainability"}

    @property
    def labelled(self) -> bool:
        """Whether it compares with labels, and so looks again at an hour whose labels come late."""
        return self.monitor in {"ModelQuality", "ModelBias"}


MONITORS: tuple[Watching, ...] = (
    Watching("DataQuality", "data quality", f"{ENDPOINT}-data", f"s3://{BUCKET}/training/answers.csv"),
    Watching("ModelQuality", "model quality", f"{ENDPOINT}-quality", f"s3://{BUCKET}/training/validation.csv"),
    Watching("ModelBias", "bias", f"{ENDPOINT}-bias", f"s3://{BUCKET}/training/groups.csv"),
    Watching("ModelExplainability", "explainability", f"{ENDPOINT}-explained", f"s3://{BUCKET}/training/features.csv"),
)


def analysis_config(watching: Watching, typical: list[object], *, baseline: bool) -> str:
    """What Clarify's program is to do. typical: the row that stands for "nothing known of the flat"."""
    if watching.monitor == "ModelBias":
        config: Members = {
            "dataset_type": "text/csv",
            "label": LABEL,
            "headers": [LABEL, *FEATURES, *([PREDICTED] if baseline else [])],
            "label_values_or_threshold": [DEAR],
            "facet": [{"name_or_index": "flat_type", "value_or_threshold": ["3 ROOM"]}],
            "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}},
        }
        return json.dumps(config | ({"predicted_label": PREDICTED} if baseline else {}))
    shap: Members = {"baseline": [typical], "num_samples": 64, "agg_method": "mean_abs"}
    predictor: Members = {"model_name": MODEL, "content_type": "text/csv", "accept_type": "text/csv"}
    return json.dumps(
        {
            "dataset_type": "text/csv",
            "headers": list(FEATURES),
            "methods": {"shap": shap},
            "predictor": predictor,
        }
    )


def config_uri(watching: Watching, *, baseline: bool) -> str:
    """Where the analysis_config.json of the baseline job, or of the schedule, lies."""
    return f"s3://{BUCKET}/configurations/{watching.schedule}/{'baseline' if baseline else 'schedule'}.json"


def baseline_job(watching: Watching) -> Members:
    """CreateProcessingJob, as the SageMaker SDK's `suggest_baseline` asks for it."""
    data = "dataset" if watching.clarifies else "baseline_dataset_input"
    inputs = [_input(data, watching.data, f"/opt/ml/processing/input/{'data' if watching.clarifies else data}")]
    environment: dict[str, str] = {}
    if watching.clarifies:
        config = config_uri(watching, baseline=True)
        inputs.append(_input("analysis_config", config, "/opt/ml/processing/input/config"))
    else:
        environment = {
            "dataset_format": '{"csv": {"header": true}}',
            "dataset_source": f"/opt/ml/processing/input/{data}",
            "output_path": "/opt/ml/processing/output",
            "publish_cloudwatch_metrics": "Disabled",
        }
    if watching.monitor == "ModelQuality":
        environment |= {
            "analysis_type": "MODEL_QUALITY",
            "problem_type": "Regression",
            "inference_attribute": PREDICTED,
            "ground_truth_attribute": LABEL,
        }
    output = {"S3Uri": watching.baseline, "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    return {
        "ProcessingJobName": f"{watching.schedule}-baseline",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": _CLARIFY if watching.clarifies else _ANALYZER},
        "ProcessingResources": _CLUSTER,
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "baseline", "S3Output": output}]},
        **({"Environment": environment} if environment else {}),
    }


def job_definition(watching: Watching) -> Members:
    """Create…JobDefinition of the monitor's kind."""
    endpoint: Members = {"EndpointName": ENDPOINT, "LocalPath": "/opt/ml/processing/input/endpoint"}
    source: Members = {"EndpointInput": endpoint}
    if watching.labelled:
        endpoint["InferenceAttribute"] = "0"
        source["GroundTruthS3Input"] = {"S3Uri": LABELS}
    application: Members = {"ImageUri": _CLARIFY if watching.clarifies else _ANALYZER}
    if watching.monitor == "ModelQuality":
        application["ProblemType"] = "Regression"
    if watching.clarifies:
        application["ConfigUri"] = config_uri(watching, baseline=False)
    constraints = "analysis.json" if watching.clarifies else "constraints.json"
    learned: Members = {"ConstraintsResource": {"S3Uri": f"{watching.baseline}/{constraints}"}}
    if watching.monitor == "DataQuality":
        learned["StatisticsResource"] = {"S3Uri": f"{watching.baseline}/statistics.json"}
    told = {"Environment": {RESTATE_AFTER: "PT2M"}} if watching.labelled else {}
    kind, output = watching.monitor, {"S3Uri": REPORTS, "LocalPath": "/opt/ml/processing/output"}
    return {
        "JobDefinitionName": watching.schedule,
        f"{kind}BaselineConfig": learned,
        f"{kind}AppSpecification": application,
        f"{kind}JobInput": source,
        f"{kind}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
        "JobResources": _CLUSTER,
        "RoleArn": ROLE,
        **told,
    }


def schedule(watching: Watching) -> Members:
    """CreateMonitoringSchedule: every hour."""
    return {
        "MonitoringScheduleName": watching.schedule,
        "MonitoringScheduleConfig": {
            "MonitoringJobDefinitionName": watching.schedule,
            "MonitoringType": watching.monitor,
            "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
        },
    }


def _input(name: str, uri: str, path: str) -> Members:
    place: Members = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "AppManaged": False, "S3Input": place}
