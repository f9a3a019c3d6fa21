"""Binary figures and curves against scikit-learn."""

from functools import reduce
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from watchpost.quality.binary import BinaryQuality
from watchpost.quality.figures import Figures

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn, the oracle of these tests, is not installed")
calibration = pytest.importorskip("sklearn.calibration")

coarse = st.integers(0, 20).map(lambda tick: tick / 20)
scores = st.floats(0, 1, width=32) | coarse


@st.composite
def outcomes(draw, least=1):
    n = draw(st.integers(least, 60))
    label = draw(arrays.arrays(np.bool_, n))
    score = draw(arrays.arrays(np.float64, n, elements=scores))
    weights = draw(arrays.arrays(np.float64, n, elements=st.sampled_from([0.25, 1.0, 2.0, 7.5])))
    return label, score, weights


def figures_of(label, score, weights=None) -> Figures:
    quality = BinaryQuality()
    quality.update(label, scores=score, weights=weights)
    return quality.figures()


def close(ours, theirs):
    return ours is None if theirs is None else ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)


@given(outcomes(), st.booleans())
def test_rates_equal_scikit_learn(rows, weighted):
    label, score, weights = rows
    held = weights if weighted else None
    figures, called = figures_of(label, score, held), score >= 0.5
    matrix = metrics.confusion_matrix(label, called, labels=[False, True], sample_weight=held)
    assert np.allclose(figures.confusion_matrix.counts, matrix, rtol=1e-12)
    assert close(figures.value("accuracy"), metrics.accuracy_score(label, called, sample_weight=held))
    undefined = np.nan
    for name, beta in {"f0_5": 0.5, "f1": 1, "f2": 2}.items():
        theirs = metrics.fbeta_score(label, called, beta=beta, sample_weight=held, zero_division=undefined)
        assert close(figures.value(name), None if np.isnan(theirs) else theirs)
    for name, score_function in {"recall": metrics.recall_score, "precision": metrics.precision_score}.items():
        theirs = score_function(label, called, sample_weight=held, zero_division=undefined)
        assert close(figures.value(name), None if np.isnan(theirs) else theirs)


@given(outcomes(least=2), st.booleans())
def test_curves_equal_scikit_learn_point_by_point(rows, weighted):
    label, score, weights = rows
    assume(0 < label.sum() < len(label))
    held = weights if weighted else None
    figures = figures_of(label, score, held)
    wrong, hits, _ = metrics.roc_curve(label, score, sample_weight=held, drop_intermediate=False)
    assert np.allclose(figures.roc.x, wrong, rtol=1e-12, atol=1e-12)
    assert np.allclose(figures.roc.y, hits, rtol=1e-12, atol=1e-12)
    precision, recall, _ = metrics.precision_recall_curve(label, score, sample_weight=held)
    # scikit-learn runs from the lowest score up and ends at precision 1; the contract starts at the first precision.
    assert np.allclose(figures.precision_recall.x[1:], recall[:-1][::-1], rtol=1e-12, atol=1e-12)
    assert np.allclose(figures.precision_recall.y[1:], precision[:-1][::-1], rtol=1e-12, atol=1e-12)
    assert (figures.precision_recall.x[0], figures.precision_recall.y[0]) == (0, figures.precision_recall.y[1])


@given(outcomes(least=2), st.booleans())
def test_areas_equal_scikit_learn(rows, weighted):
    label, score, weights = rows
    assume(0 < label.sum() < len(label))
    held = weights if weighted else None
    figures = figures_of(label, score, held)
    assert close(figures.value("auc"), metrics.roc_auc_score(label, score, sample_weight=held))
    expected = metrics.average_precision_score(label, score, sample_weight=held)
    assert close(figures.value("average_precision"), expected)
    curve = figures.precision_recall
    assert close(figures.value("au_prc"), metrics.auc(curve.x, curve.y))


@given(outcomes(), st.booleans())
def test_proper_scores_equal_scikit_learn(rows, weighted):
    label, score, weights = rows
    held = weights if weighted else None
    figures = figures_of(label, score, held)
    assert close(figures.value("log_loss"), metrics.log_loss(label, score, labels=[False, True], sample_weight=held))
    assert close(figures.value("brier_score"), np.average((score - label) ** 2, weights=held))


