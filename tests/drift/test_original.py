"""The original service's own values: Deequ's test vectors, and a real pair of its statistics files."""

import pytest

from watchpost.drift import judge, robust, simple
from watchpost.drift.chi_squared import original_statistic
from watchpost.profiles.gap import category_counts, comparison
from watchpost.profiles.statistics_json import parse_statistics

# Source of the vectors: Deequ, KLLDistanceTest.scala, commit 0b8cea54. Its chi-squared test takes the observed sample
# first and the baseline second.
BASE = {"a": 10, "b": 20, "c": 25, "d": 10, "e": 5}
SIX = {"a": 207, "b": 20, "c": 25, "d": 14, "e": 25, "g": 13}


def test_numeric_vector(numbers):
    pair = comparison(numbers([1, 2, 3, 4]), numbers([2, 3, 4, 5]))
    assert (simple.distance(pair), robust.distance(pair)) == (0.25, 0.0)


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        ({"a": 11, "b": 20, "c": 25, "d": 10, "e": 10}, 0.06015037593984962),
        ({"f": 11, "a": 20, "c": 25, "d": 10, "e": 10}, 0.2857142857142857),
    ],
)
def test_simple_is_the_uncorrected_value_whatever_the_originals_flag_is_called(current, expected):
    # In Deequ correctForLowNumberOfSamples=true gives this one, and false the robust one.
    assert simple.distance(category_counts(BASE, current)) == pytest.approx(expected, abs=1e-15)


def test_robust_is_zero_where_few_rows_explain_the_gap():
    assert robust.distance(category_counts(BASE, {"f": 11, "a": 20, "c": 25, "d": 10, "e": 10})) == 0.0


@pytest.mark.parametrize(("alpha", "expected"), [(0.003, 0.2726338046550349), (0.1, 0.33774199396969184)])
def test_robust_at_a_given_level(alpha, expected):
    pair = category_counts(SIX, {"a": 22, "b": 20, "c": 25, "d": 12, "e": 13, "f": 15})
    assert robust.distance_at(pair, alpha) == pytest.approx(expected, abs=1e-15)


def test_chi_squared_drops_categories_the_baseline_lacks():
    result = original_statistic(category_counts({"a": 223, "b": 20, "c": 25, "d": 12, "e": 13, "f": 15}, SIX))
    assert result.statistic == pytest.approx(28.175042782458068, rel=1e-14)
    assert result.p_value == pytest.approx(3.3640191298478506e-5, rel=1e-9)


def test_chi_squared_of_five_categories():
    observed = {"a": 207, "b": 20, "c": 25, "d": 14, "e": 25}
    result = original_statistic(category_counts({"a": 223, "b": 20, "c": 25, "d": 12, "e": 13}, observed))
    assert result.p_value == pytest.approx(0.013227994814265176, rel=1e-11)


@pytest.mark.parametrize(
    ("n", "m", "noise"),
    [(3000, 18, 0.4255), (10_000, 100, 0.1809), (1000, 324, 0.1151), (2333, 1977, 0.055), (10**6, 10**6, 0.0025)],
)
def test_robust_subtracts_the_documented_noise(n, m, noise):
    # Source: contract 4.3.
    pair = category_counts({"a": n}, {"b": m})
    assert 1 - robust.distance(pair) == pytest.approx(noise, abs=6e-5)


def test_flipped_labels_drift_except_in_compat(numbers):
    # Source: contract 4.4.
    few, many = numbers([1.0] * 100 + [0.0] * 900), numbers([1.0] * 900 + [0.0] * 100)
    assert judge(few, many, test="simple").statistic == pytest.approx(0.8)
    assert judge(few, many).statistic == pytest.approx(0.7195, abs=5e-5)
    blind = judge(few, many, compat=True)
    assert (blind.drifted, blind.statistic, blind.effect_size) == ("no", 0.0, pytest.approx(0.8))


def test_chi_squared_sees_a_new_category_except_in_compat(text):
    baseline, current = text({"a": 500, "b": 500}), text({"a": 250, "b": 250, "new": 500})
    assert judge(baseline, current, test="chi_squared").drifted == "yes"
    assert judge(baseline, current, test="chi_squared", compat=True).drifted == "no"


@pytest.fixture(scope="module")
def real_pair(shared):
    folder = shared / "golden" / "x9"
    return tuple(
        parse_statistics((folder / name).read_text(), name)
        for name in ("baseline_statistics.json", "monitoring_statistics.json")
    )


@pytest.mark.parametrize(
    ("feature", "distance"), [("a", 0.3818), ("b", 0.2278), ("c", 0.5218), ("d", 0.3395), ("label", 0.0751)]
)
def test_real_run_drifted_although_the_original_reported_nothing(real_pair, feature, distance):
    # Source: contract 4.4: distances of about 0.38, 0.23, 0.52, 0.34, and no drift in constraint_violations.json.
    baseline, current = (side.feature(feature) for side in real_pair)
    verdict = judge(baseline, current)
    assert verdict.statistic == pytest.approx(distance, abs=5e-5)
    assert verdict.drifted == ("yes" if distance > 0.1 else "no")
    assert judge(baseline, current, compat=True).drifted == "no"
