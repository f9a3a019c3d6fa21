"""The command line, as people and scripts use it: options, files, exit codes, and what goes to which stream."""

import csv
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import jsonschema
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from watchpost import __version__, kernels
from watchpost.fronts.cli import watchpost
from watchpost.fronts.exit_codes import BAD_INPUT, CLEAN, VIOLATIONS
from watchpost.reports.documents import from_json

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "report.schema.json").read_text("utf-8"))
COMMANDS = [[], *([name] for name in sorted(watchpost.commands))]
ESCAPE = "\x1b"


def run(*arguments: object) -> Result:
    """One command in this process."""
    result = CliRunner().invoke(watchpost, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def run_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """One command in a process of its own, its streams in pipes."""
    command = [sys.executable, "-m", "watchpost", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def sales(seed: int, rows: int = 600, **changed: Sequence[object]) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    columns: dict[str, Sequence[object]] = {
        "price": rng.normal(200, 30, rows).round(2).tolist(),
        "rooms": rng.integers(1, 6, rows).tolist(),
        "town": rng.choice(["Bedok", "Tampines", "Yishun"], rows).tolist(),
    }
    return pl.DataFrame(columns | changed)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `train.csv`, the `baseline` learned from it, a clean `today.csv` and a faulty `broken.csv`."""
    root = tmp_path_factory.mktemp("place")
    sales(1).write_csv(root / "train.csv")
    sales(2).write_csv(root / "today.csv")
    sales(3).with_columns(pl.col("price") * 3, town=pl.lit("Bishan")).write_csv(root / "broken.csv")
    assert run("baseline", root / "train.csv", "-o", root / "baseline").exit_code == CLEAN
    return root


# --- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "watchpost")
def test_every_help_text_explains_itself_by_examples(command: list[str]) -> None:
    text = run(*command, "--help").stdout
    examples = [line.strip() for line in text.partition("Examples:")[2].splitlines() if line.strip()]
    assert examples
    assert any(line.startswith(f"watchpost {' '.join(command)}".strip()) for line in examples)
    assert "\b" not in text


@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
def test_every_option_in_an_example_exists(command: list[str]) -> None:
    text = run(*command, "--help").stdout
    options, _, examples = text.partition("Examples:")
    mine = [line for line in examples.splitlines() if line.strip().startswith(f"watchpost {command[0]}")]
    known = {name for parameter in watchpost.commands[command[0]].params for name in parameter.opts}
    assert set(re.findall(r"(?<=\s)--?[a-z-]+", " ".join(line.partition("|")[0] for line in mine))) <= known
    assert options


def test_every_option_has_a_help_text() -> None:
    bare = [
        f"{command} {parameter.name}"
        for command, known in watchpost.commands.items()
        for parameter in known.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert bare == []


# --- exit codes -----------------------------------------------------------------------------------------------------


def test_clean_data_exits_with_zero(place: Path) -> None:
    result = run("check", place / "today.csv", "--baseline", place / "baseline")
    assert (result.exit_code, result.stderr) == (CLEAN, "")
    assert "No violations" in result.stdout


def test_violations_exit_with_one(place: Path) -> None:
    result = run("check", place / "broken.csv", "--baseline", place / "baseline")
    assert (result.exit_code, result.stderr) == (VIOLATIONS, "")
    assert "price" in result.stdout
    assert "town" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "today.csv"], "--baseline DIR"),
        (["check", "today.csv", "--baseline", "nowhere"], "watchpost baseline DATA -o nowhere"),
        (["check", "today.csv", "--statistics", "nowhere.json"], "nowhere.json"),
        (["check", "nowhere.csv", "--baseline", "baseline"], "nowhere.csv"),
        (["check", "nowhere-*.csv", "--baseline", "baseline"], "no file matches"),
        (["check", "today.csv", "--baseline", "baseline", "--drift-test", "pis"], "Did you mean 'psi'?"),
        (["check", "today.csv", "--baseline", "baseline", "--monitor", "data-qualty"], "Did you mean 'data_quality'?"),
        (["check", "today.csv", "--baseline", "baseline", "--format", "xml"], "'csv', 'jsonl'"),
        (["check", "today.csv", "--baseline", "baseline", "--html", "nowhere/page.html"], "nowhere/page.html"),
        (["check", "today.csv", "--baseline", "baseline", "--delimiter", "ab"], "delimiter"),
        (["baseline", "nowhere.csv", "-o", "new"], "nowhere.csv"),
        (["baseline", "header.csv", "-o", "new"], "header.csv"),
        (["baseline", "today.csv"], "--output"),
        (["baseline", "today.csv", "-o", "today.csv"], "today.csv"),
        (["demo", "--data", "nowhere.csv"], "nowhere.csv"),
        (["chekc", "today.csv"], "chekc"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_and_usage_exit_with_two_and_say_what_to_do(
    arguments: list[str], said: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "header.csv").write_text("price,rooms,town\n")
    monkeypatch.chdir(place)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (BAD_INPUT, "")
    assert said in result.stderr


def test_a_file_that_cannot_be_read_exits_with_two(place: Path) -> None:
    # Reading it is an I/O error for everybody, root included, where a file without permission is not.
    done = run_process("check", "/proc/self/mem", "--baseline", place / "baseline")
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")
    assert "/proc/self/mem" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_that_no_file_can_have_exits_with_two(place: Path) -> None:
    result = run("check", "x" * 5000, "--baseline", place / "baseline")
    assert (result.exit_code, "Traceback" in result.stderr) == (BAD_INPUT, False)


def test_a_folder_named_like_a_file_is_no_reason_to_crash(place: Path, tmp_path: Path) -> None:
    (tmp_path / "statistics.json").mkdir()
    (tmp_path / "constraints.json").mkdir()
    result = run("check", place / "today.csv", "--baseline", tmp_path)
    assert result.exit_code == BAD_INPUT


def test_a_broken_baseline_file_exits_with_two_and_names_the_field(place: Path, tmp_path: Path) -> None:
    (tmp_path / "constraints.json").write_text('{"version": 0.0, "features": [{"name": 7}]}')
    result = run("check", place / "today.csv", "--baseline", tmp_path)
    assert result.exit_code == BAD_INPUT
    assert "constraints.json" in result.stderr
    assert "features" in result.stderr


def test_no_error_message_ends_in_a_traceback(place: Path) -> None:
    done = run_process("check", place / "nowhere.csv", "--baseline", place / "baseline")
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")
    assert done.stderr.startswith("watchpost: Nothing to read at ")
    assert "Traceback" not in done.stderr


# --- what is printed and written ------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["today.csv", "broken.csv"])
def test_json_output_is_the_published_report(data: str, place: Path) -> None:
    result = run("check", place / data, "--baseline", place / "baseline", "--json")
    document = json.loads(result.stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert from_json(result.stdout).ok == (result.exit_code == CLEAN)


def test_html_is_written_and_its_place_told(place: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = run("check", place / "broken.csv", "--baseline", place / "baseline", "--html", page)
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert str(page) in result.stdout.replace("\n", "")


def test_json_stays_json_beside_a_page(place: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = run("check", place / "broken.csv", "--baseline", place / "baseline", "--html", page, "--json")
    assert json.loads(result.stdout)["violations"]
    assert page.is_file()


def test_an_execution_leaves_the_files_of_the_service_and_our_report(place: Path, tmp_path: Path) -> None:
    result = run("check", place / "broken.csv", "--baseline", place / "baseline", "-o", tmp_path / "out", "--json")
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["constraint_violations.json", "constraints.json", "report.json", "statistics.json"]
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == json.loads(result.stdout)
    violations = json.loads((tmp_path / "out" / "constraint_violations.json").read_text())["violations"]
    assert violations == json.loads(result.stdout)["violations"]
    assert json.loads((tmp_path / "out" / "statistics.json").read_text())["dataset"]["item_count"] == 600


def test_a_clean_execution_removes_what_an_earlier_one_left(place: Path, tmp_path: Path) -> None:
    (tmp_path / "constraint_violations.json").write_text("{}")
    (tmp_path / "quarantine.jsonl").write_text("{}\n")
    run("check", place / "today.csv", "--baseline", place / "baseline", "-o", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["constraints.json", "report.json", "statistics.json"]


def test_every_unreadable_record_is_written_down(place: Path, tmp_path: Path) -> None:
    lines = (place / "today.csv").read_text().splitlines()
    bad = [f"{i},too,many,fields,here" for i in range(250)]
    (tmp_path / "bad.csv").write_text("\n".join([*lines, *bad]) + "\n")
    result = run("check", tmp_path / "bad.csv", "--baseline", place / "baseline", "-o", tmp_path / "out")
    records = [json.loads(line) for line in (tmp_path / "out" / "quarantine.jsonl").read_text().splitlines()]
    assert result.exit_code == VIOLATIONS
    assert [record["line"] for record in records] == list(range(602, 852))
    assert [record["excerpt"] for record in records] == bad
    assert json.loads((tmp_path / "out" / "report.json").read_text())["quarantine"]["total"] == 250


def test_learning_tells_on_stderr_what_it_could_not_read(place: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text((place / "train.csv").read_text() + "1,2\n")
    result = run("baseline", tmp_path / "bad.csv", "-o", tmp_path / "baseline")
    assert result.exit_code == CLEAN
    assert "1 record could not be read" in result.stderr
    assert "line 602" in result.stderr


def test_learning_prints_what_it_learned_as_json(place: Path, tmp_path: Path) -> None:
    learned = json.loads(run("baseline", place / "train.csv", "-o", tmp_path / "new", "--json").stdout)
    assert learned == {
        "baseline": str(tmp_path / "new"),
        "rows": 600,
        "features": [
            {"name": "price", "inferred_type": "Fractional"},
            {"name": "rooms", "inferred_type": "Integral"},
            {"name": "town", "inferred_type": "String"},
        ],
        "quarantined": 0,
    }


# --- options of reading and judging ---------------------------------------------------------------------------------


def test_data_without_header_takes_the_names_of_the_baseline(place: Path, tmp_path: Path) -> None:
    headless = "".join((place / "today.csv").read_text().splitlines(keepends=True)[1:])
    (tmp_path / "today.csv").write_text(headless)
    result = run("check", tmp_path / "today.csv", "--baseline", place / "baseline", "--no-header", "--json")
    assert result.exit_code == CLEAN
    assert json.loads(result.stdout)["current_rows"] == 600


def test_a_baseline_without_header_fits_data_without_header(place: Path, tmp_path: Path) -> None:
    for name in ("train", "today"):
        lines = (place / f"{name}.csv").read_text().splitlines(keepends=True)
        (tmp_path / f"{name}.csv").write_text("".join(lines[1:]))
    run("baseline", tmp_path / "train.csv", "-o", tmp_path / "baseline", "--no-header")
    result = run("check", tmp_path / "today.csv", "--baseline", tmp_path / "baseline", "--no-header", "--json")
    assert result.exit_code == CLEAN
    assert [feature["name"] for feature in json.loads(result.stdout)["features"]] == ["_c0", "_c1", "_c2"]


@pytest.mark.parametrize(("typed", "meant"), [(";", ";"), ("|", "|"), ("\\t", "\t"), ("tab", "\t")])
def test_the_delimiter_can_be_given(typed: str, meant: str, place: Path, tmp_path: Path) -> None:
    sales(2).write_csv(tmp_path / "today.txt", separator=meant)
    command = ["check", tmp_path / "today.txt", "--baseline", place / "baseline", "--delimiter", typed]
    assert run(*command).exit_code == CLEAN


def test_the_format_can_be_given_where_it_cannot_be_told(place: Path, tmp_path: Path) -> None:
    sales(2).write_ndjson(tmp_path / "today.dat")
    command = ["check", tmp_path / "today.dat", "--baseline", place / "baseline", "--format", "jsonl"]
    assert run(*command).exit_code == CLEAN


def test_compat_judges_as_the_original_does(place: Path, tmp_path: Path) -> None:
    # The original's sketch comparison cannot see how often a repeated value occurs (contract 4.4).
    shifted = sales(4, rooms=[5] * 400 + [1, 2, 3, 4] * 50)
    shifted.write_csv(tmp_path / "shifted.csv")
    command = ["check", tmp_path / "shifted.csv", "--baseline", place / "baseline"]
    assert (run(*command).exit_code, run(*command, "--compat").exit_code) == (VIOLATIONS, CLEAN)


def test_a_drift_test_can_be_chosen_by_name(place: Path) -> None:
    result = run("check", place / "broken.csv", "--baseline", place / "baseline", "--drift-test", "psi", "--json")
    verdicts = {f["name"]: f["verdict"]["test"] for f in json.loads(result.stdout)["features"]}
    assert verdicts == {"price": "psi", "rooms": "psi", "town": "psi"}


def test_a_drift_test_for_numbers_leaves_text_to_the_usual_one(place: Path) -> None:
    chosen = ["--drift-test", "wasserstein", "--json"]
    result = run("check", place / "today.csv", "--baseline", place / "baseline", *chosen)
    verdicts = {f["name"]: f["verdict"]["test"] for f in json.loads(result.stdout)["features"]}
    assert verdicts == {"price": "wasserstein", "rooms": "wasserstein", "town": "robust"}


def test_a_folder_a_glob_and_a_file_give_the_same_figures(place: Path, tmp_path: Path) -> None:
    rows = list(csv.reader((place / "today.csv").read_text().splitlines()))
    for part, start in (("a", 1), ("b", 301)):
        with (tmp_path / f"{part}.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([rows[0], *rows[start : start + 300]])
    reports = [
        json.loads(run("check", data, "--baseline", place / "baseline", "--json").stdout)
        for data in (place / "today.csv", tmp_path, tmp_path / "*.csv")
    ]
    assert {report["current_rows"] for report in reports} == {600}
    assert reports[1]["features"] == reports[2]["features"]
    assert [f["bins"] for f in reports[0]["features"]] == [f["bins"] for f in reports[1]["features"]]


# --- recorded runs of the original service --------------------------------------------------------------------------


def test_a_recorded_run_is_judged_again_to_exactly_the_recorded_violations(shared: Path) -> None:
    golden = shared / "golden" / "x9"
    done = run_process(
        *("check", golden / "monitoring_statistics.json"),
        *("--statistics", golden / "baseline_statistics.json"),
        *("--constraints", golden / "baseline_constraints.json"),
        *("--compat", "--json"),
    )
    recorded = json.loads((golden / "constraint_violations.json").read_text())["violations"]
    assert (done.returncode, done.stderr) == (VIOLATIONS, "")
    key = lambda violation: violation["feature_name"]  # noqa: E731
    assert sorted(json.loads(done.stdout)["violations"], key=key) == sorted(recorded, key=key)


@pytest.mark.parametrize(("case", "code"), [("good_cases", CLEAN), ("bad_cases", VIOLATIONS)])
@pytest.mark.parametrize("compat", [[], ["--compat"]], ids=["default", "compat"])
def test_constraints_of_the_sdk_pass_and_fail_as_their_folder_says(
    case: str, code: int, compat: list[str], shared: Path
) -> None:
    folder = shared / "golden/sagemaker-sdk-fixtures/pipeline/quality_check_step/data_quality"
    result = run(
        *("check", folder / "baseline_dataset.csv", "--no-header", *compat),
        *("--statistics", folder / "statistics.json", "--constraints", folder / case / "constraints.json"),
    )
    assert result.exit_code == code, result.stdout


# --- streams --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_a_reader_that_goes_away_changes_neither_stderr_nor_exit_code(form: list[str], place: Path) -> None:
    arguments = ["check", place / "broken.csv", "--baseline", place / "baseline", *form]
    command = [sys.executable, "-m", "watchpost", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (VIOLATIONS, "")


def test_a_pipe_gets_no_escape_codes_and_no_progress(place: Path) -> None:
    done = run_process("check", place / "broken.csv", "--baseline", place / "baseline")
    assert done.stderr == ""
    assert ESCAPE not in done.stdout


def test_progress_goes_to_stderr_and_only_to_a_terminal(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    command = [sys.executable, "-m", "watchpost", "check", place / "today.csv", "--baseline", place / "baseline"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        assert process.stdout is not None
        printed = process.stdout.read()
        shown = _until_closed(ours)
    assert process.returncode == CLEAN
    assert "rows" in shown
    assert ESCAPE not in printed


def _until_closed(terminal: int) -> str:
    """All that was shown on a pseudo terminal; Linux ends it by an error instead of an end of file."""
    shown = b""
    try:
        while piece := os.read(terminal, 1 << 16):
            shown += piece
    except OSError:
        pass
    finally:
        os.close(terminal)
    return shown.decode()


def test_the_version_says_whether_the_innermost_loops_are_compiled():
    told = run("--version").stdout
    assert told == f"watchpost, version {__version__}, with{'' if kernels.available() else 'out'} compiled kernels\n"
