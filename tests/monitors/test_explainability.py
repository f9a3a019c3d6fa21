"""The explainability monitor: from rows, a model or logged attributions to a report, in Python and from the shell."""

import io
import json
import pickle
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import jsonschema
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import watchpost as wp
from watchpost.attribution.errors import Incomparable, UnfitRows
from watchpost.attribution.explainers.linear import LinearModel
from watchpost.attribution.model import on_matrix
from watchpost.attribution.remote import Wire
from watchpost.errors import BaselineNotFound, EmptySource, MalformedBaseline
from watchpost.monitors import Settings
from watchpost.monitors._explained_model import MissingModel, UnreadableModel, open_model
from watchpost.monitors.explainability import AttributionBaseline

SEEDS = st.integers(0, 2**32 - 1)
CLEAN, VIOLATIONS, BAD_INPUT = 0, 1, 2
FEATURES = ("square_footage", "location", "age", "noise")
WEIGHTS = (2.0, 10.0, -0.3, 0.0)
LINEAR = LinearModel((WEIGHTS,), (20.0,), FEATURES)
CONFIG = {
    "version": "1.0",
    "headers": [*FEATURES, "price"],
    "label": "price",
    "methods": {"shap": {"agg_method": "mean_abs", "num_samples": 40, "baseline": [[120.0, 5.0, 40, 0.0]]}},
    "predictor": {"content_type": "text/csv"},
}


def houses(seed: int, rows: int = 400) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "square_footage": rng.normal(120, 30, rows).round(1),
            "location": rng.uniform(0, 10, rows).round(2),
            "age": rng.integers(0, 80, rows),
            "noise": rng.normal(size=rows).round(3),
        }
    )


def price(rows: pl.DataFrame) -> np.ndarray:
    """A model as people have it in Python: a function of rows."""
    return 20 + rows.select(FEATURES).to_numpy() @ np.array(WEIGHTS)


def swapped(frame: pl.DataFrame) -> pl.DataFrame:
    """Two columns that changed places on the way to the model."""
    return frame.rename({"square_footage": "location", "location": "square_footage"}).select(FEATURES)


def learn(data: object, model: object = LINEAR, **more: object) -> AttributionBaseline:
    told = Settings(model=model, **more)  # type: ignore[arg-type]  # any field of it
    return wp.suggest_baseline(data, monitor="explainability", settings=told)  # type: ignore[return-value]


def check(baseline: object, data: object, model: object = LINEAR, *, compat: bool = False, **more: object) -> wp.Report:
    told = Settings(model=model, **more)  # type: ignore[arg-type]  # any field of it
    return wp.check(baseline, data, monitor="explainability", settings=told, compat=compat)  # type: ignore[arg-type]


def types_of(report: wp.Report) -> dict[str, str]:
    return {violation.feature_name: violation.constraint_check_type for violation in report.violations}


def figure(report: wp.Report, name: str, group: str = "label0"):
    return next(f for f in report.figures if (f.name, f.group) == (name, group))


@pytest.fixture(scope="module")
def known() -> AttributionBaseline:
    return learn(houses(1))


# --- laws -----------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(seed=SEEDS, rows=st.integers(2, 200))
def test_data_is_clean_against_its_own_baseline(seed, rows):
    data = houses(seed, rows)
    report = check(learn(data), data)
    assert report.ok
    assert figure(report, "ndcg").value == pytest.approx(1)


@settings(max_examples=15)
@given(seed=SEEDS, order=st.permutations(FEATURES))
def test_the_order_of_the_columns_says_nothing_where_they_have_names(seed, order, known):
    data = houses(seed, 60)
    assert check(known, data.select(order)).figures == check(known, data).figures


