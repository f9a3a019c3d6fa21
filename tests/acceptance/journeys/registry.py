"""The model registry with the SageMaker SDK: a version is registered, approved, deployed and tagged."""

import json
import sys

import boto3
import sagemaker
from sagemaker import image_uris
from sagemaker.model import Model, ModelPackage
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.s3 import S3Uploader
from sagemaker.serializers import CSVSerializer

model_file = sys.argv[1]

role = "arn:aws:iam::000000000000:role/SageMakerRole"
session = sagemaker.Session()
bucket = session.default_bucket()
prices = "prices"
sm = boto3.client("sagemaker")

model = Model(
    image_uri=image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1"),
    model_data=S3Uploader.upload(model_file, f"s3://{bucket}/registry", sagemaker_session=session),
    role=role,
    sagemaker_session=session,
)


def register(status):
    return model.register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        model_package_group_name=prices,
        approval_status=status,
        description="prices of flats",
        customer_metadata_properties={"trained-on": "2024"},
        model_metrics=ModelMetrics(
            model_statistics=MetricsSource(
                s3_uri=f"s3://{bucket}/registry/statistics.json", content_type="application/json"
            )
        ),
    )


first = register("Approved")
second = register("PendingManualApproval")
before = sm.describe_model_package(ModelPackageName=second.model_package_arn)
sm.update_model_package(
    ModelPackageArn=second.model_package_arn, ModelApprovalStatus="Approved", ApprovalDescription="checked by hand"
)

# Deploy the latest approved version, as a pipeline does.
approved = sm.list_model_packages(
    ModelPackageGroupName=prices, ModelApprovalStatus="Approved", SortBy="CreationTime", MaxResults=100
)["ModelPackageSummaryList"]
latest = approved[0]["ModelPackageArn"]
package = ModelPackage(role=role, model_package_arn=latest, sagemaker_session=session)
package.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    endpoint_name="registered-prices",
    tags=[{"Key": "team", "Value": "pricing"}],
)
predictor = sagemaker.Predictor("registered-prices", sagemaker_session=session, serializer=CSVSerializer())
price = float(predictor.predict("10,100.0,1"))

endpoint = sm.describe_endpoint(EndpointName="registered-prices")["EndpointArn"]
sm.add_tags(ResourceArn=endpoint, Tags=[{"Key": "stage", "Value": "production"}])
sm.delete_tags(ResourceArn=endpoint, TagKeys=["team"])
tags = sm.list_tags(ResourceArn=endpoint)["Tags"]

print(
    json.dumps(
        {
            "versions": [package["ModelPackageVersion"] for package in approved],
            "before": before["ModelApprovalStatus"],
            "metadata": before["CustomerMetadataProperties"],
            "statistics": before["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"],
            "latest": latest,
            "price": price,
            "tags": tags,
        }
    )
)
