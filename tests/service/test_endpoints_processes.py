"""The processes of a variant: real ones, started, asked, killed, counted and measured."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from time import monotonic

import psutil
import pytest

from watchpost.runners import Connections, Job, Limits
from watchpost.service.endpoints.runner_processes import ProcessFleet, Spawn
from watchpost.service.endpoints.runner_usage import UsageMeter

MODEL = """
import os, time
HOARD = bytearray(50 << 20)
def predict(body, content_type):
    if body == b"work":
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass
    return str(os.getpid())
"""


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def fleet(tmp_path: Path, said: list[str]) -> Iterator[Callable[..., ProcessFleet]]:
    (tmp_path / "model.py").write_text(MODEL)
    started: list[ProcessFleet] = []

    def start(instances: int = 1, name: str = "model:predict", ping_seconds: float = 5.0) -> ProcessFleet:
        spawn = Spawn(
            Job("python_callable", f"{tmp_path}\n{name}"),
            Limits(memory_mb=1024, invocation_seconds=5),
            tmp_path,
            Path,
            lambda _, lines: said.extend(lines),
            ping_seconds=ping_seconds,
        )
        fleet = ProcessFleet(spawn, "e-v", instances, 30)
        started.append(fleet)
        return fleet

    yield start
    for own in started:
        own.stop()


def awaited(what: Callable[[], object], seconds: float = 30) -> None:
    until, never = monotonic() + seconds, Event()
    while not what():
        assert monotonic() < until, what()
        never.wait(0.02)


def ask(fleet: ProcessFleet, body: bytes = b"") -> int:
    with fleet.server(20) as server:
        assert server is not None
        return int(server[1].post(fleet.path, body, {}, 10).body)


def test_requests_go_to_the_least_busy_process(fleet: Callable[..., ProcessFleet]) -> None:
    two = fleet(2)
    awaited(lambda: two.healthy == 2)
    with two.server(1) as first, two.server(1) as second:
        assert first is not None
        assert second is not None
        assert {first[0], second[0]} == {"e-v-1", "e-v-2"}


def test_a_fleet_grows_and_shrinks(fleet: Callable[..., ProcessFleet]) -> None:
    own = fleet(1)
    awaited(lambda: own.healthy == 1)
    first = ask(own)
    own.scale(2)
    awaited(lambda: own.healthy == 2)
    own.scale(1)
    assert ask(own) == first
    [left] = own.processes
    assert left.pid == first


def test_a_killed_process_is_replaced_while_requests_wait(fleet: Callable[..., ProcessFleet]) -> None:
    own = fleet(1)
    first = ask(own)
    os.kill(first, signal.SIGKILL)
    awaited(lambda: own.healthy == 0)
    assert ask(own) != first
    assert own.processes[0].restarts == 1


def test_a_process_that_hangs_is_replaced(fleet: Callable[..., ProcessFleet]) -> None:
    own = fleet(1, ping_seconds=0.5)
    first = ask(own)
    os.kill(first, signal.SIGSTOP)
    awaited(lambda: own.healthy == 0, 60)
    assert ask(own) != first
    assert not psutil.pid_exists(first)


def test_stopping_a_fleet_ends_its_processes_and_frees_who_waits(fleet: Callable[..., ProcessFleet]) -> None:
    own = fleet(1)
    pid = ask(own)
    own.stop()
    assert not psutil.pid_exists(pid)
    with own.server(20) as server:
        assert server is None


@pytest.mark.parametrize(("name", "why"), [("model:nothing", "AttributeError"), ("nothing:f", "ModuleNotFoundError")])
def test_a_process_that_cannot_start_says_why(fleet: Callable[..., ProcessFleet], name: str, why: str) -> None:
    own = fleet(1, name)
    awaited(lambda: own.failure)
    assert own.failure is not None
    assert "ended while it started" in own.failure
    assert why in own.failure


def test_who_does_not_know_the_token_gets_nothing_from_a_runners_port(fleet: Callable[..., ProcessFleet]) -> None:
    own = fleet(1)
    ask(own)
    [port] = [
        one.laddr.port for one in psutil.Process(own.processes[0].pid).net_connections("tcp") if one.status == "LISTEN"
    ]
    stranger = Connections(f"http://127.0.0.1:{port}")
    assert stranger.post("/invocations", b"", {}, 5).status == 403
    assert stranger.post("/invocations", b"", {"x-watchpost-runner": "guess"}, 5).status == 403
    stranger.close()


def test_usage_is_measured_between_two_looks(fleet: Callable[..., ProcessFleet], tmp_path: Path) -> None:
    own, meter = fleet(1), UsageMeter(tmp_path, None)
    ask(own)
    assert meter.of([own]) == {}
    ask(own, b"work")
    assert meter.of([]) == {}  # looking at others in between forgets nothing
    [usage] = meter.of([own])[own]
    assert usage.instance == "e-v-1"
    assert 5 < usage.cpu < 400
    # 50 MiB of its own, of 1024 allowed, and the interpreter.
    assert 4 < usage.memory < 30
    assert 0 < usage.disk <= 100
    assert (usage.gpu, usage.gpu_memory) == (None, None)


def test_graphics_processors_are_added_up(fleet: Callable[..., ProcessFleet], tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '30, 1000, 4000\\n20, 3000, 4000\\n'\n")
    program.chmod(0o755)
    own, meter = fleet(1), UsageMeter(tmp_path, str(program))
    ask(own)
    meter.of([own])
    [usage] = meter.of([own])[own]
    assert (usage.gpu, usage.gpu_memory) == (50.0, 100.0)
