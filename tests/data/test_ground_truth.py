"""Ground truth: labels under their events."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from watchpost.data.ground_truth import EVENT_ID, EVENT_ROW, GroundTruthFiles, _of_line
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import find_sources
from watchpost.data.uniform import read_payloads


def truth(event: object, data: object, encoding: str = "CSV") -> str:
    return json.dumps({"groundTruthData": {"data": data, "encoding": encoding}, "eventMetadata": {"eventId": event}})


def read(folder: Path, *lines: str) -> tuple[pl.DataFrame, Quarantine]:
    (folder / "labels.jsonl").write_text("\n".join(lines))
    quarantine = Quarantine()
    batches = list(GroundTruthFiles(find_sources(folder)).batches(quarantine))
    return (batches[0] if batches else pl.DataFrame()), quarantine


def test_a_csv_label_is_typed_and_stands_under_its_event(tmp_path):
    frame, _ = read(tmp_path, truth("e1", "1"), truth("e2", "0\n"))
    assert frame.rows(named=True) == [
        {EVENT_ID: "e1", EVENT_ROW: 0, "_c0": 1},
        {EVENT_ID: "e2", EVENT_ROW: 0, "_c0": 0},
    ]


def test_a_json_label_may_hold_several_rows(tmp_path):
    frame, _ = read(tmp_path, truth("e1", '{"instances":[{"label":0},{"label":1}]}', "JSON"))
    assert frame.rows() == [("e1", 0, 0), ("e1", 1, 1)]


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "{}",
        truth("", "1"),
        truth(7, "1"),
        truth("e", 1),
        truth("e", "1", "XML"),
        truth("e", '{"event_id":1}', "JSON"),
        '{"groundTruthData":{"data":"1","data":"2","encoding":"CSV"},"eventMetadata":{"eventId":"e"}}',
    ],
)
def test_a_label_that_cannot_be_read_is_quarantined(tmp_path, line):
    frame, quarantine = read(tmp_path, truth("e1", "1"), line)
    assert (frame.height, quarantine.total, quarantine.summary().first[0].line) == (1, 1, 2)


def test_the_recorded_labels_of_the_original_are_read(shared):
    source = find_sources(shared / "golden/sagemaker-sdk-fixtures/monitor/actuals.jsonl")
    quarantine = Quarantine()
    (frame,) = GroundTruthFiles(source).batches(quarantine)
    assert (frame.height, quarantine.total) == (44, 0)
    assert frame["_c0"].dtype == pl.Int64


labels = st.one_of(
    st.integers(-99, 99).map(str), st.floats().map(repr), st.sampled_from(["cat", "1\n", "a,b", "", " 7"])
)


@given(st.lists(labels, min_size=1, max_size=30))
def test_reading_fast_equals_reading_line_by_line(tmp_path_factory, cells):
    """A blank between the lines of one file makes it unfit for reading fast."""
    folders = [tmp_path_factory.mktemp(name) for name in ("fast", "slow")]
    lines = [truth(f"e{place}", cell) for place, cell in enumerate(cells)]
    (fast, aside), (slow, also) = (
        read(folder, *lines, *more) for folder, more in zip(folders, ([], [" ", ""]), strict=True)
    )
    assert (fast.height, aside.total) == (slow.height, also.total)
    assert_frame_equal(fast, slow)


def test_alike_lines_are_read_fast():
    data = "".join(truth(f"e{place}", "1") + "\n" for place in range(5)).encode()
    assert read_payloads(data, 5, _of_line) is not None
