"""Requests made to break something: each gets a clear refusal, and the server lives on."""

import asyncio
import gzip
import json
import zlib
from urllib.parse import quote

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.fronts.aws.app import application
from watchpost.fronts.aws.operation import BODY_LIMIT, AwsService
from watchpost.fronts.aws.services import Services
from watchpost.fronts.aws.wire import Request

from .asking import ask, services_of, signed

TARGET = "GraniteServiceVersion20100801."
JSON = {"Content-Type": "application/x-amz-json-1.0"}
CBOR = {"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
HERE = "http://127.0.0.1:8790"
CBOR_PATH = f"{HERE}/service/GraniteServiceVersion20100801/operation/"


def echo(server, call):
    del server, call
    return {}


def broken(server, call):
    raise RuntimeError("the secret inside")


@pytest.fixture(scope="module")
def services() -> Services:
    return services_of(
        AwsService(
            "cloudwatch", {"PutMetricData": echo, "SetAlarmState": broken}, body_limits={"PutMetricData": 1 << 20}
        ),
        AwsService("logs", {"PutLogEvents": echo, "CreateLogGroup": echo}),
        AwsService("sns", {"Publish": echo, "ConfirmSubscription": echo}, unsigned=frozenset({"ConfirmSubscription"})),
        AwsService("sagemaker-runtime", {"InvokeEndpoint": echo}),
        AwsService("s3", {"PutObject": echo, "PutBucketTagging": echo}),
    )


def put(server, body: bytes, kind: str = "json", **headers: str) -> Request:
    """A PutMetricData whose body is `body`, properly signed."""
    match kind:
        case "json":
            return signed(
                server, "monitoring", body=body, headers=JSON | {"X-Amz-Target": f"{TARGET}PutMetricData"} | headers
            )
        case "cbor":
            return signed(server, "monitoring", url=f"{CBOR_PATH}PutMetricData", body=body, headers=CBOR | headers)
        case _:
            form = b"Action=PutMetricData&Version=2010-08-01&" + body
            return signed(server, "monitoring", body=form, headers=FORM | headers)


GOOD = {
    "json": b'{"Namespace": "N", "MetricData": [{"MetricName": "m", "Value": 1.5}]}',
    "cbor": cbor2.dumps({"Namespace": "N", "MetricData": [{"MetricName": "m", "Value": 1.5}]}),
    "query": b"Namespace=N&MetricData.member.1.MetricName=m&MetricData.member.1.Value=1.5",
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_request_passes(server, services, kind) -> None:
    assert ask(server, services, put(server, GOOD[kind], kind)).status == 200
    packed = put(server, gzip.compress(GOOD["json"]), **{"Content-Encoding": "gzip"})
    assert ask(server, services, packed).status == 200


DEEP = 100_000


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("json", b"{"),
        ("json", b"[]"),
        ("json", b"7"),
        ("json", b'{"Namespace": NaN}'),
        ("json", b'{"Namespace": "\xff"}'),
        ("json", b'{"Namespace": "\\ud800"}'),
        ("json", b'{"Namespace": 7}'),
        ("json", b'{"Namespace": "N", "MetricData": {"MetricName": "m"}}'),
        ("json", b'{"Namespace": "N", "MetricData": [null]}'),
        ("json", b'{"Namespace": "N", "MetricData": [{"MetricName": "m", "Value": "1"}]}'),
        ("json", b'{"Namespace": "N", "MetricData": [{"MetricName": "m", "Value": true}]}'),
        ("json", b'{"Namespace": "N", "MetricData": [{"MetricName": "m", "Timestamp": 1e300}]}'),
        ("json", b'{"Namespace": "N", "MetricData": [{"MetricName": "m", "Timestamp": "soon"}]}'),
        ("json", b'{"Namespace": "N", "MetricData": [{"MetricName": "m", "StorageResolution": 1e10}]}'),
        ("json", b'{"Namespace": "N", "MetricData": [{"MetricName": "m", "Value": 1' + b"0" * 400 + b"}]}"),
        ("json", b"[" * DEEP),
        ("json", b'{"MetricData":' * DEEP + b"1" + b"}" * DEEP),
        ("cbor", b"\xff"),
        ("cbor", b"\x80"),
        ("cbor", b"\xbf"),
        ("cbor", b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        ("cbor", b"\xa1\x69Namespace\x7b\x00\x00\x00\xff\xff\xff\xff\xff"),
        ("cbor", b"\x81" * DEEP + b"\x00"),
        ("cbor", b"\x9f" * DEEP),
        ("cbor", b"\xc1" * DEEP + b"\x00"),
        ("cbor", b"\xa1\x69Namespace\x61\xff"),
        ("cbor", GOOD["cbor"] + b"\x00"),
        ("cbor", cbor2.dumps({"Namespace": "N", "MetricData": cbor2.CBORTag(4, [10**9, 1])})),
        ("cbor", b"\xa1\x6aMetricData\xc4\x82\x1b\x00\x00\x00\x10\x00\x00\x00\x00\x01"),
        ("cbor", b"\xa1\x6aMetricData\xd8\x1c\x81\xd8\x1d\x00"),
        ("cbor", b"\xa1\x6aMetricData\xd8\x23\x66(a+)+$"),
        ("cbor", b"\xa2\x61a\x01\x61a\x02"),
        ("cbor", cbor2.dumps({"MetricData": [{"MetricName": "m", "Timestamp": 1700000000}]})),
        ("cbor", cbor2.dumps({"MetricData": [{"MetricName": "m", "Timestamp": cbor2.CBORTag(1, float("nan"))}]})),
        ("query", b"Namespace=%ff"),
        ("query", b"Namespace=N&Namespace=M"),
        ("query", b"Namespace=N&Namespace.a=M"),
        ("query", b"Namespace.a=M&Namespace=N"),
        ("query", b"Namespace=N&MetricData.member.x.MetricName=m"),
        ("query", b"Namespace=N&MetricData.member.0.MetricName=m"),
        ("query", b"Namespace=N&MetricData.member.-1.MetricName=m"),
        ("query", b"Namespace=N&MetricData.member.01.MetricName=m&MetricData.member.1.MetricName=m"),
        ("query", b"Namespace=N&MetricData.member.99999999999999999999.MetricName=m"),
        ("query", "Namespace=N&MetricData.member.٣.MetricName=m".encode()),
        ("query", b"Namespace=N&MetricData=m"),
        ("query", b"Namespace=N&MetricData.member.1.MetricName=m&MetricData.member.1.Value=1_0"),
        ("query", b"Namespace=N&" + b".".join([b"a"] * DEEP) + b"=1"),
        ("query", b"a=1&" * 250_000),
        ("query", b"&".join(b"a%d=" % n for n in range(150_000))),
    ],
)
def test_a_malformed_body_is_the_callers_fault(server, services, kind, body) -> None:
    response = ask(server, services, put(server, body, kind))
    assert 400 <= response.status < 500
    assert len(response.body) < 3000


def code(response) -> str:
    return json.loads(response.body)["__type"].rpartition("#")[2]


def test_a_gzip_bomb_is_not_inflated_beyond_the_limit(server, services) -> None:
    bomb = gzip.compress(b" " * (40 << 20), 9)
    assert len(bomb) < BODY_LIMIT
    response = ask(server, services, put(server, bomb, **{"Content-Encoding": "gzip"}))
    assert (response.status, code(response)) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no gzip",
        gzip.compress(GOOD["json"])[:-3],
        gzip.compress(GOOD["json"]) + b"x",
        zlib.compress(GOOD["json"]),
    ],
    # A gzip stream holds the hour, and no test is named after that.
    ids=("nothing", "text", "cut short", "something behind", "zlib"),
)
def test_what_is_not_one_whole_gzip_stream_is_refused(server, services, body) -> None:
    response = ask(server, services, put(server, body, **{"Content-Encoding": "gzip"}))
    assert (response.status, code(response)) == (400, "SerializationException")


