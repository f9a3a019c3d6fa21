"""The compiled reader reads what the text says, to the last bit, and refuses everything it was not asked for."""

import struct
from decimal import Decimal
from io import BytesIO

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from watchpost import kernels
from watchpost.data.csv import CsvFiles
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import Source
from watchpost.kernels.rows import Field, Misfit, read_rows
from watchpost.profiles import profile

pytestmark = pytest.mark.skipif(
    not kernels.available(), reason="the package was built without its compiled kernels: install a C compiler"
)
ENDS = b',\r\n"'
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters=',\r\n"\0'), max_size=20)


class Content(Source):
    """A source whose content is at hand."""

    def __init__(self, name: str, size: int, content: bytes) -> None:
        super().__init__(name, size)
        object.__setattr__(self, "content", content)

    def open(self) -> BytesIO:
        return BytesIO(self.content)


def fields(*kinds: str) -> list[Field]:
    return [Field(b"," if i else b"", kind, ENDS) for i, kind in enumerate(kinds)]  # type: ignore[arg-type]


def read(rows: list[str], *kinds: str) -> pl.DataFrame | Misfit | None:
    return read_rows([memoryview("".join(f"{row}\n" for row in rows).encode())], len(rows), fields(*kinds), b"\n")


def bits(number: float) -> bytes:
    return struct.pack("<d", number)


def assert_reads_as_python(text: str) -> None:
    found = read([text], "fraction")
    if isinstance(found, pl.DataFrame):
        assert bits(found.item()) == bits(float(text)), text


@settings(max_examples=500)
@given(st.floats(allow_nan=False, allow_infinity=False))
@example(0.0)
@example(-0.0)
@example(1.7976931348623157e308)
@example(2.2250738585072014e-308)
@example(5e-324)
def test_a_float_is_read_back_as_it_was_written(value):
    text = repr(value)
    assert_reads_as_python(text if "." in text else text.replace("e", ".0e"))


@settings(max_examples=500)
@given(st.from_regex(r"[-+]?[0-9]{1,25}\.[0-9]{1,25}([eE][-+]?[0-9]{1,3})?", fullmatch=True))
@example("9007199254740993.0")
@example("9007199254740992.999")
@example("0.000000000000000000000000000000000000000000001")
@example("0000000000000000000000001.5")
@example("1.0e-400")
@example("1.0e400")
@example("8.5e99999")
def test_a_decimal_is_the_nearest_float(text):
    assert_reads_as_python(text)


@settings(max_examples=300)
@given(st.integers(2**52, 2**53 - 1), st.integers(-30, 40))
def test_half_way_between_two_floats_goes_to_the_even_one(mantissa, exponent):
    middle = (Decimal(mantissa) + Decimal("0.5")) * Decimal(2) ** exponent
    text = format(middle.normalize(), "f")
    assert_reads_as_python(text if "." in text else f"{text}.0")


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.booleans())
def test_a_whole_number_is_itself(value, signed):
    text = f"{value:+d}" if signed else str(value)
    found = read([text], "whole")
    assert isinstance(found, pl.DataFrame)
    assert found.item() == value


@pytest.mark.parametrize(
    "text", ["1.", ".5", "1", "1e5", "inf", "nan", " 1.5", "1.5 ", "1,5", "1.5e", "--1.5", "1.5.5", "-"]
)
def test_what_is_no_fraction_of_the_contract_is_a_misfit(text):
    found = read([text], "fraction")
    assert isinstance(found, Misfit)


@pytest.mark.parametrize("text", ["1.0", "1e5", " 7", "7 ", "- 5", "1234567890123456789", "x", "-", "+-1", "0x1"])
def test_what_is_no_whole_number_is_a_misfit_of_its_field(text):
    assert read(["1,1", f"2,{text}"], "whole", "whole") == Misfit(1)


