"""The files of model quality: the original's come out as they are, and every file comes back as it went."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.errors import MalformedBaseline
from watchpost.quality.attributes import Attributes
from watchpost.quality.document import QualityStatistics, suggest_quality_constraints
from watchpost.quality.evaluation import evaluate
from watchpost.quality.figures import Curve, Figures
from watchpost.quality.metrics import METRICS
from watchpost.quality.quality_json import (
    parse_quality_constraints,
    parse_quality_statistics,
    parse_quality_violations,
    write_quality_constraints,
    write_quality_statistics,
    write_quality_violations,
)
from watchpost.verdicts import Violation

FIXTURES = "golden/sagemaker-sdk-fixtures"


def test_original_files_are_reproduced_to_the_byte(shared: Path):
    folder = shared / FIXTURES / "pipeline/quality_check_step/model_quality"
    # The service's own test passes the two attributes swapped (contract 6.5).
    swapped = Attributes("Regression", inference="Label", ground_truth="Prediction")
    figures = evaluate(pl.read_csv(folder / "baseline_dataset.csv"), swapped)
    assert write_quality_statistics(QualityStatistics(figures)) == (folder / "statistics.json").read_text()
    constraints = write_quality_constraints(suggest_quality_constraints(figures))
    assert constraints == (folder / "good_cases/constraints.json").read_text()


@pytest.mark.parametrize(
    "name",
    [
        "pipeline/quality_check_step/model_quality/statistics.json",
        "model_card/evaluation_metrics/model_monitor_model_quality_regression.json",
    ],
)
def test_original_statistics_come_back_to_the_byte(name, shared: Path):
    text = (shared / FIXTURES / name).read_text()
    assert write_quality_statistics(parse_quality_statistics(text, name)) == text


@pytest.mark.parametrize("case", ["good_cases", "bad_cases"])
def test_original_constraints_come_back_to_the_byte(case, shared: Path):
    path = shared / FIXTURES / "pipeline/quality_check_step/model_quality" / case / "constraints.json"
    text = path.read_text()
    assert write_quality_constraints(parse_quality_constraints(text, str(path))) == text


def test_original_binary_statistics_come_back_with_matrix_and_curves(shared: Path):
    """A file of a model card: it has no dataset, as that is not part of a card."""
    path = shared / FIXTURES / "model_card/evaluation_metrics/model_monitor_model_quality_binary_classification.json"
    tree = json.loads(path.read_text()) | {"version": 0.0, "dataset": {"item_count": 4}}
    parsed = parse_quality_statistics(json.dumps(tree), str(path))
    assert parsed.figures.confusion_matrix.counts == ((1, 2), (0, 1))
    assert parsed.figures.roc.x.tolist() == [0, 0, 0, 0, 0, 1]
    assert parsed.unknown == ()
    assert json.loads(write_quality_statistics(parsed)) == tree


def binary_figures(seed: int, rows: int) -> Figures:
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({"y": rng.integers(0, 2, rows), "p": rng.random(rows).round(2), "w": rng.random(rows)})
    weight = "w" if seed % 2 else None
    attributes = Attributes("BinaryClassification", probability="p", ground_truth="y", weight=weight)
    figures = evaluate(frame, attributes)
    return figures.with_deviations({m.name: rng.random() for m in figures.metrics if rng.random() < 0.5})


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(0, 10**12))
def test_statistics_come_back_as_they_went(seed, rows, milliseconds):
    moment = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    figures = binary_figures(seed, rows)
    silent = frozenset(m.name for m in figures.metrics if m.standard_deviation is None and seed % 3)
    statistics = QualityStatistics(figures, moment, silent)
    text = write_quality_statistics(statistics)
    parsed = parse_quality_statistics(text, "statistics.json")
    original = [d.name for d in METRICS["BinaryClassification"] if d.original]
    assert [m.name for m in parsed.figures.metrics] == original
    assert all(m == figures.metric(m.name) for m in parsed.figures.metrics)
    assert (parsed.figures.roc, parsed.figures.precision_recall) == (figures.roc, figures.precision_recall)
    assert parsed.evaluation_time == moment
    assert write_quality_statistics(parsed) == text


def test_unknown_fields_come_back_at_their_places():
    tree = {
        "version": 0.0,
        "dataset": {"item_count": 3, "note": "by hand"},
        "regression_metrics": {
            "mae": {"value": None, "standard_deviation": None, "unit": "km"},
            "smape": {"value": 0.5, "standard_deviation": None},
        },
        "owner": ["ann"],
    }
    parsed = parse_quality_statistics(json.dumps(tree), "statistics.json")
    assert parsed.figures.value("mae") is None
    assert json.loads(write_quality_statistics(parsed)) == tree


def test_unknown_fields_of_constraints_come_back():
    tree = {
        "version": 0.0,
        "regression_constraints": {
            "mae": {"threshold": None, "comparison_operator": "GreaterThanThreshold", "why": "x"},
            "own": {"threshold": 1.0, "comparison_operator": "LessThanThreshold"},
        },
    }
    parsed = parse_quality_constraints(json.dumps(tree), "constraints.json")
    assert parsed.constraints[0].threshold is None
    assert json.loads(write_quality_constraints(parsed)) == tree


def test_violations_come_back_under_the_metric_name():
    violations = (Violation("r2", "LessThanThreshold", "Metric r2 with 0.1 was LessThanThreshold '0.2'"),)
    text = write_quality_violations(violations)
    assert list(json.loads(text)["violations"][0]) == ["constraint_check_type", "description", "metric_name"]
    assert parse_quality_violations(text, "constraint_violations.json") == violations


@pytest.mark.parametrize(
    ("tree", "where"),
    [
        ({}, "$"),
        ({"regression_metrics": {}}, "dataset"),
        ({"regression_metrics": {}, "dataset": {"item_count": -1}}, "dataset.item_count"),
        ({"regression_metrics": {"mae": 3}, "dataset": {"item_count": 1}}, "regression_metrics.mae"),
        (
            {"regression_metrics": {}, "dataset": {"item_count": 1, "evaluation_time": "noon"}},
            "dataset.evaluation_time",
        ),
        (
            {"binary_classification_metrics": {"confusion_matrix": {"0": 1}}, "dataset": {"item_count": 1}},
            "binary_classification_metrics.confusion_matrix.0",
        ),
        (
            {"binary_classification_metrics": {"precision_recall_curve": {}}, "dataset": {"item_count": 1}},
            "binary_classification_metrics.precision_recall_curve.recalls",
        ),
    ],
)
def test_broken_statistics_are_refused_with_the_place(tree, where):
    with pytest.raises(MalformedBaseline) as caught:
        parse_quality_statistics(json.dumps(tree), "statistics.json")
    assert caught.value.where == where


def test_thinned_curves_keep_their_ends():
    curve = Curve(np.linspace(0, 1, 1000), np.linspace(0, 1, 1000) ** 2)
    thinned = curve.thinned(11)
    assert len(thinned.x) == 11
    assert (thinned.x[0], thinned.x[-1], thinned.y[-1]) == (0, 1, 1)
