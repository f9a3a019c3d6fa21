"""Real clients over real sockets: boto3 in the three CloudWatch protocols, awscli's forms, raw HTTP."""

import gzip
import http.client
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from watchpost.errors import Refused, StoreUnavailable
from watchpost.fronts.aws.app import application
from watchpost.fronts.aws.operation import AwsService

from .asking import client, listening, services_of

PROTOCOLS = ("json", "smithy-rpc-v2-cbor", "query")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Fake:
    """A service that remembers what it was called with and answers as told."""

    def __init__(self) -> None:
        self.calls: list = []
        self.answer: object = {}

    def __call__(self, server, call):
        del server
        self.calls.append(call)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture(scope="module")
def fake() -> Fake:
    return Fake()


@pytest.fixture(scope="module")
def url(server, fake) -> Iterator[str]:
    names = {
        "cloudwatch": ("PutMetricData", "GetMetricData", "SetAlarmState", "PutDashboard"),
        "sns": ("CreateTopic", "Publish", "ConfirmSubscription"),
        "logs": ("PutLogEvents", "CreateLogGroup"),
        "sagemaker-runtime": ("InvokeEndpoint",),
        "s3": ("PutObject", "GetObject", "ListObjectsV2", "HeadObject", "UploadPart"),
    }
    unsigned = frozenset({"ConfirmSubscription"})
    services = services_of(
        *(
            AwsService(name, dict.fromkeys(operations, fake), unsigned=unsigned & set(operations))
            for name, operations in names.items()
        )
    )
    with listening(application(server, services)) as url:
        yield url


@pytest.fixture(autouse=True)
def fresh(fake) -> None:
    fake.calls.clear()
    fake.answer = {}


@pytest.fixture(params=PROTOCOLS, scope="module")
def cloudwatch(request, server, url):
    """A client that tries once, for each protocol."""
    return client(server, url, "cloudwatch", request.param, retries={"max_attempts": 0})


@pytest.mark.parametrize("count", [1, 300])
def test_put_metric_data_arrives_whole_packed_or_not(cloudwatch, fake, count) -> None:
    datum = {
        "MetricName": "latency é",
        "Dimensions": [{"Name": "Endpoint", "Value": "e&<1>"}],
        "Timestamp": NOON,
        "Values": [1.0, 2.5],
        "Counts": [3.0, 4.0],
        "Unit": "Percent",
        "StorageResolution": 1,
    }
    cloudwatch.put_metric_data(Namespace="N/S", MetricData=[datum] * count)
    assert fake.calls[0].input == {"Namespace": "N/S", "MetricData": [datum] * count}
    assert ("content-encoding" in fake.calls[0].headers) == (count == 300)


def test_an_answer_arrives_with_its_numbers_and_instants(cloudwatch, fake) -> None:
    result = {"Id": "m1", "Label": "l", "Timestamps": [NOON], "Values": [0.1], "StatusCode": "Complete"}
    fake.answer = {"MetricDataResults": [result], "Messages": []}
    query = {"Id": "m1", "Expression": "1+1"}
    got = cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=NOON, EndTime=NOON)
    assert got["MetricDataResults"] == [result]
    assert fake.calls[0].input["StartTime"] == NOON
    assert re.fullmatch("[0-9a-f-]{36}", got["ResponseMetadata"]["RequestId"])


# Contract of the wire, error table: code and status as CloudWatch gives them.
FAULTS = [
    ("ConcurrentModificationException", "ConcurrentModificationException", 429),
    ("ConflictException", "ConflictException", 409),
    ("DashboardInvalidInputError", "InvalidParameterInput", 400),
    ("DashboardNotFoundError", "ResourceNotFound", 404),
    ("ResourceNotFound", "ResourceNotFound", 404),
    ("ResourceNotFoundException", "ResourceNotFoundException", 404),
    ("InternalServiceFault", "InternalServiceError", 500),
    ("InvalidFormatFault", "InvalidFormat", 400),
    ("InvalidNextToken", "InvalidNextToken", 400),
    ("InvalidParameterCombinationException", "InvalidParameterCombination", 400),
    ("InvalidParameterValueException", "InvalidParameterValue", 400),
    ("LimitExceededException", "LimitExceededException", 400),
    ("LimitExceededFault", "LimitExceeded", 400),
    ("MissingRequiredParameterException", "MissingParameter", 400),
]
STATE = {"AlarmName": "a", "StateValue": "OK", "StateReason": "r"}


