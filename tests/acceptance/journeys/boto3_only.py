"""Without the SDK: update an endpoint to capture, three schedules, labels that come days later, quality restated."""

import json
import sys
import time
from datetime import datetime, timedelta, timezone

import boto3

model_file, train_file = sys.argv[1:3]

role = "arn:aws:iam::000000000000:role/SageMakerRole"
region = boto3.session.Session().region_name
bucket = "ml-monitoring"
endpoint = "resale-price"
sm = boto3.client("sagemaker")
runtime = boto3.client("sagemaker-runtime")
s3 = boto3.client("s3")
analyzer = f"156813124566.dkr.ecr.{region}.amazonaws.com/sagemaker-model-monitor-analyzer"
cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 20}


def status_of(job):
    return sm.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"]


def wait_while(status, ask):
    while (seen := ask()) in status:
        time.sleep(0.2)
    return seen


# A model that serves, without capture.
s3.create_bucket(Bucket=bucket)
s3.upload_file(model_file, bucket, "models/model.tar.gz")
s3.upload_file(train_file, bucket, "train/train.csv")
sm.create_model(
    ModelName="resale-price-v1",
    PrimaryContainer={
        "Image": f"683313688378.dkr.ecr.{region}.amazonaws.com/sagemaker-xgboost:1.7-1",
        "ModelDataUrl": f"s3://{bucket}/models/model.tar.gz",
    },
    ExecutionRoleArn=role,
)
variant = {
    "VariantName": "AllTraffic",
    "ModelName": "resale-price-v1",
    "InitialInstanceCount": 1,
    "InstanceType": "ml.m5.large",
    "InitialVariantWeight": 1,
}
sm.create_endpoint_config(EndpointConfigName="resale-price-plain", ProductionVariants=[variant])
sm.create_endpoint(EndpointName=endpoint, EndpointConfigName="resale-price-plain")
sm.get_waiter("endpoint_in_service").wait(EndpointName=endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 120})

# Turn data capture on.
sm.create_endpoint_config(
    EndpointConfigName="resale-price-captured",
    ProductionVariants=[variant],
    DataCaptureConfig={
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{bucket}/data-capture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    },
)
sm.update_endpoint(EndpointName=endpoint, EndpointConfigName="resale-price-captured")
wait_while({"Updating"}, lambda: sm.describe_endpoint(EndpointName=endpoint)["EndpointStatus"])
capture = sm.describe_endpoint(EndpointName=endpoint)["DataCaptureConfig"]

predictions = {}
for number in range(60):
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint,
        ContentType="text/csv",
        Body=f"{number % 50},{90 + number % 20}.0,{number % 3}",
        InferenceId=f"sale-{number}",
    )
    predictions[f"sale-{number}"] = float(answer["Body"].read())


def captured():
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"data-capture/{endpoint}/AllTraffic/")
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    return [line for key in keys for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]


wait_while({False}, lambda: len(captured()) >= 60)

