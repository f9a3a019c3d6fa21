"""The real server as a process of its own, and receivers of what it sends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from aiosmtpd.controller import Controller
from botocore.client import BaseClient
from botocore.config import Config

WATCHPOST = [sys.executable, "-m", "watchpost"]


class ServedProcess:
    """`watchpost serve` on any free port, with a home that outlives it."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home, self._options = home, options
        self._said = home.with_name(f"{home.name}.stderr")
        self.process: subprocess.Popen[str] | None = None
        self.environment: dict[str, str] = {}

    def start(self) -> None:
        command = [*WATCHPOST, "serve", "--home", str(self.home), "--port", "0", "--log-level", "error", *self._options]
        with self._said.open("w") as said:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
        assert self.process.stdout is not None
        # All it ever prints is one message of four lines; what goes wrong goes to the file.
        first = self.process.stdout.readline()
        assert "http" in first, f"the server did not start: {first}{self._said.read_text()}"
        # A server that comes back at the port it was given has the same environment.
        if not self.environment or "--port" not in self._options:
            command = [*WATCHPOST, "env", "--home", str(self.home), "--json"]
            shown = subprocess.run(command, capture_output=True, text=True, check=True)
            self.environment = json.loads(shown.stdout)

    def kill(self) -> None:
        """kill -9: nothing gets a chance to tidy up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self._ended(10)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._ended(30)

    def _ended(self, seconds: float) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(seconds)

    @property
    def url(self) -> str:
        return self.environment["AWS_ENDPOINT_URL"]

    def client(self, service: str, **settings: object) -> BaseClient:
        return boto3.Session(
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.environment["AWS_DEFAULT_REGION"],
        ).client(service, endpoint_url=self.url, config=Config(**settings))

    def run(self, *command: str) -> str:
        """Run a command as a user would after `eval "$(watchpost env)"`; what it printed."""
        own = dict(os.environ)  # noqa: TID251  a child needs its parent's environment
        path = f"{Path(sys.executable).parent}:{own['PATH']}"
        environment = {**own, **self.environment, "PATH": path, "AWS_PAGER": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., ServedProcess]]:
    """Starts servers that are killed at the end of the test."""
    started: list[ServedProcess] = []

    def start(*options: str, home: Path | None = None) -> ServedProcess:
        server = ServedProcess(home or tmp_path / "home", *options)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        if server.process is not None and server.process.poll() is None:
            server.kill()


@dataclass
class Mailbox:
    """What an SMTP server was given."""

    port: int = 0
    letters: list[Message] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802  aiosmtpd's name
        with self._arrived:
            self.letters.append(message_from_bytes(envelope.content))  # type: ignore[attr-defined]
            self._arrived.notify_all()
        return "250 taken"

    def wait_for(self, wanted: Callable[[Message], bool], seconds: float) -> Message:
        """The first letter of that kind, waiting for it to come."""
        with self._arrived:
            came = self._arrived.wait_for(lambda: any(wanted(letter) for letter in self.letters), seconds)
            assert came, [letter["Subject"] for letter in self.letters]
            return next(letter for letter in self.letters if wanted(letter))

    @staticmethod
    def text(letter: Message) -> str:
        """The plain text of a letter."""
        part = next(p for p in letter.walk() if p.get_content_type() == "text/plain")
        return part.get_payload(decode=True).decode(part.get_content_charset() or "utf-8")  # type: ignore[union-attr]

    def link(self, letter: Message, word: str) -> str:
        """The first link of a letter that holds the word."""
        return next(link for link in re.findall(r"http://\S+", self.text(letter)) if word in link)

    @property
    def settings(self) -> str:
        """What channels.toml must say for mail to come here."""
        return f'[smtp]\nhost = "127.0.0.1"\nport = {self.port}\ntls = "none"\nsender = "watchpost@example.com"\n'


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        box.port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    yield box
    controller.stop()


@dataclass
class Inbox:
    """What an HTTP endpoint was sent: (headers, body) in order of arrival."""

    url: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, headers: dict[str, str], body: bytes) -> None:
        with self._arrived:
            self.requests.append((headers, body))
            self._arrived.notify_all()

    def wait_for(self, enough: Callable[[list[tuple[dict[str, str], bytes]]], bool], seconds: float) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: enough(self.requests), seconds), len(self.requests)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    box = Inbox()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if len(body) < int(self.headers["Content-Length"]):
                return  # The sender was killed in the middle of its request, so nothing was delivered.
            box.take({k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=receiver.serve_forever, daemon=True)
    thread.start()
    box.url = f"http://127.0.0.1:{receiver.server_address[1]}/alerts"
    yield box
    receiver.shutdown()
    receiver.server_close()
