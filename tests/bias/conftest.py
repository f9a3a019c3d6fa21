"""smclarify, AWS's own rendering of these metrics, as a second opinion: in an environment of its own."""

import fcntl
import json
import os
import subprocess
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

VERSION = "0.5"
SCRIPT = Path(__file__).with_name("smclarify_answers.py")


@pytest.fixture(scope="session")
def smclarify(tmp_path_factory) -> Iterator[Callable[[dict], object]]:
    """Asks one running process case by case. Skips, loudly, when the package is neither at hand nor to be had."""
    python = interpreter()
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}  # noqa: TID251  a child needs its parent's environment
    complaints = (tmp_path_factory.mktemp("smclarify") / "stderr").open("w")
    with subprocess.Popen(
        [python, SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True, env=environment
    ) as process:

        def ask(case: dict) -> object:
            process.stdin.write(json.dumps(case) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            assert answer, f"smclarify ended; see {complaints.name}"
            return json.loads(answer)

        yield ask
        process.stdin.close()
        process.wait()
        complaints.close()


def interpreter() -> str:
    """WATCHPOST_SMCLARIFY if set, else an environment in the user's cache, made when missing."""
    given = os.environ.get("WATCHPOST_SMCLARIFY")  # noqa: TID251  tests may ask
    if given:
        return given
    home = Path.home() / ".cache" / "watchpost" / "peers" / f"smclarify-{VERSION}"
    home.parent.mkdir(parents=True, exist_ok=True)
    python = home / "bin" / "python"
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may want it at once
        if not (home / "complete").exists():
            venv.create(home, with_pip=True, clear=True)
            install = [
                python,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                f"smclarify=={VERSION}",
            ]
            done = subprocess.run(install, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"smclarify cannot be had: {done.stderr.strip().splitlines()[-1:]}")
            (home / "complete").touch()
    return str(python)
