"""Whether bias grew: a window's table against a baseline's `analysis.json` (contract 7.4).

The service documents two rules and applies a third. Here `compat` is what it does: a violation wherever the absolute
value is larger, by however little. The default asks the question behind it, whether a group fares farther from alike
than it did, and answers yes only where sampling error does not explain it:

- Distance is measured from the metric's neutral value: 0, but 1 for the disparate impact, there on a logarithmic scale.
- The distance must have grown by more than the error of both sides together (MOVER; Zou and Donner 2008, Statistics in
  Medicine 27, 1693-1702), at the confidence of the intervals (99.9 %; measured: 0.06 % false alarms a metric).
- A group, or a rate within it, of too few rows is not judged, and that is said.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from watchpost.bias.analysis_json import Analysis, StoredGroup, StoredMetric, as_analysis, metrics_of, number_text
from watchpost.bias.intervals import Interval
from watchpost.bias.metrics import BY_NAME, Metric, Stage
from watchpost.bias.table import BiasTable, MetricValue
from watchpost.profiles.baseline_json import Tree, decode
from watchpost.verdicts import Drifted

CHECK = "bias_drift_check"
_FIELDS = ("facet", "facet_value", "metric_name", "constraint_check_type", "description")


@dataclass(frozen=True, slots=True)
class BiasViolation:
    """One grown bias, with exactly the five fields of Clarify's `constraint_violations.json`."""

    facet: str
    facet_value: str
    metric_name: str
    constraint_check_type: str
    description: str


@dataclass(frozen=True, slots=True)
class BiasVerdict:
    """What became of one metric of one group.

    baseline, current: the metric's values; None where it has none. interval: of the current value. drifted: whether the
    group fares farther from alike than in the baseline. reason: one sentence saying why, for people.
    """

    facet: str
    value: str
    metric: str
    stage: Stage
    baseline: float | None
    current: float | None
    interval: Interval | None
    drifted: Drifted
    reason: str


@dataclass(frozen=True, slots=True)
class BiasComparison:
    """All verdicts, in the order of the baseline, and the violations among them."""

    verdicts: tuple[BiasVerdict, ...]
    violations: tuple[BiasViolation, ...]


def compare_bias(
    baseline: Analysis, current: BiasTable, *, learned: BiasTable | None = None, compat: bool = False
) -> BiasComparison:
    """Judge every metric that the baseline has.

    Args: learned: the table that the baseline was written from, where it is at hand: its intervals tell how far the
    baseline itself may be off. Without it the baseline is taken as exact. compat: the original's rule and wording.
    A group is found again by its facet and value; one given by a threshold, by the threshold, for the other end of its
    interval is only the largest value that happened to occur.
    """
    now = {
        _key(group.facet, group.value, value.metric.name): value for group in current.groups for value in group.values
    }
    before = _intervals(learned)
    verdicts, violations = [], []
    for group, metric in metrics_of(baseline):
        rule = BY_NAME.get(metric.name)
        if rule is None:
            continue  # of another analysis, or of a later version
        key = _key(group.facet, group.value_or_threshold, metric.name)
        verdict = _verdict(group, metric, rule, now.get(key), before.get(key), compat)
        verdicts.append(verdict)
        if verdict.drifted == "yes":
            violations.append(_violation(verdict, compat))
    return BiasComparison(tuple(verdicts), tuple(violations))


def compare_tables(baseline: BiasTable, current: BiasTable, *, compat: bool = False) -> BiasComparison:
    """The same from two tables."""
    return compare_bias(as_analysis(baseline), current, learned=baseline, compat=compat)


def write_bias_violations(comparison: BiasComparison) -> str:
    """Clarify's `constraint_violations.json`; the original leaves the file out when there is no violation."""
    listed: list[Tree] = [
        dict(zip(_FIELDS, (v.facet, v.facet_value, v.metric_name, v.constraint_check_type, v.description), strict=True))
        for v in comparison.violations
    ]
    return json.dumps({"version": "1.0", "violations": listed}, indent=4, ensure_ascii=False)


def parse_bias_violations(text: str | bytes, path: str) -> tuple[BiasViolation, ...]:
    """The violations of a file. Raises: MalformedBaseline naming the field that is not as it should be."""
    return tuple(
        BiasViolation(*(entry.text(name) for name in _FIELDS)) for entry in decode(text, path).children("violations")
    )


