"""The dashboards of CloudWatch, as operations."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from watchpost.alarms.requests import tags as requested_tags
from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call, Operation

if TYPE_CHECKING:
    from watchpost.service.server import Server

_PAGE = 1000


def put_dashboard(server: "Server", call: Call) -> Mapping[str, Any]:
    """PutDashboard."""
    tags = list(requested_tags(call.input.get("Tags")).items())
    warnings = server.dashboards.put(
        call.input["DashboardName"], call.input["DashboardBody"], tags, call.access_key or "anonymous"
    )
    return {"DashboardValidationMessages": [{"DataPath": each.path, "Message": each.text} for each in warnings]}


def get_dashboard(server: "Server", call: Call) -> Mapping[str, Any]:
    """GetDashboard."""
    name = call.input["DashboardName"]
    return {
        "DashboardArn": server.dashboards.arn(name),
        "DashboardBody": server.dashboards.get(name).body,
        "DashboardName": name,
    }


def list_dashboards(server: "Server", call: Call) -> Mapping[str, Any]:
    """ListDashboards; the token is the last name of the page before."""
    prefix, after = call.input.get("DashboardNamePrefix") or "", call.input.get("NextToken") or ""
    if after and not after.startswith(prefix):
        raise Refused("InvalidParameterValueException", "The parameter NextToken is invalid.")
    found = server.dashboards.page(prefix, after, _PAGE + 1)
    entries = [
        {"DashboardName": each.name, "DashboardArn": each.arn, "LastModified": each.modified, "Size": each.size}
        for each in found[:_PAGE]
    ]
    answer: dict[str, Any] = {"DashboardEntries": entries}
    return {**answer, "NextToken": found[_PAGE - 1].name} if len(found) > _PAGE else answer


def delete_dashboards(server: "Server", call: Call) -> Mapping[str, Any]:
    """DeleteDashboards."""
    server.dashboards.delete(call.input["DashboardNames"], call.access_key or "anonymous")
    return {}


OPERATIONS: Mapping[str, Operation] = {
    "PutDashboard": put_dashboard,
    "GetDashboard": get_dashboard,
    "ListDashboards": list_dashboards,
    "DeleteDashboards": delete_dashboards,
}

PARTIAL: Mapping[str, str] = {}
