"""A volume that is really full: what is refused, what stays, and that all goes on when there is room again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs another where it may mount a volume; the volume goes when that ends, however it ends."""
    try_out = ["mount", "-t", "tmpfs", "tmpfs", str(tmp_path_factory.mktemp("mount"))]
    for command in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        try:
            if subprocess.run([*command, *try_out], capture_output=True, check=False).returncode == 0:
                return command
        except FileNotFoundError:
            break
    pytest.skip("mounting a volume is not permitted here")


def seen(namespace: list[str], what: str, folder: Path) -> dict[str, Any]:
    script = Path(__file__).with_name("full_volume.py")
    command = [*namespace, sys.executable, str(script), what, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_server_on_a_full_volume_refuses_writes_answers_reads_and_goes_on(
    namespace: list[str], tmp_path: Path
) -> None:
    told = seen(namespace, "server", tmp_path)
    assert (told["before"], told["after"]) == ("ok", "ok")
    assert told["full"][-1] == "ServiceUnavailable"
    assert set(told["full"]) <= {"ok", "ServiceUnavailable"}
    assert told["health while full"] == 503
    assert told["readable while full"]
    assert told["kept"]
    assert told["whole"]
    assert told["stopped"] == 0
    # What everybody knows needs no traceback, and logging has nothing to say about itself.
    assert "disk is full" in told["log"]
    assert "Traceback" not in told["log"]
    assert "Logging error" not in told["log"]
    code, message = told["start while full"]
    assert (code, message.count("\n"), "full" in message or "No space left" in message) == (2, 1, True), message


def test_capture_on_a_full_volume_keeps_what_it_has_and_writes_it_when_there_is_room(
    namespace: list[str], tmp_path: Path
) -> None:
    told = seen(namespace, "capture", tmp_path)
    assert told["before"] == [True, 1]
    assert told["full"] == [False, 1]
    assert (told["kept"], told["faults"]) == (1000, 0)
    assert told["after"] == 1001
