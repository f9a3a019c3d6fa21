import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from watchpost.reports.terminal import render_terminal

from . import sample, sample_models
from .strategies import reports


def printed(report, width=80, **options):
    console = Console(width=width, file=io.StringIO(), **options)
    console.print(render_terminal(report))
    return console.file.getvalue()


@settings(max_examples=60, deadline=None)
@given(reports(numbers=st.floats()))
def test_any_report_can_be_printed_without_a_control_code(report):
    text = printed(report)
    assert not any((c < " " and c != "\n") or "\x7f" <= c <= "\x9f" for c in text)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    assert max(map(len, printed(sample.resale(), width).splitlines())) <= width


def test_the_verdict_the_figures_and_the_causes_are_there_without_colour():
    text = " ".join(printed(sample.resale()).split())
    assert text.startswith("✗ 4 of 10 columns need attention")
    for part in ("84.3%", "12.5%", "10.7%", "Drifted", "resale_price", "What to do", "41 records could not be read"):
        assert part in text


def test_a_clean_report_is_a_few_lines():
    text = printed(sample.clean())
    assert text.startswith("✓ No violations")
    assert len(text.splitlines()) <= 6


@pytest.mark.parametrize("name", sorted(sample_models.MODELS.keys() - {"hostile figures"}))
def test_no_line_about_a_model_is_wider_than_the_terminal(name):
    assert max(map(len, printed(sample_models.MODELS[name], 80).splitlines())) <= 80


def test_violated_figures_come_first_and_the_others_are_counted():
    text = " ".join(printed(sample_models.bias(), 120).split())
    assert "✗ Disparate impact Sex = 0 0.437 [0.407, 0.467] 0.612 -0.175" in text
    assert "Recall difference" not in text
    assert text.index("Disparate impact") < text.index("42 figures: 3 violated, 35 kept, 4 not enough data")
    assert text.index("42 figures") < text.index("What to do - Compare the labels of Sex = 0")


def test_hundreds_of_violated_figures_are_counted_not_all_printed():
    text = printed(sample_models.model_quality(20), 120)
    assert "and 71 more" in text
    assert len(text.splitlines()) < 60


def test_a_violation_without_a_figure_is_listed_beside_the_figures():
    assert "Labels stay away  Ground truth" in printed(sample_models.model_quality(), 120)


def test_markup_in_names_is_not_obeyed():
    assert "[bold]markup[/bold]" in printed(sample.hostile(), 200)


def test_ten_thousand_violations_are_counted_not_all_printed():
    text = printed(sample.wide(2_000, 1_000))
    assert "and 960 more" in text
    assert len(text.splitlines()) < 400


def test_the_same_report_prints_the_same_every_time(snapshot):
    assert printed(sample.clean(3)) == snapshot