# A baseline for data quality.
sm.create_processing_job(
    ProcessingJobName="resale-price-baseline",
    RoleArn=role,
    AppSpecification={"ImageUri": analyzer},
    ProcessingResources={"ClusterConfig": cluster},
    ProcessingInputs=[
        {
            "InputName": "baseline_dataset_input",
            "S3Input": {
                "S3Uri": f"s3://{bucket}/train/train.csv",
                "LocalPath": "/opt/ml/processing/input/baseline_dataset_input",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
    ],
    ProcessingOutputConfig={
        "Outputs": [
            {
                "OutputName": "monitoring_output",
                "S3Output": {
                    "S3Uri": f"s3://{bucket}/baseline",
                    "LocalPath": "/opt/ml/processing/output",
                    "S3UploadMode": "EndOfJob",
                },
            }
        ]
    },
    Environment={
        "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
        "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
        "output_path": "/opt/ml/processing/output",
        "publish_cloudwatch_metrics": "Disabled",
    },
)
baseline = wait_while({"InProgress"}, lambda: status_of("resale-price-baseline"))

# The schedules that tutorials print.
sm.create_data_quality_job_definition(
    JobDefinitionName="resale-price-data-quality",
    DataQualityBaselineConfig={
        "ConstraintsResource": {"S3Uri": f"s3://{bucket}/baseline/constraints.json"},
        "StatisticsResource": {"S3Uri": f"s3://{bucket}/baseline/statistics.json"},
    },
    DataQualityAppSpecification={"ImageUri": analyzer},
    DataQualityJobInput={"EndpointInput": {"EndpointName": endpoint, "LocalPath": "/opt/ml/processing/input/endpoint"}},
    DataQualityJobOutputConfig={
        "MonitoringOutputs": [
            {"S3Output": {"S3Uri": f"s3://{bucket}/reports", "LocalPath": "/opt/ml/processing/output"}}
        ]
    },
    JobResources={"ClusterConfig": cluster},
    RoleArn=role,
)
statuses = {}
for name, expression in (
    ("hourly", "cron(0 * * * ? *)"),
    ("every-two-hours", "cron(0 */2 * * ? *)"),
    ("daily", "cron(0 12 * * ? *)"),
):
    sm.create_monitoring_schedule(
        MonitoringScheduleName=f"resale-price-{name}",
        MonitoringScheduleConfig={
            "ScheduleConfig": {"ScheduleExpression": expression},
            "MonitoringJobDefinitionName": "resale-price-data-quality",
            "MonitoringType": "DataQuality",
        },
    )
    schedule = f"resale-price-{name}"
    described = sm.describe_monitoring_schedule(MonitoringScheduleName=schedule)
    statuses[described["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"]] = wait_while(
        {"Pending"},
        lambda: sm.describe_monitoring_schedule(MonitoringScheduleName=schedule)["MonitoringScheduleStatus"],  # noqa: B023
    )

# The same inferences as if they were made two days ago, for labels take their time.
then = datetime.now(timezone.utc) - timedelta(days=2)
old = []
for line in captured():
    record = json.loads(line)
    record["eventMetadata"]["inferenceTime"] = f"{then:%Y-%m-%dT%H:%M:%SZ}"
    old.append(json.dumps(record))
s3.put_object(
    Bucket=bucket,
    Key=f"data-capture/{endpoint}/AllTraffic/{then:%Y/%m/%d/%H}/00-00-000-two-days-ago.jsonl",
    Body="\n".join(old).encode(),
)


def upload_labels(name, labels):
    lines = [
        json.dumps(
            {
                "groundTruthData": {"data": str(label), "encoding": "CSV"},
                "eventMetadata": {"eventId": inference_id},
                "eventVersion": "0",
            }
        )
        for inference_id, label in labels.items()
    ]
    now = datetime.now(timezone.utc)
    s3.put_object(Bucket=bucket, Key=f"ground-truth/{now:%Y/%m/%d/%H}/{name}.jsonl", Body="\n".join(lines).encode())


sm.create_model_quality_job_definition(
    JobDefinitionName="resale-price-model-quality",
    ModelQualityAppSpecification={"ImageUri": analyzer, "ProblemType": "Regression"},
    ModelQualityJobInput={
        "EndpointInput": {
            "EndpointName": endpoint,
            "LocalPath": "/opt/ml/processing/input/endpoint",
            "InferenceAttribute": "0",
            "StartTimeOffset": "-P3D",
            "EndTimeOffset": "-P1D",
        },
        "GroundTruthS3Input": {"S3Uri": f"s3://{bucket}/ground-truth"},
    },
    ModelQualityJobOutputConfig={
        "MonitoringOutputs": [
            {"S3Output": {"S3Uri": f"s3://{bucket}/quality", "LocalPath": "/opt/ml/processing/output"}}
        ]
    },
    JobResources={"ClusterConfig": cluster},
    RoleArn=role,
)


def quality(schedule):
    """One run over the day before yesterday, with the labels known by now."""
    sm.create_monitoring_schedule(
        MonitoringScheduleName=schedule,
        MonitoringScheduleConfig={
            "ScheduleConfig": {
                "ScheduleExpression": "NOW",
                "DataAnalysisStartTime": "-PT60H",
                "DataAnalysisEndTime": "-PT36H",
            },
            "MonitoringJobDefinitionName": "resale-price-model-quality",
            "MonitoringType": "ModelQuality",
        },
    )

    def status():
        found = sm.list_monitoring_executions(MonitoringScheduleName=schedule)["MonitoringExecutionSummaries"]
        return found[0]["MonitoringExecutionStatus"] if found else "Pending"

    ended = wait_while({"Pending", "InProgress"}, status)
    found = sm.list_monitoring_executions(MonitoringScheduleName=schedule)["MonitoringExecutionSummaries"][0]
    job = sm.describe_processing_job(ProcessingJobName=found["ProcessingJobArn"].split("/")[-1])
    if ended == "Failed":
        return {"status": ended, "why": found.get("FailureReason"), "job": job.get("ExitMessage")}
    folder = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].removeprefix(f"s3://{bucket}/")
    report = json.loads(s3.get_object(Bucket=bucket, Key=f"{folder}/statistics.json")["Body"].read())
    return {
        "status": ended,
        "items": report["dataset"]["item_count"],
        "mae": report["regression_metrics"]["mae"]["value"],
    }


early = dict(list(predictions.items())[:20])
upload_labels("early", {name: value + 10 for name, value in early.items()})
first = quality("resale-price-model-quality-1")
late = dict(list(predictions.items())[20:])
upload_labels("late", {name: value + 40 for name, value in late.items()})
second = quality("resale-price-model-quality-2")

print(
    json.dumps(
        {
            "capture": [capture["CaptureStatus"], capture["CurrentSamplingPercentage"]],
            "baseline": baseline,
            "schedules": statuses,
            "first": first,
            "second": second,
        }
    )
)
