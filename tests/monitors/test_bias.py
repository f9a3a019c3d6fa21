"""The bias monitor from files to verdicts: made people, census records, and recorded runs of the original."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import watchpost as wp
from watchpost.bias import as_analysis, parse_analysis, tabulate
from watchpost.bias.compare import parse_bias_violations
from watchpost.bias.metrics import METRICS
from watchpost.data.quarantine import Quarantine
from watchpost.errors import BaselineNotFound, EmptySource, InputError, MalformedBaseline
from watchpost.monitors import MONITORS, Settings, Terms
from watchpost.monitors._bias_counts_json import parse_counts, write_counts
from watchpost.monitors._bias_figures import _TELLING, group_name
from watchpost.monitors._flip_rows import FlipRows

from ..bias import test_recorded_run as recorded  # noqa: TID252  tests are no installed package

BIAS = MONITORS.load("bias")
CLEAN, VIOLATIONS, BAD_INPUT = 0, 1, 2
SEEDS = st.integers(0, 2**32 - 1)
CONFIGURATION = {
    "version": "1.0",
    "label": "hired",
    "label_values_or_threshold": [1],
    "facet": [
        {"name_or_index": "sex", "value_or_threshold": ["F"]},
        {"name_or_index": "age", "value_or_threshold": [40]},
    ],
    "group_variable": "town",
}


def applicants(seed: int, rows: int = 4000, *, lean: float = 0.0) -> pl.DataFrame:
    """A model that is right for most people; with lean, it forgets that share of the women it used to favour."""
    rng = np.random.default_rng(seed)
    sex, age = rng.choice(["F", "M"], rows, p=[0.4, 0.6]), rng.integers(20, 65, rows)
    hired = rng.random(rows) < np.where(sex == "F", 0.35, 0.4)
    score = np.clip(np.where(hired, 0.7, 0.3) + rng.normal(0, 0.15, rows), 0, 1)
    score = np.where((sex == "F") & (rng.random(rows) < lean), score * 0.5, score)
    return pl.DataFrame(
        {
            "score": score.round(3),
            "sex": sex,
            "age": age,
            "tests": (hired * 2 + rng.normal(5, 2, rows)).round(2),
            "town": rng.choice(["Rome", "Oslo"], rows),
            "hired": hired.astype(int),
        }
    )


def sex(*values: str) -> dict[str, object]:
    return {"name_or_index": "sex", "value_or_threshold": list(values)}


def told(**changed: object) -> Settings:
    """Settings with a configuration, CONFIGURATION by default with these keys changed."""
    attributes = {"probability_attribute": "score"} if "label" not in changed else {}
    return Settings(analysis_config=json.dumps(CONFIGURATION | changed), **attributes)


def checked(baseline: object, data: object, *, compat: bool = False, **attributes: object) -> wp.Report:
    options = {"probability_attribute": "score"} | attributes
    return wp.check(baseline, data, monitor="bias", settings=Settings(**options), compat=compat)


def learned(data: object, asked: Settings | None = None):
    return wp.suggest_baseline(data, monitor="bias", settings=asked or told())


def named(report: wp.Report) -> set[str]:
    return {violation.feature_name for violation in report.violations}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "watchpost", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# --- laws -----------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(seed=SEEDS, rows=st.integers(60, 400), compat=st.booleans())
def test_data_is_clean_against_its_own_baseline(seed, rows, compat):
    people = applicants(seed, rows)
    assert checked(learned(people), people, compat=compat).ok


@settings(max_examples=10)
@given(seed=SEEDS, compat=st.booleans())
def test_a_saved_baseline_judges_exactly_as_the_one_in_memory(seed, compat, tmp_path_factory):
    baseline = learned(applicants(seed, 500), told(intersections=[["sex", "age"]]))
    again = baseline.save(tmp_path_factory.mktemp("baseline"))
    window = applicants(seed + 1, 300, lean=0.5)
    fresh, restored = checked(baseline, window, compat=compat), checked(again, window, compat=compat)
    assert (restored.figures, restored.violations, restored.notes) == (fresh.figures, fresh.violations, fresh.notes)
    assert restored.next_steps == fresh.next_steps


@settings(max_examples=10)
@given(seed=SEEDS, cuts=st.lists(st.integers(1, 299), max_size=4))
def test_files_of_a_folder_give_the_figures_of_one_table(seed, cuts, tmp_path_factory):
    people, folder = applicants(seed, 300), tmp_path_factory.mktemp("window")
    baseline = learned(applicants(seed + 1, 300))
    edges = [0, *sorted(set(cuts)), 300]
    for index, (start, end) in enumerate(pairwise(edges)):
        people[start:end].write_parquet(folder / f"{index}.parquet")
    assert checked(baseline, folder).figures == checked(baseline, people).figures


@settings(max_examples=10)
@given(seed=SEEDS)
def test_the_counts_of_a_window_are_read_as_they_were_written(seed):
    baseline = learned(applicants(seed, 200), told(facet=[{"name_or_index": "town"}], intersections=[]))
    text = write_counts(baseline.learned)
    again = parse_counts(text, "bias_counts.json")
    assert write_counts(again) == text
    assert as_analysis(tabulate(again.counts, again.flips)) == baseline.analysis


# --- what is found --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def baseline():
    return learned(applicants(1))


def test_a_model_that_forgets_women_is_named_by_group_and_metric(baseline):
    report = checked(baseline, applicants(2, lean=0.6))
    assert {"sex = F, DPPL", "sex = F, DI", "sex = F, RD"} <= named(report)
    assert not {name for name in named(report) if name.startswith("age")} - {"age > 40, GE"}
    (step, *_) = report.next_steps
    assert step.startswith("sex = F: the predictions moved apart")


def test_a_healthy_window_is_clean_and_every_metric_is_kept(baseline):
    report = checked(baseline, applicants(2))
    assert report.ok
    assert {figure.judged for figure in report.figures} == {"kept"}
    assert {figure.group for figure in report.figures} == {"sex = F", "age > 40"}
    assert len(report.figures) == 2 * 21


def test_a_figure_says_which_people_it_compares_and_how_sure_it_is(baseline):
    report = checked(baseline, applicants(2, lean=0.6))
    figure = next(f for f in report.figures if (f.group, f.name) == ("sex = F", "DPPL"))
    women = applicants(2)["sex"].to_list().count("F")
    assert f"people with sex = F ({women:,} rows)" in figure.meaning
    assert f"everyone else ({4000 - women:,} rows)" in figure.meaning
    assert "hired = 1" in figure.meaning
    assert figure.lower < figure.value < figure.upper
    assert figure.rule == f"surely farther from 0 than {figure.baseline:.4g}"
    assert (figure.rows, figure.judged, figure.title) == (
        4000,
        "violated",
        "Difference in positive proportions in predicted labels",
    )


def test_what_is_violated_stands_first(baseline):
    judged = [figure.judged for figure in checked(baseline, applicants(2, lean=0.6)).figures]
    assert judged[0] == "violated"
    assert judged[:21] == sorted(judged[:21], reverse=True)


def test_without_predictions_only_the_labels_are_compared():
    people = applicants(1).drop("score")
    report = wp.check(learned(people, told(label="hired")), people, monitor="bias")
    assert {f.name for f in report.figures} == {"CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD"}
    assert len(report.figures) == 16


def test_predicted_labels_and_scores_above_the_threshold_are_the_same_answer(baseline):
    people = applicants(2, lean=0.3)
    labels = people.with_columns(pl.col("score").gt(0.5).cast(int))
    by_label = checked(baseline, labels, probability_attribute=None, inference_attribute="score")
    assert by_label.figures == checked(baseline, people).figures


def test_a_score_at_the_threshold_is_no_positive_prediction():
    people = applicants(1, 400).with_columns(score=pl.Series([0.5] * 200 + [0.6] * 200))
    figures = {f.name: f.value for f in checked(learned(people), people).figures if f.group == "sex = F"}
    favoured = people[200:]["sex"].to_list().count("F") / people["sex"].to_list().count("F")
    others = people[200:]["sex"].to_list().count("M") / people["sex"].to_list().count("M")
    assert figures["DI"] == pytest.approx(favoured / others)


def test_two_facets_together_are_a_group_when_the_configuration_pairs_them(baseline):
    report = checked(learned(applicants(1), told(intersections=[["sex", "age"]])), applicants(2, lean=0.6))
    assert "sex = F and age > 40, DPPL" in named(report)
    assert {f.group for f in checked(baseline, applicants(2)).figures} == {"sex = F", "age > 40"}


def test_a_facet_without_values_compares_each_value_with_all_others():
    report = checked(learned(applicants(1), told(facet=[{"name_or_index": "town"}])), applicants(2))
    assert {f.group for f in report.figures} == {"town = Oslo", "town = Rome"}


# --- few rows, missing cells ----------------------------------------------------------------------------------------


def test_a_group_of_few_people_is_named_and_accuses_nobody(baseline):
    window = applicants(2, lean=1.0)
    few = pl.concat([window.filter(sex="F").head(12), window.filter(sex="M")])
    report = checked(baseline, few)
    assert {f.judged for f in report.figures if f.group == "sex = F"} == {"not_enough_data"}
    assert not {name for name in named(report) if name.startswith("sex")}
    assert "sex = F has 12 rows; it takes 30 to judge it." in report.notes


def test_a_group_that_stays_away_is_named(baseline):
    report = checked(baseline, applicants(2).filter(sex="M"))
    figure = next(f for f in report.figures if (f.group, f.name) == ("sex = F", "DPPL"))
    assert (figure.judged, figure.value) == ("not_enough_data", None)
    assert "no row belongs to it" in figure.error


def test_rows_without_label_or_prediction_are_counted_in_a_note(baseline):
    gaps = applicants(2).with_columns(
        hired=pl.when(pl.int_range(pl.len()) >= 100).then("hired"),
        score=pl.when(pl.int_range(pl.len()) < 3900).then("score"),
    )
    report = checked(baseline, gaps)
    assert report.current_rows == 3800
    assert "200 of 4,000 rows lack label or prediction, and are in no figure." in report.notes


def test_an_empty_window_is_a_violation(baseline):
    report = checked(baseline, applicants(2).head(0))
    assert [v.constraint_check_type for v in report.violations] == ["empty_window_check"]
    assert {figure.judged for figure in report.figures} == {"not_enough_data"}


def test_a_window_of_one_class_is_judged_where_it_can_be(baseline):
    report = checked(baseline, applicants(2).with_columns(hired=pl.lit(0)))
    by_name = {f.name: f for f in report.figures if f.group == "sex = F"}
    assert by_name["CDDL"].error == "There is no positive label."
    assert by_name["DPPL"].judged == "kept"


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"facet": [sex("W")]}, r"'sex': no row is in the group \['W'\].*'F', 'M'"),
        ({"facet": [sex("F", "M")]}, "every row is in the group"),
        ({"facet": [{"name_or_index": "sexe"}]}, "no column 'sexe' among 'score', 'sex'"),
        ({"label_values_or_threshold": ["yes"]}, r"'hired' has no positive row by .*\['yes'\].*0, 1"),
        ({"label_values_or_threshold": [0, 1]}, "no negative row"),
        ({"label_values_or_threshold": []}, "label_values_or_threshold"),
        ({"intersections": [["sex", "town"]]}, "'town' is no facet"),
        ({"intersections": [["sex", "sex"]]}, "stands twice"),
        ({"intersections": "sex"}, "pairs of facets"),
        ({"group_variable": "city"}, "no column 'city'"),
    ],
)  # fmt: skip
def test_a_configuration_that_does_not_fit_is_refused_with_what_was_found(changed, said):
    with pytest.raises((InputError, MalformedBaseline), match=said):
        learned(applicants(1, 200), told(**changed))


def test_no_configuration_is_refused_and_told_how_to_give_one():
    with pytest.raises(InputError, match=r"--config FILE, or Settings\(analysis_config=\.\.\.\)"):
        wp.suggest_baseline(applicants(1, 200), monitor="bias")


def test_another_configuration_than_the_baseline_s_is_refused(baseline):
    settings = Settings(analysis_config=told(group_variable=None).analysis_config, probability_attribute="score")
    with pytest.raises(InputError, match="other groups than the baseline's own"):
        wp.check(baseline, applicants(2, 200), monitor="bias", settings=settings)


def test_missing_columns_of_a_window_are_named_with_the_option_that_names_them(baseline):
    with pytest.raises(InputError, match="--inference-attribute"):
        checked(baseline, applicants(2, 200).drop("score"), probability_attribute=None)
    with pytest.raises(InputError, match="--ground-truth"):
        checked(baseline, applicants(2, 200).drop("hired"))
    with pytest.raises(InputError, match="no column 'age'"):
        checked(baseline, applicants(2, 200).drop("age"))
    with pytest.raises(InputError, match="'skore' finds no column"):
        checked(baseline, applicants(2, 200), probability_attribute="skore")


def test_nothing_can_be_learned_from_no_rows():
    with pytest.raises(EmptySource):
        learned(applicants(1).head(0))


def test_a_folder_without_analysis_is_refused(tmp_path):
    with pytest.raises(BaselineNotFound, match=r"analysis\.json"):
        checked(tmp_path, applicants(1, 200))


@pytest.mark.parametrize(("field", "value"), [("version", "9"), ("facets", [{}]), ("rows", "many")])
def test_a_broken_counts_file_is_refused_by_field(field, value, baseline):
    broken = json.loads(write_counts(baseline.learned)) | {field: value}
    with pytest.raises(MalformedBaseline, match=field):
        parse_counts(json.dumps(broken), "bias_counts.json")


# --- late labels ----------------------------------------------------------------------------------------------------


def captured(people: pl.DataFrame, folder: Path) -> None:
    """Capture lines as an endpoint writes them, and the truth of all but the last 100, which came later."""
    lines, labels = [], []
    for index, row in enumerate(people.iter_rows(named=True)):
        asked = ",".join(str(row[name]) for name in ("sex", "age", "tests", "town"))
        sides = {"endpointInput": asked, "endpointOutput": str(row["score"])}
        data = {
            side: {"observedContentType": "text/csv", "mode": side[8:].upper(), "data": text, "encoding": "CSV"}
            for side, text in sides.items()
        }
        lines.append({"captureData": data, "eventMetadata": {"eventId": f"e{index}"}, "eventVersion": "0"})
        truth = {"data": str(row["hired"]), "encoding": "CSV"}
        labels.append({"groundTruthData": truth, "eventMetadata": {"eventId": f"e{index}"}, "eventVersion": "0"})
    folder.mkdir()
    (folder / "capture.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "truth.jsonl").write_text("".join(json.dumps(line) + "\n" for line in labels[:-100]))


def test_captured_records_meet_their_late_labels(tmp_path):
    people = applicants(2, 1500, lean=0.6)
    captured(people, tmp_path / "window")
    (tmp_path / "config.json").write_text(json.dumps(CONFIGURATION))
    applicants(1).write_csv(tmp_path / "train.csv")
    options = ["--monitor", "bias", "--config", tmp_path / "config.json"]
    made = run("baseline", tmp_path / "train.csv", "-o", tmp_path / "b", *options, "--probability-attribute", "score")
    assert (made.returncode, made.stderr) == (CLEAN, "")
    truth = ["--ground-truth", tmp_path / "window/truth.jsonl"]
    done = run(
        *("check", tmp_path / "window/capture.jsonl", "--baseline", tmp_path / "b", "--monitor", "bias", *truth),
        *("--probability-attribute", "0", "--json"),
    )
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (VIOLATIONS, "")
    assert "1,400 of 1,500 predictions have a label. The others are in no figure." in report["notes"]
    direct = checked(tmp_path / "b", people[:1400])
    values = {(f["group"], f["name"]): f["value"] for f in report["figures"]}
    assert values == pytest.approx({(f.group, f.name): f.value for f in direct.figures})


def test_labels_that_match_no_prediction_leave_nothing_to_judge_and_say_so(tmp_path, baseline):
    captured(applicants(2, 200), tmp_path / "window")
    text = (tmp_path / "window/truth.jsonl").read_text().replace('"e', '"other')
    (tmp_path / "truth.jsonl").write_text(text)
    from watchpost.data import GroundTruthFiles
    from watchpost.data.sources import find_sources

    labels = GroundTruthFiles(find_sources(tmp_path / "truth.jsonl"))
    report = checked(baseline, tmp_path / "window/capture.jsonl", probability_attribute="0", ground_truth=labels)
    assert report.notes[0].startswith("0 of 200 predictions have a label.")
    assert {figure.judged for figure in report.figures} == {"not_enough_data"}
    assert report.ok


# --- the command line -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with `config.json`, `train.csv` and its `baseline`, a clean `today.csv` and a biased `lean.csv`."""
    root = tmp_path_factory.mktemp("place")
    (root / "config.json").write_text(json.dumps(CONFIGURATION))
    applicants(1).write_csv(root / "train.csv")
    applicants(2).write_csv(root / "today.csv")
    applicants(3, lean=0.6).write_csv(root / "lean.csv")
    options = ["--monitor", "bias", "--config", root / "config.json", "--probability-attribute", "score"]
    done = run("baseline", root / "train.csv", "-o", root / "baseline", *options)
    assert (done.returncode, done.stderr) == (CLEAN, "")
    assert done.stdout.startswith("Learned 42 bias metrics of 2 groups (sex = F, age > 40) from labels and predictions")
    return root


