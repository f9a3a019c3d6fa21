"""Model quality: from a table of answers and labels, or captures and late labels, to a verdict."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import watchpost as wp
from watchpost.data.quarantine import Quarantine
from watchpost.errors import BaselineNotFound, EmptySource, InputError, MalformedBaseline
from watchpost.monitors import MONITORS, Settings, Terms
from watchpost.monitors._quality_baseline import QualityBaseline
from watchpost.quality.chance import allowances

FIXTURE = "golden/sagemaker-sdk-fixtures/pipeline/quality_check_step/model_quality"
# The service's own test passes the two attributes swapped (contract 6.5).
SWAPPED = ("--inference-attribute", "Label", "--ground-truth-attribute", "Prediction")
MONITOR = MONITORS.load("model_quality")

ASKED = {
    "BinaryClassification": Settings("BinaryClassification", probability_attribute="p", ground_truth_attribute="y"),
    "MulticlassClassification": Settings(
        "MulticlassClassification", inference_attribute="p", ground_truth_attribute="y"
    ),
    "Regression": Settings("Regression", inference_attribute="p", ground_truth_attribute="y"),
}
PROBLEMS = pytest.mark.parametrize("problem_type", ASKED)


def predictions(problem_type: str, seed: int, rows: int = 600, worse: float = 0.0) -> pl.DataFrame:
    """Answers and labels of a fair model in two regions. worse: 0 as trained, 1 good for nothing."""
    rng = np.random.default_rng(seed)
    region = rng.choice(["north", "south"], rows)
    if problem_type == "Regression":
        truth = rng.normal(0, 3, rows)
        answer = truth + rng.normal(0, 1 + 5 * worse, rows)
    elif problem_type == "BinaryClassification":
        truth = (rng.random(rows) < 0.3).astype(int)
        answer = 1 / (1 + np.exp(-rng.normal(np.where(truth == 1, 1.5, -1.5) * (1 - worse), 1.5)))
    else:
        truth = rng.choice(3, rows, p=[0.5, 0.3, 0.2])
        answer = np.where(rng.random(rows) < 0.85 * (1 - worse), truth, rng.choice(3, rows))
    return pl.DataFrame({"y": truth, "p": answer, "region": region})


@cache
def learned(problem_type: str, seed: int = 1, rows: int = 2000) -> QualityBaseline:
    data = predictions(problem_type, seed, rows)
    return wp.suggest_baseline(data, monitor="model_quality", settings=ASKED[problem_type])


def checked(problem_type: str, data: object, compat: bool = False, **changed: object) -> wp.Report:
    told = replace(ASKED[problem_type], **changed)
    return wp.check(learned(problem_type), data, monitor="model_quality", settings=told, compat=compat)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "watchpost", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def named(data: pl.DataFrame) -> pl.DataFrame:
    """The same with words as labels."""
    return data.with_columns(y=pl.when(pl.col("y") == 1).then(pl.lit("approved")).otherwise(pl.lit("declined")))


# --- laws -----------------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(ASKED)), st.integers(0, 2**32 - 1), st.integers(30, 900))
@settings(max_examples=60)
def test_a_healthy_window_is_no_violation(problem_type, seed, rows):
    report = checked(problem_type, predictions(problem_type, seed, rows))
    assert report.ok, report.violations


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.6]))
@settings(max_examples=10)
def test_a_positive_label_that_is_named_is_judged_as_one_that_is_1(seed, worse):
    data = predictions("BinaryClassification", seed, 400, worse)
    told = replace(ASKED["BinaryClassification"], positive_label="approved")
    by_word = wp.check(learned("BinaryClassification"), named(data), monitor="model_quality", settings=told)
    assert by_word.figures == checked("BinaryClassification", data).figures


def test_the_command_line_is_told_the_positive_label(tmp_path):
    for name, worse in (("train", 0.0), ("today", 0.9)):
        named(predictions("BinaryClassification", 5, 2000, worse)).write_parquet(tmp_path / f"{name}.parquet")
    about = ("--monitor", "model-quality", "--probability-attribute", "p", "--ground-truth-attribute", "y")
    about += ("--positive-label", "approved")
    out = ("--output", tmp_path / "base")
    made = run("baseline", tmp_path / "train.parquet", "--problem-type", "BinaryClassification", *about, *out)
    assert made.returncode == 0, made.stderr
    found = run("check", tmp_path / "today.parquet", "--baseline", tmp_path / "base", *about)
    assert (found.returncode, "accuracy" in found.stdout.lower()) == (1, True), found.stderr


@pytest.mark.parametrize("problem_type", ["Regression", "MulticlassClassification"])
def test_a_positive_label_is_of_two_classes_only(problem_type):
    with pytest.raises(InputError, match="--positive-label"):
        checked(problem_type, predictions(problem_type, 1), positive_label="approved")


@PROBLEMS
def test_the_original_cries_wolf_over_healthy_windows(problem_type):
    """Its thresholds are the baseline's own values, so chance decides; that is why it is not the default."""
    asked, broken = ASKED[problem_type], 0
    for seed in range(20):
        baseline = learned(problem_type, 100 + seed, 600)
        window = predictions(problem_type, seed, 600)
        broken += not wp.check(baseline, window, monitor="model_quality", settings=asked, compat=True).ok
    assert broken >= 7  # of 20; one metric alone would break in 10


