"""Cells read in bulk are those that reading one by one gives, and no line that differs goes unnoticed."""

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from watchpost import kernels
from watchpost.data.cells import typed_text
from watchpost.data.cells_between import Variable, cells_between, read_by_polars, read_proved
from watchpost.data.counting import count_dots_between_digits

numbers = st.one_of(st.integers(0, 99).map(str), st.floats(0, 9).map("{:.2f}".format))
odd = st.sampled_from(
    ["", "1", "+2", "1.5", ".5", "5.", "1e5", "1.5e5", "1.0e999", "inf", " 7", "- 5.5", "1.5.5", "a.b", "!"]
)
plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters='",\\'), max_size=5)
LITERALS = ('{"é 1.5":"', '\\n","x, y":"', '"}')


def between(rows: list[str], texts: list[str], literals: tuple[str, str, str] = LITERALS) -> dict[int, pl.DataFrame]:
    before, middle, after = literals
    data = "".join(f"{before}{row}{middle}{text}{after}\n" for row, text in zip(rows, texts, strict=True)).encode()
    variables = [Variable(rows[0], "cells"), Variable(texts[0], "text")]
    found = cells_between(data, len(rows), literals, variables)
    slowly = read_by_polars(data, len(rows), literals, variables)
    assert_same(found, slowly)
    return {} if found is None else found


def assert_same(a: dict[int, pl.DataFrame] | None, b: dict[int, pl.DataFrame] | None) -> None:
    """Either way of reading gives the same, once what is text for one of them has been typed."""
    if a is None or b is None:
        assert a is b is None
        return
    assert a.keys() == b.keys()
    for number in a:
        assert_frame_equal(typed_text(a[number]), typed_text(b[number]))


@settings(max_examples=300, deadline=None)
@given(st.data(), st.integers(1, 3), plain)
def test_rows_read_in_bulk_have_the_types_of_their_text(data, width, text):
    """The first rows make a column look like numbers, which some later cell may not be."""
    head = data.draw(st.tuples(*[numbers] * width))
    later = data.draw(st.lists(st.tuples(*[st.one_of(numbers, odd, plain)] * width), max_size=5))
    rows = [head] * 16 + later
    read = between([",".join(row) for row in rows], [text] * len(rows))
    if not read:
        assert width == 1
        assert ("",) in rows
        return
    cells = {f"_c{i}": [cell or None for cell in column] for i, column in enumerate(zip(*rows, strict=True))}
    expected = typed_text(pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String)))
    assert_frame_equal(typed_text(read[0]), expected)
    assert set(read[1].to_series()) == {text}


@pytest.mark.parametrize("rows", [["1,2", "3"], ["1,2", "3", "4,5,6"], ["1", ""]])
def test_rows_of_different_widths_are_no_table(rows):
    assert not between(rows, ["t"] * len(rows))


@settings(deadline=None)
@given(st.lists(st.tuples(plain.filter(bool), plain), min_size=1, max_size=9))
def test_variables_are_what_stands_between_the_literals(rows):
    asked, texts = [row for row, _ in rows], [text for _, text in rows]
    found = between([f"x{row},y" for row in asked], texts)
    assert found[0]["_c0"].to_list() == [f"x{row}" for row in asked]
    assert found[1].to_series().to_list() == texts


@given(st.lists(st.tuples(plain, plain), min_size=1, max_size=9))
@settings(deadline=None)
def test_a_text_may_have_commas_if_all_lines_have_as_many(texts):
    found = between(["7"] * len(texts), [f"{a},{b}" for a, b in texts])
    assert found[1].to_series().to_list() == [f"{a},{b}" for a, b in texts]


parts = ("1", ",2", '","b":"', "t", '","c":5', ',"d":"e,f"}')
edits = st.tuples(
    st.integers(0, 5), st.integers(0, 5), st.sampled_from([*parts, "", '"', ",", " ", "\\", "é", "\t", "x"])
)


@settings(max_examples=400, deadline=None)
@given(st.lists(edits, min_size=1, max_size=3), st.integers(0, 2))
@example([(0, 0, '1","b":"'), (2, 2, "")], 1)
def test_no_line_with_another_literal_is_taken(changes, place):
    """Literals move, vanish, come twice; quotes and commas stay as many, or not."""
    changed = list(parts)
    for to, source, new in changes:
        changed[to], changed[source] = changed[source], new
    lines = ['{"a":"' + "".join(parts)] * 3
    lines[1 + place :] = ['{"a":"' + "".join(changed), *lines[1 + place :]]
    literals = ('{"a":"', '","b":"', '","c":5,"d":"e,f"}')
    block = "".join(f"{line}\n" for line in lines).encode()
    if cells_between(block, 4, literals, [Variable("1,2", "cells"), Variable("t", "not")]) is not None:
        cells, _, text = lines[1 + place].removeprefix(literals[0]).removesuffix(literals[2]).partition(literals[1])
        assert lines[1 + place] == literals[0] + cells + literals[1] + text + literals[2]
        assert not set('"\\\t') & set(cells + text)
        assert cells.count(",") == 1


@given(st.text("12.x", max_size=40), st.sampled_from([0, (1 << 17) - 20]))
@example("1.2.3", 0)
def test_dots_between_digits_are_counted_across_pieces(text, before):
    places = range(1, len(text) - 1)
    dots = sum(text[i] == "." and text[i - 1].isdigit() and text[i + 1].isdigit() for i in places)
    assert count_dots_between_digits(b"-" * before + text.encode()) == dots


@pytest.mark.skipif(not kernels.available(), reason="the package was built without its compiled kernels")
def test_machine_written_lines_are_read_by_the_compiled_reader():
    lines = [f'{{"data":"{i},{i / 7!r},name-{i}","id":"{i:036d}","at":"{i}"}}\n' for i in range(1, 500)]
    variables = [Variable("1,0.5,name-1", "cells"), Variable("0", "text"), Variable("1", "not")]
    read = read_proved("".join(lines).encode(), len(lines), ('{"data":"', '","id":"', '","at":"', '"}'), variables)
    assert read is not None
    assert read[0].dtypes == [pl.Int64, pl.Float64, pl.String]
    assert read[0]["_c1"].to_list() == [i / 7 for i in range(1, 500)]
    assert read[1].to_series().to_list() == [f"{i:036d}" for i in range(1, 500)]
