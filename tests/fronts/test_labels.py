"""`watchpost labels`: what a table of labels becomes, and what is refused."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis.strategies import characters, lists, text, tuples

from watchpost import open_dataset
from watchpost.data.quarantine import Quarantine
from watchpost.errors import InputError, UnknownFormat, UnreadableSource
from watchpost.fronts.cli import watchpost
from watchpost.fronts.label_files import LabelColumns, ground_truth_line, label_records

# csv.writer cannot write a carriage return that a reader gives back, and surrogates are no UTF-8.
WORDS = text(characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1, max_size=12)
NOTHING = LabelColumns()


def records(path: Path, columns: LabelColumns = NOTHING) -> list[tuple[str, str]]:
    """(event id, label) of every line, the label read as the CSV cell it is."""
    lines = [json.loads(line) for line in label_records([str(path)], columns)]
    assert all(line["eventVersion"] == "0" for line in lines)
    return [(line["eventMetadata"]["eventId"], cell(line["groundTruthData"])) for line in lines]


def cell(payload: dict[str, str]) -> str:
    assert payload["encoding"] == "CSV"
    ((only,),) = csv.reader(io.StringIO(payload["data"], newline=""))
    return only


@settings(max_examples=40)
@given(lists(tuples(WORDS, WORDS), min_size=1, max_size=8))
def test_any_table_keeps_its_ids_and_labels_to_the_letter(tmp_path_factory: Any, pairs: list[tuple[str, str]]) -> None:
    folder: Path = tmp_path_factory.mktemp("labels")
    with (folder / "a.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("id", "label"), *pairs])
    lines = [json.dumps({"label": label, "note": [1], "inferenceId": event}) for event, label in pairs]
    (folder / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "a.json").write_text(f"[{','.join(lines)}]", encoding="utf-8")
    pl.DataFrame(pairs, schema=["event_id", "target"], orient="row").write_parquet(folder / "a.parquet")
    for name in ("a.csv", "a.jsonl", "a.json", "a.parquet"):
        form = name.partition(".")[2]
        assert records(folder / name, LabelColumns(form=form)) == pairs, name


@settings(max_examples=40)
@given(lists(tuples(WORDS, WORDS), min_size=1, max_size=8))
def test_the_engine_reads_every_label_under_its_event(tmp_path_factory: Any, pairs: list[tuple[str, str]]) -> None:
    path: Path = tmp_path_factory.mktemp("truth") / "part.jsonl"
    path.write_bytes(b"".join(ground_truth_line(event, label) for event, label in pairs))
    quarantine = Quarantine()
    frames = list(open_dataset(path, format="ground-truth").batches(quarantine))
    assert quarantine.total == 0
    assert [event for frame in frames for event in frame["event_id"]] == [event for event, _ in pairs]
    # Ground truth that is ground truth already passes through as it is.
    assert records(path) == pairs


def test_ids_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("inference_id,label\n007,01\n1e3,1.0\n")
    assert records(tmp_path / "a.csv") == [("007", "01"), ("1e3", "1.0")]
    (tmp_path / "b.jsonl").write_text('{"id": 7, "label": true}\n\n{"id": "8", "label": 0.5}\n')
    assert records(tmp_path / "b.jsonl") == [("7", "true"), ("8", "0.5")]


@pytest.mark.parametrize(
    ("text", "columns", "found"),
    [
        ("Request_ID,churned\na,1\n", NOTHING, [("a", "1")]),  # of two columns the other one is the label
        ("who,what,label\na,b,1\n", LabelColumns(id="what"), [("b", "1")]),
        ("id,label,actual\na,1,0\n", LabelColumns(label="actual"), [("a", "0")]),
        ("a,1\nb,0\n", LabelColumns(header=False), [("a", "1"), ("b", "0")]),
    ],
)
def test_columns_are_found_by_name_or_as_said(
    tmp_path: Path, text: str, columns: LabelColumns, found: list[tuple[str, str]]
) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert records(tmp_path / "a.csv", columns) == found


def test_compressed_files_and_folders_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"id,label\na,1\n"))
    (tmp_path / "b.tsv").write_text("id\tlabel\nb\t0\n")
    assert records(tmp_path) == [("a", "1"), ("b", "0")]


@pytest.mark.parametrize(
    ("name", "text", "error", "says"),
    [
        ("a.csv", "id,label\na,1\n,0\n", InputError, r"line 3: no id in 'id'"),
        ("a.csv", "id,label\na,\n", InputError, r"line 2: no label in 'label'"),
        ("a.csv", "id,label\na,1,2\n", InputError, r"line 2: 3 fields, but there are 2 columns"),
        ("a.csv", "one,two,three\n1,2,3\n", InputError, r"which of one, two, three holds the ids; give --id"),
        ("a.csv", "id,two,three\n1,2,3\n", InputError, r"holds the labels; give --label"),
        ("a.jsonl", '{"id": "a", "label": 1}\n{"id": "b"}\n', InputError, r"line 2: cannot tell which"),
        ("a.jsonl", '{"id": "a", "label": 1}\n{"id": \n', UnreadableSource, r"line 2: not JSON"),
        ("a.jsonl", '{"id": "a", "id": "b", "label": 1}\n', UnreadableSource, r"duplicate key"),
        ("a.jsonl", '{"captureData": {}, "eventMetadata": {}}\n', UnknownFormat, r"labels do not come as capture"),
        ("a.jsonl", '{"groundTruthData": {}, "eventMetadata": {"eventId": ""}}\n', InputError, r"eventId is empty"),
    ],
)
def test_what_is_not_whole_is_refused_by_file_and_record(
    tmp_path: Path, name: str, text: str, error: type[Exception], says: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(error, match=says):
        records(tmp_path / name)


def test_without_a_server_the_command_says_how_to_find_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,label\na,1\n")
    command = ["labels", str(tmp_path / "a.csv"), "--home", str(tmp_path / "none")]
    done = CliRunner().invoke(watchpost, command)
    assert done.exit_code == 2
    assert "AWS_ENDPOINT_URL" in done.output
