"""Every statistic against an implementation by others, on random, tied and one-row samples."""

import warnings
from math import comb

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

from watchpost.drift import hellinger, jensen_shannon, kolmogorov_smirnov, psi, simple, total_variation, wasserstein
from watchpost.drift._chance import chi_squared_quantile, independent_rows
from watchpost.drift.chi_squared import homogeneity, original_statistic
from watchpost.profiles.cells import cell_pair
from watchpost.profiles.gap import comparison

continuous = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=80)
tied = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=80)
samples = st.one_of(continuous, tied)
large = st.builds(
    lambda seed, rows, shift: np.round(np.random.default_rng(seed).normal(shift, 1, rows), 2),
    st.integers(0, 2**32 - 1),
    st.integers(300, 2050),
    st.floats(0, 0.3),
)
tables = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=12).filter(
    lambda rows: all(sum(side) > 0 for side in zip(*rows, strict=True))
)
quick = settings(max_examples=60, deadline=None)


def named(table, text):
    a, b = ({f"c{i:02}": row[side] for i, row in enumerate(table)} for side in (0, 1))
    return comparison(text(a), text(b))


@quick
@given(a=samples, b=samples)
def test_gap_equals_scipys_ks_distance(numbers, a, b):
    pair = comparison(numbers(a), numbers(b))
    with np.errstate(divide="ignore"):  # scipy's own p-value of one row against one
        expected = stats.ks_2samp(a, b, method="asymp").statistic
    assert simple.distance(pair) == pytest.approx(expected, abs=1e-12)


@quick
@given(a=samples, b=samples)
def test_p_value_equals_scipys_exact_one_for_few_rows(numbers, a, b):
    pair = comparison(numbers(a), numbers(b))
    with warnings.catch_warnings(record=True) as trouble:
        warnings.simplefilter("always")
        expected = stats.ks_2samp(a, b, method="exact").pvalue
    assume(not trouble)  # scipy gives up on the exact value where it is 1 but for rounding
    assert kolmogorov_smirnov.p_value(pair) == pytest.approx(expected, abs=1e-12)


@given(n=st.integers(1, 30), m=st.integers(1, 30))
def test_p_value_of_samples_apart_is_two_of_all_orders(numbers, n, m):
    pair = comparison(numbers([0.0] * n), numbers([1.0] * m))
    assert kolmogorov_smirnov.p_value(pair) == pytest.approx(2 / comb(n + m, n), abs=1e-12)


def test_half_a_row_is_rounded_as_scipy_rounds_it(numbers):
    # 1825 rows against as many are worth 912.5, which 1 / (1 / 1825 + 1 / 1825) misses by its last bit.
    a, b = (np.random.default_rng(seed).normal(0, 1, 1825) for seed in (0, 1))
    expected = stats.ks_2samp(a, b, method="asymp").pvalue
    assert kolmogorov_smirnov.p_value(comparison(numbers(a), numbers(b))) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(a=large, b=large)
def test_p_value_equals_scipys_asymptotic_one_for_more_rows(numbers, a, b):
    pair = comparison(numbers(a), numbers(b))
    expected = stats.ks_2samp(a, b, method="asymp").pvalue
    assert kolmogorov_smirnov.p_value(pair) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(141, 10_000), strength=st.floats(2.2, 300))
def test_the_one_sided_p_value_equals_scipys(rows, strength):
    gap = np.sqrt(strength / rows)
    assume(gap < 1)
    expected = special.smirnov(rows, gap)
    assert kolmogorov_smirnov.one_sided(rows, gap) == pytest.approx(expected, rel=1e-11, abs=0)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shift=st.sampled_from([0.0, 0.02, 0.05, 0.1, 0.3, 3.0]))
def test_p_value_of_full_sketches_equals_scipys_for_the_rows_they_are_worth(numbers, seed, shift):
    rng = np.random.default_rng(seed)
    pair = comparison(numbers(rng.normal(0, 1, 30_000)), numbers(rng.normal(shift, 1, 9_000)))
    rows = round(1 / (1 / independent_rows(30_000) + 1 / independent_rows(9_000)))
    assert kolmogorov_smirnov.p_value(pair) == pytest.approx(stats.kstwo.sf(pair.gap, rows), rel=1e-11, abs=1e-300)


