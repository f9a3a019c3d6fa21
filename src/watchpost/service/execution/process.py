"""A processing job's own process: `python -m watchpost.service.execution.process ROOT`.

It leaves what a container of the service leaves (reports, `/opt/ml/output/message`, metrics lines) below ROOT, says on
its output what it does, and ends with 0 or, after a message that tells why, with 1. It ends when its server does.
"""

import os
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path

from watchpost.errors import WatchpostError
from watchpost.service.execution.spec import MESSAGE, Spec, local, read_spec

_LONGEST_MESSAGE = 1000
FAILED = 1


def main(root: Path) -> int:
    """Run what ROOT says; the exit code."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    spec = read_spec(root)
    _limit(spec)
    try:
        message, code = _run(root, spec), 0
    except WatchpostError as problem:
        message, code = str(problem), FAILED
    except MemoryError:
        message, code = f"The job ran out of its memory ({(spec.memory_bytes or 0) >> 20} MiB).", FAILED
    except Exception as problem:  # noqa: BLE001  the top of a process: what ended it is told, with its trace in the log
        traceback.print_exc()
        message, code = f"The job failed: {type(problem).__name__}: {problem}", FAILED
    message = _in_their_words(root, spec, message)
    path = local(root, MESSAGE)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(message[:_LONGEST_MESSAGE], encoding="utf-8")
    print(message, flush=True)  # noqa: T201  its output is the job's log
    return code


def _run(root: Path, spec: Spec) -> str:
    # Each program is heavy in its own way, and a fault while one is loaded is this job's fault.
    match spec.program:
        case "clarify":
            from watchpost.service.execution.clarify import run_clarify as run  # noqa: PLC0415
        case "merger":
            from watchpost.service.execution.merger import run_merger as run  # noqa: PLC0415
        case _:
            from watchpost.service.execution.analyzer import run_analyzer as run  # noqa: PLC0415
    return run(root, spec)


def _in_their_words(root: Path, spec: Spec, message: str) -> str:
    """The message with the names of objects, and of places in a container, where this process saw files."""
    for place in sorted(spec.uris, key=len, reverse=True):
        message = message.replace(f"{root}{place}", spec.uris[place].rstrip("/"))
    return message.replace(str(root), "")


def _limit(spec: Spec) -> None:
    """Bound the memory; where the system knows no such limit there is none."""
    if spec.memory_bytes is None or sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  of Unix only

    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (spec.memory_bytes, spec.memory_bytes))


def _end_with_parent() -> None:
    """The server holds the other end of this process's input; when it is gone, nobody waits for an answer."""
    with suppress(OSError):
        while os.read(0, 1):
            pass
    os._exit(FAILED)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
