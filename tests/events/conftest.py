"""An event bus over an empty store, topics that only remember, and an HTTP endpoint that answers as told."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest

from watchpost.events.rules import Rule, Target
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.dead_letters import DeadLetter, dead_letters
from watchpost.service.events.events import Events, Submission
from watchpost.service.worker import Worker
from watchpost.stores.store import Store, Transaction
from watchpost.windows import EPOCH

TOPIC = "arn:aws:sns:us-east-1:000000000000:alerts"


@dataclass
class Topics:
    """Topics that remember what was published; what is published in a transaction that fails is remembered too."""

    arns: set[str] = field(default_factory=lambda: {TOPIC})
    sent: list[tuple[str, str]] = field(default_factory=list)

    def publish(
        self,
        tx: Transaction,
        topic_arn: str,
        message: str,
        subject: str | None = None,
        attributes: Mapping[str, object] = {},
        *,
        now: datetime,
    ) -> str:
        self.sent.append((topic_arn, message))
        return f"message-{len(self.sent)}"

    def exists(self, tx: Transaction, arn: str) -> bool:
        return arn in self.arns


@dataclass
class Bus:
    """The event bus under test with everything around it."""

    store: Store
    clock: ManualClock
    topics: Topics
    events: Events
    worker: Worker

    def rule(self, name: str = "r", *targets: str | Target, bus: str = "default", **members: str) -> Rule:
        """Make a rule (for every event of source "app" when nothing else is said) with targets; as it stands."""
        if not members:
            members = {"pattern": '{"source": ["app"]}'}
        self.events.rules.put(Rule(name, bus, "", EPOCH, **members), "me")  # type: ignore[arg-type]  # state is a word
        made = [Target(f"t{n}", one) if isinstance(one, str) else one for n, one in enumerate(targets)]
        if made:
            self.events.rules.put_targets(bus, name, made, "me")
        return self.events.rules.describe(bus, name)

    def put(self, detail: str = '{"k": 1}', bus: str = "default", source: str = "app") -> str:
        """Put one event; its id."""
        (receipt,) = self.events.put([Submission(source, "Something Happened", detail, bus=bus)])
        assert receipt.event_id is not None
        return receipt.event_id

    def work(self, seconds: float = 0) -> int:
        """Perform what is due so many seconds from now."""
        return self.worker.step(self.clock.advance(seconds))

    def dead(self) -> list[DeadLetter]:
        return [letter for _, letter in self.store.read(dead_letters)]

    def journal(self) -> list[str]:
        return [line.entry.kind for line in self.store.read(lambda tx: tx.journal())]


@pytest.fixture
def make_bus(store: Store, clock: ManualClock, tmp_path: Path) -> Callable[[], Bus]:
    """Makes event buses over one store: the second is another server, or the same after a restart."""
    numbers, topics = count(1), Topics()

    def made() -> Bus:
        configuration = Configuration(home=tmp_path)
        events = Events(store, clock, topics, configuration, lambda: f"id-{next(numbers)}", jitter=lambda: 0.0)
        worker = Worker(
            store,
            clock,
            events.performers(),
            "server",
            repeatable=events.repeatable,
            interrupted=events.interrupted(),
        )
        return Bus(store, clock, topics, events, worker)

    return made


@pytest.fixture
def bus(make_bus: Callable[[], Bus]) -> Bus:
    return make_bus()


@dataclass
class Endpoint:
    """An HTTP endpoint: what it got, as (method, path, headers, body); answers `statuses` in turn, then 200."""

    url: str
    got: list[tuple[str, str, Mapping[str, str], bytes]]
    statuses: list[int]
    headers: dict[str, str]
    arrived: Event = field(default_factory=Event)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    there = Endpoint("", [], [], {})

    class Receiver(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            there.got.append((self.command, self.path, headers, body))
            self.send_response(there.statuses.pop(0) if there.statuses else 200)
            for name, value in there.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()
            there.arrived.set()

        do_POST = do_PUT = do_GET = answer  # noqa: N815  the names http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    thread = Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    there.url = f"http://127.0.0.1:{server.server_port}"
    yield there
    server.shutdown()
    thread.join()
    server.server_close()
