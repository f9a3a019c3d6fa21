"""The format is read from the content; names may lie."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from watchpost.data.open import open_dataset
from watchpost.data.quarantine import Quarantine
from watchpost.errors import UnknownFormat

CAPTURE = b'{"captureData":{"endpointInput":{"data":"1,2","encoding":"CSV"}}}\n'
CONTENTS = {
    "csv": b"a,b\n1,2\n",
    "jsonl": b'{"a":1,"b":2}\n{"a":1,"b":3}\n',
    "json": b'[{"a":1,"b":2}]',
    "capture": CAPTURE,
}


def kind(path: Path, **options: object) -> str:
    return type(open_dataset(path, **options)).__name__


CLASSES = {"csv": "CsvFiles", "jsonl": "JsonLines", "json": "JsonDocuments", "capture": "CaptureFiles"}


@pytest.mark.parametrize("suffix", ["", ".csv", ".json", ".jsonl", ".parquet", ".csv.gz", ".txt"])
@pytest.mark.parametrize("content", CONTENTS)
def test_content_decides_whatever_the_suffix_says(tmp_path, content, suffix):
    (tmp_path / f"data{suffix}").write_bytes(CONTENTS[content])
    assert kind(tmp_path) == CLASSES[content]


def test_parquet_is_known_by_its_magic(tmp_path):
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "data.csv")
    assert kind(tmp_path) == "ParquetFiles"


def test_a_compressed_table_is_read(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(CONTENTS["csv"]))
    (frame,) = open_dataset(tmp_path).batches(Quarantine())
    assert frame.select(pl.all().cast(pl.Int64)).rows() == [(1, 2)]


def test_a_broken_first_line_does_not_hide_the_format(tmp_path):
    (tmp_path / "a").write_bytes(b'{"captureData":{"endp\n' + CAPTURE)
    assert kind(tmp_path / "a") == "CaptureFiles"
    (tmp_path / "b").write_bytes(b'{"a":\n{"a":1}\n')
    assert kind(tmp_path / "b") == "JsonLines"
    (tmp_path / "c.jsonl").write_bytes(b'oops\n{"a":1}\n')
    assert kind(tmp_path / "c.jsonl") == "JsonLines"


def test_an_object_over_several_lines_is_a_document(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{\n "a": 1\n}\n')
    (frame,) = open_dataset(tmp_path).batches(Quarantine())
    assert frame.rows() == [(1,)]


def test_mixed_formats_are_refused_by_naming_two_files(tmp_path):
    (tmp_path / "a.csv").write_bytes(CONTENTS["csv"])
    (tmp_path / "b.jsonl").write_bytes(CONTENTS["jsonl"])
    with pytest.raises(UnknownFormat, match=r"a\.csv.*b\.jsonl"):
        open_dataset(tmp_path)


def test_a_given_format_is_taken_and_an_unknown_one_refused(tmp_path):
    (tmp_path / "a").write_bytes(CONTENTS["jsonl"])
    assert kind(tmp_path, format="csv") == "CsvFiles"
    with pytest.raises(UnknownFormat, match="excel"):
        open_dataset(tmp_path, format="excel")


def test_neither_table_nor_text_is_refused(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"\x00\x01\x02" * 100)
    with pytest.raises(UnknownFormat, match="zero bytes"):
        open_dataset(tmp_path)


def test_empty_files_take_the_format_of_their_names(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"")
    assert kind(tmp_path) == "JsonLines"
    assert list(open_dataset(tmp_path).batches(Quarantine())) == []


def test_a_table_in_memory_is_a_dataset():
    (frame,) = open_dataset({"a": [1]}).batches(Quarantine())
    assert frame.rows() == [(1,)]
