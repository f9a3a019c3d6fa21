"""Every fault in every format: it is named, nothing else is accused, and every other column is judged as without it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import watchpost as wp

from .catalogue import FAULTS, Fault, Miscounted, Named, Outcome, Refused, Senseless
from .formats import FORMATS, Format
from .table import NAMES, Table, draw

CELLS = [(fault, form, fault.outcome_in(form.name)) for fault in FAULTS for form in FORMATS.values()]


def cells(*kinds: type[Outcome]) -> pytest.MarkDecorator:
    """The cells of the matrix with such an outcome, each named `fault-in-format`."""
    chosen = []
    for fault, form, outcome in CELLS:
        name = f"{fault.name}-in-{form.name}"
        if isinstance(outcome, kinds):
            chosen.append(pytest.param(fault, form, outcome, id=name))
    return pytest.mark.parametrize(("fault", "form", "outcome"), chosen)


EVERY_FORMAT = pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))

Checked = Callable[[Format, Table], wp.Report]
Judged = Callable[[Fault, Format], wp.Report]


@pytest.fixture(scope="module")
def baselines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of a baseline, learned from a first draw, for every format."""
    root = tmp_path_factory.mktemp("baselines")
    learned = {
        name: wp.suggest_baseline(FORMATS[name].write(draw(1), root / "data" / name)).save(root / name)
        for name in sorted({form.learned_from for form in FORMATS.values()})
    }
    return {form.name: learned[form.learned_from] for form in FORMATS.values()}


@pytest.fixture(scope="module")
def clean(baselines: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """The report on a table without fault, made once."""
    made: dict[tuple[str, int], wp.Report] = {}

    def checked(form: Format, table: Table) -> wp.Report:
        # Every table checked here is the second draw or a part of it, which its length tells.
        key = (form.name, len(table[0][1]))
        if key not in made:
            folder = tmp_path_factory.mktemp("clean")
            form.write(table, folder)
            made[key] = wp.check(baselines[form.name], folder)
        return made[key]

    return checked


@pytest.fixture(scope="module")
def judged(baselines: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """The report on the second draw with a fault in it, made once."""
    made: dict[tuple[str, str], wp.Report] = {}

    def checked(fault: Fault, form: Format) -> wp.Report:
        key = (fault.name, form.name)
        if key not in made:
            made[key] = wp.check(baselines[form.name], spoiled(fault, form, tmp_path_factory.mktemp(fault.name)))
        return made[key]

    return checked


def spoiled(fault: Fault, form: Format, folder: Path) -> Path:
    """A folder with the second draw and that fault in it."""
    fault.file(form.write(fault.table(draw(2)), folder))
    return folder


def named_in(report: wp.Report) -> list[tuple[str, str]]:
    return sorted((v.feature_name, v.constraint_check_type) for v in report.violations)


# --- without a fault ------------------------------------------------------------------------------------------------


@EVERY_FORMAT
def test_a_second_draw_of_the_same_population_violates_nothing(form: Format, clean: Checked) -> None:
    report = clean(form, draw(2))
    assert (named_in(report), report.quarantine.total, report.current_rows) == ([], 0, len(draw(2)[0][1]))


@EVERY_FORMAT
def test_every_format_tells_the_same_of_the_same_table(form: Format, clean: Checked) -> None:
    assert clean(form, draw(2)).features == clean(FORMATS["csv"], draw(2)).features


# --- with one -------------------------------------------------------------------------------------------------------


@cells(Named)
def test_exactly_the_fault_is_named(fault: Fault, form: Format, outcome: Named, judged: Judged) -> None:
    assert named_in(judged(fault, form)) == sorted(outcome.violations)


@cells(Named)
def test_all_other_columns_are_judged_as_without_the_fault(
    fault: Fault, form: Format, outcome: Named, judged: Judged, clean: Checked
) -> None:
    expected = {f.name: f for f in clean(form, outcome.rest(draw(2))).features}
    found = {f.name: f for f in judged(fault, form).features}
    untouched = [name for name in NAMES if name not in outcome.touched]
    assert [found[name] for name in untouched] == [expected[name] for name in untouched]


@cells(Refused)
def test_what_cannot_be_read_at_all_is_an_error_that_names_the_file(
    fault: Fault, form: Format, outcome: Refused, baselines: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(outcome.error) as refusal:
        wp.check(baselines[form.name], spoiled(fault, form, tmp_path))
    assert str(tmp_path) in str(refusal.value)
    assert outcome.words in str(refusal.value)


@cells(Miscounted)
def test_unnamed_columns_of_another_number_are_counted(
    fault: Fault, form: Format, outcome: Miscounted, judged: Judged
) -> None:
    report = judged(fault, form)
    which = "Missing columns" if outcome.columns < len(NAMES) else "Extra columns"
    said = [violation.description for violation in report.violations if violation.feature_name == which]
    assert [text.partition(". ")[2] for text in said] == [
        f"Number of columns in current dataset: {outcome.columns}, "
        f"Number of columns in baseline constraints: {len(NAMES)}"
    ]


# --- the command line -----------------------------------------------------------------------------------------------

BY_COMMAND = {
    "byte-order-mark-in-csv",
    "byte-order-mark-in-json-capture",
    "renamed-column-in-parquet",
    "missing-column-in-csv-capture",
    "shift-in-jsonl",
    "duplicate-ids-in-csv-capture",
    "unreadable-record-in-csv",
    "no-rows-in-parquet",
    "empty-file-in-csv-capture",
    "empty-folder-in-json-capture",
    "truncated-file-in-parquet",
    "wrong-delimiter-in-csv",
    "utf-16-in-jsonl",
}


@pytest.mark.parametrize(
    ("fault", "form", "outcome"),
    [pytest.param(*cell, id=name) for cell in CELLS if (name := f"{cell[0].name}-in-{cell[1].name}") in BY_COMMAND],
)
def test_the_exit_code_tells_clean_from_violations_from_unreadable(
    fault: Fault, form: Format, outcome: Outcome, baselines: dict[str, Path], tmp_path: Path
) -> None:
    match outcome:
        case Refused():
            code = 2
        case Named(violations=violations) if not violations:
            code = 0
        case _:
            code = 1
    folder = spoiled(fault, form, tmp_path)
    command = [sys.executable, "-m", "watchpost", "check", str(folder), "--baseline", str(baselines[form.name])]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == code, run.stderr
    # What went wrong is said where a script expects it: the report on stdout, the error on stderr.
    assert (bool(run.stdout), bool(run.stderr)) == (code != 2, code == 2)
    assert "Traceback" not in run.stderr


# --- the catalogue itself -------------------------------------------------------------------------------------------


def test_every_fault_is_put_into_some_format_and_every_gap_has_its_reason() -> None:
    for fault in FAULTS:
        outcomes = [fault.outcome_in(name) for name in FORMATS]
        assert not all(isinstance(outcome, Senseless) for outcome in outcomes), fault.name
        assert all(len(o.reason) > 20 for o in outcomes if isinstance(o, Senseless)), fault.name
        assert fault.other.keys() <= FORMATS.keys(), fault.name