@settings(max_examples=10)
@given(seed=SEEDS, draws=st.integers(0, 2**31))
def test_a_baseline_that_was_saved_judges_as_the_one_in_memory(seed, draws, tmp_path_factory):
    learned, today = learn(houses(seed, 80), seed=draws), swapped(houses(seed + 1, 80))
    again = AttributionBaseline.load(learned.save(tmp_path_factory.mktemp("baseline")))
    assert check(again, today, seed=draws).figures == check(learned, today, seed=draws).figures
    assert check(again, today, seed=draws).violations == check(learned, today, seed=draws).violations


@settings(max_examples=10)
@given(seed=SEEDS)
def test_two_columns_that_changed_places_are_both_named(seed, known):
    report = check(known, swapped(houses(seed)))
    moved = {name for name, check_type in types_of(report).items() if check_type == "feature_attribution_change_check"}
    assert {"square_footage", "location"} <= moved


def test_attributions_that_changed_places_are_told_as_an_exchange():
    rng = np.random.default_rng(3)
    learned = learn({"a": rng.normal(0, 1, 200), "b": rng.normal(0, 3, 200)}, "logged")
    report = check(learned, {"a": rng.normal(0, 3, 200), "b": rng.normal(0, 1, 200)}, "logged")
    assert "'a' and 'b' were exchanged" in report.next_steps[0]


def test_healthy_windows_raise_an_alarm_at_most_as_often_as_stated():
    # alpha is 0.01 over baselines and windows: of 60 pairs more than 4 would be met once in 3,000 times (binomial).
    pairs = ((learn(houses(2 * seed, 80)), houses(2 * seed + 1, 80), seed) for seed in range(60))
    assert sum(not check(learned, today, seed=seed).ok for learned, today, seed in pairs) <= 4


# --- the figures ----------------------------------------------------------------------------------------------------


def test_figures_say_what_every_feature_gives_now_and_gave_before(known):
    report = check(known, swapped(houses(2)))
    location = figure(report, "location")
    typical = houses(1).median().row(0, named=True)["location"]
    now = float(np.abs(10 * (swapped(houses(2))["location"] - typical)).mean())
    assert location.value == pytest.approx(now)
    assert location.baseline == pytest.approx(known.analysis.labels[0].by_feature["location"])
    assert location.lower < location.value < location.upper
    assert location.title.startswith("location +")
    assert (location.judged, location.rows) == ("violated", 400)


def test_what_the_model_never_used_is_not_reported(known):
    today = houses(2).with_columns(noise=pl.col("noise") * 50)
    assert check(known, today).ok


def test_the_contracts_drift_vector_through_files_of_the_service(tmp_path):
    # Contract 8.3: baseline (0.70, 0.50, 0.05), live (0.10, 0.20, 0.70) score 0.69.
    for name, values in (("baseline", (0.70, 0.50, 0.05)), ("live", (0.10, 0.20, 0.70))):
        (tmp_path / name).mkdir()
        shap = {"global_shap_values": dict(zip("abc", values, strict=True)), "expected_value": 0.1}
        document = {"version": "1.0", "explanations": {"kernel_shap": {"label0": shap}}}
        (tmp_path / name / "analysis.json").write_text(json.dumps(document))
    done = run(
        "check", tmp_path / "live/analysis.json", *monitor(tmp_path / "baseline"), "--compat", "-o", tmp_path / "o"
    )
    written = json.loads((tmp_path / "o/constraint_violations.json").read_text())
    (violation,) = written.pop("violations")
    assert (done.returncode, written) == (VIOLATIONS, {"version": "1.0"})
    score = float(violation.pop("description").split()[3])
    assert score == pytest.approx(0.68763, abs=1e-5)
    assert violation == {
        "label": "label0",
        "metric_name": "shap",
        "constraint_check_type": "feature_attribution_drift_check",
    }
    assert (tmp_path / "o/analysis.json").is_file()


def test_an_alarm_of_the_order_needs_rows_unless_the_original_is_asked(known):
    few = swapped(houses(2, 2))
    assert figure(check(known, few), "ndcg").judged == "not_enough_data"
    assert types_of(check(known, few, compat=True)) == {"label0": "feature_attribution_drift_check"}


