"""Tables in memory: whatever library made them, the same columns come out."""

import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from subprocess import run

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing.parametric import dataframes

from watchpost.data.flatten import flatten_frame
from watchpost.data.frames import Frame
from watchpost.data.quarantine import Quarantine
from watchpost.errors import UnreadableSource

ALLOWED = (pl.Int64, pl.UInt64, pl.Int128, pl.Float64, pl.Boolean, pl.String, pl.Null)


def read(table: object) -> pl.DataFrame:
    return pl.concat(Frame(table).batches(Quarantine()))


@settings(deadline=None)
@given(dataframes(excluded_dtypes=[pl.Object, pl.Extension], max_size=6, max_cols=4))
def test_any_frame_keeps_its_rows_and_comes_out_in_the_agreed_dtypes(frame):
    flat = flatten_frame(frame)
    assert flat.height == frame.height
    assert all(dtype in ALLOWED for dtype in flat.dtypes)


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.data())
def test_slices_put_together_are_the_table(values, data):
    assert read({"a": values})["a"].to_list() == values


def test_times_and_other_kinds_become_documented_text():
    noon = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "day": [date(2026, 11, 20)],
            "zoned": [noon],
            "plain": [noon.replace(tzinfo=None, microsecond=500_000)],
            "time": [time(23, 33, 12)],
            "span": [timedelta(hours=1, minutes=30)],
            "bytes": [b"\x00\xff"],
            "price": [Decimal("1.50")],
            "kind": pl.Series(["a"], dtype=pl.Categorical),
        }
    )
    assert flatten_frame(frame).row(0) == (
        "2026-11-20",
        "2026-11-20T12:30:00+00:00",
        "2026-11-20T12:30:00.500",
        "23:33:12",
        "PT1H30M",
        "00ff",
        1.5,
        "a",
    )


def test_nested_columns_are_flattened_and_colliding_names_told_apart():
    frame = pl.DataFrame({"a.b": [1], "a": [{"b": 2, "c": [3, 4]}]})
    assert flatten_frame(frame).rows(named=True) == [{"a.b": 1, "a.b#2": 2, "a.c[0]": 3, "a.c[1]": 4}]


def test_pandas_polars_and_pyarrow_say_the_same():
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    columns = {"n": [1, 2], "x": [0.5, None], "s": ["a", None]}
    expected = pl.DataFrame(columns)
    tables = [
        pandas.DataFrame(columns, index=["p", "q"]),
        pyarrow.table(columns),
        expected,
        expected.lazy(),
        columns,
        pyarrow.table(columns).to_reader(),
    ]
    for table in tables:
        assert read(table).rows() == expected.rows()


def test_names_become_text_and_repeated_ones_are_told_apart():
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    assert read(pandas.DataFrame([[1, 2, 3]], columns=[0, "a", "a"])).columns == ["0", "a", "a#2"]
    assert read(pyarrow.Table.from_arrays([[1], [2]], names=["a", "a"])).columns == ["a", "a#2"]


def test_a_stream_that_can_be_read_once_still_gives_two_passes():
    pyarrow = pytest.importorskip("pyarrow")
    dataset = Frame(pyarrow.table({"a": [1]}).to_reader())
    assert [next(iter(dataset.batches(Quarantine()))).height for _ in range(2)] == [1, 1]


@pytest.mark.parametrize("thing", [7, ["a"], None])
def test_what_is_no_table_is_refused(thing):
    with pytest.raises(UnreadableSource, match="no table"):
        Frame(thing)


def test_neither_pandas_nor_pyarrow_nor_obstore_is_imported():
    code = (
        "import sys, watchpost.data.open; print(sorted({'pandas', 'pyarrow', 'obstore', 'scipy'} & set(sys.modules)))"
    )
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
