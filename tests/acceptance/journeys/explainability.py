"""Feature attribution drift with the SageMaker SDK: SHAP of a churn model, and a feature that lost its weight."""

import json
import sys
import time

import sagemaker
from sagemaker import image_uris
from sagemaker.clarify import DataConfig, ModelConfig, SHAPConfig
from sagemaker.model import Model
from sagemaker.model_monitor import (
    CronExpressionGenerator,
    DataCaptureConfig,
    ExplainabilityAnalysisConfig,
    ModelExplainabilityMonitor,
)
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Uploader
from sagemaker.serializers import CSVSerializer

model_file, features_file = sys.argv[1:3]

role = "arn:aws:iam::000000000000:role/SageMakerRole"
session = sagemaker.Session()
bucket = session.default_bucket()
prefix = "sagemaker/DEMO-ClarifyModelMonitor-explainability"
endpoint_name = "DEMO-churn-explained"
model_name = "DEMO-churn-explained-model"
headers = ["tenure", "charge", "group"]

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

monitor = ModelExplainabilityMonitor(role=role, sagemaker_session=session, max_runtime_in_seconds=1800)
shap_config = SHAPConfig(
    baseline=[[25.0, 100.0, 0]], num_samples=100, agg_method="mean_abs", save_local_shap_values=False
)
model_config = ModelConfig(
    model_name=model_name,
    instance_type="ml.m5.large",
    instance_count=1,
    content_type="text/csv",
    accept_type="text/csv",
)
monitor.suggest_baseline(
    data_config=DataConfig(
        s3_data_input_path=features_file,
        s3_output_path=f"s3://{bucket}/{prefix}/baselining/results",
        headers=headers,
        dataset_type="text/csv",
    ),
    explainability_config=shap_config,
    model_config=model_config,
)
monitor.latest_baselining_job.wait(logs=False)
constraints = monitor.suggested_constraints()

predictor = Predictor(endpoint_name=endpoint_name, sagemaker_session=session, serializer=CSVSerializer())
for number in range(100):
    # Everybody has been a customer equally long: the feature that decided most decides nothing any more.
    predictor.predict(f"25,{20 + 2 * number}.0,{number % 2}")

s3 = session.boto_session.client("s3")
while True:
    found = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/datacapture/{endpoint_name}/AllTraffic/")
    keys = [each["Key"] for each in found.get("Contents", [])]
    if sum(len(s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()) for key in keys) >= 100:
        break
    time.sleep(1)

monitor.create_monitoring_schedule(
    monitor_schedule_name="DEMO-churn-explained-now",
    analysis_config=ExplainabilityAnalysisConfig(shap_config, model_config, headers=headers),
    endpoint_input=endpoint_name,
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
violations = monitor.latest_monitoring_constraint_violations()

shap_values = constraints.body_dict["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
print(
    json.dumps(
        {
            "global_shap_values": shap_values,
            "exit_message": latest.get("ExitMessage"),
            "failure": latest.get("FailureReason"),
            "violations": [v["constraint_check_type"] for v in violations.body_dict["violations"]]
            if violations
            else None,
        }
    )
)
