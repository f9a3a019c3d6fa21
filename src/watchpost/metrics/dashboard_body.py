"""What is wrong with a dashboard's body, said as CloudWatch says it: a path into the JSON and a sentence.

Errors keep the dashboard from being saved, warnings do not. Source: CloudWatch's API reference, Dashboard Body
Structure and Syntax.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

import msgspec

MOST_WIDGETS, MOST_METRICS, MOST_METRICS_OF_WIDGET, MOST_VARIABLES = 500, 2500, 500, 25
_NEGATIVE_DURATION = re.compile(r"-P(?=\d|T\d)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?")
_ALARM = re.compile(r"arn:[^:]+:cloudwatch:[^:]*:[^:]*:alarm:.+")


@dataclass(frozen=True, slots=True)
class Message:
    """One finding: `path` as in `/widgets/0/properties/region`."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, in the order of the body."""

    errors: tuple[Message, ...]
    warnings: tuple[Message, ...]


def check_body(body: str) -> Findings:
    """Everything that is wrong with a dashboard's body."""
    notes = _Notes()
    try:
        parsed: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        notes.error("", "The field DashboardBody must be a valid JSON object")
        return notes.findings()
    if not isinstance(parsed, dict):
        notes.error("", "The field DashboardBody must be a valid JSON object")
        return notes.findings()
    _check_dashboard(parsed, notes)
    return notes.findings()


@dataclass(slots=True)
class _Notes:
    errors: list[Message] = field(default_factory=list)
    warnings: list[Message] = field(default_factory=list)
    metrics: int = 0

    def error(self, path: str, text: str) -> None:
        self.errors.append(Message(path, text))

    def findings(self) -> Findings:
        return Findings(tuple(self.errors), tuple(self.warnings))


Node: TypeAlias = Mapping[str, object]
Check: TypeAlias = Callable[[object, str, _Notes], None]


def _text(value: object, path: str, notes: _Notes) -> None:
    if not isinstance(value, str):
        notes.error(path, "Should be string")


def _flag(value: object, path: str, notes: _Notes) -> None:
    if not isinstance(value, bool):
        notes.error(path, "Should be boolean")


def _number(value: object, path: str, notes: _Notes) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        notes.error(path, "Should be number")


def _anything(value: object, path: str, notes: _Notes) -> None:
    """For what CloudWatch's pages use and nobody here reads."""


def _whole(least: int, most: int | None = None) -> Check:
    def check(value: object, path: str, notes: _Notes) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            notes.error(path, "Should be integer")
        elif value < least:
            notes.error(path, f"Should be >= {least}")
        elif most is not None and value > most:
            notes.error(path, f"Should be <= {most}")

    return check


def _one_of(*allowed: str) -> Check:
    def check(value: object, path: str, notes: _Notes) -> None:
        if value not in allowed:
            notes.error(path, f"Should be equal to one of the allowed values: {', '.join(allowed)}")

    return check


def _list(item: Check, least: int = 0, most: int | None = None) -> Check:
    def check(value: object, path: str, notes: _Notes) -> None:
        if not isinstance(value, list):
            notes.error(path, "Should be array")
            return
        if len(value) < least:
            notes.error(path, f"Should NOT have less than {least} items")
        if most is not None and len(value) > most:
            notes.error(path, f"Should NOT have more than {most} items")
        for number, each in enumerate(value):
            item(each, f"{path}/{number}", notes)

    return check


def _object(members: Mapping[str, Check], required: Sequence[str] = ()) -> Check:
    """An object; members beside the known ones are warned of."""

    def check(value: object, path: str, notes: _Notes) -> None:
        if not isinstance(value, dict):
            notes.error(path, "Should be object")
            return
        for name in required:
            if name not in value:
                notes.error(path, f"Should have required property '{name}'")
        for name, inner in value.items():
            if name in members:
                members[name](inner, f"{path}/{name}", notes)
            else:
                notes.warnings.append(Message(f"{path}/{name}", "Unknown property: it is kept and has no effect"))

    return check