def test_another_model_is_told_from_other_data(known):
    report = check(known, houses(2), LinearModel((WEIGHTS,), (500.0,), FEATURES))
    assert any("the model itself is another one" in note for note in report.notes)
    assert not any("another one" in note for note in check(known, swapped(houses(2))).notes)


def test_the_report_is_the_published_one_and_makes_a_page(known):
    schema = json.loads((Path(__file__).resolve().parents[2] / "docs" / "report.schema.json").read_text())
    report = check(known, swapped(houses(2)))
    jsonschema.Draft202012Validator(schema).validate(json.loads(report.to_json()))
    assert "square_footage" in report.to_html()


def test_no_row_is_a_violation_of_its_own(known):
    assert types_of(check(known, houses(2, 0))) == {"Rows": "empty_window_check"}
    assert check(known, houses(2, 0), compat=True).ok


def test_at_most_500_rows_are_explained_and_the_report_says_so():
    learned = learn(houses(1, 1200))
    report = check(learned, houses(2, 700))
    assert (report.baseline_rows, report.current_rows) == (500, 500)
    assert report.notes == ("Explained were 500 of 700 rows of data frame, drawn at random (seed 0).",)


# --- models ---------------------------------------------------------------------------------------------------------


def test_a_function_of_rows_is_explained_within_its_budget():
    calls = []

    def counted(rows: pl.DataFrame) -> np.ndarray:
        calls.append(rows.height)
        return price(rows)

    config = json.dumps(CONFIG)
    learned = learn(houses(1, 100), counted, analysis_config=config)
    assert learned.metadata.explainer == "kernel_shap"
    assert sum(calls) <= 40 * 100
    # The function is linear, so its attributions are known: weight times the distance from the baseline row.
    expected = float(np.abs(10 * (houses(1, 100)["location"] - 5)).mean())
    assert learned.analysis.labels[0].by_feature["location"] == pytest.approx(expected)
    assert check(learned, houses(2, 100), price).ok
    assert not check(learned, swapped(houses(2, 100)), price).ok


def test_a_boosted_model_of_scikit_learn_is_explained_exactly():
    ensemble = pytest.importorskip("sklearn.ensemble", reason="scikit-learn is not installed")
    pytest.importorskip("shap", reason="the explainer of scikit-learn's trees is not installed: pip install shap")
    model = ensemble.GradientBoostingRegressor(n_estimators=20, random_state=0).fit(
        houses(1).to_pandas(), price(houses(1))
    )
    learned = learn(houses(1), model)
    assert learned.metadata.explainer == "tree"
    assert check(learned, houses(2), model).ok
    assert not check(learned, swapped(houses(2)), model).ok


def test_a_pipeline_of_scikit_learn_is_asked_for_its_probabilities():
    pipeline = pytest.importorskip("sklearn.pipeline", reason="scikit-learn is not installed")
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    dear = price(houses(1)) > np.median(price(houses(1)))
    model = pipeline.make_pipeline(StandardScaler(), LogisticRegression()).fit(houses(1).to_pandas(), dear)
    told = {"analysis_config": json.dumps(CONFIG)}
    learned = learn(houses(1, 100), model, **told)
    assert (learned.metadata.explainer, learned.metadata.labels) == ("kernel_shap", ("label0",))
    assert check(learned, houses(2, 100), model, **told).ok
    assert "location" in types_of(check(learned, swapped(houses(2, 100)), model, **told))


