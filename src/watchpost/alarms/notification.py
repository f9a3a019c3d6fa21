"""What an alarm says when it changes: SNS's JSON for machines, sentences for people.

Source of the JSON: messages recorded from CloudWatch.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from watchpost.alarms.breaches import OPERATORS
from watchpost.alarms.reasons import java_number, timestamp
from watchpost.alarms.records import ALARM, OK, Alarm, AlarmState, CompositeAlarm, MetricAlarm, Query, Transition
from watchpost.alarms.regions import display_name
from watchpost.alarms.state_changes import instant_of
from watchpost.metrics.identity import MetricStat

Plain = dict[str, object]
Child = tuple[str, AlarmState]


def subject(alarm: Alarm, transition: Transition) -> str:
    """The message's subject, at most the 100 characters that SNS takes; a longer name is cut."""
    region = display_name(alarm.arn.split(":")[3])
    text = f'{transition.after.value}: "{alarm.name}" in {region}'
    shown = "".join(c if " " <= c <= "~" else "?" for c in text)
    return shown if len(shown) <= 100 else f"{shown[:97]}..."


def message(alarm: Alarm, transition: Transition, *, after_mute_window: bool = False) -> str:
    """SNS's Message: JSON text. The children that moved a composite alarm are taken from its reason data."""
    _, _, _, region, account, *_ = alarm.arn.split(":")
    body: Plain = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": timestamp(alarm.updated),
        "NewStateValue": transition.after.value,
        "NewStateReason": transition.after.reason,
        "StateChangeTime": timestamp(transition.at),
        "Region": display_name(region),
        "AlarmArn": alarm.arn,
        "OldStateValue": transition.before.value,
        "OKActions": list(alarm.actions.ok),
        "AlarmActions": list(alarm.actions.alarm),
        "InsufficientDataActions": list(alarm.actions.insufficient_data),
        "ActionExecutedAfterMuteWindow": after_mute_window,
    }
    if isinstance(alarm, CompositeAlarm):
        del body["AlarmConfigurationUpdatedTimestamp"]
        body["AlarmRule"] = alarm.rule
        body["TriggeringChildren"] = _triggering_children(transition.after.reason_data)
    else:
        body["Trigger"] = _trigger(alarm)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def readable(alarm: Alarm, transition: Transition, base_url: str, *, after_mute_window: bool = False) -> str:
    """The message for people: what, since when, why, what is watched, and where to look."""
    after, before = transition.after, transition.before
    lines = [f'{after.value}: "{alarm.name}" since {_clock(transition.at)} (before: {before.value})']
    if after.value == OK and before.value == ALARM:
        lines.append(f"It had been in ALARM for {_length(transition.at - instant_of(before))}.")
    if after_mute_window:
        lines.append("Told late, because the alarm was muted until now.")
    if alarm.description:
        lines += ["", alarm.description]
    lines += ["", f"Cause: {after.reason}", f"Watched: {watched(alarm)}"]
    lines.append(f"Details: {base_url}/alarms/{quote(alarm.name, safe='')}")
    return "\n".join(lines)


def watched(alarm: Alarm) -> str:
    """What the alarm watches, in words."""
    if isinstance(alarm, CompositeAlarm):
        return alarm.rule
    what = " and ".join(_phrase(alarm))
    operator = OPERATORS[alarm.operator]
    limit = "the anomaly band" if alarm.threshold is None else java_number(alarm.threshold)
    if alarm.hours is not None:
        limit += f" ({java_number(alarm.hours.off_hours_threshold)} outside of business hours)"
    words = "outside of" if operator.below and operator.above else operator.words
    count = f"{alarm.needed} of {alarm.evaluation_periods} periods of {_length(timedelta(seconds=alarm.period))}"
    return f"{what}, {words} {limit} in {count}"