def test_p_values_are_one_without_a_gap_and_nothing_where_no_row_is_shared(numbers):
    many = np.arange(5000.0)
    assert kolmogorov_smirnov.p_value(comparison(numbers(many), numbers(many))) == 1.0
    assert kolmogorov_smirnov.p_value(comparison(numbers(many), numbers(many + 9000))) == 0.0


@quick
@given(a=samples, b=samples)
def test_wasserstein_equals_scipys_over_the_standard_deviation(numbers, a, b):
    assume(np.std(a) > 1e-6)
    pair = comparison(numbers(a), numbers(b))
    expected = stats.wasserstein_distance(a, b) / np.std(a)
    assert wasserstein.distance(pair) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@quick
@given(table=tables)
def test_jensen_shannon_equals_scipys_to_base_two(text, table):
    a, b = zip(*table, strict=True)
    expected = jensenshannon(a, b, base=2)
    # Squared: near 0 the root blows rounding of one part in 10**16 up to one in 10**8.
    assert jensen_shannon.distance(named(table, text)) ** 2 == pytest.approx(expected**2, abs=1e-12)


@quick
@given(table=tables)
def test_hellinger_and_total_variation_follow_their_formulas(text, table):
    p, q = (np.array(side) / sum(side) for side in zip(*table, strict=True))
    pair = named(table, text)
    assert hellinger.distance(pair) ** 2 == pytest.approx(1 - np.sqrt(p * q).sum(), abs=1e-12)
    assert total_variation.distance(pair) == pytest.approx(0.5 * np.abs(p - q).sum(), abs=1e-12)


@quick
@given(table=tables)
def test_psi_is_the_symmetric_relative_entropy_of_the_smoothed_shares(text, table):
    held = [row for row in table if sum(row)]
    p, q = (np.array(side) + 0.5 for side in zip(*held, strict=True))
    expected = stats.entropy(p, q) + stats.entropy(q, p)
    assert psi.index(named(table, text)) == pytest.approx(expected, abs=1e-12)


@quick
@given(table=st.lists(st.tuples(st.integers(40, 300), st.integers(40, 300)), min_size=2, max_size=8))
def test_chi_squared_equals_scipys_where_no_category_is_sparse(text, table):
    result = homogeneity(named(table, text))
    expected = stats.chi2_contingency(np.array(table).T, correction=False)
    assert result.statistic == pytest.approx(expected.statistic, rel=1e-12, abs=1e-12)
    assert result.p_value == pytest.approx(expected.pvalue, abs=1e-12)


@quick
@given(table=st.lists(st.tuples(st.integers(100, 300), st.integers(100, 300)), min_size=2, max_size=8))
def test_the_originals_chi_squared_equals_scipys_one_sample_test(text, table):
    baseline, current = map(np.array, zip(*table, strict=True))
    result = original_statistic(named(table, text))
    expected = stats.chisquare(current, baseline / baseline.sum() * current.sum())
    assert result.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-12)
    assert result.p_value == pytest.approx(expected.pvalue, abs=1e-12)


@quick
@given(a=samples, b=samples)
def test_cells_lose_no_row(numbers, a, b):
    cells = cell_pair(comparison(numbers(a), numbers(b)))
    assert (cells.baseline.sum(), cells.current.sum()) == (len(a), len(b))
    assert ((cells.baseline > 0) | (cells.current > 0)).all()


@given(degrees=st.integers(1, 500))
def test_the_quantile_is_close_to_scipys(degrees):
    assert chi_squared_quantile(degrees) == pytest.approx(stats.chi2.ppf(0.999, degrees), rel=0.04)


def test_hellinger_gives_evidentlys_value(text):
    # Source: Evidently, tests/stattests/test_stattests.py.
    table = list(zip([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8], strict=True))
    assert hellinger.distance(named(table, text)) == pytest.approx(0.06812, abs=1e-5)
