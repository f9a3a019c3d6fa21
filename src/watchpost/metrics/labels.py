"""Labels of results: the default ones, and `${…}` in labels that people wrote.

Source: CloudWatch's user guide, dynamic labels. Its texts leave number and time formats open; ours are: values with six
significant digits, instants as ISO 8601 at the asked offset, stretches of time as `1d2h3m4s`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import numpy as np

from watchpost.errors import Refused
from watchpost.metrics.identity import MetricStat, Points

MOST_EXPRESSIONS = 6
"""Dynamic expressions in one label."""

_DYNAMIC = re.compile(r"\$\{([A-Z_]+)(?:\('([^']*)'\))?\}")
_PROPERTIES = ("AccountId", "AccountLabel", "MetricName", "Namespace", "Period", "Region", "Stat")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What labels may speak of beside the data: the instant (epoch seconds), the account, the region, an offset."""

    now: int
    account: str = ""
    region: str = ""
    offset: timezone = UTC


def default_labels(stats: Mapping[str, MetricStat]) -> dict[str, str]:
    """For each metric query (by id) its name, with statistic and period where the queries differ in them."""
    by_stat = len({stat.stat for stat in stats.values()}) > 1
    by_period = len({stat.period for stat in stats.values()}) > 1
    return {
        each: " ".join([stat.metric.name, *([stat.stat] * by_stat), *([str(stat.period)] * by_period)])
        for each, stat in stats.items()
    }


def is_dynamic(label: str) -> bool:
    """Whether the label has an expression to resolve."""
    return _DYNAMIC.search(label) is not None


def check_labels(labels: Iterable[str]) -> None:
    """That each label has at most six dynamic expressions, LABEL at most once, and only known ones.

    Raises: Refused (ValidationError).
    """
    for label in labels:
        found = _DYNAMIC.findall(label)
        if len(found) > MOST_EXPRESSIONS:
            raise Refused(
                "ValidationError",
                f"The label {label!r} has {len(found)} dynamic expressions; at most {MOST_EXPRESSIONS} are allowed.",
            )
        if sum(name == "LABEL" for name, _ in found) > 1:
            raise Refused("ValidationError", f"The label {label!r} has ${{LABEL}} more than once.")
        for name, argument in found:
            known = name in _FACTS or name == "LABEL"
            if name == "PROP":
                known = argument in _PROPERTIES or argument.startswith("Dim.")
            if not known:
                raise Refused("ValidationError", f"The label {label!r} has an unknown dynamic expression ${{{name}}}.")


def parse_offset(text: str) -> timezone:
    """The offset from UTC that `+0130` means.

    Raises: Refused (ValidationError): not a sign and four digits, or more than a day.
    """
    match = re.fullmatch(r"([+-])(\d{2})(\d{2})", text)
    if match is None or int(match[2]) > 23 or int(match[3]) > 59:
        raise Refused(
            "ValidationError", f"The value {text} for parameter LabelOptions.Timezone is invalid: write it as +0130."
        )
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(offset if match[1] == "+" else -offset)


def resolve(label: str, default: str, points: Points, stat: MetricStat | None, around: Surroundings) -> str:
    """The label with every `${…}` replaced by what the points say; `--` where there is nothing to say."""

    def replaced(match: re.Match[str]) -> str:
        name, argument = match.groups()
        if name == "LABEL":
            return default
        if name == "PROP":
            return _property(argument or "", stat, around)
        return _FACTS[name](points, around) if len(points) else ("0" if name == "DATAPOINT_COUNT" else "--")

    return _DYNAMIC.sub(replaced, label)


def _property(name: str, stat: MetricStat | None, around: Surroundings) -> str:
    if name in ("AccountId", "AccountLabel"):
        return around.account
    if name == "Region":
        return around.region
    if stat is None:
        return "--"
    if name.startswith("Dim."):
        return dict(stat.metric.dimensions).get(name.removeprefix("Dim."), "--")
    properties = {
        "MetricName": stat.metric.name,
        "Namespace": stat.metric.namespace,
        "Period": str(stat.period),
        "Stat": stat.stat,
    }
    return properties[name]


def _instant(epoch: int, around: Surroundings) -> str:
    return datetime.fromtimestamp(epoch, around.offset).isoformat(timespec="seconds").replace("+00:00", "Z")


def _stretch(seconds: int) -> str:
    days, rest = divmod(timedelta(seconds=abs(seconds)), timedelta(days=1))
    hours, rest = divmod(rest, timedelta(hours=1))
    minutes, rest = divmod(rest, timedelta(minutes=1))
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (rest // timedelta(seconds=1), "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _number(value: float) -> str:
    return f"{value:.6g}"


def _least(points: Points) -> int:
    return int(points.timestamps[np.argmin(points.values)])


def _most(points: Points) -> int:
    return int(points.timestamps[np.argmax(points.values)])


def _first(points: Points) -> int:
    return int(points.timestamps[0])


def _last(points: Points) -> int:
    return int(points.timestamps[-1])


_FACTS: dict[str, Callable[[Points, Surroundings], str]] = {
    "AVG": lambda p, _: _number(p.values.mean()),
    "DATAPOINT_COUNT": lambda p, _: str(len(p)),
    "FIRST": lambda p, _: _number(p.values[0]),
    "FIRST_LAST_RANGE": lambda p, _: _number(p.values[-1] - p.values[0]),
    "FIRST_LAST_TIME_RANGE": lambda p, _: _stretch(_last(p) - _first(p)),
    "FIRST_TIME": lambda p, a: _instant(_first(p), a),
    "FIRST_TIME_RELATIVE": lambda p, a: _stretch(a.now - _first(p)),
    "LAST": lambda p, _: _number(p.values[-1]),
    "LAST_TIME": lambda p, a: _instant(_last(p), a),
    "LAST_TIME_RELATIVE": lambda p, a: _stretch(a.now - _last(p)),
    "MAX": lambda p, _: _number(p.values.max()),
    "MAX_TIME": lambda p, a: _instant(_most(p), a),
    "MAX_TIME_RELATIVE": lambda p, a: _stretch(a.now - _most(p)),
    "MIN": lambda p, _: _number(p.values.min()),
    "MIN_MAX_RANGE": lambda p, _: _number(p.values.max() - p.values.min()),
    "MIN_MAX_TIME_RANGE": lambda p, _: _stretch(_most(p) - _least(p)),
    "MIN_TIME": lambda p, a: _instant(_least(p), a),
    "MIN_TIME_RELATIVE": lambda p, a: _stretch(a.now - _least(p)),
    "SUM": lambda p, _: _number(p.values.sum()),
}
