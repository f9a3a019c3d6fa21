"""Webhooks against a real HTTP server."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from watchpost.channels import Failed, Parcel, Sent, Settings, channel_of
from watchpost.channels._settings import Https
from watchpost.errors import Refused

WEBHOOK = channel_of("https")
PARCEL = Parcel("1", datetime(2026, 7, 1, 12, tzinfo=UTC), "http", "", None, "böy", (("x-amz-sns-message-id", "1"),))


@dataclass
class Endpoint:
    """Answers every POST with `status` and keeps what it was sent; with `hang` set, answers only when told."""

    url: str = ""
    status: int = 200
    location: str = ""
    hang: bool = False
    release: Event = field(default_factory=Event)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    box = Endpoint()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            box.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
            if box.hang:
                box.release.wait(10)
            self.send_response(box.status)
            if box.location:
                self.send_header("Location", box.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    box.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield box
    box.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


def send(url: str, settings: Settings | None = None) -> Sent | Failed:
    return WEBHOOK.send(replace(PARCEL, endpoint=url), settings or Settings())


def test_the_body_and_its_headers_arrive(endpoint: Endpoint) -> None:
    assert send(endpoint.url) == Sent("HTTP 200")
    ((headers, body),) = endpoint.requests
    assert (body.decode(), headers["x-amz-sns-message-id"], headers["accept-encoding"]) == ("böy", "1", "gzip,deflate")


@pytest.mark.parametrize(
    ("status", "lasting"), [(500, False), (503, False), (429, False), (400, True), (404, True), (410, True)]
)
def test_only_some_failures_are_worth_another_attempt(endpoint: Endpoint, status: int, lasting: bool) -> None:
    endpoint.status = status
    assert send(endpoint.url) == Failed(f"the endpoint answered HTTP {status}", lasting)


def test_redirects_are_not_followed(endpoint: Endpoint) -> None:
    endpoint.status, endpoint.location = 302, endpoint.url
    assert send(endpoint.url) == Failed("the endpoint answered HTTP 302", lasting=True)
    assert len(endpoint.requests) == 1


def test_an_endpoint_that_does_not_answer_in_time_may_do_so_later(endpoint: Endpoint) -> None:
    endpoint.hang = True
    answer = send(endpoint.url, Settings(https=Https(timeout_seconds=0.1)))
    assert isinstance(answer, Failed)
    assert not answer.lasting


def test_an_endpoint_that_is_not_there_may_be_there_later() -> None:
    answer = send("http://127.0.0.1:1/hook")
    assert isinstance(answer, Failed)
    assert not answer.lasting


def test_a_login_in_the_address_is_sent_as_such_and_never_shown(endpoint: Endpoint) -> None:
    url = endpoint.url.replace("://", "://ci:secret@")
    assert isinstance(send(url), Sent)
    assert endpoint.requests[0][0]["authorization"].startswith("Basic ")
    assert "secret" not in WEBHOOK.shown(url)
    failed = send("http://ci:secret@127.0.0.1:1/")
    assert isinstance(failed, Failed)
    assert "secret" not in failed.why


@pytest.mark.parametrize(
    "endpoint",
    ["", "example.com", "http://example.com", "https://", "https://a b", "https://a\r\nX: y", "https://[::1"],
)
def test_what_is_no_https_address_is_refused(endpoint: str) -> None:
    with pytest.raises(Refused, match="Endpoint must match the specified protocol"):
        WEBHOOK.check("https", endpoint, Settings())


def test_private_addresses_may_be_told() -> None:
    WEBHOOK.check("http", "http://10.0.0.7:8080/hook", Settings())
