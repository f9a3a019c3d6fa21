"""The build of the compiled kernels: which compiler is called and how, what the wheels are, and real builds of them."""

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
assert spec is not None
assert spec.loader is not None
hatch_build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hatch_build)

NotBuilt = hatch_build.KernelsNotBuilt
LIBRARY = hatch_build.LIBRARY
ZIG = Path("/opt/ziglang/zig")


def chosen(working: set[str], zig: Path | None = None, **environment: str) -> tuple[str, ...] | None:
    """The compiler that is chosen where the programs `working` work and the environment is as given."""
    return hatch_build.compiler_of(environment, lambda command: command[0] in working, zig)


def nothing_works(command: tuple[str, ...]) -> bool:
    """A machine without a compiler."""
    return False


# --- which compiler -------------------------------------------------------------------------------------------------


@given(st.sets(st.sampled_from(["cc", "gcc", "clang", str(ZIG)])), st.sampled_from([None, ZIG]))
def test_the_first_compiler_that_works_is_taken_and_none_if_none_does(working: set[str], zig: Path | None) -> None:
    order = ["cc", "gcc", "clang", *([str(zig)] if zig else [])]
    best = next((name for name in order if name in working), None)
    taken = chosen(working, zig)
    assert (taken and taken[0]) == best


def test_a_compiler_that_is_named_is_taken_at_its_word() -> None:
    assert chosen({"cc"}, CC="clang-19") == ("clang-19",)


def test_a_compiler_may_have_several_words_and_spaces_in_its_path() -> None:
    assert chosen({"cc"}, CC="'/my tools/python' -m ziglang cc") == ("/my tools/python", "-m", "ziglang", "cc")


def test_an_empty_name_is_no_name() -> None:
    assert chosen({"gcc"}, CC=" ") == ("gcc",)


def test_a_name_with_half_a_quote_is_refused() -> None:
    with pytest.raises(NotBuilt, match="CC is"):
        chosen({"cc"}, CC="gcc '")


def test_the_package_ziglang_is_called_without_python() -> None:
    assert chosen({str(ZIG)}, ZIG) == (str(ZIG), "cc")


def test_a_compiler_that_is_not_there_does_not_work() -> None:
    assert not hatch_build.works(("no-such-compiler",))


def test_a_program_that_compiles_nothing_is_no_compiler() -> None:
    assert not hatch_build.works((sys.executable, "-c", "import sys; sys.exit(1)"))


@pytest.mark.parametrize("value", ["", "none", "require"])
def test_what_is_wanted_is_read_from_the_environment(value: str) -> None:
    assert hatch_build.wanted({"WATCHPOST_KERNELS": value}) == value


def test_kernels_are_wanted_where_nothing_is_said() -> None:
    assert hatch_build.wanted({}) == ""


def test_another_word_for_what_is_wanted_is_refused() -> None:
    with pytest.raises(NotBuilt, match="'yes': say 'require' or 'none'"):
        hatch_build.wanted({"WATCHPOST_KERNELS": "yes"})


# --- how it is called -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("zig", "cc"), ("python3", "-m", "ziglang", "cc"), ("/opt/zig.exe", "cc")])
def test_zig_is_told_to_compile_for_any_processor_and_without_paths(words: tuple[str, ...]) -> None:
    assert {"-mcpu=baseline", "-g0"} <= set(hatch_build.command_line(words, ["a.c"]))


@pytest.mark.parametrize("words", [("gcc",), ("clang", "--target=aarch64-linux-gnu"), ("zig", "cc", "-mcpu=x86_64_v3")])
def test_no_other_compiler_is_told_the_processor(words: tuple[str, ...]) -> None:
    assert "-mcpu=baseline" not in hatch_build.command_line(words, ["a.c"])


def test_nothing_that_changes_arithmetic_or_ties_a_wheel_to_a_processor_is_asked_of_the_compiler() -> None:
    line = hatch_build.command_line(("cc",), ["a.c"])
    assert {"-O3", "-std=c11", "-ffp-contract=off"} <= set(line)
    assert not [word for word in line if word.startswith(("-march", "-mtune", "-Ofast", "-ffast-math"))]