def test_a_compression_we_do_not_know_is_named(server, services) -> None:
    response = ask(server, services, put(server, b"x", **{"Content-Encoding": "br"}))
    assert "'br' is not supported" in json.loads(response.body)["message"]


def test_a_body_is_limited_by_its_operation(server, services) -> None:
    body = b'{"Namespace": "' + b"n" * (1 << 20) + b'"}'
    assert ask(server, services, put(server, body)).status == 413
    headers = JSON | {"X-Amz-Target": "Logs_20140328.PutLogEvents"}
    response = ask(server, services, signed(server, "logs", body=body, headers=headers))
    assert code(response) == "InvalidParameterException"


def test_unknown_members_are_ignored(server, services) -> None:
    more = json.loads(GOOD["json"]) | {"NewerThanTheModel": {"a": [1, {"b": None}]}}
    assert ask(server, services, put(server, json.dumps(more).encode())).status == 200


def test_our_own_failure_is_logged_and_says_nothing_of_the_inside(server, services, quiet_log) -> None:
    body = b'{"AlarmName": "a", "StateValue": "OK", "StateReason": "r"}'
    headers = JSON | {"X-Amz-Target": f"{TARGET}SetAlarmState"}
    response = ask(server, services, signed(server, "monitoring", body=body, headers=headers))
    assert (response.status, code(response)) == (500, "InternalServiceFault")
    assert b"secret inside" not in response.body
    assert any(line["event"] == "an operation failed" and line["exc_info"] for line in quiet_log)