@pytest.mark.parametrize(("shape", "code", "status"), FAULTS)
def test_a_refusal_becomes_its_modelled_class(cloudwatch, fake, shape, code, status) -> None:
    fake.answer = Refused(shape, "why <not>")
    with pytest.raises(cloudwatch.exceptions.from_code(code)) as raised:
        cloudwatch.set_alarm_state(**STATE)
    assert type(raised.value) is not ClientError
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["Error"]["Message"] == "why <not>"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_members_of_an_error_arrive(cloudwatch, fake) -> None:
    problems = [{"DataPath": "/widgets/0", "Message": "m"}]
    fake.answer = Refused("DashboardInvalidInputError", "bad", {"dashboardValidationMessages": problems})
    with pytest.raises(cloudwatch.exceptions.DashboardInvalidInputError) as raised:
        cloudwatch.put_dashboard(DashboardName="d", DashboardBody="{}")
    assert raised.value.response["dashboardValidationMessages"] == problems


def test_a_broken_constraint_arrives_as_a_validation_error(cloudwatch) -> None:
    with pytest.raises(ClientError) as raised:
        cloudwatch.set_alarm_state(**STATE | {"StateValue": "INVALID"})
    assert raised.value.response["Error"]["Code"] == "ValidationError"
    assert "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]" in str(raised.value)


@pytest.mark.parametrize(("mode", "protocol"), list(zip(["legacy", "standard", "adaptive"], PROTOCOLS, strict=True)))
def test_an_operation_we_do_not_have_is_not_tried_again(server, url, mode, protocol) -> None:
    cloudwatch = client(server, url, "cloudwatch", protocol, retries={"mode": mode, "max_attempts": 4})
    for _ in range(2):
        with pytest.raises(ClientError) as raised:
            cloudwatch.list_dashboards()
        assert raised.value.response["Error"]["Code"] == "NotImplemented"
        assert "does not implement ListDashboards of cloudwatch" in str(raised.value)
        assert raised.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_a_database_that_cannot_be_used_is_a_failure_to_try_again(cloudwatch, fake) -> None:
    fake.answer = StoreUnavailable("sqlite:///x", "is locked", "Wait")
    with pytest.raises(ClientError) as raised:
        cloudwatch.set_alarm_state(**STATE)
    assert raised.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


@pytest.mark.parametrize(
    ("service", "call"), [("cloudwatch", "describe_alarms"), ("sns", "list_topics"), ("sqs", "list_queues")]
)
def test_a_wrong_secret_is_told_as_such_in_every_protocol(server, url, service, call) -> None:
    import boto3

    stranger = boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=server.credentials.pair().access_key,
        aws_secret_access_key="wrong",
    )
    with pytest.raises(ClientError) as raised:
        getattr(stranger, call)()
    assert raised.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
    unknown = boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="wrong",
    )
    with pytest.raises(ClientError) as raised:
        getattr(unknown, call)()
    assert raised.value.response["Error"]["Code"] in {"UnrecognizedClientException", "InvalidClientTokenId"}


