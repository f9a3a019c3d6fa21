"""Runs of processing jobs: one process each, with a time limit, a memory limit, and a log that is read as it grows."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import IO, Literal

from watchpost.service.execution.spec import CONTAINER, MESSAGE, Spec, local, write_spec

_LOOK_SECONDS = 0.05
_TELL_SECONDS = 1.0
_LONGEST_LINE = 200_000

End = Literal["done", "failed", "too long", "stopped", "server stops"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: `message` is what it left as its exit message, "" if nothing; `code` its exit code."""

    end: End
    message: str = ""
    code: int = 0


Tell = Callable[[Sequence[str]], None]
"""Told of new lines of the log."""

Asked = Callable[[], bool]
"""Whether somebody asked for the run to stop; looked at about once a second."""


class Runs:
    """Starts processes and waits for them, from any thread; `close` ends all of them."""

    def __init__(self) -> None:
        self._closing = Event()

    def run_ours(self, root: Path, spec: Spec, seconds: float, tell: Tell, asked: Asked) -> Ended:
        """Run one of Watchpost's programs over a root that is laid out."""
        write_spec(root, spec)
        words = [sys.executable, "-m", "watchpost.service.execution.process", str(root)]
        return self._run(root, words, _environment({}), seconds, tell, asked)

    def run_command(
        self, root: Path, words: Sequence[str], given: Mapping[str, str], seconds: float, tell: Tell, asked: Asked
    ) -> Ended:
        """Run a command of the server's owner; container paths in its environment lead below the root."""
        led = {name: _led(root, value) for name, value in given.items()}
        led["WATCHPOST_CONTAINER_ROOT"] = str(root)
        return self._run(root, [_led(root, word) for word in words], _environment(led), seconds, tell, asked)

    def close(self) -> None:
        """End every process; nothing is started any more."""
        self._closing.set()

    def _run(
        self, root: Path, words: Sequence[str], environment: Mapping[str, str], seconds: float, tell: Tell, asked: Asked
    ) -> Ended:
        if self._closing.is_set():
            return Ended("server stops")
        with (root / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  our own program, or a command of the server's owner
                words,
                cwd=root,
                env=dict(environment),
                # Our programs end when this pipe does; a command has the process group, which `_end` ends.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with (root / "log").open("rb") as stream:
            end = self._wait(process, seconds, _Tail(stream, tell), asked)
        message = local(root, MESSAGE)
        told = message.read_text(encoding="utf-8", errors="replace") if message.is_file() else ""
        if end != "done":
            return Ended(end, told, process.returncode)
        return Ended("done" if process.returncode == 0 else "failed", told, process.returncode)

    def _wait(self, process: "subprocess.Popen[bytes]", seconds: float, tail: "_Tail", asked: Asked) -> End:
        until, next_told = monotonic() + seconds, monotonic() + _TELL_SECONDS
        end: End = "done"
        try:
            while process.poll() is None:
                if self._closing.wait(_LOOK_SECONDS):
                    end = "server stops"
                    break
                if monotonic() >= until:
                    end = "too long"
                    break
                if monotonic() >= next_told:
                    next_told = monotonic() + _TELL_SECONDS
                    tail.read()
                    if asked():
                        end = "stopped"
                        break
        finally:
            _end(process)
        tail.read()
        tail.rest()
        return end


class _Tail:
    """New whole lines of a growing file."""

    def __init__(self, stream: IO[bytes], tell: Tell) -> None:
        self._stream, self._tell, self._held = stream, tell, b""

    def read(self) -> None:
        *lines, self._held = (self._held + self._stream.read()).split(b"\n")
        self._say(lines)

    def rest(self) -> None:
        self._say([self._held])

    def _say(self, lines: Sequence[bytes]) -> None:
        said = [line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip() for line in lines]
        if any(said):
            self._tell([line for line in said if line])


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process and whatever it started."""
    if process.poll() is None:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """What a process inherits, without the server's own secrets, and what it is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WATCHPOST_"))}
    return {**kept, "PYTHONUNBUFFERED": "1", **given}


def _led(root: Path, value: str) -> str:
    return f"{root}{value}" if value.startswith(CONTAINER) else value
