"""Model quality with the SageMaker SDK: predictions by inference id, ground truth in S3, the error that grew."""

import json
import random
import sys
import time
from datetime import datetime, timezone

import sagemaker
from sagemaker import image_uris
from sagemaker.model import Model
from sagemaker.model_monitor import CronExpressionGenerator, DataCaptureConfig, EndpointInput, ModelQualityMonitor
from sagemaker.model_monitor.dataset_format import DatasetFormat
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Uploader
from sagemaker.serializers import CSVSerializer

model_file, baseline_file = sys.argv[1:3]

role = "arn:aws:iam::000000000000:role/SageMakerRole"
session = sagemaker.Session()
bucket = session.default_bucket()
prefix = "sagemaker/DEMO-ModelQuality"
ground_truth_upload_path = f"s3://{bucket}/{prefix}/ground_truth_data"
endpoint_name = "DEMO-price-model-quality"

model_url = S3Uploader.upload(model_file, f"s3://{bucket}/{prefix}", sagemaker_session=session)
image_uri = image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1")
Model(image_uri=image_uri, model_data=model_url, role=role, sagemaker_session=session).deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    endpoint_name=endpoint_name,
    data_capture_config=DataCaptureConfig(
        enable_capture=True,
        sampling_percentage=100,
        destination_s3_uri=f"s3://{bucket}/{prefix}/datacapture",
        sagemaker_session=session,
    ),
)

monitor = ModelQualityMonitor(
    role=role,
    instance_count=1,
    instance_type="ml.m5.xlarge",
    volume_size_in_gb=20,
    max_runtime_in_seconds=1800,
    sagemaker_session=session,
)
job = monitor.suggest_baseline(
    job_name=f"DEMO-quality-baseline-{int(time.time())}",
    baseline_dataset=baseline_file,
    dataset_format=DatasetFormat.csv(header=True),
    output_s3_uri=f"s3://{bucket}/{prefix}/baselining/results",
    problem_type="Regression",
    inference_attribute="prediction",
    ground_truth_attribute="label",
)
job.wait(logs=False)
baseline_job = monitor.latest_baselining_job
statistics = baseline_job.baseline_statistics().body_dict
constraints = baseline_job.suggested_constraints().body_dict

# Each request carries the id under which its label will come.
predictor = Predictor(endpoint_name=endpoint_name, sagemaker_session=session, serializer=CSVSerializer())
rng = random.Random(1)
predictions = {}
for number in range(200):
    row = f"{rng.randrange(50)},{rng.gauss(100, 10):.3f},{rng.randrange(3)}"
    predictions[str(number)] = float(predictor.predict(row, inference_id=str(number)))


def ground_truth(inference_id, label):
    return json.dumps(
        {
            "groundTruthData": {"data": str(label), "encoding": "CSV"},
            "eventMetadata": {"eventId": inference_id},
            "eventVersion": "0",
        }
    )


# The truth, in the folder of the hour in which it was learnt: everything sold for 30 more than predicted.
upload_time = datetime.now(timezone.utc)
labels = "\n".join(ground_truth(each, predictions[each] + 30) for each in predictions)
target = f"{ground_truth_upload_path}/{upload_time:%Y/%m/%d/%H/%M%S}.jsonl"
S3Uploader.upload_string_as_file_body(labels, target, sagemaker_session=session)

# Captures arrive in S3 a little later.
s3 = session.boto_session.client("s3")
while True:
    found = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/datacapture/{endpoint_name}/AllTraffic/")
    keys = [each["Key"] for each in found.get("Contents", [])]
    if sum(len(s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()) for key in keys) >= 200:
        break
    time.sleep(1)

monitor.create_monitoring_schedule(
    monitor_schedule_name="DEMO-price-model-quality-now",
    endpoint_input=EndpointInput(
        endpoint_name=endpoint_name,
        destination="/opt/ml/processing/input_data",
        inference_attribute="0",
    ),
    output_s3_uri=f"s3://{bucket}/{prefix}/results",
    problem_type="Regression",
    ground_truth_input=ground_truth_upload_path,
    constraints=baseline_job.suggested_constraints(),
    schedule_cron_expression=CronExpressionGenerator.now(),
    data_analysis_start_time="-PT1H",
    data_analysis_end_time="-PT0H",
    enable_cloudwatch_metrics=True,
)
while True:
    executions = monitor.list_executions()
    if executions and executions[-1].describe()["ProcessingJobStatus"] != "InProgress":
        break
    time.sleep(5)
latest = executions[-1].describe()
violations = monitor.latest_monitoring_constraint_violations()
seen = monitor.latest_monitoring_statistics()

# The metrics that an alarm would watch.
cloudwatch = session.boto_session.client("cloudwatch")
metrics = cloudwatch.list_metrics(Namespace="aws/sagemaker/Endpoints/model-metrics")["Metrics"]

print(
    json.dumps(
        {
            "baseline_mae": statistics["regression_metrics"]["mae"]["value"],
            "constraints": sorted(constraints["regression_constraints"]),
            "exit_message": latest.get("ExitMessage"),
            "failure": latest.get("FailureReason"),
            "job": latest["ProcessingJobName"],
            "mae": seen.body_dict["regression_metrics"]["mae"]["value"],
            "items": seen.body_dict["dataset"]["item_count"],
            "violations": sorted(
                (v["metric_name"], v["constraint_check_type"]) for v in violations.body_dict["violations"]
            ),
            "metrics": sorted({metric["MetricName"] for metric in metrics}),
            "dimensions": sorted({d["Name"] for metric in metrics for d in metric["Dimensions"]}),
        }
    )
)
