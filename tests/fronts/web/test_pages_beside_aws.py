"""One address for AWS clients and for browsers: who gets what."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from watchpost.service.clock import SystemClock

from .house import House


def s3(house: House, url: str, **config: object):
    pair = house.server.credentials.pair()
    session = boto3.Session(pair.access_key, pair.secret, region_name="us-east-1")
    return session.client("s3", endpoint_url=url, config=Config(s3={"addressing_style": "path"}, **config))


def fetched(url: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read().decode()


@pytest.fixture
def today(tmp_path: Path) -> Iterator[House]:
    """A server of this hour: signatures have one."""
    house = House(tmp_path / "today", SystemClock())
    yield house
    house.close()


def test_a_bucket_may_be_called_as_a_page_is(today: House, listening) -> None:
    with listening(today) as url:
        client = s3(today, url, signature_version="s3v4")
        client.create_bucket(Bucket="alarms")
        client.put_object(Bucket="alarms", Key="a/b", Body=b"an object")
        assert client.get_object(Bucket="alarms", Key="a/b")["Body"].read() == b"an object"
        link = client.generate_presigned_url("get_object", {"Bucket": "alarms", "Key": "a/b"})
        assert fetched(link, accept="text/html") == (200, "an object")


def test_an_unsigned_aws_client_is_refused_and_gets_no_page(house: House, listening) -> None:
    with listening(house) as url, pytest.raises(ClientError, match="403"):
        s3(house, url, signature_version=UNSIGNED).list_buckets()


def test_a_stranger_sees_of_pages_only_how_to_sign_in(house: House, listening) -> None:
    with listening(house) as url:
        for path in ("/", "/alarms", "/what/ever"):
            status, text = fetched(url + path, accept="text/html")
            assert (status, "watchpost sign-in" in text) == (401, True)
        assert fetched(f"{url}/healthz", accept="text/html")[0] in {200, 503}
        assert fetched(f"{url}/?Action=ConfirmSubscription&Token=x&TopicArn=x", accept="text/html")[0] == 400


def test_no_header_of_a_strangers_makes_the_pages_fail(house: House, listening) -> None:
    with listening(house) as url:
        for headers in (
            {"cookie": "a=b; ; =; watchpost-next=%ff%00"},
            {"cookie": f"{house.server.sign_in.cookie_name}=.."},
            {"accept-language": "x" * 4000},
            {"authorization": "Basic eDp5"},
        ):
            assert fetched(f"{url}/alarms/%ff%00?a&=&state=x&prefix=%00", accept="text/html", **headers)[0] == 401
        cookie = "; ".join(f"{name}={value}" for name, value in house.signed_in().items())
        assert fetched(f"{url}/alarms/%ff%00", cookie=cookie)[0] == 404
        assert fetched(f"{url}/alarms?prefix=%00&after=%ff&state=x", cookie=cookie)[0] == 200
        assert fetched(f"{url}/monitors/%00", cookie=cookie)[0] == 404
        assert fetched(f"{url}/monitors/x/executions/%00/report", cookie=cookie)[0] == 404
