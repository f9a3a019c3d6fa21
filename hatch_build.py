"""Compiles `src/watchpost/kernels/*.c` into one shared library, for wheels and for editable installs.

The library knows nothing of Python, so one wheel a platform serves every version (`py3-none-<platform>`). A compiler is
optional: without one the wheel is `py3-none-any`, and the package computes the same in Python, numpy and polars.

The environment decides. `CC` names the compiler and may have several words (`python -m ziglang cc`).
`WATCHPOST_KERNELS` is `require` (without a compiler the build fails), `none` (nothing is compiled) or unset. A compile
that fails is an error in any case but `none`.

`python hatch_build.py [FOLDER]` compiles into FOLDER, the package itself if none is named: what to do after editing a
kernel in an editable install.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = Path("src", "watchpost", "kernels")
LIBRARY = "_kernels.dll" if os.name == "nt" else "_kernels.so"
WITHOUT = "The package is complete without its kernels, and slower."
# Wheels are for any processor of their kind (no -march=native), and the kernels give the same to the last bit as their
# twins everywhere: no -ffast-math, and no multiply-add in one rounding, which arm64 would have at hand.
FLAGS = (
    *("-O3", "-std=c11", "-shared", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Wextra"),
    *("-Werror=implicit-function-declaration", "-Werror=implicit-int", "-Werror=int-conversion"),
    *("-Werror=incompatible-pointer-types", "-Werror=return-type"),
    *(() if os.name == "nt" else ("-fPIC",)),
)
PROBE = "#include <stdlib.h>\n#include <string.h>\n"

Command = tuple[str, ...]


class KernelsNotBuilt(Exception):
    """What was asked of the build cannot be had; the text says what and why, with the compiler's own words."""


def compiler_of(
    environment: Mapping[str, str], works: Callable[[Command], bool], zig: Path | None = None
) -> Command | None:
    """The words that call the C compiler: `CC`, else the first of cc, gcc, clang and `zig` that works, else None.

    Args:
        environment: the variables of the build; `CC` is taken at its word, so that a mistake in it is told.
        works: whether a command compiles and links; a `cc` without C's headers does not.
        zig: the executable of the `ziglang` package, if the building interpreter has that.
    Raises: KernelsNotBuilt where the quotes in `CC` do not match.
    """
    named = environment.get("CC", "").strip()
    if named:
        try:
            return tuple(shlex.split(named))
        except ValueError as wrong:
            raise KernelsNotBuilt(f"CC is {named!r}, which is no command: {wrong}.") from wrong
    candidates = [("cc",), ("gcc",), ("clang",), *([(str(zig), "cc")] if zig else [])]
    return next((candidate for candidate in candidates if works(candidate)), None)


def wanted(environment: Mapping[str, str]) -> str:
    """What `WATCHPOST_KERNELS` asks for: `require`, `none`, or "" for kernels if there is a compiler.

    Raises: KernelsNotBuilt for any other value.
    """
    value = environment.get("WATCHPOST_KERNELS", "")
    if value not in {"", "none", "require"}:
        raise KernelsNotBuilt(f"WATCHPOST_KERNELS is {value!r}: say 'require' or 'none', or leave it unset.")
    return value


def command_line(compiler: Command, sources: Sequence[str]) -> Command:
    """The whole command that makes the shared library out of `sources`, in the folder where it runs."""
    given = " ".join(compiler)
    # Zig compiles for the processor it runs on and with what a debugger wants, the builder's paths among it, unless it
    # is told otherwise; no other compiler does.
    zig = any(Path(word).stem in {"zig", "ziglang", "python-zig"} for word in compiler)
    portable = ("-mcpu=baseline",) if zig and "-mcpu" not in given and "-march" not in given else ()
    lean = ("-g0",) if zig and "-g" not in compiler else ()
    return (*compiler, *FLAGS, *portable, *lean, "-o", LIBRARY, *sources, *(() if os.name == "nt" else ("-lm",)))


def wheel_tag(platforms: Iterable[str]) -> str:
    """The tag of a wheel with kernels that runs on this machine: the first platform that promises nothing about others.

    Args: platform tags, the most specific first, as `packaging.tags.platform_tags` gives them.
    """
    promises = ("manylinux", "musllinux")  # auditwheel's to give, after looking
    return f"py3-none-{next(each for each in platforms if not each.startswith(promises))}"


def run(command: Command, folder: Path) -> str:
    """Run a compiler in a folder; what it printed. Raises: KernelsNotBuilt, with that, if it fails or is not there."""
    # pip shows the build an environment of its own through PYTHONPATH; a compiler that is a Python package has another.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(  # noqa: S603  the compiler that the person who builds has named or installed
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as wrong:
        raise KernelsNotBuilt(f"The C compiler cannot be started: {shlex.join(command)}: {wrong}.") from wrong
    if done.returncode:
        raise KernelsNotBuilt(f"The kernels do not compile: {shlex.join(command)}\n{done.stdout}")
    return done.stdout


