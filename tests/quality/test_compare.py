"""Figures against constraints, in the original's words."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.data.labels import Coverage
from watchpost.errors import InputError
from watchpost.quality.attributes import Attributes
from watchpost.quality.compare import CoverageGate, compare_quality, metric_name
from watchpost.quality.document import MetricConstraint, QualityConstraints, suggest_quality_constraints
from watchpost.quality.evaluation import evaluate
from watchpost.quality.figures import Figures, Metric
from watchpost.quality.label_flow import check_label_flow
from watchpost.quality.segments import segments

BINARY = Attributes("BinaryClassification", probability="p", ground_truth="y")


def figures_of(value, deviation=None, name="r2", rows=1000) -> Figures:
    return Figures("Regression", rows, rows, (Metric(name, value, deviation),))


def constraints_of(threshold, operator="LessThanThreshold", name="r2") -> QualityConstraints:
    return QualityConstraints("Regression", (MetricConstraint(name, threshold, operator),))


def test_violation_reads_as_the_original_writes_it():
    """Contract 6.7: a real run."""
    (violation,) = compare_quality(
        constraints_of(-7.7419149776821), figures_of(-53.790146743270654, 4.829550001308316)
    ).violations
    assert violation.description == (
        "Metric r2 with -53.790146743270654 +/- 4.829550001308316 was LessThanThreshold '-7.7419149776821'"
    )
    assert (violation.feature_name, violation.constraint_check_type) == ("r2", "LessThanThreshold")


def test_violation_without_deviation_reads_as_the_original_writes_it():
    """Contract 6.7: a real run."""
    (violation,) = compare_quality(
        constraints_of(0.9950248756218906, name="true_positive_rate"),
        figures_of(0.18681318681318682, name="true_positive_rate"),
    ).violations
    assert violation.description == (
        "Metric truePositiveRate with 0.18681318681318682 was LessThanThreshold '0.9950248756218906'"
    )


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.sampled_from(["LessThanThreshold", "GreaterThanThreshold"]))
def test_the_operator_names_the_violating_side_strictly(value, threshold, operator):
    outcome = compare_quality(constraints_of(threshold, operator), figures_of(value))
    beyond = value < threshold if operator == "LessThanThreshold" else value > threshold
    assert (outcome.verdict == "violation") is beyond


def test_a_baseline_satisfies_the_constraints_it_suggests():
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"p": rng.random(100), "y": rng.integers(0, 2, 100)})
    figures = evaluate(frame, BINARY)
    constraints = suggest_quality_constraints(figures)
    assert compare_quality(constraints, figures).verdict == "ok"
    assert "au_prc" not in {c.name for c in constraints.constraints}
    assert not any(c.name.endswith("_best_constant_classifier") for c in constraints.constraints)


def test_f0_5_is_reported_unless_the_original_is_imitated():
    constraints, figures = constraints_of(0.9, name="f0_5"), figures_of(0.1, name="f0_5")
    assert compare_quality(constraints, figures).violations[0].feature_name == "f05"
    assert compare_quality(constraints, figures, compat=True).violations == ()


def test_a_constraint_without_threshold_is_not_judged():
    assert compare_quality(constraints_of(None), figures_of(0.1)).evaluated == 0


def test_an_undefined_metric_is_a_note_and_no_pass():
    outcome = compare_quality(constraints_of(0.5), figures_of(None))
    assert (outcome.evaluated, outcome.violations) == (0, ())
    assert outcome.notes == ("r2 was not judged: it is undefined on these 1000 rows.",)


def test_allowances_give_the_threshold_room_unless_the_original_is_imitated():
    within, beyond, room = figures_of(0.45), figures_of(0.35), {"r2": 0.12}
    assert compare_quality(constraints_of(0.5), within, allowances=room).verdict == "ok"
    assert compare_quality(constraints_of(0.5), beyond, allowances=room).verdict == "violation"
    assert compare_quality(constraints_of(0.5), within, allowances=room, compat=True).verdict == "violation"


def test_a_window_below_the_gate_is_not_enough_data_however_bad_it_looks():
    gate = CoverageGate(least_rows=50, least_share=0.5)
    few = compare_quality(constraints_of(0.5), figures_of(-9.0, rows=49), predictions=60, gate=gate)
    thin = compare_quality(constraints_of(0.5), figures_of(-9.0, rows=100), predictions=201, gate=gate)
    enough = compare_quality(constraints_of(0.5), figures_of(-9.0, rows=100), predictions=200, gate=gate)
    assert [o.verdict for o in (few, thin, enough)] == ["not_enough_data", "not_enough_data", "violation"]
    assert few.reason == "49 labelled predictions are fewer than the 50 asked for."
    assert few.violations == ()


def test_a_window_without_labels_is_not_enough_data():
    assert compare_quality(constraints_of(0.5), figures_of(None, rows=0)).verdict == "not_enough_data"


@pytest.mark.parametrize(
    ("name", "spelled"),
    [("true_positive_rate", "truePositiveRate"), ("auc", "auc"), ("f1", "f1"), ("weighted_f0_5", "weightedF05")],
)
def test_violations_spell_metrics_in_camel_case(name, spelled):
    assert metric_name(name) == spelled


def test_labels_that_stay_away_are_a_violation():
    violation = check_label_flow(Coverage(1000, 600), expected_share=0.9)
    assert violation is not None
    assert "600 of 1000 predictions" in violation.description


@given(st.integers(0, 500), st.floats(0, 1))
def test_as_many_labels_as_expected_are_never_a_violation(predictions, share):
    labelled = int(np.ceil(predictions * share))
    assert check_label_flow(Coverage(predictions, labelled), share) is None


def test_chance_alone_rarely_looks_like_a_drop_in_labels():
    rng = np.random.default_rng(7)
    arrived = rng.binomial(500, 0.8, 5000)
    cries = sum(check_label_flow(Coverage(500, int(n)), 0.8) is not None for n in arrived)
    assert cries <= 15  # expected at most 5 of 5000


def test_worst_segment_comes_first_and_small_ones_last():
    good, bad, tiny = 100, 80, 5
    frame = pl.DataFrame(
        {
            "town": ["good"] * good + ["bad"] * bad + [None] * tiny,
            "y": [1, 0] * (good // 2) + [1, 0] * (bad // 2) + [1] * tiny,
            "p": [0.9, 0.1] * (good // 2) + [0.9, 0.8] * (bad // 2) + [0.1] * tiny,
        }
    )
    found = segments(frame, BINARY, "town")
    assert [(s.value, s.small) for s in found] == [("bad", False), ("good", False), (None, True)]
    assert found[0].figures.value("precision") == 0.5


def test_segments_of_a_column_of_many_values_are_refused():
    frame = pl.DataFrame({"id": range(500), "y": [1] * 500, "p": [0.5] * 500})
    with pytest.raises(InputError, match="500 distinct values"):
        segments(frame, BINARY, "id")
