"""Alerts of monitoring schedules (the Model Dashboard's)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from watchpost.fronts.aws.operation import Call, Operation
from watchpost.fronts.aws.sagemaker.listings import during, is_asked, page, stamp
from watchpost.service.monitoring.documents import AlertChange

if TYPE_CHECKING:
    from watchpost.service.server import Server


def list_monitoring_alerts(server: "Server", call: Call) -> Mapping[str, Any]:
    """List the alerts of a schedule."""
    found = server.monitoring.alerts.of(call.input["MonitoringScheduleName"])
    some, more = page(found, lambda alert: ("", alert.name), call.input)
    summaries = [
        {
            "MonitoringAlertName": alert.name,
            "CreationTime": alert.created,
            "LastModifiedTime": alert.modified,
            "AlertStatus": alert.status,
            "DatapointsToAlert": alert.datapoints,
            "EvaluationPeriod": alert.period,
            "Actions": {"ModelDashboardIndicator": {"Enabled": True}},
        }
        for alert in some
    ]
    return {"MonitoringAlertSummaries": summaries, **more}


def update_monitoring_alert(server: "Server", call: Call) -> Mapping[str, Any]:
    """Change when an alert is raised."""
    asked = call.input
    schedule = server.monitoring.alerts.update(
        asked["MonitoringScheduleName"],
        asked["MonitoringAlertName"],
        asked["DatapointsToAlert"],
        asked["EvaluationPeriod"],
        call.access_key or "",
    )
    return {"MonitoringScheduleArn": schedule, "MonitoringAlertName": asked["MonitoringAlertName"]}


def list_monitoring_alert_history(server: "Server", call: Call) -> Mapping[str, Any]:
    """List how alerts changed."""
    asked = call.input

    def key(change: AlertChange) -> tuple[str, str]:
        first = change.status if asked.get("SortBy") == "Status" else stamp(change.at)
        return first, f"{stamp(change.at)}|{change.schedule}|{change.name}"

    history = server.monitoring.alerts.history(asked.get("MonitoringScheduleName"), asked.get("MonitoringAlertName"))
    wanted = [
        change
        for change in history
        if during(asked, "CreationTime", change.at) and is_asked(asked, StatusEquals=change.status)
    ]
    some, more = page(wanted, key, asked, descending=True)
    summaries = [
        {
            "MonitoringScheduleName": change.schedule,
            "MonitoringAlertName": change.name,
            "CreationTime": change.at,
            "AlertStatus": change.status,
        }
        for change in some
    ]
    return {"MonitoringAlertHistory": summaries, **more}


OPERATIONS: Mapping[str, Operation] = {
    "ListMonitoringAlerts": list_monitoring_alerts,
    "ListMonitoringAlertHistory": list_monitoring_alert_history,
    "UpdateMonitoringAlert": update_monitoring_alert,
}

PARTIAL: Mapping[str, str] = {
    "ListMonitoringAlerts": "every schedule has one alert, named monitoring-alert, until it is changed 1 of 1",
}
