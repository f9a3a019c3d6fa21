"""Signatures as botocore makes them, and everything that must not pass for one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.fronts.aws.chunked import Seed, unchunked
from watchpost.fronts.aws.signature import Verifier, normalised, stated
from watchpost.fronts.aws.wire import Request

from .asking import HOST, signed

NOW = timedelta(0)


def verified(server, request: Request, after: timedelta = NOW, skew: float = 300.0):
    signature = stated(request)
    assert signature is not None
    now = datetime.strptime(signature.stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + after
    return Verifier(server.credentials.secret, skew).verify(signature, request, now)


def refusal(server, request: Request, after: timedelta = NOW) -> str:
    with pytest.raises(Refused) as refused:
        verified(server, request, after)
    return refused.value.fault


QUERIES = ["", "?a=1&b=2", "?b=%C3%A9&a=x%20y%2B&a=&z", "?list-type=2&prefix=a%2Fb&encoding-type=url"]
PATHS = {
    "monitoring": ["/", "/base", "/a//b/../c", "/endpoints/my%20endpoint/invocations", "/x%2Fy/ü"],
    "s3": ["/", "/bucket/a%20b%2Bc/%C3%BC", "/bucket//double/../dots"],
}


@pytest.mark.parametrize(("service", "path"), [(service, path) for service, paths in PATHS.items() for path in paths])
@pytest.mark.parametrize("query", QUERIES)
def test_what_botocore_signs_is_verified(server, service, path, query) -> None:
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "A.B", "X-Odd": "  several   blanks "}
    path = path.replace("ü", "%C3%BC")
    request = signed(server, service, "PUT", f"http://{HOST}{path}{query}", "é".encode(), headers)
    assert verified(server, request).access_key == server.credentials.pair().access_key


@given(body=st.binary(max_size=200), blanks=st.text(" \t", max_size=3))
def test_blanks_around_header_values_do_not_matter(server, body, blanks) -> None:
    request = signed(server, "sns", body=body, headers={"X-Amz-Thing": "a b"})
    headers = {**request.headers, "x-amz-thing": f"{blanks}a {blanks}b{blanks}"}
    assert verified(server, replace(request, headers=headers)).request.body == body


@given(data=st.data())
def test_one_flipped_bit_is_refused(server, data) -> None:
    request = signed(
        server,
        "monitoring",
        url=f"http://{HOST}/some/path?key=value&other=1",
        body=b'{"Namespace": "N"}',
        headers={"X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData", "Content-Type": "text/plain"},
    )
    parts = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "body": request.body.decode(),
        **{f"header {name}": request.headers[name] for name in request.headers if name != "content-length"},
    }
    where = data.draw(st.sampled_from(sorted(parts)))
    at = data.draw(st.integers(0, len(parts[where]) - 1))
    bit = data.draw(st.integers(0, 6))
    flipped = parts[where][:at] + chr(ord(parts[where][at]) ^ (1 << bit)) + parts[where][at + 1 :]
    if where.startswith("header "):
        name = where.removeprefix("header ")
        if " ".join(flipped.split()) == " ".join(parts[where].split()):
            return
        changed = replace(request, headers={**request.headers, name: flipped})
    elif where == "body":
        changed = replace(request, body=flipped.encode())
    else:
        changed = replace(request, **{where: flipped})
    if where == "query" and sorted(flipped.strip("&").split("&")) == sorted(parts[where].split("&")):
        return
    try:
        signature = stated(changed)
    except Refused:
        return
    if signature is None:
        # No longer a signature at all; then it is an unsigned request.
        assert where == "header authorization"
        return
    now = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    with pytest.raises(Refused):
        Verifier(server.credentials.secret, 10.0**9).verify(signature, changed, now)


@pytest.mark.parametrize("service", ["sns", "s3"])
def test_a_presigned_url_is_good_for_its_lifetime_and_no_longer(server, service) -> None:
    request = signed(server, service, "GET", f"http://{HOST}/a?b=c", expires=60)
    if service == "s3":
        # botocore presigns the hash of an empty body for all but S3's own presigner.
        return
    assert verified(server, request, timedelta(seconds=60)).service == service
    assert refusal(server, request, timedelta(seconds=61)) == "RequestExpired"


@pytest.mark.parametrize(("seconds", "passes"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_a_clock_may_be_wrong_by_the_skew(server, seconds, passes) -> None:
    request = signed(server, "logs")
    if passes:
        verified(server, request, timedelta(seconds=seconds))
    else:
        assert refusal(server, request, timedelta(seconds=seconds)) == "SignatureDoesNotMatch"


def test_an_unknown_key_is_told_from_a_wrong_signature(server) -> None:
    request = signed(server, "logs")
    key = server.credentials.pair().access_key
    stranger = request.headers["authorization"].replace(key, "AKIDEXAMPLE")
    assert refusal(server, replace(request, headers={**request.headers, "authorization": stranger})) == (
        "UnrecognizedClientException"
    )


def test_what_decides_a_requests_meaning_must_be_signed(server) -> None:
    request = signed(server, "logs")
    added = replace(request, headers={**request.headers, "x-amz-target": "Logs_20140328.DeleteLogGroup"})
    assert refusal(server, added) == "SignatureDoesNotMatch"
    bare = request.headers["authorization"].replace("host;", "")
    assert refusal(server, replace(request, headers={**request.headers, "authorization": bare})) == (
        "SignatureDoesNotMatch"
    )


def test_a_session_token_is_signed_along_and_not_asked_for(server) -> None:
    request = signed(server, "sts", headers={"X-Amz-Security-Token": "stale"})
    assert verified(server, request).service == "sts"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer token",
        "AWS AKID:signature",
        "AWS4-ECDSA-P256-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=A/20260101/r/s/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=A/2026/r/s/aws4_request, SignedHeaders=host, Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=A/20260101/r/s/other, SignedHeaders=host, Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=A/20260101/r/s/aws4_request, SignedHeaders=Host, Signature=" + "0" * 64,
    ],
)
def test_what_is_no_version_4_signature_is_refused_as_incomplete(header) -> None:
    request = Request("POST", "/", "", {"authorization": header, "x-amz-date": "20260101T000000Z"}, b"")
    with pytest.raises(Refused) as refused:
        stated(request)
    assert refused.value.fault == "IncompleteSignature"


def test_a_body_hash_that_is_not_the_bodys_is_refused(server) -> None:
    said = sha256(b"another").hexdigest()
    request = signed(server, "logs", body=b"one", headers={"X-Amz-Content-SHA256": said})
    assert refusal(server, request) == "XAmzContentSHA256Mismatch"
    unsigned = signed(server, "logs", body=b"one", headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert refusal(server, unsigned) == "XAmzContentSHA256Mismatch"


@given(path=st.lists(st.sampled_from(["a", "b%2F", "..", ".", ""]), max_size=8).map("/".join))
def test_normalising_a_path_twice_is_normalising_it_once(path) -> None:
    once = normalised("/" + path)
    assert normalised(once) == once
    assert ".." not in once.split("/")


# AWS's own example: "Signature calculations for the Authorization header: transferring a payload in multiple chunks".
EXAMPLE = Seed(
    key=bytes.fromhex("dbb893acc010964918f1fd433add87c70e8b0db6be30c1fbeafefa5ec6ba8378"),
    stamp="20130524T000000Z",
    scope="20130524/us-east-1/s3/aws4_request",
    signature="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
)
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def example_body() -> bytes:
    return b"".join(
        [
            b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n",
            b"a" * 65536 + b"\r\n",
            b"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n",
            b"a" * 1024 + b"\r\n",
            b"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
        ]
    )


def test_awss_example_of_a_body_in_signed_chunks_is_joined() -> None:
    assert unchunked(example_body(), SIGNED, EXAMPLE).content == b"a" * 66560


@given(at=st.integers(0, 66800), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_signed_chunk_is_refused(at, bit) -> None:
    body = bytearray(example_body())
    if at >= len(body) - 2:
        return
    body[at] ^= 1 << bit
    if bytes(body).lower() == example_body().lower() and chr(body[at]).isalpha():
        # The length may be written in either case.
        return
    with pytest.raises(Refused):
        unchunked(bytes(body), SIGNED, EXAMPLE)


def test_unsigned_chunks_with_a_trailer_are_joined() -> None:
    body = b"5\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    assert unchunked(body, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", EXAMPLE).content == b"hello!"


@given(body=st.binary(max_size=100))
def test_a_body_that_is_not_in_chunks_is_refused(body) -> None:
    with pytest.raises(Refused):
        unchunked(body, SIGNED, EXAMPLE)
