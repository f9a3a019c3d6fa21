"""The public Python API: everything that counts as a table, and what a baseline is worth without its data."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import watchpost as wp
from watchpost.errors import BaselineNotFound, EmptySource, SourceNotFound, UnknownName

SEEDS = st.integers(0, 2**32 - 1)

Columns = dict[str, list[object]]


def flats(seed: int, rows: int = 400, town: str | None = None) -> Columns:
    rng = np.random.default_rng(seed)
    return {
        "price": rng.normal(450, 80, rows).round(2).tolist(),
        "rooms": rng.integers(1, 6, rows).tolist(),
        "town": [town] * rows if town else rng.choice(["Bedok", "Tampines", "Yishun"], rows).tolist(),
        "sold": (rng.random(rows) < 0.3).tolist(),
    }


def named_in(report: wp.Report) -> set[tuple[str, str]]:
    return {(violation.feature_name, violation.constraint_check_type) for violation in report.violations}


# --- tables ---------------------------------------------------------------------------------------------------------

IN_MEMORY: dict[str, Callable[[Columns], object]] = {
    "dict": dict,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "lazy polars": pl.LazyFrame,
    "pyarrow": pa.table,
}


@pytest.mark.parametrize("kind", IN_MEMORY)
def test_every_table_in_memory_gives_the_same_report(kind: str) -> None:
    make = IN_MEMORY[kind]
    report = wp.check(wp.suggest_baseline(make(flats(1))), make(flats(2, town="Bishan")))
    expected = wp.check(wp.suggest_baseline(flats(1)), flats(2, town="Bishan"))
    assert report.features == expected.features
    assert ("town", "categorical_values_check") in named_in(report)


@pytest.mark.parametrize("given", ["file", "text", "glob", "folder"])
def test_a_path_may_be_a_file_a_glob_or_a_folder(given: str, tmp_path: Path) -> None:
    for name, seed in (("a", 2), ("b", 3)):
        pl.DataFrame(flats(seed)).write_parquet(tmp_path / f"{name}.parquet")
    places: dict[str, object] = {
        "file": tmp_path / "a.parquet",
        "text": str(tmp_path / "a.parquet"),
        "glob": str(tmp_path / "*.parquet"),
        "folder": tmp_path,
    }
    report = wp.check(wp.suggest_baseline(flats(1)), places[given])
    assert report.ok
    assert report.current_rows == (400 if given in {"file", "text"} else 800)


def test_a_missing_value_in_pandas_does_not_make_whole_numbers_another_type() -> None:
    # pandas has no missing integer by default: one None turns the column into 31.0, NaN, 28.0, 60.0.
    ages: list[int | None] = [31, None, 28, 60] * 100
    window = pd.DataFrame({"age": ages})
    assert str(window.dtypes["age"]) == "float64"
    assert wp.check(wp.suggest_baseline({"age": ages}), window).ok
    assert wp.check(wp.suggest_baseline(window), {"age": ages}).ok


def test_whole_numbers_that_turn_into_fractions_are_another_type() -> None:
    baseline = wp.suggest_baseline({"age": [31, 45, 28, 60] * 100})
    assert ("age", "data_type_check") in named_in(wp.check(baseline, {"age": [31.0, 44.5, 28.0, 60.0] * 100}))


# --- baselines ------------------------------------------------------------------------------------------------------

KINDS = st.sampled_from(["floats", "whole", "few", "many", "flags", "gaps"])


@st.composite
def tables(draw: st.DrawFn) -> tuple[Columns, Columns]:
    """A baseline's table and another, of the same columns, with some of them moved."""
    kinds = draw(st.lists(KINDS, min_size=1, max_size=4))
    rows, moved = draw(st.integers(1, 300)), draw(st.lists(st.booleans(), min_size=4, max_size=4))
    rng = np.random.default_rng(draw(SEEDS))
    sides: tuple[Columns, Columns] = ({}, {})
    for i, kind in enumerate(kinds):
        for side, shift in zip(sides, (False, moved[i]), strict=True):
            side[f"{kind}{i}"] = _cells(kind, rows, rng, shift=shift)
    return sides


def _cells(kind: str, rows: int, rng: np.random.Generator, *, shift: bool) -> list[object]:
    match kind:
        case "floats":
            return list(rng.normal(5.0 * shift, 1, rows).tolist())
        case "whole":
            return list(rng.integers(0, 200 if shift else 50, rows).tolist())
        case "few":
            return list(rng.choice(["a", "b", "c"], rows, p=(0.1, 0.1, 0.8) if shift else (0.5, 0.4, 0.1)).tolist())
        case "many":
            return [f"id-{number}" for number in rng.integers(0, 10**9, rows)]
        case "flags":
            return list((rng.random(rows) < (0.9 if shift else 0.2)).tolist())
        case _:
            return [None if gap else 1.5 for gap in rng.random(rows) < (0.6 if shift else 0.1)]