def check(place: Path, name: str, *options: object) -> subprocess.CompletedProcess[str]:
    about = ["--monitor", "bias", "--probability-attribute", "score"]
    return run("check", place / name, "--baseline", place / "baseline", *about, *options)


def test_a_baseline_is_clarify_s_files_and_the_counts_behind_them(place):
    written = sorted(path.name for path in (place / "baseline").iterdir())
    assert written == ["analysis.json", "analysis_config.json", "bias_counts.json"]
    assert (place / "baseline/analysis_config.json").read_text() == (place / "config.json").read_text()
    stages = parse_analysis((place / "baseline/analysis.json").read_bytes(), "analysis.json").stages
    assert {stage.stage: len(stage.groups) for stage in stages} == {"post_training": 2, "pre_training": 2}


def test_clean_data_exits_with_zero_and_leaves_no_violations_file(place, tmp_path):
    done = check(place, "today.csv", "-o", tmp_path)
    assert (done.returncode, done.stderr) == (CLEAN, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["analysis.json", "bias_counts.json", "report.json"]


def test_biased_data_exits_with_one_and_names_group_and_metric(place, tmp_path):
    done = check(place, "lean.csv", "-o", tmp_path, "--html", tmp_path / "page.html")
    assert (done.returncode, done.stderr) == (VIOLATIONS, "")
    assert "sex = F" in done.stdout
    assert "Disparate impact" in done.stdout
    found = parse_bias_violations((tmp_path / "constraint_violations.json").read_bytes(), "")
    assert ("sex", "F", "DI", "bias_drift_check") in {v[:4] for v in map(tuple_of, found)}
    assert "Disparate impact" in (tmp_path / "page.html").read_text()


def tuple_of(violation):
    fields = ("facet", "facet_value", "metric_name", "constraint_check_type", "description")
    return tuple(getattr(violation, name) for name in fields)


def test_a_missing_configuration_exits_with_two_and_names_the_option(place, tmp_path):
    done = run("baseline", place / "train.csv", "-o", tmp_path / "new", "--monitor", "bias")
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")
    assert "--config FILE" in done.stderr


# --- real people ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def census(shared, tmp_path_factory) -> Path:
    """Census records with a simple rule for a model: `train.csv`, `today.csv`, and `lean.csv` that forgets women."""
    folder = tmp_path_factory.mktemp("census")
    rows = pl.read_csv(shared / "data/adult.csv.gz").sample(fraction=1.0, shuffle=True, seed=5)
    rich = (pl.col("education-num") >= 13) & (pl.col("marital-status") == "Married-civ-spouse")
    rows = rows.with_columns(answer=pl.when(rich).then(pl.lit(">50K")).otherwise(pl.lit("<=50K")))
    half = len(rows) // 2
    lean = (pl.col("sex") == "Female") & (pl.col("age") > 35)
    rows[:half].write_csv(folder / "train.csv")
    rows[half:].write_csv(folder / "today.csv")
    refused = pl.when(lean).then(pl.lit("<=50K")).otherwise("answer")
    rows[half:].with_columns(answer=refused).write_csv(folder / "lean.csv")
    facets = [
        {"name_or_index": "sex", "value_or_threshold": ["Female"]},
        {"name_or_index": "race", "value_or_threshold": ["Black"]},
    ]
    keys = {"label": "income-per-year", "label_values_or_threshold": [">50K"], "facet": facets}
    (folder / "config.json").write_text(json.dumps({"version": "1.0", **keys, "group_variable": "occupation"}))
    return folder


def test_census_records_are_judged_from_end_to_end(census, tmp_path):
    about = ["--monitor", "bias", "--inference-attribute", "answer"]
    made = run("baseline", census / "train.csv", "-o", tmp_path, *about, "--config", census / "config.json")
    assert (made.returncode, made.stderr) == (CLEAN, "")
    clean = run("check", census / "today.csv", "--baseline", tmp_path, *about, "--json")
    assert clean.returncode == CLEAN, clean.stdout
    biased = run("check", census / "lean.csv", "--baseline", tmp_path, *about, "--json")
    assert (biased.returncode, biased.stderr) == (VIOLATIONS, "")
    report = json.loads(biased.stdout)
    assert {"sex = Female, DI", "sex = Female, RD"} <= {v["feature_name"] for v in report["violations"]}
    assert {f["group"] for f in report["figures"]} == {"sex = Female", "race = Black"}
    assert any("text is left out ('workclass'" in note for note in report["notes"])


# --- what the original recorded -------------------------------------------------------------------------------------


def test_the_recorded_run_is_judged_as_it_was(shared, tmp_path):
    golden = shared / "golden/clarify-bias-adult"
    model = recorded.LinearModel(golden / "ll-adult-prediction-model.tar.gz")
    before = recorded.table(golden / "test_data/validation-dataset.jsonl", model)
    window = recorded.labelled_window(shared, model)
    configuration = {
        "version": "1.0",
        "headers": [*recorded.FEATURES, "Target"],
        "label": "Target",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "Sex", "value_or_threshold": [0]}],
        "group_variable": "Age",
    }
    before.write_csv(tmp_path / "before.csv")
    window.write_csv(tmp_path / "window.csv")
    (tmp_path / "config.json").write_text(json.dumps(configuration))
    about = ["--monitor", "bias", "--inference-attribute", "predicted"]
    base = tmp_path / "baseline"
    made = run("baseline", tmp_path / "before.csv", "-o", base, *about, "--config", tmp_path / "config.json")
    assert (made.returncode, made.stderr) == (CLEAN, "")
    stored = parse_analysis((base / "analysis.json").read_bytes(), "analysis.json")
    values = {m.name: m.value for stage in stored.stages for m in stage.groups[0].metrics}
    assert values == pytest.approx(recorded.BASELINE, rel=1e-12)
    done = run("check", tmp_path / "window.csv", "--baseline", base, *about, "--compat", "-o", tmp_path / "out")
    assert (done.returncode, done.stderr) == (VIOLATIONS, "")
    found = parse_bias_violations((tmp_path / "out/constraint_violations.json").read_bytes(), "")
    assert {v.metric_name: v.description for v in found} == recorded.VIOLATIONS
    assert {tuple_of(v)[:2] for v in found} == {("Sex", "0")}
    # And from the original's own file alone, without our counts.
    (base / "bias_counts.json").unlink()
    again = run("check", tmp_path / "window.csv", "--baseline", base, *about, "--compat", "-o", tmp_path / "out")
    assert again.returncode == VIOLATIONS
    assert parse_bias_violations((tmp_path / "out/constraint_violations.json").read_bytes(), "") == found


