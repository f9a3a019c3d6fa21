"""Monitors on traffic that was captured by rules: verdicts and figures speak of all of it, and say by what right."""

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import watchpost as wp
from watchpost.data.open import open_dataset
from watchpost.data.quarantine import Quarantine
from watchpost.data.weights import PROBABILITY_PREFIX
from watchpost.monitors import MONITORS, Settings, Terms
from watchpost.monitors._bias_counts_json import parse_counts, write_counts
from watchpost.monitors._explained_rows import read_sample
from watchpost.monitors._weighting import representative, with_traces
from watchpost.profiles.statistics import ClassCounts, FeatureStatistics, Statistics
from watchpost.service.execution.clarify import _Asked

RARE = 0.1
BIAS = MONITORS.load("bias")
CONFIGURATION = {
    "version": "1.0",
    "label": "paid",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "region", "value_or_threshold": ["north"]}],
}


def traffic(seed: int, rows: int = 12_000) -> pl.DataFrame:
    """Sales of which a twentieth is large; these lack a phone more often, and more come from the north."""
    rng = np.random.default_rng(seed)
    amount = np.exp(rng.normal(5.3, 1.0, rows)).round(2)
    large = amount > 1000
    north = rng.random(rows) < np.where(large, 0.8, 0.3)
    paid = rng.random(rows) < np.where(large, 0.9, 0.5) - 0.1 * north
    score = np.where(paid, 0.7, 0.3) + rng.normal(0, 0.25, rows)
    return pl.DataFrame(
        {
            "amount": amount,
            "age": rng.integers(18, 80, rows),
            "region": np.where(north, "north", "south"),
            "phone": pl.Series(rng.integers(10**6, 10**7, rows).tolist()).set(
                pl.Series(rng.random(rows) < np.where(large, 0.5, 0.1)), None
            ),
            "paid": paid.astype(int),
            "score": score.clip(0, 1).round(4),
        }
    )


def captured(folder: Path, whole: pl.DataFrame, seed: int, *, told: bool = True, rare: float = RARE) -> Path:
    """What rules let through of it, as capture lines. told: whether records say how probable they were."""
    rng = np.random.default_rng([seed, 1])
    probability = np.where(whole["amount"].to_numpy() > 1000, 1.0 if rare == RARE else rare, rare)
    folder.mkdir(exist_ok=True)
    path = folder / "capture.jsonl"
    with path.open("w") as file:
        for place, row in enumerate(whole.rows(named=True)):
            if rng.random() < probability[place]:
                file.write(_line(row, place, f"{PROBABILITY_PREFIX}{float(probability[place])!r}" if told else None))
    return path


def _line(row: dict[str, object], place: int, attribute: str | None) -> str:
    asked = {name: row[name] for name in ("amount", "age", "region", "phone")}
    record: dict[str, object] = {
        "captureData": {
            "endpointInput": {"data": json.dumps(asked), "encoding": "JSON"},
            "endpointOutput": {"data": json.dumps({"score": row["score"]}), "encoding": "JSON"},
        },
        "groundTruthData": {"data": str(row["paid"]), "encoding": "CSV"},
        "eventMetadata": {"eventId": f"e{place}", **({"customAttributes": [attribute]} if attribute else {})},
        "eventVersion": "0",
    }
    return json.dumps(record) + "\n"


@cache
def learned() -> wp.Baseline:
    return wp.suggest_baseline(traffic(1, 20_000).drop("paid"))


QUALITY = Settings("BinaryClassification", probability_attribute="score")


# --- data quality ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2, 6))
def test_stratified_sampling_alone_is_no_drift(tmp_path: Path, seed: int) -> None:
    report = wp.check(learned(), captured(tmp_path, traffic(seed), seed))
    assert not [violation for violation in report.violations if violation.feature_name != "phone"], report.violations
    assert not report.violations
    assert report.summary.drift_score == 0
    assert report.notes[0].startswith("Judged by ")
    assert "Kish" in report.notes[0]


def test_without_its_weights_the_same_sample_cries_wolf(tmp_path: Path) -> None:
    report = wp.check(learned(), captured(tmp_path, traffic(2), 2, told=False))
    assert {"amount", "phone"} <= {violation.feature_name for violation in report.violations}


