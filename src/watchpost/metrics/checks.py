"""What PutMetricData accepts: the rules that CloudWatch's model cannot say, with CloudWatch's messages.

The request as a whole fails on its first bad item. Source: contract 2.1 and 1.5; messages marked there as recorded are
verbatim, the others follow their form.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import isfinite, isnan
from typing import Any, NoReturn

from watchpost.errors import Refused
from watchpost.metrics.identity import Datum, Metric

MOST_DATA = 1000
MOST_ENTITIES = 2
MOST_VALUES = 150
LARGEST = 2.0**360
OLDEST, NEWEST = 14 * 86_400.0, 2 * 3600.0

_NAMESPACE = re.compile(r"[A-Za-z0-9.\-_/#: ]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def invalid(message: str) -> Refused:
    """A parameter's value breaks a rule."""
    return Refused("InvalidParameterValueException", message)


def data(request: Mapping[str, Any], now: datetime) -> list[Datum]:
    """The data of a PutMetricData request, which the model's own constraints have passed.

    Args: request: members as CloudWatch's model names them. now: when it was received, what a datum without a timestamp
    gets. Raises: Refused: with the fault and words of CloudWatch.
    """
    namespace = checked_namespace(request["Namespace"])
    located = list(_located(request))
    if not located:
        raise Refused("MissingRequiredParameterException", "The parameter MetricData is required.")
    if len(located) > MOST_DATA:
        raise invalid(f"The collection MetricData must not have a size greater than {MOST_DATA}.")
    received = now.timestamp()
    return [_datum(namespace, item, where, received) for where, item in located]


def _located(request: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every datum with the path of its members in CloudWatch's query protocol, which its messages use."""
    for number, item in enumerate(request.get("MetricData") or (), 1):
        yield f"MetricData.member.{number}", item
    entities = request.get("EntityMetricData") or ()
    if len(entities) > MOST_ENTITIES:
        raise invalid(f"The collection EntityMetricData must not have a size greater than {MOST_ENTITIES}.")
    for entity, group in enumerate(entities, 1):
        for number, item in enumerate(group.get("MetricData") or (), 1):
            yield f"EntityMetricData.member.{entity}.MetricData.member.{number}", item


def _datum(namespace: str, item: Mapping[str, Any], where: str, received: float) -> Datum:
    metric = Metric(namespace, checked_name(item["MetricName"], where), dimensions(item.get("Dimensions"), where))
    stamp = item.get("Timestamp")
    timestamp = received if stamp is None else _seconds(stamp)
    check_age(timestamp, received, where)
    resolution = item.get("StorageResolution", 60)
    if resolution not in {1, 60}:
        raise invalid(f"The parameter {where}.StorageResolution must be 1 or 60.")
    unit = item.get("Unit") or "None"
    value, values, counts, statistics = (item.get(x) for x in ("Value", "Values", "Counts", "StatisticValues"))
    if value is not None:
        for other, given in (("Values", values), ("StatisticValues", statistics)):
            if given is not None and given != []:
                _exclusive(where, "Value", other)
        if counts:
            _exclusive(where, "Value", "Counts")
        return Datum(metric, timestamp, (_number(value, f"{where}.Value"),), (1.0,), None, unit, resolution)
    # Values beside StatisticValues are accepted, as recorded from the service; the values say more.
    if values:
        numbers, times = _values(values, counts, where)
        return Datum(metric, timestamp, numbers, times, None, unit, resolution)
    if statistics is not None:
        return Datum(metric, timestamp, (), (), _statistics(statistics, where), unit, resolution)
    raise Refused(
        "MissingRequiredParameterException",
        f"At least one of the parameters {where}.Value, {where}.Values and {where}.StatisticValues must be specified.",
    )


def _seconds(stamp: datetime | float) -> float:
    return stamp.timestamp() if isinstance(stamp, datetime) else float(stamp)


def _exclusive(where: str, one: str, other: str) -> NoReturn:
    raise Refused(
        "InvalidParameterCombinationException",
        f"The parameters {where}.{one} and {where}.{other} are mutually exclusive and you have specified both.",
    )


def _number(value: float, where: str) -> float:
    number = float(value)
    if not isfinite(number) or abs(number) > LARGEST:
        raise invalid(f"The value {'NaN' if isnan(number) else value} for parameter {where} is invalid.")
    return number


def _values(
    values: Sequence[float], counts: Sequence[float] | None, where: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if counts and len(counts) != len(values):
        raise invalid(f"The parameters {where}.Values and {where}.Counts must be of the same size.")
    numbers = tuple(_number(value, f"{where}.Values") for value in values)
    if len(set(numbers)) > MOST_VALUES:
        raise invalid(f"The collection {where}.Values must not have a size greater than {MOST_VALUES}.")
    times = tuple(_number(count, f"{where}.Counts") for count in counts or (1.0,) * len(numbers))
    for count in times:
        if count <= 0:
            raise invalid(f"The value {count:g} for parameter {where}.Counts is invalid.")
    return numbers, times


def _statistics(given: Mapping[str, float], where: str) -> tuple[float, float, float, float]:
    names = ("SampleCount", "Sum", "Minimum", "Maximum")
    count, total, low, high = (_number(given[name], f"{where}.StatisticValues.{name}") for name in names)
    if count <= 0:
        raise invalid(f"The value {count:g} for parameter {where}.StatisticValues.SampleCount is invalid.")
    if low > high:
        raise invalid(
            f"The parameter {where}.StatisticValues.Maximum must be greater than or equal to "
            f"{where}.StatisticValues.Minimum."
        )
    return count, total, low, high


def check_age(timestamp: float, received: float, where: str) -> None:
    """Refuse a timestamp more than two weeks old or more than two hours ahead (epoch seconds)."""
    if not timestamp >= received - OLDEST:
        raise invalid(f"The parameter {where}.Timestamp must specify a time no more than two weeks in the past.")
    if timestamp > received + NEWEST:
        raise invalid(f"The parameter {where}.Timestamp must specify a time no more than two hours in the future.")


def checked_namespace(namespace: str) -> str:
    """The namespace, if it has only the characters that CloudWatch allows and does not begin with a colon."""
    if not _NAMESPACE.fullmatch(namespace) or namespace.startswith(":"):
        raise invalid(f"The value {namespace} for parameter Namespace is invalid.")
    return namespace


def checked_name(name: str, where: str) -> str:
    """The metric's name, if it has no control characters and is not blank."""
    if _CONTROL.search(name) or not name.strip():
        raise invalid(f"The value {name!r} for parameter {where}.MetricName is invalid.")
    return name


def dimensions(given: Iterable[Mapping[str, str]] | None, where: str) -> tuple[tuple[str, str], ...]:
    """Dimensions in canonical order, if each has a name and a value in ASCII, neither blank, no name twice."""
    pairs = sorted((item["Name"], item["Value"]) for item in given or ())
    for number, (name, value) in enumerate(pairs):
        for part, text in (("Name", name), ("Value", value)):
            if not text.isascii() or _CONTROL.search(text) or not text.strip():
                raise invalid(f"The value {text!r} for parameter {where}.Dimensions.{part} is invalid.")
        if name.startswith(":"):
            raise invalid(f"The value {name!r} for parameter {where}.Dimensions.Name is invalid.")
        if number and pairs[number - 1][0] == name:
            raise invalid(f"The parameter {where}.Dimensions must not contain the dimension {name!r} more than once.")
    return tuple(pairs)
