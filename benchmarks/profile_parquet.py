"""A full profile (types, moments, quantile sketch, cells, distinct counts, categories) of a Parquet file."""

from collections.abc import Callable

from benchmarks import duck, tables
from benchmarks.measure import Contender, Table, race

REACH = "Watchpost at most 5 times the limit, then 3"


def limit(path: str) -> Callable[[], object]:
    """The least anyone can do: read every column and add it up."""
    import polars as pl

    return lambda: pl.scan_parquet(path).sum().collect(engine="streaming")


def ours(path: str) -> Callable[[], object]:
    """With a baseline of another file, so that the cells of its distributions are counted too."""
    from watchpost import open_dataset
    from watchpost.profiles import profile

    baseline = profile(open_dataset(str(tables.parquet(tables.GROUP, shift=1)))).statistics()
    return lambda: profile(open_dataset(path), baseline=baseline).statistics()


def duckdb(path: str) -> Callable[[], object]:
    """One statement, see duck.py."""
    return duck.profiling(f"read_parquet('{path}')")


CONTENDERS: dict[str, Contender] = {"polars sum (the limit)": limit, "Watchpost": ours, "DuckDB SQL": duckdb}


def plan(scale: float) -> list[Table]:
    """10 M rows; Deequ on Spark, the original's engine, is no Python package and is not measured here."""
    rows = int(10_000_000 * scale)
    tables.parquet(tables.GROUP, shift=1)
    path = str(tables.parquet(rows))
    title = f"Full profile of {rows:,} rows x {len(tables.COLUMNS)} columns of Parquet"
    return [race(title, "profile_parquet", list(CONTENDERS), path, rounds=3, reach=REACH)]
