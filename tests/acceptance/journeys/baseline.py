"""A baseline alone, waited for as the SDK waits, with the job's log on the screen."""

import json
import sys

import sagemaker
from sagemaker.model_monitor import DefaultModelMonitor
from sagemaker.model_monitor.dataset_format import DatasetFormat

monitor = DefaultModelMonitor(
    role="arn:aws:iam::000000000000:role/SageMakerRole", sagemaker_session=sagemaker.Session()
)
monitor.suggest_baseline(baseline_dataset=sys.argv[1], dataset_format=DatasetFormat.csv(header=True))
print()
print(json.dumps(monitor.describe_latest_baselining_job()["ProcessingJobStatus"]))
print(json.dumps({"items": monitor.baseline_statistics().body_dict["dataset"]["item_count"]}))
