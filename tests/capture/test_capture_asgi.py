"""The ASGI middleware in uvicorn, asked by real clients."""

import asyncio
import gzip
import http.client
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from watchpost.capture import ASGICapture, CaptureConfig, CaptureWriter, Sampling
from watchpost.capture.asgi import ASGIApp, Receive, Scope, Send

from .captured import MakeWriter, files, records, until


async def predict(request: Request) -> Response:  # noqa: PLR0911  one answer a path
    """What the tests' requests ask for by their path."""
    match request.url.path:
        case "/invocations":
            rows = (await request.body()).decode().splitlines()
            return Response("\n".join("0.5" for _ in rows), media_type="text/csv")
        case "/stream":
            await request.body()

            async def pieces() -> "object":
                for piece in (b"0.", b"2", b"5"):
                    yield piece
                    await asyncio.sleep(0)

            return StreamingResponse(pieces(), media_type="text/csv")
        case "/refuse":
            await request.body()
            return JSONResponse({"detail": "no"}, 422)
        case "/echo":
            return Response(await request.body(), media_type="application/octet-stream")
        case "/unread":
            return Response("0.5", media_type="text/csv")
        case "/afterwards":
            await request.body()
            return Response("0.5", media_type="text/csv", background=BackgroundTask(asyncio.sleep, 30))
        case "/broken":
            await request.body()

            async def torn() -> "object":
                yield b"0."
                raise RuntimeError("the model fell over")

            return StreamingResponse(torn(), media_type="text/csv")
    return Response("pong")


def app() -> Starlette:
    paths = ("/invocations", "/stream", "/refuse", "/echo", "/unread", "/broken", "/ping", "/afterwards")
    return Starlette(routes=[Route(path, predict, methods=["GET", "POST", "HEAD"]) for path in paths])


@contextmanager
def served(app: ASGIApp) -> Iterator[int]:
    """uvicorn in a thread; the port it listens at."""
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        assert isinstance(port, int)
        yield port
    finally:
        server.should_exit = True
        thread.join()


def ask(
    port: int, path: str = "/invocations", body: bytes = b"1,2", method: str = "POST", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in {"Content_Type": "text/csv", **headers}.items()}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


@pytest.fixture
def writer(make: MakeWriter) -> CaptureWriter:
    return make()


@pytest.fixture
def port(writer: CaptureWriter) -> Iterator[int]:
    """Our middleware around the app, with errors caught outside of it as Starlette does."""
    with served(ASGICapture(app(), writer)) as port:
        yield port


def test_requests_and_answers_become_records_with_their_headers(port: int, writer: CaptureWriter, folder: Path) -> None:
    headers = {"X_Amzn_SageMaker_Inference_Id": "order-7", "X_Amzn_SageMaker_Custom_Attributes": "shop=12"}
    status, body, _ = ask(port, body=b"1,2\n3,4", **headers)
    assert (status, body) == (200, b"0.5\n0.5")
    assert writer.flush()
    (record,) = records(folder)
    assert record["captureData"] == {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": "1,2\n3,4", "encoding": "CSV"},
        "endpointOutput": {
            "observedContentType": "text/csv; charset=utf-8",
            "mode": "OUTPUT",
            "data": "0.5\n0.5",
            "encoding": "CSV",
        },
    }
    assert record["eventMetadata"]["inferenceId"] == "order-7"
    assert record["eventMetadata"]["customAttributes"] == ["shop=12"]


def test_clients_see_what_they_would_see_without_it(port: int) -> None:
    """Statuses, bodies and headers, for every path and method."""
    with served(app()) as bare:
        for method in ("POST", "GET", "HEAD"):
            for path in ("/invocations", "/stream", "/refuse", "/echo", "/ping", "/unread", "/nowhere"):
                ours, theirs = (ask(p, path, b"1,2" * 50_000, method) for p in (port, bare))
                for _, _, headers in (ours, theirs):
                    headers.pop("date")
                assert ours == theirs, (method, path)


