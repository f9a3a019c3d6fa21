from dataclasses import replace

from hypothesis import given

from watchpost.reports.headline import causes, headline, status
from watchpost.reports.words import CHECKS, check_words, importance
from watchpost.verdicts import FeatureReport, Report, Side, Summary, Verdict, Violation

from . import sample, sample_models
from .strategies import TEXTS, reports


@given(TEXTS)
def test_every_check_type_has_words_even_an_unknown_one(check_type):
    words = check_words(check_type)
    assert words.type == check_type
    assert words.meaning
    assert words.todo


@given(reports())
def test_every_violation_has_exactly_one_cause(report):
    grouped = [v for cause in causes(report) for v in cause.violations]
    assert sorted(map(repr, grouped)) == sorted(map(repr, report.violations))


@given(reports())
def test_a_headline_is_calm_only_without_violations(report):
    assert (headline(report).level == "trouble") == bool(report.violations)
    assert str(headline(report)).endswith(".")


def test_all_check_types_of_the_contract_have_words_of_their_own():
    names = {
        "data_type_check", "completeness_check", "categorical_values_check", "baseline_drift_check",
        "extra_column_check",
        "missing_column_check", "renamed_column_check", "all_null_check", "constant_column_check", "range_check",
        "unit_change_check", "non_finite_check", "duplicate_id_check", "empty_window_check", "unreadable_records_check",
        "label_flow_check", "LessThanThreshold", "GreaterThanThreshold", "bias_drift_check",
        "feature_attribution_drift_check", "feature_attribution_change_check", "feature_attribution_names_check",
    }  # fmt: skip
    assert {c.type for c in CHECKS} == names
    assert sorted({importance(n) for n in names}) == list(range(len(names)))


def test_the_headline_names_the_worst_first_and_says_what_a_column_was_renamed_to():
    assert str(headline(sample.resale())) == (
        "4 of 10 columns need attention: `floor_area_sqm` looks renamed to `area_sqm`; `resale_price` drifted; `town` "
        "holds values the baseline never had; and 2 more kinds of trouble."
    )


def test_an_empty_window_is_said_in_one_short_sentence():
    assert str(headline(sample.empty())) == "No records arrived."


def test_many_columns_of_one_cause_are_counted_not_listed():
    assert str(headline(sample.wide(50, 12))) == (
        "12 of 50 columns need attention: `feature_0011`, `feature_0010` and 10 more drifted."
    )


def test_a_clean_report_says_so_with_its_extent():
    found = headline(sample.clean())
    assert (found.level, str(found)) == ("calm", "No violations: 10 columns in 1,977 records match the baseline.")


def test_a_report_in_which_nothing_was_checked_is_not_called_clean():
    unchecked = Report("data_quality", False, "b", "c", 10, 10, Summary(None, None, None, 0), (), ())
    no_rows = Report("data_quality", False, "b", "c", 10, 0, Summary(1.0, None, None, 0), (), ())
    assert headline(unchecked).level == "notice"
    assert headline(no_rows).level == "notice"


def test_a_rename_gathers_the_missing_and_the_new_column_under_one_cause():
    first = causes(sample.resale())[0]
    assert first.check_type == "renamed_column_check"
    assert [v.feature_name for v in first.violations] == ["floor_area_sqm", "floor_area_sqm", "area_sqm"]


def test_a_column_whose_drift_cannot_be_judged_is_neither_fine_nor_drifted():
    side = Side("Integral", 3, 0)
    few = Verdict("a", "t", None, "distance", "drift above threshold", 0.1, None, 9, 3, "not_enough_data", "Too few.")
    assert status(FeatureReport("a", side, side, verdict=few)).word == "Drift not judged"


def test_a_violation_of_an_unknown_check_shows_its_raw_name():
    report = Report(
        "data_quality", False, "b", "c", 1, 1, Summary(0.0, None, None, 1),
        (Violation("age", "mood_check", "The mood is bad."),), (),
    )  # fmt: skip
    assert "mood_check" in str(headline(report)).lower()


def test_a_model_s_headline_tells_the_first_violated_figures_with_their_baseline_and_counts_the_rest():
    assert str(headline(sample_models.model_quality(0))) == (
        "Model quality: 7 of 10 figures are worse than the baseline allows: recall 0.611 (baseline 0.742), precision "
        "0.602 (baseline 0.688) and 5 more; labels stay away. 1 more had too little data."
    )


def test_a_group_s_figure_is_told_with_its_group_and_a_long_title_by_its_short_name():
    assert str(headline(sample_models.bias())) == (
        "Fairness: 3 of 38 figures are farther from even than the baseline allows: DPPL for `Sex = 0` 0.291 (baseline "
        "0.196), disparate impact for `Sex = 0` 0.437 (baseline 0.612) and 1 more. 4 more had too little data."
    )


def test_the_headline_of_attributions_names_features_and_not_the_only_output():
    assert str(headline(sample_models.explainability())) == (
        "What drives the model changed: 3 of 11 figures moved farther than the baseline allows: order of features "
        "(NDCG) 0.874 (baseline 1), `duration_months` 0.12 (baseline 0.31) and 1 more."
    )


def test_a_model_with_nothing_to_complain_about_is_said_with_its_extent():
    found = headline(sample_models.regression_kept())
    assert (found.level, str(found)) == (
        "calm",
        "Model quality: no violations; 2 judged figures are as expected in 9,000 records. 1 more had too little data.",
    )


def test_figures_that_all_had_too_little_data_are_not_called_fine():
    report = sample_models.regression_kept()
    few = tuple(replace(f, judged="not_enough_data") for f in report.figures)
    found = headline(replace(report, figures=few))
    assert (found.level, str(found)) == (
        "notice", "Model quality could not be judged: not enough data in 9,000 records."
    )  # fmt: skip
    assert headline(replace(report, figures=())).level == "notice"


def test_a_violation_that_no_figure_explains_is_in_the_headline_all_the_same():
    report = replace(sample_models.bias(), figures=())
    assert str(headline(report)) == "Fairness: groups are treated less evenly."
