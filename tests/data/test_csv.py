"""CSV: the fast way and the record-by-record way agree, and nothing that is broken gets lost."""

import csv
import gzip
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.data.csv import CsvFiles
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import Source, find_sources
from watchpost.errors import UnreadableSource
from watchpost.profiles import Statistics, profile


class Bytes(Source):
    """A source whose content is at hand."""

    content: bytes = b""

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.content)


def source(content: bytes) -> Source:
    made = Bytes("memory.csv", len(content))
    object.__setattr__(made, "content", content)
    return made


def read(content: bytes, **options) -> tuple[list[pl.DataFrame], Quarantine]:
    quarantine = Quarantine()
    return list(CsvFiles([source(content)], **options).batches(quarantine)), quarantine


def rows(frames: list[pl.DataFrame]) -> list[tuple[object, ...]]:
    return [row for frame in frames for row in frame.rows()]


cells = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(-1e9, 1e9).map(repr),
    st.sampled_from(
        ["", ".5", "5.", "NaN", "inf", "1e5", "1.e5", "007", "+7", "- 7", " 7", "  7", "7 ", "1.5.2", "St. John"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    st.sampled_from(['a "b" c', "x,y", "line\nbreak", '"']),
)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Tables whose columns are mostly of one kind, as columns are."""
    kinds = [
        draw(st.sampled_from([st.integers(-99, 99).map(str), st.floats(1, 9).map("{:.3f}".format), cells]))
        for _ in range(3)
    ]
    return draw(st.lists(st.tuples(*kinds).map(list), min_size=1, max_size=40))


def written(table: list[list[str]], line_end: str = "\n") -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=line_end).writerows(table)
    return stream.getvalue().encode()


MANY = [[str(i), f"{i}.25", f"{i / 7:.3f}"] for i in range(1_500)]  # enough for columns to be read as numbers later


@settings(max_examples=200, deadline=None)
@given(tables(), st.sampled_from([1, 64, 300, 1 << 24]), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_whichever_way_a_block_is_read_the_profile_is_the_same(table, block, line_end, many):
    """One block is always read as text; later ones as numbers where the first allows it."""
    head = written([["a", "b", "c"], *(MANY if many else [])], line_end)
    content = head + written(table, line_end)
    profiles = []
    for size in (len(head) + block if many else block, 1 << 24):
        quarantine = Quarantine()
        blocks = CsvFiles([source(content)], block_bytes=size)
        profiles.append((exact(profile(blocks, quarantine=quarantine).statistics()), quarantine.total))
    assert profiles[0] == profiles[1]


def exact(statistics: Statistics) -> list[tuple[object, ...]]:
    """All but the moments, whose last bit depends on how the rows were cut."""
    return [
        (
            feature.name,
            feature.present,
            feature.missing,
            feature.classes,
            feature.distinct,
            feature.categories,
            feature.numeric and (feature.numeric.min, feature.numeric.max, feature.numeric.sketch),
        )
        for feature in statistics.features
    ]


@settings(max_examples=300, deadline=None)
@given(tables(), st.sampled_from([1, 200, 1 << 24]))
def test_every_cell_is_that_of_the_standard_librarys_reader(table, block):
    content = written(table)
    quarantine = Quarantine()
    frames = list(CsvFiles([source(content)], header=False, block_bytes=block).batches(quarantine))
    expected = [record for record in csv.reader(io.StringIO(content.decode(), newline="")) if record]
    assert quarantine.total == 0
    seen = rows(frames)
    assert len(seen) == len(expected)
    for ours, theirs in zip(seen, expected, strict=True):
        for cell, text in zip(ours, theirs, strict=True):
            assert cell == (type(cell)(text) if isinstance(cell, int | float) else text or None) or (cell == "" == text)


broken_lines = st.sampled_from([b"1,2", b"1,2,3,4", b"\xff\xfe,2,3", b'1,"2,3', b"x"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.just(b"1,2.5,x"), broken_lines), min_size=2, max_size=60), st.sampled_from([40, 1 << 24]))
def test_every_line_is_read_or_quarantined_with_its_number(lines, block):
    lines = [b"1,2.5,x", *lines]
    quarantine = Quarantine(keep=1000)
    content = b"a,b,c\n" + b"\n".join(lines) + b"\n"
    frames = list(CsvFiles([source(content)], block_bytes=block).batches(quarantine))
    bad = [number for number, line in enumerate(lines, start=2) if line != b"1,2.5,x"]
    assert sorted(record.line for record in quarantine.summary().first) == bad
    assert sum(frame.height for frame in frames) == len(lines) - len(bad)


def test_a_record_cut_off_at_the_end_is_named_as_such():
    frames, quarantine = read(b"a,b\n1,2\n3")
    assert rows(frames) == [("1", "2")]
    assert quarantine.summary().first[0].reason == (
        "wrong number of fields: expected 2, found 1, and the file ends inside this line"
    )


def test_an_unclosed_quote_costs_one_record_and_not_the_file():
    frames, quarantine = read(b'a,b\n1,"2\n' + b"3,4\n" * 500)
    assert quarantine.summary().reasons == {"unclosed quote": 1}
    assert sum(frame.height for frame in frames) == 500


def test_a_quoted_field_may_span_lines():
    frames, quarantine = read(b'a,b\n1,"two\nlines"\n3,4\n')
    assert (rows(frames), quarantine.total) == ([("1", "two\nlines"), ("3", "4")], 0)


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert read(b"\xef\xbb\xbfage,b\n1,2\n")[0][0].columns == ["age", "b"]


def test_a_utf_16_file_is_refused_with_what_to_do():
    with pytest.raises(UnreadableSource, match="Save it as UTF-8"):
        read("a,b\n1,2\n".encode("utf-16"))


def test_another_delimiter_is_noticed():
    with pytest.raises(UnreadableSource, match=r"--delimiter ';'"):
        read(b"a;b;c\n1;2;3\n4;5;6\n")
    assert read(b"a;b\n1;2\n", delimiter=";")[0][0].columns == ["a", "b"]


def test_duplicate_and_empty_names_are_told_apart():
    assert read(b"a,,a\n1,2,3\n")[0][0].columns == ["a", "_c1", "a#2"]


def test_a_file_without_header_takes_the_baselines_names_when_there_are_as_many():
    names = ("x", "y")
    assert read(b"1,2\n", header=False, names=names)[0][0].columns == ["x", "y"]
    assert read(b"1,2,3\n", header=False, names=names)[0][0].columns == ["_c0", "_c1", "_c2"]


def test_a_header_alone_still_names_the_columns():
    frames, _ = read(b"a,b\n")
    assert (frames[0].columns, frames[0].height) == (["a", "b"], 0)


def test_an_empty_file_has_no_batch():
    assert read(b"")[0] == []


def test_a_compressed_file_that_is_cut_off_is_an_error(tmp_path: Path):
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 100_000)[:-50])
    with pytest.raises(UnreadableSource, match="cut off"):
        list(CsvFiles(find_sources(path)).batches(Quarantine()))


def test_ten_thousand_columns_are_read():
    names = ",".join(f"c{i}" for i in range(10_000)).encode()
    frames, quarantine = read(names + b"\n" + b",".join([b"1"] * 10_000) + b"\n")
    assert (frames[0].shape, quarantine.total) == ((1, 10_000), 0)


def test_numbers_are_read_as_numbers_where_that_is_certain():
    head = written([["a", "b", "c"], *MANY])
    frames = list(CsvFiles([source(head + b"1,2.5,0.1\n" * 100)], block_bytes=len(head)).batches(Quarantine()))
    assert frames[-1].dtypes == [pl.Int64, pl.Float64, pl.Float64]


@pytest.mark.parametrize("text", ["v1.5", "a long text with version 1.5 in it"])
def test_a_dot_in_a_text_does_not_stand_for_the_dot_a_number_lacks(text):
    head = written([["a", "b"], *([f"{i}.25", "words without any"] for i in range(1_500))])
    content = head + written([["0.5", "x"]] * 100 + [["5", text]])
    frames = list(CsvFiles([source(content)], block_bytes=len(head)).batches(Quarantine()))
    assert frames[-1]["a"].to_list()[-1] == "5"