def works(compiler: Command) -> bool:
    """Whether a command compiles and links a shared library that includes C's own headers."""
    with TemporaryDirectory(prefix="watchpost-compiler-") as folder:
        Path(folder, "probe.c").write_text(PROBE)
        try:
            run(command_line(compiler, ["probe.c"]), Path(folder))
        except KernelsNotBuilt:
            return False
    return True


def compile_kernels(compiler: Command, folder: Path, destination: Path) -> str:
    """Compile every C file of `folder` into one library at `destination`; the compiler's warnings, "" if it had none.

    A process that has the old library open keeps it, and nobody ever sees half of the new one.
    Raises: KernelsNotBuilt if there is nothing to compile, or it does not compile.
    """
    sources = sorted(path.name for path in folder.glob("*.c"))
    if not sources:
        raise KernelsNotBuilt(f"There is no C file in {folder}.")
    with TemporaryDirectory(prefix="watchpost-kernels-") as made:
        # Compiled from there, so that no path of the builder's stands in the library: the same sources, the same bytes.
        for source in (*folder.glob("*.c"), *folder.glob("*.h")):
            shutil.copy(source, made)
        warnings = run(command_line(compiler, sources), Path(made))
        # Beside its destination first: the temporary folder may be on another disk, and a move is atomic within one.
        new = destination.with_name(f"{LIBRARY}.{os.getpid()}")
        shutil.copy(Path(made, LIBRARY), new)
        new.replace(destination)
    return warnings


def ziglang() -> Path | None:
    """The executable in the `ziglang` package, None where this interpreter has none."""
    spec = find_spec("ziglang")
    return Path(spec.origin).parent / "zig" if spec and spec.origin else None


def build(
    root: Path,
    destination: Path,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    works: Callable[[Command], bool] = works,
) -> bool:
    """Make the library of the project at `root`, as the environment asks; whether there is one at `destination` now.

    An older library there goes away if none is made: it would be of other sources. `say` takes what a person must know.
    Raises: KernelsNotBuilt if what is required cannot be had.
    """
    asked = wanted(environment)
    compiler = None if asked == "none" else compiler_of(environment, works, ziglang())
    if compiler is not None:
        warnings = compile_kernels(compiler, root / KERNELS, destination)
        if warnings:
            say(warnings)
        return True
    if asked == "require":
        raise KernelsNotBuilt(
            "WATCHPOST_KERNELS=require, but there is no C compiler: neither CC, nor a cc, gcc or clang on PATH that "
            "works, nor the package ziglang. Install gcc and the headers of C, or set CC."
        )
    destination.unlink(missing_ok=True)
    say(f"WATCHPOST_KERNELS=none: no kernels. {WITHOUT}" if asked else f"No C compiler, so no kernels. {WITHOUT}")
    return False


class KernelsHook(BuildHookInterface[BuilderConfig]):
    """Puts the library into a wheel, or beside the sources for an editable install."""

    _made: TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, object]) -> None:
        """Compile before a build of `version`, "standard" or "editable", and say in `build_data` what the wheel is."""
        root = Path(self.root)
        if version == "editable":
            folder = root / KERNELS
        else:
            self._made = TemporaryDirectory(prefix="watchpost-wheel-")
            folder = Path(self._made.name)
        try:
            built = build(root, folder / LIBRARY, os.environ, self.app.display_warning)
        except KernelsNotBuilt as wrong:
            self._clear()
            self.app.abort(str(wrong))
            raise  # abort does not come back, which its type does not say
        if built and version != "editable":
            from packaging.tags import platform_tags

            build_data["pure_python"] = False
            build_data["tag"] = wheel_tag(platform_tags())
            build_data["force_include"] = {str(folder / LIBRARY): f"watchpost/kernels/{LIBRARY}"}

    def finalize(self, version: str, build_data: dict[str, object], artifact_path: str) -> None:  # noqa: ARG002  hatchling's
        """Remove what was made for the wheel, which now holds it."""
        self._clear()

    def _clear(self) -> None:
        if self._made is not None:
            self._made.cleanup()
            self._made = None


def main(arguments: Sequence[str]) -> int:
    """Compile into the folder that is named, or into the package; the exit code."""
    root = Path(__file__).resolve().parent
    folder = Path(arguments[0]) if arguments else root / KERNELS
    try:
        built = build(root, folder / LIBRARY, os.environ, print)
    except KernelsNotBuilt as wrong:
        print(wrong, file=sys.stderr)
        return 1
    if built:
        print(folder / LIBRARY)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
