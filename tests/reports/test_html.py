import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.reports.html import render_html, render_notebook
from watchpost.reports.plots import feature_plot, spark_plot
from watchpost.reports.words import FIGURES
from watchpost.verdicts import Bin

from . import sample, sample_models
from .strategies import reports

VOID = {"meta", "link", "base", "input", "br", "img"}
SAMPLES = {
    "resale": sample.resale(),
    "clean": sample.clean(),
    "empty": sample.empty(),
    "hostile": sample.hostile(),
    "wide": sample.wide(50, 12),
    **sample_models.MODELS,
}


class Outline(HTMLParser):
    """Tags in order; fails where they do not nest."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.ids, self.texts = [], [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"style", "script"}:
            self.texts.append(data)


def parts(page):
    """The set of tag names with their attribute names: what the data must not be able to extend."""
    return {(tag, tuple(sorted(attrs))) for tag, attrs in Outline(page).tags}


@settings(max_examples=60, deadline=None)
@given(reports(numbers=st.floats()))
def test_any_report_becomes_a_well_formed_page_with_unique_ids(report):
    outline = Outline(render_html(report))
    assert len(set(outline.ids)) == len(outline.ids)
    assert [tag for tag, _ in outline.tags].count("script") == 1


@settings(max_examples=60, deadline=None)
@given(reports())
def test_no_text_of_the_data_becomes_a_tag_or_an_attribute(report):
    outline = Outline(render_html(report))
    assert not {t for t, _ in outline.tags} & {"img", "iframe", "object", "form", "a:href"}
    assert not any(name.startswith("on") or name == "style" for _, attrs in outline.tags for name in attrs)
    assert all(re.fullmatch(r"#[cf]\d+", attrs["href"]) for tag, attrs in outline.tags if tag == "a")
    assert {attrs["href"][1:] for tag, attrs in outline.tags if tag == "a"} <= set(outline.ids)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_refers_to_nothing_outside_itself(name):
    page = render_html(SAMPLES[name])
    assert not re.search(r"(?:https?:|[\"'(]\s*)//", page)
    assert not re.search(r"@import|url\(", page)
    assert not any("src" in attrs or "srcset" in attrs for _, attrs in Outline(page).tags)
    assert {attrs["href"][0] for _, attrs in Outline(page).tags if "href" in attrs} <= {"#", "d"}
    assert "default-src 'none'" in page.replace("&#39;", "'")


def test_hostile_texts_are_shown_as_they_are():
    text = "".join(Outline(render_html(sample.hostile())).texts)
    for shown in (
        "<script>alert('x')</script>",
        "{{ 7*7 }}",
        "price\\u202egnp",
        "a b\\x1b[31mred",
        "(empty)",
        "&amp;&lt;",
    ):
        assert shown in text


def test_the_page_says_the_verdict_the_four_figures_and_every_violation():
    report = sample.resale()
    text = " ".join("".join(Outline(render_html(report)).texts).split())
    for words in FIGURES:
        assert words.name in text
        assert words.line in text
    for violation in report.violations:
        if violation.constraint_check_type != "baseline_drift_check":
            assert " ".join(violation.description.split()) in text
    assert "4 of 10 columns need attention" in text
    assert "41 records could not be read" in text
    assert "line 408" in text.replace("\xa0", " ")


def test_violated_columns_come_first():
    ids = [t["data-name"] for _, t in Outline(render_html(sample.resale())).tags if "data-name" in t]
    assert ids[:2] == ["floor_area_sqm", "resale_price"]
    assert set(ids) == {f.name for f in sample.resale().features}


def test_fifty_columns_stay_under_300_kilobytes():
    assert len(render_html(sample.wide(50, 12)).encode()) < 300_000
    assert len(render_html(sample.wide(50, 50)).encode()) < 600_000


def test_ten_thousand_columns_still_make_one_page():
    page = render_html(sample.wide(10_000, 700))
    assert page.count("data-name=") == 10_000
    assert len(page) < 25_000_000


@pytest.mark.parametrize("name", sample_models.MODELS)
def test_a_model_s_page_stays_under_400_kilobytes(name):
    assert len(render_html(sample_models.MODELS[name]).encode()) < 400_000


def text_of(report):
    return " ".join("".join(Outline(render_html(report)).texts).split())


@pytest.mark.parametrize("name", ["model quality", "bias", "explainability", "regression"])
def test_a_model_s_page_says_every_figure_its_meaning_its_rule_and_what_to_do_next(name):
    report = sample_models.MODELS[name]
    text = text_of(report)
    for figure in report.figures:
        for part in (figure.title or figure.name, figure.meaning, figure.rule, figure.error):
            assert part in text
    for step in report.next_steps:
        assert step in text
    for curve in report.curves:
        assert curve.name in text


def test_figures_that_a_model_has_nothing_to_say_about_give_way_to_those_it_has():
    names = re.findall(r"<dt>(.*?)</dt>", render_html(sample_models.bias()))[:4]
    assert names == ["Figures judged", "Not enough data", "Records", "Violations"]
    names = re.findall(r"<dt>(.*?)</dt>", render_html(sample_models.regression_kept()))[:4]
    assert names == ["Data quality score", "Figures judged", "Not enough data", "Violations"]


def test_a_violation_leads_to_its_figure():
    outline = Outline(render_html(sample_models.bias()))
    assert [attrs["href"] for tag, attrs in outline.tags if tag == "a"] == ["#f0", "#f1", "#f2"]


def test_a_threshold_s_violation_is_told_by_its_figure_and_keeps_the_service_s_words_as_its_tooltip():
    page = render_html(sample_models.model_quality())
    assert "0.611 ± 0.003 (baseline 0.742); rule: must not fall below 0.742" in page
    assert "Metric recall with 0.611" in page


def test_a_violation_that_no_figure_explains_shows_its_own_name():
    assert "Ground truth Labels stay away: 4312 of 6240" in text_of(sample_models.model_quality())


def test_a_verdict_is_a_word_and_a_sign_not_only_a_colour():
    text = text_of(sample_models.bias())
    for said in ("✗ Violated", "✓ Kept", "? Not enough data"):
        assert said in text


def test_the_notebook_gets_the_page_in_a_frame_of_its_own():
    outline = Outline(render_notebook(sample.hostile()))
    assert [tag for tag, _ in outline.tags] == ["iframe"]
    frame = outline.tags[0][1]
    assert frame["sandbox"] == "allow-scripts"
    assert parts(frame["srcdoc"]) == parts(render_html(sample.hostile())) | {("base", ("href",))}


@given(st.lists(st.builds(Bin, st.text(max_size=8), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_a_plot_names_its_biggest_change_and_has_no_broken_number(bins):
    for draw in (feature_plot, spark_plot):
        picture = draw("x", bins, "k")
        Outline(picture)
        assert "nan" not in "".join(re.findall(r' d="([^"]*)"', picture))
        assert ("Biggest change" in picture) == any(b.baseline != b.current for b in bins)


def test_bars_are_as_high_as_their_shares():
    bins = (Bin("a", 0.25, 0.75, 0.0, 1.0), Bin("b", 0.75, 0.25, 1.0, 2.0))
    heights = [float(h) for h in re.findall(r"v(-[\d.]+)h", spark_plot("x", bins, "k"))]
    assert [round(h / min(heights), 2) for h in sorted(heights)] == [1.0, 1.0, 0.33, 0.33]
