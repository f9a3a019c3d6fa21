"""`analysis.json`: bias metrics as the original writes them, which is also its constraints file (contract 7.3)."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass

from watchpost.bias.metrics import BY_NAME, Stage
from watchpost.bias.table import BiasTable, GroupBias, MetricValue
from watchpost.profiles.baseline_json import Fields, Tree, UnknownField, decode, graft

_KEYS: tuple[tuple[Stage, str], ...] = (
    ("post_training", "post_training_bias_metrics"),
    ("pre_training", "pre_training_bias_metrics"),
)
"""In the order in which the original writes them."""


@dataclass(frozen=True, slots=True)
class StoredMetric:
    """One metric of a file. value: None when it could not be computed, and then error says why."""

    name: str
    description: str
    value: float | None
    error: str | None = None
    unknown: tuple[UnknownField, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """The metrics of one group of a facet; value_or_threshold: its values, or its interval `(low, high]`."""

    facet: str
    value_or_threshold: str
    metrics: tuple[StoredMetric, ...]
    unknown: tuple[UnknownField, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredStage:
    """The pre- or the post-training part of a file."""

    stage: Stage
    label: str
    label_value_or_threshold: str
    groups: tuple[StoredGroup, ...]
    unknown: tuple[UnknownField, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """A whole file. Parts of other analyses (explanations, reports) are kept as `unknown`."""

    stages: tuple[StoredStage, ...]
    version: str = "1.0"
    unknown: tuple[UnknownField, ...] = ()


def parse_analysis(text: str | bytes, path: str) -> Analysis:
    """Read an `analysis.json`. Raises: MalformedBaseline naming the field and what was expected there."""
    root = decode(text, path)
    version = root.text("version") if root.has("version") else "1.0"
    blocks = [(stage, root.child(key)) for stage, key in _KEYS]
    stages = tuple(_stage(stage, fields) for stage, fields in blocks if fields is not None)
    kept = tuple(field for field in root.unknown() if field.place[0] not in {key for _, key in _KEYS})
    return Analysis(stages, version, kept)


def write_analysis(analysis: Analysis) -> str:
    """The file's text, with four blanks of indent; infinite values as the string `Infinity`."""
    tree: dict[str, Tree] = {"version": analysis.version}
    keys = dict(_KEYS)
    for stage in analysis.stages:
        tree[keys[stage.stage]] = _stage_tree(stage)
    graft(tree, analysis.unknown)
    return json.dumps(tree, indent=4, ensure_ascii=False, allow_nan=False)


def as_analysis(table: BiasTable) -> Analysis:
    """A table as the file has it: without intervals, metrics sorted by name."""
    stages = tuple(
        StoredStage(stage, table.label, table.label_text, tuple(_stored(group, stage) for group in table.groups))
        for stage, _ in _KEYS
        if stage == "pre_training" or table.predicted
    )
    return Analysis(stages)


def _stored(group: GroupBias, stage: Stage) -> StoredGroup:
    values = sorted((v for v in group.values if v.metric.stage == stage), key=lambda v: v.metric.name)
    return StoredGroup(group.facet, group.value, tuple(_stored_metric(value) for value in values))


def _stored_metric(value: MetricValue) -> StoredMetric:
    return StoredMetric(value.metric.name, value.metric.description, value.value, value.error)


def _stage(stage: Stage, fields: Fields) -> StoredStage:
    label, text = fields.text("label"), fields.text("label_value_or_threshold")
    facets = fields.child("facets")
    if facets is None:
        raise fields.refuse("facets", 'an object such as {"Sex": []}')
    # All of a fresh object's fields are unknown: that is how their names are had.
    names = [str(field.place[-1]) for field in facets.unknown()]
    groups = [_group(name, group) for name in names for group in facets.children(name, detached=True)]
    unknown = tuple(UnknownField(field.place[1:], field.json) for field in fields.unknown())
    return StoredStage(stage, label, text, tuple(groups), unknown)


def _group(facet: str, fields: Fields) -> StoredGroup:
    value = fields.text("value_or_threshold")
    metrics = tuple(_metric(metric) for metric in fields.children("metrics", detached=True))
    return StoredGroup(facet, value, metrics, fields.unknown())


def _metric(fields: Fields) -> StoredMetric:
    name = fields.text("name")
    known = BY_NAME[name].description if name in BY_NAME else name
    description = fields.text("description") if fields.has("description") else known
    value = fields.number("value") if fields.has("value") else None
    error = fields.text("error") if fields.has("error") else None
    unknown = tuple(field for field in fields.unknown() if field.place[-1] not in {"value", "error"})
    return StoredMetric(name, description, value, error, unknown)


def _stage_tree(stage: StoredStage) -> dict[str, Tree]:
    facets: dict[str, Tree] = {}
    for name in dict.fromkeys(group.facet for group in stage.groups):
        facets[name] = [_group_tree(group) for group in stage.groups if group.facet == name]
    tree: dict[str, Tree] = {
        "label": stage.label,
        "facets": facets,
        "label_value_or_threshold": stage.label_value_or_threshold,
    }
    graft(tree, stage.unknown)
    return tree


def _group_tree(group: StoredGroup) -> dict[str, Tree]:
    tree: dict[str, Tree] = {
        "value_or_threshold": group.value_or_threshold,
        "metrics": [_metric_tree(metric) for metric in group.metrics],
    }
    graft(tree, group.unknown)
    return tree


def _metric_tree(metric: StoredMetric) -> dict[str, Tree]:
    tree: dict[str, Tree] = {"name": metric.name, "description": metric.description, "value": _plain(metric.value)}
    if metric.error is not None:
        tree["error"] = metric.error
    graft(tree, metric.unknown)
    return tree


def _plain(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else number_text(value)


def number_text(value: float) -> str:
    """A value as the original prints it in texts: all digits, `Infinity`, `-Infinity`."""
    return repr(value) if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")


def metrics_of(analysis: Analysis) -> Iterable[tuple[StoredGroup, StoredMetric]]:
    """All metrics of a file in its order, each with its group."""
    return ((group, metric) for stage in analysis.stages for group in stage.groups for metric in group.metrics)
