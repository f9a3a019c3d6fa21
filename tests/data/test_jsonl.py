"""JSON lines and documents: kinds kept, faults named."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.data.cells import as_text, scalar_column
from watchpost.data.jsonl import JsonDocuments, JsonLines
from watchpost.data.quarantine import Quarantine
from watchpost.data.records import RecordError, decode_json
from watchpost.data.sources import find_sources
from watchpost.errors import UnreadableSource

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**200), 2**200),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)


def read(folder: Path, data: bytes) -> tuple[pl.DataFrame, Quarantine]:
    file = folder / "data.jsonl"
    file.write_bytes(data)
    quarantine = Quarantine()
    batches = list(JsonLines(find_sources(file)).batches(quarantine))
    return (batches[0] if batches else pl.DataFrame()), quarantine


@settings(deadline=None)
@given(st.lists(st.dictionaries(names, scalars, min_size=1, max_size=4), min_size=1, max_size=8))
def test_every_cell_is_found_again_as_its_own_text(tmp_path_factory, rows):
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    frame, quarantine = read(tmp_path_factory.mktemp("j"), data)
    assert quarantine.total == 0
    assert frame.height == len(rows)
    for found, row in zip(frame.iter_rows(named=True), rows, strict=True):
        assert {k: as_text(v) for k, v in found.items() if v is not None} == {
            k: as_text(v) for k, v in row.items() if v is not None
        }


@given(st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)))
def test_a_value_without_repeated_keys_is_decoded_as_the_standard_library_does(value):
    assert decode_json(json.dumps(value).encode()) == json.loads(json.dumps(value))


@given(st.dictionaries(names, st.one_of(scalars, st.text(':" ')), min_size=1, max_size=4), st.data())
def test_a_repeated_key_is_always_found(members, data):
    key = data.draw(st.sampled_from(sorted(members)))
    text = json.dumps(members)[:-1] + f", {json.dumps(key, ensure_ascii=data.draw(st.booleans()))} : 1}}"
    with pytest.raises(RecordError, match="duplicate key"):
        decode_json(b'{"a":[' + text.encode("utf-8", "surrogatepass") + b"]}")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, None], pl.Int64),
        ([1.0, None], pl.Float64),
        ([True, None], pl.Boolean),
        (["1", None], pl.String),
        ([None], pl.Null),
        ([2**63, 1], pl.Int128),
        ([2**127, 1], pl.String),
        ([1, 2.5], pl.String),
        ([1, True], pl.String),
    ],
)
def test_kinds_decide_the_dtype(values, dtype):
    column = scalar_column("x", values)
    assert column.dtype == dtype
    assert [as_text(v) for v in column] == [as_text(v) for v in values]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a":1', "not JSON"),
        (b"[1]", "not an object"),
        (b'"x"', "not an object"),
        (b'{"a":1,"a":2}', "duplicate key"),
        (b'{"a":"\xff"}', "invalid UTF-8"),
        (b"{}", "empty record"),
        (b'{"a":[]}', "empty record"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":-Infinity}', "not JSON"),
        (b'{"a":1e999}', "not JSON"),
        (b'{"a.b":1,"a":{"b":2}}', "colliding names"),
        (b'{"a":' + b"[" * 90 + b"1" + b"]" * 90 + b"}", "nested too deep"),
        (b'{"a":' + b"[" * 90_000 + b"]" * 90_000 + b"}", "not JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_a_bad_line_is_quarantined_with_its_number_and_the_others_are_read(tmp_path, line, reason):
    frame, quarantine = read(tmp_path, b'\xef\xbb\xbf{"a":1}\n\n' + line + b'\n{"a":2}')
    assert frame["a"].to_list() == [1, 2]
    (bad,) = quarantine.summary().first
    assert (bad.line, quarantine.summary().reasons) == (3, {reason: 1})


def test_nested_members_become_flat_columns(tmp_path):
    frame, _ = read(tmp_path, b'{"a":{"b":[1,{"c":"x"}],"d":{}},"e":[]}\n{"a":{"b":[2]}}\n')
    assert frame.to_dict(as_series=False) == {"a.b[0]": [1, 2], "a.b[1].c": ["x", None]}


@pytest.mark.parametrize("text", ['[{"a":1},{"a":2}]', '\ufeff [\n{"a":1},\n{"a":2}\n]\n'])
def test_a_document_holds_one_row_per_element(tmp_path, text):
    (tmp_path / "d.json").write_text(text, encoding="utf-8")
    (frame,) = JsonDocuments(find_sources(tmp_path)).batches(Quarantine())
    assert frame["a"].to_list() == [1, 2]


def test_an_element_that_is_no_object_is_quarantined_by_its_number(tmp_path):
    (tmp_path / "d.json").write_text('[{"a":1}, 7]')
    quarantine = Quarantine()
    list(JsonDocuments(find_sources(tmp_path)).batches(quarantine))
    assert quarantine.summary().first[0].line == 2


def test_a_document_that_is_no_json_is_an_error(tmp_path):
    (tmp_path / "d.json").write_text('[{"a":1},')
    with pytest.raises(UnreadableSource, match="not JSON"):
        list(JsonDocuments(find_sources(tmp_path)).batches(Quarantine()))
