"""Embedded Metric Format: metric data that travel inside a JSON log event.

Source: "Specification: Embedded metric format" of the CloudWatch user guide. An event that breaks it stays an ordinary
log event and is counted; its metrics are dropped as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from watchpost.logs.json_pattern import parse_object
from watchpost.logs.metric_filter import LARGEST
from watchpost.metrics.identity import Datum, Metric

MOST_METRICS = 100
MOST_VALUES = 100
MOST_DIMENSIONS = 30
OLDEST_SECONDS = 14 * 86400
"""How far back metric data may lie."""
NEWEST_SECONDS = 2 * 3600
"""How far ahead metric data may lie."""
UNITS = frozenset(
    ["Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"]
    + [
        f"{size}{rate}"
        for letter in ("b", "kilob", "megab", "gigab", "terab")
        for size in (f"{letter}ytes".capitalize(), f"{letter}its".capitalize())
        for rate in ("", "/Second")
    ]
)
"""CloudWatch's 27 units."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The metric data of some events and how many of the events broke the format."""

    data: tuple[Datum, ...] = ()
    invalid: int = 0


class _Broken(Exception):
    """The document breaks the format."""


def embedded_metrics(messages: Sequence[str], now: float) -> Embedded:
    """The metric data embedded in these messages; `now` in epoch seconds bounds their timestamps."""
    data: list[tuple[Datum, ...]] = []
    invalid = 0
    for message in messages:
        if '"_aws"' not in message:
            continue
        document = parse_object(message)
        if document is None or not isinstance(document.get("_aws"), dict):
            continue
        try:
            data.append(_data(document, now))
        except _Broken:
            invalid += 1
    return Embedded(tuple(chain.from_iterable(data)), invalid)


def _data(document: dict[str, object], now: float) -> tuple[Datum, ...]:
    header = document["_aws"]
    if not isinstance(header, dict):
        raise _Broken
    milliseconds, directives = header.get("Timestamp"), header.get("CloudWatchMetrics")
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool) or not isinstance(directives, list):
        raise _Broken
    if not -OLDEST_SECONDS <= milliseconds / 1000 - now <= NEWEST_SECONDS:
        raise _Broken
    return tuple(chain.from_iterable(_directive(document, each, milliseconds / 1000) for each in directives))


def _directive(document: dict[str, object], directive: object, timestamp: float) -> list[Datum]:
    if not isinstance(directive, dict):
        raise _Broken
    namespace, metrics = directive.get("Namespace"), directive.get("Metrics", [])
    if not isinstance(namespace, str) or not 1 <= len(namespace) <= 1024 or not isinstance(metrics, list):
        raise _Broken
    if len(metrics) > MOST_METRICS:
        raise _Broken
    sets = _dimension_sets(document, directive.get("Dimensions", []))
    data: list[Datum] = []
    for metric in metrics:
        if not isinstance(metric, dict):
            raise _Broken
        name, unit, resolution = metric.get("Name"), metric.get("Unit", "None"), metric.get("StorageResolution", 60)
        if not isinstance(name, str) or not 1 <= len(name) <= 1024 or unit not in UNITS or resolution not in (1, 60):
            raise _Broken
        values = _values(document, name)
        if values:
            counts = (1.0,) * len(values)
            data += [
                Datum(Metric.of(namespace, name, each), timestamp, values, counts, unit=unit, resolution=resolution)
                for each in sets
            ]
    return data


def _dimension_sets(document: dict[str, object], sets: object) -> list[dict[str, str]]:
    if not isinstance(sets, list):
        raise _Broken
    found: list[dict[str, str]] = []
    for each in sets or [[]]:  # libraries write [] where a metric has no dimensions
        if not isinstance(each, list) or len(each) > MOST_DIMENSIONS:
            raise _Broken
        dimensions: dict[str, str] = {}
        for key in each:
            value = document.get(key) if isinstance(key, str) else None
            if not isinstance(value, str) or not 1 <= len(value) <= 1024 or key == "_aws":
                raise _Broken
            dimensions[key] = value
        found.append(dimensions)
    return found


def _values(document: dict[str, object], name: str) -> tuple[float, ...]:
    """The numbers of a top-level member; a metric whose member is not there is simply not reported this time."""
    member = document.get(name)
    if member is None:
        return ()
    members = member if isinstance(member, list) else [member]
    if len(members) > MOST_VALUES:
        raise _Broken
    return tuple(_number(value) for value in members)


def _number(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) <= LARGEST:
        raise _Broken
    return float(value)
