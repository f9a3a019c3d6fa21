"""Errors byte by byte: what stands in headers, status and body for each way of asking."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import cbor2
import pytest

from watchpost.errors import Refused
from watchpost.fronts.aws import model, scalars
from watchpost.fronts.aws.faults import fault, internal
from watchpost.fronts.aws.once import Once
from watchpost.fronts.aws.services import WIRES
from watchpost.fronts.aws.wire import Request, Response

QUERY_MODE = {"x-amzn-query-mode": "true"}


def answered(service: str, protocol: str, name: str, headers: dict[str, str], method: str = "POST") -> Response:
    models = model.load(service)
    wire = WIRES[protocol](models)
    return wire.refuse(fault(Refused(name, "why"), models), Request(method, "/", "", headers, b""), "id")


# Contract of the wire, 1.5: bodies, header and statuses as recorded from the real service.
@pytest.mark.parametrize(
    ("protocol", "headers", "status", "error"),
    [
        ("json", QUERY_MODE, 404, "ResourceNotFound;Sender"),
        ("json", {}, 400, None),
        ("cbor", QUERY_MODE, 404, "ResourceNotFound;Sender"),
        ("cbor", {}, 400, None),
    ],
)
def test_cloudwatch_speaks_querys_codes_to_who_asks_for_them(protocol, headers, status, error) -> None:
    response = answered("cloudwatch", protocol, "DashboardNotFoundError", headers)
    assert response.status == status
    assert response.headers.get("x-amzn-query-error") == error
    assert response.headers["x-amzn-requestid"] == "id"
    body = json.loads(response.body) if protocol == "json" else cbor2.loads(response.body)
    assert body["__type"] == "com.amazonaws.cloudwatch.v2010_08_01#DashboardNotFoundError"
    assert body["message"] == "why"


def test_a_broken_constraint_has_the_frameworks_own_namespace() -> None:
    response = answered("cloudwatch", "json", "ValidationError", QUERY_MODE)
    assert json.loads(response.body)["__type"] == "com.amazon.coral.validate#ValidationException"
    assert response.headers["x-amzn-query-error"] == "ValidationError;Sender"
    assert response.status == 400


def test_the_query_protocol_answers_in_xml_with_the_modelled_status() -> None:
    response = answered("cloudwatch", "query", "ResourceNotFound", {})
    assert response.status == 404
    assert response.body == (
        b'<ErrorResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><Error><Type>Sender</Type>'
        b"<Code>ResourceNotFound</Code><Message>why</Message></Error><RequestId>id</RequestId></ErrorResponse>"
    )


def test_a_head_request_is_refused_by_its_status_alone() -> None:
    assert answered("s3", "rest-xml", "NoSuchKey", {}, "HEAD").body == b""


@pytest.mark.parametrize(
    ("service", "protocol", "name", "status", "code"),
    [
        ("sns", "query", "NotFound", 404, b"<Code>NotFound</Code>"),
        ("sns", "query", "NotFoundException", 404, b"<Code>NotFound</Code>"),
        ("sns", "query", "Throttled", 429, b"<Code>Throttled</Code>"),
        ("sns", "query", "UnknownOperationException", 400, b"<Code>InvalidAction</Code>"),
        ("sns", "query", "UnrecognizedClientException", 403, b"<Code>InvalidClientTokenId</Code>"),
        ("logs", "json", "ResourceNotFoundException", 400, b"#ResourceNotFoundException"),
        ("events", "json", "UnrecognizedClientException", 403, b"#UnrecognizedClientException"),
        ("logs", "json", "ServiceUnavailableException", 500, b"#ServiceUnavailableException"),
        ("logs", "json", "UnknownOperationException", 404, b"#UnknownOperationException"),
        ("events", "json", "ConcurrentModificationException", 400, b"#ConcurrentModificationException"),
        ("sagemaker-runtime", "rest-json", "ModelError", 424, b"why"),
        ("s3", "rest-xml", "InvalidClientTokenId", 403, b"<Code>InvalidAccessKeyId</Code>"),
        ("s3", "rest-xml", "SomethingUnheardOf", 400, b"<Code>SomethingUnheardOf</Code>"),
    ],
)
def test_a_fault_has_the_status_and_code_of_its_service(service, protocol, name, status, code) -> None:
    response = answered(service, protocol, name, {})
    assert response.status == status
    assert code in response.body


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("cloudwatch", "InternalServiceError"),
        ("sns", "InternalError"),
        ("events", "InternalException"),
        ("logs", "InternalServerException"),
        ("sts", "InternalFailure"),
    ],
)
def test_our_own_failure_has_the_services_word_for_it(service, name) -> None:
    told = fault(internal(model.load(service)), model.load(service))
    assert (told.code, told.status, told.sender) == (name, 500, False)


NOON = datetime(2026, 7, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def test_instants_are_written_to_the_millisecond() -> None:
    assert scalars.epoch(NOON) == 1782907200.25
    assert scalars.epoch(NOON.replace(microsecond=0)) == 1782907200
    assert scalars.iso8601(NOON) == "2026-07-01T12:00:00.250Z"
    assert scalars.iso8601(1782907200) == "2026-07-01T12:00:00Z"
    assert scalars.rfc822(NOON) == "Wed, 01 Jul 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-01T12:00:00.25Z",
        "2026-07-01T12:00:00.25",
        "2026-07-01T14:00:00.25+02:00",
        "20260701T120000.25Z",
        "1782907200.25",
    ],
)
def test_instants_are_read_in_every_form_clients_send(text) -> None:
    assert scalars.instant(text) == NOON


def test_an_answer_without_a_time_zone_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        scalars.epoch(NOON.replace(tzinfo=None))


def test_what_is_made_once_is_made_by_one_thread() -> None:
    made, start, once = [], Barrier(8), Once[str, object]()

    def make() -> object:
        made.append(object())
        return made[-1]

    def get(_: int) -> object:
        start.wait()
        return once.get("key", make)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(get, range(8))) == set(made)
    assert len(made) == 1