@pytest.mark.parametrize(("case", "code"), [("good_cases", CLEAN), ("bad_cases", VIOLATIONS)])
def test_an_analysis_of_the_original_passes_and_fails_as_its_folder_says(case, code, shared, tmp_path):
    folder = shared / "golden/sagemaker-sdk-fixtures/pipeline/clarify_check_step"
    (tmp_path / "analysis.json").write_bytes((folder / "data_bias" / case / "analysis.json").read_bytes())
    configuration = {
        "version": "1.0",
        "headers": ["Label", "F1", "F2", "F3", "F4"],
        "label": "Label",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "F1", "value_or_threshold": [0.5]}],
        "group_variable": "F2",
    }
    (tmp_path / "config.json").write_text(json.dumps(configuration))
    about = ["--monitor", "bias", "--no-header", "--config", tmp_path / "config.json"]
    done = run("check", folder / "dataset.csv", "--baseline", tmp_path, *about, "--compat", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (code, ""), report["violations"]
    if code:
        assert [v["feature_name"] for v in report["violations"]] == ["F1 > 0.5, KS"]
    assert run("check", folder / "dataset.csv", "--baseline", tmp_path, *about).returncode == CLEAN


# --- pieces ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facet", "value", "shown"),
    [("Sex", "0", "Sex = 0"), ("Sex", "0,1", "Sex = 0 or 1"), ("Age", "(40, Infinity]", "Age > 40")],
)
def test_a_group_is_said_in_words(facet, value, shown):
    assert group_name(facet, value) == shown


def test_many_rows_are_thinned_to_a_sample_within_bounds():
    people = applicants(1, 4000).with_columns(pl.lit(1).alias("watchpost:predicted"))
    baseline = learned(people.head(500))
    rows = FlipRows(
        ["sex", "age", "hired", "watchpost:predicted"], ["tests"], np.random.default_rng(0), most_cells=2000
    )
    for _ in range(5):
        rows.add(people)
    outcome = rows.outcomes(baseline.learned.counts)["sex", "F"]
    assert outcome.sampled
    assert 20 < outcome.favoured + outcome.disfavoured + outcome.agreed < 400


def test_judging_again_gives_the_same_report(baseline):
    seen = BIAS.observe(
        baseline, wp.open_dataset(applicants(2, 500)), Settings(probability_attribute="score"), Quarantine()
    )
    assert BIAS.judge(baseline, seen, Terms()) == BIAS.judge(baseline, seen, Terms())


def test_every_metric_has_its_place_in_the_order_of_telling():
    assert sorted(_TELLING) == sorted(metric.name for metric in METRICS)
