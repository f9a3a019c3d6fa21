"""One contender in a process of its own: prepare, warm up, then one timed run per line of input."""

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter

from benchmarks.measure import Turn


def main(module: str, name: str, argument: str) -> None:
    """Answer a first line when warm, then one line of figures for every line that comes in."""
    made = import_module(f"benchmarks.{module}").CONTENDERS[name](argument)
    turn = made if isinstance(made, Turn) else Turn(lambda: None, made)
    turn.prepare()
    turn.run()
    print("{}", flush=True)
    for _ in sys.stdin:
        turn.prepare()
        start = perf_counter()
        turn.run()
        seconds = perf_counter() - start
        print(json.dumps({"seconds": seconds, "mebibytes": _peak_mebibytes()}), flush=True)


def _peak_mebibytes() -> float | None:
    """Most memory this program ever held. getrusage would count what its parent held before it, so ask Linux itself."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else None


if __name__ == "__main__":
    main(*sys.argv[1:])
