#!/usr/bin/env bash
# The AWS CLI alone: what is watched, a run of today's data, what it found.
set -euo pipefail
bucket=$1 model=$2 train=$3
role=arn:aws:iam::000000000000:role/SageMakerRole
image=156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer
cluster='{"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 20}'

aws s3 mb "s3://$bucket" >/dev/null
aws s3 cp --quiet "$model" "s3://$bucket/model.tar.gz"
aws s3 cp --quiet "$train" "s3://$bucket/train/train.csv"

aws sagemaker create-model --model-name flats --execution-role-arn "$role" --primary-container \
    "Image=683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1,ModelDataUrl=s3://$bucket/model.tar.gz" >/dev/null
aws sagemaker create-endpoint-config --endpoint-config-name flats \
    --production-variants VariantName=AllTraffic,ModelName=flats,InitialInstanceCount=1,InstanceType=ml.m5.large \
    --data-capture-config "EnableCapture=true,InitialSamplingPercentage=100,DestinationS3Uri=s3://$bucket/capture,CaptureOptions=[{CaptureMode=Input},{CaptureMode=Output}],CaptureContentTypeHeader={CsvContentTypes=[text/csv]}" >/dev/null
aws sagemaker create-endpoint --endpoint-name flats --endpoint-config-name flats >/dev/null

aws sagemaker create-processing-job --processing-job-name flats-baseline --role-arn "$role" \
    --app-specification "ImageUri=$image" --processing-resources "{\"ClusterConfig\": $cluster}" \
    --processing-inputs "[{\"InputName\": \"baseline_dataset_input\", \"S3Input\": {\"S3Uri\": \"s3://$bucket/train\", \"LocalPath\": \"/opt/ml/processing/input/baseline_dataset_input\", \"S3DataType\": \"S3Prefix\", \"S3InputMode\": \"File\"}}]" \
    --processing-output-config "{\"Outputs\": [{\"OutputName\": \"monitoring_output\", \"S3Output\": {\"S3Uri\": \"s3://$bucket/baseline\", \"LocalPath\": \"/opt/ml/processing/output\", \"S3UploadMode\": \"EndOfJob\"}}]}" \
    --environment '{"dataset_format": "{\"csv\": {\"header\": true}}", "dataset_source": "/opt/ml/processing/input/baseline_dataset_input", "output_path": "/opt/ml/processing/output", "publish_cloudwatch_metrics": "Disabled"}' >/dev/null
until aws sagemaker describe-endpoint --endpoint-name flats --query EndpointStatus | grep -q InService; do sleep 0.2; done
folder=$(mktemp -d)
printf '3,101.5,1' >"$folder/flat.csv"
aws sagemaker-runtime invoke-endpoint --endpoint-name flats --content-type text/csv --body "fileb://$folder/flat.csv" \
    "$folder/price.csv" --query InvokedProductionVariant --output text
until aws sagemaker describe-processing-job --processing-job-name flats-baseline --query ProcessingJobStatus |
    grep -q Completed; do sleep 0.2; done
aws s3 ls "s3://$bucket/baseline/" | awk '{print $4}'

aws sagemaker create-data-quality-job-definition --job-definition-name flats --role-arn "$role" \
    --data-quality-app-specification "ImageUri=$image" \
    --data-quality-baseline-config "ConstraintsResource={S3Uri=s3://$bucket/baseline/constraints.json},StatisticsResource={S3Uri=s3://$bucket/baseline/statistics.json}" \
    --data-quality-job-input 'EndpointInput={EndpointName=flats,LocalPath=/opt/ml/processing/input/endpoint}' \
    --data-quality-job-output-config "MonitoringOutputs=[{S3Output={S3Uri=s3://$bucket/reports,LocalPath=/opt/ml/processing/output}}]" \
    --job-resources "{\"ClusterConfig\": $cluster}" >/dev/null
aws sagemaker create-monitoring-schedule --monitoring-schedule-name flats --tags Key=team,Value=pricing \
    --monitoring-schedule-config 'ScheduleConfig={ScheduleExpression=cron(0 * * * ? *)},MonitoringJobDefinitionName=flats,MonitoringType=DataQuality' >/dev/null
aws sagemaker list-monitoring-schedules --endpoint-name flats --query 'MonitoringScheduleSummaries[].[MonitoringScheduleName,MonitoringType]' --output text
arn=$(aws sagemaker describe-monitoring-schedule --monitoring-schedule-name flats --query MonitoringScheduleArn --output text)
aws sagemaker list-tags --resource-arn "$arn" --query 'Tags[].Value' --output text
aws sagemaker list-monitoring-alerts --monitoring-schedule-name flats --query 'MonitoringAlertSummaries[].AlertStatus' --output text
