"""Every modelled operation through every protocol, against botocore's own serialisers and parsers."""

from functools import cache

import botocore.model
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.fronts.aws import model as models
from watchpost.fronts.aws.faults import fault
from watchpost.fronts.aws.rest import Routes
from watchpost.fronts.aws.services import WIRES
from watchpost.fronts.aws.wire import Request, Wire

from .shapes import Values, botocore_model, plain, read_by_botocore, request_of

PAIRS = [
    *(("cloudwatch", protocol) for protocol in ("json", "cbor", "query")),
    *((service, "json") for service in ("logs", "events", "sagemaker")),
    *((service, "query") for service in ("sns", "sts")),
    *((service, "rest-json") for service in ("sagemaker-runtime", "sagemaker-metrics")),
    ("s3", "rest-xml"),
]
# botocore keeps this member as text, whatever the model says.
EXPIRES = {"HeadObject", "GetObject"}
# Its answer has no structure around its member; botocore's client reads it by itself, its parser does not.
UNWRAPPED = {"GetBucketLocation"}
# The same request as ListBuckets, to another host.
ELSEWHERE = {"ListDirectoryBuckets"}


@cache
def ours(service: str) -> models.ServiceModel:
    return models.load(service)


@cache
def theirs(service: str) -> botocore.model.ServiceModel:
    return botocore_model(service)


@cache
def wire(service: str, protocol: str) -> Wire:
    return WIRES[protocol](ours(service))


@cache
def routes(service: str) -> Routes:
    return Routes(ours(service).operations.values())


def operations(service: str) -> list[models.OperationModel]:
    """All that speak no event stream; S3's deprecated twins give one element two meanings and are left out."""
    every = ours(service).operations.values()
    return [one for one in every if not one.streams_events and not (service == "s3" and one.deprecated)]


@pytest.mark.parametrize(("service", "protocol"), PAIRS)
@settings(max_examples=10)
@given(random=st.randoms(use_true_random=True))
def test_what_botocore_sends_is_what_the_operation_gets(service, protocol, random) -> None:
    for operation in operations(service):
        shape = theirs(service).operation_model(operation.name).input_shape
        sent = Values(random).structure(shape) if shape else {}
        request = request_of(theirs(service), operation.name, sent, protocol)
        got = wire(service, protocol).parse(operation, request)
        if "ContentLength" not in sent:
            # The client's HTTP layer adds the header.
            got.pop("ContentLength", None)
        assert plain(got) == plain(sent), operation.name
        if protocol.startswith("rest") and operation.name not in ELSEWHERE:
            found = routes(service).find(request)
            assert found is not None, (operation.name, request.path)
            assert found.name == operation.name, request


@pytest.mark.parametrize(("service", "protocol"), PAIRS)
@settings(max_examples=10)
@given(random=st.randoms(use_true_random=True))
def test_what_the_operation_answers_is_what_botocore_reads(service, protocol, random) -> None:
    for operation in operations(service):
        if operation.name in UNWRAPPED:
            continue
        shape = theirs(service).operation_model(operation.name).output_shape
        given_ = Values(random).structure(shape) if shape else {}
        response = wire(service, protocol).answer(operation, given_, "the-request-id")
        got = read_by_botocore(theirs(service), shape, response, protocol, operation.name)
        if "ContentType" not in given_:
            # A body has a type even if the operation names none.
            got.pop("ContentType", None)
        metadata = got.pop("ResponseMetadata", {})
        if operation.name in EXPIRES:
            given_.pop("Expires", None)
            got.pop("Expires", None)
        assert plain(got) == plain(given_), operation.name
        assert shape is None or metadata.get("RequestId") == "the-request-id"


@pytest.mark.parametrize(("service", "protocol"), PAIRS)
@settings(max_examples=10)
@given(random=st.randoms(use_true_random=True))
def test_every_modelled_error_is_read_with_its_code_and_members(service, protocol, random) -> None:
    asked = Request("POST", "/", "", {"x-amzn-query-mode": "true"}, b"")
    for shape in theirs(service).error_shapes:
        members = Values(random).structure(shape)
        members = {
            name: value
            for name, value in members.items()
            if name.lower() not in {"message", "code", "type"} and not shape.members[name].serialization.get("location")
        }
        refused = Refused(shape.name, "what <was> wrong & why", members)
        response = wire(service, protocol).refuse(fault(refused, ours(service)), asked, "the-request-id")
        got = read_by_botocore(theirs(service), None, response, protocol)
        assert got["Error"]["Code"] == shape.error_code
        assert got["Error"]["Message"] == "what <was> wrong & why"
        assert got["ResponseMetadata"]["RequestId"] == "the-request-id"
        modelled = read_by_botocore(theirs(service), shape, response, protocol)
        assert {name: plain(modelled.get(name)) for name in members} == plain(members) | {
            name: None for name in members if name not in plain(members)
        }
