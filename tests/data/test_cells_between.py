"""Cells read in bulk are those that reading one by one gives."""

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from watchpost.data.cells import typed_text
from watchpost.data.cells_between import between, typed_rows
from watchpost.data.counting import count_dots_between_digits

numbers = st.one_of(st.integers(0, 99).map(str), st.floats(0, 9).map("{:.2f}".format))
odd = st.sampled_from(
    ["", "1", "+2", "1.5", ".5", "5.", "1e5", "1.5e5", "1.0e999", "inf", " 7", "- 5.5", "1.5.5", "a.b"]
)
plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters='",\\'), max_size=5)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.integers(1, 3))
def test_rows_read_in_bulk_have_the_types_of_their_text(data, width):
    """The first rows make a column look like numbers, which some later cell may not be."""
    head = data.draw(st.tuples(*[numbers] * width))
    later = data.draw(st.lists(st.tuples(*[st.one_of(numbers, odd, plain)] * width), max_size=5))
    rows = [head] * 16 + later
    read = typed_rows(pl.Series([",".join(row) for row in rows]))
    if read is None:
        assert width == 1
        assert ("",) in rows
        return
    text = {f"_c{i}": [cell or None for cell in column] for i, column in enumerate(zip(*rows, strict=True))}
    assert_frame_equal(read, typed_text(pl.DataFrame(text, schema=dict.fromkeys(text, pl.String))))


def test_rows_of_different_widths_are_no_table():
    assert typed_rows(pl.Series(["1,2", "3"])) is None
    assert typed_rows(pl.Series(["1,2", "3", "4,5,6"])) is None


@settings(deadline=None)
@given(st.lists(st.tuples(plain, plain), min_size=1, max_size=9))
def test_variables_are_what_stands_between_the_literals(rows):
    literals = ('{"é":"', '\\n","x":"', '"}')
    data = "".join(f"{literals[0]}{a}{literals[1]}{b}{literals[2]}\n" for a, b in rows).encode()
    found = between(data, len(rows), literals, {0, 1})
    assert found is not None
    assert list(zip(found[0], found[1], strict=True)) == rows


@given(st.text("12.x", max_size=40), st.sampled_from([0, (1 << 17) - 20]))
@example("1.2.3", 0)
def test_dots_between_digits_are_counted_across_pieces(text, before):
    places = range(1, len(text) - 1)
    dots = sum(text[i] == "." and text[i - 1].isdigit() and text[i + 1].isdigit() for i in places)
    assert count_dots_between_digits(b"-" * before + text.encode()) == dots