def test_a_baseline_of_the_service_is_compared_with_kernel_shap_as_the_service_does(tmp_path):
    ensemble = pytest.importorskip("sklearn.ensemble", reason="scikit-learn is not installed")
    model = ensemble.GradientBoostingRegressor(n_estimators=5, random_state=0).fit(
        houses(1).to_numpy(), price(houses(1))
    )
    learn(houses(1, 50), on_matrix(model.predict), analysis_config=json.dumps(CONFIG)).save(tmp_path)
    for ours in ("attribution_data.jsonl", "model_metadata.json"):
        (tmp_path / ours).unlink()
    report = check(str(tmp_path), houses(2, 50), model)
    assert figure(report, "ndcg").judged == "kept"
    assert figure(report, "location").judged == "not_judged"
    assert any("no model_metadata.json" in note for note in report.notes)
    assert any("keep attribution_data with the baseline" in note for note in report.notes)


# --- attributions that were logged ----------------------------------------------------------------------------------


def logged(seed: int, rows: int = 200, scale: float = 1.0) -> list[dict[str, object]]:
    rng = np.random.default_rng(seed)
    return [
        {
            "row": row,
            "label": label,
            "expected_value": 0.5,
            "attributions": {"a": rng.normal(0, 3 * scale if label == "yes" else 3), "b.c": rng.normal(0, 1)},
        }
        for row in range(rows)
        for label in ("no", "yes")
    ]


def write_lines(path: Path, lines: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_logged_attributions_are_taken_as_they_are(tmp_path):
    learned = learn(write_lines(tmp_path / "train.jsonl", logged(1)), None)
    yes = next(label for label in learned.analysis.labels if label.label == "yes")
    own = [line["attributions"]["a"] for line in logged(1) if line["label"] == "yes"]
    assert (learned.metadata.explainer, yes.expected) == ("logged", 0.5)
    assert yes.by_feature["a"] == pytest.approx(np.abs(own).mean())
    assert yes.features == ("a", "b.c")


def test_of_several_labels_the_one_that_moved_is_named_in_report_and_file(tmp_path):
    learned = learn(write_lines(tmp_path / "train.jsonl", logged(1)), None)
    learned.save(tmp_path / "baseline")
    write_lines(tmp_path / "today.jsonl", logged(2, scale=3))
    assert check(learned, write_lines(tmp_path / "healthy.jsonl", logged(3)), None).ok
    assert types_of(check(learned, tmp_path / "today.jsonl", None)) == {"a (yes)": "feature_attribution_change_check"}
    run("check", tmp_path / "today.jsonl", *monitor(tmp_path / "baseline"), "-o", tmp_path / "out")
    written = json.loads((tmp_path / "out/constraint_violations.json").read_text())["violations"]
    assert [violation["label"] for violation in written] == ["yes"]


def test_what_an_execution_left_can_be_judged_again_with_its_rows(tmp_path, known):
    known.save(tmp_path / "baseline")
    swapped(houses(2)).write_parquet(tmp_path / "today.parquet")
    learn(swapped(houses(2))).save(tmp_path / "seen")
    again = check(str(tmp_path / "baseline"), str(tmp_path / "seen/analysis.json"), None)
    assert types_of(again).keys() >= {"square_footage", "location"}


def test_columns_of_attributions_are_taken_when_told_so(tmp_path):
    rng = np.random.default_rng(5)
    wide = {"a": rng.normal(size=100), "b": rng.normal(size=100)}
    learned = learn(wide, "logged")
    assert learned.metadata.explainer == "logged"
    assert check(learned, wide, None).ok  # the baseline says what the columns are


def test_a_feature_that_is_explained_on_one_side_only_is_named():
    learned = learn({"a": [1.0, 2.0] * 20, "b": [0.5, 0.25] * 20}, "logged")
    report = check(learned, {"a": [1.0, 2.0] * 20, "c": [0.5, 0.25] * 20}, "logged")
    assert types_of(report) == {"b": "feature_attribution_names_check", "c": "feature_attribution_names_check"}
    assert figure(report, "b").judged == figure(report, "c").judged == "violated"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda lines: lines[:-1], "lines more"),
        (lambda lines: lines[1:], "of other rows"),
        (lambda lines: [*lines[:3], {**lines[3], "attributions": {"a": 1.0}}, *lines[4:]], "'b.c'"),
    ],
    ids=["cut off", "beginning lost", "a feature lost"],
)
def test_incomplete_logged_rows_are_refused(broken, said, tmp_path):
    path = write_lines(tmp_path / "lines.jsonl", broken(logged(1, 20)))
    with pytest.raises(UnfitRows, match=said):
        learn(path, None)


