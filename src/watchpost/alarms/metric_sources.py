"""What a metric alarm watches: one metric's statistic, or the result of metric math."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from watchpost.alarms import wire
from watchpost.alarms.records import Query
from watchpost.errors import Refused
from watchpost.metrics.expressions.syntax import Function, walk
from watchpost.metrics.identity import Metric, MetricStat
from watchpost.metrics.insights import Selection
from watchpost.metrics.plan import Query as PlannedQuery
from watchpost.metrics.plan import plan
from watchpost.metrics.statistics import parse_statistic

MOST_METRICS, MOST_ENTRIES = 10, 20
_SHORT_PERIODS = (10, 20, 30)
_DYNAMIC_LABEL = re.compile(r"\$\{")


@dataclass(frozen=True, slots=True)
class Source:
    """`stat` or `queries`, and the period in seconds of what they give."""

    stat: MetricStat | None
    extended: bool
    queries: tuple[Query, ...]
    period: int


def metric_source(put: wire.PutMetricAlarm, account: str) -> Source:
    """What the request watches.

    Raises: Refused (ValidationError): neither or both of a metric and metric math; a period, statistic or expression
    that alarms cannot have.
    """
    if not put.metrics:
        return _single(put)
    if put.dimensions or _names_one_metric(put):
        raise Refused(
            "ValidationError",
            "Metrics is mutually exclusive with MetricName, Namespace, Dimensions, Period, Unit, Statistic and "
            "ExtendedStatistic",
        )
    queries = tuple(_query(entry, account) for entry in put.metrics)
    return Source(None, extended=False, queries=queries, period=_math_period(queries, band=put.threshold_metric_id))


def _names_one_metric(put: wire.PutMetricAlarm) -> bool:
    members = (put.metric_name, put.namespace, put.statistic, put.extended_statistic, put.period, put.unit)
    return any(member is not None for member in members)


def planned(queries: Sequence[Query]) -> tuple[PlannedQuery, ...]:
    """The entries as metric math takes them."""
    return tuple(
        PlannedQuery(q.id, q.stat, q.expression, q.label, returned=q.return_data is not False, period=q.period)
        for q in queries
    )


def _single(put: wire.PutMetricAlarm) -> Source:
    if put.metric_name is None or put.namespace is None:
        raise Refused("ValidationError", "MetricName and Namespace, or Metrics, are required to create an alarm")
    if (put.statistic is None) == (put.extended_statistic is None):
        raise Refused("ValidationError", "Exactly one of Statistic and ExtendedStatistic must be specified")
    if put.period is None:
        raise Refused("ValidationError", "Period is required with MetricName")
    _check_period(put.period)
    stat = put.statistic or _statistic(put.extended_statistic or "")
    metric = _metric(put.namespace, put.metric_name, put.dimensions)
    found = MetricStat(metric, put.period, stat, put.unit)
    return Source(found, extended=put.statistic is None, queries=(), period=put.period)


def _query(entry: wire.MetricDataQuery, account: str) -> Query:
    if entry.account_id not in {None, account}:
        raise Refused(
            "ValidationError",
            f"AccountId {entry.account_id} is not this server's: cross-account alarms are not supported",
        )
    stat = None
    if entry.metric_stat is not None:
        given = entry.metric_stat
        _check_period(given.period)
        metric = _metric(given.metric.namespace, given.metric.metric_name, given.metric.dimensions)
        stat = MetricStat(metric, given.period, _statistic(given.stat), given.unit)
    if entry.label is not None and _DYNAMIC_LABEL.search(entry.label):
        raise Refused("ValidationError", f"The label of {entry.id} is dynamic, which alarms do not support")
    return Query(
        entry.id, stat, entry.expression, entry.label, entry.return_data, entry.period, account=entry.account_id
    )


def _math_period(queries: tuple[Query, ...], band: str | None) -> int:
    returning = [query for query in queries if query.return_data is not False]
    if len(returning) != (1 if band is None else 2):
        exactly = "Exactly one element" if band is None else "Exactly two elements"
        raise Refused("ValidationError", f"{exactly} of the metrics list should return data.")
    if len([q for q in queries if q.stat is not None]) > MOST_METRICS or len(queries) > MOST_ENTRIES:
        raise Refused("ValidationError", f"An alarm can have at most {MOST_METRICS} metrics and {MOST_ENTRIES} entries")
    for parsed in plan(planned(queries)).parsed.values():
        if isinstance(parsed, Selection):
            if parsed.group:
                raise Refused(
                    "ValidationError", "Metrics Insights alarms with GROUP BY are not supported by this server"
                )
        elif any(isinstance(node, Function) and node.name == "SEARCH" for node in walk(parsed)):
            raise Refused("ValidationError", "SEARCH is not supported in the expression of an alarm")
    periods = {q.stat.period for q in queries if q.stat is not None} | {q.period for q in queries if q.period}
    if len(periods) != 1:
        raise Refused("ValidationError", "All metrics of an alarm must have the same period")
    period = periods.pop()
    _check_period(period)
    return period


def _check_period(period: int) -> None:
    if period not in _SHORT_PERIODS and (period <= 0 or period % 60):
        raise Refused("ValidationError", "Period must be 10, 20, 30 or a multiple of 60")


def _statistic(text: str) -> str:
    parse_statistic(text)
    return text


def _metric(namespace: str, name: str, dimensions: Sequence[wire.Dimension]) -> Metric:
    if not namespace or not name:
        raise Refused("ValidationError", "Namespace and MetricName are required for every metric of an alarm")
    pairs = {dimension.name: dimension.value for dimension in dimensions}
    if len(pairs) < len(dimensions):
        raise Refused("ValidationError", "Dimension names must be unique")
    return Metric.of(namespace, name, pairs)