def _start(value: object, path: str, notes: _Notes) -> None:
    if not isinstance(value, str) or not (_NEGATIVE_DURATION.fullmatch(value) or _instant(value)):
        notes.error(path, "Should be an ISO 8601 instant or a negative duration such as -PT6H")


def _end(value: object, path: str, notes: _Notes) -> None:
    if not isinstance(value, str) or not _instant(value):
        notes.error(path, "Should be an ISO 8601 instant")


def _instant(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _moment(value: object, path: str, notes: _Notes) -> None:
    if not isinstance(value, str) or not _instant(value):
        notes.error(path, 'Should match format "date-time"')


def _alarm_arn(value: object, path: str, notes: _Notes) -> None:
    if not isinstance(value, str) or not _ALARM.fullmatch(value):
        notes.error(path, "Should be the ARN of an alarm")


def _pair_of(single: Check) -> Check:
    """An annotation, or two that make a band."""

    def check(value: object, path: str, notes: _Notes) -> None:
        (_list(single, least=2, most=2) if isinstance(value, list) else single)(value, path, notes)

    return check


_AXIS = _object({"min": _number, "max": _number, "label": _text, "showUnits": _flag})
_ANNOTATIONS = _object(
    {
        "alarms": _list(_alarm_arn, least=1, most=1),
        "horizontal": _list(
            _pair_of(
                _object(
                    {
                        "label": _text,
                        "value": _number,
                        "color": _text,
                        "fill": _one_of("above", "below", "none"),
                        "yAxis": _one_of("left", "right"),
                        "visible": _flag,
                    },
                    ["value"],
                )
            )
        ),
        "vertical": _list(
            _pair_of(
                _object(
                    {
                        "label": _text,
                        "value": _moment,
                        "color": _text,
                        "fill": _one_of("before", "after", "none"),
                        "visible": _flag,
                    },
                    ["value"],
                )
            )
        ),
    }
)
_ROW_OPTIONS = _object(
    {
        "expression": _text,
        "label": _text,
        "id": _text,
        "stat": _text,
        "period": _whole(1),
        "color": _text,
        "yAxis": _one_of("left", "right"),
        "visible": _flag,
        "region": _text,
        "accountId": _text,
    }
)


def _row(value: object, path: str, notes: _Notes) -> None:
    """One row of `metrics`: namespace, name, dimension pairs, then perhaps options; or options with an expression."""
    notes.metrics += 1
    if not isinstance(value, list) or not value:
        notes.error(path, "Should be a non-empty array")
        return
    cells = value[:-1] if isinstance(value[-1], dict) else value
    if isinstance(value[-1], dict):
        _ROW_OPTIONS(value[-1], f"{path}/{len(value) - 1}", notes)
        if not cells and "expression" not in value[-1]:
            notes.error(f"{path}/0", "Should have required property 'expression'")
    for number, cell in enumerate(cells):
        _text(cell, f"{path}/{number}", notes)
    # Rows with "..." take as many cells as the row above has left.
    if cells and "..." not in cells and (len(cells) < 2 or len(cells) % 2):
        notes.error(path, "Should be a namespace and a metric name, followed by pairs of a dimension's name and value")


_METRIC = _object(
    {
        "metrics": _list(_row, least=1, most=MOST_METRICS_OF_WIDGET),
        "region": _text,
        "view": _one_of("timeSeries", "singleValue", "gauge", "bar", "pie", "table"),
        "stacked": _flag,
        "stat": _text,
        "period": _whole(1),
        "title": _text,
        "legend": _object({"position": _one_of("right", "bottom", "hidden")}),
        "yAxis": _object({"left": _AXIS, "right": _AXIS}),
        "annotations": _ANNOTATIONS,
        "liveData": _flag,
        "sparkline": _flag,
        "trend": _flag,
        "singleValueFullPrecision": _flag,
        "timezone": _text,
        "accountId": _text,
        "setPeriodToTimeRange": _flag,
        "start": _start,
        "end": _end,
        "table": _object(
            {
                "layout": _one_of("vertical", "horizontal"),
                "stickySummary": _flag,
                "showTimeSeriesData": _flag,
                "summaryColumns": _list(_text),
            }
        ),
        "labels": _anything,
    },
    ["region"],
)


def _metric(value: object, path: str, notes: _Notes) -> None:
    _METRIC(value, path, notes)
    if isinstance(value, dict):
        annotations = value.get("annotations")
        alarms = annotations.get("alarms") if isinstance(annotations, dict) else None
        if "metrics" not in value and not alarms:
            notes.error(path, "Should have required property 'metrics', or one alarm in 'annotations'")


_PROPERTIES: Mapping[str, Check] = {
    "metric": _metric,
    "text": _object({"markdown": _text, "background": _one_of("transparent", "solid")}, ["markdown"]),
    "log": _object(
        {
            "region": _text,
            "query": _text,
            "title": _text,
            "view": _one_of("table", "timeSeries", "bar", "pie"),
            "stacked": _flag,
            "accountId": _text,
            "queryLanguage": _text,
            "queryBy": _text,
            "logGroups": _anything,
        },
        ["region", "query"],
    ),
    "alarm": _object(
        {
            "alarms": _list(_alarm_arn, least=1, most=100),
            "sortBy": _one_of("default", "stateUpdatedTimestamp", "timestamp"),
            "states": _list(_one_of("ALARM", "OK", "INSUFFICIENT_DATA")),
            "title": _text,
        },
        ["alarms"],
    ),
    "explorer": _object(
        {
            "metrics": _list(
                _object({"metricName": _text, "resourceType": _text, "stat": _text}, ["metricName", "resourceType"]),
                least=1,
            ),
            "labels": _list(_object({"key": _text, "value": _text}, ["key"])),
            "aggregateBy": _object({"key": _text, "func": _text}),
            "splitBy": _text,
            "period": _whole(1),
            "widgetOptions": _anything,
            "title": _text,
        },
        ["metrics"],
    ),
}

_WIDGET = _object(
    {
        "type": _one_of(*_PROPERTIES),
        "x": _whole(0, 23),
        "y": _whole(0),
        "width": _whole(1, 24),
        "height": _whole(1, 1000),
        "properties": _anything,
    },
    ["type", "properties"],
)


def _widget(value: object, path: str, notes: _Notes) -> None:
    _WIDGET(value, path, notes)
    if isinstance(value, dict):
        check = _PROPERTIES.get(str(value.get("type")))
        if check is not None and "properties" in value:
            check(value["properties"], f"{path}/properties", notes)
        if ("x" in value) != ("y" in value):
            notes.error(path, "Should have both 'x' and 'y', or neither")


_VARIABLE = _object(
    {
        "type": _one_of("property", "pattern"),
        "property": _text,
        "pattern": _text,
        "inputType": _one_of("input", "select", "radio"),
        "id": _text,
        "label": _text,
        "defaultValue": _text,
        "values": _list(_object({"label": _text, "value": _text}, ["value"]), most=500),
        "search": _text,
        "populateFrom": _text,
        "visible": _flag,
    },
    ["type", "inputType", "id"],
)

_DASHBOARD = _object(
    {
        "start": _start,
        "end": _end,
        "periodOverride": _one_of("auto", "inherit"),
        "variables": _list(_VARIABLE, most=MOST_VARIABLES),
        "widgets": _list(_widget, most=MOST_WIDGETS),
    }
)


def _check_dashboard(body: Node, notes: _Notes) -> None:
    _DASHBOARD(body, "", notes)
    start = body.get("start")
    if "end" in body and not (isinstance(start, str) and _instant(start)):
        notes.error("/end", "Should be given only together with an absolute 'start'")
    if notes.metrics > MOST_METRICS:
        notes.error("/widgets", f"Should NOT have more than {MOST_METRICS} metrics in all widgets together")
