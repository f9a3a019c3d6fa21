"""The WSGI middleware in real servers, asked by real clients."""

import http.client
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

import flask
import pytest
from werkzeug.serving import make_server as werkzeug_server

from watchpost.capture import CaptureConfig, CaptureWriter, Sampling, WSGICapture

from .captured import MakeWriter, files, records, until

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def app(  # noqa: PLR0911  one answer a path
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """What the tests' requests ask for by their path."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    headers = [("Content-Type", "text/csv")]
    match environ["PATH_INFO"]:
        case "/unread":
            start_response("200 OK", headers)
            return [b"0.5"]
        case "/lines":
            lines = [environ["wsgi.input"].readline() for _ in range(2)]
            start_response("200 OK", headers)
            return [b"0.5" for _ in lines]
        case "/write":
            environ["wsgi.input"].read(length)
            start_response("200 OK", headers)(b"0.")
            return [b"5"]
        case "/stream":
            environ["wsgi.input"].read(length)
            start_response("200 OK", headers)
            return (piece for piece in (b"0.", b"2", b"5"))
        case "/refuse":
            environ["wsgi.input"].read(length)
            start_response("422 No", headers)
            return [b"no"]
        case "/broken":
            environ["wsgi.input"].read(length)
            start_response("200 OK", headers)
            return broken()
        case "/down":
            raise RuntimeError("the model fell over")
    body = environ["wsgi.input"].read(length)
    start_response("200 OK", headers)
    return [body]


def broken() -> Iterator[bytes]:
    yield b"0."
    raise RuntimeError("the model fell over")


class Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def get_stderr(self) -> "Nowhere":  # type: ignore[override]  # what the server complains to
        return Nowhere()


class Nowhere:
    def write(self, text: str) -> None:
        pass

    def flush(self) -> None:
        pass

    def writelines(self, lines: list[str]) -> None:
        pass


@contextmanager
def served(app: "WSGIApplication") -> Iterator[int]:
    """wsgiref's server in a thread; the port it listens at."""
    with make_server("127.0.0.1", 0, app, handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(
    port: int, path: str = "/echo", body: bytes = b"1,2", method: str = "POST"
) -> tuple[int, bytes, dict[str, str]]:
    headers = {"Content-Type": "text/csv", "X-Amzn-SageMaker-Inference-Id": "order-7"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


@pytest.fixture
def writer(make: MakeWriter) -> CaptureWriter:
    return make()


@pytest.fixture
def port(writer: CaptureWriter) -> Iterator[int]:
    with served(WSGICapture(app, writer)) as port:
        yield port


@pytest.mark.parametrize(
    ("path", "asked", "answered"),
    [("/echo", "1,2", "1,2"), ("/write", "1,2", "0.5"), ("/stream", "1,2", "0.25"), ("/lines", "1,2\n3,4\n", "0.50.5")],
)
def test_requests_and_answers_become_records(
    port: int, writer: CaptureWriter, folder: Path, path: str, asked: str, answered: str
) -> None:
    assert ask(port, path, asked.encode())[:2] == (200, answered.encode())
    until(lambda: writer.counters.pending == 1)
    assert writer.flush()
    (record,) = records(folder)
    sides = {name: side["data"] for name, side in record["captureData"].items()}  # type: ignore[index]  # JSON
    assert sides == {"endpointInput": asked, "endpointOutput": answered}
    assert record["eventMetadata"]["inferenceId"] == "order-7"


def test_clients_see_what_they_would_see_without_it(port: int) -> None:
    with served(app) as bare:
        for method in ("POST", "GET", "HEAD"):
            for path in ("/echo", "/write", "/stream", "/refuse", "/unread", "/down"):
                ours, theirs = (ask(p, path, b"1,2" * 1000, method) for p in (port, bare))
                for _, _, headers in (ours, theirs):
                    headers.pop("Date")
                assert ours == theirs, (method, path)


def test_what_has_no_whole_successful_answer_is_counted_and_not_written(
    port: int, writer: CaptureWriter, folder: Path
) -> None:
    for path in ("/refuse", "/unread", "/broken", "/down"):
        ask(port, path)
    until(lambda: writer.counters.incomplete == 4)
    writer.flush()
    assert files(folder) == []


def test_only_posts_to_the_named_paths_are_captured(make: MakeWriter) -> None:
    writer = make()
    with served(WSGICapture(app, writer, paths=["/echo"])) as port:
        ask(port, "/stream")
        ask(port, "/echo", b"", "GET")
        ask(port, "/echo")
        until(lambda: writer.counters.pending == 1)
    assert writer.flush()
    assert (writer.counters.captured, writer.counters.incomplete) == (1, 0)


def test_a_big_body_passes_and_is_counted(make: MakeWriter) -> None:
    writer = make(CaptureConfig(max_body_bytes=1000))
    with served(WSGICapture(app, writer)) as port:
        assert ask(port, body=bytes(1001))[1] == bytes(1001)
        until(lambda: writer.counters.oversized == 1)


def test_sampled_out_requests_pass_untouched(make: MakeWriter) -> None:
    writer = make(CaptureConfig(sampling=Sampling(0.0)))
    with served(WSGICapture(app, writer)) as port:
        assert ask(port)[1] == b"1,2"
    assert writer.counters.sampled_out == 1


def test_a_flask_app_in_a_threaded_server_is_captured(make: MakeWriter, folder: Path) -> None:
    writer, site = make(), flask.Flask("model")

    @site.post("/invocations")
    def invocations() -> flask.Response:
        rows = flask.request.get_json()["instances"]
        return flask.jsonify(predictions=[sum(row) for row in rows])

    server = werkzeug_server("127.0.0.1", 0, WSGICapture(site, writer), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/invocations", b'{"instances": [[1, 2], [3, 4]]}', headers)
        assert connection.getresponse().read().split() == b'{"predictions":[3,7]}'.split()
        connection.close()
        until(lambda: writer.counters.pending == 1)
        assert writer.flush()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    sides = records(folder)[0]["captureData"]
    assert {side["encoding"] for side in sides.values()} == {"JSON"}  # type: ignore[index]  # JSON
