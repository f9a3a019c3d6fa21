"""Run the benchmarks and print their tables: `python -m benchmarks [--quick] [--only NAME …] [--write FILE]`."""

import argparse
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import Row, Table, machine

NAMES = (
    "profile_parquet",
    "profile_csv",
    "read_capture",
    "peak_memory",
    "compare_profiles",
    "quality_binary",
    "bias_table",
    "start_up",
    "capture_record",
    "capture_asgi",
    "put_metric_data",
    "get_metric_data",
    "evaluate_alarms",
)


def main() -> int:
    """0 when every contender answered, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write the page, e.g. docs/performance.md")
    options = parser.parse_args()
    scale, page, failed = 0.1 if options.quick else 1.0, [_opening(options.quick)], False
    print(page[0], flush=True)
    for name in options.only:
        for table in import_module(f"benchmarks.{name}").plan(scale):
            page.append("\n".join(_lines(table)))
            print(page[-1], flush=True)
            failed |= bool(table.faults)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text("\n".join(page))
    return int(failed)


def _opening(quick: bool) -> str:
    peers = ", ".join(f"{name} {version(name)}" for name in ("polars", "duckdb", "numpy", "scipy"))
    return (
        "# Performance\n\nMade by `make bench`" + (" with `ARGS=--quick`: a tenth of the rows" if quick else "") + ". "
        "Contenders of a table ran in one go on one machine, each in its own process, warmed up, in turns; "
        "seconds are medians, the ratio is against the first line, memory is the peak of the whole process. "
        "Deequ on Spark, the engine inside the original service, is no Python package and is not measured here.\n\n"
        f"{machine()}; {peers}.\n"
    )


def _lines(table: Table) -> Iterator[str]:
    yield f"## {table.title}\n"
    if table.reach:
        yield f"To reach: {table.reach}.\n"
    width = max(len(row.name) for row in table.rows)
    yield f"| {'':{width}} | seconds | ratio | peak MiB |"
    yield f"|{'-' * (width + 2)}|--------:|------:|---------:|"
    first = table.rows[0].seconds
    yield from (_line(row, first, width) for row in table.rows)
    yield ""
    yield from (f"Not measured: {fault}\n" for fault in table.faults)


def _line(row: Row, first: float | None, width: int) -> str:
    seconds = "-" if row.seconds is None else f"{row.seconds:.3g}"
    ratio = "-" if not first or row.seconds is None else f"{row.seconds / first:.2f}"
    peak = "-" if row.mebibytes is None else f"{row.mebibytes:.0f}"
    return f"| {row.name:{width}} | {seconds:>7} | {ratio:>5} | {peak:>8} |"


if __name__ == "__main__":
    sys.exit(main())