@pytest.mark.parametrize(
    ("service", "headers", "url", "status", "says"),
    [
        ("monitoring", {"X-Amz-Target": f"{TARGET}PutDashboard"}, "/", 501, "does not implement PutDashboard"),
        ("monitoring", {"X-Amz-Target": f"{TARGET}NoSuch"}, "/", 404, "has no operation 'NoSuch'"),
        ("monitoring", {"X-Amz-Target": "Logs_20140328.PutLogEvents"}, "/", 404, "names no service of the signature"),
        ("sqs", {"X-Amz-Target": "AmazonSQS.SendMessage"}, "/", 404, "does not serve 'sqs'"),
        ("sagemaker", {}, "/no/such/path", 404, "is no operation"),
        ("monitoring", CBOR, "/service/Other/operation/PutMetricData", 404, "No service takes CBOR"),
        ("sns", FORM, "/?Action=Fly&Version=2010-03-31", 400, "has no operation &#39;Fly&#39;"),
    ],
)
def test_what_we_do_not_have_is_named(server, services, service, headers, url, status, says) -> None:
    response = ask(server, services, signed(server, service, url=HERE + url, headers=headers))
    assert response.status == status
    assert says.replace("&#39;", "'") in response.body.decode(errors="replace")


def test_unsigned_requests_are_refused_but_for_links_in_messages(server, services) -> None:
    link = Request("GET", "/", "Action=ConfirmSubscription&TopicArn=arn&Token=t", {"host": "127.0.0.1:8790"}, b"")
    assert ask(server, services, link).status == 200
    publish = Request("GET", "/", "Action=Publish&TopicArn=arn&Message=m", {}, b"")
    for request in (publish, Request("POST", "/", link.query, {}, b""), Request("POST", "/", "", FORM, GOOD["query"])):
        response = ask(server, services, request)
        assert response.status == 403
        assert "MissingAuthenticationToken" in f"{response.headers} {response.body!r}"


SEEDS = [
    ("json", GOOD["json"]),
    ("cbor", GOOD["cbor"]),
    ("query", GOOD["query"]),
]


@settings(max_examples=200)
@given(data=st.data())
def test_no_bytes_in_a_body_are_answered_with_a_failure_of_ours(server, services, data) -> None:
    kind, seed = data.draw(st.sampled_from(SEEDS))
    noise = data.draw(st.binary(max_size=60))
    at = data.draw(st.integers(0, len(seed)))
    body = data.draw(
        st.sampled_from([noise, seed[:at] + noise + seed[at:], seed[:at] + noise + seed[at + len(noise) :]])
    )
    assert ask(server, services, put(server, body, kind)).status < 500


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Namespace", "MetricData", "MetricName", "Value", "Values", "Dimensions", "Timestamp", "Unit"]
            ),
            inner,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=150)
