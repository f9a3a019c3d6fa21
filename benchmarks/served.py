"""Servers to measure, each a process of its own, and requests as boto3 shapes and signs them.

Made before the clock runs.
"""

import atexit
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from botocore.config import Config

Request = tuple[str, str, dict[str, str], bytes]


def watchpost_server() -> dict[str, str]:
    """A server with an empty home of its own; returns the environment that points clients at it."""
    home = tempfile.mkdtemp(prefix="watchpost-bench-")
    command = [sys.executable, "-m", "watchpost", "serve", "--home", home, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    atexit.register(process.kill)
    assert process.stdout is not None
    while "http" not in (line := process.stdout.readline()):
        if not line:
            raise RuntimeError("watchpost serve ended without a word")
    threading.Thread(target=process.stdout.read, daemon=True).start()
    shown = subprocess.run(
        [sys.executable, "-m", "watchpost", "env", "--home", home, "--json"], capture_output=True, text=True, check=True
    )
    return {"WATCHPOST_HOME": str(Path(home)), **json.loads(shown.stdout)}


def moto_server() -> dict[str, str]:
    """moto's server: in memory, signatures not verified."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    atexit.register(process.kill)
    assert process.stderr is not None
    while (found := re.search(r"http://127\.0\.0\.1:\d+", line := process.stderr.readline())) is None:
        if not line:
            raise RuntimeError("moto's server ended without a word")
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return {
        "AWS_ENDPOINT_URL": found[0],
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def client(environment: dict[str, str], service: str) -> BaseClient:
    """A boto3 client for that server."""
    return boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    ).client(service, endpoint_url=environment["AWS_ENDPOINT_URL"], config=Config(retries={"max_attempts": 1}))


def recorded(service: BaseClient, call: Callable[[], object]) -> list[Request]:
    """The requests that `call` would send, signed, as bytes; nothing is sent."""
    requests: list[Request] = []

    def keep(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        parts = urlsplit(request.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        headers = {k: v.decode() if isinstance(v, bytes) else v for k, v in request.headers.items()}
        requests.append((request.method, target, headers, body))
        return AWSResponse(request.url, 200, {"content-type": "application/x-amz-json-1.0"}, _Empty())

    service.meta.events.register_first("before-send", keep)
    try:
        call()
    finally:
        service.meta.events.unregister("before-send", keep)
    return requests


class _Empty:
    """The body of an answer that never was."""

    def stream(self, *_: object, **__: object) -> Sequence[bytes]:
        return [b"{}"]


def send(environment: dict[str, str], requests: Sequence[Request], connections: int = 4) -> list[bytes]:
    """Send the requests over so many connections at once; the answers' bodies. Raises.

    RuntimeError on any but a 2xx.
    """
    address = urlsplit(environment["AWS_ENDPOINT_URL"])
    answers: list[bytes] = []
    problems: list[str] = []

    def work(part: Sequence[Request]) -> None:
        connection = HTTPConnection(address.hostname or "", address.port)
        for method, target, headers, body in part:
            connection.request(method, target, body=body, headers=headers)
            answer = connection.getresponse()
            answers.append(answer.read())
            if answer.status // 100 != 2:
                problems.append(f"{answer.status} {answers[-1][:300]!r}")
        connection.close()

    threads = [threading.Thread(target=work, args=(requests[i::connections],)) for i in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise RuntimeError(problems[0])
    return answers
