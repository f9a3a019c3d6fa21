"""Structured prediction logs, a metric filter on them, and a query: as tutorials print it."""

import json
import time

import boto3

logs = boto3.client("logs")

logs.create_log_group(logGroupName="/ml/predictions")
logs.put_retention_policy(logGroupName="/ml/predictions", retentionInDays=30)
logs.create_log_stream(logGroupName="/ml/predictions", logStreamName="resale-price")
logs.put_metric_filter(
    logGroupName="/ml/predictions",
    filterName="low-confidence",
    filterPattern="{ $.confidence < 0.5 }",
    metricTransformations=[
        {"metricName": "LowConfidence", "metricNamespace": "MLModels/Production", "metricValue": "1", "unit": "Count"}
    ],
)
now = int(time.time() * 1000)
logs.put_log_events(
    logGroupName="/ml/predictions",
    logStreamName="resale-price",
    logEvents=[
        {"timestamp": now + i, "message": json.dumps({"prediction": 400_000 + i, "confidence": i / 10, "model": "v2"})}
        for i in range(10)
    ],
)
found = logs.filter_log_events(logGroupName="/ml/predictions", filterPattern="{ $.confidence >= 0.8 }")["events"]
query = logs.start_query(
    logGroupName="/ml/predictions",
    startTime=now // 1000 - 60,
    endTime=now // 1000 + 60,
    queryString="fields @timestamp, confidence | filter confidence < 0.5 | stats count(*) as low, avg(confidence) as mean by model",
)["queryId"]
while (answer := logs.get_query_results(queryId=query))["status"] in ("Scheduled", "Running"):
    time.sleep(0.05)
rows = [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]]
print(json.dumps({"confident": len(found), "rows": rows}))
