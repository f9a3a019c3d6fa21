"""SageMaker's API (`sagemaker`): endpoints, monitoring, processing jobs, the model registry, tags."""

from watchpost.fronts.aws.operation import AwsService
from watchpost.fronts.aws.sagemaker import alerts, endpoints, monitoring, processing, registry, tags

plugin = AwsService(
    name="sagemaker",
    operations={
        **alerts.OPERATIONS,
        **endpoints.OPERATIONS,
        **monitoring.OPERATIONS,
        **processing.OPERATIONS,
        **registry.OPERATIONS,
        **tags.OPERATIONS,
    },
    partial={
        **alerts.PARTIAL,
        **endpoints.PARTIAL,
        **monitoring.PARTIAL,
        **processing.PARTIAL,
        **registry.PARTIAL,
        **tags.PARTIAL,
    },
)
