"""Rows out of request bodies, and scores back, in the forms of SageMaker's built-in containers."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.runners import BadInput, Question
from watchpost.runners._rows import parse_rows, write_scores

cells = st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False)


def tables_of(least: int) -> st.SearchStrategy[list[list[float | None]]]:
    """Tables of at least so many columns."""
    rows = st.integers(least, 5).map(lambda n: st.lists(cells, min_size=n, max_size=n))
    return rows.flatmap(lambda row: st.lists(row, min_size=1, max_size=6))


tables = tables_of(1)


def same(rows: np.ndarray, table: list[list[float | None]]) -> bool:
    wanted = np.array([[math.nan if cell is None else cell for cell in row] for row in table], dtype=np.float32)
    return np.array_equal(rows, wanted, equal_nan=True)


def csv(table: list[list[float | None]]) -> bytes:
    return "\n".join(",".join("" if cell is None else repr(cell) for cell in row) for row in table).encode()


# A single column's missing cells make blank lines, which end or begin a CSV text.
@given(tables_of(2))
def test_csv_cells_are_read_as_they_were_written(table: list[list[float | None]]) -> None:
    assert same(parse_rows(csv(table), "text/csv; charset=utf-8", None, len(table[0])), table)


@given(tables)
def test_json_in_any_envelope_holds_the_same_rows(table: list[list[float | None]]) -> None:
    names = [f"f{i}" for i in range(len(table[0]))]
    records = [dict(zip(names, row, strict=True)) for row in table]
    for body in ({"instances": table}, {"inputs": table}, table, {"instances": [{"features": row} for row in table]}):
        assert same(parse_rows(json.dumps(body).encode(), "application/json", names, len(names)), table)
    assert same(parse_rows(json.dumps({"instances": records}).encode(), "application/json", names, len(names)), table)
    lines = "\n".join(json.dumps({"features": row}) for row in table).encode()
    assert same(parse_rows(lines, "application/jsonlines", None, len(names)), table)


def test_libsvm_leaves_out_what_is_missing() -> None:
    rows = parse_rows(b"1 0:0.5 2:3\n0 1:2\n", "text/libsvm", None, 3)
    assert same(rows, [[0.5, None, 3.0], [None, 2.0, None]])


@given(
    st.binary(max_size=40), st.sampled_from(["text/csv", "application/json", "application/jsonlines", "text/libsvm"])
)
def test_whatever_comes_is_rows_or_bad_input(body: bytes, kind: str) -> None:
    try:
        rows = parse_rows(body, kind, ["a", "b"], 2)
    except BadInput:
        return
    assert rows.ndim == 2
    assert len(rows) > 0


@pytest.mark.parametrize("kind", ["image/png", "application/x-recordio-protobuf"])
def test_a_content_type_that_is_not_read_is_named(kind: str) -> None:
    with pytest.raises(BadInput, match=kind):
        parse_rows(b"1", kind, None, 1)


def answer(scores: object, kind: str = "text/csv", accept: str = "", *, lines: bool = False) -> tuple[bytes, str]:
    written = write_scores(np.array(scores, dtype=np.float32), Question(b"", kind, accept), lines=lines)
    return written.body, written.content_type


def test_csv_scores_are_joined_by_commas_as_the_container_does() -> None:
    # Source: aws/sagemaker-xgboost-container, algorithm_mode/serve.py, invocations().
    assert answer([0.1, 0.25]) == (b"0.1,0.25", "text/csv; charset=utf-8")
    assert answer([0.1, 0.25], lines=True)[0] == b"0.1\n0.25\n"


def test_several_scores_of_a_row_stay_on_its_line() -> None:
    assert answer([[0.1, 0.9], [0.5, 0.5]])[0] == b"0.1,0.9\n0.5,0.5\n"


@pytest.mark.parametrize(
    ("kind", "accept", "body"),
    [
        ("text/csv", "application/json", b'{"predictions":[{"score":0.1}]}'),
        ("application/json", "", b'{"predictions":[{"score":0.1}]}'),
        ("application/json", "*/*", b'{"predictions":[{"score":0.1}]}'),
        ("application/jsonlines", "", b'{"score":0.1}\n'),
        ("application/json", "text/csv", b"0.1"),
        ("text/libsvm", "", b"0.1"),
    ],
)
def test_the_answer_has_the_form_asked_for_else_that_of_the_request(kind: str, accept: str, body: bytes) -> None:
    assert answer([0.1], kind, accept)[0] == body
