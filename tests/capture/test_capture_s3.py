"""Capture to S3: a store that answers, one that is down, and one that is slow."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from watchpost.capture import CaptureConfig, CapturedCall, CaptureWriter, PutObjects, S3Objects
from watchpost.errors import Misconfigured

from .captured import ENDPOINT, MakeWriter, until

CALL = CapturedCall(b"1,2", b"0.5", "text/csv", "text/csv")
KEYS = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return monkeypatch


@pytest.fixture
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_files_become_objects_below_the_prefix(environment: pytest.MonkeyPatch, moto: str, tmp_path: Path) -> None:
    environment.setenv("AWS_ENDPOINT_URL", moto)
    s3 = boto3.client("s3", endpoint_url=moto, **KEYS)
    s3.create_bucket(Bucket="lake")
    writer = CaptureWriter(CaptureConfig(), "s3://lake/capture", ENDPOINT, state=tmp_path)
    writer.submit(CALL)
    assert writer.flush()
    assert writer.close()
    (found,) = s3.list_objects_v2(Bucket="lake")["Contents"]
    assert found["Key"].startswith(f"capture/{ENDPOINT}/AllTraffic/")
    assert s3.get_object(Bucket="lake", Key=found["Key"])["Body"].read().count(b"\n") == 1


def test_a_store_that_is_down_costs_no_request_and_nothing_once_it_is_back(
    environment: pytest.MonkeyPatch, moto: str, tmp_path: Path
) -> None:
    boto3.client("s3", endpoint_url=moto, **KEYS).create_bucket(Bucket="lake")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refused
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        first = CaptureWriter(CaptureConfig(), "s3://lake/capture", ENDPOINT, state=tmp_path)
        for _ in range(3):
            first.submit(CALL)
        assert not first.flush()
        assert (first.counters.spooled, first.counters.retries) == (3, 1)
        assert not first.close()
    environment.setenv("AWS_ENDPOINT_URL", moto)
    second = CaptureWriter(CaptureConfig(), "s3://lake/capture", ENDPOINT, state=tmp_path)
    second.start()
    until(lambda: second.counters.captured == 3)
    assert second.close()


@pytest.fixture
def slow() -> Iterator[tuple[str, threading.Event]]:
    """A store that takes requests and does not answer before the test is over; and when the first one arrived."""
    over, arrived = threading.Event(), threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            arrived.set()
            over.wait(30)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", arrived
    over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_slow_store_holds_up_no_request(
    environment: pytest.MonkeyPatch, slow: tuple[str, threading.Event], make: MakeWriter, tmp_path: Path
) -> None:
    url, arrived = slow
    environment.setenv("AWS_ENDPOINT_URL", url)
    config = CaptureConfig(flush_bytes=1, queue_records=100)
    writer = make(config, S3Objects("s3://lake/capture", timeout_seconds=0.5), state=tmp_path)
    writer.submit(CALL)
    assert arrived.wait(10)  # the background thread waits for an answer from here on
    slowest = 0.0
    for _ in range(500):
        start = time.perf_counter()
        writer.submit(CALL)
        slowest = max(slowest, time.perf_counter() - start)
    assert slowest < 0.1
    until(lambda: writer.counters.retries >= 1)
    assert not writer.flush(5)
    counters = writer.counters
    assert counters.dropped + counters.spooled + counters.pending == 501
    assert counters.dropped > 0


def test_objects_can_be_put_by_any_callable(make: MakeWriter, tmp_path: Path) -> None:
    objects: dict[tuple[str, str], bytes] = {}

    def put(bucket: str, key: str, body: bytes) -> None:
        objects[bucket, key] = body

    writer = make(CaptureConfig(), PutObjects("s3://lake", put), state=tmp_path)
    writer.submit(CALL)
    assert writer.flush()
    ((bucket, key),) = objects
    assert (bucket, key.split("/")[0]) == ("lake", ENDPOINT)


@pytest.mark.parametrize("uri", ["s3://", "s3:///prefix", "lake/prefix"])
def test_a_uri_without_a_bucket_is_refused(uri: str) -> None:
    with pytest.raises(Misconfigured):
        S3Objects(uri)
