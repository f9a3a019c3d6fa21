"""What EventBridge is told of alarms: the details of their events, and the payload of Lambda actions.

Source: CloudWatch's user guide, "Alarm events and EventBridge" and "Invoke a Lambda function from an alarm".
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from watchpost.alarms.reasons import timestamp
from watchpost.alarms.records import Alarm, AlarmState, CompositeAlarm, MetricAlarm, MuteRule, Query, Transition
from watchpost.metrics.identity import MetricStat
from watchpost.windows import Window

SOURCE = "aws.cloudwatch"
STATE_CHANGE = "CloudWatch Alarm State Change"
CONFIGURATION_CHANGE = "CloudWatch Alarm Configuration Change"

Plain = dict[str, object]


def state_change(alarm: Alarm, transition: Transition, muted_by: tuple[MuteRule, Window] | None = None) -> Plain:
    """The detail of a `CloudWatch Alarm State Change`."""
    detail: Plain = {
        "alarmName": alarm.name,
        "configuration": _composition(alarm) if isinstance(alarm, CompositeAlarm) else _metrics(alarm),
        "previousState": _state(transition.before),
        "state": _state(transition.after),
    }
    if muted_by is not None:
        rule, window = muted_by
        detail["muteDetail"] = {
            "mutedByArn": rule.arn,
            "muteWindowStart": timestamp(window.start),
            "muteWindowEnd": timestamp(window.end),
        }
    return detail


def configuration_change(operation: str, alarm: Alarm, state: AlarmState, previous: Alarm | None = None) -> Plain:
    """The detail of a `CloudWatch Alarm Configuration Change`; `operation` is create, update or delete."""
    detail: Plain = {"alarmName": alarm.name, "operation": operation, "state": _state(state)}
    detail["configuration"] = _configuration(alarm)
    if previous is not None:
        detail["previousConfiguration"] = _configuration(previous)
    return detail


def lambda_payload(alarm: Alarm, transition: Transition) -> Plain:
    """What a Lambda function is invoked with."""
    parts = alarm.arn.split(":")
    return {
        "source": SOURCE,
        "alarmArn": alarm.arn,
        "accountId": parts[4],
        "time": timestamp(transition.at),
        "region": parts[3],
        "alarmData": state_change(alarm, transition),
    }


def _metrics(alarm: MetricAlarm) -> Plain:
    """The watched metrics, and the description if there is one."""
    out: Plain = {} if alarm.description is None else {"description": alarm.description}
    if alarm.stat is None:
        return out | {"metrics": [_query(query) for query in alarm.queries]}
    # The service makes up an id for the single metric; ours is the same for the same alarm.
    made_up = hashlib.sha256(alarm.arn.encode()).hexdigest()[:8]
    return out | {"metrics": [{"id": made_up, "metricStat": _stat(alarm.stat), "returnData": True}]}


def _query(query: Query) -> Plain:
    out: Plain = {"id": query.id}
    if query.stat is not None:
        out["metricStat"] = _stat(query.stat)
    if query.expression is not None:
        out["expression"] = query.expression
    if query.label is not None:
        out["label"] = query.label
    out["returnData"] = query.return_data is not False
    if query.period is not None:
        out["period"] = query.period
    return out


def _stat(stat: MetricStat) -> Plain:
    metric: Plain = {
        "dimensions": dict(stat.metric.dimensions),
        "name": stat.metric.name,
        "namespace": stat.metric.namespace,
    }
    out: Plain = {"metric": metric, "period": stat.period, "stat": stat.stat}
    return out if stat.unit is None else out | {"unit": stat.unit}


def _composition(alarm: CompositeAlarm) -> Plain:
    out: Plain = {"alarmRule": alarm.rule}
    if alarm.description is not None:
        out["description"] = alarm.description
    if alarm.suppressor_given is not None:
        out["actionsSuppressor"] = alarm.suppressor_given
        out["actionsSuppressorWaitPeriod"] = alarm.wait
        out["actionsSuppressorExtensionPeriod"] = alarm.extension
    return out


def _configuration(alarm: Alarm) -> Plain:
    """The whole configuration, as events of its change carry it."""
    out: Plain = {
        "alarmName": alarm.name,
        "actionsEnabled": alarm.actions.enabled,
        "timestamp": timestamp(alarm.updated),
        "okActions": list(alarm.actions.ok),
        "alarmActions": list(alarm.actions.alarm),
        "insufficientDataActions": list(alarm.actions.insufficient_data),
    }
    if isinstance(alarm, CompositeAlarm):
        return out | _composition(alarm)
    out |= _metrics(alarm)
    out["evaluationPeriods"] = alarm.evaluation_periods
    out["comparisonOperator"] = alarm.operator
    optional: Mapping[str, object] = {
        "datapointsToAlarm": alarm.datapoints_to_alarm,
        "threshold": alarm.threshold,
        "thresholdMetricId": alarm.band,
        "treatMissingData": alarm.treatment,
        "evaluateLowSampleCountPercentile": alarm.low_samples,
    }
    return out | {name: value for name, value in optional.items() if value is not None}


def _state(state: AlarmState) -> Plain:
    out: Plain = {"reason": state.reason}
    if state.reason_data is not None:
        out["reasonData"] = state.reason_data
    out |= {"timestamp": timestamp(state.updated), "value": state.value}
    if state.trouble is not None:
        out["evaluationState"] = state.trouble
    if (held := suppression_reason(state)) is not None:
        out |= {"actionsSuppressedBy": state.suppression.by, "actionsSuppressedReason": held}
    return out


def suppression_reason(state: AlarmState) -> str | None:
    """What holds the actions back, in CloudWatch's sentence; None: nothing does."""
    return None if state.suppression.by is None else f"Actions suppressed by {state.suppression.by}"


def instant_of(state: AlarmState) -> datetime:
    """Since when the alarm has been in its state."""
    return state.transitioned or state.updated
