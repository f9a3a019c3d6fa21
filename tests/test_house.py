"""Laws of the house: what holds for the project as a whole, whatever its chapters do."""

import ast
import doctest
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import numpy as np
import pytest

import watchpost
from watchpost.fronts.demo import mishandle, resale_prices
from watchpost.registry import Family

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "watchpost"
SOURCES = sorted(PACKAGE.rglob("*.py"))
# The compiled kernels end like a module of Python's, and are none.
NO_MODULES = ("__main__", "._kernels")
FOUND = ["watchpost", *(m.name for m in walk_packages(watchpost.__path__, "watchpost."))]
MODULES = [name for name in FOUND if not name.endswith(NO_MODULES)]
HEAVY = ("boto3", "botocore", "jinja2", "obstore", "pandas", "pyarrow", "rich", "scipy", "starlette")


def families() -> dict[str, Family[object]]:
    """Every family that a module of the package holds, by its folder's dotted name."""
    found = (value for name in MODULES for value in vars(import_module(name)).values() if isinstance(value, Family))
    return {family.package: family for family in found}


def project_files() -> list[Path]:
    """Every text file that belongs to the project, as opposed to what was made or downloaded beside it."""
    kept = [p for folder in ("src", "tests", "docs", "benchmarks", ".ci") for p in (ROOT / folder).rglob("*")]
    measured = ROOT / "benchmarks" / "data"
    files = [p for p in (*kept, *ROOT.iterdir()) if p.is_file() and p.name != ".git" and measured not in p.parents]
    return [p for p in files if p.suffix != ".pyc" and b"\0" not in p.read_bytes()[:4096]]


# --- the package ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", HEAVY)
def test_importing_watchpost_does_not_import_heavy_things(module: str, imported: frozenset[str]) -> None:
    assert module not in imported


@pytest.fixture(scope="module")
def imported() -> frozenset[str]:
    """Every module that a fresh interpreter holds after `import watchpost`."""
    code = "import sys, watchpost; print('\\n'.join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return frozenset(out.split())


def test_public_names_are_sorted_and_each_once() -> None:
    assert list(watchpost.__all__) == sorted(set(watchpost.__all__))


def test_every_public_name_exists() -> None:
    assert [name for name in watchpost.__all__ if not hasattr(watchpost, name)] == []


def test_nothing_public_is_left_out_of_all() -> None:
    visible = {n for n, v in vars(watchpost).items() if getattr(v, "__module__", "").partition(".")[0] == "watchpost"}
    assert {name for name in visible if not name.startswith("_")} <= set(watchpost.__all__)


def test_drift_tests_and_monitors_are_families() -> None:
    assert {"watchpost.drift", "watchpost.monitors"} <= set(families())


