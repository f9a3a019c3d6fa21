"""The requests of CloudWatch's alarm operations as typed values; members that are not named here are ignored."""

from datetime import datetime

import msgspec


class Request(msgspec.Struct, rename="pascal"):
    """Members are named as in CloudWatch's model."""


class Tag(Request):
    """A tag."""

    key: str
    value: str


class Dimension(Request):
    """A dimension of a metric."""

    name: str
    value: str


class Metric(Request):
    """A metric."""

    namespace: str = ""
    metric_name: str = ""
    dimensions: tuple[Dimension, ...] = ()


class MetricStat(Request):
    """A statistic of a metric."""

    metric: Metric
    period: int
    stat: str
    unit: str | None = None


class MetricDataQuery(Request):
    """An entry of metric math."""

    id: str
    metric_stat: MetricStat | None = None
    expression: str | None = None
    label: str | None = None
    return_data: bool | None = None
    period: int | None = None
    account_id: str | None = None


class WallClockWindow(Request):
    """Windows that follow the calendar."""

    timezone: str | None = None


class EvaluationWindow(Request):
    """How windows move."""

    wall_clock_window: WallClockWindow | None = None


class Propagation(Request):
    """Whether an alarm's tags travel with its messages."""

    enabled: bool = False


class ActionConfiguration(Request):
    """How actions are performed."""

    alarm_tags_propagation: Propagation | None = None


class Put(Request):
    """What both kinds of alarms have."""

    alarm_name: str
    alarm_description: str | None = None
    actions_enabled: bool = True
    ok_actions: tuple[str, ...] = msgspec.field(name="OKActions", default=())
    alarm_actions: tuple[str, ...] = ()
    insufficient_data_actions: tuple[str, ...] = ()
    action_configuration: ActionConfiguration | None = None


class PutMetricAlarm(Put):
    """PutMetricAlarm."""

    metric_name: str | None = None
    namespace: str | None = None
    statistic: str | None = None
    extended_statistic: str | None = None
    dimensions: tuple[Dimension, ...] = ()
    period: int | None = None
    unit: str | None = None
    evaluation_periods: int | None = None
    datapoints_to_alarm: int | None = None
    threshold: float | None = None
    comparison_operator: str | None = None
    treat_missing_data: str | None = None
    evaluate_low_sample_count_percentile: str | None = None
    metrics: tuple[MetricDataQuery, ...] = ()
    threshold_metric_id: str | None = None
    evaluation_window: EvaluationWindow | None = None
    warm_up_configuration: dict[str, object] | None = None
    evaluation_criteria: dict[str, object] | None = None


class PutCompositeAlarm(Put, kw_only=True):
    """PutCompositeAlarm."""

    alarm_rule: str
    actions_suppressor: str | None = None
    actions_suppressor_wait_period: int | None = None
    actions_suppressor_extension_period: int | None = None


class Schedule(Request):
    """When a mute rule's windows begin, and how long they last."""

    expression: str
    duration: str
    timezone: str | None = None


class Rule(Request):
    """The rule of a mute rule."""

    schedule: Schedule


class MuteTargets(Request):
    """Which alarms a mute rule withholds."""

    alarm_names: tuple[str, ...] = ()


class PutMuteRule(Request):
    """PutAlarmMuteRule."""

    name: str
    rule: Rule
    description: str | None = None
    mute_targets: MuteTargets | None = None
    start_date: datetime | None = None
    expire_date: datetime | None = None
