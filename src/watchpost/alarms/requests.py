"""From what a caller sent (the members of CloudWatch's own requests) to what is kept, or a refusal.

The wire layer has held the request against the service model already; here stands what the model cannot say.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Literal, NoReturn, TypeVar

import msgspec

from watchpost.alarms import mutes
from watchpost.alarms.metric_sources import Source, metric_source
from watchpost.alarms.records import (
    Actions,
    CompositeAlarm,
    MetricAlarm,
    MuteRule,
    Treatment,
    alarm_arn,
    alarm_name,
    mute_rule_arn,
)
from watchpost.alarms.rules import parse_rule
from watchpost.alarms.ticks import DAY
from watchpost.alarms.wire import PutCompositeAlarm, PutMetricAlarm, PutMuteRule, Tag
from watchpost.errors import Refused

T = TypeVar("T")

MOST_TAGS = 50
_ARN = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:[^:]*:.+", re.ASCII)
_TREATMENTS: Mapping[str, Treatment] = {
    "breaching": "breaching",
    "ignore": "ignore",
    "notBreaching": "notBreaching",
    "missing": "missing",
}
_BAND_OPERATORS = ("LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold")


@dataclass(frozen=True, slots=True)
class Place:
    """Where ARNs say that an alarm lives."""

    region: str
    account: str


def metric_alarm(given: Mapping[str, object], place: Place, now: datetime) -> MetricAlarm:
    """The alarm that PutMetricAlarm's members describe; its business hours come from tags, so they are not here.

    Raises: Refused (ValidationError and its like): a rule of CloudWatch is broken, or it is not supported here.
    """
    put = msgspec.convert(given, PutMetricAlarm)
    _refuse_unsupported(put)
    operator = _required(put.comparison_operator, "comparisonOperator")
    periods = _required(put.evaluation_periods, "evaluationPeriods")
    source = metric_source(put, place.account)
    if put.datapoints_to_alarm is not None and put.datapoints_to_alarm > periods:
        raise Refused("ValidationError", "DatapointsToAlarm must not be greater than EvaluationPeriods")
    _check_length(source.period, periods)
    _check_threshold(put, operator, source)
    return MetricAlarm(
        name=put.alarm_name,
        arn=alarm_arn(place.region, place.account, put.alarm_name),
        created=now,
        updated=now,
        evaluation_periods=periods,
        operator=operator,
        stat=source.stat,
        extended=source.extended,
        queries=source.queries,
        threshold=put.threshold,
        band=put.threshold_metric_id,
        datapoints_to_alarm=put.datapoints_to_alarm,
        treatment=_treatment(put.treat_missing_data),
        low_samples=_low_samples(put.evaluate_low_sample_count_percentile),
        description=put.alarm_description,
        actions=_actions(put),
        sliding_window=put.evaluation_window is not None,
    )


def composite_alarm(given: Mapping[str, object], place: Place, now: datetime) -> CompositeAlarm:
    """The alarm that PutCompositeAlarm's members describe. Whether its children exist is the store's to know.

    Raises: Refused (ValidationError): the rule cannot be read, or the suppressor's periods are missing or too many.
    """
    put = msgspec.convert(given, PutCompositeAlarm)
    _refuse_propagation(put)
    parse_rule(put.alarm_rule)
    periods = (put.actions_suppressor_wait_period, put.actions_suppressor_extension_period)
    if put.actions_suppressor is None and any(period is not None for period in periods):
        raise Refused(
            "ValidationError", "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod need ActionsSuppressor"
        )
    if put.actions_suppressor is not None and any(period is None for period in periods):
        raise Refused(
            "ValidationError",
            "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod are required with ActionsSuppressor",
        )
    if any(period is not None and period < 0 for period in periods):
        raise Refused("ValidationError", "The suppressor's periods must not be negative")
    return CompositeAlarm(
        name=put.alarm_name,
        arn=alarm_arn(place.region, place.account, put.alarm_name),
        created=now,
        updated=now,
        rule=put.alarm_rule,
        description=put.alarm_description,
        actions=_actions(put),
        suppressor=None if put.actions_suppressor is None else alarm_name(put.actions_suppressor),
        suppressor_given=put.actions_suppressor,
        wait=periods[0],
        extension=periods[1],
    )


def mute_rule(given: Mapping[str, object], place: Place, now: datetime) -> MuteRule:
    """The rule that PutAlarmMuteRule's members describe.

    Raises: Refused (ValidationError): its schedule cannot be read.
    """
    put = msgspec.convert(given, PutMuteRule)
    schedule = put.rule.schedule
    rule = MuteRule(
        name=put.name,
        arn=mute_rule_arn(place.region, place.account, put.name),
        updated=now,
        expression=schedule.expression,
        duration=schedule.duration,
        timezone=schedule.timezone or "UTC",
        alarms=tuple(alarm_name(name) for name in put.mute_targets.alarm_names) if put.mute_targets else (),
        description=put.description,
        start=put.start_date,
        expire=put.expire_date,
    )
    mutes.check(rule)
    return rule


def tags(given: object) -> dict[str, str]:
    """Tags by key, from a request's list of Key and Value.

    Raises: Refused (ValidationError): more than 50, a key twice, or a key that AWS keeps for itself.
    """
    listed = msgspec.convert(given or [], list[Tag])
    found = {tag.key: tag.value for tag in listed}
    if len(found) < len(listed):
        raise Refused("ValidationError", "Tag keys must be unique")
    if len(found) > MOST_TAGS:
        raise Refused("ValidationError", f"A resource can have at most {MOST_TAGS} tags")
    if reserved := [key for key in found if key.lower().startswith("aws:")]:
        raise Refused("ValidationError", f"The tag key {reserved[0]!r} begins with aws:, which is reserved")
    return found


def _refuse_unsupported(put: PutMetricAlarm) -> None:
    if put.evaluation_criteria is not None:
        raise Refused("ValidationError", "EvaluationCriteria (PromQL alarms) is not supported by this server")
    if put.evaluation_window is not None and put.evaluation_window.wall_clock_window is not None:
        raise Refused(
            "ValidationError", "EvaluationWindow.WallClockWindow is not supported by this server: windows slide"
        )
    if put.warm_up_configuration is not None:
        raise Refused("ValidationError", "WarmUpConfiguration is not supported by this server")
    _refuse_propagation(put)


def _refuse_propagation(put: PutMetricAlarm | PutCompositeAlarm) -> None:
    propagation = put.action_configuration and put.action_configuration.alarm_tags_propagation
    if propagation and propagation.enabled:
        raise Refused("ValidationError", "ActionConfiguration.AlarmTagsPropagation is not supported by this server")


def _check_length(period: int, periods: int) -> None:
    # The two limits of PutMetricAlarm: a day, or a week when the periods are of an hour or more.
    if period < 3600 and period * periods > DAY:
        raise Refused(
            "ValidationError",
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).",
        )
    if period * periods > 7 * DAY:
        raise Refused(
            "ValidationError",
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800).",
        )


def _check_threshold(put: PutMetricAlarm, operator: str, source: Source) -> None:
    band = operator in _BAND_OPERATORS
    if band != (put.threshold_metric_id is not None):
        raise Refused("ValidationError", f"ThresholdMetricId goes with the operators {', '.join(_BAND_OPERATORS)}")
    if band and put.threshold is not None:
        raise Refused("ValidationError", "Threshold and ThresholdMetricId are mutually exclusive")
    if not band and put.threshold is None:
        raise Refused("ValidationError", "Threshold is required with this ComparisonOperator")
    if put.threshold is not None and not isfinite(put.threshold):
        raise Refused("ValidationError", f"Threshold must be a finite number, not {put.threshold}")
    if band and put.threshold_metric_id not in {query.id for query in source.queries if query.return_data is not False}:
        raise Refused(
            "ValidationError",
            "ThresholdMetricId must name an entry of Metrics that returns data: the band's expression",
        )


def _treatment(given: str | None) -> Treatment | None:
    return None if given is None else _TREATMENTS.get(given) or _not_one_of("treatMissingData", given, _TREATMENTS)


def _low_samples(given: str | None) -> Literal["evaluate", "ignore"] | None:
    match given:
        case None | "evaluate" | "ignore":
            return given
    return _not_one_of("evaluateLowSampleCountPercentile", given, ("evaluate", "ignore"))


def _not_one_of(member: str, value: str, choices: Sequence[str] | Mapping[str, str]) -> NoReturn:
    raise Refused(
        "ValidationError",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{', '.join(choices)}]",
    )


def _required(value: T | None, member: str) -> T:
    if value is None:
        raise Refused(
            "ValidationError",
            f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
            "Member must not be null",
        )
    return value


def _actions(put: PutMetricAlarm | PutCompositeAlarm) -> Actions:
    for arn in (*put.ok_actions, *put.alarm_actions, *put.insufficient_data_actions):
        if not _ARN.fullmatch(arn):
            raise Refused("ValidationError", f"Invalid arn syntax: {arn}")
    return Actions(put.ok_actions, put.alarm_actions, put.insufficient_data_actions, put.actions_enabled)
