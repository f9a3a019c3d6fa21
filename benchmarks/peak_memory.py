"""Peak memory of a Parquet profile must not grow with the rows."""

from benchmarks import profile_parquet, tables
from benchmarks.measure import Contender, Row, Table, race

REACH = "at most 512 MiB, and flat in the rows"
CONTENDERS: dict[str, Contender] = {"Watchpost": profile_parquet.ours}


def plan(scale: float) -> list[Table]:
    """1, 10 and 30 M rows, each in a fresh process whose whole peak is counted, interpreter and libraries included."""
    rows, faults = [], []
    for size in (1_000_000, 10_000_000, 30_000_000):
        count = int(size * scale)
        table = race("", "peak_memory", ["Watchpost"], str(tables.parquet(count)), rounds=1)
        rows.append(Row(f"{count:,} rows", table.rows[0].seconds, table.rows[0].mebibytes))
        faults += table.faults
    return [Table("Peak memory of the Parquet profile", tuple(rows), REACH, tuple(faults))]