@pytest.mark.parametrize(
    ("platforms", "tag"),
    [
        # The order in which packaging.tags.platform_tags gives them, on Debian, Alpine, macOS and Windows.
        (["manylinux_2_36_x86_64", "manylinux2014_x86_64", "linux_x86_64"], "py3-none-linux_x86_64"),
        (["musllinux_1_2_aarch64", "linux_aarch64"], "py3-none-linux_aarch64"),
        (["macosx_14_0_arm64", "macosx_14_0_universal2", "macosx_13_0_arm64"], "py3-none-macosx_14_0_arm64"),
        (["win_amd64"], "py3-none-win_amd64"),
    ],
)
def test_a_wheel_with_kernels_promises_this_platform_and_every_python_3(platforms: list[str], tag: str) -> None:
    assert hatch_build.wheel_tag(platforms) == tag


# --- compiling ------------------------------------------------------------------------------------------------------


@pytest.fixture
def compiler() -> tuple[str, ...]:
    """The compiler of this machine. `make test` sees to it that there is one."""
    found = hatch_build.compiler_of(os.environ, hatch_build.works, hatch_build.ziglang())  # noqa: TID251  as the build
    assert found is not None
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one kernel that returns 41."""
    folder = tmp_path / "project" / hatch_build.KERNELS
    folder.mkdir(parents=True)
    (folder / "one.c").write_text('#include "kernels.h"\nKERNEL int answer(void) { return 41; }\n')
    shutil.copy(ROOT / hatch_build.KERNELS / "kernels.h", folder)
    return tmp_path / "project"


def answer(library: Path) -> int:
    """What a library says, read by a process of its own: a second library of the same path would be the first."""
    code = f"import ctypes; print(ctypes.CDLL({str(library)!r}).answer())"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def test_a_library_is_replaced_as_a_whole_and_leaves_nothing_beside_it(
    project: Path, compiler: tuple[str, ...]
) -> None:
    folder = project / hatch_build.KERNELS
    hatch_build.compile_kernels(compiler, folder, folder / LIBRARY)
    opened = (folder / LIBRARY).open("rb")
    before = opened.read(64)
    (folder / "one.c").write_text('#include "kernels.h"\nKERNEL int answer(void) { return 42; }\n')
    hatch_build.compile_kernels(compiler, folder, folder / LIBRARY)
    with opened:
        opened.seek(0)
        assert opened.read(64) == before
        assert os.fstat(opened.fileno()).st_ino != (folder / LIBRARY).stat().st_ino
    assert answer(folder / LIBRARY) == 42
    assert {path.name for path in folder.iterdir()} == {"one.c", "kernels.h", LIBRARY}


def test_the_same_sources_give_the_same_bytes_wherever_they_lie(project: Path, compiler: tuple[str, ...]) -> None:
    elsewhere = shutil.copytree(project, project.with_name("elsewhere"))
    for each in (project, elsewhere):
        hatch_build.compile_kernels(compiler, each / hatch_build.KERNELS, each / LIBRARY)
    assert (project / LIBRARY).read_bytes() == (elsewhere / LIBRARY).read_bytes()


def test_a_compile_that_fails_says_the_compilers_own_words_and_keeps_what_was_there(
    project: Path, compiler: tuple[str, ...]
) -> None:
    folder = project / hatch_build.KERNELS
    (folder / LIBRARY).write_text("the old one")
    (folder / "two.c").write_text("int wrong(void) { return undeclared_name; }\n")
    with pytest.raises(NotBuilt, match=r"(?s)two\.c:1:.*undeclared_name"):
        hatch_build.compile_kernels(compiler, folder, folder / LIBRARY)
    assert (folder / LIBRARY).read_text() == "the old one"


def test_a_function_that_is_not_declared_is_an_error(project: Path, compiler: tuple[str, ...]) -> None:
    folder = project / hatch_build.KERNELS
    (folder / "two.c").write_text("double guessed(void) { return not_declared(1.0); }\n")
    with pytest.raises(NotBuilt, match="not_declared"):
        hatch_build.compile_kernels(compiler, folder, folder / LIBRARY)


def test_a_compiler_that_cannot_be_started_is_named(project: Path) -> None:
    with pytest.raises(NotBuilt, match="no-such-compiler"):
        hatch_build.build(project, project / LIBRARY, {"CC": "no-such-compiler"}, print)


def test_a_library_of_other_sources_goes_away_where_none_is_made(project: Path) -> None:
    (project / LIBRARY).write_text("the old one")
    said: list[str] = []
    assert not hatch_build.build(project, project / LIBRARY, {"WATCHPOST_KERNELS": "none"}, said.append)
    assert not (project / LIBRARY).exists()
    assert said == ["WATCHPOST_KERNELS=none: no kernels. The package is complete without its kernels, and slower."]


def test_without_a_compiler_the_build_says_so_and_goes_on(project: Path) -> None:
    said: list[str] = []
    assert not hatch_build.build(project, project / LIBRARY, {}, said.append, nothing_works)
    assert said == ["No C compiler, so no kernels. The package is complete without its kernels, and slower."]


def test_without_a_compiler_required_kernels_are_an_error(project: Path) -> None:
    with pytest.raises(NotBuilt, match="there is no C compiler"):
        hatch_build.build(project, project / LIBRARY, {"WATCHPOST_KERNELS": "require"}, print, nothing_works)


# --- real builds ----------------------------------------------------------------------------------------------------


def hatchling(root: Path, target: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build a wheel or sdist of the project at `root` into `folder`, by hatchling's own command."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    inherited = {k: v for k, v in os.environ.items() if k != "WATCHPOST_KERNELS"}  # noqa: TID251  PATH, CC and the like
    return subprocess.run(
        command, cwd=root, env=inherited | environment, capture_output=True, text=True, check=False, timeout=300
    )


def built(root: Path, target: str, folder: Path, **environment: str) -> Path:
    """The one file that such a build makes."""
    done = hatchling(root, target, folder, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project as its sdist holds it."""
    folder = tmp_path_factory.mktemp("sdist")
    archive = built(ROOT, "sdist", folder / "archive")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    yield folder / archive.name.removesuffix(".tar.gz")
    shutil.rmtree(folder)