def test_drift_is_seen_through_stratified_sampling(tmp_path: Path) -> None:
    moved = traffic(3).with_columns(pl.col("age") + 8, amount=pl.col("amount") * 0.6)
    report = wp.check(learned(), captured(tmp_path, moved, 3))
    drifted = {v.feature_name for v in report.violations if v.constraint_check_type == "baseline_drift_check"}
    assert {"age", "amount"} <= drifted


def test_shown_means_and_missing_rates_are_the_traffics_and_files_count_what_was_captured(tmp_path: Path) -> None:
    whole = traffic(4)
    path = captured(tmp_path, whole, 4)
    report = wp.check(learned(), path)
    amount = next(feature for feature in report.features if feature.name == "amount").current
    phone = next(feature for feature in report.features if feature.name == "phone").current
    assert amount is not None
    assert phone is not None
    assert amount.mean == pytest.approx(whole["amount"].mean(), rel=0.15)
    assert phone.missing_ratio == pytest.approx(whole["phone"].null_count() / whole.height, abs=0.04)
    monitor = MONITORS.load("data_quality")
    seen = monitor.observe(learned(), open_dataset(path), Settings(), Quarantine())
    lines = path.read_text().count("\n")
    files = monitor.files(seen, monitor.judge(learned(), seen, Terms()))
    assert json.loads(files["statistics.json"] or "")["dataset"]["item_count"] == lines == report.current_rows
    assert {feature.name for feature in report.features} == set(learned().column_names)


def test_a_baseline_of_stratified_records_is_one_of_the_traffic(tmp_path: Path) -> None:
    baseline = wp.suggest_baseline(captured(tmp_path, traffic(5, 20_000), 5))
    report = wp.check(baseline, traffic(6).drop("paid"))
    assert not [v for v in report.violations if v.constraint_check_type == "baseline_drift_check"]


def test_records_of_equal_probability_are_judged_as_if_nothing_was_said(tmp_path: Path) -> None:
    whole = traffic(7, 3000)
    said = captured(tmp_path / "a", whole, 7, rare=0.3)
    silent = captured(tmp_path / "b", whole, 7, rare=0.3, told=False)
    monitors = {"data_quality": (learned(), Settings()), "model_quality": (_quality_baseline(), QUALITY)}
    for name, (baseline, settings) in monitors.items():
        monitor = MONITORS.load(name)
        reports = []
        for path in (said, silent):
            seen = monitor.observe(baseline, open_dataset(path), settings, Quarantine())
            report = monitor.judge(baseline, seen, Terms())
            reports.append((report.violations, report.features, report.figures, report.curves, report.notes))
            reports.append(monitor.files(seen, report))
        assert reports[0] == reports[2]
        assert reports[1] == reports[3]


def test_what_is_not_allowed_at_all_does_not_get_lost_in_drawing() -> None:
    whole = Statistics(
        5,
        (
            FeatureStatistics("a", "Integral", 999, 1, classes=ClassCounts(integral=998, string=1)),
            FeatureStatistics("b", "String", 1, 999),
        ),
    )
    drawn = Statistics(100, (FeatureStatistics("a", "Integral", 100, 0, classes=ClassCounts(integral=100)),))
    found, other = with_traces(drawn, whole).features
    assert (found.present, found.missing, found.completeness) == (99, 1, 0.99)
    assert found.classes == ClassCounts(integral=99, string=1)
    assert other == whole.features[1]


# --- model quality --------------------------------------------------------------------------------------------------


@cache
def _quality_baseline() -> object:
    asked = Settings("BinaryClassification", probability_attribute="score", ground_truth_attribute="paid")
    return wp.suggest_baseline(traffic(1, 20_000), monitor="model_quality", settings=asked)


def test_quality_of_stratified_records_is_that_of_the_traffic(tmp_path: Path) -> None:
    whole = traffic(8)
    asked = Settings("BinaryClassification", probability_attribute="score", segments=("region",))
    path = captured(tmp_path, whole, 8)
    report = wp.check(_quality_baseline(), path, monitor="model_quality", settings=asked)
    assert report.ok, report.violations
    called = whole["score"] >= 0.5
    share = float((called & (whole["paid"] == 1)).sum()) / float(called.sum())
    found = {figure.name: figure for figure in report.figures if not figure.group}
    assert found["precision"].value == pytest.approx(share, abs=0.03)
    # What a score rests on is told in rows of equal weight: fewer than were captured.
    rows = path.read_text().count("\n")
    assert found["accuracy"].rows is not None
    assert found["accuracy"].rows < rows
    matrix = (
        MONITORS.load("model_quality")
        .observe(_quality_baseline(), open_dataset(path), QUALITY, Quarantine())
        .figures.confusion_matrix
    )
    assert sum(map(sum, matrix.counts)) == pytest.approx(rows)


