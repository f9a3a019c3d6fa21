"""What strangers, proxies and people with a key send to the address that pages, AWS and objects share."""

from collections.abc import Iterator
from pathlib import Path
from socket import create_connection
from threading import Event
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import pytest

from watchpost.fronts.aws.wire import Request
from watchpost.fronts.web.gate import is_from_us
from watchpost.service.clock import SystemClock
from watchpost.service.lifecycle import Loop

from .house import House
from .test_pages_beside_aws import fetched, s3


@pytest.fixture
def today(tmp_path: Path) -> Iterator[House]:
    """A server of this hour: signatures have one."""
    house = House(tmp_path / "today", SystemClock())
    yield house
    house.close()


def answered(url: str, request: str) -> str:
    """The status line that a raw request gets."""
    host = urlsplit(url)
    with create_connection((host.hostname, host.port), 30) as connection:
        connection.sendall(f"{request}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        return connection.makefile("rb").readline().decode().strip()


def test_no_token_makes_signing_in_fail(house: House, listening) -> None:
    with listening(house) as url:
        for token in ("http://[x?token=a", "http://[::1?token=", "?token=\x00", "token=", "%ff#?token=x"):
            assert fetched(f"{url}/sign-in?token={quote(token)}", accept="text/html")[0] in {200, 403}


@pytest.mark.parametrize("origin", ["http://[x", "null", "", "http://127.0.0.1:1", "http://evil.example"])
def test_no_strange_origin_counts_as_ours(origin: str) -> None:
    assert not is_from_us({"origin": origin, "host": "127.0.0.1:8790"}, "http://127.0.0.1:8790")


def test_without_a_session_or_a_signature_nothing_is_answered(house: House, listening) -> None:
    targets = ("/alarms", "//alarms", "/./alarms", "/%61larms", "http://evil.example/alarms", "/static/../alarms")
    with listening(house) as url:
        host = urlsplit(url).netloc
        for method in ("GET", "HEAD", "OPTIONS", "PUT"):
            for target in targets:
                status = answered(url, f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html")
                assert status.split()[1] in {"401", "403"}, (method, target)


def test_a_second_host_header_is_no_way_in(house: House, listening) -> None:
    with listening(house) as url:
        host = urlsplit(url).netloc
        request = f"GET /alarms HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\nAccept: text/html"
        assert answered(url, request).split()[1] in {"400", "421"}


def test_behind_a_cache_that_adds_its_header_pages_are_still_pages(house: House) -> None:
    cookies = house.signed_in()
    response = house.ask("/alarms", cookies, **{"x-amz-cf-id": "abc", "accept": "text/html"})
    assert response.status == 200
    cached = {"x-amz-cf-id": "abc", "accept": "text/html"}
    assert house.site.is_for_us(Request("GET", "/alarms", "", cached, b""))
    assert not house.site.is_for_us(Request("GET", "/alarms", "", {**cached, "x-amz-date": "x"}, b""))


def test_a_bucket_may_be_called_as_what_is_open_to_all(today: House, listening) -> None:
    with listening(today) as url:
        client = s3(today, url, signature_version="s3v4")
        for bucket in ("metrics", "healthz"):
            client.create_bucket(Bucket=bucket)
            client.put_object(Bucket=bucket, Key="a", Body=b"an object")
            assert [each["Key"] for each in client.list_objects(Bucket=bucket)["Contents"]] == ["a"]
        assert "watchpost_" in fetched(f"{url}/metrics")[1]


def test_a_stored_page_behind_a_link_has_no_part_in_the_session(today: House, listening) -> None:
    with listening(today) as url:
        client = s3(today, url, signature_version="s3v4")
        client.create_bucket(Bucket="lake")
        for kind, confined in (("text/html", True), ("image/svg+xml", True), ("text/csv", False)):
            client.put_object(Bucket="lake", Key="a", Body=b"<script>fetch('/alarms')</script>", ContentType=kind)
            with urlopen(client.generate_presigned_url("get_object", {"Bucket": "lake", "Key": "a"})) as answer:
                policy = answer.headers.get("content-security-policy", "")
            assert (policy.startswith("sandbox "), "allow-same-origin" in policy) == (confined, False)
            plain = client.get_object(Bucket="lake", Key="a")["ResponseMetadata"]["HTTPHeaders"]
            assert "content-security-policy" not in plain


def test_no_page_is_asked_for_what_a_database_cannot_be_asked(house: House) -> None:
    cookies = house.signed_in()
    for path in ("/alarms/a%00b", "/monitors/%00", "/monitors/a/executions/%00/report", "/static/%00"):
        assert house.ask(path, cookies).status == 404
    assert "begin with a b" in house.ask("/alarms?prefix=a%00%20b", cookies).body.decode().replace(
        '<bdi class="name">', ""
    )


def test_what_failed_inside_is_not_told_to_strangers(house: House, listening) -> None:
    def fail(stop: Event) -> None:
        raise ValueError("of ada@example.com")

    failed = Event()
    loop = Loop("spool", fail, lambda _: failed.set())
    loop.start()
    assert failed.wait(30)
    house.server.loops = (loop,)
    with listening(house) as url:
        told = fetched(f"{url}/healthz")[1]
    assert "ValueError" in told
    assert "ada" not in told
