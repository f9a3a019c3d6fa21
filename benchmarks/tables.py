"""Seeded data to measure with, made once and kept in benchmarks/data/ (not in the repository)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

DATA = Path(__file__).parent / "data"
GROUP = 250_000  # rows of a Parquet row group, and of a generated piece
FLOATS = tuple([f"f{i}" for i in range(6)] + ["g0", "g1", "m0"])
INTEGERS = tuple(f"i{i}" for i in range(5))
CATEGORIES = {"c0": 5, "c1": 12, "c2": 60, "c3": 105}
COLUMNS = (*FLOATS[:8], *INTEGERS, "b0", *CATEGORIES, "u0", "m0")


def piece(index: int, rows: int, shift: float = 0.0) -> pl.DataFrame:
    """Rows of piece number `index` of the mixed table: 20 columns, the same for the same arguments.

    shift: how far the floats move, in tenths of their spread; the categories lean towards their first values with it.
    """
    rng = np.random.default_rng([7, index])
    data: dict[str, object] = {f"f{i}": rng.normal(100 + 1.5 * shift, 15, rows) for i in range(6)}
    data |= {f"g{i}": np.round(rng.gamma(2, 50 + 5 * shift, rows), 2) for i in range(2)}
    data |= {
        f"i{i}": rng.integers(0, high, rows) for i, high in enumerate((10, 100, 1_000, 1_000_000, 1_000_000_000_000))
    }
    data["b0"] = rng.random(rows) < 0.3
    for name, distinct in CATEGORIES.items():
        labels = pl.Series([f"cat_{j:03d}" for j in range(distinct)])
        data[name] = labels.gather((rng.random(rows) ** (1 + 0.1 * shift) * distinct).astype(np.uint32))
    data["u0"] = pl.Series([f"user-{j:06d}" for j in range(100_000)]).gather(rng.integers(0, 100_000, rows))
    values, gone = pl.Series(rng.normal(0.1 * shift, 1, rows)), pl.Series(rng.random(rows) < 0.03)
    data["m0"] = pl.select(pl.when(gone).then(None).otherwise(values)).to_series()
    return pl.DataFrame(data).select(COLUMNS)


def pieces(rows: int, shift: float = 0.0) -> Iterator[pl.DataFrame]:
    """The mixed table of that many rows, a row group at a time."""
    for index, start in enumerate(range(0, rows, GROUP)):
        yield piece(index, min(GROUP, rows - start), shift)


def parquet(rows: int, shift: float = 0.0) -> Path:
    """The mixed table as one Parquet file with row groups of 250,000."""
    import pyarrow.parquet as pq

    path = DATA / f"mixed-{rows}{f'-shift{shift:g}' if shift else ''}.parquet"
    if not path.exists():
        DATA.mkdir(parents=True, exist_ok=True)
        partial, writer = path.with_suffix(".partial"), None
        for frame in pieces(rows, shift):
            table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = writer or pq.ParquetWriter(partial, table.schema, compression="zstd")
            writer.write_table(table)
        if writer is not None:
            writer.close()
        partial.rename(path)
    return path


def csv(rows: int) -> Path:
    """The mixed table as one CSV file with a header."""
    path = DATA / f"mixed-{rows}.csv"
    if not path.exists():
        DATA.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            for number, frame in enumerate(pieces(rows)):
                frame.write_csv(file, include_header=number == 0)
        partial.rename(path)
    return path


def capture(records: int) -> Path:
    """Capture records of an endpoint, one JSON line each: CSV of 18 numbers and 2 categories in, one score out."""
    path = DATA / f"capture-{records}.jsonl"
    if not path.exists():
        DATA.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("w") as file:
            for index, start in enumerate(range(0, records, GROUP)):
                file.writelines(_captured(index, min(GROUP, records - start)))
        partial.rename(path)
    return path


def _captured(index: int, records: int) -> Iterator[str]:
    rng = np.random.default_rng([11, index])
    numbers = pl.DataFrame(
        {f"f{i}": np.round(rng.normal(100, 15, records), 3) for i in range(8)}
        | {f"g{i}": np.round(rng.gamma(2, 50, records), 2) for i in range(4)}
        | {f"i{i}": rng.integers(0, 1000, records) for i in range(6)}
        | {f"c{i}": pl.Series([f"cat_{j:02d}" for j in range(20)]).gather(rng.integers(0, 20, records)) for i in (0, 1)}
    )
    payloads = numbers.select(pl.concat_str(pl.all(), separator=",")).to_series().to_list()
    for row, (payload, score) in enumerate(zip(payloads, rng.random(records).round(10).tolist(), strict=True)):
        yield (
            '{"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"'
            + payload
            + '","encoding":"CSV"},"endpointOutput":{"observedContentType":"text/csv; charset=utf-8","mode":"OUTPUT",'
            + f'"data":"{score}","encoding":"CSV"}}}},"eventMetadata":{{"eventId":'
            + f'"{index:08x}-0000-4000-8000-{row:012x}",'
            + '"inferenceTime":"2026-11-20T23:33:12Z"},"eventVersion":"0"}\n'
        )
