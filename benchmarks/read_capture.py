"""Capture records (JSON lines around CSV payloads) to typed columns."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

from benchmarks import tables
from benchmarks.measure import Contender, Table, race

REACH = "Watchpost at most 8 times the limit, then 4"
FIELDS = 20


def limit(path: str) -> Callable[[], object]:
    """The least anyone can do: read the file and find where its lines end."""
    import numpy as np

    def scan() -> int:
        with Path(path).open("rb") as file:
            blocks = iter(lambda: file.read(1 << 20), b"")
            return sum(int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n"))) for block in blocks)

    return scan


def ours(path: str) -> Callable[[], object]:
    """The reader that every command uses, batch by batch."""
    from watchpost import open_dataset
    from watchpost.data.quarantine import Quarantine

    return lambda: sum(batch.height for batch in open_dataset(path).batches(Quarantine()))


def duckdb(path: str) -> Callable[[], object]:
    """Its JSON reader with the schema given, the payload split and cast, into a table."""
    import duckdb

    connection = duckdb.connect()
    side = "STRUCT(data VARCHAR, encoding VARCHAR)"
    schema = (
        f"{{captureData: 'STRUCT(endpointInput {side}, endpointOutput {side})', "
        "eventMetadata: 'STRUCT(eventId VARCHAR, inferenceTime VARCHAR)'}"
    )
    source = f"read_json('{path}', format='newline_delimited', columns={schema})"
    cells = ", ".join(f"x[{i + 1}]::{'DOUBLE' if i < FIELDS - 2 else 'VARCHAR'} AS c{i}" for i in range(FIELDS))
    statement = (
        f"CREATE OR REPLACE TABLE t AS SELECT {cells}, score FROM (SELECT "
        f"string_split(captureData.endpointInput.data, ',') AS x, captureData.endpointOutput.data::DOUBLE AS score "
        f"FROM {source})"
    )
    return lambda: connection.execute(statement)


def loop(path: str) -> Callable[[], object]:
    """The standard library: json, csv, float."""

    def read() -> int:
        columns: list[list[float | str]] = [[] for _ in range(FIELDS + 1)]
        with Path(path).open() as file:
            for line in file:
                record = json.loads(line)["captureData"]
                cells: list[float | str] = list(next(csv.reader([record["endpointInput"]["data"]])))
                cells[: FIELDS - 2] = map(float, cells[: FIELDS - 2])
                cells.append(float(record["endpointOutput"]["data"]))
                for column, cell in zip(columns, cells, strict=True):
                    column.append(cell)
        return len(columns[0])

    return read


CONTENDERS: dict[str, Contender] = {
    "newline scan (the limit)": limit,
    "Watchpost": ours,
    "DuckDB JSON": duckdb,
    "Python json and csv loop": loop,
}


def plan(scale: float) -> list[Table]:
    """1 M records."""
    records = int(1_000_000 * scale)
    path = str(tables.capture(records))
    title = f"{records:,} capture records of {FIELDS} features to typed columns"
    return [race(title, "read_capture", list(CONTENDERS), path, rounds=3, reach=REACH)]