@PROBLEMS
def test_a_model_that_got_worse_is_a_violation(problem_type):
    assert not checked(problem_type, predictions(problem_type, 5, worse=0.5)).ok


@given(st.sampled_from(sorted(ASKED)), st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=30)
def test_whatever_is_violated_the_original_violates_too(problem_type, seed, worse):
    data = predictions(problem_type, seed, 200, worse)
    default, compat = checked(problem_type, data), checked(problem_type, data, compat=True)
    kept_silent = {v for v in default.violations if v.feature_name in {"f05", "weightedF05"}}
    assert set(default.violations) - kept_silent <= set(compat.violations)


@given(st.sampled_from(sorted(ASKED)), st.integers(0, 1000))
@settings(max_examples=10)
def test_a_baseline_comes_back_from_its_folder(tmp_path_factory, problem_type, seed):
    folder = learned(problem_type, seed, 250).save(tmp_path_factory.mktemp("baseline"))
    before = {path.name: path.read_text() for path in folder.iterdir()}
    MONITOR.load(folder).save(folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_the_same_data_and_seed_give_the_same_report(seed):
    data = predictions("BinaryClassification", 3)
    one, two = (checked("BinaryClassification", data, seed=seed, segments=("region",)) for _ in range(2))
    assert one == two


@given(st.floats(1e-6, 0.4), st.floats(1e-6, 0.4))
@settings(max_examples=20)
def test_less_doubt_asks_for_more_room(one, other):
    baseline = learned("BinaryClassification")
    seen = MONITOR.observe(
        baseline,
        wp.open_dataset(predictions("BinaryClassification", 9)),
        ASKED["BinaryClassification"],
        Quarantine(),
    )
    low, high = sorted((one, other))
    narrow, wide = (
        allowances(baseline.constraints, seen.measured, baseline.statistics.figures, alpha) for alpha in (high, low)
    )
    assert all(narrow[name] <= wide[name] + 1e-12 for name in narrow)


# --- the original's own files ---------------------------------------------------------------------------------------


def test_the_originals_files_are_reproduced_to_the_byte(shared: Path, tmp_path: Path):
    folder = shared / FIXTURE
    problem = ("--monitor", "model-quality", "--problem-type", "Regression")
    done = run("baseline", folder / "baseline_dataset.csv", "-o", tmp_path, *problem, *SWAPPED)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "statistics.json").read_text() == (folder / "statistics.json").read_text()
    assert (tmp_path / "constraints.json").read_text() == (folder / "good_cases/constraints.json").read_text()


@pytest.mark.parametrize("mode", [(), ("--compat",)], ids=["default", "compat"])
@pytest.mark.parametrize(("case", "status"), [("good_cases", 0), ("bad_cases", 1)])
def test_the_originals_constraints_are_judged_as_it_judges_them(case, status, mode, shared: Path, tmp_path: Path):
    folder, known, out = shared / FIXTURE, tmp_path / "known", tmp_path / "out"
    known.mkdir()
    (known / "statistics.json").write_text((folder / "statistics.json").read_text())
    (known / "constraints.json").write_text((folder / case / "constraints.json").read_text())
    asked = ("--baseline", known, "--monitor", "model-quality", "-o", out, *SWAPPED, *mode)
    assert run("check", folder / "baseline_dataset.csv", *asked).returncode == status
    violations = out / "constraint_violations.json"
    assert violations.exists() is bool(status)
    if status:
        assert json.loads(violations.read_text()) == {
            "violations": [
                {
                    "constraint_check_type": "GreaterThanThreshold",
                    "description": "Metric mse with 0.33364933609800973 was GreaterThanThreshold '0.03364933609800973'",
                    "metric_name": "mse",
                }
            ]
        }


