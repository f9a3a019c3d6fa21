"""Capture files: one table out of whatever a model was asked and answered, whichever way it was read."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from watchpost.data.capture import CaptureFiles, _read_exactly, _Window
from watchpost.data.identifiers import RepeatedIds
from watchpost.data.lines import LineBlock
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import find_sources
from watchpost.data.uniform import read_uniform

cells = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(repr),
    st.sampled_from(
        ["", "1", "-0", "+5", "- 5", " 7", "1.5", ".5", "5.", "1e5", "1.0E+5", "1e999", "NaN", "true", "cat"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r,"), max_size=6),
)


@st.composite
def columns_of_cells(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(1, 4))
    kinds = [
        draw(st.sampled_from([cells, st.integers().map(str), st.floats(allow_nan=False).map(repr)]))
        for _ in range(width)
    ]
    rows = draw(st.lists(st.tuples(*kinds), min_size=1, max_size=60))
    if draw(st.booleans()):
        rows.insert(draw(st.integers(0, len(rows))), tuple("x" for _ in range(draw(st.integers(1, 5)))))
    return [list(row) for row in rows]


def record(
    asked: str | None = "1,2",
    answered: str | None = "0.5",
    event: str | None = "e",
    encoding: str = "CSV",
    **more: object,
) -> dict[str, object]:
    def side(data: str, mode: str) -> dict[str, str]:
        return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": encoding}

    sides = {"endpointInput": asked and side(asked, "INPUT"), "endpointOutput": answered and side(answered, "OUTPUT")}
    return {
        "captureData": {k: v for k, v in sides.items() if v is not None},
        "eventMetadata": {"eventId": event, "inferenceTime": "2026-11-20T23:33:12Z", **more},
        "eventVersion": "0",
    }


def written(*records: object) -> bytes:
    return "".join(json.dumps(r, separators=(",", ":"), ensure_ascii=False) + "\n" for r in records).encode()


def block_of(data: bytes) -> LineBlock:
    return LineBlock(data, data.count(b"\n"), (0,), (("f", 1),))


def read(
    folder: Path, data: bytes, names: Sequence[str] | None = None, ids: RepeatedIds | None = None
) -> tuple[pl.DataFrame, Quarantine]:
    file = folder / "capture.jsonl"
    file.write_bytes(data)
    quarantine = Quarantine()
    batches = list(CaptureFiles(find_sources(file), names=names).counting(ids).batches(quarantine))
    return pl.concat(batches) if batches else pl.DataFrame(), quarantine


def side(data: object, encoding: str = "JSON", content_type: str = "application/json") -> dict[str, object]:
    text = data if isinstance(data, str) else json.dumps(data)
    return {"data": text, "encoding": encoding, "observedContentType": content_type}


def sides(output: object, input_: object) -> dict[str, object]:
    return {"captureData": {"endpointOutput": output, "endpointInput": input_}, "eventMetadata": {"eventId": "e"}}


@settings(deadline=None)
@given(columns_of_cells(), st.booleans(), st.sampled_from(["", "\n", "\r\n"]), st.booleans())
@example([["1"], ["2.5"]], False, "", True)
@example([["1e5"], ["1e999"]], False, "", True)
@example([["{1"], ["2"]], False, "", True)
def test_the_fast_way_gives_what_the_exact_way_gives(rows, answered, ending, event):
    data = written(
        *(
            record(",".join(cells) + ending, "0.5" if answered else None, event=f"id{i}" if event else None)
            for i, cells in enumerate(rows)
        )
    )
    fast = read_uniform(data, data.count(b"\n"))
    if fast is None:
        return
    quarantine = Quarantine()
    ids, frame, _ = _read_exactly(block_of(data), _Window(None), quarantine)
    assert quarantine.total == 0
    assert_frame_equal(fast.frame, frame)
    assert fast.ids.to_list() == [i for i in ids if i is not None]


@settings(deadline=None)
@given(st.data())
def test_a_changed_byte_never_goes_unnoticed_by_the_fast_way(data):
    good = written(*(record(f"{i},a{i}", f"0.{i}", event=f"id{i}") for i in range(1, 6)))
    place = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.sampled_from(b'{}":,\\1a\n\r\t \x00\xff'))
    mutated = good[:place] + bytes([byte]) + good[place + 1 :]
    if not mutated.endswith(b"\n"):
        return
    fast = read_uniform(mutated, mutated.count(b"\n"))
    quarantine = Quarantine()
    ids, frame, _ = _read_exactly(block_of(mutated), _Window(None), quarantine)
    if fast is not None:
        assert quarantine.total == 0
        assert_frame_equal(fast.frame, frame)
        assert fast.ids.to_list() == ids.to_list()


@settings(deadline=None, max_examples=15)
@given(st.integers(200, 4000))
def test_the_size_of_blocks_does_not_change_the_rows(tmp_path_factory, size):
    folder = tmp_path_factory.mktemp("capture")
    (folder / "a.jsonl").write_bytes(written(*(record(f"{i},{i / 8}", "0.5", event=str(i)) for i in range(40))))
    (folder / "b.jsonl").write_bytes(b"broken\n" + written(*(record(f"{i},x", "1.5", event=str(i)) for i in range(20))))
    quarantine = Quarantine()
    batches = list(CaptureFiles(find_sources(folder), block_bytes=size).batches(quarantine))
    text = pl.concat([b.select(pl.all().cast(pl.String)) for b in batches])
    assert text.height == 60
    assert text["_c1"].to_list() == [str(i) for i in [*range(40), *range(20)]]
    assert [(r.source, r.line) for r in quarantine.summary().first] == [(str(folder / "b.jsonl"), 1)]


def test_lines_of_one_writer_are_read_the_fast_way():
    plain = written(*(record(f"{i},x", f"{i / 7}", event=f"e{i}") for i in range(50)))
    with_inference_id = written(*(record(f"{i},x\n", "0.5", event=f"e{i}", inferenceId=f"i{i}") for i in range(50)))
    assert read_uniform(plain, 50) is not None
    given_ids = read_uniform(with_inference_id, 50)
    assert given_ids is not None
    assert given_ids.ids[3] == "i3"


def test_output_columns_stand_before_input_columns_and_take_the_given_names(tmp_path):
    frame, _ = read(tmp_path, written(record("44,blue", "1"), record("45,red", "0")), names=["label", "age", "colour"])
    assert frame.to_dict(as_series=False) == {"label": [1, 0], "age": [44, 45], "colour": ["blue", "red"]}


def test_without_names_that_fit_columns_are_named_by_position(tmp_path):
    frame, quarantine = read(tmp_path, written(record("44,blue", "1")), names=["label", "age"])
    assert frame.columns == ["_c0", "_c1", "_c2"]
    assert quarantine.total == 0


def test_an_empty_cell_is_missing(tmp_path):
    frame, _ = read(tmp_path, written(record("1,,a", "0.5"), record("2,,", "0.5")))
    assert frame["_c2"].dtype == pl.Null
    assert frame["_c3"].to_list() == ["a", None]


def test_whole_numbers_beside_fractions_stay_text_for_their_class_would_be_lost(tmp_path):
    frame, _ = read(tmp_path, written(record("1,1.0", None), record("2.5,2.5", None)))
    assert frame.dtypes == [pl.String, pl.Float64]


def test_a_row_of_another_width_is_quarantined_with_both_widths(tmp_path):
    data = written(record("1,2"), record("1,2,3"), record("4,5"))
    frame, quarantine = read(tmp_path, data)
    assert frame.height == 2
    (bad,) = quarantine.summary().first
    assert (bad.line, bad.reason) == (2, "wrong number of columns: expected 3 CSV cells, found 4")


def test_the_names_decide_the_width_when_any_row_has_it(tmp_path):
    data = written(record("1,2,3"), record("1,2,3"), record("4,5"))
    frame, quarantine = read(tmp_path, data, names=["a", "b", "c"])
    assert (frame.columns, frame.height, quarantine.total) == (["a", "b", "c"], 1, 2)


def test_several_rows_in_one_record_pair_by_position(tmp_path):
    frame, quarantine = read(tmp_path, written(record("1,a\n2,b\n", "0.1\n0.2\n")))
    assert frame.rows() == [(0.1, 1, "a"), (0.2, 2, "b")]
    assert quarantine.total == 0


def test_sides_that_differ_in_rows_are_quarantined(tmp_path):
    frame, quarantine = read(tmp_path, written(record("1\n2\n3", "0.1\n0.2"), record("1", "0.5")))
    assert frame.height == 1
    assert quarantine.summary().reasons == {"sides differ in rows": 1}


def test_quoted_cells_may_hold_commas(tmp_path):
    frame, _ = read(tmp_path, written(record('1,"a, b","say ""hi"""', "0.5")))
    assert frame.row(0) == (0.5, 1, "a, b", 'say "hi"')