@given(value=JSON_VALUES, kind=st.sampled_from(["json", "cbor"]))
def test_no_values_in_a_body_are_answered_with_a_failure_of_ours(server, services, value, kind) -> None:
    body = json.dumps(value).encode() if kind == "json" else cbor2.dumps(value)
    assert ask(server, services, put(server, body, kind)).status < 500


@settings(max_examples=150)
@given(
    service=st.sampled_from(["monitoring", "sagemaker", "s3", "sns"]),
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    path=st.lists(st.sampled_from(["endpoints", "e", "invocations", "%ff", "%", "..", "service", "a?tagging", "?"])),
    body=st.sampled_from([b"", b"<a>", b"<!DOCTYPE x [<!ENTITY e 'f'>]><a>&e;</a>", b"{}", b"<Tagging/>"])
    | st.binary(),
    headers=st.dictionaries(
        st.sampled_from(["X-Amz-Target", "smithy-protocol", "Content-Type", "Content-Encoding", "x-amz-tagging-count"]),
        st.sampled_from(["", "rpc-v2-cbor", "x", "gzip", "application/x-www-form-urlencoded", "1.5"]),
    ),
)
def test_no_signed_request_is_answered_with_a_failure_of_ours(
    server, services, service, method, path, body, headers
) -> None:
    url = f"{HERE}/{'/'.join(path)}"
    response = ask(server, services, signed(server, service, method, url, body, headers))
    assert response.status < 500 or response.status == 501


@settings(max_examples=150)
@given(
    query=st.text(max_size=30).map(quote) | st.binary(max_size=30).map(lambda raw: raw.decode("latin-1")),
    header=st.text(st.characters(max_codepoint=255), max_size=80),
    body=st.binary(max_size=30),
)
def test_no_unsigned_bytes_are_answered_with_a_failure_of_ours(server, services, query, header, body) -> None:
    for name in ("authorization", "x-amz-target", "content-type", "x-amz-date"):
        request = Request("GET", "/", query, {name: header, "host": "h"}, body)
        assert 400 <= ask(server, services, request).status < 500


def drive(app, messages: list, headers: dict[str, str], method: str = "POST") -> list:
    """What the application sends back for a request that arrives in these pieces."""
    sent = []

    async def receive():
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
    }
    asyncio.run(app(scope, receive, send))
    return sent


def piece(body: bytes, *, more: bool) -> dict:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_that_stands_still_is_given_up(server, services) -> None:
    app = application(server, services, idle_seconds=0.05)
    request = put(server, GOOD["json"])
    sent = drive(app, [piece(b"half", more=True)], dict(request.headers))
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert sent[1]["body"].startswith(b'{"__type"')


def test_a_body_beyond_the_limit_is_read_to_its_end_before_the_refusal(server, services) -> None:
    app = application(server, services)
    pieces = [piece(bytes(1 << 20), more=True) for _ in range(12)] + [piece(b"", more=False)]
    sent = drive(app, pieces, dict(put(server, b"").headers))
    assert pieces == []
    assert sent[0]["status"] == 413


def test_a_body_without_end_is_cut_off(server, services) -> None:
    app = application(server, services)
    pieces = [piece(bytes(8 << 20), more=True) for _ in range(50)]
    sent = drive(app, pieces, dict(put(server, b"").headers))
    assert sent[0]["status"] == 413
    assert len(pieces) > 30


def test_nothing_is_kept_of_a_strangers_body(server, services) -> None:
    app = application(server, services)
    pieces = [piece(bytes(1 << 20), more=True) for _ in range(9)] + [piece(b"", more=False)]
    sent = drive(app, pieces, {"host": "h", "x-amz-target": f"{TARGET}PutMetricData"})
    assert sent[0]["status"] == 403
    assert b"MissingAuthenticationToken" in sent[1]["body"]


def test_a_client_that_goes_away_is_not_answered(server, services) -> None:
    app = application(server, services)
    request = put(server, GOOD["json"])
    assert drive(app, [piece(b"half", more=True), {"type": "http.disconnect"}], dict(request.headers)) == []
