from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from rich.console import Console

from watchpost.errors import InputError
from watchpost.fronts.demo import check_table, mishandle, resale_prices

SEEDS = st.integers(0, 2**32)


def sales(seed: int, months: int = 48, sales_per_month: int = 20) -> pl.DataFrame:
    return resale_prices(np.random.default_rng(seed), months, sales_per_month)


@given(SEEDS)
def test_the_same_seed_makes_the_same_sales(seed: int) -> None:
    assert_frame_equal(sales(seed), sales(seed))


@given(SEEDS, st.integers(1, 60), st.integers(1, 30))
def test_every_month_has_the_same_number_of_complete_sales_in_order(seed: int, months: int, per_month: int) -> None:
    table = sales(seed, months, per_month)
    assert table["month"].is_sorted()
    assert table["month"].value_counts()["count"].to_list() == [per_month] * months
    assert table.null_count().sum_horizontal().item() == 0


@given(SEEDS)
def test_floor_areas_leases_and_prices_are_those_of_flats(seed: int) -> None:
    table = sales(seed)
    assert table["floor_area_sqm"].is_between(20, 220).all()
    assert table["remaining_lease"].is_between(0, 99).all()
    assert table["resale_price"].is_between(30_000, 3_000_000).all()


def test_prices_rise_by_a_third_and_a_new_model_appears_in_the_last_year() -> None:
    table = sales(3, sales_per_month=1000)
    mean = {y: table.filter(pl.col("month").str.starts_with(y))["resale_price"].mean() for y in ("2021", "2024")}
    assert 1.30 < mean["2024"] / mean["2021"] < 1.40
    assert set(table.filter(pl.col("flat_model") == "3Gen")["month"].str.head(4)) == {"2024"}


@given(SEEDS)
def test_careless_change_spoils_three_columns_and_no_other(seed: int) -> None:
    before = sales(seed)
    after = mishandle(before, np.random.default_rng(seed))
    untouched = [c for c in before.columns if c not in {"floor_area_sqm", "remaining_lease", "storey_range"}]
    assert_frame_equal(after.select(untouched), before.select(untouched))
    assert after["storey"].equals(before["storey_range"])
    assert (after["floor_area_sqm"] / before["floor_area_sqm"]).is_between(10.7, 10.8).all()
    assert 0 < after["remaining_lease"].null_count() < before.height / 4


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory):
    told = StringIO()
    out = tmp_path_factory.mktemp("demo")
    return check_table(None, out, Console(file=told, width=120)), out, told.getvalue()


def test_demo_finds_every_fault_that_was_put_in(made_up) -> None:
    report, _, _ = made_up
    faulty = {v.feature_name for v in report.violations}
    assert {"floor_area_sqm", "remaining_lease", "storey_range", "flat_model", "resale_price"} <= faulty
    assert report.verdicts["resale_price"].drifted == "yes"


def test_demo_accuses_no_healthy_column(made_up) -> None:
    report, _, _ = made_up
    assert {v.feature_name for v in report.violations} & {"town", "flat_type", "lease_commence_date"} == set()


def test_demo_writes_both_periods_the_baseline_and_the_page(made_up) -> None:
    _, out, told = made_up
    for name in ("baseline.parquet", "current.parquet", "baseline/statistics.json", "baseline/constraints.json"):
        assert (out / name).stat().st_size > 0
    assert "resale_price" in (out / "report.html").read_text()
    assert str((out / "report.html").resolve()) in told


def test_own_table_is_put_in_order_of_its_time_column(tmp_path: Path) -> None:
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 12, 30), eager=True)
    table = pl.DataFrame({"day": days, "x": np.arange(len(days))}).sample(fraction=1, shuffle=True, seed=5)
    table.write_csv(tmp_path / "own.csv")
    check_table(tmp_path / "own.csv", tmp_path / "out", Console(file=StringIO()))
    assert pl.read_parquet(tmp_path / "out" / "baseline.parquet")["x"].cast(pl.Int64).to_list() == list(range(182))


def test_own_table_without_time_is_taken_as_it_comes(tmp_path: Path) -> None:
    pl.DataFrame({"x": np.arange(40)}).write_parquet(tmp_path / "own.parquet")
    told = StringIO()
    check_table(tmp_path / "own.parquet", tmp_path / "out", Console(file=told, width=200))
    assert "learning from 20 records, checking 10 records." in told.getvalue()


def test_table_of_three_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("x\n1\n2\n3\n")
    with pytest.raises(InputError, match="3 rows"):
        check_table(tmp_path / "own.csv", tmp_path / "out", Console(file=StringIO()))
