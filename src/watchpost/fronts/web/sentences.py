"""An alarm's rule, and why it is in its state, as a person would say it.

CloudWatch's own sentence (`StateReason`) stands beside it on the alarm's page; here is the same without its grammar.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from watchpost.alarms.breaches import OPERATORS
from watchpost.alarms.records import ALARM, INSUFFICIENT_DATA, Alarm, AlarmState, CompositeAlarm, MetricAlarm
from watchpost.metrics.identity import MetricStat
from watchpost.reports.typography import change, counted, number
from watchpost.topics.alarm_news import duration

_NEVER_LOOKED = "Unchecked: Initial alarm creation"
_ARN = re.compile(r"arn:aws:cloudwatch:[a-z0-9-]*:[0-9]*:alarm:")
_COMPARED = {
    "GreaterThanThreshold": ("above", "not above"),
    "GreaterThanOrEqualToThreshold": ("at or above", "below"),
    "LessThanThreshold": ("below", "not below"),
    "LessThanOrEqualToThreshold": ("at or below", "above"),
    "GreaterThanUpperThreshold": ("above the band, which ends at", "not above the band, which ends at"),
    "LessThanLowerThreshold": ("below the band, which begins at", "not below the band, which begins at"),
    "LessThanLowerOrGreaterThanUpperThreshold": ("outside of the band", "within the band"),
}
_MISSING = {
    "missing": "without data it says INSUFFICIENT_DATA",
    "ignore": "without data it stays as it is",
    "breaching": "a period without data counts as breaching",
    "notBreaching": "a period without data counts as good",
}


class _Point(msgspec.Struct):
    timestamp: str
    value: float


class _Child(msgspec.Struct):
    arn: str
    state: dict[str, str]


class _Data(msgspec.Struct, rename="camel"):
    """What CloudWatch's StateReasonData holds, as far as it is told here."""

    threshold: float | None = None
    recent_lower_thresholds: list[float | None] = []
    recent_upper_thresholds: list[float | None] = []
    evaluated_datapoints: list[_Point] = []
    triggering_alarms: list[_Child] = []


def subject(alarm: MetricAlarm) -> str:
    """What a metric alarm looks at, short: `p99 of Latency`."""
    if alarm.stat is not None:
        return f"{alarm.stat.stat} of {alarm.stat.metric.name}"
    shown = [query for query in alarm.queries if query.return_data is not False and query.id != alarm.band]
    names = [q.label or q.expression or (f"{q.stat.stat} of {q.stat.metric.name}" if q.stat else q.id) for q in shown]
    return " and ".join(names)


def cause(alarm: Alarm, state: AlarmState) -> str:
    """Why the alarm is in its state: one or two sentences."""
    if state.reason == _NEVER_LOOKED:
        return "It is new and has not been evaluated yet."
    data = _read(state.reason_data)
    if isinstance(alarm, CompositeAlarm):
        return _of_children(data) or _ARN.sub("", state.reason)
    if data is None:
        return state.reason
    if not data.evaluated_datapoints:
        return _of_silence(alarm, state)
    return _of_points(alarm, state, data) or state.reason


def rule(alarm: Alarm) -> str:
    """When the alarm goes off, in words."""
    if isinstance(alarm, CompositeAlarm):
        return f"In ALARM while this is true: {alarm.rule}"
    above, _ = _COMPARED[alarm.operator]
    operator = OPERATORS[alarm.operator]
    if operator.band:
        side = "outside of" if operator.below and operator.above else "below" if operator.below else "above"
        limit = f"{side} its usual band"
    else:
        limit = f"{above} {number(alarm.threshold, 6)}"
    if alarm.hours is not None:
        limit += f" (outside of business hours {number(alarm.hours.off_hours_threshold, 6)})"
    length = duration(timedelta(seconds=alarm.period))
    needed, of = alarm.needed, alarm.evaluation_periods
    how_often = f"in {needed} of {of} periods of {length}" if of > 1 else f"in one period of {length}"
    return f"In ALARM when {subject(alarm)} is {limit} {how_often}; {_MISSING[alarm.treatment or 'missing']}."


def place(alarm: Alarm) -> str:
    """Where what a metric alarm watches is found: namespace, name and dimensions of each metric, each expression."""
    if isinstance(alarm, CompositeAlarm):
        return ""
    if alarm.stat is not None:
        return _metric(alarm.stat)
    told = [f"{q.id} = {_metric(q.stat) if q.stat is not None else q.expression}" for q in alarm.queries]
    return "; ".join(told)


