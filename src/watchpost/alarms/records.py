"""What is kept of alarms: their configuration, their state, and the rules that mute them.

Configuration and state are separate values: an update replaces the one and keeps the other.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from watchpost.alarms.business_hours import BusinessHours
from watchpost.alarms.suppression import UNSUPPRESSED, Suppression
from watchpost.metrics.identity import MetricStat

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Treatment = Literal["missing", "ignore", "breaching", "notBreaching"]

OK: State = "OK"
ALARM: State = "ALARM"
INSUFFICIENT_DATA: State = "INSUFFICIENT_DATA"

# An alarm looks two periods further back than it needs, so that a late or lost datapoint or two do not make it look at
# missing data at once. AWS does not publish its number; its own examples show 5 for 3.
EXTRA_PERIODS = 2


@dataclass(frozen=True, slots=True)
class Actions:
    """What is told when the alarm enters a state: ARNs by state, and whether anything is told at all."""

    ok: tuple[str, ...] = ()
    alarm: tuple[str, ...] = ()
    insufficient_data: tuple[str, ...] = ()
    enabled: bool = True

    def of(self, state: State) -> tuple[str, ...]:
        """The ARNs for entering that state."""
        return {OK: self.ok, ALARM: self.alarm, INSUFFICIENT_DATA: self.insufficient_data}[state]


NO_ACTIONS = Actions()


@dataclass(frozen=True, slots=True)
class Query:
    """One entry of a metric-math alarm: a metric's statistic or an expression over other entries.

    `return_data` None: not said, which means yes.
    """

    id: str
    stat: MetricStat | None = None
    expression: str | None = None
    label: str | None = None
    return_data: bool | None = None
    period: int | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class MetricAlarm:
    """An alarm over one metric, or over the result of metric math (`queries`).

    Args: stat: what is watched, None for metric math. extended: whether `stat.stat` was given as ExtendedStatistic.
    threshold: None for band alarms, which name the band's query in `band`. datapoints_to_alarm: None: not said, which
    means all. treatment, low_samples: None: not said, which means `missing`, `evaluate`. updated: when the
    configuration last changed. hours: when the threshold holds, and which one holds otherwise. sliding_window: whether
    the caller said so, which changes nothing.
    """

    name: str
    arn: str
    created: datetime
    updated: datetime
    evaluation_periods: int
    operator: str
    stat: MetricStat | None = None
    extended: bool = False
    queries: tuple[Query, ...] = ()
    threshold: float | None = None
    band: str | None = None
    datapoints_to_alarm: int | None = None
    treatment: Treatment | None = None
    low_samples: Literal["evaluate", "ignore"] | None = None
    description: str | None = None
    actions: Actions = NO_ACTIONS
    hours: BusinessHours | None = None
    sliding_window: bool = False

    @property
    def needed(self) -> int:
        """M: how many of the newest N datapoints must breach."""
        return self.datapoints_to_alarm or self.evaluation_periods

    @property
    def looked_at(self) -> int:
        """E: how many periods are looked at, at most."""
        return self.evaluation_periods + EXTRA_PERIODS

    @property
    def period(self) -> int:
        """Seconds between two datapoints; of metric math, the period that all its metrics share."""
        if self.stat is not None:
            return self.stat.period
        stated = [q.stat.period for q in self.queries if q.stat is not None]
        return (stated or [q.period for q in self.queries if q.period] or [300])[0]


@dataclass(frozen=True, slots=True)
class CompositeAlarm:
    """An alarm over the states of other alarms. `suppressor` is the name of the alarm that silences it.

    `suppressor_given` is how the caller wrote it (a name or an ARN). `wait`, `extension` in seconds.
    """

    name: str
    arn: str
    created: datetime
    updated: datetime
    rule: str
    description: str | None = None
    actions: Actions = NO_ACTIONS
    suppressor: str | None = None
    suppressor_given: str | None = None
    wait: int | None = None
    extension: int | None = None


Alarm = MetricAlarm | CompositeAlarm


@dataclass(frozen=True, slots=True)
class AlarmState:
    """Where an alarm stands, and why.

    `reason_data` is JSON text or None. `updated`: when value or reason last changed; `transitioned`: when the value
    did, None if it never has. `tick`: the evaluation that led here, None if none did. `trouble`: CloudWatch's
    EvaluationState. `suppression`: what holds back a composite alarm's actions.
    """

    value: State
    reason: str
    updated: datetime
    reason_data: str | None = None
    transitioned: datetime | None = None
    tick: datetime | None = None
    trouble: str | None = None
    suppression: Suppression = UNSUPPRESSED


@dataclass(frozen=True, slots=True)
class MuteRule:
    """When which alarms' actions are withheld.

    `expression` is cron or at(); `duration` is ISO 8601 text; both stay as given. `start`, `expire` bound the rule.
    """

    name: str
    arn: str
    updated: datetime
    expression: str
    duration: str
    timezone: str = "UTC"
    alarms: tuple[str, ...] = ()
    description: str | None = None
    start: datetime | None = None
    expire: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one evaluation found: the state, and the sentence and the data (JSON text) that say why."""

    state: State
    reason: str
    reason_data: str | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """An alarm's way from one state to another at an instant."""

    at: datetime
    before: AlarmState
    after: AlarmState


def alarm_arn(region: str, account: str, name: str) -> str:
    """The ARN of an alarm."""
    return f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"


def mute_rule_arn(region: str, account: str, name: str) -> str:
    """The ARN of a mute rule."""
    return f"arn:aws:cloudwatch:{region}:{account}:alarm-mute-rule:{name}"


def alarm_name(name_or_arn: str) -> str:
    """The name of an alarm that was given by name or ARN.

    >>> alarm_name("arn:aws:cloudwatch:us-east-1:000000000000:alarm:a:b"), alarm_name("a:b")
    ('a:b', 'a:b')
    """
    parts = name_or_arn.split(":", 6)
    is_arn = len(parts) == 7 and parts[0] == "arn" and parts[2] == "cloudwatch" and parts[5] == "alarm"
    return parts[6] if is_arn else name_or_arn


def initial_state(now: datetime) -> AlarmState:
    """The state of an alarm that was just created."""
    return AlarmState(INSUFFICIENT_DATA, "Unchecked: Initial alarm creation", now)
