"""Requests that meet a runner in the instant of its death: handed on if no model saw them, and told if one did."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from watchpost.errors import Refused
from watchpost.runners import Connections, Job, Limits, Question
from watchpost.service.clock import SystemClock
from watchpost.service.endpoints.gateway import Gateway, Invocation
from watchpost.service.endpoints.gateway_figures import Counted, Figures
from watchpost.service.endpoints.gateway_routes import LiveVariant, Route, Share
from watchpost.service.endpoints.logs import EndpointLogs
from watchpost.service.endpoints.runner_fleets import Fleet
from watchpost.service.endpoints.runner_processes import ProcessFleet, Spawn

MODEL = """
import os
def predict(body, content_type):
    if body == b"die":
        with open("deaths", "a") as deaths:
            deaths.write("x")
        os._exit(3)
    return str(os.getpid())
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def gateway_of() -> Iterator[Callable[[Fleet], Gateway]]:
    """Makes a gateway with one endpoint, `e`."""
    made: list[Gateway] = []

    def make(fleet: Fleet) -> Gateway:
        clock = SystemClock()
        logs = EndpointLogs(lambda *_: None, clock)
        gateway = Gateway(clock, Figures(), logs, lambda endpoint: endpoint, invocation_seconds=20)
        gateway.set_routes({"e": Route("e", (Share(LiveVariant("v", fleet, Counted("e", "v")), 1.0),))})
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        gateway.close()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[ProcessFleet]:
    (tmp_path / "model.py").write_text(MODEL)
    job = Job("python_callable", f"{tmp_path}\nmodel:predict")
    spawn = Spawn(job, Limits(memory_mb=1024, invocation_seconds=20), tmp_path, Path, lambda _instance, _lines: None)
    own = ProcessFleet(spawn, "e-v", 1, 60)
    with own.server(60) as server:
        assert server is not None
    yield own
    own.stop()


def ask(gateway: Gateway, body: bytes) -> bytes:
    return gateway.invoke(Invocation("e", Question(body, "text/csv"))).answer.body


def test_a_request_just_after_a_kill_is_answered_by_the_next_process(
    fleet: ProcessFleet, gateway_of: Callable[[Fleet], Gateway]
) -> None:
    gateway, seen = gateway_of(fleet), list[int]()
    for _ in range(2):
        seen.append(int(ask(gateway, b"pid")))
        os.kill(seen[-1], signal.SIGKILL)
    assert int(ask(gateway, b"pid")) not in seen
    assert len(set(seen)) == 2


def test_a_request_that_ends_its_runner_is_told_so_and_ends_no_other(
    fleet: ProcessFleet, gateway_of: Callable[[Fleet], Gateway], tmp_path: Path
) -> None:
    gateway = gateway_of(fleet)
    first = ask(gateway, b"pid")
    with pytest.raises(Refused, match="gave no answer"):
        ask(gateway, b"die")
    # At once: the dying process may still be there to connect to.
    assert ask(gateway, b"pid") != first
    assert (tmp_path / "deaths").read_text() == "x"


class Runners:
    """A fleet of stand-ins behind one port."""

    def __init__(self, port: int) -> None:
        self.path, self.restarts, self.failure, self.healthy = "/invocations", True, None, 1
        self.connections = Connections(f"http://127.0.0.1:{port}", hangs_up=False)

    @contextmanager
    def server(self, seconds: float) -> Iterator[tuple[str, Connections] | None]:
        yield "e-v-1", self.connections

    def scale(self, instances: int) -> None:
        """There is one."""

    def stop(self) -> None:
        """Nothing runs."""
        self.connections.close()


def unread(connection: socket.socket) -> None:
    """Die with a request in hands that was not read."""
    connection.recv(1, socket.MSG_PEEK)


def read_whole(connection: socket.socket) -> None:
    """Die in a request."""
    seen = b""
    while not seen.endswith(b"1,2"):
        seen += connection.recv(65536)


def answered(connection: socket.socket) -> None:
    read_whole(connection)
    connection.sendall(OK)


@contextmanager
def dealt_with(*acts: Callable[[socket.socket], None]) -> Iterator[tuple[Runners, list[str]]]:
    """Runners of which each deals with one connection, the last kind for ever; and which did."""
    did: list[str] = []

    def run() -> None:
        for act in (*acts, *[acts[-1]] * 100):
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                did.append(act.__name__)
                act(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        runners = Runners(listener.getsockname()[1])
        try:
            yield runners, did
        finally:
            runners.stop()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_what_a_dying_runner_did_not_read_is_handed_on(gateway_of: Callable[[Fleet], Gateway]) -> None:
    with dealt_with(unread, answered) as (runners, did):
        assert ask(gateway_of(runners), b"1,2") == b"ok"
    assert did == ["unread", "answered"]


def test_what_a_dying_runner_read_is_not_handed_on(gateway_of: Callable[[Fleet], Gateway]) -> None:
    with dealt_with(read_whole, answered) as (runners, did), pytest.raises(Refused, match="before an answer came"):
        ask(gateway_of(runners), b"1,2")
    assert did == ["read_whole"]


def test_what_a_runner_read_dies_in_is_not_sent_again_over_another_connection(
    gateway_of: Callable[[Fleet], Gateway],
) -> None:
    def answered_then_dies(connection: socket.socket) -> None:
        answered(connection)
        read_whole(connection)

    with dealt_with(answered_then_dies, answered) as (runners, did):
        gateway = gateway_of(runners)
        assert ask(gateway, b"1,2") == b"ok"
        with pytest.raises(Refused, match="before an answer came"):
            ask(gateway, b"1,2")
    assert did == ["answered_then_dies"]


def test_reading_that_ends_each_runner_is_not_tried_for_ever(gateway_of: Callable[[Fleet], Gateway]) -> None:
    with dealt_with(unread) as (runners, did), pytest.raises(Refused, match="before the request was read"):
        ask(gateway_of(runners), b"1,2")
    assert did == ["unread"] * 2
