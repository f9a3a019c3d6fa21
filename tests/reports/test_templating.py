"""Pages are escaped, strict and of one look, whoever makes them."""

from importlib.resources import files

import jinja2
import pytest

from watchpost.fronts.web.rendering import style
from watchpost.reports.html import render_html
from watchpost.reports.templating import environment

from . import sample

SHEETS = [("watchpost.reports", "templates/report.css"), ("watchpost.fronts.web", "static/style.css")]


@pytest.mark.parametrize("package", ["watchpost.reports", "watchpost.fronts.web"])
def test_every_value_is_escaped_and_a_missing_one_is_an_error(package: str) -> None:
    templates = environment(package, {"loud": str.upper})
    assert templates.from_string("{{ text|loud }}").render(text="<b>") == "&lt;B&gt;"
    with pytest.raises(jinja2.UndefinedError):
        templates.from_string("{{ nothing_of_this_name }}").render()


def test_reports_and_the_servers_pages_begin_with_the_same_colours_and_rules() -> None:
    shared = (files("watchpost.reports") / "templates" / "page.css").read_text("utf-8").strip()
    assert style()[0].decode().startswith(shared)
    assert f"<style>{shared}" in render_html(sample.clean())


@pytest.mark.parametrize(("package", "name"), SHEETS)
def test_no_sheet_says_again_what_all_pages_share(package: str, name: str) -> None:
    shared = (files("watchpost.reports") / "templates" / "page.css").read_text("utf-8")
    rules = {line.strip() for line in shared.splitlines() if line.strip().endswith("}") and "{" in line}
    own = {line.strip() for line in (files(package) / name).read_text("utf-8").splitlines()}
    assert rules & own == set()