def kernels_in(names: list[str]) -> set[str]:
    """What stands in the kernels' folder of an archive and is no Python."""
    return {Path(name).name for name in names if "watchpost/kernels/" in name and not name.endswith(".py")}


def test_an_sdist_holds_what_compiles_the_kernels_and_nothing_compiled(unpacked: Path) -> None:
    (archive,) = (unpacked.parent / "archive").iterdir()
    with tarfile.open(archive) as files:
        names = files.getnames()
    sources = {p.name for p in (ROOT / hatch_build.KERNELS).iterdir() if p.suffix in {".c", ".h"}}
    assert f"{unpacked.name}/hatch_build.py" in names
    assert kernels_in(names) == sources


def test_a_wheel_of_the_sdist_holds_a_library_that_loads_and_no_source(unpacked: Path, tmp_path: Path) -> None:
    wheel = built(unpacked, "wheel", tmp_path / "dist", WATCHPOST_KERNELS="require")
    assert wheel.name.split("-")[2:4] == ["py3", "none"]
    assert not wheel.stem.endswith("-any")
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        assert kernels_in(names) == {LIBRARY}
        assert "Root-Is-Purelib: false" in files.read(next(n for n in names if n.endswith("/WHEEL"))).decode()
        files.extract(f"watchpost/kernels/{LIBRARY}", tmp_path)
    assert ctypes.CDLL(str(tmp_path / "watchpost" / "kernels" / LIBRARY)).wp_version() >= 1


def test_a_wheel_without_kernels_is_for_any_platform_and_the_build_says_so(unpacked: Path, tmp_path: Path) -> None:
    # What an editable install left behind is no part of it.
    (unpacked / hatch_build.KERNELS / LIBRARY).write_text("of another time")
    done = hatchling(unpacked, "wheel", tmp_path / "dist", WATCHPOST_KERNELS="none")
    assert "no kernels" in done.stdout + done.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    assert wheel.stem.endswith("-py3-none-any")
    with zipfile.ZipFile(wheel) as files:
        assert kernels_in(files.namelist()) == set()


def test_an_editable_install_has_its_library_beside_the_sources(unpacked: Path, tmp_path: Path) -> None:
    wheel = built(unpacked, "wheel:editable", tmp_path, WATCHPOST_KERNELS="require")
    with zipfile.ZipFile(wheel) as files:
        assert kernels_in(files.namelist()) == set()
    assert ctypes.CDLL(str(unpacked / hatch_build.KERNELS / LIBRARY)).wp_version() >= 1


def test_a_build_fails_whose_compiler_is_not_there(unpacked: Path, tmp_path: Path) -> None:
    done = hatchling(unpacked, "wheel", tmp_path, CC="no-such-compiler")
    assert done.returncode == 1
    assert "no-such-compiler" in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