def test_maps_of_the_query_protocol_arrive(server, url, fake) -> None:
    sns = client(server, url, "sns")
    fake.answer = {"TopicArn": "arn:aws:sns:us-east-1:000000000000:t"}
    attributes, tags = {"DisplayName": "é & ü"}, [{"Key": "k", "Value": ""}]
    assert sns.create_topic(Name="t", Attributes=attributes, Tags=tags)["TopicArn"] == fake.answer["TopicArn"]
    assert fake.calls[0].input == {"Name": "t", "Attributes": attributes, "Tags": tags}
    fake.answer = {"MessageId": "id"}
    message = {"a": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    sns.publish(TopicArn="arn", Message="line 1\r\nline 2", MessageAttributes=message)
    assert fake.calls[1].input == {"TopicArn": "arn", "Message": "line 1\r\nline 2", "MessageAttributes": message}


def test_a_binary_body_arrives_and_returns_as_it_is(server, url, fake) -> None:
    runtime = client(server, url, "sagemaker-runtime")
    body = gzip.compress(b"\x00\xff" * 100)
    fake.answer = {"Body": body, "ContentType": "application/x-npy", "InvokedProductionVariant": "blue"}
    got = runtime.invoke_endpoint(EndpointName="e", Body=body, ContentType="text/csv", InferenceId="i 1")
    assert got["Body"].read() == body
    assert (got["ContentType"], got["InvokedProductionVariant"]) == ("application/x-npy", "blue")
    assert fake.calls[0].input == {"EndpointName": "e", "Body": body, "ContentType": "text/csv", "InferenceId": "i 1"}


def test_s3_keys_metadata_and_bodies_arrive_as_they_are(server, url, fake) -> None:
    s3 = client(server, url, "s3")
    fake.answer = {"ETag": '"x"'}
    s3.put_object(Bucket="b", Key="a b/+ü//..%2F/", Body=b"\x00body", Metadata={"k": "v"})
    got = fake.calls[0].input
    assert (got["Key"], got["Body"], got["Metadata"]) == ("a b/+ü//..%2F/", b"\x00body", {"k": "v"})
    s3.upload_part(Bucket="b", Key="k", PartNumber=1, UploadId="u", Body=b"part")
    assert fake.calls[1].operation == "UploadPart"
    fake.answer = {"Contents": [{"Key": "a<b", "Size": 1, "LastModified": NOON}], "IsTruncated": False}
    assert s3.list_objects_v2(Bucket="b", Prefix="a<")["Contents"][0] == fake.answer["Contents"][0]
    fake.answer = Refused("NoSuchKey", "The specified key does not exist.")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="b", Key="k")
    with pytest.raises(ClientError) as raised:
        s3.head_object(Bucket="b", Key="k")
    assert raised.value.response["Error"]["Code"] == "404"


def test_a_client_is_told_to_go_on_with_its_body(server, url, fake) -> None:
    # botocore sends `Expect: 100-continue` with PutObject and waits a second for the answer.
    s3 = client(server, url, "s3")
    fake.answer = {"ETag": '"x"'}
    body = b"x" * 3_000_000
    s3.put_object(Bucket="b", Key="k", Body=body)
    assert fake.calls[0].headers["expect"] == "100-continue"
    assert fake.calls[0].input["Body"] == body


def test_links_in_messages_work_unsigned(url, fake) -> None:
    parts = urlsplit(url)
    fake.answer = {"SubscriptionArn": "arn:s"}
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    connection.request("GET", "/?Action=ConfirmSubscription&TopicArn=arn%3At&Token=abc")
    response = connection.getresponse()
    assert response.status == 200
    assert b"<SubscriptionArn>arn:s</SubscriptionArn>" in response.read()
    assert (fake.calls[0].access_key, fake.calls[0].input) == (None, {"TopicArn": "arn:t", "Token": "abc"})
    connection.close()


@pytest.mark.parametrize(
    ("path", "kind", "says"),
    [("/healthz", "application/json", b'"ok"'), ("/metrics", "text/plain", b"watchpost_requests")],
)
def test_health_and_figures_are_open(url, path, kind, says) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.getheader("content-type").startswith(kind)
    assert says in response.read()
    connection.close()


def test_the_server_lives_on_after_connections_that_break_off(server, url, fake) -> None:
    parts = urlsplit(url)
    for half in (
        b"",
        b"POST / HT",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf",
        b"\x00\xff\r\n\r\n",
    ):
        with socket.create_connection((parts.hostname, parts.port)) as raw:
            raw.sendall(half)
    client(server, url, "cloudwatch").set_alarm_state(**STATE)
    assert fake.calls[0].operation == "SetAlarmState"


def test_a_call_knows_who_where_and_when(server, url, fake) -> None:
    client(server, url, "logs").create_log_group(logGroupName="g")
    call = fake.calls[0]
    assert (call.region, call.account) == (server.configuration.region, server.configuration.account)
    assert call.access_key == server.credentials.pair().access_key
    assert call.base_url == url
    assert call.now.tzinfo is UTC
