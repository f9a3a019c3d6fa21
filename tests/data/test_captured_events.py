"""Captures as predictions under their events, and the labels that meet them, batch by batch."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from watchpost.data.captured_events import CapturedEvents, _named, _read_exactly
from watchpost.data.dataset import Dataset
from watchpost.data.frames import Frame
from watchpost.data.ground_truth import EVENT_ID, EVENT_ROW, GroundTruthFiles
from watchpost.data.labels import Coverage, join_batches, join_labels
from watchpost.data.ledger import last_labels
from watchpost.data.lines import LineBlock
from watchpost.data.open import open_dataset
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import find_sources
from watchpost.data.uniform import read_uniform
from watchpost.errors import InputError

numbers = st.one_of(st.integers(-999, 999).map(str), st.floats(-9, 9).map(repr), st.sampled_from(["cat", "", "1e5"]))


def line(answered: str | None, asked: str | None, truth: str | None = None, encoding: str = "CSV", **ids: str) -> bytes:
    sides = {"endpointOutput": answered, "endpointInput": asked}
    data = {name: {"data": text, "encoding": encoding} for name, text in sides.items() if text is not None}
    record: dict[str, object] = {"captureData": data, "eventMetadata": ids}
    if truth is not None:
        record["groundTruthData"] = {"data": truth, "encoding": "CSV"}
    return json.dumps(record).encode() + b"\n"


def block(lines: list[bytes]) -> LineBlock:
    return LineBlock(b"".join(lines), len(lines), (0,), (("capture.jsonl", 1),))


def read(folder: Path, lines: list[bytes]) -> tuple[pl.DataFrame, Quarantine]:
    (folder / "capture.jsonl").write_bytes(b"".join(lines))
    quarantine = Quarantine()
    frames = list(CapturedEvents(find_sources(folder / "capture.jsonl")).batches(quarantine))
    return pl.concat(frames, how="diagonal_relaxed"), quarantine


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=30), st.booleans(), st.booleans())
@settings(max_examples=200)
def test_reading_fast_equals_reading_line_by_line(rows, merged, identified):
    ids = [{"eventId": f"e{place}", "inferenceId": f"i{place}"} if identified else {} for place in range(len(rows))]
    lines = [
        line(f"{a},{b}", f"{c},x", d if merged else None, **own) for (a, b, c, d), own in zip(rows, ids, strict=True)
    ]
    whole = block(lines)
    uniform = read_uniform(whole.data, whole.count)
    if uniform is not None:
        assert_frame_equal(_named(uniform), _read_exactly(whole, Quarantine())[0])


def test_alike_lines_are_read_fast():
    lines = [line(f"0.{place}", "1,2", "1", eventId=f"e{place}") for place in range(5)]
    assert read_uniform(b"".join(lines), 5) is not None


def test_cells_are_named_by_their_side_and_place(tmp_path: Path):
    frame, _ = read(tmp_path, [line("0.5,1", "7,north", "1", eventId="e", inferenceId="i")])
    assert frame.rows(named=True) == [
        {
            EVENT_ID: "i",
            EVENT_ROW: 0,
            "endpointOutput_0": 0.5,
            "endpointOutput_1": 1,
            "endpointInput_0": 7,
            "endpointInput_1": "north",
            "groundTruthData_0": 1,
        }
    ]


def test_cells_of_json_are_named_by_their_side_and_key(tmp_path: Path):
    answered = json.dumps({"predictions": [{"score": 0.5}, {"score": 0.25}]})
    asked = json.dumps({"instances": [{"age": 31, "town": "Oslo"}, {"age": 40, "town": "Rome"}]})
    frame, _ = read(tmp_path, [line(answered, asked, encoding="JSON", eventId="e")])
    assert frame.rows() == [("e", 0, 0.5, 31, "Oslo"), ("e", 1, 0.25, 40, "Rome")]
    assert frame.columns[2:] == ["endpointOutput_score", "endpointInput_age", "endpointInput_town"]


def test_elements_of_a_bare_array_are_named_by_their_place(tmp_path: Path):
    frame, _ = read(tmp_path, [line("[0.1, 0.9]", None, encoding="JSON", eventId="e")])
    assert frame.columns[2:] == ["endpointOutput_0", "endpointOutput_1"]


def test_the_merge_of_a_batch_transform_is_read(tmp_path: Path):
    """Contract 6.2: the merged record of a batch transform, as it stands there."""
    record = (
        '{"eventMetadata":{"eventId":"ae4ec948"},"eventVersion":"0",'
        '"groundTruthData":{"data":"{\\"label\\": 1}","encoding":"JSON"},'
        '"captureData":{"batchTransformOutput":{"data":"{\\"SageMakerOutput\\":{\\"predicted_label\\":1,'
        '\\"score\\":0.98},\\"features\\":[28,2]}","encoding":"JSON"}}}\n'
    )
    frame, quarantine = read(tmp_path, [record.encode()])
    assert quarantine.total == 0
    assert frame.row(0, named=True) == {
        EVENT_ID: "ae4ec948",
        EVENT_ROW: 0,
        "endpointOutput_SageMakerOutput.predicted_label": 1,
        "endpointOutput_SageMakerOutput.score": 0.98,
        "endpointOutput_features[0]": 28,
        "endpointOutput_features[1]": 2,
        "groundTruthData_label": 1,
    }


def test_sides_that_differ_in_rows_are_set_aside_and_the_rest_is_read(tmp_path: Path):
    frame, quarantine = read(tmp_path, [line("1\n2", "5", eventId="a"), line("3", "6", eventId="b")])
    assert frame[EVENT_ID].to_list() == ["b"]
    assert quarantine.summary().reasons == {"sides differ in rows": 1}


def test_a_file_of_labels_is_known_by_its_content(tmp_path: Path):
    path = tmp_path / "labels.jsonl"
    path.write_text('{"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{"eventId":"a"}}\n')
    assert isinstance(open_dataset(path), GroundTruthFiles)
    assert isinstance(open_dataset(path, format="ground-truth"), GroundTruthFiles)


# --- labels ---------------------------------------------------------------------------------------------------------

events = st.integers(0, 12).map(str)


@given(
    st.lists(st.lists(st.tuples(st.none() | events, st.integers(0, 2)), max_size=8), min_size=1, max_size=6),
    st.lists(st.tuples(events, st.integers(0, 99)), max_size=20),
)
def test_joining_batch_by_batch_equals_joining_all_at_once(batches, given_labels):
    schema = {EVENT_ID: pl.String, EVENT_ROW: pl.Int64}
    frames = [pl.DataFrame(batch, schema, orient="row").with_columns(answer=pl.lit(1.5)) for batch in batches]
    truth = pl.DataFrame(given_labels, {EVENT_ID: pl.String, "_c0": pl.Int64}, orient="row")
    labels = last_labels(Frame(truth), Quarantine())
    whole, pieces = join_labels(pl.concat(frames), labels), list(join_batches(frames, labels))
    assert_frame_equal(pl.concat([piece.rows for piece in pieces]), whole.rows)
    coverage = Coverage(0, 0)
    for piece in pieces:
        coverage = coverage.plus(piece.coverage)
    assert coverage == whole.coverage


@given(st.lists(st.tuples(events, st.integers(0, 99)), min_size=1, max_size=30))
def test_the_last_label_of_an_event_holds(given_labels):
    table: Dataset = Frame(pl.DataFrame(given_labels, {EVENT_ID: pl.String, "label": pl.Int64}, orient="row"))
    found = last_labels(table, Quarantine())
    assert dict(found.select(EVENT_ID, "label").rows()) == dict(given_labels)


def test_labels_that_belong_to_nothing_are_refused():
    with pytest.raises(InputError, match="belong to nothing"):
        last_labels(Frame({"label": [1]}), Quarantine())