def test_real_captures_meet_their_real_labels(shared: Path, tmp_path: Path):
    folder = shared / "golden/sagemaker-sdk-fixtures/monitor"
    asked = ("--monitor", "model-quality", "--probability-attribute", "0", "--ground-truth", folder / "actuals.jsonl")
    first = run("baseline", folder / "capture.jsonl", "-o", tmp_path, "--problem-type", "BinaryClassification", *asked)
    assert "44 labelled predictions" in first.stdout
    done = run("check", folder / "capture.jsonl", "--baseline", tmp_path, *asked, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr, report["current_rows"]) == (0, "", 44)


def test_a_run_that_somebody_else_saw_can_be_judged_from_its_statistics(shared: Path, tmp_path: Path):
    folder = shared / FIXTURE
    (tmp_path / "constraints.json").write_text((folder / "bad_cases/constraints.json").read_text())
    report = wp.check(tmp_path, str(folder / "statistics.json"), monitor="model_quality")
    assert [violation.feature_name for violation in report.violations] == ["mse"]
    assert "The baseline has no statistics.json, so its thresholds are taken as exact." in report.notes


# --- captures and late labels ---------------------------------------------------------------------------------------


def captured(rows: pl.DataFrame, inference_ids: bool = True) -> str:
    """Capture lines of CSV answers, beside the region and the place as input."""
    lines = []
    for place, (_, answer, region) in enumerate(rows.iter_rows()):
        sides = {
            "endpointInput": {"mode": "INPUT", "data": f"{region},{place}", "encoding": "CSV"},
            "endpointOutput": {"mode": "OUTPUT", "data": str(answer), "encoding": "CSV"},
        }
        ids = {"eventId": f"e{place}"} | ({"inferenceId": f"i{place}"} if inference_ids else {})
        lines.append(json.dumps({"captureData": sides, "eventMetadata": ids, "eventVersion": "0"}) + "\n")
    return "".join(lines)


def labels(rows: pl.DataFrame, prefix: str = "i", start: int = 0) -> str:
    lines = [
        json.dumps(
            {
                "groundTruthData": {"data": str(truth), "encoding": "CSV"},
                "eventMetadata": {"eventId": f"{prefix}{place}"},
                "eventVersion": "0",
            }
        )
        for place, truth in enumerate(rows["y"], start)
    ]
    return "".join(line + "\n" for line in lines)


def seen(folder: Path, problem_type: str, **more: object) -> wp.Report:
    asked = {"probability_attribute": "0"} if problem_type == "BinaryClassification" else {"inference_attribute": "0"}
    told = Settings(ground_truth=wp.open_dataset(folder / "labels.jsonl"), **asked, **more)
    return wp.check(learned(problem_type), folder / "capture.jsonl", monitor="model_quality", settings=told)


@PROBLEMS
@pytest.mark.parametrize("inference_ids", [True, False], ids=["inference ids", "event ids"])
def test_captures_with_labels_are_judged_as_the_same_table_is(problem_type, inference_ids, tmp_path: Path):
    data = predictions(problem_type, 4, worse=0.4)
    (tmp_path / "capture.jsonl").write_text(captured(data, inference_ids))
    (tmp_path / "labels.jsonl").write_text(labels(data, "i" if inference_ids else "e"))
    report, same = seen(tmp_path, problem_type), checked(problem_type, data)
    assert report.violations == same.violations
    assert [f.name for f in report.figures] == [f.name for f in same.figures]
    assert [f.value for f in report.figures] == pytest.approx([f.value for f in same.figures])


