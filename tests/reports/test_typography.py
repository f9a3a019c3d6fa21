import math

from hypothesis import example, given
from hypothesis import strategies as st

from watchpost.reports.typography import change, compact, count, counted, number, share, shortened, visible

from .strategies import TEXTS


@given(TEXTS | st.text())
@example("price\u202egnp")
@example("half \ud83d")
def test_a_visible_text_is_one_printable_line(text):
    shown = visible(text)
    assert shown
    assert len(shown.splitlines()) == 1
    assert not any(c < " " or "\x7f" <= c <= "\x9f" or c in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068" for c in shown)
    shown.encode()


@given(st.text(), st.integers(2, 40))
def test_a_shortened_text_keeps_its_limit_and_says_that_it_was_cut(text, limit):
    shown = shortened(text, limit)
    assert len(shown) <= limit
    assert shown == visible(text) or shown.endswith("…")


@given(st.floats(1e-3, 1e14))
def test_a_number_is_shown_within_a_thousandth_of_its_value(value):
    assert math.isclose(float(number(value).replace(",", "")), value, rel_tol=1e-3)


@given(st.floats(0, 1))
def test_only_nothing_is_shown_as_0_percent_and_only_all_as_100_percent(ratio):
    assert (share(ratio) == "0%") == (ratio == 0)
    assert (share(ratio) == "100%") == (ratio == 1)


@given(st.floats(0, 1e9), st.floats(1e-9, 1))
def test_two_sides_that_differ_by_a_billionth_never_look_alike(before, gap):
    now = before + gap * max(before, 1)
    assert change(before, now).same == (before == now)


def test_years_have_no_separator_but_amounts_do():
    assert (number(1994.0), number(438100.25), count(23432)) == ("1994", "438,100", "23,432")


def test_what_is_not_a_number_is_shown_as_nothing_and_infinities_as_such():
    assert [number(v) for v in (None, math.nan, math.inf, -math.inf, -0.0)] == ["—", "—", "∞", "-∞", "0"]


def test_axis_labels_are_short():
    assert [compact(v) for v in (80_137.5, 1_250_000, 1994.6, -0.00012)] == ["80.1k", "1.25M", "1995", "-0.00012"]


def test_a_count_agrees_with_its_noun():
    assert (counted(1, "record"), counted(12340, "record")) == ("1 record", "12,340 records")