@given(sides=tables())
def test_a_saved_baseline_judges_exactly_as_the_one_in_memory(
    sides: tuple[Columns, Columns], tmp_path_factory: pytest.TempPathFactory
) -> None:
    learned = wp.suggest_baseline(sides[0])
    folder = learned.save(tmp_path_factory.mktemp("baseline"))
    for compat in (False, True):
        fresh, again = (wp.check(baseline, sides[1], compat=compat) for baseline in (learned, folder))
        assert again.violations == fresh.violations
        assert again.verdicts == fresh.verdicts
        assert again.features == fresh.features
        assert (again.summary, again.notes) == (fresh.summary, fresh.notes)


@given(SEEDS)
def test_data_is_clean_against_its_own_baseline(seed: int) -> None:
    assert wp.check(wp.suggest_baseline(flats(seed)), flats(seed)).ok


def test_a_baseline_of_the_original_service_works_without_its_data(shared: Path) -> None:
    golden = shared / "golden" / "x9"
    baseline = wp.Baseline.load(
        statistics=golden / "baseline_statistics.json", constraints=golden / "baseline_constraints.json"
    )
    report = wp.check(baseline, golden / "monitoring_statistics.json", compat=True)
    recorded = json.loads((golden / "constraint_violations.json").read_text())["violations"]
    assert named_in(report) == {(v["feature_name"], v["constraint_check_type"]) for v in recorded}
    assert report.baseline_rows == 3000


def test_a_baseline_of_the_original_service_drifts_on_rows_of_today(shared: Path) -> None:
    folder = shared / "golden/sagemaker-sdk-fixtures/pipeline/quality_check_step/data_quality"
    baseline = wp.Baseline.load(
        statistics=folder / "statistics.json", constraints=folder / "good_cases" / "constraints.json"
    )
    rows = pl.read_csv(folder / "baseline_dataset.csv", has_header=False, new_columns=list(baseline.column_names))
    assert wp.check(baseline, rows).ok
    first = baseline.column_names[0]
    spoiled = wp.check(baseline, rows.with_columns(pl.col(first) + 2))
    assert spoiled.verdicts[first].drifted == "yes"
    assert {feature for feature, _ in named_in(spoiled)} == {first}


def test_compat_is_blind_to_the_share_of_ones_as_the_original_is_and_the_default_is_not() -> None:
    # Contract 4.4: a flip from 10 % ones to 90 % scores 0 in the original; correct are 0.8, and robust 0.7195.
    baseline = wp.suggest_baseline({"flag": [1] * 100 + [0] * 900})
    flipped = {"flag": [1] * 900 + [0] * 100}
    blind, seeing = wp.check(baseline, flipped, compat=True), wp.check(baseline, flipped)
    assert (blind.ok, blind.verdicts["flag"].drifted, blind.verdicts["flag"].statistic) == (True, "no", 0.0)
    assert named_in(seeing) == {("flag", "baseline_drift_check")}
    assert seeing.verdicts["flag"].statistic == pytest.approx(0.7195, abs=5e-5)
    assert seeing.verdicts["flag"].effect_size == pytest.approx(0.8)


# --- refusals -------------------------------------------------------------------------------------------------------


def test_nothing_can_be_learned_from_no_rows() -> None:
    with pytest.raises(EmptySource, match="at least one row"):
        wp.suggest_baseline({"age": []})


def test_a_path_without_data_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match=r"gone\.csv"):
        wp.suggest_baseline(tmp_path / "gone.csv")


def test_a_folder_without_baseline_is_refused_and_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BaselineNotFound, match="watchpost baseline DATA"):
        wp.check(tmp_path, {"age": [1]})


def test_an_unknown_drift_test_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'wasserstein'"):
        wp.check(wp.suggest_baseline({"age": [1, 2]}), {"age": [1, 2]}, drift_test="waserstein")


def test_every_refusal_is_of_one_tree() -> None:
    assert all(issubclass(e, wp.WatchpostError) for e in (EmptySource, SourceNotFound, BaselineNotFound, UnknownName))


def test_what_is_no_table_is_refused_in_words() -> None:
    with pytest.raises(wp.WatchpostError, match="int"):
        wp.suggest_baseline(7)
