"""The alarms of CloudWatch, as operations."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchpost.alarms.records import CompositeAlarm, MetricAlarm, State
from watchpost.errors import Refused
from watchpost.fronts.aws.cloudwatch.alarm_members import (
    Members,
    actor,
    brief,
    composite_alarm,
    metric_alarm,
    read_token,
    write_token,
)
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.metrics.identity import Metric
from watchpost.service.alarms.reading import AlarmFilter, MetricQuestion
from watchpost.stores.sql.alarm_history import HistoryFilter

if TYPE_CHECKING:
    from watchpost.service.server import Server

_PAGE = 50
_HISTORY_PAGE = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def put_metric_alarm(server: "Server", call: Call) -> None:
    """PutMetricAlarm."""
    server.alarms.changes.put_metric_alarm(call.input, actor(call))


def put_composite_alarm(server: "Server", call: Call) -> None:
    """PutCompositeAlarm."""
    server.alarms.changes.put_composite_alarm(call.input, actor(call))


def delete_alarms(server: "Server", call: Call) -> None:
    """DeleteAlarms."""
    server.alarms.changes.delete(call.input["AlarmNames"], actor(call))


def set_alarm_state(server: "Server", call: Call) -> None:
    """SetAlarmState."""
    state: State = call.input["StateValue"]
    reason, data = call.input["StateReason"], call.input.get("StateReasonData")
    server.alarms.changes.set_state(call.input["AlarmName"], state, reason, data, actor(call))


def enable_alarm_actions(server: "Server", call: Call) -> None:
    """EnableAlarmActions."""
    server.alarms.changes.enable_actions(call.input["AlarmNames"], True, actor(call))


def disable_alarm_actions(server: "Server", call: Call) -> None:
    """DisableAlarmActions."""
    server.alarms.changes.enable_actions(call.input["AlarmNames"], False, actor(call))


# --- reading ----------------------------------------------------------------------------------------------------------


def describe_alarms(server: "Server", call: Call) -> Members:
    """DescribeAlarms; the token is the last name of the page before."""
    asked = call.input
    if asked.get("AlarmNames") and asked.get("AlarmNamePrefix"):
        raise Refused(
            "InvalidParameterCombinationException", "AlarmNames and AlarmNamePrefix must not be specified together"
        )
    family = [member for member in ("ChildrenOfAlarmName", "ParentsOfAlarmName") if asked.get(member)]
    if family:
        return _family(server, asked, family)
    kinds = asked.get("AlarmTypes") or ["MetricAlarm"]
    wanted = AlarmFilter(
        names=frozenset(asked.get("AlarmNames") or ()),
        prefix=asked.get("AlarmNamePrefix") or "",
        metric="MetricAlarm" in kinds,
        composite="CompositeAlarm" in kinds,
        state=asked.get("StateValue"),
        action_prefix=asked.get("ActionPrefix"),
    )
    if "AlarmNames" in asked and not asked["AlarmNames"]:
        wanted = AlarmFilter(metric=False)
    return _page(server, wanted, asked, briefly=False)


def _family(server: "Server", asked: Mapping[str, Any], family: list[str]) -> Members:
    """The children or the parents of an alarm, of which only name and state are told."""
    others = {"AlarmNames", "AlarmNamePrefix", "AlarmTypes", "StateValue", "ActionPrefix"} & asked.keys()
    if len(family) > 1 or others:
        raise Refused(
            "InvalidParameterCombinationException",
            f"{family[0]} can be combined with MaxRecords and NextToken only",
        )
    name = asked[family[0]]
    reading = server.alarms.reading
    names = reading.children(name) if family[0] == "ChildrenOfAlarmName" else reading.parents(name)
    if not names:
        return {"CompositeAlarms": [], "MetricAlarms": [], "LogAlarms": []}
    return _page(server, AlarmFilter(names=names, composite=True), asked, briefly=True)


def _page(server: "Server", wanted: AlarmFilter, asked: Mapping[str, Any], *, briefly: bool) -> Members:
    after = read_token(asked.get("NextToken"), str) or ""
    page = server.alarms.reading.page(wanted, after, asked.get("MaxRecords") or _PAGE)
    composite = [each for each in page.alarms if isinstance(each.alarm, CompositeAlarm)]
    metric = [each for each in page.alarms if isinstance(each.alarm, MetricAlarm)]
    answer: Members = {
        "CompositeAlarms": [brief(each) if briefly else composite_alarm(each) for each in composite],
        "MetricAlarms": [brief(each) if briefly else metric_alarm(each) for each in metric],
        "LogAlarms": [],
    }
    return {**answer, "NextToken": write_token(page.alarms[-1].alarm.name)} if page.more else answer


def describe_alarms_for_metric(server: "Server", call: Call) -> Members:
    """DescribeAlarmsForMetric."""
    asked = call.input
    dimensions = {each["Name"]: each["Value"] for each in asked.get("Dimensions") or ()}
    question = MetricQuestion(
        Metric.of(asked["Namespace"], asked["MetricName"], dimensions),
        asked.get("Statistic"),
        asked.get("ExtendedStatistic"),
        asked.get("Period"),
        asked.get("Unit"),
    )
    return {"MetricAlarms": [metric_alarm(each) for each in server.alarms.reading.watching(question)]}


def describe_alarm_history(server: "Server", call: Call) -> Members:
    """DescribeAlarmHistory; the token is the place of the last line of the page before."""
    asked = call.input
    wanted = HistoryFilter(
        alarm=asked.get("AlarmName"),
        alarm_types=tuple(asked.get("AlarmTypes") or ("MetricAlarm",)),
        item=asked.get("HistoryItemType"),
        start=asked.get("StartDate"),
        end=asked.get("EndDate"),
    )
    if asked.get("AlarmContributorId") is not None:
        return {"AlarmHistoryItems": []}
    place = read_token(asked.get("NextToken"), tuple[int, int])
    after = None if place is None else (_EPOCH + timedelta(microseconds=place[0]), place[1])
    newest_first = asked.get("ScanBy") != "TimestampAscending"
    page = server.alarms.reading.history(
        wanted, asked.get("MaxRecords") or _HISTORY_PAGE, after, newest_first=newest_first
    )
    answer: Members = {
        "AlarmHistoryItems": [
            {
                "AlarmName": item.alarm,
                "AlarmType": item.alarm_type,
                "Timestamp": item.at,
                "HistoryItemType": item.item,
                "HistorySummary": item.summary,
                "HistoryData": item.data,
            }
            for item in page.items
        ]
    }
    if page.next is not None:
        answer["NextToken"] = write_token(((page.next[0] - _EPOCH) // timedelta(microseconds=1), page.next[1]))
    return answer


def describe_alarm_contributors(server: "Server", call: Call) -> Members:
    """DescribeAlarmContributors: no alarm has any here, since those that could are refused."""
    name = call.input["AlarmName"]
    try:
        server.alarms.reading.one(name)
    except Refused as refusal:
        members = {"ResourceType": "Alarm", "ResourceId": name}
        raise Refused("ResourceNotFoundException", refusal.message, members) from refusal
    return {"AlarmContributors": []}


OPERATIONS: Mapping[str, Operation] = {
    "PutMetricAlarm": put_metric_alarm,
    "PutCompositeAlarm": put_composite_alarm,
    "DeleteAlarms": delete_alarms,
    "SetAlarmState": set_alarm_state,
    "EnableAlarmActions": enable_alarm_actions,
    "DisableAlarmActions": disable_alarm_actions,
    "DescribeAlarms": describe_alarms,
    "DescribeAlarmsForMetric": describe_alarms_for_metric,
    "DescribeAlarmHistory": describe_alarm_history,
    "DescribeAlarmContributors": describe_alarm_contributors,
}

PARTIAL: Mapping[str, str] = {
    "PutMetricAlarm": "SNS actions are performed, others only noted in the history as failed; PromQL alarms, Metrics "
    "Insights with GROUP BY, wall clock windows, warm-up and tag propagation are refused.",
    "PutCompositeAlarm": "SNS actions are performed, others only noted in the history as failed; tag propagation is "
    "refused.",
    "DescribeAlarmContributors": "The list is always empty, since alarms with contributors are refused.",
}
