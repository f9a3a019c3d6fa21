"""Metric filters: log events that match a pattern become metric data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchpost.errors import Refused
from watchpost.logs.filter_pattern import Pattern, compile_pattern
from watchpost.logs.pattern_values import NUMBER
from watchpost.metrics.identity import Datum, Metric

MOST_DIMENSIONS = 3
LARGEST = 2.0**360
"""Values beyond this magnitude are no metric data (PutMetricData refuses them)."""


@dataclass(frozen=True, slots=True)
class Transformation:
    """What a matching event is turned into.

    `value` is a number, `$.field` of a JSON message or `$field` of a space-delimited one; so are the values of
    `dimensions`, which are references or constants. `default` is reported for a minute without a match.
    """

    namespace: str
    name: str
    value: str
    default: float | None = None
    unit: str = "None"
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """A metric filter of a log group; `created` in epoch milliseconds."""

    group: str
    name: str
    pattern: str
    transformation: Transformation
    created: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """A filter whose pattern is compiled."""

    filter: MetricFilter
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a filter made of some events.

    `data` in the order of the events; `matched` and `quiet` are the minutes (epoch seconds) in which some event, or
    none, matched.
    """

    data: tuple[Datum, ...]
    matched: frozenset[int]
    quiet: frozenset[int]


def check(transformation: Transformation) -> None:
    """Refuse what the service's model cannot say.

    Raises: Refused InvalidParameterException.
    """
    if transformation.default is not None and transformation.dimensions:
        raise Refused(
            "InvalidParameterException",
            "Invalid metric transformation: dimensions and defaultValue are mutually exclusive",
        )
    if len(transformation.dimensions) > MOST_DIMENSIONS:
        raise Refused(
            "InvalidParameterException",
            f"Invalid metric transformation: at most {MOST_DIMENSIONS} dimensions are allowed",
        )
    if not transformation.value.startswith("$") and not NUMBER.fullmatch(transformation.value):
        raise Refused(
            "InvalidParameterException",
            f"Invalid metric transformation: metricValue '{transformation.value}' is neither a number nor a field",
        )


def compile_filter(definition: MetricFilter) -> Compiled:
    """The filter, ready to be asked about events.

    Raises: Refused InvalidParameterException: its pattern or its transformation is malformed.
    """
    check(definition.transformation)
    return Compiled(definition, compile_pattern(definition.pattern))


def transform(compiled: Compiled, timestamps: Sequence[int], messages: Sequence[str]) -> Outcome:
    """The metric data of these events: timestamps in epoch milliseconds, same length.

    An event whose value or dimension is missing, null or no finite number matches, but yields no datum.
    """
    data: list[Datum] = []
    matched: set[int] = set()
    rule = compiled.filter.transformation
    constant = None if rule.value.startswith("$") else float(rule.value)
    for timestamp, message, chosen in zip(timestamps, messages, compiled.pattern.select(messages), strict=True):
        if not chosen:
            continue
        matched.add(timestamp // 60_000 * 60)
        value = constant if constant is not None else _number(compiled.pattern.value(message, rule.value))
        dimensions = _dimensions(compiled.pattern, message, rule.dimensions)
        if value is not None and dimensions is not None:
            metric = Metric.of(rule.namespace, rule.name, dimensions)
            data.append(Datum(metric, timestamp / 1000, (value,), (1.0,), unit=rule.unit))
    minutes = {timestamp // 60_000 * 60 for timestamp in timestamps}
    return Outcome(tuple(data), frozenset(matched), frozenset(minutes - matched))


def default_datum(definition: MetricFilter, minute: int) -> Datum:
    """The default value of a filter for a minute (epoch seconds) in which no event matched."""
    rule = definition.transformation
    metric = Metric.of(rule.namespace, rule.name)
    return Datum(metric, float(minute), (rule.default or 0.0,), (1.0,), unit=rule.unit)


def _number(text: str | None) -> float | None:
    if text is None or not NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if abs(number) <= LARGEST else None


def _dimensions(pattern: Pattern, message: str, references: tuple[tuple[str, str], ...]) -> Mapping[str, str] | None:
    found: dict[str, str] = {}
    for name, reference in references:
        text = pattern.value(message, reference) if reference.startswith("$") else reference
        if not text or len(text) > 1024:
            return None
        found[name] = text
    return found