@settings(deadline=None)
@given(
    st.lists(st.tuples(texts, st.one_of(st.none(), st.integers(-99, 99)), texts), min_size=1, max_size=30), st.data()
)
def test_rows_are_those_of_the_csv_module_however_they_lie_in_pieces(rows, data):
    lines = [f"{a},{'' if b is None else b},{c}\n".encode() for a, b, c in rows]
    cut = data.draw(st.integers(0, len(lines)))
    pieces = [memoryview(b"".join(part)) for part in (lines[:cut], lines[cut:]) if part]
    found = read_rows(pieces, len(rows), fields("cell", "whole", "cell"), b"\n")
    assert isinstance(found, pl.DataFrame)
    assert found.rows() == [(a or None, b, c or None) for a, b, c in rows]


@given(texts)
def test_text_may_be_empty_where_a_cell_is_null(text):
    found = read([f"{text},{text}"], "text", "cell")
    assert isinstance(found, pl.DataFrame)
    assert found.row(0) == (text, text or None)


@pytest.mark.parametrize(
    "rows", [["1,2"], ["1,2,3,4"], ["1,2,3", ""], ["", "1,2,3"], ["1,2,3", "1;2;3"], ['1,"2",3'], ["1,2,3\r"]]
)
def test_rows_of_another_shape_are_a_misfit(rows):
    assert isinstance(read(rows, "cell", "cell", "cell"), Misfit)


@pytest.mark.parametrize("rows", [1, 3])
def test_another_number_of_rows_is_a_misfit(rows):
    assert read_rows([memoryview(b"1,2\n3,4\n")], rows, fields("whole", "whole"), b"\n") == Misfit(None)


@pytest.mark.parametrize("data", [b"1,2", b"1,2\n3", b"1", b"\n"])
def test_data_that_ends_within_a_row_is_a_misfit(data):
    assert isinstance(read_rows([memoryview(data)], 1, fields("whole", "whole"), b"\n"), Misfit)


@settings(max_examples=300)
@given(st.binary(max_size=60), st.lists(st.sampled_from(["skipped", "whole", "fraction", "cell", "text"]), max_size=4))
def test_hostile_bytes_are_read_or_refused(data, kinds):
    """Under the sanitizers of continuous integration this also shows that nothing beyond the bytes is looked at."""
    lines = data.count(b"\n")
    found = read_rows([memoryview(data)] if data else [], lines, fields(*kinds), b"\n")
    assert found is not None
    if isinstance(found, pl.DataFrame):
        assert found.height == lines


def test_long_and_short_texts_come_back_whole():
    rows = [f"{'x' * (i % 40)},{'é' * (i % 23)}" for i in range(5_000)]
    found = read(rows, "text", "text")
    assert isinstance(found, pl.DataFrame)
    assert found.rows() == [tuple(row.split(",")) for row in rows]


cells = st.one_of(
    st.integers(-5, 10**6).map(str),
    st.floats(-9, 9).map(repr),
    st.sampled_from(["", "1.50", "+7", " 7", "007", "1e-05", "true", "nan", '"a,b"', '"x\ny"', "é"]),
    texts,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(cells, st.floats(0, 1).map(repr), cells), min_size=1, max_size=20), st.booleans())
def test_a_file_reads_the_same_without_the_compiled_reader(rows, returns):
    """Learnt from a first block, types meet cells of all sorts; quoted fields may close the way to the compiled one."""
    end = "\r\n" if returns else "\n"
    head = "".join(f"{i},{i / 7!r},name-{i}{end}" for i in range(700))
    content = f"a,b,c{end}{head}{''.join(','.join(row) + end for row in rows)}".encode()
    told = []
    for compiled in (True, False):
        quarantine = Quarantine()
        file = CsvFiles([Content("table.csv", len(content), content)], block_bytes=len(head) // 2, compiled=compiled)
        told.append((profile(file, quarantine=quarantine).statistics(), quarantine.summary()))
    assert told[0] == told[1]