# --- columns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["price", "4"])
def test_the_label_is_no_feature(label):
    data = houses(1, 40).with_columns(price=pl.Series(price(houses(1, 40))))
    learned = learn(data, price, analysis_config=json.dumps(CONFIG | {"label": label}))
    assert learned.features == FEATURES


def test_without_headers_all_columns_but_those_named_otherwise_are_features():
    data = houses(1, 40).with_columns(price=pl.lit(1.0), id=pl.lit("x"), score=pl.lit(0.5))
    config = {"label": "price", "excluded_columns": ["id"]}
    told = {"analysis_config": json.dumps(config), "inference_attribute": "score"}
    assert learn(data, price, **told).features == FEATURES


def test_columns_that_nobody_named_get_the_names_of_headers_or_features(tmp_path):
    data = houses(1, 40)
    data.with_columns(price=pl.lit(1.0)).write_csv(tmp_path / "all.csv", include_header=False)
    data.write_csv(tmp_path / "features.csv", include_header=False)
    told = {"analysis_config": json.dumps(CONFIG)}
    read = {"monitor": "explainability", "settings": Settings(model=price, **told), "header": False}
    learned = [wp.suggest_baseline(tmp_path / name, **read) for name in ("all.csv", "features.csv")]
    assert [one.features for one in learned] == [FEATURES, FEATURES]
    assert learned[0].analysis == learned[1].analysis


def test_captured_answers_are_left_out_when_their_column_is_told(tmp_path):
    def captured(row: tuple[object, ...]) -> str:
        sides = {"endpointInput": ",".join(map(str, row)), "endpointOutput": "1.5"}
        data = {
            side: {"observedContentType": "text/csv", "data": text, "encoding": "CSV"} for side, text in sides.items()
        }
        return json.dumps({"captureData": data, "eventMetadata": {"eventId": "e"}, "eventVersion": "0"})

    learned = learn(houses(1, 60), price, analysis_config=json.dumps(CONFIG))
    (tmp_path / "capture.jsonl").write_text("\n".join(map(captured, houses(2, 60).rows())))
    with pytest.raises(UnfitRows, match="--inference-attribute INDEX"):
        check(learned, tmp_path / "capture.jsonl", price)
    report = check(learned, tmp_path / "capture.jsonl", price, inference_attribute="0")
    assert report.figures == check(learned, houses(2, 60), price).figures


def test_baseline_rows_may_lie_in_a_file_of_their_own(tmp_path):
    (tmp_path / "rows.csv").write_text("120,5,40,0\n")
    elsewhere = json.loads(json.dumps(CONFIG))
    elsewhere["methods"]["shap"]["baseline"] = str(tmp_path / "rows.csv")
    here, there = (learn(houses(1, 40), price, analysis_config=json.dumps(c)) for c in (CONFIG, elsewhere))
    assert here.metadata.background == there.metadata.background == ((120.0, 5.0, 40, 0.0),)
    assert here.analysis == there.analysis


def test_new_data_is_explained_against_the_baselines_rows(known):
    report = check(known, houses(2).with_columns(pl.col("square_footage") + 100))
    assert types_of(report).keys() >= {"square_footage"}


# --- what cannot be done --------------------------------------------------------------------------------------------


def test_without_a_model_it_says_what_to_give(known):
    with pytest.raises(MissingModel, match="--model"):
        check(known, houses(2), None)


def test_a_missing_column_is_named(known):
    with pytest.raises(UnfitRows, match="'location'"):
        check(known, houses(2).drop("location"))


def test_no_row_is_no_baseline():
    with pytest.raises(EmptySource):
        learn(houses(1, 0))


