"""One alarm: its state and why, since when, its rule, what it watched, who was told, and what happened before."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from watchpost.alarms.records import ALARM, Alarm, CompositeAlarm, MetricAlarm
from watchpost.errors import Refused
from watchpost.fronts.aws.wire import Response
from watchpost.fronts.web.monitor_files import findings
from watchpost.fronts.web.page import Page, Visit
from watchpost.fronts.web.plot import described, series_plot
from watchpost.fronts.web.rendering import rendered
from watchpost.fronts.web.rows import alarm_row
from watchpost.fronts.web.sentences import cause, place, rule, subject
from watchpost.fronts.web.series import SPANS, newest, possible_spans, usual_span, watched_series
from watchpost.fronts.web.violations_told import of_most_use
from watchpost.reports.words import CheckWords, check_words
from watchpost.service.alarms.overview import Standing
from watchpost.service.monitoring.documents import MonitoringExecution
from watchpost.service.topics.told import audiences, tellings
from watchpost.stores.sql.alarm_history import HistoryFilter, HistoryItem
from watchpost.verdicts import Violation

if TYPE_CHECKING:
    from watchpost.service.server import Server

_HISTORY, _TRANSITIONS, _TOLD, _POINTS, _CHILDREN = 25, 200, 20, 50, 50


@dataclass(frozen=True, slots=True)
class PlotView:
    """The picture of an alarm. svg: safe markup; empty where `trouble` says why there is none.

    spans: (name, whether it is shown) of all that can be chosen. points: the newest datapoints as (start of the
    period, value, whether it breaches).
    """

    svg: str
    said: str
    trouble: str
    spans: tuple[tuple[str, bool], ...]
    points: tuple[tuple[datetime, float, bool], ...]


@dataclass(frozen=True, slots=True)
class MonitorView:
    """The monitor that reports what an alarm watches, its last execution and what that found.

    violations: those of the columns that the alarm watches first. trouble: why they cannot be told, if so.
    """

    schedule: str
    last: MonitoringExecution | None
    violations: tuple[tuple[CheckWords, Violation], ...]
    trouble: str


def show(server: "Server", visit: Visit) -> Response:
    """The page of one alarm."""
    name = visit.parts["name"]
    standing = server.alarms.overview.one(name, visit.now)
    if standing is None:
        raise Refused("ResourceNotFound", f"There is no alarm {name!r}. It may have been deleted or renamed.")
    alarm = standing.alarm
    history = server.alarms.reading.history(HistoryFilter(alarm=name), _HISTORY)
    actions = alarm.actions
    arns = dict.fromkeys((*actions.alarm, *actions.ok, *actions.insufficient_data))
    topics = [arn for arn in arns if arn.split(":")[2:3] == ["sns"]]
    values: dict[str, object] = {
        "standing": standing,
        "alarm": alarm,
        "said": cause(alarm, standing.state),
        "rule": rule(alarm),
        "place": place(alarm),
        "plot": _plot(server, visit, standing) if isinstance(alarm, MetricAlarm) else None,
        "children": _children(server, alarm, visit.now),
        "parents": sorted(server.alarms.reading.parents(name)),
        "monitor": _monitor(server, alarm),
        "history": history.items,
        "actions": [(s, a) for s, a in (("ALARM", actions.alarm), ("OK", actions.ok),
                                        ("INSUFFICIENT_DATA", actions.insufficient_data)) if a],
        "audiences": audiences(server.store, topics, visit.now),
        "told": tellings(server.store, topics, alarm.arn, visit.now, _TOLD),
        "command": _command(alarm),
        "python": _python(alarm),
    }  # fmt: skip
    return rendered("alarm", visit, values)


def _plot(server: "Server", visit: Visit, standing: Standing) -> PlotView:
    alarm = standing.alarm
    assert isinstance(alarm, MetricAlarm)
    names = possible_spans(alarm)
    wanted = visit.query.get("span", "")
    span = wanted if wanted in names else usual_span(alarm, standing.since, visit.now)
    choices = tuple((name, name == span) for name in names)
    try:
        watched = watched_series(server, alarm, SPANS[span], visit.now)
    except Refused as refused:
        return PlotView("", "", f"What it watches cannot be computed: {refused.message}", choices, ())
    start = visit.now - SPANS[span]
    spans = _in_alarm(server, standing, start, visit.now)
    points = tuple(
        (datetime.fromtimestamp(at, visit.now.tzinfo), value, hit) for at, value, hit in newest(watched, _POINTS)
    )
    return PlotView(series_plot(subject(alarm), watched, spans), described(watched), "", choices, points)


class _State(msgspec.Struct, rename="camel"):
    state_value: str


class _Change(msgspec.Struct, rename="camel"):
    old_state: _State
    new_state: _State


def _in_alarm(server: "Server", standing: Standing, start: datetime, now: datetime) -> Sequence[tuple[float, float]]:
    """The spans of time since `start` in which the alarm was in ALARM, from its history."""
    wanted = HistoryFilter(alarm=standing.alarm.name, item="StateUpdate", start=start)
    items = server.alarms.reading.history(wanted, _TRANSITIONS).items
    spans: list[tuple[float, float]] = []
    end, state = now, str(standing.state.value)
    for item in items:
        if state == ALARM:
            spans.append((item.at.timestamp(), end.timestamp()))
        end, state = item.at, _before(item)
    if state == ALARM and len(items) < _TRANSITIONS:
        spans.append((max(start, standing.alarm.created).timestamp(), end.timestamp()))
    return spans


def _before(item: HistoryItem) -> str:
    try:
        return msgspec.json.decode(item.data, type=_Change).old_state.state_value
    except msgspec.MsgspecError:
        return ""


def _children(server: "Server", alarm: Alarm, now: datetime) -> Sequence[object]:
    """The alarms that a composite alarm looks at, those in ALARM first."""
    if not isinstance(alarm, CompositeAlarm):
        return ()
    names = sorted(server.alarms.reading.children(alarm.name))[:_CHILDREN]
    found = [each for name in names if (each := server.alarms.overview.one(name, now)) is not None]
    return [alarm_row(each) for each in sorted(found, key=lambda each: each.state.value != ALARM)]


def _monitor(server: "Server", alarm: Alarm) -> MonitorView | None:
    """The monitoring schedule that a metric's dimensions name, if there is one."""
    if not isinstance(alarm, MetricAlarm):
        return None
    metrics = [stat.metric for stat in (alarm.stat, *(query.stat for query in alarm.queries)) if stat is not None]
    names = [dict(metric.dimensions).get("MonitoringSchedule") for metric in metrics]
    schedule = next((name for name in names if name), None)
    if schedule is None:
        return None
    try:
        schedule = server.monitoring.schedules.describe(schedule).name
    except Refused:
        return None
    last = server.monitoring.schedules.last_execution(schedule)
    if last is None:
        return MonitorView(schedule, None, (), "")
    found = findings(server, last)
    ordered = of_most_use(found.violations, [metric.name for metric in metrics])
    told = tuple((check_words(each.constraint_check_type), each) for each in ordered)
    return MonitorView(schedule, last, told, found.trouble)


def _command(alarm: Alarm) -> str:
    kind = " --alarm-types CompositeAlarm" if isinstance(alarm, CompositeAlarm) else ""
    return f"aws cloudwatch describe-alarms{kind} --alarm-names {shlex.quote(alarm.name)}"


def _python(alarm: Alarm) -> str:
    kind = ', AlarmTypes=["CompositeAlarm"]' if isinstance(alarm, CompositeAlarm) else ""
    return f'boto3.client("cloudwatch").describe_alarms(AlarmNames=[{alarm.name!r}]{kind})'


plugin = Page("/alarms/{name...}", show)