def test_json_members_are_named_by_their_keys_and_flattened(tmp_path):
    data = written(sides(side({"score": 0.5}), side({"age": 44, "home": {"city": "X"}, "f": [1, 2.5]})))
    frame, _ = read(tmp_path, data)
    assert frame.to_dicts() == [{"score": 0.5, "age": 44, "home.city": "X", "f[0]": 1, "f[1]": 2.5}]


def test_arrays_of_instances_and_predictions_pair_by_position(tmp_path):
    data = written(sides(side({"predictions": [{"p": 0.1}, {"p": 0.2}]}), side({"instances": [{"x": 1}, {"x": 2}]})))
    frame, _ = read(tmp_path, data)
    assert frame.rows(named=True) == [{"p": 0.1, "x": 1}, {"p": 0.2, "x": 2}]


def test_json_lines_in_a_payload_are_rows(tmp_path):
    frame, _ = read(tmp_path, written(sides(side('{"p":1}\n{"p":2}\n'), side('{"x":3}\n{"x":4}'))))
    assert frame.rows(named=True) == [{"p": 1, "x": 3}, {"p": 2, "x": 4}]


def test_each_side_is_decoded_by_its_own_encoding(tmp_path):
    """The original gave up on the whole window here (contract 1.6, item 1)."""
    csv = {"data": "44,blue", "encoding": "CSV"}
    encoded = base64.b64encode(b"45,red").decode()
    data = written(
        sides(side({"score": 1}), csv), sides(side({"score": 0}), side(encoded, "BASE64", "text/csv; charset=utf-8"))
    )
    frame, quarantine = read(tmp_path, data, names=["score", "age", "colour"])
    assert quarantine.total == 0
    assert frame.sort("age").rows(named=True) == [
        {"age": "44", "colour": "blue", "score": 1},
        {"age": "45", "colour": "red", "score": 0},
    ]


