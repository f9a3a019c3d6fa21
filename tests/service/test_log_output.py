"""What the log tells of a fault, and what it never tells."""

import logging
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import msgspec
import pytest
import structlog

from watchpost.errors import StoreUnavailable
from watchpost.service.lifecycle import Loop, StopSign
from watchpost.service.log_output import log_into


class Full(StringIO):
    """A terminal whose other end takes nothing more."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Put back what `log_into` changes of the process."""
    root, chapter = logging.getLogger(), logging.getLogger("watchpost")
    before = root.handlers, root.level, chapter.level
    yield
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers, root.level, chapter.level = before
    structlog.reset_defaults()


def fail(password: str) -> None:
    raise ValueError(f"the login failed after {len(password)} letters")


def test_the_traceback_of_a_fault_shows_no_local_variables(tmp_path: Path) -> None:
    terminal = StringIO()
    log_into(tmp_path, "info", terminal)
    try:
        fail(" ".join(("correct", "horse")))
    except ValueError:
        structlog.get_logger("watchpost.test").exception("it failed")
    written = (tmp_path / "server.log").read_text()
    for told in (terminal.getvalue(), written):
        assert "the login failed after 13 letters" in told
        assert "correct horse" not in told
    frames = msgspec.json.decode(written)["exception"][0]["frames"]
    assert frames[-1]["name"] == "fail"


def test_a_line_that_cannot_be_written_is_lost_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_into(tmp_path, "info", Full())
    structlog.get_logger("watchpost.test").info("something")
    assert capsys.readouterr() == ("", "")
    assert "something" in (tmp_path / "server.log").read_text()


def test_a_loop_that_fails_for_a_known_reason_says_it_in_a_line(tmp_path: Path) -> None:
    terminal = StringIO()
    log_into(tmp_path, "info", terminal)
    stop = StopSign()

    def run(sign: object) -> None:
        if stop.is_set():
            return
        stop.set()
        raise StoreUnavailable("sqlite:///x", "answers: database or disk is full", "Make room")

    loop = Loop("metrics", run, lambda _: None, pause_seconds=0)
    loop.start()
    assert loop.join(30)
    (line,) = terminal.getvalue().splitlines()
    assert "loop failed" in line
    assert "database or disk is full. Make room." in line