def test_captures_are_segmented_by_an_input(tmp_path: Path):
    data = predictions("Regression", 4)
    (tmp_path / "capture.jsonl").write_text(captured(data))
    (tmp_path / "labels.jsonl").write_text(labels(data))
    groups = {figure.group for figure in seen(tmp_path, "Regression", segments=("0",)).figures}
    assert groups == {"", "0 = north", "0 = south"}


def test_the_last_label_of_an_event_wins(tmp_path: Path):
    data = predictions("Regression", 4)
    (tmp_path / "capture.jsonl").write_text(captured(data))
    (tmp_path / "labels.jsonl").write_text(labels(data.with_columns(y=pl.lit(99.0))) + labels(data))
    report = seen(tmp_path, "Regression")
    assert report.ok
    assert report.current_rows == data.height


def test_predictions_without_a_label_are_counted(tmp_path: Path):
    data = predictions("Regression", 4)
    (tmp_path / "capture.jsonl").write_text(captured(data))
    (tmp_path / "labels.jsonl").write_text(labels(data.head(412)) + labels(data.head(50), start=10_000))
    report = seen(tmp_path, "Regression")
    assert report.ok
    assert report.notes[0] == "412 of 600 predictions have a label so far."


def test_labels_that_stay_away_are_a_violation_when_more_are_expected(tmp_path: Path):
    data = predictions("Regression", 4)
    (tmp_path / "capture.jsonl").write_text(captured(data))
    (tmp_path / "labels.jsonl").write_text(labels(data.head(412)))
    (violation,) = seen(tmp_path, "Regression", expected_label_share=0.9).violations
    assert violation.constraint_check_type == "label_flow_check"
    assert seen(tmp_path, "Regression", expected_label_share=0.7).ok


def test_a_window_of_few_labels_is_not_judged_however_bad_it_looks(tmp_path: Path):
    data = predictions("Regression", 4, worse=1.0)
    (tmp_path / "capture.jsonl").write_text(captured(data))
    (tmp_path / "labels.jsonl").write_text(labels(data.head(29)))
    report = seen(tmp_path, "Regression")
    assert report.ok
    judged = {figure.name: figure.judged for figure in report.figures}
    assert {judged[name] for name in ("mae", "mse", "rmse", "r2")} == {"not_enough_data"}
    assert report.next_steps == ("Check the same predictions again once more labels have arrived.",)


def test_labels_of_other_events_leave_nothing_judged_and_say_where_to_look(tmp_path: Path):
    data = predictions("Regression", 4)
    (tmp_path / "capture.jsonl").write_text(captured(data))
    (tmp_path / "labels.jsonl").write_text(labels(data, prefix="other"))
    report = seen(tmp_path, "Regression")
    assert report.notes[0] == "0 of 600 predictions have a label so far."
    assert "event ids are the captured inference ids" in report.next_steps[0]


def test_merged_records_need_no_ground_truth_beside_them(tmp_path: Path):
    data = predictions("Regression", 4)
    lines = zip(captured(data).splitlines(), labels(data).splitlines(), strict=True)
    merged = [json.loads(c) | {"groundTruthData": json.loads(t)["groundTruthData"]} for c, t in lines]
    (tmp_path / "merged.jsonl").write_text("".join(json.dumps(record) + "\n" for record in merged))
    told = Settings(inference_attribute="0")
    report = wp.check(learned("Regression"), tmp_path / "merged.jsonl", monitor="model_quality", settings=told)
    assert report.ok
    assert report.current_rows == data.height


def test_a_table_without_some_labels_counts_these_as_unlabelled():
    data = predictions("Regression", 4).with_columns(y=pl.when(pl.int_range(600) < 100).then(pl.col("y")))
    report = checked("Regression", data)
    assert (report.current_rows, report.notes[0]) == (100, "100 of 600 predictions have a label so far.")


# --- what a report holds --------------------------------------------------------------------------------------------


def test_the_figures_say_what_was_asked_and_what_became_of_it():
    report = checked("BinaryClassification", predictions("BinaryClassification", 5, worse=0.8))
    figures = {figure.name: figure for figure in report.figures}
    recall, accuracy = figures["recall"], figures["accuracy_best_constant_classifier"]
    assert recall.judged == "violated"
    assert recall.rule.startswith("must not fall below 0.8")
    assert "which chance explains" in recall.rule
    assert recall.lower < recall.value < recall.upper < recall.baseline
    assert recall.standard_deviation is not None
    assert recall.rows < report.current_rows
    assert accuracy.judged == "not_judged"
    order = [figure.judged for figure in report.figures]
    assert order == sorted(order, key=["violated", "kept", "not_judged"].index)
    assert all(figure.title and figure.meaning for figure in report.figures)


