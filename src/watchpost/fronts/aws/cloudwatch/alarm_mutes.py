"""The mute rules of alarms, as operations."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from watchpost.alarms.mutes import mute_type
from watchpost.fronts.aws.cloudwatch.alarm_members import Members, actor, present, read_token, write_token
from watchpost.fronts.aws.operation import Call, Operation

if TYPE_CHECKING:
    from watchpost.service.server import Server

_PAGE = 50


def put_alarm_mute_rule(server: "Server", call: Call) -> None:
    """PutAlarmMuteRule."""
    server.alarms.mutes.put(call.input, actor(call))


def get_alarm_mute_rule(server: "Server", call: Call) -> Members:
    """GetAlarmMuteRule."""
    rule, status = server.alarms.mutes.get(call.input["AlarmMuteRuleName"])
    schedule = {"Expression": rule.expression, "Duration": rule.duration, "Timezone": rule.timezone}
    return present(
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
    after, limit = read_token(asked.get("NextToken"), str) or "", asked.get("MaxRecords") or _PAGE
    page = server.alarms.mutes.page(asked.get("AlarmName"), tuple(asked.get("Statuses") or ()), after, limit)
    summaries = [
        present(
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
    return {**answer, "NextToken": write_token(page.rules[-1][0].name)} if page.more else answer


def delete_alarm_mute_rule(server: "Server", call: Call) -> None:
    """DeleteAlarmMuteRule."""
    server.alarms.mutes.delete(call.input["AlarmMuteRuleName"], actor(call))


OPERATIONS: Mapping[str, Operation] = {
    "PutAlarmMuteRule": put_alarm_mute_rule,
    "GetAlarmMuteRule": get_alarm_mute_rule,
    "ListAlarmMuteRules": list_alarm_mute_rules,
    "DeleteAlarmMuteRule": delete_alarm_mute_rule,
}