def test_every_member_of_a_family_loads_and_is_named_like_its_file() -> None:
    for package, family in families().items():
        folder = Path(*import_module(package).__path__)
        files = {p.stem for p in folder.glob("*.py") if not p.stem.startswith("_")}
        assert files <= set(family.names()), package
        for name in files:
            plugin = family.load(name)
            assert getattr(plugin, "name", name) == name


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_say_what_happens(module: str) -> None:
    outcome = doctest.testmod(import_module(module), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert outcome.failed == 0


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_tells_one_story_in_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_no_file_is_named_like_a_drawer() -> None:
    drawers = {
        "base",
        "common",
        "core",
        "handler",
        "helper",
        "helpers",
        "manager",
        "misc",
        "processor",
        "util",
        "utils",
    }
    assert [str(p.relative_to(ROOT)) for p in SOURCES if p.stem in drawers] == []


# --- the project around it ------------------------------------------------------------------------------------------


def test_no_file_names_a_private_machine_or_an_index_host() -> None:
    # Brackets keep this file from finding itself.
    places = re.compile(
        r"(?<![\w.}])/(?:w[o]rk|r[o]ot|h[o]me|U[s]ers)/\w|p[y]pi\.org|pythonh[o]sted|npmj[s]\.org|deb\.d[e]bian"
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in project_files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if places.search(line)
    ]
    assert found == []


def test_constraints_pin_every_dependency_exactly_and_name_no_index() -> None:
    lines = [x for x in (ROOT / "constraints.txt").read_text().splitlines() if x and not x.startswith("#")]
    assert [x for x in lines if not re.match(r"[a-z0-9-]+==[^\s;]+( ; .+)?$", x)] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    names = {re.split(r"[\[<>=!~; ]", x)[0].lower().replace("_", "-").replace(".", "-") for x in wanted}
    assert names - {x.partition("==")[0] for x in lines} == set()


def test_changelog_has_a_place_for_what_is_not_released() -> None:
    assert re.search(r"^## \[Unreleased\]$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_wheel_holds_every_file_of_the_package_but_the_c_sources_and_the_licence(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    built = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    names = set(zipfile.ZipFile(built).namelist())
    left_out = {".pyc", ".c", ".h"}
    files = {str(p.relative_to(ROOT / "src")) for p in PACKAGE.rglob("*") if p.is_file() and p.suffix not in left_out}
    assert files - names == set()
    assert {name for name in names if Path(name).suffix in left_out} == set()
    assert any(n.endswith("licenses/LICENSE") for n in names)


@pytest.mark.parametrize(("case", "status"), [("due", 0), ("undue", 1), ("expected failure", 0), ("nothing ran", 1)])
def test_submission_fails_when_a_test_was_skipped_that_should_have_run(case: str, status: int, tmp_path: Path) -> None:
    skip = {
        "due": "",
        "undue": '<testcase name="b"><skipped type="pytest.skip" message="no browser"/></testcase>',
        "expected failure": '<testcase name="b"><skipped type="pytest.xfail" message="known"/></testcase>',
        "nothing ran": "",
    }[case]
    ran = "" if case == "nothing ran" else '<testcase name="a"/>'
    results = tmp_path / "tests.xml"
    results.write_text(f"<testsuites><testsuite>{ran}{skip}</testsuite></testsuites>")
    command = [sys.executable, str(ROOT / ".ci" / "skipped.py"), str(results)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == status


def test_both_commands_of_the_readme_exist_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test", "check", "bench", "clean", "help"} <= targets


# --- what the documents say -----------------------------------------------------------------------------------------


def check_types() -> set[str]:
    """Every check type that the package can name: text that ends in `_check`, wherever it stands in the code."""
    trees = (ast.parse(path.read_text()) for path in SOURCES)
    texts = (
        n.value for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    )
    return {text for text in texts if re.fullmatch(r"[a-z]+(_[a-z]+)*_check", text)}


def test_documents_list_every_check_type() -> None:
    assert {name for name in check_types() if f"`{name}`" not in pages()} == set()


def test_documents_list_every_member_of_every_family() -> None:
    names = {name for family in families().values() for name in family.names()}
    assert {name for name in names if f"`{name}`" not in pages()} == set()


def pages() -> str:
    """All documents, one after another."""
    return "\n".join(path.read_text() for path in documents())


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fences(page: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page in order: what stands behind the opening fence, and the text inside."""
    return re.findall(r"^```([^\n]*)\n(.*?)^```\s*$", page, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", documents(), ids=lambda p: str(p.relative_to(ROOT)))
def test_python_in_documents_runs_and_prints_what_the_page_says(path: Path, tmp_path: Path) -> None:
    """Blocks fenced `python` run in order, in one namespace, in a folder with what a reader would have: see `furnish`.

    A `text` block right behind one is what it prints; `...` there stands for anything. `python not-run` is for what
    needs a reader's own parts.
    """
    blocks = fences(path.read_text())
    script, expected = [], []
    for number, (kind, code) in enumerate(blocks):
        if kind.strip() != "python":
            continue
        prints = number + 1 < len(blocks) and blocks[number + 1][0].strip() == "text"
        expected.append(blocks[number + 1][1] if prints else None)
        script.append(f"{code}\nprint({MARK!r})\n")
    if not script:
        return
    furnish(tmp_path)
    printed = run_python("".join(script), tmp_path).split(f"{MARK}\n")
    for want, got in zip(expected, printed, strict=False):
        if want is not None:
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert doctest.OutputChecker().check_output(want, got, flags), (
                f"the page says\n{want}\nbut it prints\n{got}"
            )


MARK = "-- end of block --"


def furnish(folder: Path) -> None:
    """Write train.parquet and today.parquet (resale prices, the latter gone wrong), baseline/ and report.json."""
    rng = np.random.default_rng(1)
    sales = resale_prices(rng, sales_per_month=100)
    train, today = folder / "train.parquet", folder / "today.parquet"
    sales.head(2400).write_parquet(train)
    mishandle(sales.tail(1200), rng).write_parquet(today)
    baseline = watchpost.suggest_baseline(str(train))
    baseline.save(folder / "baseline")
    (folder / "report.json").write_text(watchpost.check(baseline, str(today)).to_json())


def run_python(code: str, folder: Path) -> str:
    script = folder / "page.py"
    script.write_text(code)
    wide = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1"}  # noqa: TID251  a child needs its parent's environment
    done = subprocess.run(
        [sys.executable, script.name], cwd=folder, env=wide, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", documents(), ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_documents_exist(path: Path) -> None:
    from watchpost.fronts.cli import watchpost as command_line

    known = set(command_line.commands)
    shells = "\n".join(code for kind, code in fences(path.read_text()) if kind.strip() in {"sh", "bash", "console"})
    assert set(re.findall(r"^\$?\s*watchpost ([a-z-]+)", shells, re.MULTILINE)) <= known


@pytest.mark.parametrize("path", documents(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []
