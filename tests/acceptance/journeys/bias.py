"""Bias drift with the SageMaker SDK: Clarify's baseline of a churn model, and a group that came to be refused."""

import json
import sys
import time
from datetime import datetime, timezone

import sagemaker
from sagemaker import image_uris
from sagemaker.clarify import BiasConfig, DataConfig, ModelConfig, ModelPredictedLabelConfig
from sagemaker.model import Model
from sagemaker.model_monitor import (
    BiasAnalysisConfig,
    CronExpressionGenerator,
    DataCaptureConfig,
    EndpointInput,
    ModelBiasMonitor,
)
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Uploader
from sagemaker.serializers import CSVSerializer

model_file, validation_file = sys.argv[1:3]

role = "arn:aws:iam::000000000000:role/SageMakerRole"
session = sagemaker.Session()
bucket = session.default_bucket()
prefix = "sagemaker/DEMO-ClarifyModelMonitor-bias"
endpoint_name = "DEMO-churn-bias"
model_name = "DEMO-churn-bias-model"
all_headers = ["label", "tenure", "charge", "group"]
label_header = "label"

model_url = S3Uploader.upload(model_file, f"s3://{bucket}/{prefix}", sagemaker_session=session)
image_uri = image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1")
Model(name=model_name, image_uri=image_uri, model_data=model_url, role=role, sagemaker_session=session).deploy(
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

monitor = ModelBiasMonitor(role=role, sagemaker_session=session, max_runtime_in_seconds=1800)
bias_config = BiasConfig(label_values_or_threshold=[1], facet_name="group", facet_values_or_threshold=[1])
monitor.suggest_baseline(
    data_config=DataConfig(
        s3_data_input_path=S3Uploader.upload(
            validation_file, f"s3://{bucket}/{prefix}/data", sagemaker_session=session
        ),
        s3_output_path=f"s3://{bucket}/{prefix}/baselining/results",
        label=label_header,
        headers=all_headers,
        dataset_type="text/csv",
    ),
    bias_config=bias_config,
    model_config=ModelConfig(
        model_name=model_name,
        instance_type="ml.m5.large",
        instance_count=1,
        content_type="text/csv",
        accept_type="text/csv",
    ),
    model_predicted_label_config=ModelPredictedLabelConfig(probability_threshold=0.5),
)
monitor.latest_baselining_job.wait(logs=False)
constraints = monitor.suggested_constraints()

predictor = Predictor(endpoint_name=endpoint_name, sagemaker_session=session, serializer=CSVSerializer())
labels = []
for number in range(300):
    group = number % 2
    # Group 1 now consists of customers the model takes to be loyal, group 0 of those it takes to leave.
    tenure = 40 + number % 10 if group else number % 10
    predictor.predict(f"{tenure},100.0,{group}", inference_id=str(number))
    labels.append(
        json.dumps(
            {
                "groundTruthData": {"data": str(number % 3 % 2), "encoding": "CSV"},
                "eventMetadata": {"eventId": str(number)},
                "eventVersion": "0",
            }
        )
    )
ground_truth_upload_path = f"s3://{bucket}/{prefix}/ground_truth_data"
upload_time = datetime.now(timezone.utc)
target = f"{ground_truth_upload_path}/{upload_time:%Y/%m/%d/%H/%M%S}.jsonl"
S3Uploader.upload_string_as_file_body("\n".join(labels), target, sagemaker_session=session)

s3 = session.boto_session.client("s3")
while True:
    found = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/datacapture/{endpoint_name}/AllTraffic/")
    keys = [each["Key"] for each in found.get("Contents", [])]
    if sum(len(s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()) for key in keys) >= 300:
        break
    time.sleep(1)

monitor.create_monitoring_schedule(
    monitor_schedule_name="DEMO-churn-bias-now",
    analysis_config=BiasAnalysisConfig(bias_config, headers=all_headers, label=label_header),
    endpoint_input=EndpointInput(
        endpoint_name=endpoint_name,
        destination="/opt/ml/processing/input/endpoint",
        probability_threshold_attribute=0.5,
    ),
    ground_truth_input=ground_truth_upload_path,
    output_s3_uri=f"s3://{bucket}/{prefix}/results",
    constraints=constraints,
    schedule_cron_expression=CronExpressionGenerator.now(),
    data_analysis_start_time="-PT1H",
    data_analysis_end_time="-PT0H",
)
while True:
    executions = monitor.list_executions()
    if executions and executions[-1].describe()["ProcessingJobStatus"] != "InProgress":
        break
    time.sleep(5)
latest = executions[-1].describe()
assert latest["ProcessingJobStatus"] == "Completed", latest
violations = monitor.latest_monitoring_constraint_violations()

print(
    json.dumps(
        {
            "baseline": sorted(constraints.body_dict),
            "metrics": len(constraints.body_dict["post_training_bias_metrics"]["facets"]["group"][0]["metrics"]),
            "exit_message": latest.get("ExitMessage"),
            "failure": latest.get("FailureReason"),
            "violations": [v["metric_name"] for v in violations.body_dict["violations"]] if violations else None,
        }
    )
)
