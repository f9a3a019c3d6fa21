"""An ASGI app bare, and with its requests captured: requests per second kept, and latency added.

The server is uvicorn in a process of its own, on a core of its own where the machine has two; the client sends whole
requests over open connections and does nothing else, so that the server is what is measured.

An echo app is asked in two ways, both with 256 requests under way. Four in a row on each of 64 connections: the server
reads and writes several at once, does least besides what is measured, and so is the hard case for capture. One on each
of 256 connections: what clients do, as next to none of them sends requests in a row. With 64 under way, the server was
seen to idle half of the time, and a server that idles hides what capture costs it.
"""

import atexit
import os
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from tempfile import mkdtemp

from benchmarks.measure import ENVIRONMENT, Contender, Row, Table, race

ECHO = "at least 0.80 of the requests per second kept: a ratio of at most 1.25"
MODEL = "at least 0.95 of the requests per second kept: a ratio of at most 1.05"
LATENCY = "less than a millisecond added at the 99th percentile"
BODY = b",".join(b"%d.25" % i for i in range(20))
REQUEST = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
KINDS = {"bare": "bare app", "capture": "Watchpost", "starlette": "BaseHTTPMiddleware by hand"}

SERVER = """
import asyncio, os, sys
import uvicorn
kind, pause, folder, core = sys.argv[1], float(sys.argv[2]), sys.argv[3], int(sys.argv[4])
if core >= 0:
    os.sched_setaffinity(0, {core})

async def app(scope, receive, send):
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    if pause:
        await asyncio.sleep(pause)
    length = str(len(body)).encode()
    headers = [(b"content-type", b"text/csv"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

if kind == "capture":
    from watchpost.capture import ASGICapture, CaptureConfig, CaptureWriter
    app = ASGICapture(app, CaptureWriter(CaptureConfig(flush_seconds=2), folder, "endpoint"))
elif kind == "starlette":
    import json, queue, threading, uuid
    from datetime import UTC, datetime
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.responses import Response
    lines = queue.SimpleQueue()
    def write():
        with open(f"{folder}/capture.jsonl", "w") as file:
            while True:
                file.write(json.dumps(lines.get()) + "\\n")
    threading.Thread(target=write, daemon=True).start()
    class ByHand(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            asked = await request.body()
            response = await call_next(request)
            answered = b"".join([piece async for piece in response.body_iterator])
            side = {"observedContentType": "text/csv", "encoding": "CSV"}
            lines.put({
                "captureData": {
                    "endpointInput": {**side, "mode": "INPUT", "data": asked.decode()},
                    "endpointOutput": {**side, "mode": "OUTPUT", "data": answered.decode()},
                },
                "eventMetadata": {
                    "eventId": str(uuid.uuid4()), "inferenceTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                },
                "eventVersion": "0",
            })
            return Response(answered, response.status_code, dict(response.headers))
    app = ByHand(app)

class Told(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)

settings = {"log_level": "critical", "access_log": False, "http": "httptools", "timeout_keep_alive": 3600}
Told(uvicorn.Config(app, port=0, **settings)).run()
"""


# As found: the client ties itself to one of them, and a later server must not be told of that one only.
USABLE = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def cores() -> tuple[int, int]:
    """A core for the server and one for the client; -1 where there are not two."""
    return (USABLE[0], USABLE[1]) if len(USABLE) > 1 else (-1, -1)


def started(kind: str, pause: float) -> int:
    """A server of that kind; the port it listens at."""
    server_core, client_core = cores()
    command = [sys.executable, "-c", SERVER, kind, str(pause), mkdtemp(prefix="capture-bench-"), str(server_core)]
    if client_core >= 0:
        os.sched_setaffinity(0, USABLE)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    atexit.register(process.kill)
    if client_core >= 0:
        os.sched_setaffinity(0, {client_core})
    assert process.stdout is not None
    return int(process.stdout.readline())


def answer_length(client: socket.socket) -> int:
    """Bytes of one answer; all have the same."""
    client.sendall(REQUEST)
    seen = b""
    while not seen.endswith(BODY):
        seen += client.recv(1 << 16)
    return len(seen)


