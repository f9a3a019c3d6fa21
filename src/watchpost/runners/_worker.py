"""The process of a runner: `python -m watchpost.runners._worker`.

The first line of its standard input says what to load (`Order`); once the model is loaded, one line of its standard
output says at which port of the loopback it answers (`Ready`). It lives as long as its standard input is open: when the
server that started it ends, however it ends, so does this process. What the model prints goes to standard error.
"""

import asyncio
import hmac
import os
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock, Thread
from time import monotonic
from typing import Any

import msgspec
import uvicorn

from watchpost.runners._runner import RUNNERS, Answer, BadInput, Job, Model, Question

TOKEN_HEADER, ATTRIBUTES_HEADER = "x-watchpost-runner", "x-amzn-sagemaker-custom-attributes"
# Variables that change what the interpreter or the loader does are no model's business.
_NOT_FOR_MODELS = ("LD_", "DYLD_", "PYTHON", "PATH")
_KEEP_ALIVE_SECONDS = 24 * 3600
# ASGI's own words; its messages are free-form by its specification.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Order(msgspec.Struct, frozen=True):
    """What the server asks of this process.

    `token`: must come with every request, for any user of the machine can reach the port. `memory_bytes`: 0 for no
    limit. `threads`: how many requests are worked on at a time. `stuck_seconds`: when a request is hopeless.
    """

    job: Job
    token: str
    data: str = ""
    memory_bytes: int = 0
    threads: int = 4
    stuck_seconds: float = 90.0


class Ready(msgspec.Struct, frozen=True):
    """The model is loaded and answers at this port."""

    port: int


class Application:
    """The ASGI application around a model: `GET /ping`, `POST /invocations`."""

    def __init__(self, model: Model, order: Order) -> None:
        self._model, self._order, self._token = model, order, order.token.encode()
        self._threads = ThreadPoolExecutor(order.threads, thread_name_prefix="model")
        self._begun: dict[int, float] = {}
        self._lock, self._last = Lock(), 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _body(receive)
        if not hmac.compare_digest(headers.get(TOKEN_HEADER, "").encode(), self._token):
            answer = Answer(b"This port belongs to a Watchpost server.\n", "text/plain", 403)
        elif (scope["method"], scope["path"]) == ("GET", "/ping"):
            answer = self._ping()
        elif (scope["method"], scope["path"]) == ("POST", "/invocations"):
            question = Question(
                body, headers.get("content-type", ""), headers.get("accept", ""), headers.get(ATTRIBUTES_HEADER, "")
            )
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)
        else:
            answer = Answer(b"There are /ping and /invocations.\n", "text/plain", 404)
        sent = [(b"content-type", answer.content_type.encode("latin-1", "replace"))]
        sent.append((b"content-length", str(len(answer.body)).encode()))
        if answer.attributes:
            sent.append((ATTRIBUTES_HEADER.encode(), answer.attributes.encode("latin-1", "replace")))
        await send({"type": "http.response.start", "status": answer.status, "headers": sent})
        await send({"type": "http.response.body", "body": answer.body})

    def _ping(self) -> Answer:
        """200, unless every thread hangs in a request that nobody waits for any more."""
        hopeless = monotonic() - self._order.stuck_seconds
        with self._lock:
            stuck = sum(1 for begun in self._begun.values() if begun < hopeless)
        if stuck >= self._order.threads:
            return Answer(b"Every thread is stuck in a request.\n", "text/plain", 503)
        return Answer(b"", "text/plain")

    def _answer(self, question: Question) -> Answer:
        with self._lock:
            self._last += 1
            number = self._last
            self._begun[number] = monotonic()
        try:
            return self._model(question)
        except BadInput as problem:
            return Answer(msgspec.json.encode({"error": str(problem)}), "application/json", 400)
        except Exception as problem:  # noqa: BLE001  whatever a model's code raises fails this request only
            traceback.print_exc()
            said = {"error": f"{type(problem).__name__}: {problem}"}
            return Answer(msgspec.json.encode(said), "application/json", 500)
        finally:
            with self._lock:
                del self._begun[number]


async def _body(receive: Receive) -> bytes:
    parts = list[bytes]()
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _limit(memory_bytes: int) -> None:
    if not memory_bytes or sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  not on Windows

    # Data, not address space: libraries reserve far more addresses than they use.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))


def _leave_with_the_server() -> None:
    """Wait for the end of standard input, then end; nothing is lost, for the server drains what it stops."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """Load what standard input says and serve it."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    Thread(target=_leave_with_the_server, daemon=True).start()
    told = os.dup(1)
    os.dup2(2, 1)
    _limit(order.memory_bytes)
    given = {name: value for name, value in order.job.environment if not name.startswith(_NOT_FOR_MODELS)}
    os.environ.update(given)  # noqa: TID251  the model's own variables, which reached this process as an argument
    model = RUNNERS.load(order.job.runner).load(order.job, Path(order.data) if order.data else None)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        # Connections inherit it; without it an answer's body may wait 40 ms for the acknowledgement of its head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            Application(model, order),
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        ready = Ready(listener.getsockname()[1])
        os.write(told, msgspec.json.encode(ready) + b"\n")
        os.close(told)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
