"""How figures and curves are said and drawn."""

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.reports.figure_plots import common_span, curve_in_words, curve_plot, dot_plot
from watchpost.reports.figure_tables import OPEN_ROWS, figure_tables
from watchpost.reports.figures import difference, explained, grouped, said_title, sides, spread, tally
from watchpost.reports.html import render_html
from watchpost.verdicts import Curve, Figure, Violation

from . import sample_models
from .strategies import curves, figures
from .test_html import Outline

ANY_FIGURES = st.lists(figures(st.floats()), max_size=6)


@given(ANY_FIGURES)
def test_every_figure_is_in_exactly_one_group_and_all_data_comes_first(some):
    groups = grouped(some)
    assert sorted(place for group in groups for place, _ in group.members) == list(range(len(some)))
    assert all(some[place] is figure for group in groups for place, figure in group.members)
    assert "" not in [group.name for group in groups][1:]


@given(ANY_FIGURES)
def test_the_tally_of_groups_adds_up_to_that_of_all(some):
    assert sum(group.tally.total for group in grouped(some)) == tally(some).total == len(some)


@given(ANY_FIGURES)
def test_every_figure_has_exactly_one_row_on_the_page(some):
    rows = [row for table in figure_tables(some) for row in (*table.rows, *table.folded)]
    assert sorted(row.key for row in rows) == sorted(f"f{i}" for i in range(len(some)))


def test_beyond_sixty_figures_the_rest_is_folded_and_a_meaning_repeated_only_beside_a_violation():
    tables = figure_tables(sample_models.model_quality(20).figures)
    assert sum(len(table.rows) for table in tables if table.is_open) <= OPEN_ROWS
    assert [table.is_open for table in tables] == sorted((t.is_open for t in tables), reverse=True)
    first, *others = tables
    assert all(row.meaning for row in first.rows)
    told = [row.judgement.word for table in others for row in table.rows if row.meaning]
    assert set(told) == {"Violated"}
    assert all(row.meaning for t in figure_tables(sample_models.bias().figures) for row in t.rows)


def test_one_long_table_is_cut_not_hidden():
    (table,) = figure_tables([Figure(f"f{i}", 0.5) for i in range(100)])
    assert (table.is_open, len(table.rows), len(table.folded)) == (True, 60, 40)


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_two_figures_that_differ_never_look_alike_and_their_change_has_a_sign(before, now):
    figure = Figure("f", now, baseline=before)
    if math.isclose(before, now, rel_tol=1e-9):
        assert sides(figure).same
    else:
        assert not sides(figure).same
        assert difference(figure).startswith("+" if now > before else "-")


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        (Figure("f", 0.61, standard_deviation=0.01234), "± 0.012"),
        (Figure("f", 0.61, lower=0.59, upper=0.63, standard_deviation=0.01), "[0.59, 0.63]"),
        (Figure("f", 0.61, lower=0.59), "[0.59, —]"),
        (Figure("f", 0.61), ""),
    ],
)
def test_how_sure_a_value_is_stands_behind_it(figure, shown):
    assert spread(figure) == shown


def test_last_digits_of_arithmetic_do_not_fill_an_axis():
    assert common_span([Figure("f", 1 - 2**-53, baseline=1.0)]) == 1.0


def test_last_digits_of_arithmetic_are_no_change():
    figure = Figure("f", 0.1 + 0.2, baseline=0.3)
    assert (difference(figure), str(sides(figure))) == ("≈ 0", "0.3")


@pytest.mark.parametrize(("title", "said"), [("Recall", "recall"), ("F1", "F1"), ("AUC", "AUC"), ("", "DPPL")])
def test_a_title_inside_a_sentence_begins_small_unless_it_is_a_name(title, said):
    assert said_title(Figure("DPPL", 0.1, title=title)) == said


def test_a_violation_finds_its_figure_in_camel_case_and_with_its_group_in_either_order():
    of_group = Figure("DI", 0.4, "Sex = 0", judged="violated")
    rate = Figure("true_positive_rate", 0.6, judged="violated")
    kept = Figure("recall", 0.7, judged="kept")
    named = [Violation(n, "x", "") for n in ("truePositiveRate", "Sex = 0: DI", "DI (Sex=0)", "DI", "recall", "Sex")]
    assert list(explained(named, [of_group, rate, kept]).values()) == [1, 0, 0, 0]


def test_a_violation_that_names_a_group_alone_speaks_of_its_first_violated_figure():
    order, feature = Figure("ndcg", 0.8, "label0", judged="violated"), Figure("age", 0.1, "label0", judged="violated")
    violation = Violation("label0", "feature_attribution_drift_check", "")
    assert explained([violation], [replace(order, judged="kept"), order, feature]) == {violation: 1}


def test_why_a_figure_could_not_be_judged_is_said_beside_its_value():
    few = Figure("DI", 0.4, "Sex = 0", error="Too few rows: 12.", judged="not_enough_data")
    report = replace(sample_models.bias(), figures=(few,), violations=())
    assert "Too few rows: 12." in render_html(report)


def test_a_name_that_two_groups_share_points_at_neither():
    shared = [Figure("DI", 0.4, g, judged="violated") for g in ("Sex = 0", "Sex = 1")]
    assert explained([Violation("DI", "x", "")], shared) == {}


@given(figures(st.floats()), st.floats(0.01, 10))
def test_a_dot_is_drawn_inside_its_picture_or_not_at_all(figure, span):
    picture = dot_plot(figure, span, "k")
    if picture:
        Outline(picture)
        assert not re.search(r"nan|inf", "".join(re.findall(r' (?:d|cx)="([^"]*)"', picture)))
        (x,) = re.findall(r'cx="([\d.-]+)"', picture)
        assert 0 <= float(x) <= 150
    else:
        ends = [n for n in (figure.lower, figure.upper, figure.standard_deviation) if n is not None]
        numbers = [figure.value, figure.baseline, *ends]
        assert not all(n is not None and math.isfinite(n) and abs(n) < 1e12 for n in numbers)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=6))
def test_equal_differences_of_a_table_are_equal_lengths(pairs):
    known = [Figure("f", now, baseline=before) for before, now in pairs]
    span = common_span(known)
    for figure in known:
        picture = dot_plot(figure, span, "k")
        (dot,) = re.findall(r'cx="([\d.]+)"', picture)
        (tick,) = re.findall(r'"mark" d="M([\d.]+) ', picture)
        drawn = (float(dot) - float(tick)) / 134
        assert drawn == pytest.approx((figure.value - figure.baseline) / span, abs=0.002)


@given(curves(st.floats()))
def test_any_curve_is_well_formed_and_has_no_broken_number(curve):
    picture = curve_plot(curve, "k")
    assert curve_in_words(curve)
    if picture:
        Outline(picture)
        assert not re.search(r"nan|inf", "".join(re.findall(r' d="([^"]*)"', picture)))


def test_a_curve_has_both_lines_and_says_its_axes_and_its_widest_gap():
    curve = Curve(
        "ROC", "False positive rate", "True positive rate", ((0, 0), (0.5, 0.6), (1, 1)), ((0, 0), (0.5, 0.9), (1, 1))
    )
    picture = curve_plot(curve, "k")
    assert picture.count('class="line ') == 2
    for said in ("False positive rate", "True positive rate", "Widest gap: where False positive rate is 0.5"):
        assert said in picture
    assert "0.6 now and 0.9 in the baseline" in curve_in_words(curve)
    assert curve_in_words(replace(curve, baseline=curve.current)) == "No difference to the baseline can be seen."