def test_compat_states_the_rule_as_it_is_and_is_silent_on_f0_5():
    report = checked("BinaryClassification", predictions("BinaryClassification", 5, worse=0.5), compat=True)
    figures = {figure.name: figure for figure in report.figures}
    assert "chance" not in figures["recall"].rule
    assert figures["f0_5"].judged == "not_judged"
    assert "f05" not in {violation.feature_name for violation in report.violations}


def test_curves_show_now_against_the_baseline_in_few_points(tmp_path: Path):
    report = checked("BinaryClassification", predictions("BinaryClassification", 5, rows=5000))
    assert [curve.name for curve in report.curves] == ["ROC curve", "Precision-recall curve"]
    for curve in report.curves:
        for side in (curve.current, curve.baseline):
            x = [point[0] for point in side]
            assert 100 < len(side) <= 200
            assert x == sorted(x)


def test_the_worst_segment_comes_first():
    data = predictions("BinaryClassification", 4, 2000)
    broken = pl.when(pl.col("region") == "south").then(1 - pl.col("p")).otherwise(pl.col("p"))
    report = checked("BinaryClassification", data.with_columns(p=broken), segments=("region",))
    groups = list(dict.fromkeys(figure.group for figure in report.figures))
    assert groups == ["", "region = south", "region = north"]
    assert report.next_steps[0] == "Look first where it is worst: region = south."
    assert any(note.startswith("Worst segment: region = south, f1 ") for note in report.notes)


def test_segments_of_several_batches_are_those_of_one():
    data = predictions("Regression", 4, 60_000)
    whole = checked("Regression", data, segments=("region",))
    pieces = checked("Regression", data.lazy(), segments=("region",))
    assert [(f.group, f.name, f.rows) for f in whole.figures] == [(f.group, f.name, f.rows) for f in pieces.figures]
    assert [f.value for f in whole.figures] == pytest.approx([f.value for f in pieces.figures])


def test_a_model_worse_than_a_constant_answer_is_told_to_stop():
    data = predictions("MulticlassClassification", 5, worse=1.0)
    assert "Stop relying on the model" in checked("MulticlassClassification", data).next_steps[0]


def test_a_threshold_written_by_hand_is_taken_as_it_is(tmp_path: Path):
    folder = learned("Regression").save(tmp_path)
    text = (folder / "constraints.json").read_text()
    tree = json.loads(text)
    tree["regression_constraints"]["mae"]["threshold"] = 0.2
    (folder / "constraints.json").write_text(json.dumps(tree))
    told = ASKED["Regression"]
    report = wp.check(folder, predictions("Regression", 8), monitor="model_quality", settings=told)
    assert [violation.feature_name for violation in report.violations] == ["mae"]


def test_the_files_of_an_execution_are_those_of_the_service(tmp_path: Path):
    baseline, asked = learned("BinaryClassification"), ASKED["BinaryClassification"]
    data = wp.open_dataset(predictions("BinaryClassification", 5, worse=0.5))
    found = MONITOR.observe(baseline, data, asked, Quarantine())
    report = MONITOR.judge(baseline, found, Terms())
    written = MONITOR.files(found, report)
    assert set(written) == {"statistics.json", "constraints.json", "constraint_violations.json"}
    names = [entry["metric_name"] for entry in json.loads(written["constraint_violations.json"])["violations"]]
    assert names == [violation.feature_name for violation in report.violations]
    assert (
        MONITOR.files(found, MONITOR.judge(MONITOR.load(_saved(written, tmp_path)), found, Terms()))[
            "constraint_violations.json"
        ]
        is None
    )


def _saved(files: dict[str, str], folder: Path) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_written_curves_are_bounded_however_many_scores_there_are():
    written = learned("BinaryClassification", rows=30_000).statistics.figures
    assert len(written.roc.x) == len(written.precision_recall.x) == 10_000


# --- refusals -------------------------------------------------------------------------------------------------------

