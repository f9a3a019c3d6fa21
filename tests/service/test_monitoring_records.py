"""What stands between objects and a monitor: windows cut out of capture files, manifests, scripts' records, pages."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.data.capture_window import within
from watchpost.data.columns_left_out import without
from watchpost.data.frames import Frame
from watchpost.data.manifests import is_manifest, parse_manifest
from watchpost.data.preprocessing import Preprocessed, ScriptFailed, inference_record
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import Source
from watchpost.errors import Refused, UnreadableSource
from watchpost.fronts.aws.sagemaker.listings import page

from .monitored import capture_line

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
seconds = st.integers(0, 3599)


def lines_at(offsets: list[int]) -> list[bytes]:
    return [capture_line("1", "2", NOON + timedelta(seconds=at), f"e{i}").encode() for i, at in enumerate(offsets)]


@given(st.lists(seconds), st.lists(seconds, min_size=1, unique=True).map(sorted))
def test_windows_that_follow_each_other_part_the_records(offsets: list[int], cuts: list[int]) -> None:
    ends = [0, *cuts, 3600]
    lines = lines_at(offsets)
    parts = [list(within(lines, NOON + timedelta(seconds=a), NOON + timedelta(seconds=b))) for a, b in pairwise(ends)]
    assert sorted(line for part in parts for line in part) == sorted(lines)


def test_a_record_of_the_second_in_which_a_window_begins_is_in_it() -> None:
    (line,) = lines_at([5])
    assert list(within([line], NOON + timedelta(seconds=5.7), NOON + timedelta(seconds=9))) == [line]


def test_lines_that_cannot_be_placed_are_left_to_who_reads_them() -> None:
    lines = [b"no json", b'{"eventMetadata": {}}', b"{}", b'{"eventMetadata": {"inferenceTime": "noon"}}']
    assert list(within(lines, NOON, NOON)) == lines


names = st.text(st.characters(codec="utf-8", exclude_characters='"\\'), min_size=1)


@given(st.lists(st.tuples(names, st.lists(names)), min_size=1))
def test_a_manifest_leads_to_every_object_it_lists(parts: list[tuple[str, list[str]]]) -> None:
    listed: list[object] = []
    for prefix, files in parts:
        listed += [{"prefix": f"s3://{prefix}/"}, *files]
    text = json.dumps(listed).encode()
    assert parse_manifest(text, "m") == tuple(f"s3://{prefix}/{file}" for prefix, files in parts for file in files)


def test_a_whole_object_is_its_own_prefix() -> None:
    assert parse_manifest(b'[{"prefix": "s3://b/in.csv"}, ""]', "m") == ("s3://b/in.csv",)


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b'[{"other": "x"}, "y"]', b'["a"'])
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(UnreadableSource):
        parse_manifest(text, "m")


def test_manifests_are_told_from_data() -> None:
    assert is_manifest(b' [ {"prefix": "s3://b/"}, "a"]')
    assert not is_manifest(b'[{"a": 1}]')
    assert not is_manifest(b"a,b\n1,2\n")


def preprocessed(tmp_path: Path, handler: object, count: int = 3) -> list[dict[str, object]]:
    path = tmp_path / "capture.jsonl"
    path.write_bytes(b"\n".join(lines_at(list(range(count)))) + b"\n")
    table = Preprocessed((Source("s3://b/capture.jsonl", 1, path=path),), handler, None)  # type: ignore[arg-type]  # handlers of every kind
    return [row for batch in table.batches(Quarantine()) for row in batch.to_dicts()]


def test_keys_become_text_and_a_record_may_be_one_row_several_or_none(tmp_path: Path) -> None:
    made: list[object] = [{0: "1", 1: None}, [{0: "2"}, {0: "3"}], []]
    assert preprocessed(tmp_path, lambda _record: made.pop(0)) == [
        {"0": 1, "1": None},
        {"0": 2, "1": None},
        {"0": 3, "1": None},
    ]


@pytest.mark.parametrize("made", [3, "text", {"a": [1]}, [{"a": {}}]])
def test_what_is_no_row_fails_the_run(tmp_path: Path, made: object) -> None:
    with pytest.raises(ScriptFailed, match="preprocess_handler returned"):
        preprocessed(tmp_path, lambda _record: made)


def test_a_record_has_the_names_that_scripts_of_all_years_use() -> None:
    line = json.loads(capture_line("1,2", "0.5", NOON, "e"))
    line["eventMetadata"]["customAttributes"] = ["a=b"]
    record = inference_record(json.dumps(line).encode())
    assert record.endpoint_input.data == record.event_data.endpointInput.data == "1,2"
    assert (record.event_metadata.event_id, record.event_metadata.custom_attribute) == ("e", ["a=b"])
    assert record.endpoint_output.as_dict()["observedContentType"] == "text/csv"
    assert (record.ground_truth, record.batch_transform_output, record.event_version) == (None, None, "0")
    assert record.as_dict() == record.event_dict == line


def test_columns_are_left_out_by_name_or_place() -> None:
    (batch,) = without(Frame({"a": [1], "b": [2], "c": [3]}), ["c", "0", "nothing"]).batches(Quarantine())
    assert batch.columns == ["b"]


@given(st.lists(st.integers(0, 5)), st.integers(1, 4), st.sampled_from(["Ascending", "Descending"]))
def test_pages_hold_everything_once_and_in_order(values: list[int], size: int, order: str) -> None:
    things = [(str(value), str(place)) for place, value in enumerate(values)]
    asked: dict[str, object] = {"SortOrder": order, "MaxResults": size}
    seen: list[tuple[str, str]] = []
    while True:
        some, more = page(things, lambda thing: thing, asked)
        seen += some
        if not more:
            break
        asked |= more
    assert seen == sorted(things, reverse=order == "Descending")


def test_a_strange_token_is_refused() -> None:
    with pytest.raises(Refused, match="NextToken"):
        page([("a", "b")], lambda thing: thing, {"NextToken": "zzz"})
