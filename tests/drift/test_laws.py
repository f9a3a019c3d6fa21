"""What every drift test must hold, whoever writes it: applied to all members of the family, by discovery."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.drift import TESTS, judge
from watchpost.profiles.gap import comparison

NAMES = TESTS.names()
NUMERIC = [name for name in NAMES if "numeric" in TESTS.load(name).kinds]
CATEGORICAL = [name for name in NAMES if "categorical" in TESTS.load(name).kinds]

values = st.lists(
    st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6, allow_subnormal=False)), min_size=1, max_size=60
)
counts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 400), min_size=1)
quick = settings(max_examples=40, deadline=None)


def numeric(name, baseline, current):
    return TESTS.load(name).numeric.statistic(comparison(baseline, current))


def categorical(name, baseline, current):
    return TESTS.load(name).categorical.statistic(comparison(baseline, current))


def nothing(name):
    return 0.0 if TESTS.load(name).kind == "distance" else 1.0


@pytest.mark.parametrize("name", NAMES)
def test_every_member_says_what_it_is(name):
    member = TESTS.load(name)
    assert member.kinds
    assert member.summary
    assert member.threshold_source
    assert member.lowest <= member.default_threshold <= member.highest
    assert member.minimum_rows >= 1


@pytest.mark.parametrize("name", NUMERIC)
@quick
@given(sample=values)
def test_a_numeric_sample_does_not_differ_from_itself(numbers, name, sample):
    assert numeric(name, numbers(sample), numbers(sample)) in (nothing(name), None)


@pytest.mark.parametrize("name", CATEGORICAL)
@quick
@given(sample=counts)
def test_a_text_sample_does_not_differ_from_itself(text, name, sample):
    assert categorical(name, text(sample), text(sample)) in (nothing(name), None)


@pytest.mark.parametrize("name", NUMERIC)
@quick
@given(a=values, b=values)
def test_a_numeric_statistic_stays_in_its_range(numbers, name, a, b):
    member, statistic = TESTS.load(name), numeric(name, numbers(a), numbers(b))
    assert statistic is None or member.lowest <= statistic <= member.highest


@pytest.mark.parametrize("name", CATEGORICAL)
@quick
@given(a=counts, b=counts)
def test_a_text_statistic_stays_in_its_range(text, name, a, b):
    member, statistic = TESTS.load(name), categorical(name, text(a), text(b))
    assert statistic is None or member.lowest <= statistic <= member.highest


@pytest.mark.parametrize("name", [name for name in CATEGORICAL if TESTS.load(name).symmetric])
@quick
@given(a=counts, b=counts)
def test_a_symmetric_test_gives_the_same_for_exchanged_text(text, name, a, b):
    there, back = categorical(name, text(a), text(b)), categorical(name, text(b), text(a))
    assert there is back or there == pytest.approx(back, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ["robust", "simple", "kolmogorov_smirnov"])
@quick
@given(a=values, b=values)
def test_the_gap_is_the_same_for_exchanged_numbers(numbers, name, a, b):
    assert numeric(name, numbers(a), numbers(b)) == pytest.approx(numeric(name, numbers(b), numbers(a)), rel=1e-12)


@pytest.mark.parametrize("name", NUMERIC)
@quick
@given(a=values, b=values, order=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(numbers, name, a, b, order):
    shuffled = order.sample(a, len(a))
    assert numeric(name, numbers(shuffled), numbers(b)) == numeric(name, numbers(a), numbers(b))


@pytest.mark.parametrize("name", NUMERIC)
@quick
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(200, 3000))
def test_a_far_shift_drifts(numbers, name, seed, rows):
    sample = np.random.default_rng(seed).normal(size=rows)
    verdict = judge(numbers(sample), numbers(sample + 5), test=name)
    assert verdict.drifted == "yes", verdict.reason
    assert verdict.effect_size > 0.9


@pytest.mark.parametrize("name", CATEGORICAL)
@quick
@given(rows=st.integers(100, 10**6))
def test_a_share_that_grows_fourfold_drifts(text, name, rows):
    verdict = judge(text({"a": 8 * rows, "b": 2 * rows}), text({"a": 2 * rows, "b": 8 * rows}), test=name)
    assert verdict.drifted == "yes", verdict.reason


@pytest.mark.parametrize("name", NAMES)
@quick
@given(a=st.one_of(values, counts), b=st.one_of(values, counts), compat=st.booleans())
def test_a_verdict_agrees_with_its_own_figures(numbers, text, name, a, b, compat):
    baseline, current = (numbers(side) if isinstance(side, list) else text(side) for side in (a, b))
    verdict = judge(baseline, current, test=name, compat=compat)
    if verdict.drifted != "not_enough_data":
        above = verdict.direction == "drift above threshold"
        beyond = verdict.statistic > verdict.threshold if above else verdict.statistic < verdict.threshold
        assert beyond == (verdict.drifted == "yes")
    assert verdict.statistic is None or np.isfinite(verdict.statistic)
    assert verdict.effect_size is None or 0 <= verdict.effect_size <= 1
    assert verdict.reason.endswith(".")


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"simple"}))
@pytest.mark.parametrize("rows", [30, 100, 1000])
def test_equal_distributions_do_not_cry_wolf(numbers, name, rows):
    # Allowed are about one in a thousand windows; of the 60 here, two would already be one in 600,000.
    rng = np.random.default_rng([rows, 1])
    baseline = numbers(rng.normal(size=5000))
    alarms = sum(judge(baseline, numbers(rng.normal(size=rows)), test=name).drifted == "yes" for _ in range(60))
    assert alarms <= 1
