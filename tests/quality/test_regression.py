"""Regression figures against scikit-learn, and what the original wrote."""

import warnings
from functools import reduce
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from watchpost.quality.attributes import Attributes
from watchpost.quality.document import suggest_quality_constraints
from watchpost.quality.evaluation import evaluate
from watchpost.quality.figures import Figures
from watchpost.quality.metrics import ERROR_QUANTILES
from watchpost.quality.regression import RegressionQuality, quantile

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn, the oracle of these tests, is not installed")

numbers = st.floats(-1e6, 1e6).map(lambda x: round(x, 6))


@st.composite
def outcomes(draw, least=1):
    n = draw(st.integers(least, 60))
    column = arrays.arrays(np.float64, n, elements=numbers)
    weights = arrays.arrays(np.float64, n, elements=st.integers(0, 5).map(float))
    return draw(column), draw(column), draw(weights)


def figures_of(label, prediction, weights=None) -> Figures:
    quality = RegressionQuality()
    quality.update(label, prediction, weights)
    return quality.figures()


def close(ours, theirs):
    return ours is None if theirs is None else ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)


@given(outcomes(least=2), st.booleans())
def test_errors_equal_scikit_learn(rows, weighted):
    label, prediction, weights = rows
    assume(not weighted or weights.sum() > 0)
    held = weights if weighted else None
    figures = figures_of(label, prediction, held)
    assert close(figures.value("mae"), metrics.mean_absolute_error(label, prediction, sample_weight=held))
    assert close(figures.value("mse"), metrics.mean_squared_error(label, prediction, sample_weight=held))
    assert close(figures.value("rmse"), metrics.root_mean_squared_error(label, prediction, sample_weight=held))
    median = metrics.median_absolute_error(label, prediction, sample_weight=held)
    assert close(figures.value("median_absolute_error"), median)


@given(outcomes(least=2), st.booleans())
def test_r2_equals_scikit_learn_where_labels_differ(rows, weighted):
    label, prediction, weights = rows
    held = weights if weighted else None
    counted = label[weights > 0] if weighted else label
    # A spread far below the labels' size loses digits in any order of summing.
    assume(len(counted) > 1 and np.ptp(counted) > 1e-3 * np.abs(counted).max())
    expected = metrics.r2_score(label, prediction, sample_weight=held)
    assert figures_of(label, prediction, held).value("r2") == pytest.approx(expected, rel=1e-10, abs=1e-10)


@given(outcomes(), st.booleans())
def test_mape_equals_scikit_learn_where_no_label_is_zero(rows, weighted):
    label, prediction, weights = rows
    label = np.where(np.abs(label) < 1e-3, 1.0, label)
    held = weights + 1 if weighted else None
    expected = metrics.mean_absolute_percentage_error(label, prediction, sample_weight=held)
    assert close(figures_of(label, prediction, held).value("mape"), expected)


def test_mape_is_undefined_where_a_label_is_zero():
    assert figures_of(np.array([0.0, 2.0]), np.array([1.0, 2.0])).value("mape") is None


def test_r2_is_undefined_where_all_labels_are_equal():
    # Three times 0.1 does not average to 0.1: a variance of rounding errors must not become an r2 of -1e31.
    assert figures_of(np.array([0.1, 0.1, 0.1]), np.array([1.0, 2.0, 3.0])).value("r2") is None


def test_no_rows_have_no_figures():
    figures = RegressionQuality().figures()
    assert figures.rows == 0
    assert {metric.value for metric in figures.metrics} == {None}


@given(outcomes())
def test_error_quantiles_equal_numpy(rows):
    label, prediction, _ = rows
    figures = figures_of(label, prediction)
    for name, share in ERROR_QUANTILES.items():
        expected = np.quantile(prediction - label, share, method="averaged_inverted_cdf")
        assert close(figures.value(name), expected)


@given(outcomes(), st.floats(0, 1))
def test_whole_weights_count_as_repeated_rows(rows, share):
    values, _, weights = rows
    assume(weights.sum() > 0)
    kept = weights > 0
    repeated = np.repeat(values, weights.astype(int))
    assert quantile(values[kept], weights[kept], share) == quantile(repeated, np.ones(len(repeated)), share)


@given(st.lists(outcomes(), min_size=1, max_size=4))
def test_windows_merge_into_the_figures_of_all_rows(pieces):
    parts = []
    for label, prediction, weights in pieces:
        quality = RegressionQuality()
        quality.update(label, prediction, weights + 1)
        parts.append(quality)
    merged = reduce(RegressionQuality.merge, parts).figures()
    together = (np.concatenate(column) for column in zip(*pieces, strict=True))
    label, prediction, weights = together
    whole = figures_of(label, prediction, weights + 1)
    assert merged.rows == whole.rows
    spread = np.ptp(label) > 1e-3 * np.abs(label).max()
    for metric in whole.metrics:
        if metric.name != "r2" or spread:
            expected = None if metric.value is None else pytest.approx(metric.value, rel=1e-9, abs=1e-9)
            assert merged.value(metric.name) == expected


def test_original_statistics_come_out_to_the_last_bit(shared: Path):
    """The service's own test passes the two attributes swapped: r2 is that of column Prediction (contract 6.5)."""
    folder = shared / "golden/sagemaker-sdk-fixtures/pipeline/quality_check_step/model_quality"
    frame = pl.read_csv(folder / "baseline_dataset.csv")
    swapped = Attributes("Regression", inference="Label", ground_truth="Prediction")
    figures = evaluate(frame, swapped)
    values = {metric.name: metric.value for metric in figures.metrics}
    assert values["mae"] == 0.5040653554420981
    assert values["mse"] == 0.33364933609800973
    assert values["rmse"] == 0.5776238707827177
    assert values["r2"] == -3.208758170289026
    assert [c.name for c in suggest_quality_constraints(figures).constraints] == ["mae", "mse", "rmse", "r2"]


def test_real_rides_equal_scikit_learn(shared: Path):
    """Hourly bicycle rentals, predicted by the same hour of the day before, weighted by the hour's temperature."""
    rides = pl.read_parquet(shared / "data/bike_hour.parquet")
    label, prediction = rides["cnt"][24:].to_numpy().astype(float), rides["cnt"][:-24].to_numpy().astype(float)
    weights = rides["temp"][24:].to_numpy().astype(float)
    figures = figures_of(label, prediction, weights)
    with warnings.catch_warnings(action="ignore"):
        assert close(figures.value("r2"), metrics.r2_score(label, prediction, sample_weight=weights))
    assert close(figures.value("mae"), metrics.mean_absolute_error(label, prediction, sample_weight=weights))
    assert close(figures.value("mse"), metrics.mean_squared_error(label, prediction, sample_weight=weights))
    assert close(
        figures.value("median_absolute_error"), metrics.median_absolute_error(label, prediction, sample_weight=weights)
    )
