"""Every way a judgement can end, and what it says then."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.drift import TESTS, judge
from watchpost.drift._sentences import against, number, percent
from watchpost.errors import UnknownName
from watchpost.profiles.statistics import CellCounts, FeatureStatistics, NumericStatistics, Sketch

HUNDRED = list(range(100))


def test_shifted_numbers_are_told_by_median_and_place(numbers):
    verdict = judge(numbers([0] * 10 + [93] * 80 + [200] * 10), numbers([0] * 10 + [93] * 30 + [121] * 50 + [200] * 10))
    assert verdict.drifted == "yes"
    assert verdict.reason == (
        "Median went from 93 to 121; 60 % of rows lie above 93 where 10 % lay. "
        "The robust distance is 0.245, above the threshold of 0.1."
    )
    assert verdict.effect_size == pytest.approx(0.5)


def test_the_place_of_the_gap_is_named_from_the_side_that_grew(numbers):
    verdict = judge(numbers([1] * 90 + [2] * 10), numbers([1] * 50 + [2] * 50))
    assert "50 % of rows lie above 1 where 10 % lay" in verdict.reason
    verdict = judge(numbers([1] * 50 + [2] * 50), numbers([1] * 90 + [2] * 10))
    assert "90 % of rows lie at or below 1 where 50 % lay" in verdict.reason


@pytest.mark.parametrize(
    ("baseline", "current", "sentence"),
    [
        (
            {"JFK": 34, "LGA": 33, "EWR": 33},
            {"JFK": 12, "LGA": 44, "EWR": 44},
            "Share of 'JFK' fell from 34 % to 12 %.",
        ),
        (
            {"JFK": 12, "LGA": 44, "EWR": 44},
            {"JFK": 34, "LGA": 33, "EWR": 33},
            "Share of 'JFK' rose from 12 % to 34 %.",
        ),
        ({"a": 50, "c": 50}, {"a": 30, "b": 40, "c": 30}, "'b' is new, with 40 % of rows."),
        ({"a": 30, "b": 40, "c": 30}, {"a": 50, "c": 50}, "'b', which was 40 % of rows, is gone."),
        ({"a": 1, "b": 1}, {"a": 30, "b": 30}, "Both sides are distributed alike"),
    ],
)
def test_moved_shares_are_told_by_name(text, baseline, current, sentence):
    assert judge(text(baseline), text(current)).reason.startswith(sentence)


def unanswered(verdict, *words):
    assert verdict.drifted == "not_enough_data", verdict.reason
    for word in words:
        assert word in verdict.reason


def test_an_empty_side_is_named(numbers):
    empty = FeatureStatistics("x", "Unknown", present=0, missing=7)
    unanswered(judge(numbers(HUNDRED), empty), "current data", "7 of 7 rows")
    unanswered(judge(empty, numbers(HUNDRED)), "baseline")


def test_a_retyped_column_is_named_with_both_types(numbers, text):
    unanswered(judge(numbers(HUNDRED), text({"a": 100})), "is text now", "learned it as numeric")
    unanswered(judge(text({"a": 100}), numbers(HUNDRED)), "is numeric now", "learned it as text")


def test_whole_and_fractional_numbers_are_compared(numbers):
    assert judge(replace(numbers(HUNDRED), inferred_type="Integral"), numbers(HUNDRED)).drifted == "no"


def test_a_file_without_sketch_is_named(numbers):
    bare = FeatureStatistics("x", "Integral", 100, 0, numeric=NumericStatistics(0, 0, 0, 0, 0))
    unanswered(judge(bare, numbers(HUNDRED)), "statistics of the baseline", "sketch")


def test_too_many_categories_are_named(text):
    many = FeatureStatistics("x", "String", present=500, missing=0, distinct=400.0)
    unanswered(judge(text({"a": 100}), many), "current data", "too many different values")


def test_a_column_without_finite_numbers_is_named(numbers):
    hollow = FeatureStatistics("x", "Fractional", 5, 0, numeric=NumericStatistics(0, 0, 0, 0, 0, sketch=Sketch(())))
    unanswered(judge(hollow, numbers(HUNDRED)), "no finite number")


def test_a_test_for_numbers_refuses_text(text):
    unanswered(judge(text({"a": 100}), text({"b": 100}), test="wasserstein"), "'wasserstein'", "text")


def test_too_few_rows_are_named_with_the_number_needed(numbers):
    verdict = judge(numbers(HUNDRED), numbers([1000.0] * 9), test="psi")
    unanswered(verdict, "9 values", "at least 10")
    assert verdict.effect_size == 1.0


def test_robust_says_when_nothing_could_reach_its_threshold(numbers):
    unanswered(judge(numbers(HUNDRED), numbers([1000.0] * 4)), "not even a column changed from top to bottom")
    assert judge(numbers(HUNDRED), numbers([1000.0] * 5)).drifted == "yes"


def test_sparse_categories_leave_chi_squared_without_an_answer(text):
    unanswered(judge(text({"a": 12, "b": 1}), text({"a": 12, "c": 1}), test="chi_squared"), "too few rows")


def test_a_distance_that_may_be_chance_is_no_drift_and_says_how_many_rows_would_tell(numbers):
    rng = np.random.default_rng(3)
    verdict = judge(numbers(rng.normal(size=2000)), numbers(rng.normal(0.2, 1, size=100)), test="wasserstein")
    unanswered(verdict, "chance alone can add", "About", "rows of this kind would settle it")
    assert verdict.statistic > verdict.threshold


def test_a_small_baseline_is_named_where_no_window_could_settle_it(numbers):
    rng = np.random.default_rng(3)
    verdict = judge(numbers(rng.normal(size=50)), numbers(rng.normal(size=5000)), test="jensen_shannon", threshold=0.01)
    unanswered(verdict, "against a baseline of 50")


def test_values_near_the_largest_float_are_measured_or_named(numbers):
    far, farther = [1.7e308, -1.7e308] * 10, [1.7e308, -1.7e308, 0.0, 0.0, 0.0] * 4
    assert judge(numbers(far), numbers(farther), test="wasserstein").statistic == pytest.approx(0.6)
    unanswered(judge(numbers([1.7e308] * 3 + [-1.7e308] * 17), numbers(far), test="wasserstein"), "too large")


def test_an_outlier_does_not_hide_the_baselines_spread(numbers):
    verdict = judge(numbers([1e-200, 2e-200] * 50), numbers([1e-200, 2e-200] * 49 + [1e200]), test="wasserstein")
    assert verdict.statistic is None or verdict.statistic > 1


def test_a_value_never_seen_is_found_in_a_constant_column(numbers):
    for name in ("psi", "hellinger", "jensen_shannon", "total_variation", "chi_squared", "wasserstein"):
        for new in (3.0, 5.0):
            assert judge(numbers([4.0] * 500), numbers([new] * 500), test=name).drifted == "yes"


def test_exact_cell_counts_are_preferred_to_the_sketch(numbers):
    baseline = numbers([0.0] * 250 + [1.0] * 250)
    current = numbers([0.0] * 250 + [1.0] * 250)
    edges = np.array([np.nextafter(0.0, -1), 0.0, np.nextafter(1.0, 0), 1.0])
    counted = CellCounts(edges, np.array([0, 100, 0, 400, 0]))
    current = replace(current, numeric=replace(current.numeric, cells=counted))
    assert judge(baseline, current, test="total_variation").statistic == pytest.approx(0.3)


def test_the_configured_threshold_decides(numbers):
    a, b = numbers(HUNDRED * 10), numbers([v + 30 for v in HUNDRED] * 10)
    assert judge(a, b, threshold=0.2).drifted == "yes"
    assert judge(a, b, threshold=0.3).drifted == "no"


def test_an_unknown_test_is_refused_with_the_nearest_name(numbers):
    with pytest.raises(UnknownName, match="Did you mean 'wasserstein'"):
        judge(numbers(HUNDRED), numbers(HUNDRED), test="waserstein")


def test_all_tests_of_the_field_are_there():
    assert {"robust", "simple", "psi", "chi_squared", "kolmogorov_smirnov", "wasserstein"} <= set(TESTS.names())


@given(statistic=st.floats(0, 1), threshold=st.floats(0, 1))
def test_a_statistic_never_reads_like_its_threshold_when_they_differ(statistic, threshold):
    a, b = against(statistic, threshold)
    assert (a == b) == (statistic == threshold)


def test_figures_are_written_for_people():
    assert [percent(share) for share in (0, 0.000312, 0.341, 1)] == ["0 %", "0.0312 %", "34.1 %", "100 %"]
    assert [number(v) for v in (93.0, 0.01234, 123456.7, 1e20)] == ["93", "0.01234", "123457", "1e+20"]
