from pathlib import Path

import pytest

from watchpost.reports.figures import JUDGEMENTS
from watchpost.reports.words import CHECKS, FIGURES, MODEL_FIGURES

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "report.md"


@pytest.mark.parametrize("words", CHECKS, ids=lambda w: w.type)
def test_the_guide_tells_of_each_check_what_the_page_tells(words):
    row = f"| {words.title} | `{words.type}` | {words.meaning} Compared with {words.against}. | {words.todo} |"
    assert row in GUIDE.read_text("utf-8").splitlines()


def test_the_guide_lists_the_checks_in_the_order_of_the_page():
    text = GUIDE.read_text("utf-8")
    places = [text.index(f"| `{words.type}` |") for words in CHECKS]
    assert places == sorted(places)


@pytest.mark.parametrize("words", [*FIGURES, *MODEL_FIGURES], ids=lambda w: w.name)
def test_the_guide_defines_each_figure_as_the_page_does(words):
    assert f"| {words.name} | {words.definition} |" in GUIDE.read_text("utf-8").splitlines()


@pytest.mark.parametrize("judged", JUDGEMENTS)
def test_the_guide_knows_every_judgement_of_a_figure(judged):
    judgement = JUDGEMENTS[judged]
    assert f"| {judgement.sign} | {judgement.word} |" in GUIDE.read_text("utf-8")