TABLE = predictions("BinaryClassification", 1)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Settings(), "--problem-type"),
        (Settings("Regression"), "--inference-attribute"),
        (Settings("Regression", probability_attribute="p"), "--inference-attribute"),
        (Settings("BinaryClassification"), "--probability-attribute"),
        (Settings("BinaryClassification", probability_attribute="p"), "--ground-truth"),
        (Settings("BinaryClassification", probability_attribute="q", ground_truth_attribute="y"), "'q'"),
        (Settings("BinaryClassification", probability_attribute="p", ground_truth_attribute="z"), "'z'"),
        (
            Settings("Regression", inference_attribute="p", ground_truth_attribute="y", segments=("town",)),
            "--segment 'town'",
        ),
        (
            Settings("Regression", inference_attribute="p", ground_truth_attribute="y", segments=("p",)),
            "more than 120 distinct values",
        ),
        (Settings("BinaryClassification", probability_attribute="p", ground_truth_attribute="region"), "1 or 0"),
        (
            Settings(
                "Regression", inference_attribute="p", ground_truth=wp.open_dataset({"event_id": ["1"], "y": [1]})
            ),
            "no column 'event_id'",
        ),
    ],
)
def test_what_is_missing_is_named(told, said):
    with pytest.raises(InputError, match=said.replace("(", r"\(")):
        wp.suggest_baseline(TABLE, monitor="model_quality", settings=told)


def test_labels_without_ids_are_refused():
    told = Settings("Regression", inference_attribute="p", ground_truth=wp.open_dataset({"y": [1]}))
    with pytest.raises(InputError, match="belong to nothing"):
        wp.suggest_baseline(TABLE, monitor="model_quality", settings=told)


def test_another_problem_type_than_the_baselines_is_refused():
    with pytest.raises(InputError, match="baseline is of BinaryClassification"):
        wp.check(learned("BinaryClassification"), TABLE, monitor="model_quality", settings=ASKED["Regression"])


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(EmptySource):
        wp.suggest_baseline(TABLE.clear(), monitor="model_quality", settings=ASKED["BinaryClassification"])


def test_a_folder_without_a_baseline_is_refused(tmp_path: Path):
    with pytest.raises(BaselineNotFound):
        MONITOR.load(tmp_path)


def test_a_baseline_of_data_quality_is_refused(tmp_path: Path):
    wp.suggest_baseline({"age": [1, 2]}).save(tmp_path)
    with pytest.raises(MalformedBaseline, match="regression_metrics"):
        MONITOR.load(tmp_path)


# --- the command line -----------------------------------------------------------------------------------------------


@PROBLEMS
def test_the_journey_from_baseline_to_report(problem_type, tmp_path: Path):
    predictions(problem_type, 1, 2000).write_parquet(tmp_path / "good.parquet")
    predictions(problem_type, 2).write_csv(tmp_path / "fine.csv")
    predictions(problem_type, 3, worse=0.6).write_csv(tmp_path / "worse.csv")
    answer = "--probability-attribute" if problem_type == "BinaryClassification" else "--inference-attribute"
    asked = ("--monitor", "model-quality", answer, "p", "--ground-truth-attribute", "y", "--segment", "region")
    first = run("baseline", tmp_path / "good.parquet", "-o", tmp_path / "b", "--problem-type", problem_type, *asked)
    assert (first.returncode, first.stderr) == (0, "")
    assert "from 2,000 labelled predictions" in first.stdout
    fine = run("check", tmp_path / "fine.csv", "--baseline", tmp_path / "b", *asked)
    assert (fine.returncode, fine.stderr) == (0, "")
    out, page = tmp_path / "out", tmp_path / "page.html"
    worse = run("check", tmp_path / "worse.csv", "--baseline", tmp_path / "b", *asked, "-o", out, "--html", page)
    assert (worse.returncode, worse.stderr) == (1, "")
    assert {path.name for path in out.iterdir()} == {
        "statistics.json",
        "constraints.json",
        "constraint_violations.json",
        "report.json",
    }
    assert "region = " in page.read_text()


def test_a_missing_option_exits_with_two_and_names_it(tmp_path: Path):
    TABLE.write_csv(tmp_path / "data.csv")
    done = run("baseline", tmp_path / "data.csv", "-o", tmp_path / "b", "--monitor", "model-quality")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--problem-type" in done.stderr
