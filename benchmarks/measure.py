"""Time contenders fairly: each in its own process, warmed up, in interleaved rounds; medians and ratios."""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from watchpost.fronts.cpu import numpy_settings

# One thread for BLAS: its pools distort everything beside them. The engines under test keep their own threads.
ENVIRONMENT = {
    **os.environ,  # noqa: TID251  a child needs its parent's environment
    **numpy_settings(os.environ),  # noqa: TID251  what the command line sets, here for everybody
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """What is timed, where something has to be done before each time that does not count."""

    prepare: Callable[[], object]
    run: Callable[[], object]


Contender = Callable[[str], Callable[[], object] | Turn]
"""Given the argument (mostly a path), prepares once what may be prepared, and returns what is timed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: seconds are the median of the rounds, mebibytes the peak of the whole process."""

    name: str
    seconds: float | None
    mebibytes: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One benchmark's outcome. The first row is what the ratios are taken against."""

    title: str
    rows: tuple[Row, ...]
    reach: str = ""
    faults: tuple[str, ...] = ()


class ContenderError(Exception):
    """A contender ended instead of answering; the message is the end of what it said."""


def race(title: str, module: str, names: list[str], argument: str, *, rounds: int, reach: str = "") -> Table:
    """Time the contenders of that module in interleaved rounds after one warm-up each."""
    seconds: dict[str, list[float]] = {name: [] for name in names}
    peak: dict[str, float] = {}
    faults: list[str] = []
    with ExitStack() as stack:
        running = {}
        for name in names:
            try:
                running[name] = stack.enter_context(_worker(module, name, argument))
            except ContenderError as failure:
                faults.append(f"{name}: {failure}")
        for _ in range(rounds):
            for name, ask in running.items():
                answer = ask()
                seconds[name].append(answer["seconds"])
                peak[name] = answer["mebibytes"]
    rows = [Row(n, statistics.median(seconds[n]) if seconds[n] else None, peak.get(n)) for n in names]
    return Table(title, tuple(rows), reach, tuple(faults))


@contextmanager
def _worker(module: str, name: str, argument: str) -> Iterator[Callable[[], dict[str, float]]]:
    command = [sys.executable, "-m", "benchmarks.worker", module, name, argument]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        send, receive, complaints = process.stdin, process.stdout, process.stderr
        assert send is not None
        assert receive is not None
        assert complaints is not None

        def ask() -> dict[str, float]:
            send.write("\n")
            send.flush()
            return _answer(receive.readline(), complaints)

        try:
            _answer(receive.readline(), complaints)
            yield ask
        finally:
            send.close()
            process.wait()


def _answer(line: str, complaints: IO[str]) -> dict[str, float]:
    if not line:
        said = complaints.read().strip()  # the process has ended, so this does too
        raise ContenderError(said.splitlines()[-1] if said else "ended without a word")
    return json.loads(line)


def machine() -> str:
    """The machine in a line: processor, cores, memory, system, Python."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()}, Python {platform.python_version()}"
