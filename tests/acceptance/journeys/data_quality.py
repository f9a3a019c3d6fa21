"""Data quality with the SageMaker SDK: a baseline, a deployed model with data capture, a schedule, its violations."""

import json
import sys
import time

import boto3
import sagemaker
from sagemaker import image_uris
from sagemaker.model import Model
from sagemaker.model_monitor import CronExpressionGenerator, DataCaptureConfig, DefaultModelMonitor
from sagemaker.model_monitor.dataset_format import DatasetFormat
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Uploader
from sagemaker.serializers import CSVSerializer

model_file, train_file = sys.argv[1:3]

role = "arn:aws:iam::000000000000:role/SageMakerRole"
session = sagemaker.Session()
bucket = session.default_bucket()
prefix = "sagemaker/DEMO-ModelMonitor"
capture_prefix = f"s3://{bucket}/{prefix}/datacapture"
reports_prefix = f"s3://{bucket}/{prefix}/reports"
baseline_results = f"s3://{bucket}/{prefix}/baselining/results"

# Deploy the model with data capture.
model_url = S3Uploader.upload(model_file, f"s3://{bucket}/{prefix}", sagemaker_session=session)
image_uri = image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1")
model = Model(image_uri=image_uri, model_data=model_url, role=role, sagemaker_session=session)
endpoint_name = "DEMO-price-quality"
model.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    endpoint_name=endpoint_name,
    data_capture_config=DataCaptureConfig(
        enable_capture=True, sampling_percentage=100, destination_s3_uri=capture_prefix, sagemaker_session=session
    ),
)

# Learn a baseline from the training data.
monitor = DefaultModelMonitor(
    role=role,
    instance_count=1,
    instance_type="ml.m5.xlarge",
    volume_size_in_gb=20,
    max_runtime_in_seconds=3600,
    sagemaker_session=session,
)
monitor.suggest_baseline(
    baseline_dataset=train_file,
    dataset_format=DatasetFormat.csv(header=True),
    output_s3_uri=baseline_results,
    wait=True,
)
baseline_job = monitor.latest_baselining_job
statistics = baseline_job.baseline_statistics().body_dict
constraints = baseline_job.suggested_constraints().body_dict

# The same from S3.
train_url = S3Uploader.upload(train_file, f"s3://{bucket}/{prefix}/baselining/data", sagemaker_session=session)
from_s3 = DefaultModelMonitor(role=role, sagemaker_session=session)
from_s3.suggest_baseline(
    baseline_dataset=train_url,
    dataset_format=DatasetFormat.csv(header=True),
    output_s3_uri=f"{baseline_results}-s3",
    wait=True,
    logs=False,
)

# Send traffic whose second column went wrong.
predictor = Predictor(endpoint_name=endpoint_name, sagemaker_session=session, serializer=CSVSerializer())
answers = [float(predictor.predict(f"{number % 50},-1000.0,{number % 3}")) for number in range(120)]

# Captures arrive in S3 a little later.
s3 = boto3.client("s3")
while True:
    captured = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/datacapture/{endpoint_name}/AllTraffic/")
    keys = [each["Key"] for each in captured.get("Contents", [])]
    lines = [line for key in keys for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
    if len(lines) >= 120:
        break
    time.sleep(1)

# Watch the endpoint every hour.
schedule_name = "DEMO-price-quality-hourly"
monitor.create_monitoring_schedule(
    monitor_schedule_name=schedule_name,
    endpoint_input=endpoint_name,
    output_s3_uri=reports_prefix,
    statistics=monitor.baseline_statistics(),
    constraints=monitor.suggested_constraints(),
    schedule_cron_expression=CronExpressionGenerator.hourly(),
    enable_cloudwatch_metrics=True,
)
described = monitor.describe_schedule()

# Look at what was captured now, without waiting for the hour to end.
now = DefaultModelMonitor(role=role, sagemaker_session=session)
now.create_monitoring_schedule(
    monitor_schedule_name="DEMO-price-quality-now",
    endpoint_input=endpoint_name,
    output_s3_uri=reports_prefix,
    statistics=monitor.baseline_statistics(),
    constraints=monitor.suggested_constraints(),
    schedule_cron_expression=CronExpressionGenerator.now(),
    data_analysis_start_time="-PT1H",
    data_analysis_end_time="-PT0H",
    enable_cloudwatch_metrics=True,
)
while True:
    executions = now.list_executions()
    if executions and executions[-1].describe()["ProcessingJobStatus"] != "InProgress":
        break
    time.sleep(5)
latest = executions[-1]
violations = now.latest_monitoring_constraint_violations()
latest_statistics = now.latest_monitoring_statistics()

monitor.stop_monitoring_schedule()
stopped = monitor.describe_schedule()["MonitoringScheduleStatus"]
monitor.start_monitoring_schedule()
monitor.update_monitoring_schedule(schedule_cron_expression=CronExpressionGenerator.daily(hour=3))
updated = monitor.describe_schedule()["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"]
monitors = [each.monitoring_schedule_name for each in predictor.list_monitors()]

predictor.update_data_capture_config(
    DataCaptureConfig(
        enable_capture=True, sampling_percentage=50, destination_s3_uri=capture_prefix, sagemaker_session=session
    )
)
summary = boto3.client("sagemaker").describe_endpoint(EndpointName=endpoint_name)["DataCaptureConfig"]

for each in (now, monitor):
    each.delete_monitoring_schedule()
predictor.delete_endpoint()

print(
    json.dumps(
        {
            "baseline_items": statistics["dataset"]["item_count"],
            "baseline_features": [feature["name"] for feature in statistics["features"]],
            "constrained_features": [feature["name"] for feature in constraints["features"]],
            "from_s3": from_s3.baseline_statistics().body_dict["dataset"]["item_count"],
            "answers": len(answers),
            "captured": json.loads(lines[0]),
            "expression": described["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"],
            "endpoint": described["EndpointName"],
            "exit_message": latest.describe().get("ExitMessage"),
            "report": latest.output.destination,
            "violations": [(v["feature_name"], v["constraint_check_type"]) for v in violations.body_dict["violations"]],
            "checked_items": latest_statistics.body_dict["dataset"]["item_count"],
            "stopped": stopped,
            "updated": updated,
            "monitors": sorted(monitors),
            "sampling": summary["CurrentSamplingPercentage"],
        }
    )
)