def test_another_aggregation_is_refused(known):
    config = json.dumps({"methods": {"shap": {"agg_method": "mean_sq"}}})
    with pytest.raises(Incomparable, match="mean_sq"):
        check(known, houses(2), analysis_config=config)


def test_a_folder_without_explanations_is_no_baseline(tmp_path):
    with pytest.raises(BaselineNotFound, match=r"analysis\.json"):
        AttributionBaseline.load(tmp_path)
    (tmp_path / "analysis.json").write_text('{"version": "1.0", "pre_training_bias_metrics": {}}')
    with pytest.raises(MalformedBaseline, match="expected attributions"):
        AttributionBaseline.load(tmp_path)


def test_rows_of_another_run_are_left_aside_with_a_note(known, tmp_path):
    known.save(tmp_path)
    learn(houses(9)).save(tmp_path / "other")
    (tmp_path / "other/attribution_data.jsonl").replace(tmp_path / "attribution_data.jsonl")
    report = check(str(tmp_path), houses(2))
    assert figure(report, "location").judged == "not_judged"
    assert any("left aside" in note for note in report.notes)


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (pytest.fail, ("a pickle was opened",))


def tarred(path: Path, name: str, content: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("place", ["file", "archive"])
def test_no_pickle_is_ever_opened(place, tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Bomb()))
    if place == "archive":
        path = tarred(tmp_path / "model.tar.gz", "xgboost-model", path.read_bytes())
    with pytest.raises(UnreadableModel, match="it is a pickle"):
        learn(houses(1), str(path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"", "no known kind"),
        (b"\x1f\x8bnot gzip", "no readable tar"),
        (b"PK\x03\x04", "no known"),
    ],
    ids=["missing", "empty", "broken archive", "zip"],
)
def test_what_is_no_model_is_refused(content, said, tmp_path):
    if content is not None:
        (tmp_path / "model").write_bytes(content)
    with pytest.raises(UnreadableModel, match=said):
        learn(houses(1), tmp_path / "model")


def test_an_archive_without_a_model_names_what_it_holds(tmp_path):
    with pytest.raises(UnreadableModel, match="'model_algo-1'"):
        learn(houses(1), tarred(tmp_path / "model.tar.gz", "model_algo-1", b"mxnet"))


def test_a_broken_xgboost_model_is_refused(tmp_path):
    pytest.importorskip("xgboost", reason="XGBoost is not installed: pip install xgboost-cpu")
    (tmp_path / "model.json").write_text('{"learner": 1')
    with pytest.raises(UnreadableModel, match="XGBoost says"):
        learn(houses(1), tmp_path / "model.json")


# --- the command line -----------------------------------------------------------------------------------------------


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "watchpost", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def monitor(baseline: Path) -> tuple[object, ...]:
    return ("--baseline", baseline, "--monitor", "explainability")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `train.csv`, `analysis_config.json`, a clean `today.csv`, and `swapped.csv`."""
    root = tmp_path_factory.mktemp("place")
    houses(1).with_columns(price=pl.Series(price(houses(1)))).write_csv(root / "train.csv")
    houses(2).write_csv(root / "today.csv")
    swapped(houses(3)).write_csv(root / "swapped.csv")
    (root / "analysis_config.json").write_text(json.dumps(CONFIG))
    return root


def journey(place: Path, model: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Learn, check clean data, check swapped data; the last one's outcome."""
    learned = run(
        *("baseline", place / "train.csv", "-o", folder / "baseline", "--monitor", "explainability"),
        *("--config", place / "analysis_config.json", "--model", model),
    )
    assert (learned.returncode, learned.stderr) == (CLEAN, "")
    assert "'square_footage'" in learned.stdout
    clean = run("check", place / "today.csv", *monitor(folder / "baseline"), "--model", model, "-o", folder / "clean")
    assert (clean.returncode, clean.stderr) == (CLEAN, ""), clean.stdout
    assert not (folder / "clean" / "constraint_violations.json").exists()
    return run("check", place / "swapped.csv", *monitor(folder / "baseline"), "--model", model, "-o", folder / "out")


