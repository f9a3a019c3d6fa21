import pytest

from watchpost.reports.html import render_html, render_notebook
from watchpost.reports.words import FIGURES

from . import sample, sample_models

SCREEN = {"width": 1280, "height": 800}
SAMPLES = {"resale": sample.resale(), "clean": sample.clean(), "empty": sample.empty(), "hostile": sample.hostile()}
SAMPLES |= sample_models.MODELS


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a page from disk with the network off, and notes everything it complains of or asks for."""
    contexts = []

    def open_page(text, **options):
        context = browser.new_context(viewport=options.pop("viewport", SCREEN), offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.noted = []
        page.on("console", lambda m: page.noted.append(m.text))
        page.on("pageerror", lambda e: page.noted.append(str(e)))
        page.on("request", lambda r: page.noted.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
        page.on("dialog", lambda d: (page.noted.append(d.message), d.dismiss()))
        path = tmp_path / "report.html"
        path.write_text(text, "utf-8")
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_opens_offline_without_a_complaint_or_a_request(opened, name):
    assert opened(render_html(SAMPLES[name])).noted == []


def test_headline_and_four_figures_are_on_the_first_screen(opened):
    page = opened(render_html(sample.resale()))
    shown = [page.locator("h1")] + [page.locator(".figures > div", has_text=w.name) for w in FIGURES]
    for item in shown:
        box = item.bounding_box()
        assert box["y"] + box["height"] < SCREEN["height"]
    assert page.locator(".cause").first.bounding_box()["y"] < SCREEN["height"]


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_sticks_out_sideways(opened, name):
    page = opened(render_html(SAMPLES[name]))
    for width in (390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", SAMPLES)
def test_axe_finds_nothing_serious_in_the_light_and_in_the_dark(opened, name):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page = opened(render_html(SAMPLES[name]))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        # What is in order need not be written up node by node.
        found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in {"serious", "critical"}]
        assert (scheme, serious) == (scheme, [])


def test_the_page_is_whole_without_script(opened):
    page = opened(render_html(sample.resale()), java_script_enabled=False)
    assert page.locator("article.card").count() == 5
    assert page.locator(".find").is_hidden()


def test_a_column_is_found_by_its_name(opened):
    page = opened(render_html(sample.wide(50, 12)))
    page.get_by_label("Find a column").fill("0003")
    assert page.locator("[data-name]:visible").count() == 1
    assert page.locator("output").inner_text() == "1 of 50"


def test_the_table_sorts_by_a_click_on_its_head(opened):
    page = opened(render_html(sample.wide(50, 12)))
    page.get_by_role("button", name="Mean").click()
    page.get_by_role("button", name="Mean").click()
    assert page.locator(".rows tbody tr").first.get_attribute("data-name") == "feature_0049"


def test_in_a_notebook_the_links_stay_in_the_frame(opened):
    page = opened(f"<!doctype html><title>notebook</title>{render_notebook(sample.resale())}")
    frame = page.frame_locator("iframe")
    frame.locator(".lines a", has_text="resale_price").click()
    assert frame.locator("h1").inner_text().startswith("4 of 10 columns")
    assert page.noted == []


def test_a_link_to_a_folded_figure_unfolds_it(opened):
    report = sample_models.model_quality(20)
    folded = next(i for i, f in enumerate(report.figures) if f.group == "region = 19")
    page = opened(render_html(report))
    assert page.locator(f"#f{folded}").is_hidden()
    page.evaluate("key => { location.hash = key }", f"f{folded}")
    page.locator(f"#f{folded}").wait_for(state="visible")


def test_figures_sort_by_a_click_on_their_head(opened):
    page = opened(render_html(sample_models.explainability()))
    page.get_by_role("button", name="Baseline").click()
    assert page.locator(".measures tbody tr").first.get_attribute("id") == "f10"


def test_folded_figures_are_on_paper(opened):
    page = opened(render_html(sample_models.model_quality(20)))
    page.emulate_media(media="print")
    assert page.locator(".measures tbody tr").last.bounding_box()["height"] > 10
