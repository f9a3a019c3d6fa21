"""Alarms as the members of CloudWatch's answers, and the tokens of their pages."""

import base64
import binascii
from typing import Any, TypeVar

import msgspec

from watchpost.alarms.records import Alarm, CompositeAlarm, MetricAlarm, Query
from watchpost.alarms.state_changes import suppression_reason
from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call
from watchpost.metrics.identity import MetricStat
from watchpost.service.alarms.reading import Described

Members = dict[str, Any]
T = TypeVar("T")


def metric_alarm(described: Described) -> Members:
    """A metric alarm as DescribeAlarms answers it."""
    alarm = described.alarm
    assert isinstance(alarm, MetricAlarm)
    members = {
        **_both(described),
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm,
        "Threshold": alarm.threshold,
        "ComparisonOperator": alarm.operator,
        "TreatMissingData": alarm.treatment,
        "EvaluateLowSampleCountPercentile": alarm.low_samples,
        "ThresholdMetricId": alarm.band,
        "EvaluationState": described.state.trouble,
        "EvaluationWindow": {"SlidingWindow": {}} if alarm.sliding_window else None,
        # The service answers this list for metric math, too.
        "Dimensions": [],
    }
    if alarm.stat is not None:
        members |= {
            "MetricName": alarm.stat.metric.name,
            "Namespace": alarm.stat.metric.namespace,
            "Dimensions": _dimensions(alarm.stat),
            "ExtendedStatistic" if alarm.extended else "Statistic": alarm.stat.stat,
            "Period": alarm.stat.period,
            "Unit": alarm.stat.unit,
        }
    else:
        members["Metrics"] = [_query(query) for query in alarm.queries]
    return present(members)


def composite_alarm(described: Described) -> Members:
    """A composite alarm as DescribeAlarms answers it."""
    alarm, state = described.alarm, described.state
    assert isinstance(alarm, CompositeAlarm)
    return present(
        {
            **_both(described),
            "AlarmRule": alarm.rule,
            "ActionsSuppressor": alarm.suppressor_given,
            "ActionsSuppressorWaitPeriod": alarm.wait,
            "ActionsSuppressorExtensionPeriod": alarm.extension,
            "ActionsSuppressedBy": state.suppression.by,
            "ActionsSuppressedReason": suppression_reason(state),
        }
    )


def _both(described: Described) -> Members:
    alarm, state = described.alarm, described.state
    return {
        **brief(described),
        "AlarmDescription": alarm.description,
        "AlarmConfigurationUpdatedTimestamp": alarm.updated,
        "ActionsEnabled": alarm.actions.enabled,
        "OKActions": list(alarm.actions.ok),
        "AlarmActions": list(alarm.actions.alarm),
        "InsufficientDataActions": list(alarm.actions.insufficient_data),
        "StateReason": state.reason,
        "StateReasonData": state.reason_data,
        "StateTransitionedTimestamp": state.transitioned or state.updated,
    }


def brief(described: Described) -> Members:
    """What is told of an alarm's children and parents: name and state."""
    alarm: Alarm = described.alarm
    return {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.arn,
        "StateValue": described.state.value,
        "StateUpdatedTimestamp": described.state.updated,
    }


def _query(query: Query) -> Members:
    stat = None
    if query.stat is not None:
        metric = {
            "Namespace": query.stat.metric.namespace,
            "MetricName": query.stat.metric.name,
            "Dimensions": _dimensions(query.stat),
        }
        stat = present(
            {"Metric": metric, "Period": query.stat.period, "Stat": query.stat.stat, "Unit": query.stat.unit}
        )
    return present(
        {
            "Id": query.id,
            "MetricStat": stat,
            "Expression": query.expression,
            "Label": query.label,
            "ReturnData": query.return_data is not False,
            "Period": query.period,
            "AccountId": query.account,
        }
    )


def _dimensions(stat: MetricStat) -> list[Members]:
    return [{"Name": name, "Value": value} for name, value in stat.metric.dimensions]


def present(members: Members) -> Members:
    """The members that have a value: AWS leaves the others out."""
    return {name: value for name, value in members.items() if value is not None}


def write_token(place: object) -> str:
    """The token of a place in an answer: stateless, so it never expires."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def read_token(token: str | None, kind: type[T]) -> T | None:
    """The place a token names; None without a token. Raises: Refused (InvalidNextToken): it is none of ours."""
    if not token:
        return None
    try:
        return msgspec.json.decode(base64.b64decode(token.encode("ascii"), b"-_", validate=True), type=kind)
    except (binascii.Error, UnicodeError, msgspec.MsgspecError) as problem:
        raise Refused("InvalidNextToken", "The token is not one that this server gave out") from problem


def actor(call: Call) -> str:
    """Who calls, for the journal."""
    return call.access_key or "anonymous"