def test_a_streamed_answer_is_captured_whole(port: int, writer: CaptureWriter, folder: Path) -> None:
    assert ask(port, "/stream")[1] == b"0.25"
    writer.flush()
    assert records(folder)[0]["captureData"]["endpointOutput"]["data"] == "0.25"  # type: ignore[index]  # JSON


def test_a_streamed_answer_passes_piece_by_piece() -> None:
    """The first piece is with the client while the app still waits to make the second."""
    go = asyncio.Event()
    seen: list[bytes] = []

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await go.wait()
        await send({"type": "http.response.body", "body": b"second"})

    async def send(message: Scope) -> None:
        seen.append(message.get("body", b""))
        if seen[-1] == b"first":
            go.set()

    async def receive() -> Scope:
        return {"type": "http.request", "body": b"", "more_body": False}

    quiet = CaptureWriter(CaptureConfig(sampling=Sampling(100.0)), "/nowhere", "endpoint")
    quiet._closed = True  # nothing is to be written
    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    asyncio.run(asyncio.wait_for(ASGICapture(waiting, quiet)(scope, receive, send), 5))
    assert seen == [b"", b"first", b"second"]


def test_what_has_no_whole_successful_answer_is_counted_and_not_written(
    port: int, writer: CaptureWriter, folder: Path
) -> None:
    assert ask(port, "/refuse")[0] == 422
    with pytest.raises(http.client.HTTPException):
        ask(port, "/broken")
    ask(port, "/unread", b"1,2" * 100_000)
    assert ask(port, "/nowhere")[0] == 404
    until(lambda: writer.counters.incomplete == 4)
    writer.flush()
    assert files(folder) == []


def test_only_posts_are_captured(port: int, writer: CaptureWriter) -> None:
    for method in ("GET", "HEAD"):
        assert ask(port, "/invocations", b"", method)[0] == 200
    writer.flush()
    assert set(vars_of(writer).values()) == {0}


def vars_of(writer: CaptureWriter) -> dict[str, int]:
    counters = writer.counters
    return {name: getattr(counters, name) for name in counters.__dataclass_fields__}


def test_paths_that_are_not_named_are_not_captured(make: MakeWriter) -> None:
    writer = make()
    with served(ASGICapture(app(), writer, paths=["/invocations"])) as port:
        ask(port, "/echo")
        ask(port, "/invocations")
        assert writer.flush()
    assert writer.counters.captured == 1


def test_a_big_body_passes_and_is_counted(make: MakeWriter, folder: Path) -> None:
    writer = make(CaptureConfig(max_body_bytes=1 << 20))
    with served(ASGICapture(app(), writer)) as port:
        big = bytes(3 << 20)
        assert ask(port, "/echo", big)[1] == big
        at_the_cap = bytes(1 << 20)
        assert ask(port, "/echo", at_the_cap)[1] == at_the_cap
        assert writer.flush()
    assert (writer.counters.oversized, writer.counters.captured) == (1, 1)


def test_a_client_that_leaves_in_the_middle_of_its_request_is_counted(port: int, writer: CaptureWriter) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n1,2")
        # The server is asking for the rest by now, or will find that nobody sends it: both must end the same.
    until(lambda: writer.counters.incomplete == 1)
    assert ask(port)[0] == 200


def test_the_record_does_not_wait_for_what_the_app_does_afterwards(port: int, writer: CaptureWriter) -> None:
    assert ask(port, "/afterwards")[0] == 200
    until(lambda: writer.counters.pending == 1)


def test_packed_answers_are_captured_unpacked(make: MakeWriter, folder: Path) -> None:
    writer = make()
    packing = GZipMiddleware(app(), minimum_size=1)
    with served(ASGICapture(packing, writer)) as port:
        _, body, headers = ask(port, body=b"1\n" * 40, Accept_Encoding="gzip")
        assert headers["content-encoding"] == "gzip"
        assert gzip.decompress(body) == b"\n".join([b"0.5"] * 40)
        assert writer.flush()
    output = records(folder)[0]["captureData"]["endpointOutput"]
    assert output["data"] == "\n".join(["0.5"] * 40)  # type: ignore[index]  # JSON


