"""The metrics of a run, as the lines a container leaves for the platform to ship (contract 5, 6.8, 7.5, 8.4)."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from watchpost.constraints.baseline import Baseline
from watchpost.monitors import Observation
from watchpost.verdicts import Report

LINES = "cloudwatch_metrics.jsonl"
_INFINITE = 2.348543e108  # what the service puts for infinity


@dataclass(frozen=True, slots=True)
class Line:
    """One datum. dimensions: beside those of the schedule. statistics: samples, sum, minimum, maximum."""

    name: str
    value: float | None = None
    statistics: tuple[float, float, float, float] | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)


def write_lines(folder: Path, environment: Mapping[str, str], lines: Iterable[Line]) -> None:
    """Write the lines, under the dimensions and the time that the environment gives. Raises: OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {
        "Endpoint": environment.get("sagemaker_endpoint_name"),
        "MonitoringSchedule": environment.get("sagemaker_monitoring_schedule_name"),
    }
    stamp = environment.get("metric_time") or environment.get("start_time")
    with (folder / LINES).open("wb") as stream:
        for line in lines:
            dimensions = {name: value for name, value in {**own, **line.dimensions}.items() if value}
            datum: dict[str, object] = {
                "MetricName": line.name,
                "Timestamp": stamp,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            }
            if line.statistics is not None:
                names = ("SampleCount", "Sum", "Minimum", "Maximum")
                datum["StatisticValues"] = dict(zip(names, line.statistics, strict=True))
            else:
                datum["Value"] = line.value
            stream.write(msgspec.json.encode(datum) + b"\n")


def data_quality(known: Baseline, seen: Observation, report: Report) -> Iterator[Line]:
    """Values, completeness and drift of every feature whose metrics are not switched off (contract 5.1)."""
    constraints = {feature.name: feature for feature in known.constraints.features}
    rows = seen.judged.item_count
    for feature in seen.judged.features:
        if not known.constraints.rules_for(constraints.get(feature.name)).emit_metrics:
            continue
        numbers = feature.numeric
        if numbers is not None and feature.present and all(map(math.isfinite, (numbers.sum, numbers.min, numbers.max))):
            counted = (float(feature.present), numbers.sum, numbers.min, numbers.max)
            yield Line(f"feature_data_{feature.name}", statistics=counted)
        if rows:
            yield Line(f"feature_non_null_{feature.name}", feature.present / rows)
        verdict = report.verdicts.get(feature.name)
        if verdict is not None and verdict.statistic is not None and math.isfinite(verdict.statistic):
            yield Line(f"feature_baseline_drift_{feature.name}", verdict.statistic)


def figures(report: Report, output: Path) -> Iterator[Line]:
    """The figures of a model that are sure enough: quality by name, the others from the analysis.json just written."""
    analysis = output / "analysis.json"
    if analysis.is_file():
        # The original writes bare infinities, of either sign, which are no JSON but which Python's reader takes.
        document = msgspec.convert(json.loads(analysis.read_text(encoding="utf-8")), _Analysis)
        yield from _bias("Pre-training", document.pre_training_bias_metrics)
        yield from _bias("Post-Training", document.post_training_bias_metrics)
        yield from _attributions(document.explanations)
        return
    found = [figure for figure in report.figures if not figure.group]
    # An alarm must not go by a figure that the monitor itself finds too thin; where all it judges is, the rest is too.
    thin = any(figure.judged == "not_enough_data" for figure in found)
    if thin and not any(figure.judged in {"kept", "violated"} for figure in found):
        return
    for figure in found:
        if figure.judged != "not_enough_data" and figure.value is not None and math.isfinite(figure.value):
            yield Line(figure.name, figure.value)


def summary(report: Report) -> Iterator[Line]:
    """The four figures every report opens with, as far as the monitor has them."""
    found = report.summary
    for name, value in (
        ("data_quality_score", found.data_quality_score),
        ("drift_score", found.drift_score),
        ("missing_value_rate", found.missing_value_rate),
        ("total_number_of_violations", float(found.violations)),
    ):
        if value is not None:
            yield Line(name, value)


class _Metric(msgspec.Struct):
    name: str
    value: float | str | None = None


class _Group(msgspec.Struct):
    value_or_threshold: str = ""
    metrics: list[_Metric] = []


class _Stage(msgspec.Struct):
    label: str = ""
    label_value_or_threshold: str = ""
    facets: dict[str, list[_Group]] = {}


class _Label(msgspec.Struct):
    global_shap_values: dict[str, float] = {}
    expected_value: float | None = None


class _Analysis(msgspec.Struct):
    pre_training_bias_metrics: _Stage | None = None
    post_training_bias_metrics: _Stage | None = None
    explanations: dict[str, dict[str, _Label]] = {}


def _bias(stage: str, found: _Stage | None) -> Iterator[Line]:
    if found is None:
        return
    of_label = {"BiasStage": stage, "Label": found.label, "LabelValue": found.label_value_or_threshold}
    for facet, groups in found.facets.items():
        for group in groups:
            for metric in group.metrics:
                value = float(metric.value) if metric.value is not None else math.nan
                if not math.isnan(value):
                    dimensions = {**of_label, "Facet": facet, "FacetValue": group.value_or_threshold}
                    yield Line(f"bias_metric_{metric.name}", _finite(value), dimensions=dimensions)


def _attributions(explanations: Mapping[str, Mapping[str, _Label]]) -> Iterator[Line]:
    for labels in explanations.values():
        for label, found in labels.items():
            of_label = {"ExplainabilityMethod": "KernelShap", "Label": label}
            for feature, value in found.global_shap_values.items():
                if math.isfinite(value):
                    yield Line(f"feature_{feature}", value, dimensions={**of_label, "ValueType": "GlobalShapValues"})
            if found.expected_value is not None:
                yield Line("ExpectedValue", found.expected_value, dimensions={**of_label, "ValueType": "ExpectedValue"})


def _finite(value: float) -> float:
    return math.copysign(_INFINITE, value) if math.isinf(value) else value
