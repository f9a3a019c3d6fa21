"""Every metric against plain loops, and what must hold between metrics."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.bias import BiasTable, FacetRule, Grouping, OneOf, bias_table, count, tabulate
from watchpost.bias.metrics import METRICS
from watchpost.bias.words import neutral, sentence, words

from .people import WHO, Person, each_value, frame, people, populations, reference

quick = settings(max_examples=150, deadline=None)
NAMES = [metric.name for metric in METRICS]


def values(table: BiasTable, at: int = 0) -> dict[str, float | None]:
    return {value.metric.name: value.value for value in table.groups[at].values}


@quick
@given(population=populations)
def test_metrics_equal_the_formulas_row_by_row(population):
    got, want = values(bias_table(frame(population), WHO)), reference(population)
    for name, value in want.items():
        assert got[name] == (None if value is None else pytest.approx(value, abs=1e-12, rel=1e-12)), name


@quick
@given(population=populations)
def test_a_row_of_weight_three_counts_like_three_rows(population):
    who = Grouping(WHO.label, WHO.positive_label, WHO.facets, WHO.predicted, WHO.positive_prediction, "group", "weight")
    weighted = values(bias_table(frame(population, weighted=True), who))
    repeated = reference([p for p in population for _ in range(p.weight)])
    for name, value in repeated.items():
        assert weighted[name] == (None if value is None else pytest.approx(value, abs=1e-12, rel=1e-12)), name


@quick
@given(population=populations)
def test_exchanging_the_groups_turns_every_difference_round(population):
    there = values(tabulate(count(frame(population), WHO)))
    other = FacetRule(("facet",), (OneOf((0,)),))
    back = values(tabulate(count(frame(population), Grouping("label", OneOf((1,)), (other,), "predicted"))))
    for name in ("AD", "CI", "DAR", "DCA", "DCR", "DPL", "DPPL", "DRR", "RD", "SD", "TE"):
        assert there[name] == (None if back[name] is None else pytest.approx(-back[name], abs=1e-12)), name
    for name in ("GE", "JS", "KS", "LP", "TVD"):
        assert there[name] == (None if back[name] is None else pytest.approx(back[name], abs=1e-12)), name
    if there["DI"] and math.isfinite(there["DI"]):
        assert there["DI"] * back["DI"] == pytest.approx(1)


@quick
@given(population=populations)
def test_every_value_lies_in_the_range_that_its_words_give(population):
    for name, value in values(bias_table(frame(population), WHO)).items():
        assert value is None or words(name).low - 1e-12 <= value <= words(name).high + 1e-12, name


@quick
@given(population=st.lists(people, min_size=1, max_size=12))
def test_groups_that_fare_alike_are_at_the_neutral_value(population):
    twins = [Person(side, p.label, p.predicted, p.group) for p in population for side in (True, False)]
    got = values(bias_table(frame(twins), WHO))
    # Not the conditional disparities: where nobody of a group was favoured, theirs counts that term as 0.
    for name in set(NAMES) - {"CDDL", "CDDPL", "FT", "GE"}:
        alike = {neutral(name), 0.0} if name == "DI" else {neutral(name)}  # 0/0 is 0: nobody was favoured
        assert got[name] is None or any(got[name] == pytest.approx(v, abs=1e-12) for v in alike), name


@quick
@given(population=populations)
def test_every_value_of_a_facet_is_compared_with_all_others(population):
    table = tabulate(count(frame(population), each_value()))
    assert [group.value for group in table.groups] == sorted({p.group for p in population})
    for at, group in enumerate(table.groups):
        marked = [Person(p.group == group.value, p.label, p.predicted) for p in population]
        want, got = reference(marked), values(table, at)
        assert got["DPPL"] == (None if want["DPPL"] is None else pytest.approx(want["DPPL"], abs=1e-12))
        assert (group.rows, group.other_rows) == (sum(p.facet for p in marked), sum(not p.facet for p in marked))


def test_without_predictions_there_are_the_eight_metrics_of_labels():
    population = [Person(True, True, False), Person(False, False, False)]
    table = bias_table(frame(population), Grouping("label", OneOf((1,)), WHO.facets, group_variable="group"))
    assert [v.metric.name for v in table.groups[0].values] == ["CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD"]


def test_a_metric_without_value_says_why():
    nobody = bias_table(frame([Person(False, True, True)] * 3), WHO).groups[0]
    assert nobody["DPL"].error == "The facet's group is empty: no row belongs to it."
    assert nobody["CDDL"].error == "There is no negative label."
    ungrouped = Grouping("label", OneOf((1,)), WHO.facets, "predicted")
    assert "no group variable" in bias_table(frame([Person(True, True, True)]), ungrouped).groups[0]["CDDPL"].error
    wrong = bias_table(frame([Person(True, True, False), Person(False, True, False)]), WHO).groups[0]
    assert wrong["GE"].error.startswith("All predicted labels are false negatives")


@pytest.mark.parametrize("name", NAMES)
def test_words_name_both_groups_and_the_outcome(name):
    table = bias_table(frame([Person(True, True, True), Person(False, False, True)]), WHO)
    said = sentence(name, table, table.groups[0])
    assert "facet = 1 (1 rows)" in said
    assert "everyone else (1 rows)" in said
    assert name == "CI" or "label = 1" in said
    assert words(name).low <= neutral(name) <= words(name).high


def test_every_metric_is_there_once_with_the_original_s_descriptions():
    # Contract 7.2 and 7.3: description = "{text} ({name})", sorted by name within its stage.
    assert len(set(NAMES)) == 21
    assert all(metric.description.endswith(f" ({metric.name})") for metric in METRICS)
    for stage, names in {"pre_training": NAMES[:8], "post_training": NAMES[8:]}.items():
        assert names == sorted(m.name for m in METRICS if m.stage == stage)