def load(kind: str, pause: float, requests: int, connections: int, pipelined: int) -> Callable[[], object]:
    """So many requests over open connections, each with so many under way.

    Sent in a row where the server answers at once: else this client, being Python too, would be what is measured.
    """
    port = started(kind, pause)
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    length = answer_length(clients[0])
    each = requests // connections

    def run() -> None:
        with selectors.DefaultSelector() as ready:
            left = {}
            for client in clients:
                client.sendall(REQUEST * pipelined)
                left[client] = [each - pipelined, each * length]
                ready.register(client, selectors.EVENT_READ)
            owed = dict.fromkeys(clients, 0)
            while left:
                for key, _ in ready.select(10):
                    client = key.fileobj
                    assert isinstance(client, socket.socket)
                    got = len(client.recv(1 << 18))
                    if not got:
                        raise RuntimeError("the server closed a connection")
                    state = left[client]
                    state[1] -= got
                    owed[client] += got
                    answered, owed[client] = divmod(owed[client], length)
                    more = min(answered, state[0])
                    if more:
                        client.sendall(REQUEST * more)
                        state[0] -= more
                    if not state[1]:
                        ready.unregister(client)
                        del left[client]

    return run


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds from the instant a request was due to that its answer was there."""

    seconds: tuple[float, ...]

    def percentile(self, share: float) -> float:
        """In seconds."""
        return sorted(self.seconds)[int(share * (len(self.seconds) - 1))]


def at_a_pace(port: int, requests: int, per_second: int) -> Latencies:
    """Requests one after another at their due instants, late or not: an open loop over some connections."""
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(16)]
    for client in clients:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    length = answer_length(clients[0])
    due: dict[socket.socket, list[float]] = {client: [] for client in clients}
    read = dict.fromkeys(clients, 0)
    seconds: list[float] = []
    with selectors.DefaultSelector() as ready:
        for client in clients:
            ready.register(client, selectors.EVENT_READ)
        start, sent = time.perf_counter() + 0.1, 0
        while len(seconds) < requests:
            now = time.perf_counter()
            while sent < requests and start + sent / per_second <= now:
                client = clients[sent % len(clients)]
                client.sendall(REQUEST)
                due[client].append(start + sent / per_second)
                sent += 1
            for key, _ in ready.select(0):
                client = key.fileobj
                assert isinstance(client, socket.socket)
                read[client] += len(client.recv(1 << 16))
                answered, read[client] = divmod(read[client], length)
                now = time.perf_counter()
                seconds += [now - due[client].pop(0) for _ in range(answered)]
    for client in clients:
        client.close()
    return Latencies(tuple(seconds))


def contender(kind: str, pause: float, connections: int, pipelined: int) -> Contender:
    return lambda requests: load(kind, pause, int(requests), connections, pipelined)


# By what the contenders' names end with: the model's pause in seconds, connections, requests under way on each.
LOADS = {"": (0.0, 64, 4), ", one at a time": (0.0, 256, 1), ", model of 5 ms": (0.005, 8, 1)}
CONTENDERS: dict[str, Contender] = {
    f"{name}{suffix}": contender(kind, *way) for suffix, way in LOADS.items() for kind, name in KINDS.items()
}


def latency_table(requests: int, rounds: int) -> Table:
    """The median of the rounds' 99th percentiles, in turns."""
    ports = {kind: started(kind, 0.0) for kind in KINDS}
    seen: dict[str, list[Latencies]] = {kind: [] for kind in KINDS}
    for number in range(rounds + 1):
        for kind, port in ports.items():
            latencies = at_a_pace(port, requests, 1000)
            if number:
                seen[kind].append(latencies)
    rows = []
    for kind, name in KINDS.items():
        p99 = statistics.median(one.percentile(0.99) for one in seen[kind])
        p50 = statistics.median(one.percentile(0.5) for one in seen[kind])
        rows.append(Row(f"{name} (median {p50 * 1e3:.2f} ms)", p99))
    return Table("Latency at 1,000 requests per second, 99th percentile", tuple(rows), LATENCY)


def plan(scale: float) -> list[Table]:
    """20,000 requests to an echo in two ways, 2,000 to a model of 5 ms, and 1,000 a second for some seconds."""
    piped, one_at_a_time, model = ([f"{name}{suffix}" for name in KINDS.values()] for suffix in LOADS)
    requests = int(20_000 * scale)
    return [
        race(f"{requests:,} requests to an echo app", "capture_asgi", piped, str(requests), rounds=5, reach=ECHO),
        race(
            f"{requests:,} requests to an echo app, one at a time on each of 256 connections",
            "capture_asgi",
            one_at_a_time,
            str(requests),
            rounds=5,
            reach=ECHO,
        ),
        race(
            f"{requests // 10:,} requests to a model that takes 5 ms, 8 at a time",
            "capture_asgi",
            model,
            str(requests // 10),
            rounds=5,
            reach=MODEL,
        ),
        latency_table(int(3_000 * scale), rounds=5),
    ]
