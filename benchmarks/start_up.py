"""What a person waits for before anything happens."""

import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from benchmarks.measure import ENVIRONMENT, Row, Table

REACH = "import at most 0.2 s, help at most 0.3 s"


def plan(scale: float) -> list[Table]:
    """Whole processes, in turns."""
    script = str(Path(sys.executable).with_name("watchpost"))
    commands = {
        "python -c pass (the limit)": [sys.executable, "-c", "pass"],
        "import watchpost": [sys.executable, "-c", "import watchpost"],
        "watchpost --help": [script, "--help"],
        "import polars": [sys.executable, "-c", "import polars"],
        "import pandas": [sys.executable, "-c", "import pandas"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    faults: list[str] = []
    for number in range(6 if scale < 1 else 11):
        for name, command in commands.items():
            start = perf_counter()
            status = subprocess.run(command, capture_output=True, env=ENVIRONMENT, check=False).returncode
            if number:  # the first round fills the disk cache and the byte code
                seconds[name].append(perf_counter() - start)
            elif status:
                faults.append(f"{name}: exit {status}")
    rows = tuple(Row(name, statistics.median(taken)) for name, taken in seconds.items())
    return [Table("Start-up", rows, REACH, tuple(faults))]
