"""The alarms of CloudWatch, as operations."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from watchpost.alarms.mutes import mute_type
from watchpost.alarms.records import Alarm, CompositeAlarm, MetricAlarm, Query, State
from watchpost.alarms.requests import tags as requested_tags
from watchpost.alarms.state_changes import suppression_reason
from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.metrics.identity import Metric, MetricStat
from watchpost.service.alarm_reading import AlarmFilter, Described, MetricQuestion
from watchpost.stores.sql.alarm_history import HistoryFilter

if TYPE_CHECKING:
    from watchpost.service.server import Server

_PAGE = 50
_HISTORY_PAGE = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Members = dict[str, Any]
T = TypeVar("T")


def put_metric_alarm(server: "Server", call: Call) -> None:
    """PutMetricAlarm."""
    server.alarms.changes.put_metric_alarm(call.input, _actor(call))


def put_composite_alarm(server: "Server", call: Call) -> None:
    """PutCompositeAlarm."""
    server.alarms.changes.put_composite_alarm(call.input, _actor(call))


def delete_alarms(server: "Server", call: Call) -> None:
    """DeleteAlarms."""
    server.alarms.changes.delete(call.input["AlarmNames"], _actor(call))


def set_alarm_state(server: "Server", call: Call) -> None:
    """SetAlarmState."""
    state: State = call.input["StateValue"]
    reason, data = call.input["StateReason"], call.input.get("StateReasonData")
    server.alarms.changes.set_state(call.input["AlarmName"], state, reason, data, _actor(call))


def enable_alarm_actions(server: "Server", call: Call) -> None:
    """EnableAlarmActions."""
    server.alarms.changes.enable_actions(call.input["AlarmNames"], True, _actor(call))


def disable_alarm_actions(server: "Server", call: Call) -> None:
    """DisableAlarmActions."""
    server.alarms.changes.enable_actions(call.input["AlarmNames"], False, _actor(call))


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
    return _page(server, wanted, asked, brief=False)


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
    return _page(server, AlarmFilter(names=names, composite=True), asked, brief=True)


def _page(server: "Server", wanted: AlarmFilter, asked: Mapping[str, Any], *, brief: bool) -> Members:
    after = _token(asked.get("NextToken"), str) or ""
    page = server.alarms.reading.page(wanted, after, asked.get("MaxRecords") or _PAGE)
    composite = [each for each in page.alarms if isinstance(each.alarm, CompositeAlarm)]
    metric = [each for each in page.alarms if isinstance(each.alarm, MetricAlarm)]
    answer: Members = {
        "CompositeAlarms": [_brief(each) if brief else _composite(each) for each in composite],
        "MetricAlarms": [_brief(each) if brief else _metric_alarm(each) for each in metric],
        "LogAlarms": [],
    }
    return {**answer, "NextToken": _as_token(page.alarms[-1].alarm.name)} if page.more else answer


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
    return {"MetricAlarms": [_metric_alarm(each) for each in server.alarms.reading.watching(question)]}


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
    place = _token(asked.get("NextToken"), tuple[int, int])
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
        answer["NextToken"] = _as_token(((page.next[0] - _EPOCH) // timedelta(microseconds=1), page.next[1]))
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


# --- mute rules and tags ----------------------------------------------------------------------------------------------


def put_alarm_mute_rule(server: "Server", call: Call) -> None:
    """PutAlarmMuteRule."""
    server.alarms.mutes.put(call.input, _actor(call))


def get_alarm_mute_rule(server: "Server", call: Call) -> Members:
    """GetAlarmMuteRule."""
    rule, status = server.alarms.mutes.get(call.input["AlarmMuteRuleName"])
    schedule = {"Expression": rule.expression, "Duration": rule.duration, "Timezone": rule.timezone}
    return _present(
        {
            "Name": rule.name,
            "AlarmMuteRuleArn": rule.arn,
            "Description": rule.description,
            "Rule": {"Schedule": schedule},
            "MuteTargets": {"AlarmNames": list(rule.alarms)},
            "StartDate": rule.start,
            "ExpireDate": rule.expire,
            "Status": status,
            "LastUpdatedTimestamp": rule.updated,
            "MuteType": mute_type(rule),
        }
    )


def list_alarm_mute_rules(server: "Server", call: Call) -> Members:
    """ListAlarmMuteRules; the token is the last name of the page before."""
    asked = call.input
    after, limit = _token(asked.get("NextToken"), str) or "", asked.get("MaxRecords") or _PAGE
    page = server.alarms.mutes.page(asked.get("AlarmName"), tuple(asked.get("Statuses") or ()), after, limit)
    summaries = [
        _present(
            {
                "AlarmMuteRuleArn": rule.arn,
                "ExpireDate": rule.expire,
                "Status": status,
                "MuteType": mute_type(rule),
                "LastUpdatedTimestamp": rule.updated,
            }
        )
        for rule, status in page.rules
    ]
    answer: Members = {"AlarmMuteRuleSummaries": summaries}
    return {**answer, "NextToken": _as_token(page.rules[-1][0].name)} if page.more else answer


def delete_alarm_mute_rule(server: "Server", call: Call) -> None:
    """DeleteAlarmMuteRule."""
    server.alarms.mutes.delete(call.input["AlarmMuteRuleName"], _actor(call))


def list_tags_for_resource(server: "Server", call: Call) -> Members:
    """ListTagsForResource."""
    tags = server.alarms.tags.of(call.input["ResourceARN"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


def tag_resource(server: "Server", call: Call) -> Members:
    """TagResource."""
    server.alarms.tags.add(call.input["ResourceARN"], requested_tags(call.input["Tags"]), _actor(call))
    return {}


def untag_resource(server: "Server", call: Call) -> Members:
    """UntagResource."""
    server.alarms.tags.remove(call.input["ResourceARN"], call.input["TagKeys"], _actor(call))
    return {}


# --- from records to members ------------------------------------------------------------------------------------------


def _metric_alarm(described: Described) -> Members:
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
    return _present(members)


def _composite(described: Described) -> Members:
    alarm, state = described.alarm, described.state
    assert isinstance(alarm, CompositeAlarm)
    return _present(
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
        **_brief(described),
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


def _brief(described: Described) -> Members:
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
        stat = _present(
            {"Metric": metric, "Period": query.stat.period, "Stat": query.stat.stat, "Unit": query.stat.unit}
        )
    return _present(
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


def _present(members: Members) -> Members:
    return {name: value for name, value in members.items() if value is not None}


# --- tokens and callers -----------------------------------------------------------------------------------------------


def _as_token(place: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def _token(token: str | None, kind: type[T]) -> T | None:
    if not token:
        return None
    try:
        return msgspec.json.decode(base64.b64decode(token.encode("ascii"), b"-_", validate=True), type=kind)
    except (binascii.Error, UnicodeError, msgspec.MsgspecError) as problem:
        raise Refused("InvalidNextToken", "The token is not one that this server gave out") from problem


def _actor(call: Call) -> str:
    return call.access_key or "anonymous"


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
    "PutAlarmMuteRule": put_alarm_mute_rule,
    "GetAlarmMuteRule": get_alarm_mute_rule,
    "ListAlarmMuteRules": list_alarm_mute_rules,
    "DeleteAlarmMuteRule": delete_alarm_mute_rule,
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}

PARTIAL: Mapping[str, str] = {
    "PutMetricAlarm": "SNS actions are performed, others only noted in the history as failed; PromQL alarms, Metrics "
    "Insights with GROUP BY, wall clock windows, warm-up and tag propagation are refused.",
    "PutCompositeAlarm": "SNS actions are performed, others only noted in the history as failed; tag propagation is "
    "refused.",
    "DescribeAlarmContributors": "The list is always empty, since alarms with contributors are refused.",
    "TagResource": "Alarms and alarm mute rules only.",
    "UntagResource": "Alarms and alarm mute rules only.",
    "ListTagsForResource": "Alarms and alarm mute rules only.",
}
