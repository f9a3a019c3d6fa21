"""Uploads in chunks with what stands behind them: joined in memory or in place, and checked by their trailer."""

import zlib
from base64 import b64encode

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from watchpost.fronts.aws.chunked import Seed, unchunked
from watchpost.fronts.aws.services import Services, installed
from watchpost.fronts.aws.wire import Request, Response
from watchpost.service.server import Server

from .asking import HOST, ask

MODE = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
NOBODY = Seed(b"", "", "", "")


def in_chunks(pieces: list[bytes], trailer: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)
    return body + b"0\r\n" + trailer + b"\r\n"


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_chunks_are_joined_alike_in_memory_and_in_place(pieces):
    body = in_chunks(pieces, b"x-amz-checksum-crc32:abc=\r\n")
    joined = unchunked(body, MODE, NOBODY)
    in_place = unchunked(memoryview(bytearray(body)), MODE, NOBODY)
    assert bytes(in_place.content) == joined.content == b"".join(pieces)
    assert in_place.trailers == joined.trailers == {"x-amz-checksum-crc32": "abc="}


class Chunked(S3SigV4Auth):
    def payload(self, request: AWSRequest) -> str:
        return MODE


@pytest.fixture(scope="module")
def services() -> Services:
    return installed()


def put(server: Server, services: Services, key: str, content: bytes, trailer: bytes) -> Response:
    body = in_chunks([content[:5], content[5:]], trailer)
    headers = {
        "Host": HOST,
        "Content-Encoding": "aws-chunked",
        "X-Amz-Trailer": "x-amz-checksum-crc32",
        "X-Amz-Decoded-Content-Length": "10",
    }
    made = AWSRequest(method="PUT", url=f"http://{HOST}/chunked/{key}", data=body, headers=headers)
    pair = server.credentials.pair()
    Chunked(Credentials(pair.access_key, pair.secret), "s3", "us-east-1").add_auth(made)
    ready = {name.lower(): value if isinstance(value, str) else value.decode() for name, value in made.headers.items()}
    return ask(server, services, Request("PUT", f"/chunked/{key}", "", ready, body))


def test_the_checksum_behind_the_chunks_decides(server, services):
    server.objects.create_bucket("chunked")
    right = b64encode(zlib.crc32(b"0123456789").to_bytes(4, "big"))
    done = put(server, services, "a", b"0123456789", b"x-amz-checksum-crc32:%s\r\n" % right)
    assert (done.status, done.headers["x-amz-checksum-crc32"]) == (200, right.decode())
    assert server.objects.get("chunked", "a") == b"0123456789"
    # The way it came is not what it is.
    assert server.objects.head("chunked", "a").about.headers == {}
    for content, trailer in (
        (b"012345678X", b"x-amz-checksum-crc32:%s\r\n" % right),
        (b"0123456789", b""),
        (b"012345", b"x-amz-checksum-crc32:%s\r\n" % right),
    ):
        refused = put(server, services, "b", content, trailer)
        assert refused.status == 400
    assert server.objects.head("chunked", "b") is None
