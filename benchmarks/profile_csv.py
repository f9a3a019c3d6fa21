"""The same profile of a CSV file, where reading text is most of the work."""

from collections.abc import Callable

from benchmarks import duck, profile_parquet, tables
from benchmarks.measure import Contender, Table, race

REACH = "Watchpost at most 1.7 times the limit"


def limit(path: str) -> Callable[[], object]:
    """The least anyone can do: parse every column and add it up."""
    import polars as pl

    return lambda: pl.scan_csv(path).sum().collect()


def duckdb(path: str) -> Callable[[], object]:
    """One statement, see duck.py."""
    return duck.profiling(f"read_csv('{path}')")


CONTENDERS: dict[str, Contender] = {
    "polars sum (the limit)": limit,
    "Watchpost": profile_parquet.ours,
    "DuckDB SQL": duckdb,
}


def plan(scale: float) -> list[Table]:
    """1 M rows."""
    rows = int(1_000_000 * scale)
    tables.parquet(tables.GROUP, shift=1)
    path = str(tables.csv(rows))
    title = f"Full profile of {rows:,} rows x {len(tables.COLUMNS)} columns of CSV"
    return [race(title, "profile_csv", list(CONTENDERS), path, rounds=5, reach=REACH)]
