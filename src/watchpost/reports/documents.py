"""A Report as JSON and back, and the JSON Schema of that document (published as docs/report.schema.json).

Keys come in the order in which `watchpost.verdicts` declares them. JSON has no NaN and no infinities: they become null.
"""

import math
from inspect import cleandoc
from typing import TypeAlias

import msgspec

from watchpost.verdicts import Report

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

SCHEMA_ID = "urn:watchpost:report:1"

# Ranges that the types of watchpost.verdicts cannot express, by definition and field.
_RATIOS = {
    "Summary": ("data_quality_score", "drift_score", "missing_value_rate"),
    "Verdict": ("effect_size",),
    "Bin": ("baseline", "current"),
}
_COUNTS = {
    "Report": ("baseline_rows", "current_rows"),
    "Summary": ("violations",),
    "Verdict": ("baseline_rows", "current_rows"),
    "Side": ("present", "missing"),
    "QuarantineSummary": ("total",),
    "Figure": ("rows",),
}


def to_json(report: Report) -> bytes:
    """The report as UTF-8 JSON on one line, ended by a line feed; equal reports give equal bytes.

    Text that UTF-8 cannot write (a file name in another encoding) keeps its readable part.
    """
    try:
        return msgspec.json.encode(report, order="deterministic") + b"\n"
    except UnicodeEncodeError:
        return msgspec.json.encode(_writable(msgspec.to_builtins(report)), order="deterministic") + b"\n"


def _writable(value: JSON) -> JSON:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {str(_writable(k)): _writable(v) for k, v in value.items()}
        case list() | tuple():
            return [_writable(v) for v in value]
        case _:
            return value


def from_json(data: bytes | str) -> Report:
    """The report that such a document holds; fields that a newer version may add are ignored.

    Raises: msgspec.DecodeError where it is no JSON; msgspec.ValidationError, which names the field, where it is no
    report.
    """
    document = msgspec.json.decode(data)
    try:
        return msgspec.convert(document, Report)
    except msgspec.ValidationError:
        # A threshold and the points of a curve are the numbers that are never absent: null was one that is not finite.
        return msgspec.convert(_with_numbers(document), Report)


def _with_numbers(document: JSON) -> JSON:
    if isinstance(document, list):
        return [_with_numbers(item) for item in document]
    if not isinstance(document, dict):
        return document
    found = {key: _with_numbers(value) for key, value in document.items()}
    if "threshold" in found and found["threshold"] is None:
        found["threshold"] = math.nan
    if "x_label" in found:
        found |= {side: _finished(found[side]) for side in ("current", "baseline") if side in found}
    return found


def _finished(points: JSON) -> JSON:
    if isinstance(points, list):
        return [_finished(part) for part in points]
    return math.nan if points is None else points


def report_schema() -> dict[str, JSON]:
    """JSON Schema (draft 2020-12) of the document, made from the classes of `watchpost.verdicts`."""
    (_, parts) = msgspec.json.schema_components((Report,), ref_template="#/$defs/{name}")
    for part in parts.values():
        part["description"] = cleandoc(part["description"])  # Python 3.13 dedents docstrings, older ones do not
    for name, fields in _RATIOS.items():
        for field in fields:
            for option in parts[name]["properties"][field]["anyOf"]:
                if option["type"] == "number":
                    option |= {"minimum": 0, "maximum": 1}
    for name, fields in _COUNTS.items():
        for field in fields:
            shape = parts[name]["properties"][field]
            next((option for option in shape.get("anyOf", ()) if option["type"] == "integer"), shape)["minimum"] = 0
    number_or_null: JSON = {"anyOf": [{"type": "number"}, {"type": "null"}]}
    parts["Verdict"]["properties"]["threshold"] = number_or_null
    for side in ("current", "baseline"):
        parts["Curve"]["properties"][side]["items"]["prefixItems"] = [number_or_null, number_or_null]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Watchpost report",
        "$ref": "#/$defs/Report",
        "$defs": parts,
    }
