"""Connections to model servers that misbehave: every failure is told, within its time, and none hangs."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import pytest

from watchpost.runners import Connections, Failure, NotRead, Unreachable

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def server(serve: Callable[[socket.socket, int], None]) -> Iterator[str]:
    """A server of raw sockets; `serve` gets each connection, and its number."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stopped = threading.Event()

        def run() -> None:
            number = 0
            while not stopped.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                number += 1
                with connection:
                    serve(connection, number)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stopped.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def request_of(connection: socket.socket) -> bytes:
    seen = b""
    while b"\r\n\r\n" not in seen:
        piece = connection.recv(65536)
        if not piece:
            return seen
        seen += piece
    return seen


def test_a_connection_is_used_again() -> None:
    numbers: list[int] = []

    def serve(connection: socket.socket, number: int) -> None:
        while request_of(connection):
            numbers.append(number)
            connection.sendall(OK)

    with server(serve) as url:
        connections = Connections(url)
        for _ in range(5):
            assert connections.post("/invocations", b"", {}, 5).body == b"ok"
        connections.close()
    assert numbers == [1] * 5


def test_a_connection_that_was_closed_while_idle_costs_no_request() -> None:
    def serve(connection: socket.socket, number: int) -> None:
        request_of(connection)
        connection.sendall(OK)  # and hangs up, without saying so

    with server(serve) as url:
        connections = Connections(url)
        assert [connections.post("/invocations", b"", {}, 5).body for _ in range(5)] == [b"ok"] * 5
        connections.close()


def test_a_closed_connection_is_seen_before_anything_is_sent() -> None:
    seen: list[bytes] = []
    closed = threading.Event()

    def serve(connection: socket.socket, number: int) -> None:
        seen.append(request_of(connection))
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    with server(serve) as url:
        connections = Connections(url, hangs_up=False)
        for _ in range(5):
            closed.clear()
            assert connections.post("/invocations", b"", {}, 5).body == b"ok"
            assert closed.wait(10)
        connections.close()
    assert len(seen) == 5


@pytest.mark.parametrize("length", [10, 8 << 20])
def test_a_request_that_was_not_read_whole_is_told_from_one_that_was(length: int) -> None:
    def serve(connection: socket.socket, number: int) -> None:
        if number == 1:
            connection.recv(1, socket.MSG_PEEK)
            return
        unread = length
        unread -= len(request_of(connection).partition(b"\r\n\r\n")[2])
        while unread:
            unread -= len(connection.recv(min(unread, 1 << 20)))

    with server(serve) as url:
        connections = Connections(url)
        with pytest.raises(NotRead):
            connections.post("/invocations", b"x" * length, {}, 20)
        with pytest.raises(Unreachable, match=r"before an answer came|not whole") as told:
            connections.post("/invocations", b"x" * length, {}, 20)
    assert not isinstance(told.value, NotRead)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "closed before an answer"),
        (b"SSH-2.0-OpenSSH\r\n", "not whole"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "95 bytes early"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "longer than"),
    ],
)
def test_an_answer_that_is_none_is_told_as_it_is(said: bytes, why: str) -> None:
    def serve(connection: socket.socket, number: int) -> None:
        request_of(connection)
        connection.sendall(said)

    with server(serve) as url, pytest.raises(Unreachable, match=why):
        Connections(url).post("/invocations", b"", {}, 5)


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_a_server_that_drips_or_says_nothing_is_left_in_time(first: bytes) -> None:
    done = threading.Event()

    def serve(connection: socket.socket, number: int) -> None:
        request_of(connection)
        connection.sendall(first)
        while not done.wait(0.05):
            try:
                connection.sendall(b"x" if first else b"")
            except OSError:
                return

    began = monotonic()
    with server(serve) as url:
        with pytest.raises(Failure):
            Connections(url).post("/invocations", b"", {}, 0.4)
        assert monotonic() - began < 2
        done.set()


def test_nobody_there_is_told_with_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port}"):
        Connections(f"http://127.0.0.1:{port}").get("/ping", 2)


def test_chunked_answers_are_read_whole() -> None:
    def serve(connection: socket.socket, number: int) -> None:
        while request_of(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n")

    with server(serve) as url:
        connections = Connections(url)
        assert [connections.get("/", 5).body for _ in range(2)] == [b"abcde"] * 2
        connections.close()