def test_requests_that_sampling_leaves_out_pass_untouched(make: MakeWriter) -> None:
    writer = make(CaptureConfig(sampling=Sampling(0.0)))
    with served(ASGICapture(app(), writer)) as port:
        assert ask(port)[1] == b"0.5"
    assert writer.counters.sampled_out == 1


def test_the_decision_follows_the_inference_id(make: MakeWriter, folder: Path) -> None:
    writer = make(CaptureConfig(sampling=Sampling(50.0)))
    with served(ASGICapture(app(), writer)) as port:
        for _ in range(2):
            for number in range(20):
                ask(port, X_Amzn_SageMaker_Inference_Id=f"order-{number}")
        assert writer.flush()
    ids = [record["eventMetadata"]["inferenceId"] for record in records(folder)]
    assert sorted(ids) == sorted(list(set(ids)) * 2)
    assert 0 < len(set(ids)) < 20


def test_a_capture_that_fails_altogether_is_not_noticed_by_clients(make: MakeWriter, tmp_path: Path) -> None:
    class Unusable:
        name = "unusable://"

        def write(self, key: str, body: bytes) -> None:
            raise MemoryError

    blocked = tmp_path / "file"
    blocked.write_text("not a folder")

    def no_time() -> float:
        raise OSError("no clock")

    writer = make(CaptureConfig(), Unusable(), state=blocked / "state", clock=no_time)
    with served(ASGICapture(app(), writer)) as port:
        assert [ask(port)[:2] for _ in range(5)] == [(200, b"0.5")] * 5
    assert writer.counters.faults >= 5


# --- the lifespan ---------------------------------------------------------------------------------------------------


async def raw(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that takes no part in the lifespan."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", b"text/csv")]})
    await send({"type": "http.response.body", "body": b"1"})


@pytest.mark.parametrize("inner", [app, lambda: raw], ids=["with a lifespan", "without"])
def test_what_is_in_memory_is_written_when_the_server_stops(
    make: MakeWriter, folder: Path, inner: Callable[[], ASGIApp]
) -> None:
    writer = make()
    with served(ASGICapture(inner(), writer)) as port:
        ask(port)
    assert len(records(folder)) == 1
    assert writer.counters.captured == 1


def test_an_app_that_fails_in_its_lifespan_still_fails(make: MakeWriter) -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise RuntimeError("no model")

    async def run() -> None:
        async def receive() -> Scope:
            return {"type": "lifespan.startup"}

        async def send(message: Scope) -> None:
            pytest.fail("it answered")

        await ASGICapture(failing, make())({"type": "lifespan"}, receive, send)

    with pytest.raises(RuntimeError, match="no model"):
        asyncio.run(run())


def test_websockets_pass(make: MakeWriter) -> None:
    seen: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*_: object) -> Scope:
        return {}

    asyncio.run(ASGICapture(inner, make())({"type": "websocket"}, nothing, nothing))  # type: ignore[arg-type]
    assert seen == ["websocket"]


SERVER = """
import sys, uvicorn
from watchpost.capture import ASGICapture, CaptureConfig, CaptureWriter
async def app(scope, receive, send):
    assert scope["type"] == "http"
    while (await receive()).get("more_body"): pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/csv")]})
    await send({"type": "http.response.body", "body": b"1"})
app = ASGICapture(app, CaptureWriter(CaptureConfig(), sys.argv[1], "resale-price"))
config = uvicorn.Config(app, port=0, log_level="critical")
server = uvicorn.Server(config)
class Told(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)
Told(config).run()
"""


def test_a_server_that_is_told_to_stop_writes_what_it_has(folder: Path) -> None:
    """uvicorn ends itself with the signal it was sent, after which no interpreter runs what was left for the exit."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        for _ in range(3):
            ask(port)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    finally:
        process.kill()
        process.communicate()
    assert len(records(folder)) == 3
