"""When a bias has grown, and when that is only chance."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.bias import (
    BiasConfiguration,
    BiasTable,
    Facet,
    as_analysis,
    bias_table,
    compare_bias,
    compare_tables,
    grouping,
)
from watchpost.bias.intervals import Interval
from watchpost.bias.metrics import BY_NAME
from watchpost.bias.table import GroupBias, MetricValue

quick = settings(max_examples=150, deadline=None)
finite = st.floats(-100, 100)
values = st.one_of(finite, st.sampled_from([0.0, math.inf, -math.inf]))
CONFIGURATION = BiasConfiguration("y", (1,), (Facet("sex", (1,)),), "town")


def table(name, value, interval=None, shortage=None, group="1", facet="sex"):
    error = "why" if value is None else None
    metric = MetricValue(BY_NAME[name], value, error, interval, shortage)
    return BiasTable("y", "1", True, 1000, 0, (GroupBias(facet, group, 400, 600, (metric,)),))


def judged(name, before, now, interval=None, learned=None, compat=False, **options):
    current = table(name, now, Interval(*interval, 0.999) if interval else None, **options)
    past = table(name, before, Interval(*learned, 0.999) if learned else None)
    (verdict,) = compare_bias(as_analysis(past), current, learned=past, compat=compat).verdicts
    return verdict


@quick
@given(before=values, now=values, name=st.sampled_from(sorted(BY_NAME)))
def test_compat_finds_a_violation_wherever_the_absolute_value_is_larger(before, now, name):
    assert judged(name, before, now, compat=True).drifted == ("yes" if abs(now) > abs(before) else "no")


@pytest.mark.parametrize("compat", [True, False])
@pytest.mark.parametrize(("before", "now"), [(None, 1.0), (1.0, None), (None, None)])
def test_a_metric_without_value_on_either_side_is_not_judged(before, now, compat):
    assert judged("DPL", before, now, compat=compat).drifted == "not_enough_data"


@quick
@given(before=finite, now=finite, error=st.floats(0, 50), name=st.sampled_from(["AD", "DPL", "GE", "TE"]))
def test_nothing_has_grown_that_is_no_farther_from_neutral(before, now, error, name):
    verdict = judged(name, before, now, (now - error, now + error))
    assert (verdict.drifted == "yes") == (abs(now) - abs(before) > error)
    assert verdict.reason.endswith(".")


@quick
@given(before=st.floats(0.01, 100), now=st.floats(0.01, 100))
def test_the_disparate_impact_is_judged_against_one_and_half_is_as_far_as_double(before, now):
    verdict = judged("DI", before, now, (now, now))
    mirrored = judged("DI", 1 / before, 1 / now, (1 / now, 1 / now))
    assert (verdict.drifted == "yes") == (abs(math.log(now)) > abs(math.log(before)))
    if abs(abs(math.log(now)) - abs(math.log(before))) > 1e-9:
        assert mirrored.drifted == verdict.drifted


def test_a_disparate_impact_that_falls_from_fair_to_none_is_found_and_only_by_default():
    assert judged("DI", 0.95, 0.2, (0.15, 0.3)).drifted == "yes"
    assert judged("DI", 0.95, 0.2, compat=True).drifted == "no"
    assert judged("DI", 0.5, 0.99, (0.9, 1.05)).drifted == "no"
    assert judged("DI", 0.5, 0.99, compat=True).drifted == "yes"


def test_the_baseline_s_own_error_counts_where_it_is_known():
    assert judged("DPL", 0.10, 0.20, (0.15, 0.25)).drifted == "yes"
    assert judged("DPL", 0.10, 0.20, (0.15, 0.25), learned=(0.0, 0.2)).drifted == "no"


def test_an_infinite_value_is_judged_by_its_interval():
    assert judged("TE", 2.0, math.inf, (1.0, 900.0)).drifted == "no"
    assert judged("TE", 2.0, math.inf, (30.0, 900.0)).drifted == "yes"
    assert judged("TE", math.inf, 5.0, (4.0, 6.0)).drifted == "no"


def test_too_few_rows_are_named_and_not_judged():
    verdict = judged("DPL", 0.1, 0.9, (0.8, 1.0), shortage="the group has 12 rows, and it takes 30 to judge by")
    assert (verdict.drifted, verdict.reason) == (
        "not_enough_data",
        "Too few rows: the group has 12 rows, and it takes 30 to judge by.",
    )


def test_a_group_that_is_gone_is_named():
    (verdict,) = compare_bias(as_analysis(table("DPL", 0.1)), table("DPL", 0.1, group="2")).verdicts
    assert (verdict.drifted, verdict.reason) == ("not_enough_data", "There is no row of this group.")


@pytest.mark.parametrize(("before", "now"), [("(40, 61]", "(40.0, 90]"), ("1", "1.0"), ("a,1", "a,1.0")])
def test_a_group_is_found_again_by_its_threshold_or_its_values(before, now):
    past = as_analysis(table("DPL", 0.1, group=before))
    (verdict,) = compare_bias(past, table("DPL", 0.5, group=now), compat=True).verdicts
    assert (verdict.drifted, verdict.value) == ("yes", before)


def drawn(rng, rows, *, lean=0.0):
    """A model that finds its positives less often among the group; with lean, rarer still."""
    sex = rng.random(rows) < 0.33
    label = rng.random(rows) < np.where(sex, 0.2, 0.3)
    predicted = rng.random(rows) < np.where(label, np.where(sex, 0.6 - lean, 0.6), 0.08)
    columns = {"sex": sex, "y": label, "p": predicted, "town": rng.integers(0, 5, rows), "x": rng.normal(size=rows)}
    return pl.DataFrame(columns).with_columns(pl.col("sex", "y", "p").cast(pl.Int64))


def tabulated(rng, rows, **options):
    frame = drawn(rng, rows, **options)
    who = grouping(CONFIGURATION, frame, predicted="p")
    return bias_table(frame, who, rng=rng, features=["x"], replicates=4000)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.sampled_from([100, 334, 2000]), learned=st.sampled_from([700, 20_000]))
def test_windows_like_the_baseline_do_not_cry_wolf(seed, rows, learned):
    # Measured over these six settings: 129 of 14,796 windows (0.9 %) have an alarm, of 21 metrics each; by setting from
    # 2 to 34 of some 2,460 (the most with 100 rows after 20,000). Of 616 times 12 windows, 3 had two and none more; at
    # the worst rate, four of 12 would be one in 50,000.
    rng = np.random.default_rng(seed)
    baseline = tabulated(rng, learned)
    alarms = sum(bool(compare_tables(baseline, tabulated(rng, rows)).violations) for _ in range(12))
    assert alarms <= 3


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_bias_that_grew_is_found_and_named(seed):
    rng = np.random.default_rng(seed)
    found = compare_tables(tabulated(rng, 20_000), tabulated(rng, 8000, lean=0.35)).violations
    assert {"DI", "DPPL", "RD"} <= {violation.metric_name for violation in found}
    assert all("is farther from" in violation.description for violation in found)


def test_a_window_of_one_woman_accuses_nobody():
    rng = np.random.default_rng(3)
    frame = drawn(rng, 500).with_columns(sex=pl.Series([1] + [0] * 499))
    who = grouping(CONFIGURATION, drawn(rng, 500), predicted="p")
    found = compare_tables(tabulated(rng, 20_000), bias_table(frame, who, rng=rng, features=["x"]))
    assert found.violations == ()
    assert {verdict.drifted for verdict in found.verdicts} == {"not_enough_data"}