def _phrase(alarm: MetricAlarm) -> list[str]:
    if alarm.stat is not None:
        return [_named(alarm.stat)]
    shown = [query for query in alarm.queries if query.return_data is not False and query.id != alarm.band]
    return [query.label or (query.expression or "") if query.stat is None else _named(query.stat) for query in shown]


def _named(stat: MetricStat) -> str:
    places = [stat.metric.namespace, *(f"{name}={value}" for name, value in stat.metric.dimensions)]
    return f"{stat.stat} of {stat.metric.name} ({', '.join(places)})"


def _triggering_children(reason_data: str | None) -> list[Plain]:
    found = json.loads(reason_data or "{}").get("triggeringAlarms", [])
    return [
        {"Arn": child["arn"], "State": {"Value": child["state"]["value"], "Timestamp": child["state"]["timestamp"]}}
        for child in found
    ]


def _trigger(alarm: MetricAlarm) -> Plain:
    trigger: Plain = {}
    if alarm.stat is None:
        trigger["Metrics"] = [_query(query) for query in alarm.queries]
        if alarm.band is not None:
            trigger["ThresholdMetricId"] = alarm.band
    else:
        kind = "ExtendedStatistic" if alarm.extended else "Statistic"
        trigger |= {
            "MetricName": alarm.stat.metric.name,
            "Namespace": alarm.stat.metric.namespace,
            "StatisticType": kind,
            kind: alarm.stat.stat if alarm.extended else alarm.stat.stat.upper(),
            "Unit": alarm.stat.unit,
            "Dimensions": _dimensions(alarm.stat),
        }
    trigger |= {"Period": alarm.period, "EvaluationPeriods": alarm.evaluation_periods}
    if alarm.datapoints_to_alarm is not None:
        trigger["DatapointsToAlarm"] = alarm.datapoints_to_alarm
    trigger["ComparisonOperator"] = alarm.operator
    if alarm.threshold is not None:
        trigger["Threshold"] = alarm.threshold
    trigger["TreatMissingData"] = alarm.treatment or ""
    trigger["EvaluateLowSampleCountPercentile"] = alarm.low_samples or ""
    return trigger


def _query(query: Query) -> Plain:
    out: Plain = {"Id": query.id}
    if query.stat is not None:
        out["MetricStat"] = {
            "Metric": {
                "Dimensions": _dimensions(query.stat),
                "MetricName": query.stat.metric.name,
                "Namespace": query.stat.metric.namespace,
            },
            "Period": query.stat.period,
            "Stat": query.stat.stat,
        }
    if query.expression is not None:
        out["Expression"] = query.expression
    if query.label is not None:
        out["Label"] = query.label
    return out | {"ReturnData": query.return_data is not False}


def _dimensions(stat: MetricStat) -> list[dict[str, str]]:
    return [{"value": value, "name": name} for name, value in stat.metric.dimensions]


def composite_reason(arn: str, state: AlarmState) -> str:
    """Why a composite alarm changed: the child that moved it."""
    at = instant_of(state).astimezone(UTC)
    return f"{arn} transitioned to {state.value} at {at:%A} {at.day:02d} {at:%B, %Y %H:%M:%S} UTC"


def composite_reason_at_creation(arn: str, value: str) -> str:
    """Why a composite alarm has its first state."""
    return f"{arn} was created and its alarm rule evaluates to {value}"


def composite_reason_data(children: Sequence[Child]) -> str:
    """The reason data of a composite alarm: JSON text."""
    listed = [
        {"arn": arn, "state": {"value": state.value, "timestamp": timestamp(instant_of(state))}}
        for arn, state in children
    ]
    return json.dumps({"triggeringAlarms": listed}, separators=(",", ":"))


def _clock(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _length(span: timedelta) -> str:
    """A span of time in its two largest units.

    >>> _length(timedelta(seconds=60)), _length(timedelta(days=2, hours=3, minutes=5))
    ('1 minute', '2 days 3 hours')
    """
    seconds, parts = max(int(span.total_seconds()), 0), []
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "0 seconds"
