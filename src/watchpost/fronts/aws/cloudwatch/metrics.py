"""PutMetricData, GetMetricStatistics and ListMetrics."""

from collections.abc import Mapping
from datetime import datetime
from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np

from watchpost.errors import Refused
from watchpost.fronts.aws.cloudwatch import pages
from watchpost.fronts.aws.cloudwatch.put_metric_data import DECODED, decode_json
from watchpost.fronts.aws.operation import Call, Decoder, Operation
from watchpost.metrics import checks
from watchpost.metrics.identity import Metric
from watchpost.metrics.periods import HOUR, LISTED, aligned_start, valid_period, visible_from
from watchpost.service.metrics.metrics import Column

if TYPE_CHECKING:
    from watchpost.service.server import Server

_MOST_DATAPOINTS = 1440
_PAGE = 500


def put_metric_data(server: "Server", call: Call) -> None:
    """Take in data; the answer has no members, and what it answers for is on disk."""
    decoded = call.input.get(DECODED)
    if decoded is not None:
        data = decoded.received(call.now)
        server.metrics.put_batch(data)
    else:
        data = checks.data(call.input, call.now)
        server.metrics.put(data)
    server.self_metrics.ingested("metric_data", len(data))


def get_metric_statistics(server: "Server", call: Call) -> Mapping[str, Any]:
    """Statistics of one metric by periods, in every unit or one."""
    asked = call.input
    stats, period = _statistics(asked), _period(asked["Period"])
    start, end = _range(asked["StartTime"], asked["EndTime"], period)
    now = floor(call.now.timestamp())
    answer = {"Label": asked["MetricName"], "Datapoints": []}
    if start < visible_from(period, now):
        return answer
    dimensions = {each["Name"]: each["Value"] for each in asked.get("Dimensions") or ()}
    metric = Metric.of(asked["Namespace"], asked["MetricName"], dimensions)
    columns = server.metrics.statistics(
        metric, stats, period, aligned_start(start, period, now), end, asked.get("Unit")
    )
    points = [point for column in columns for point in _datapoints(column, stats, "Statistics" in asked)]
    answer["Datapoints"] = sorted(points, key=lambda point: point["Timestamp"])
    return answer


def _statistics(asked: Mapping[str, Any]) -> tuple[str, ...]:
    plain, extended = asked.get("Statistics"), asked.get("ExtendedStatistics")
    if plain and extended:
        raise Refused(
            "InvalidParameterCombinationException",
            "The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified both.",
        )
    if not plain and not extended:
        raise Refused("InvalidParameterCombinationException", "Must specify either Statistics or ExtendedStatistics.")
    return tuple(plain or extended or ())


def _period(period: int) -> int:
    if not valid_period(period):
        raise checks.invalid("The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60.")
    return period


def _range(start: datetime, end: datetime, period: int) -> tuple[int, int]:
    """Epoch seconds, the end rounded up, of a range that is not empty and not too long."""
    first, last = floor(start.timestamp()), ceil(end.timestamp())
    if start >= end:
        raise checks.invalid("The parameter StartTime must be less than the parameter EndTime.")
    number = ceil((end - start).total_seconds() / period)
    if number > _MOST_DATAPOINTS:
        raise Refused(
            "InvalidParameterCombinationException",
            f"You have requested up to {number} datapoints, which exceeds the limit of {_MOST_DATAPOINTS}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
        )
    return first, last


def _datapoints(column: Column, stats: tuple[str, ...], plain: bool) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = []
    for timestamp, values in zip(column.timestamps.tolist(), column.values.T, strict=True):
        figures = {stat: float(value) for stat, value in zip(stats, values, strict=True) if not np.isnan(value)}
        if figures:
            points.append(
                {"Timestamp": timestamp, "Unit": column.unit, **(figures if plain else {"ExtendedStatistics": figures})}
            )
    return points


def list_metrics(server: "Server", call: Call) -> Mapping[str, Any]:
    """Metrics that had data in the last two weeks, or three hours, with all of the dimensions asked for."""
    asked = call.input
    wanted = tuple((item["Name"], item.get("Value")) for item in asked.get("Dimensions") or ())
    seconds = 3 * HOUR if asked.get("RecentlyActive") else LISTED
    own = asked.get("OwningAccount") in {None, call.account}
    found = (
        server.metrics.metrics(
            asked.get("Namespace"), asked.get("MetricName"), wanted, now=call.now, active_seconds=seconds
        )
        if own
        else []
    )
    page, token = pages.page(found, asked.get("NextToken"), _PAGE)
    answer: dict[str, Any] = {
        "Metrics": [
            {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
            }
            for metric in page
        ]
    }
    if asked.get("IncludeLinkedAccounts"):
        answer["OwningAccounts"] = [call.account] * len(page)
    return answer if token is None else {**answer, "NextToken": token}


OPERATIONS: Mapping[str, Operation] = {
    "PutMetricData": put_metric_data,
    "GetMetricStatistics": get_metric_statistics,
    "ListMetrics": list_metrics,
}
PARTIAL: Mapping[str, str] = {
    "PutMetricData": "Entities are accepted, but metrics are not related to them: they can be found by their metric "
    "alone.",
    "ListMetrics": "There is one account: IncludeLinkedAccounts changes nothing.",
}
DECODERS: Mapping[tuple[str, str], Decoder] = {("PutMetricData", "json"): decode_json}
