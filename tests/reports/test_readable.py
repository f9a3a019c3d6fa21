import subprocess
import sys
from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given

from watchpost.reports import ReadableReport
from watchpost.reports.documents import from_json
from watchpost.reports.html import render_html
from watchpost.verdicts import Report

from . import sample
from .strategies import reports


@given(reports())
def test_a_readable_report_shares_every_part_of_the_plain_one(report):
    readable = ReadableReport.of(report)
    assert all(getattr(readable, f.name) is getattr(report, f.name) for f in fields(Report))
    assert ReadableReport.of(readable) is readable
    assert readable.verdicts == report.verdicts


def test_it_writes_the_page_that_it_returns(tmp_path):
    page = ReadableReport.of(sample.resale()).to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8") == page == render_html(sample.resale())


def test_its_json_reads_back_as_the_plain_report():
    assert from_json(ReadableReport.of(sample.resale()).to_json()) == sample.resale()


def test_it_shows_itself_in_a_line_a_notebook_and_a_terminal():
    readable = ReadableReport.of(sample.clean())
    assert str(readable) == "No violations: 10 columns in 1,977 records match the baseline."
    assert repr(readable) == f"<ReadableReport data_quality: {readable}>"
    assert readable._repr_html_().startswith("<iframe ")
    assert readable.__rich__() is not None


def test_it_is_frozen_and_has_no_dictionary():
    readable = ReadableReport.of(sample.clean(1))
    with pytest.raises(FrozenInstanceError):
        readable.monitor = "other"
    assert not hasattr(readable, "__dict__")


def test_importing_the_chapter_loads_no_renderer():
    code = "import sys, watchpost.reports; print(sorted({'jinja2', 'rich', 'msgspec', 'polars'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
