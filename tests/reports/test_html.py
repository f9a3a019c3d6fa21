import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.reports.html import render_html, render_notebook
from watchpost.reports.plots import feature_plot, spark_plot
from watchpost.reports.words import FIGURES
from watchpost.verdicts import Bin

from . import sample
from .strategies import reports

VOID = {"meta", "link", "base", "input", "br", "img"}
SAMPLES = {
    "resale": sample.resale(),
    "clean": sample.clean(),
    "empty": sample.empty(),
    "hostile": sample.hostile(),
    "wide": sample.wide(50, 12),
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
    assert all(attrs["href"].startswith("#c") for tag, attrs in outline.tags if tag == "a")


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
