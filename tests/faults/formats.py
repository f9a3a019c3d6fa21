"""The same table as a file of every format that Watchpost reads."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .table import Cell, Table, rows_of, text


@dataclass(frozen=True)
class Format:
    """file: where the table lies, below the folder that is checked. encode: the table as that file's bytes.

    learned_from: the format its baseline comes from. Nobody trains on capture files: theirs is the training CSV.
    """

    name: str
    file: str
    encode: Callable[[Table], bytes]
    learned_from: str

    def write(self, table: Table, folder: Path) -> Path:
        path = folder / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.encode(table))
        return path


def _csv_lines(rows: list[tuple[Cell, ...]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([map(text, row) for row in rows])
    return written.getvalue()


def _csv(table: Table) -> bytes:
    header = tuple(name for name, _ in table)
    return _csv_lines([header, *rows_of(table)]).encode()


def _object(names: list[str], row: tuple[Cell, ...]) -> str:
    """A JSON object that may write a key twice, as broken writers do; NaN as Python writes it."""
    return "{" + ", ".join(f"{json.dumps(n)}: {json.dumps(v)}" for n, v in zip(names, row, strict=True)) + "}"


def _jsonl(table: Table) -> bytes:
    names = [name for name, _ in table]
    return "".join(_object(names, row) + "\n" for row in rows_of(table)).encode()


def _parquet(table: Table) -> bytes:
    written = io.BytesIO()
    arrays = [_array(cells) for _, cells in table]
    pq.write_table(pa.Table.from_arrays(arrays, names=[name for name, _ in table]), written)
    return written.getvalue()


def _array(cells: tuple[Cell, ...]) -> pa.Array:
    """A typed column; Parquet cannot mix types, so a mixed one is text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    return pa.array([None if c is None else text(c) for c in cells]) if len(kinds) > 1 else pa.array(cells)


def _captured(sides: Callable[[Table], tuple[list[str], list[str]]], kind: str, mime: str) -> Callable[[Table], bytes]:
    """Capture lines, one row a record, each with an id of its own."""

    def encode(table: Table) -> bytes:
        lines = []
        for number, (output, given) in enumerate(zip(*sides(table), strict=True)):
            payloads = {
                side: {"observedContentType": mime, "mode": mode, "data": data, "encoding": kind}
                for side, mode, data in (("endpointInput", "INPUT", given), ("endpointOutput", "OUTPUT", output))
            }
            event = {"eventId": f"00000000-0000-4000-8000-{number:012}", "inferenceTime": "2026-11-20T10:00:00Z"}
            record = {"captureData": payloads, "eventMetadata": event, "eventVersion": "0"}
            lines.append(json.dumps(record, separators=(",", ":")) + "\n")
        return "".join(lines).encode()

    return encode


def _csv_sides(table: Table) -> tuple[list[str], list[str]]:
    return _csv_lines(rows_of(table[:1])).splitlines(), _csv_lines(rows_of(table[1:])).splitlines()


def _json_sides(table: Table) -> tuple[list[str], list[str]]:
    sides = [_jsonl(part).decode().splitlines() for part in (table[:1], table[1:])]
    return sides[0], sides[1]


_HOUR = "shop/AllTraffic/2026/11/20/10/05-17-104-a1b2.jsonl"

CSV = Format("csv", "sales.csv", _csv, "csv")
JSONL = Format("jsonl", "sales.jsonl", _jsonl, "jsonl")
PARQUET = Format("parquet", "sales.parquet", _parquet, "parquet")
CSV_CAPTURE = Format("csv-capture", _HOUR, _captured(_csv_sides, "CSV", "text/csv"), "csv")
JSON_CAPTURE = Format("json-capture", _HOUR, _captured(_json_sides, "JSON", "application/json"), "csv")

FORMATS = {f.name: f for f in (CSV, JSONL, PARQUET, CSV_CAPTURE, JSON_CAPTURE)}