def _metric(stat: MetricStat) -> str:
    dimensions = "".join(f", {name} {value}" for name, value in stat.metric.dimensions)
    return f"{stat.stat} of metric {stat.metric.name} in namespace {stat.metric.namespace}{dimensions}"


def _read(reason_data: str | None) -> _Data | None:
    try:
        return None if reason_data is None else msgspec.json.decode(reason_data, type=_Data)
    except msgspec.MsgspecError:
        # SetAlarmState takes any JSON.
        return None


def _of_children(data: _Data | None) -> str:
    children = [] if data is None else data.triggering_alarms
    told = [f"{child.arn.split(':', 6)[-1]} is {child.state.get('value', '?')}" for child in children[:10]]
    rest = f" and {len(children) - 10} more" if len(children) > 10 else ""
    return f"Because {', '.join(told)}{rest}." if told else ""


def _of_silence(alarm: MetricAlarm, state: AlarmState) -> str:
    """Why the alarm is in its state although no data came."""
    if not state.reason.startswith(("Insufficient Data", "Threshold Crossed: no datapoints")):
        return state.reason
    periods = f"{counted(alarm.evaluation_periods, 'period')} of {duration(timedelta(seconds=alarm.period))}"
    counts = {ALARM: "which counts as breaching", INSUFFICIENT_DATA: "so there is nothing to judge by"}
    return f"No data of {subject(alarm)} came in {periods}, {counts.get(state.value, 'which counts as good')}."


def _of_points(alarm: MetricAlarm, state: AlarmState, data: _Data) -> str:
    """The newest datapoint that speaks for the state, and how many did."""
    limits = _limits(alarm, data)
    if limits is None:
        return ""
    points = list(zip(data.evaluated_datapoints, limits, strict=True))
    hits = [each for each in points if _breaches(alarm, each[0].value, each[1])]
    is_alarm = state.value == ALARM and bool(hits)
    (point, (lower, upper)) = hits[0] if is_alarm else points[0]
    breaching = _breaches(alarm, point.value, (lower, upper))
    compared = _COMPARED[alarm.operator][0 if breaching else 1]
    value, limit = _numbers(alarm, point.value, lower, upper)
    when = _clock(point.timestamp)
    said = f"{subject(alarm)} was {value} at {when}, {compared} {limit}."
    if is_alarm and len(hits) < alarm.needed:
        said += f" {counted(alarm.evaluation_periods - len(points), 'period')} without data count as breaching."
    elif is_alarm and alarm.evaluation_periods > 1:
        said += f" So it was in {len(hits)} of the last {counted(len(points), 'datapoint')}; {alarm.needed} are enough."
    return said


def _limits(alarm: MetricAlarm, data: _Data) -> Sequence[tuple[float | None, float | None]] | None:
    """The limits of each evaluated datapoint, newest first as they are; None if they are not told."""
    count = len(data.evaluated_datapoints)
    if not OPERATORS[alarm.operator].band:
        return None if data.threshold is None else [(data.threshold, data.threshold)] * count
    lower, upper = data.recent_lower_thresholds[::-1], data.recent_upper_thresholds[::-1]
    return list(zip(lower, upper, strict=True)) if len(lower) == len(upper) == count else None


def _breaches(alarm: MetricAlarm, value: float, limits: tuple[float | None, float | None]) -> bool:
    operator, (lower, upper) = OPERATORS[alarm.operator], limits
    below = operator.below and lower is not None and (value < lower or (operator.equal and value == lower))
    above = operator.above and upper is not None and (value > upper or (operator.equal and value == upper))
    return below or above


def _numbers(alarm: MetricAlarm, value: float, lower: float | None, upper: float | None) -> tuple[str, str]:
    """Value and limit, with as many digits as it takes to tell them apart."""
    operator = OPERATORS[alarm.operator]
    if operator.below and operator.above:
        return number(value), f"{number(lower)} to {number(upper)}"
    limit = upper if operator.above else lower
    told = change(limit, value)
    return told.now, told.before


def _clock(text: str) -> str:
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)
    return f"{at:%H:%M} UTC on {at:%Y-%m-%d}" if at.second == 0 else f"{at:%H:%M:%S} UTC on {at:%Y-%m-%d}"