@pytest.mark.parametrize(
    ("content", "content_type", "row"),
    [
        (b"1,2.5", "application/octet-stream", (1, 2.5)),
        (b'{"a":1}', "", (1,)),
        (b'{"a":1}', "application/json", (1,)),
        (b"0.25\n", "", (0.25,)),
    ],
)
def test_base64_is_read_by_its_type_or_else_by_its_looks(tmp_path, content, content_type, row):
    data = {"captureData": {"endpointInput": side(base64.b64encode(content).decode(), "BASE64", content_type)}}
    frame, _ = read(tmp_path, written(data))
    assert frame.row(0) == row


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "not JSON"),
        (b'{"captureData":{"endpointInput":{"data":"1","encoding":"CSV"}}', "not JSON"),
        (b"[1]", "not a capture record"),
        (b'{"captureData":{}}', "not a capture record"),
        (b'{"captureData":{"endpointInput":{"data":5,"encoding":"CSV"}}}', "not a capture record"),
        (b'{"captureData":{"endpointInput":{"data":"1","encoding":"XML"}}}', "unknown encoding"),
        (b'{"captureData":{"endpointInput":{"data":"AAH/","encoding":"BASE64"}}}', "not base64 text"),
        (b'{"captureData":{"endpointInput":{"data":"aGVsbG8=","encoding":"BASE64"}}}', "unreadable payload"),
        (b'{"captureData":{"endpointInput":{"data":"{\\"a\\":1,\\"a\\":2}","encoding":"JSON"}}}', "duplicate key"),
        (b'{"captureData":{"endpointInput":{"data":"{\\"a\\":NaN}","encoding":"JSON"}}}', "not JSON"),
        (b'{"captureData":{"endpointInput":{"data":"\xff","encoding":"CSV"}}}', "invalid UTF-8"),
        (b'{"x":"\xff","captureData":{"endpointInput":{"data":"1","encoding":"CSV"}}}', "invalid UTF-8"),
        (b'{"captureData":{"endpointInput":{"data":"\\ud800","encoding":"CSV"}}}', "not JSON"),
    ],
)
def test_an_unreadable_record_is_quarantined_and_the_others_are_read(tmp_path, line, reason):
    frame, quarantine = read(tmp_path, written(record()) + b"\n" + line + b"\n" + written(record()))
    assert frame.height == 2
    (bad,) = quarantine.summary().first
    assert (bad.line, quarantine.summary().reasons) == (3, {reason: 1})


def test_a_key_on_both_sides_stays_apart(tmp_path):
    frame, _ = read(tmp_path, written(sides(side({"id": 1}), side({"id": 2, "x": 3}))))
    assert frame.to_dicts() == [{"id": 1, "endpointInput.id": 2, "x": 3}]


def test_repeated_inference_ids_are_counted(tmp_path):
    counter = RepeatedIds()
    data = written(record(inferenceId="a"), record(inferenceId="b"), record(inferenceId="a"), record(event="z"))
    read(tmp_path, data, ids=counter)
    counts = counter.counts()
    assert (counts.records, counts.repeated, counts.exact) == (4, 1, True)


def test_the_recorded_captures_of_the_original_are_read(shared):
    folder = shared / "golden/sagemaker-sdk-fixtures/monitor"
    quarantine = Quarantine()
    csv = pl.concat(CaptureFiles(find_sources(folder / "capture.jsonl")).batches(quarantine))
    json_ = pl.concat(CaptureFiles(find_sources(folder / "captured-data.jsonl")).batches(quarantine))
    assert quarantine.total == 0
    assert csv.shape == (44, 8)
    assert csv.row(0) == (0.302709460258, 9, 45, 45, 42, 7, 5, 0)
    assert json_.rows(named=True)[:3] == [
        {"predictions": 3.5, "instances": 1.0},
        {"predictions": 4.0, "instances": 2.0},
        {"predictions": 5.5, "instances": 5.0},
    ]
