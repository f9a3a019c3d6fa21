"""The code of a CloudWatch tutorial for model endpoints, as such tutorials print it."""

import datetime
import json

import boto3

cloudwatch = boto3.client("cloudwatch")
sns = boto3.client("sns")


def publish(accuracy: float, latency_ms: float, minutes_ago: float) -> None:
    # Naive UTC, as datetime.utcnow() gives it and most tutorials still write it.
    instant = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(minutes=minutes_ago)
    dimensions = [{"Name": "EndpointName", "Value": "resale-price"}, {"Name": "VariantName", "Value": "AllTraffic"}]
    cloudwatch.put_metric_data(
        Namespace="MLModels/Production",
        MetricData=[
            {
                "MetricName": "ModelAccuracy",
                "Dimensions": dimensions,
                "Value": accuracy,
                "Unit": "Percent",
                "Timestamp": instant,
            },
            {
                "MetricName": "PredictionLatency",
                "Dimensions": dimensions,
                "Values": [latency_ms, latency_ms * 2],
                "Counts": [9, 1],
                "Unit": "Milliseconds",
                "Timestamp": instant,
            },
        ],
    )


topic = sns.create_topic(Name="model-alerts")["TopicArn"]
sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ml-team@example.com")

for minute in range(12, 0, -1):
    publish(accuracy=96.0 if minute > 3 else 71.5, latency_ms=40.0, minutes_ago=minute)

cloudwatch.put_metric_alarm(
    AlarmName="model-accuracy-low",
    AlarmDescription="Accuracy of the resale price model fell below 90 %",
    Namespace="MLModels/Production",
    MetricName="ModelAccuracy",
    Dimensions=[{"Name": "EndpointName", "Value": "resale-price"}, {"Name": "VariantName", "Value": "AllTraffic"}],
    Statistic="Average",
    Unit="Percent",
    Period=60,
    EvaluationPeriods=2,
    Threshold=90.0,
    ComparisonOperator="LessThanThreshold",
    TreatMissingData="notBreaching",
    AlarmActions=[topic],
    OKActions=[topic],
)

cloudwatch.put_dashboard(
    DashboardName="model-monitoring",
    DashboardBody=json.dumps(
        {
            "widgets": [
                {
                    "type": "metric",
                    "x": 0,
                    "y": 0,
                    "width": 12,
                    "height": 6,
                    "properties": {
                        "metrics": [
                            [
                                "MLModels/Production",
                                "ModelAccuracy",
                                "EndpointName",
                                "resale-price",
                                "VariantName",
                                "AllTraffic",
                            ]
                        ],
                        "period": 300,
                        "stat": "Average",
                        "region": "us-east-1",
                        "title": "Model accuracy",
                    },
                }
            ]
        }
    ),
)

now = datetime.datetime.now(datetime.UTC)
points = cloudwatch.get_metric_statistics(
    Namespace="MLModels/Production",
    MetricName="PredictionLatency",
    Dimensions=[{"Name": "EndpointName", "Value": "resale-price"}, {"Name": "VariantName", "Value": "AllTraffic"}],
    StartTime=now - datetime.timedelta(hours=1),
    EndTime=now,
    Period=3600,
    Statistics=["Average", "Maximum", "SampleCount"],
)["Datapoints"]
print(json.dumps({"topic": topic, "samples": sum(point["SampleCount"] for point in points)}))
