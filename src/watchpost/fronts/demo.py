"""The demo job: learn a baseline from one period of a table, check a later one, and write everything a person would.

Without a table of one's own it runs on made-up resale prices whose later period went wrong in believable ways.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.errors import InputError
from watchpost.verdicts import Report

if TYPE_CHECKING:
    from rich.console import Console

_SEED = 20240229  # any number: the demo shows the same figures to everybody
_FIRST_YEAR = 2021
_SQUARE_FEET = 10.7639  # in a square metre
# The market as it moves: level until month 24, then up to 1.35 times that within a year, and on from there unchanged.
_RISE_FROM, _RISE_MONTHS, _RISE = 24, 12, 0.35
_NEW_MODEL_FROM = 36  # the first month in which a flat model occurs that nobody had seen

_TOWNS = {  # share of the sales, and price against the average
    "SENGKANG": (0.10, 1.00), "WOODLANDS": (0.09, 0.87), "JURONG WEST": (0.09, 0.88), "TAMPINES": (0.09, 1.03),
    "YISHUN": (0.09, 0.86), "PUNGGOL": (0.09, 1.03), "BEDOK": (0.08, 0.97), "HOUGANG": (0.07, 0.97),
    "CHOA CHU KANG": (0.06, 0.87), "ANG MO KIO": (0.06, 1.02), "BUKIT MERAH": (0.06, 1.28), "TOA PAYOH": (0.04, 1.20),
    "QUEENSTOWN": (0.04, 1.31), "BISHAN": (0.02, 1.27), "CENTRAL AREA": (0.02, 1.38),
}  # fmt: skip
_FLAT_TYPES = {  # share of the sales, mean and standard deviation of the floor area in square metres
    "2 ROOM": (0.03, 46.0, 4.0), "3 ROOM": (0.24, 68.0, 6.0), "4 ROOM": (0.42, 95.0, 7.0),
    "5 ROOM": (0.24, 117.0, 8.0), "EXECUTIVE": (0.07, 144.0, 10.0),
}  # fmt: skip
_FLAT_MODELS = {  # share of the sales
    "Model A": 0.35, "Improved": 0.25, "New Generation": 0.14, "Premium Apartment": 0.12, "Simplified": 0.06,
    "Apartment": 0.04, "Maisonette": 0.03, "DBSS": 0.01,
}  # fmt: skip
_STOREYS = {  # share of the sales
    "01 TO 03": 0.18, "04 TO 06": 0.23, "07 TO 09": 0.21, "10 TO 12": 0.18, "13 TO 15": 0.10, "16 TO 18": 0.05,
    "19 TO 21": 0.03, "22 TO 24": 0.02,
}  # fmt: skip


def resale_prices(rng: np.random.Generator, months: int = 48, sales_per_month: int = 1250) -> pl.DataFrame:
    """Made-up sales of public-housing flats, in order of their month (`yyyy-mm`, text), from January 2021 on.

    Nine columns as in Singapore's public record: floor_area_sqm in square metres, lease_commence_date a year,
    remaining_lease in years (of 99), resale_price in dollars. The market moves by itself: from the third year on prices
    rise by 35 % within twelve months, and from the fourth year on there is a flat model `3Gen`.
    """
    n = months * sales_per_month
    month = np.repeat(np.arange(months), sales_per_month)
    town, kind = _pick(rng, [share for share, _ in _TOWNS.values()], n), _pick(rng, _first(_FLAT_TYPES), n)
    storey, model = _pick(rng, list(_STOREYS.values()), n), _pick(rng, list(_FLAT_MODELS.values()), n)
    _, mean_area, spread = (np.array(column) for column in zip(*_FLAT_TYPES.values(), strict=True))
    area = np.round(rng.normal(mean_area[kind], spread[kind]))
    # The oldest blocks are pulled down year by year, so that flats on the market stay between 1 and 53 years old.
    oldest, newest = 1968 + month // 12, _FIRST_YEAR - 1
    started = oldest + (rng.beta(2.2, 1.6, n) * (newest - oldest + 1)).astype(np.int64)
    lease = np.round(99 - (_FIRST_YEAR + month // 12 - started) - month % 12 / 12, 1)
    level = 1 + _RISE * np.clip((month - _RISE_FROM) / _RISE_MONTHS, 0, 1)
    place = np.array([factor for _, factor in _TOWNS.values()])[town]
    price = 4900 * area * place * level * (0.45 + 0.55 * lease / 99) * (1 + 0.018 * storey) * rng.lognormal(0, 0.09, n)
    models = np.array([*_FLAT_MODELS, "3Gen"])
    model[(month >= _NEW_MODEL_FROM) & (kind == 3) & (rng.random(n) < 0.15)] = len(_FLAT_MODELS)
    return pl.DataFrame(
        {
            "month": [f"{_FIRST_YEAR + m // 12}-{m % 12 + 1:02d}" for m in month.tolist()],
            "town": np.array(list(_TOWNS))[town],
            "flat_type": np.array(list(_FLAT_TYPES))[kind],
            "storey_range": np.array(list(_STOREYS))[storey],
            "floor_area_sqm": area,
            "flat_model": models[model],
            "lease_commence_date": started,
            "remaining_lease": lease,
            "resale_price": np.round(price, -2),
        }
    )


def mishandle(sales: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """What a careless change upstream makes of the same sales: three faults that no price model would survive.

    floor_area_sqm holds square feet under its old name, storey_range is now called storey, and eight in a hundred
    records have no remaining_lease.
    """
    lost = pl.Series(rng.random(sales.height) < 0.08)
    return sales.with_columns(
        (pl.col("floor_area_sqm") * _SQUARE_FEET).round(0),
        remaining_lease=pl.when(lost).then(None).otherwise(pl.col("remaining_lease")),
    ).rename({"storey_range": "storey"})


def run_demo(data: Path | None, out: Path, console: "Console") -> Report:
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
    rng = np.random.default_rng(_SEED)
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


def _pick(rng: np.random.Generator, shares: list[float], n: int) -> NDArray[np.int64]:
    weights = np.array(shares)
    return rng.choice(len(weights), n, p=weights / weights.sum())


def _first(table: dict[str, tuple[float, float, float]]) -> list[float]:
    return [row[0] for row in table.values()]