@given(outcomes())
def test_calibration_error_equals_the_gaps_of_scikit_learn(rows):
    label, score, _ = rows
    shares, means = calibration.calibration_curve(label, score, n_bins=10, strategy="uniform", pos_label=True)
    bins = np.linspace(0, 1, 11)[1:-1].searchsorted(score)
    sizes = np.bincount(bins, minlength=10)
    expected = np.sum(sizes[sizes > 0] * np.abs(shares - means)) / len(label)
    assert close(figures_of(label, score).value("calibration_error"), expected)


@given(outcomes())
def test_best_constant_classifier_always_says_positive(rows):
    label, score, _ = rows
    assume(label.any())
    figures, always = figures_of(label, score), np.ones(len(label), bool)
    ending = "_best_constant_classifier"
    assert figures.value("recall" + ending) == 1
    assert close(figures.value("precision" + ending), metrics.precision_score(label, always))
    assert close(figures.value("accuracy" + ending), label.mean())
    assert close(figures.value("f2" + ending), metrics.fbeta_score(label, always, beta=2))


def test_documented_example_of_the_best_constant_classifier():
    """Contract 6.5: prevalence 0.25 gives f1 0.4, f2 0.625, f0_5 0.2941."""
    figures = figures_of(np.array([True, False, False, False]), np.array([0.9, 0.6, 0.7, 0.1]))
    values = [figures.value(f"{name}_best_constant_classifier") for name in ("f1", "f2", "f0_5")]
    assert values == pytest.approx([0.4, 0.625, 0.29411764705882354])


def test_rates_are_subtracted_as_the_original_does():
    """Contract 6.5: a true negative rate of 0.33333333333333337 in its documentation."""
    figures = figures_of(np.array([False, False, False, True]), np.array([0.9, 0.9, 0.1, 0.9]))
    assert figures.value("false_positive_rate") == 2 / 3
    assert figures.value("true_negative_rate") == 0.33333333333333337


def test_rates_without_negatives_are_undefined():
    figures = figures_of(np.array([True, True]), np.array([0.9, 0.1]))
    assert figures.value("true_negative_rate") is None
    assert figures.value("auc") is None
    assert figures.roc is None
    assert figures.value("au_prc") == 1


def test_a_probability_of_exactly_the_threshold_is_positive():
    assert figures_of(np.array([True]), np.array([0.5])).value("recall") == 1


def test_predictions_alone_have_curves_but_no_proper_scores():
    quality = BinaryQuality()
    quality.update(np.array([True, False, True]), predictions=np.array([True, False, False]))
    figures = quality.figures()
    assert figures.value("auc") == 0.75
    assert figures.value("log_loss") is None


def test_scores_that_are_no_probabilities_have_no_proper_scores():
    figures = figures_of(np.array([True, False]), np.array([3.2, -1.0]))
    assert (figures.value("auc"), figures.value("brier_score"), figures.value("calibration_error")) == (1, None, None)


@given(st.lists(outcomes(), min_size=1, max_size=4))
def test_windows_merge_into_the_figures_of_all_rows(pieces):
    parts = []
    for label, score, weights in pieces:
        quality = BinaryQuality()
        quality.update(label, scores=score, weights=weights)
        parts.append(quality)
    merged = reduce(BinaryQuality.merge, parts).figures()
    whole = figures_of(*(np.concatenate(column) for column in zip(*pieces, strict=True)))
    assert merged.rows == whole.rows
    assert merged.roc is None if whole.roc is None else np.allclose(merged.roc.y, whole.roc.y)
    for metric in whole.metrics:
        assert close(merged.value(metric.name), metric.value)


def test_real_market_equals_scikit_learn(shared: Path):
    """Electricity prices of New South Wales: will the price rise, scored by the price itself."""
    market = pl.read_parquet(shared / "data/elec2.parquet")
    label, score = market["class"].to_numpy() == 1, market["nswprice"].to_numpy()
    weights = market["nswdemand"].to_numpy() + 0.1
    figures = figures_of(label, score, weights)
    assert close(figures.value("auc"), metrics.roc_auc_score(label, score, sample_weight=weights))
    expected = metrics.average_precision_score(label, score, sample_weight=weights)
    assert close(figures.value("average_precision"), expected)
    assert close(figures.value("log_loss"), metrics.log_loss(label, score, sample_weight=weights))
    assert close(figures.value("f1"), metrics.f1_score(label, score >= 0.5, sample_weight=weights))
