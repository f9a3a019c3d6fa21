"""Multiclass figures against scikit-learn and the original's documented example."""

from functools import reduce

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from watchpost.errors import InputError
from watchpost.quality.multiclass import MOST_CLASSES, MulticlassQuality

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn, the oracle of these tests, is not installed")

CLASSES = ("cat", "dog", "owl")
names = st.sampled_from(CLASSES)


@st.composite
def outcomes(draw):
    n = draw(st.integers(1, 50))
    label, prediction = ([draw(names) for _ in range(n)] for _ in range(2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return label, prediction, rng.dirichlet((1, 1, 1), n), rng.integers(1, 5, n) / 2


def quality_of(label, prediction, probabilities=None, weights=None):
    quality = MulticlassQuality(() if probabilities is None else CLASSES)
    quality.update(pl.Series(label), pl.Series(prediction), probabilities=probabilities, weights=weights)
    return quality


def close(ours, theirs):
    return ours is None if theirs is None else ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)


@given(outcomes(), st.booleans())
def test_weighted_metrics_equal_scikit_learn(rows, weighted):
    label, prediction, _, weights = rows
    held = weights if weighted else None
    figures = quality_of(label, prediction, weights=held).figures()
    same = {"sample_weight": held, "average": "weighted", "zero_division": 0}
    assert close(figures.value("accuracy"), metrics.accuracy_score(label, prediction, sample_weight=held))
    assert close(figures.value("weighted_recall"), metrics.recall_score(label, prediction, **same))
    assert close(figures.value("weighted_precision"), metrics.precision_score(label, prediction, **same))
    for name, beta in {"f0_5": 0.5, "f1": 1, "f2": 2}.items():
        expected = metrics.fbeta_score(label, prediction, beta=beta, **same)
        assert close(figures.value(f"weighted_{name}"), expected)


@given(outcomes())
def test_figures_of_each_class_equal_scikit_learn(rows):
    label, prediction, _, weights = rows
    figures = quality_of(label, prediction, weights=weights).figures()
    order = [c.name for c in figures.classes]
    assume(len(order) > 1)  # scikit-learn warns of a matrix of one class
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        label, prediction, labels=order, sample_weight=weights, zero_division=np.nan
    )
    for i, own in enumerate(figures.classes):
        for ours, theirs in ((own.precision, precision[i]), (own.recall, recall[i]), (own.f1, f1[i])):
            assert close(ours, None if np.isnan(theirs) else theirs)
        assert close(own.support, support[i])
    assert np.allclose(
        figures.confusion_matrix.counts,
        metrics.confusion_matrix(label, prediction, labels=order, sample_weight=weights),
    )


@given(outcomes(), st.booleans())
def test_probability_figures_equal_scikit_learn(rows, weighted):
    label, prediction, probabilities, weights = rows
    assume(set(label) == set(CLASSES))
    held = weights if weighted else None
    figures = quality_of(label, prediction, probabilities, held).figures()
    expected = metrics.log_loss(label, probabilities, labels=CLASSES, sample_weight=held)
    assert close(figures.value("log_loss"), expected)
    truth = np.array([[name == one for one in CLASSES] for name in label], dtype=float)
    brier = np.average(((probabilities - truth) ** 2).sum(axis=1), weights=held)
    assert close(figures.value("brier_score"), brier)
    assert close(
        figures.value("macro_auc"),
        metrics.roc_auc_score(label, probabilities, multi_class="ovr", labels=CLASSES, sample_weight=held),
    )
    assert close(
        figures.value("macro_average_precision"),
        metrics.average_precision_score(truth, probabilities, sample_weight=held),
    )


@settings(max_examples=40)
@given(st.lists(outcomes(), min_size=1, max_size=4))
def test_windows_merge_into_the_figures_of_all_rows(pieces):
    merged = reduce(MulticlassQuality.merge, (quality_of(*piece) for piece in pieces)).figures()
    label, prediction = ([name for piece in pieces for name in piece[i]] for i in (0, 1))
    probabilities, weights = (np.concatenate([piece[i] for piece in pieces]) for i in (2, 3))
    whole = quality_of(label, prediction, probabilities, weights).figures()
    assert merged.confusion_matrix == whole.confusion_matrix
    for metric in whole.metrics:
        assert close(merged.value(metric.name), metric.value)


def test_best_constant_classifier_gives_the_commonest_label():
    """Contract 6.5: a real run with 28 of 100."""
    label = ["a"] * 28 + [f"b{i % 4}" for i in range(72)]
    figures = quality_of(label, label[::-1]).figures()
    ending = "_best_constant_classifier"
    assert figures.value("accuracy" + ending) == 0.28
    assert figures.value("weighted_precision" + ending) == pytest.approx(0.28**2)
    assert figures.value("weighted_f1" + ending) == pytest.approx(0.28 * 2 * 0.28 / 1.28)


def test_no_rows_have_no_figures():
    assert {metric.value for metric in MulticlassQuality().figures().metrics} == {None}


def test_endless_classes_are_refused():
    label = [str(i) for i in range(MOST_CLASSES + 1)]
    with pytest.raises(InputError, match="they are no classes"):
        quality_of(label, label)