def model_file(kind: str, folder: Path) -> Path:
    rows, target = houses(1).to_numpy(), price(houses(1))
    if kind == "lightgbm":
        lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed: pip install lightgbm")
        data = lightgbm.Dataset(rows, target, feature_name=list(FEATURES), params={"verbose": -1})
        lightgbm.train({"verbose": -1}, data, 30).save_model(folder / "model.txt")
        return folder / "model.txt"
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed: pip install xgboost-cpu")
    named = {} if kind == "tar.gz" else {"feature_names": list(FEATURES)}
    booster = xgboost.train({"max_depth": 3}, xgboost.DMatrix(rows, target, **named), 30)
    if kind == "tar.gz":
        return tarred(folder / "model.tar.gz", "xgboost-model", bytes(booster.save_raw("ubj")))
    booster.save_model(folder / f"model.{kind}")
    return folder / f"model.{kind}"


@pytest.mark.parametrize("kind", ["ubj", "tar.gz", "lightgbm"])
def test_a_model_file_is_explained_as_the_model_itself_would_be(kind, tmp_path):
    path = model_file(kind, tmp_path)
    learned = learn(houses(1), path)
    assert (learned.metadata.explainer, learned.metadata.model) == ("tree", str(path))
    assert check(learned, houses(2), str(path)).ok
    assert types_of(check(learned, swapped(houses(3)), path)).keys() >= {"square_footage", "location"}


def test_an_xgboost_file_is_explained_and_swapped_columns_are_named(place, tmp_path):
    done = journey(place, model_file("json", tmp_path), tmp_path)
    assert (done.returncode, done.stderr) == (VIOLATIONS, "")
    named = {
        violation["feature_name"] for violation in json.loads((tmp_path / "out/report.json").read_text())["violations"]
    }
    assert {"square_footage", "location"} <= named
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [
        *("analysis.json", "attribution_data.jsonl", "constraint_violations.json", "model_metadata.json", "report.json")
    ]
    violations = json.loads((tmp_path / "out" / "constraint_violations.json").read_text())["violations"]
    assert {violation["label"] for violation in violations} == {"label0"}
    assert {violation["metric_name"] for violation in violations} == {"shap"}


class Endpoint(BaseHTTPRequestHandler):
    """The model behind an /invocations endpoint that speaks CSV."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        rows = np.array([[float(cell) for cell in line.split(",")] for line in body.split()])
        answer = "\n".join(map(str, 20 + rows @ np.array(WEIGHTS))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def endpoint() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/invocations"
        finally:
            server.shutdown()
            thread.join()


def test_no_secret_of_an_address_becomes_part_of_its_name():
    assert open_model("http://me:secret@host:1/invocations?key=secret", Wire()).name == "http://host:1/invocations"


def test_an_endpoint_is_explained_within_its_budget(place, tmp_path):
    with endpoint() as url:
        done = journey(place, url, tmp_path)
    assert (done.returncode, done.stderr) == (VIOLATIONS, "")
    metadata = json.loads((tmp_path / "baseline" / "model_metadata.json").read_text())
    assert (metadata["explainer"], metadata["model"]) == ("kernel_shap", url)
    assert metadata["model_rows"] <= 40 * 400


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ((), "--model"),
        (("--model", "nowhere.json"), "nowhere.json"),
        (("--model", "http://127.0.0.1:9/invocations"), "did not answer"),
    ],
    ids=["no model", "no such file", "nobody listens"],
)
def test_what_cannot_be_explained_exits_with_two_and_says_what_to_do(model, said, place, tmp_path):
    learn(houses(1), price, analysis_config=json.dumps(CONFIG)).save(tmp_path)
    done = run("check", place / "today.csv", *monitor(tmp_path), *model)
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
