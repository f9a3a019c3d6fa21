"""Real tables with known changes: what is said of them, and that nothing is said of what did not change."""

from pathlib import Path

import polars as pl
import pytest

import watchpost as wp

# Ordered by time, so that their halves differ; shuffled, nothing in them does.
TABLES = {"bike": "bike_hour.parquet", "elec2": "elec2.parquet", "adult": "adult.csv.gz"}


def read(shared: Path, name: str) -> pl.DataFrame:
    path = shared / "data" / TABLES[name]
    return pl.read_csv(path) if path.suffix == ".gz" else pl.read_parquet(path)


def about(report: wp.Report, column: str) -> set[str]:
    return {v.constraint_check_type for v in report.violations if v.feature_name == column}


@pytest.fixture(scope="module")
def sales(shared: Path) -> pl.DataFrame:
    """Resale flats of Singapore, in the order of their month of registration."""
    return pl.read_parquet(shared / "data" / "hdb_resale_2012-03_2024-10.parquet")


def of_years(sales: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    """The sales of those years, without the month: each window has months that no other has."""
    year = pl.col("month").str.head(4).cast(pl.Int32)
    return sales.filter(year.is_between(first, last)).drop("month")


@pytest.fixture(scope="module")
def baseline(sales: pl.DataFrame) -> wp.Baseline:
    return wp.suggest_baseline(of_years(sales, 2017, 2018))


def test_prices_after_the_rise_of_2021_drifted(sales: pl.DataFrame, baseline: wp.Baseline) -> None:
    report = wp.check(baseline, of_years(sales, 2023, 2023))
    verdict = report.verdicts["resale_price"]
    assert verdict.drifted == "yes"
    assert verdict.effect_size is not None
    assert verdict.effect_size > 0.3
    assert about(report, "resale_price") == {"baseline_drift_check", "range_check"}


def test_flat_models_that_are_new_in_2023_are_named(sales: pl.DataFrame, baseline: wp.Baseline) -> None:
    report = wp.check(baseline, of_years(sales, 2023, 2023))
    said = [v.description for v in report.violations if v.feature_name == "flat_model"]
    assert len(said) == 1
    assert "3Gen" in said[0]


def test_the_lease_that_was_not_recorded_before_2015_is_named_as_absent(
    sales: pl.DataFrame, baseline: wp.Baseline
) -> None:
    report = wp.check(baseline, of_years(sales, 2012, 2014))
    assert about(report, "remaining_lease") == {"all_null_check", "completeness_check"}


def test_columns_that_stayed_as_they_were_are_not_accused(sales: pl.DataFrame, baseline: wp.Baseline) -> None:
    report = wp.check(baseline, of_years(sales, 2023, 2023))
    accused = {violation.feature_name for violation in report.violations}
    assert accused == {"resale_price", "lease_commence_date", "flat_model"}


@pytest.mark.parametrize(("first", "last"), [(2017, 2017), (2018, 2018), (2017, 2018), (2019, 2019)])
def test_years_like_the_baseline_violate_nothing(
    first: int, last: int, sales: pl.DataFrame, baseline: wp.Baseline
) -> None:
    assert wp.check(baseline, of_years(sales, first, last)).violations == ()


@pytest.mark.parametrize("name", TABLES)
def test_a_table_violates_nothing_of_its_own_baseline(name: str, shared: Path) -> None:
    path = shared / "data" / TABLES[name]
    assert wp.check(wp.suggest_baseline(path), path).violations == ()


@pytest.mark.parametrize("name", TABLES)
def test_a_file_and_its_frame_give_the_same_verdicts(name: str, shared: Path) -> None:
    frame = read(shared, name)
    halves = frame.head(frame.height // 2), shared / "data" / TABLES[name]
    learned = wp.suggest_baseline(halves[0])
    assert wp.check(learned, halves[1]).verdicts == wp.check(learned, frame).verdicts


@pytest.mark.parametrize("name", TABLES)
def test_shuffled_halves_of_a_table_violate_nothing(name: str, shared: Path) -> None:
    frame = read(shared, name)
    mixed = frame.sample(fraction=1, shuffle=True, seed=11)
    half = frame.height // 2
    assert wp.check(wp.suggest_baseline(mixed.head(half)), mixed.tail(half)).violations == ()


@pytest.mark.parametrize("name", TABLES)
def test_halves_in_order_of_time_are_judged_in_full(name: str, shared: Path) -> None:
    frame = read(shared, name)
    half = frame.height // 2
    report = wp.check(wp.suggest_baseline(frame.head(half)), frame.tail(half))
    assert [feature.name for feature in report.features] == frame.columns
    assert all(feature.current is not None for feature in report.features)


def test_electricity_prices_after_the_change_of_the_market_drifted(shared: Path) -> None:
    frame = read(shared, "elec2")
    report = wp.check(wp.suggest_baseline(frame.head(17_424)), frame.slice(17_424))
    assert {"nswprice", "vicprice", "transfer"} <= {name for name, v in report.verdicts.items() if v.drifted == "yes"}


def test_more_riders_are_a_drift_and_no_change_of_unit(shared: Path) -> None:
    frame = read(shared, "bike")
    first, second = frame.filter(pl.col("yr") == 0), frame.filter(pl.col("yr") == 1)
    report = wp.check(wp.suggest_baseline(first), second)
    assert about(report, "cnt") == {"baseline_drift_check", "range_check"}
