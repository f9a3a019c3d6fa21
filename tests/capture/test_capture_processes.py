"""Processes that are killed, forked, ended, or run out of disk, with a writer in them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .captured import ENDPOINT, MakeWriter, files, records, until

OPENING = """
import os, sys, time
from watchpost.capture import *
call = CapturedCall(b"1,2", b"0.5", "text/csv", "text/csv")
writer = CaptureWriter(CaptureConfig(), sys.argv[1], "resale-price")
"""

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts a process that has a writer into the folder and runs the code."""
    running: list[subprocess.Popen[str]] = []

    def started(code: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-W", "error", "-c", OPENING + code, str(folder)]
        running.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        )
        return running[-1]

    yield started
    for process in running:
        process.kill()
        process.communicate()


def finished(process: "subprocess.Popen[str]") -> str:
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    return out


def marked(folder: Path) -> list[dict[str, int]]:
    """What the markers below the folder say."""
    state = folder / ".watchpost-capture" / ENDPOINT / "AllTraffic"
    found = [path.read_text() for path in state.glob("*.marker")]
    return [json.loads(text) for text in found if text]


def test_a_killed_process_loses_its_unflushed_batch_and_the_next_one_says_so(
    start: Start, make: MakeWriter, folder: Path
) -> None:
    process = start("""
for _ in range(300): writer.submit(call)
writer.flush()
for _ in range(70): writer.submit(call)
sys.stdin.read()
""")
    until(lambda: marked(folder) == [{"handed_over": 370, "safe": 300}], 30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(records(folder)) == 300
    writer = make()
    writer.start()
    until(lambda: writer.counters.lost == 70)
    assert writer.flush()
    assert len(records(folder)) == 300
    writer.close()
    third = make()
    third.start()
    third.flush()
    assert third.counters.lost == 0  # said once


def test_what_a_killed_process_had_spooled_is_not_lost(start: Start, make: MakeWriter, folder: Path) -> None:
    # The hour folder is a file, so that nothing can be written to the destination.
    folder.mkdir()
    (folder / "resale-price").write_text("in the way")
    process = start("""
for _ in range(5): writer.submit(call)
writer.flush()
for _ in range(2): writer.submit(call)
sys.stdin.read()
""")
    until(lambda: marked(folder) == [{"handed_over": 7, "safe": 5}], 30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (folder / "resale-price").unlink()
    writer = make()
    writer.start()
    until(lambda: len(records(folder)) == 5)
    assert writer.flush()
    assert (writer.counters.captured, writer.counters.lost, writer.counters.pending) == (5, 2, 0)


def test_a_process_that_ends_flushes_first(start: Start, folder: Path) -> None:
    finished(start("for _ in range(30): writer.submit(call)"))
    assert len(records(folder)) == 30


def test_a_process_that_ends_by_an_error_flushes_too(start: Start, folder: Path) -> None:
    process = start("writer.submit(call)\nraise SystemExit(3)")
    process.communicate(timeout=30)
    assert (process.returncode, len(records(folder))) == (3, 1)


def test_forked_workers_write_what_they_were_handed_and_nothing_twice(start: Start, folder: Path) -> None:
    """As gunicorn does with preload: the app and its writer are made once, then the workers are forked."""
    out = finished(
        start("""
children = []
for worker in range(3):
    child = os.fork()
    if child == 0:
        for number in range(50):
            writer.submit(CapturedCall(b"1", b"2", inference_id=f"{worker}-{number}"))
        writer.close()
        os.write(1, b"%d " % writer.counters.captured)
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
""")
    )
    assert out.split() == ["50", "50", "50"]
    ids = [record["eventMetadata"]["inferenceId"] for record in records(folder)]
    events = {record["eventMetadata"]["eventId"] for record in records(folder)}
    assert (len(ids), len(set(ids)), len(events)) == (150, 150, 150)


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_child_forked_in_the_middle_leaves_the_parents_records_to_the_parent(start: Start, folder: Path) -> None:
    process = start("""
import warnings; warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads, which is the point here
for _ in range(40): writer.submit(call)
child = os.fork()
if child == 0:
    for _ in range(2): writer.submit(call)
    writer.close()
    counters = writer.counters
    os._exit(0 if (counters.captured, counters.pending, counters.dropped) == (2, 0, 0) else 1)
_, status = os.waitpid(child, 0)
writer.submit(call)
assert writer.flush() and status == 0, status
print(writer.counters.captured)
""")
    assert finished(process).split() == ["41"]
    assert len(records(folder)) == 43


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no limits on files here")
def test_a_disk_that_takes_no_more_costs_records_and_no_request(start: Start, folder: Path) -> None:
    """A limit on the size of files makes every write fail, the spool's too, as a full disk does."""
    out = finished(
        start("""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer.submit(call); writer.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
for _ in range(20): writer.submit(call)
writer.flush()
writer.close()
counters = writer.counters
print(counters.captured, counters.failed, counters.faults, counters.retries > 0)
""")
    )
    assert out.split() == ["1", "20", "0", "True"]
    assert len(records(folder)) == 1
    assert [path for path in folder.rglob("*") if path.is_file()] == files(folder)


def test_importing_the_capture_loads_nothing_heavy() -> None:
    code = "import sys, watchpost.capture; print('\\n'.join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"polars", "numpy", "scipy", "obstore", "starlette", "botocore", "sqlalchemy"}.isdisjoint(out)
