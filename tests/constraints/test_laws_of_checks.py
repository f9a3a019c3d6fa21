"""What holds for the checks whatever the data: a table fits itself, columns are judged apart, chance is exact."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.constraints import check_constraints, suggest_constraints
from watchpost.constraints.sampling import excess_by_chance, excess_over_rate
from watchpost.profiles.statistics import (
    ClassCounts,
    FeatureStatistics,
    IdentifierCounts,
    NumericStatistics,
    Sketch,
    Statistics,
)
from watchpost.verdicts import Violation

UNHURRIED = settings(deadline=None)  # a busy machine is no fault of the code


def numeric(name: str, values: list[float], rows: int) -> FeatureStatistics:
    whole = all(value == int(value) for value in values)
    items = np.array(values)
    return FeatureStatistics(
        name,
        "Integral" if whole else "Fractional",
        len(values),
        rows - len(values),
        float(len(set(values))),
        None,
        NumericStatistics(
            float(items.mean()),
            float(items.sum()),
            float(items.std()),
            float(items.min()),
            float(items.max()),
            sketch=Sketch((items,)),
        ),
        None,
        ClassCounts(integral=len(values)) if whole else ClassCounts(fractional=len(values)),
    )


def text(name: str, values: list[str], rows: int) -> FeatureStatistics:
    counts = dict(Counter(values))
    return FeatureStatistics(
        name,
        "String",
        len(values),
        rows - len(values),
        float(len(counts)),
        categories=counts,
        classes=ClassCounts(string=len(values)),
    )


def nothing(name: str, rows: int) -> FeatureStatistics:
    return FeatureStatistics(name, "Unknown", 0, rows, classes=ClassCounts())


numbers = st.floats(-1e6, 1e6) | st.integers(-100, 100).map(float) | st.sampled_from((0.0, 1.0))
words = st.sampled_from(("red", "green", "blue", "7 days"))


def columns(name: str, rows: int) -> st.SearchStrategy[FeatureStatistics]:
    return st.one_of(
        st.lists(numbers, min_size=1, max_size=rows).map(lambda values: numeric(name, values, rows)),
        st.lists(words, min_size=1, max_size=rows).map(lambda values: text(name, values, rows)),
        st.just(nothing(name, rows)),
    )


@st.composite
def tables(draw, width: int = 4) -> Statistics:
    rows = draw(st.integers(1, 60))
    return Statistics(rows, tuple(draw(columns(f"c{i}", rows)) for i in range(draw(st.integers(1, width)))))


def about(name: str, violations: tuple[Violation, ...]) -> list[Violation]:
    return [violation for violation in violations if violation.feature_name == name]


@UNHURRIED
@given(tables(), st.booleans())
def test_a_table_fits_the_constraints_it_suggests(table, compat):
    outcome = check_constraints(table, suggest_constraints(table), table, compat=compat)
    assert outcome.violations == ()
    assert outcome.failed == 0 < outcome.evaluated


@UNHURRIED
@given(tables(), tables(), st.data(), st.booleans())
def test_a_fault_in_one_column_changes_nothing_said_about_another(baseline, window, data, compat):
    constraints = suggest_constraints(baseline)
    faulty = data.draw(st.integers(0, len(window.features) - 1))
    other = data.draw(columns(window.features[faulty].name, window.item_count))
    changed = replace(window, features=(*window.features[:faulty], other, *window.features[faulty + 1 :]))
    before = check_constraints(baseline, constraints, window, compat=compat).violations
    after = check_constraints(baseline, constraints, changed, compat=compat).violations
    for feature in window.features:
        if feature.name != other.name:
            assert about(feature.name, after) == about(feature.name, before)


@UNHURRIED
@given(tables(), tables(), st.data())
def test_a_missing_column_changes_nothing_said_about_another(baseline, window, data):
    constraints = suggest_constraints(baseline)
    gone = data.draw(st.sampled_from(window.features)).name
    left = replace(window, features=tuple(f for f in window.features if f.name != gone))
    before = check_constraints(baseline, constraints, window).violations
    after = check_constraints(baseline, constraints, left).violations
    for feature in left.features:
        assert about(feature.name, after) == about(feature.name, before)


@UNHURRIED
@given(tables(), tables(), st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_columns_is_of_no_consequence(baseline, window, random, compat):
    constraints = suggest_constraints(baseline)
    shuffled = list(window.features)
    random.shuffle(shuffled)
    before = check_constraints(baseline, constraints, window, compat=compat)
    after = check_constraints(baseline, constraints, replace(window, features=tuple(shuffled)), compat=compat)
    key = repr
    assert sorted(after.violations, key=key) == sorted(before.violations, key=key)
    assert (after.evaluated, after.failed) == (before.evaluated, before.failed)


@UNHURRIED
@given(tables(), tables(), st.booleans())
def test_no_more_checks_fail_than_ran(baseline, window, compat):
    outcome = check_constraints(baseline, suggest_constraints(baseline), window, compat=compat)
    assert outcome.failed == len(outcome.violations) <= outcome.evaluated


@UNHURRIED
@given(tables(), tables())
def test_without_baseline_statistics_the_constraints_are_still_evaluated(baseline, window):
    constraints = suggest_constraints(baseline)
    types = {v.constraint_check_type for v in check_constraints(None, constraints, window).violations}
    assert not types & {"renamed_column_check", "constant_column_check", "range_check", "unit_change_check"}


@UNHURRIED
@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 40), st.integers(1, 40))
def test_the_chance_of_an_excess_is_the_hypergeometric_tail(hits, rows, baseline_hits, baseline_rows):
    hits, baseline_hits = min(hits, rows), min(baseline_hits, baseline_rows)
    total = hits + baseline_hits
    ways = [math.comb(rows, k) * math.comb(baseline_rows, total - k) for k in range(min(rows, total) + 1)]
    chance = excess_by_chance(hits, rows, baseline_hits, baseline_rows)
    if hits * baseline_rows > baseline_hits * rows:
        assert chance == pytest.approx(sum(ways[hits:]) / sum(ways), rel=1e-9)
    else:
        assert chance == 1.0


@UNHURRIED
@given(st.integers(0, 40), st.integers(1, 40), st.floats(1e-6, 1 - 1e-6))
def test_the_chance_of_an_excess_over_a_rate_is_the_binomial_tail(hits, rows, rate):
    hits = min(hits, rows)
    terms = [math.comb(rows, k) * rate**k * (1 - rate) ** (rows - k) for k in range(rows + 1)]
    chance = excess_over_rate(hits, rows, rate)
    assert chance == (pytest.approx(sum(terms[hits:]), rel=1e-9, abs=1e-300) if hits > rate * rows else 1.0)


def test_the_chance_of_an_excess_agrees_with_scipy_at_the_size_of_real_baselines():
    from scipy.stats import binom, hypergeom

    # 33,300 missing of a million in the window against 560,000 of twenty million in the baseline.
    cases = [(40, 1000, 560, 20_000), (28_700, 1_000_000, 560_000, 20_000_000), (5, 5, 0, 10**9)]
    for hits, rows, baseline_hits, baseline_rows in cases:
        expected = hypergeom.sf(hits - 1, rows + baseline_rows, hits + baseline_hits, rows)
        assert excess_by_chance(hits, rows, baseline_hits, baseline_rows) == pytest.approx(expected, rel=1e-5)
    assert excess_over_rate(40, 1000, 0.028) == pytest.approx(binom.sf(39, 1000, 0.028), rel=1e-9)


@UNHURRIED
@given(st.integers(1, 500), st.integers(0, 500))
def test_an_id_that_occurs_twice_is_a_fault_unless_the_baseline_had_as_many(records, repeated):
    repeated = min(repeated, records)
    table = Statistics(records, (numeric("a", [1.0], records),), IdentifierCounts(records, repeated))
    clean = replace(table, identifiers=None)
    constraints = suggest_constraints(table)
    types = [v.constraint_check_type for v in check_constraints(clean, constraints, table).violations]
    assert types == (["duplicate_id_check"] if repeated else [])
    assert not check_constraints(table, constraints, table).violations
