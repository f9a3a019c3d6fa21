"""Operations on metric filters and subscription filters."""

from collections.abc import Mapping
from typing import Any

from watchpost.errors import Refused
from watchpost.fronts.aws.logs.groups import actor
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.logs.metric_filter import MetricFilter, Transformation
from watchpost.logs.records import SubscriptionFilter
from watchpost.service.logs.groups import milliseconds
from watchpost.service.server import Server

Answer = Mapping[str, Any]
_PAGE = 50
_UNSUPPORTED = ("applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFieldDimensions", "emitSystemFields")


def _check(call: Call) -> None:
    for name in _UNSUPPORTED:
        if call.input.get(name):
            raise Refused("InvalidParameterException", f"{name} is not supported here.")


def put_metric_filter(server: Server, call: Call) -> None:
    """PutMetricFilter."""
    _check(call)
    given = call.input["metricTransformations"][0]
    transformation = Transformation(
        given["metricNamespace"],
        given["metricName"],
        given["metricValue"],
        given.get("defaultValue"),
        given.get("unit", "None"),
        tuple((given.get("dimensions") or {}).items()),
    )
    group, name, pattern = call.input["logGroupName"], call.input["filterName"], call.input["filterPattern"]
    definition = MetricFilter(group, name, pattern, transformation, milliseconds(call.now))
    server.logs.filters.put_metric_filter(definition, call.now, actor(call))


def describe_metric_filters(server: Server, call: Call) -> Answer:
    """DescribeMetricFilters."""
    prefix = call.input.get("filterNamePrefix", "")
    name, namespace = call.input.get("metricName"), call.input.get("metricNamespace")
    if (name is None) != (namespace is None):
        raise Refused("InvalidParameterException", "metricName and metricNamespace must be given together.")

    def chosen(found: MetricFilter) -> bool:
        rule = found.transformation
        return found.name.startswith(prefix) and (name is None or (rule.name, rule.namespace) == (name, namespace))

    filters, token = server.logs.filters.metric_filters(
        call.input.get("logGroupName"), chosen, call.input.get("nextToken"), call.input.get("limit", _PAGE)
    )
    return {"metricFilters": [_metric_filter(each) for each in filters]} | ({"nextToken": token} if token else {})


def _metric_filter(found: MetricFilter) -> Answer:
    rule = found.transformation
    transformation: dict[str, Any] = {
        "metricName": rule.name,
        "metricNamespace": rule.namespace,
        "metricValue": rule.value,
        "unit": rule.unit,
    }
    if rule.default is not None:
        transformation["defaultValue"] = rule.default
    if rule.dimensions:
        transformation["dimensions"] = dict(rule.dimensions)
    return {
        "filterName": found.name,
        "filterPattern": found.pattern,
        "metricTransformations": [transformation],
        "creationTime": found.created,
        "logGroupName": found.group,
        "applyOnTransformedLogs": False,
    }


def delete_metric_filter(server: Server, call: Call) -> None:
    """DeleteMetricFilter."""
    server.logs.filters.delete_metric_filter(
        call.input["logGroupName"], call.input["filterName"], call.now, actor(call)
    )


def try_metric_filter(server: Server, call: Call) -> Answer:
    """TestMetricFilter."""
    found = server.logs.filters.test(call.input["filterPattern"], call.input["logEventMessages"])
    return {
        "matches": [
            {"eventNumber": each.number, "eventMessage": each.message, "extractedValues": dict(each.values)}
            for each in found
        ]
    }


def put_subscription_filter(server: Server, call: Call) -> None:
    """PutSubscriptionFilter."""
    _check(call)
    definition = SubscriptionFilter(
        call.input["logGroupName"],
        call.input["filterName"],
        call.input["filterPattern"],
        call.input["destinationArn"],
        milliseconds(call.now),
        call.input.get("roleArn"),
        call.input.get("distribution", "ByLogStream"),
    )
    server.logs.filters.put_subscription(definition, call.now, actor(call))


def describe_subscription_filters(server: Server, call: Call) -> Answer:
    """DescribeSubscriptionFilters."""
    filters, token = server.logs.filters.subscriptions(
        call.input["logGroupName"],
        call.input.get("filterNamePrefix", ""),
        call.input.get("nextToken"),
        call.input.get("limit", _PAGE),
    )
    return {"subscriptionFilters": [_subscription(each) for each in filters]} | ({"nextToken": token} if token else {})


def _subscription(found: SubscriptionFilter) -> Answer:
    answer: dict[str, Any] = {
        "filterName": found.name,
        "logGroupName": found.group,
        "filterPattern": found.pattern,
        "destinationArn": found.destination,
        "distribution": found.distribution,
        "creationTime": found.created,
        "applyOnTransformedLogs": False,
    }
    return answer | ({"roleArn": found.role} if found.role else {})


def delete_subscription_filter(server: Server, call: Call) -> None:
    """DeleteSubscriptionFilter."""
    server.logs.filters.delete_subscription(call.input["logGroupName"], call.input["filterName"], call.now, actor(call))


OPERATIONS: dict[str, Operation] = {
    "PutMetricFilter": put_metric_filter,
    "DescribeMetricFilters": describe_metric_filters,
    "DeleteMetricFilter": delete_metric_filter,
    "TestMetricFilter": try_metric_filter,
    "PutSubscriptionFilter": put_subscription_filter,
    "DescribeSubscriptionFilters": describe_subscription_filters,
    "DeleteSubscriptionFilter": delete_subscription_filter,
}

PARTIAL = {
    "PutMetricFilter": "Transformed logs, field selection criteria and system field dimensions are refused.",
    "PutSubscriptionFilter": "Destinations are SNS topics of this server, which get the DATA_MESSAGE as JSON text; "
    "Lambda, Kinesis, Firehose and logical destinations are refused.",
}
