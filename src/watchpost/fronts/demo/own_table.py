"""A table and its periods: a baseline of the first half, a check of the last quarter, and the page to read.

Without a table of one's own it runs on made-up resale prices whose later period went wrong in believable ways.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from watchpost.errors import InputError
from watchpost.fronts.demo.resale import SEED, mishandle, resale_prices
from watchpost.verdicts import Report

if TYPE_CHECKING:
    from rich.console import Console


def check_table(data: Path | None, out: Path, console: "Console") -> Report:
    """Learn a baseline from the first half of a table, check its last quarter, write the files, show what was found.

    Args: data: any table that `watchpost check` reads; None makes up resale prices. out: folder for the two periods
    (`baseline.parquet`, `current.parquet`), the baseline's files (`baseline/`) and `report.html`; made if missing,
    files of an earlier run are replaced. console: where the story goes.
    Raises: InputError where the table cannot be read or has fewer than four rows.
    """
    import watchpost as wp
    from watchpost.reports.terminal import render_terminal

    def say(line: str = "") -> None:
        # Paths must stay whole to be copied, and names from the data are no markup.
        console.print(line, soft_wrap=True, markup=False, highlight=False)

    first, last, title = _made_up() if data is None else (*_periods(_read(data), str(data)), str(data))
    order = _time_column(first)
    say(f"{title}: learning from {_span(first, order)}, checking {_span(last, order)}.")
    if order is not None:
        say(f"{order!r} puts the records in order, so it always moves; it is left out of the comparison.")
        first, last = first.drop(order), last.drop(order)
    before, after, folder = out / "baseline.parquet", out / "current.parquet", out / "baseline"
    page = out / "report.html"
    out.mkdir(parents=True, exist_ok=True)
    first.write_parquet(before)
    last.write_parquet(after)
    baseline = wp.suggest_baseline(str(before))
    baseline.save(str(folder))
    report = wp.check(baseline, str(after))
    report.to_html(str(page))
    say()
    console.print(render_terminal(report))
    say()
    say("The same by hand:")
    say(f"  watchpost baseline {before} -o {folder}")
    say(f"  watchpost check {after} --baseline {folder} --html {page}")
    say(f"The page to read: {page.resolve()}")
    return report


def _made_up() -> tuple[pl.DataFrame, pl.DataFrame, str]:
    rng = np.random.default_rng(SEED)
    first, last = _periods(resale_prices(rng), "resale prices")
    return first, mishandle(last, rng), "Resale prices (made up)"


def _read(path: Path) -> pl.DataFrame:
    """The whole table, by the reader that every command uses. Unreadable records are left out here as there."""
    from watchpost import open_dataset
    from watchpost.data.quarantine import Quarantine

    batches = list(open_dataset(str(path)).batches(Quarantine()))
    return pl.concat(batches, how="diagonal_relaxed") if batches else pl.DataFrame()


def _periods(table: pl.DataFrame, name: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first half and the last quarter, in order of the time column if there is one, else as the rows come."""
    if table.height < 4:
        raise InputError(f"{name!r} has {table.height} rows, but the demo splits a table and needs four or more.")
    order = _time_column(table)
    ordered = table if order is None else table.sort(order, maintain_order=True)
    return ordered.head(table.height // 2), ordered.tail(table.height // 4)


def _time_column(table: pl.DataFrame) -> str | None:
    """The leftmost column whose every value is a date or an instant: typed so, or text that begins with yyyy-mm."""
    for name, dtype in table.schema.items():
        if dtype.is_temporal() and table[name].null_count() == 0:
            return name
        if dtype == pl.String and table[name].null_count() == 0 and table[name].str.contains(r"^\d{4}-[01]\d").all():
            return name
    return None


def _span(period: pl.DataFrame, order: str | None) -> str:
    rows = f"{period.height:,} records"
    if order is None:
        return rows
    instants = period[order].cast(pl.String)
    return f"{rows} of {instants.item(0)} to {instants.item(-1)}"
