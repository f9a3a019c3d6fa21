"""Dashboards: what their bodies may hold, and how they are kept."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.metrics.dashboard_body import check_body
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.metrics.dashboards import Dashboards
from watchpost.stores.store import Store


def metric_widget(**properties: Any) -> dict[str, Any]:
    return {"type": "metric", "properties": {"metrics": [["ns", "m"]], "region": "us-east-1", **properties}}


# Every kind of widget and every member, from CloudWatch's API reference.
WHOLE: dict[str, Any] = {
    "start": "2026-11-20T06:00:00Z",
    "end": "2026-11-21T06:00:00Z",
    "periodOverride": "inherit",
    "variables": [
        {
            "type": "property",
            "property": "InstanceId",
            "inputType": "select",
            "id": "instance",
            "label": "Instance",
            "defaultValue": "__FIRST",
            "search": "{AWS/EC2,InstanceId} MetricName=CPUUtilization",
            "populateFrom": "InstanceId",
            "visible": True,
        },
        {
            "type": "pattern",
            "pattern": "prod",
            "inputType": "radio",
            "id": "p",
            "values": [{"label": "a", "value": "b"}],
        },
    ],
    "widgets": [
        {
            "x": 0,
            "y": 0,
            "width": 12,
            "height": 6,
            **metric_widget(
                metrics=[
                    ["ns", "Latency", "Endpoint", "e", {"stat": "p99", "label": "x", "color": "#f00", "id": "m1"}],
                    [".", ".", ".", "f", {"yAxis": "right", "period": 60, "visible": False}],
                    ["...", "g"],
                    [{"expression": "SUM(METRICS())", "label": "all", "id": "e1"}],
                ],
                view="timeSeries",
                stacked=False,
                stat="Average",
                period=300,
                title="t",
                legend={"position": "right"},
                yAxis={"left": {"min": 0, "max": 1.5, "label": "s", "showUnits": False}},
                annotations={
                    "horizontal": [{"label": "limit", "value": 3, "fill": "above"}, [{"value": 1}, {"value": 2}]],
                    "vertical": [{"value": "2026-11-20T07:00:00Z", "label": "deploy", "fill": "after"}],
                },
                liveData=True,
                sparkline=True,
                timezone="+0130",
                setPeriodToTimeRange=True,
                table={"layout": "vertical", "summaryColumns": ["MIN"]},
            ),
        },
        {
            "type": "metric",
            "properties": {
                "region": "us-east-1",
                "annotations": {"alarms": ["arn:aws:cloudwatch:us-east-1:000000000000:alarm:a"]},
            },
        },
        {"type": "text", "properties": {"markdown": "# hi", "background": "transparent"}},
        {
            "type": "log",
            "properties": {"region": "us-east-1", "query": "SOURCE 'g' | fields @message", "view": "table"},
        },
        {
            "type": "alarm",
            "properties": {
                "alarms": ["arn:aws:cloudwatch:us-east-1:000000000000:alarm:a"],
                "sortBy": "timestamp",
                "states": ["ALARM"],
                "title": "t",
            },
        },
        {
            "type": "explorer",
            "properties": {
                "metrics": [{"metricName": "m", "resourceType": "AWS::EC2::Instance", "stat": "Average"}],
                "labels": [{"key": "k", "value": "v"}],
                "aggregateBy": {"key": "*", "func": "AVG"},
                "splitBy": "k",
                "period": 60,
                "widgetOptions": {"view": "timeSeries"},
                "title": "t",
            },
        },
    ],
}


def test_a_body_with_everything_has_nothing_wrong() -> None:
    findings = check_body(json.dumps(WHOLE))
    assert (findings.errors, findings.warnings) == ((), ())


@pytest.mark.parametrize(
    ("body", "path", "text"),
    [
        ({"widgets": {}}, "/widgets", "Should be array"),
        ({"widgets": [{"type": "metric"}]}, "/widgets/0", "Should have required property 'properties'"),
        ({"widgets": [{"type": "chart", "properties": {}}]}, "/widgets/0/type", "allowed values: metric, text, log"),
        ({"widgets": [{**metric_widget(), "x": 24, "y": 0}]}, "/widgets/0/x", "Should be <= 23"),
        ({"widgets": [{**metric_widget(), "x": 1}]}, "/widgets/0", "both 'x' and 'y'"),
        ({"widgets": [{**metric_widget(), "width": 0}]}, "/widgets/0/width", "Should be >= 1"),
        ({"widgets": [{**metric_widget(), "height": 1001}]}, "/widgets/0/height", "Should be <= 1000"),
        ({"widgets": [{**metric_widget(), "height": "6"}]}, "/widgets/0/height", "Should be integer"),
        ({"widgets": [metric_widget(metrics=[])]}, "/widgets/0/properties/metrics", "NOT have less than 1 items"),
        ({"widgets": [metric_widget(metrics=[["ns"]])]}, "/widgets/0/properties/metrics/0", "a namespace and a metric"),
        ({"widgets": [metric_widget(metrics=[[{"id": "e"}]])]}, "/widgets/0/properties/metrics/0/0", "'expression'"),
        ({"widgets": [metric_widget(metrics=[["ns", 1]])]}, "/widgets/0/properties/metrics/0/1", "Should be string"),
        ({"widgets": [metric_widget(view="plot")]}, "/widgets/0/properties/view", "allowed values: timeSeries"),
        ({"widgets": [metric_widget(stacked="no")]}, "/widgets/0/properties/stacked", "Should be boolean"),
        ({"widgets": [{"type": "text", "properties": {}}]}, "/widgets/0/properties", "'markdown'"),
        (
            {"widgets": [{"type": "metric", "properties": {"metrics": [["n", "m"]]}}]},
            "/widgets/0/properties",
            "'region'",
        ),
        ({"widgets": [{"type": "metric", "properties": {"region": "r"}}]}, "/widgets/0/properties", "one alarm"),
        ({"start": "yesterday"}, "/start", "negative duration"),
        ({"start": "-P"}, "/start", "negative duration"),
        ({"start": "-PT6H", "end": "2026-11-21T06:00:00Z"}, "/end", "absolute 'start'"),
        ({"periodOverride": "never"}, "/periodOverride", "auto, inherit"),
        ({"variables": [{}] * 26}, "/variables", "NOT have more than 25 items"),
        ({"widgets": [{"type": "text", "properties": {"markdown": ""}}] * 501}, "/widgets", "more than 500 items"),
        ({"widgets": [metric_widget(metrics=[["n", "m"]] * 500)] * 6}, "/widgets", "more than 2500 metrics"),
    ],
)
def test_an_error_is_named_by_its_path(body: dict[str, Any], path: str, text: str) -> None:
    found = {error.path: error.text for error in check_body(json.dumps(body)).errors}
    assert text in found[path]


def test_an_unknown_property_is_a_warning() -> None:
    findings = check_body(json.dumps({"widgets": [metric_widget(colour="red")], "theme": "dark"}))
    assert findings.errors == ()
    assert [warning.path for warning in findings.warnings] == ["/widgets/0/properties/colour", "/theme"]


@given(st.text(max_size=20) | st.sampled_from(["[" * 5000, "1", "[]", "null", '"{}"']))
def test_what_is_no_json_object_is_refused(body: str) -> None:
    if not body.strip().startswith("{"):
        [error] = check_body(body).errors
        assert error.text == "The field DashboardBody must be a valid JSON object"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["widgets", "type", "properties", "metrics", "annotations", "alarms", "x", "start", "end"]),
            inner,
            max_size=4,
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["widgets", "start", "end", "variables", "other"]), JSON))
def test_any_object_is_judged(body: dict[str, Any]) -> None:
    check_body(json.dumps(body))


# --- kept -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def dashboards(store: Store, clock: ManualClock) -> Dashboards:
    return Dashboards(store, clock, Configuration(Path("unused")))


BODY = '{ "widgets" : [ ],\n"other":"ü" }'


def test_a_body_comes_back_byte_for_byte(dashboards: Dashboards) -> None:
    [warning] = dashboards.put("d", BODY, [], "me")
    assert warning.path == "/other"
    assert dashboards.get("d").body == BODY


def test_dashboards_are_listed_with_their_size_and_last_change(dashboards: Dashboards, clock: ManualClock) -> None:
    for name in ("b", "a2", "a1"):
        dashboards.put(name, "{}", [], "me")
    clock.advance(60)
    dashboards.put("a1", BODY, [], "me")
    listed = dashboards.page("a", "", 10)
    assert [(each.name, each.size) for each in listed] == [("a1", len(BODY.encode())), ("a2", 2)]
    assert listed[0].modified - listed[1].modified == timedelta(minutes=1)
    assert listed[0].arn == "arn:aws:cloudwatch::000000000000:dashboard/a1"
    assert [each.name for each in dashboards.page("", "a1", 1)] == ["a2"]


def test_a_faulty_body_is_not_kept(dashboards: Dashboards) -> None:
    with pytest.raises(Refused) as problem:
        dashboards.put("d", '{"widgets": [{}]}', [], "me")
    assert problem.value.fault == "DashboardInvalidInputError"
    assert problem.value.members["dashboardValidationMessages"] == [
        {"DataPath": "/widgets/0", "Message": "Should have required property 'type'"},
        {"DataPath": "/widgets/0", "Message": "Should have required property 'properties'"},
    ]
    with pytest.raises(Refused, match="does not exist"):
        dashboards.get("d")


def test_a_name_of_other_characters_is_refused_in_the_services_words(dashboards: Dashboards) -> None:
    with pytest.raises(Refused) as problem:
        dashboards.put("a b", "{}", [], "me")
    # As recorded from the service.
    assert problem.value.message == (
        "The value for field DashboardName contains invalid characters. "
        "It can only contain alphanumerics, dash (-) and underscore (_).\n"
    )


def test_if_one_is_missing_none_is_deleted(dashboards: Dashboards, store: Store) -> None:
    dashboards.put("a", "{}", [], "me")
    with pytest.raises(Refused, match="b, c") as problem:
        dashboards.delete(["a", "b", "c"], "me")
    assert problem.value.fault == "DashboardNotFoundError"
    assert dashboards.get("a").body == "{}"
    dashboards.delete(["a", "a"], "me")
    assert dashboards.page("", "", 10) == []
    kinds = [line.entry.kind for line in store.read(lambda tx: tx.journal())]
    assert kinds == ["dashboard.deleted", "dashboard.put"]
