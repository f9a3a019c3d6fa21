# A p99 latency alarm from the command line; SageMaker's ModelLatency is in microseconds.
set -euo pipefail
topic=$(aws sns create-topic --name model-alerts --query TopicArn --output text)
for latency in 180000 220000 950000; do
    aws cloudwatch put-metric-data --namespace AWS/SageMaker --metric-name ModelLatency --unit Microseconds \
        --value "$latency" --dimensions EndpointName=resale-price,VariantName=AllTraffic
done
aws cloudwatch put-metric-alarm --alarm-name model-latency-p99 --alarm-description "p99 latency above half a second" \
    --namespace AWS/SageMaker --metric-name ModelLatency \
    --dimensions Name=EndpointName,Value=resale-price Name=VariantName,Value=AllTraffic \
    --extended-statistic p99 --unit Microseconds --period 60 --evaluation-periods 1 \
    --threshold 500000 --comparison-operator GreaterThanThreshold --treat-missing-data ignore \
    --alarm-actions "$topic"
aws cloudwatch describe-alarms --alarm-names model-latency-p99 \
    --query 'MetricAlarms[0].[AlarmName,ExtendedStatistic,Threshold,Unit]' --output json