def _verdict(
    group: StoredGroup,
    before: StoredMetric,
    rule: Metric,
    now: MetricValue | None,
    error: Interval | None,
    compat: bool,
) -> BiasVerdict:
    drifted, reason = _judge(before.value, rule, now, error) if not compat else _judge_strictly(before.value, now)
    return BiasVerdict(
        group.facet,
        group.value_or_threshold,
        rule.name,
        rule.stage,
        before.value,
        now.value if now is not None else None,
        now.interval if now is not None else None,
        drifted,
        reason,
    )


def _judge_strictly(before: float | None, now: MetricValue | None) -> tuple[Drifted, str]:
    unknown = _unknown(before, now)
    if unknown is not None or before is None or now is None or now.value is None:
        return "not_enough_data", unknown or ""
    grew = abs(now.value) > abs(before)
    words = "is" if grew else "is not"
    return "yes" if grew else "no", f"{number_text(now.value)} {words} farther from 0 than {number_text(before)}."


def _unknown(before: float | None, now: MetricValue | None) -> str | None:
    if before is None or math.isnan(before):
        return "The baseline has no value to compare with."
    if now is None:
        return "There is no row of this group."
    return now.error if now.value is None else None


def _judge(before: float | None, rule: Metric, now: MetricValue | None, error: Interval | None) -> tuple[Drifted, str]:
    unknown = _unknown(before, now)
    if unknown is not None or before is None or now is None or now.value is None:
        return "not_enough_data", unknown or ""
    if now.shortage is not None:
        return "not_enough_data", f"Too few rows: {now.shortage}."
    if now.interval is None:
        return "not_enough_data", "The value's sampling error is not known."
    side = _side_that_grew(rule, before, now.value, now.interval, error)
    value, limit = f"{now.value:.4g}", f"{before:.4g}"
    span = f"{now.interval.confidence:.4%}".rstrip("0%").rstrip(".") + " % interval"
    shown = f"{value} ({span} {now.interval.low:.4g} to {now.interval.high:.4g})"
    if side is None:
        return "no", f"{shown} is not surely farther from {rule.neutral:g} than the baseline's {limit}."
    return "yes", f"{shown} is farther from {rule.neutral:g} than the baseline's {limit}, {side} it."


def _side_that_grew(rule: Metric, before: float, now: float, interval: Interval, error: Interval | None) -> str | None:
    """`above` or `below` the neutral value, where the current distance exceeds the baseline's beyond error."""
    base, value = _from_neutral(rule, before), _from_neutral(rule, now)
    low, high = _from_neutral(rule, interval.low), _from_neutral(rule, interval.high)
    value = min(max(value, low), high)  # an infinite value, or one at the edge of its range, has a finite interval
    allowed = abs(base)
    slack = _outward_error(rule, base, error)
    if math.isinf(allowed):
        return None
    # Lower limit of the difference between two distances: the gap, less both errors as if at right angles.
    if value - allowed > math.hypot(value - low, slack):
        return "above"
    return "below" if -value - allowed > math.hypot(high - value, slack) else None


def _outward_error(rule: Metric, base: float, error: Interval | None) -> float:
    """How far the baseline may lie farther out than it says."""
    if error is None:
        return 0.0
    low, high = _from_neutral(rule, error.low), _from_neutral(rule, error.high)
    return max(0.0, high - base if base >= 0 else base - low)


def _from_neutral(rule: Metric, value: float) -> float:
    if rule.scale != "ratio":
        return value - rule.neutral
    return math.log(value / rule.neutral) if value > 0 else -math.inf


def _violation(verdict: BiasVerdict, compat: bool) -> BiasViolation:
    before, now = verdict.baseline, verdict.current
    description = verdict.reason
    if compat and before is not None and now is not None:
        requirement = f"doesn't meet the baseline constraint requirement {number_text(before)}"
        description = f"Metric value {number_text(now)} {requirement}"
    return BiasViolation(verdict.facet, verdict.value, verdict.metric, CHECK, description)


def _intervals(table: BiasTable | None) -> Mapping[tuple[str, str, str], Interval]:
    if table is None:
        return {}
    return {
        _key(group.facet, group.value, value.metric.name): value.interval
        for group in table.groups
        for value in group.values
        if value.interval is not None
    }


def _key(facet: str, value: str, metric: str) -> tuple[str, str, str]:
    threshold = re.fullmatch(r"\(([^,]+), [^,]+\]", value)
    parts: Iterator[str] = (
        iter((f"> {_number_word(threshold[1])}",)) if threshold else map(_number_word, value.split(","))
    )
    return facet, ",".join(parts), metric


def _number_word(word: str) -> str:
    """`1.0` and `1` are the same group: which is printed depends on how the column was stored."""
    try:
        return f"{float(word):.17g}"
    except ValueError:
        return word
