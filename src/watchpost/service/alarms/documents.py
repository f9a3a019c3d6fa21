"""How alarms lie in the store."""

from dataclasses import dataclass
from datetime import datetime

from watchpost.alarms.records import AlarmState, CompositeAlarm, MetricAlarm, MuteRule, State, Transition
from watchpost.documents import Kind
from watchpost.windows import Window


@dataclass(frozen=True, slots=True)
class Withheld:
    """Actions that a mute rule keeps back: the latest muted transition, and the state before the first one."""

    transition: Transition
    known: State


@dataclass(frozen=True, slots=True)
class Held:
    """Actions of a composite alarm that its suppressor keeps back; None: there is only a period to end.

    `until` is when the period ends; None: when the suppressor leaves ALARM.
    """

    transition: Transition | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Who evaluates alarms, and how far it came.

    Args: holder: the server that may, until `until`. alive: the last instant at which some server took in data. ticked:
    the last tick that is evaluated. stops: when no server was running.
    """

    holder: str
    until: datetime
    alive: datetime
    ticked: datetime
    stops: tuple[Window, ...] = ()


METRIC_ALARM = Kind("metric-alarm", MetricAlarm)
COMPOSITE_ALARM = Kind("composite-alarm", CompositeAlarm)
STATE = Kind("alarm-state", AlarmState)
MUTE_RULE = Kind("alarm-mute-rule", MuteRule)
WITHHELD = Kind("alarm-withheld", Withheld)
HELD = Kind("alarm-held", Held)
EVALUATOR = Kind("alarm-evaluator", Evaluator)
TAGS = Kind("cloudwatch-tags", dict[str, str])

THE_EVALUATOR = "evaluator"