def test_a_named_column_of_weights_holds_instead_of_the_captured_ones(tmp_path: Path) -> None:
    path = captured(tmp_path, traffic(9, 3000), 9)
    monitor = MONITORS.load("model_quality")
    named = Settings("BinaryClassification", probability_attribute="score", weight_attribute="endpointInput_age")
    seen = monitor.observe(_quality_baseline(), open_dataset(path), named, Quarantine())
    rows = next(iter(open_dataset(path).by_event().batches(Quarantine())))  # type: ignore[attr-defined]  # captures are
    hit = ((rows["endpointOutput_score"] >= 0.5) == (rows["groundTruthData_0"] == 1)).cast(pl.Float64)
    weight = rows["endpointInput_age"]
    assert seen.figures.value("accuracy") == pytest.approx(float((hit * weight).sum() / weight.sum()))


# --- bias -----------------------------------------------------------------------------------------------------------


def _bias(path: Path) -> wp.Report:
    asked = Settings(analysis_config=json.dumps(CONFIGURATION))
    return wp.check(_bias_baseline(), path, monitor="bias", settings=asked)


@cache
def _bias_baseline() -> object:
    asked = Settings(analysis_config=json.dumps(CONFIGURATION), probability_attribute="score")
    return wp.suggest_baseline(traffic(1, 20_000).drop("phone"), monitor="bias", settings=asked)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_bias_of_stratified_records_is_that_of_the_traffic(tmp_path: Path, seed: int) -> None:
    whole = traffic(seed)
    report = _bias(captured(tmp_path, whole, seed))
    assert report.ok, report.violations
    assert any(note.startswith("Figures are weighted") for note in report.notes)
    north = float((whole["region"] == "north").mean() or 0)
    found = {figure.name: figure.value for figure in report.figures}
    assert found["CI"] == pytest.approx(1 - 2 * north, abs=0.1)


def test_bias_without_weights_is_that_of_the_sampling(tmp_path: Path) -> None:
    report = _bias(captured(tmp_path, traffic(2), 2, told=False))
    assert not report.ok


def test_counts_by_weight_come_back_from_their_file(tmp_path: Path) -> None:
    asked = Settings(analysis_config=json.dumps(CONFIGURATION))
    baseline = BIAS.suggest_baseline(open_dataset(captured(tmp_path, traffic(3, 4000), 3)), asked, Quarantine())
    assert baseline.learned.inputs == ("amount", "age", "region", "phone")
    text = write_counts(baseline.learned)
    again = parse_counts(text, "bias_counts.json")
    assert write_counts(again) == text
    assert again.counts.weight == baseline.learned.counts.weight != again.counts.rows
    (facet,) = again.counts.facets
    assert facet.squares is not None
    assert math.isclose(float(facet.weights.sum()), again.counts.weight)


# --- explainability -------------------------------------------------------------------------------------------------


def test_rows_that_are_explained_are_a_plain_sample_of_the_traffic(tmp_path: Path) -> None:
    path = captured(tmp_path, traffic(4), 4)
    table, weights = representative(open_dataset(path), np.random.default_rng(0))
    assert weights is not None
    sample = read_sample(table, Quarantine(), np.random.default_rng(1))
    large = (sample.frame["amount"] > 1000).mean()
    plain = read_sample(open_dataset(path), Quarantine(), np.random.default_rng(1)).frame
    assert abs(float(large or 0) - 0.054) < 0.04  # of 500 rows four standard errors, 0.01 each
    assert float((plain["amount"] > 1000).mean() or 0) > 0.25
    assert sample.frame.columns == plain.columns


def test_requests_that_clarify_explains_are_drawn_alike_too(tmp_path: Path) -> None:
    captures = open_dataset(captured(tmp_path, traffic(4, 3000), 4))
    asked = _Asked(captures.by_event(), ("amount", "age", "region", "phone"))  # type: ignore[attr-defined]  # captures are
    table, weights = representative(asked, np.random.default_rng(0))
    assert weights is not None
    (drawn,) = table.batches(Quarantine())
    assert drawn.columns == ["amount", "age", "region", "phone"]
    assert drawn.height < weights.rows
