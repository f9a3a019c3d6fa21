"""Lifecycle rules of buckets by real boto3: kept as they were given, and refused by name where they cannot hold."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from watchpost.errors import Refused
from watchpost.fronts.aws.app import application
from watchpost.service.configuration import Configuration
from watchpost.service.retention.object_expiration import BucketLifecycles, LifecycleRule
from watchpost.service.retention.retention import Retention
from watchpost.service.retention.settings import RetentionSettings
from watchpost.service.server import Server, open_server

from .asking import client, listening

NUMBERS = count()
DAYS: dict[str, Any] = {"Expiration": {"Days": 30}, "Status": "Enabled"}  # boto3's own shape


class Elsewhere:
    """Objects that lie in a store elsewhere, as far as it matters."""

    def local_path(self, uri: str) -> None:
        return None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with open_server(Configuration(tmp_path_factory.mktemp("lifecycle"))) as server:
        yield server


@pytest.fixture(scope="module")
def s3(server: Server) -> Iterator[Any]:  # boto3's client has no type of its own
    with listening(application(server)) as url:
        made = client(server, url, "s3", signature_version="s3v4", retries={"total_max_attempts": 1})
        yield made
        made.close()


@pytest.fixture
def bucket(s3) -> str:
    name = f"lifecycle-{next(NUMBERS)}"
    s3.create_bucket(Bucket=name)
    return name


def put(s3, bucket: str, *rules: dict[str, Any]) -> None:
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)})


def code(call, *asked: object, **more: object) -> tuple[str, int]:
    with pytest.raises(ClientError) as told:
        call(*asked, **more)
    answer = told.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_rules_are_shown_as_they_were_given(s3, bucket: str) -> None:
    rules = [
        {"ID": "captures", "Filter": {"Prefix": "capture/"}, **DAYS},
        {"ID": "all", "Filter": {"Prefix": ""}, "Expiration": {"Days": 400}, "Status": "Disabled"},
        {"ID": "old form", "Prefix": "logs/", **DAYS},
    ]
    put(s3, bucket, *rules)
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules


def test_a_rule_without_a_name_gets_one(s3, bucket: str) -> None:
    put(s3, bucket, {"Filter": {"Prefix": "a/"}, **DAYS})
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["ID"]


def test_an_empty_filter_is_the_whole_bucket(s3, bucket: str) -> None:
    put(s3, bucket, {"ID": "all", "Filter": {}, **DAYS})
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["Filter"] == {"Prefix": ""}


def test_a_bucket_has_no_rules_before_they_are_put_and_after_they_are_deleted(s3, bucket: str) -> None:
    missing = ("NoSuchLifecycleConfiguration", 404)
    assert code(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == missing
    put(s3, bucket, {"ID": "a", "Prefix": "", **DAYS})
    s3.delete_bucket_lifecycle(Bucket=bucket)
    s3.delete_bucket_lifecycle(Bucket=bucket)
    assert code(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == missing


def test_a_bucket_of_the_same_name_has_none_of_the_rules_of_the_one_before(s3, bucket: str) -> None:
    put(s3, bucket, {"ID": "a", "Prefix": "", **DAYS})
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert code(s3.get_bucket_lifecycle_configuration, Bucket=bucket)[0] == "NoSuchLifecycleConfiguration"


@pytest.mark.parametrize(
    "rule",
    [
        {"Filter": {"Tag": {"Key": "a", "Value": "b"}}},
        {"Filter": {"And": {"Prefix": "a", "Tags": [{"Key": "a", "Value": "b"}]}}},
        {"Filter": {"ObjectSizeGreaterThan": 500}},
        {"Prefix": "", "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]},
        {"Prefix": "", "Expiration": {"Date": datetime(2030, 1, 1, tzinfo=UTC)}},
        {"Prefix": "", "Expiration": {"ExpiredObjectDeleteMarker": True}},
        {"Prefix": "", "NoncurrentVersionExpiration": {"NoncurrentDays": 3}},
        {"Prefix": "", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}},
    ],
    ids=lambda rule: "-".join(rule.get("Filter", rule).keys()),
)
def test_what_this_store_cannot_do_is_refused_by_name(s3, bucket: str, rule: dict[str, Any]) -> None:
    assert code(put, s3, bucket, {"ID": "a", **DAYS, **rule}) == ("NotImplemented", 501)
    assert code(s3.get_bucket_lifecycle_configuration, Bucket=bucket)[0] == "NoSuchLifecycleConfiguration"


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([{"ID": "a", **DAYS}], "MalformedXML"),
        ([{"ID": "a", "Prefix": "", "Filter": {"Prefix": ""}, **DAYS}], "MalformedXML"),
        ([{"ID": "a", "Prefix": "", "Status": "Enabled"}], "InvalidRequest"),
        ([{"ID": "a", "Prefix": "", "Status": "Enabled", "Expiration": {"Days": 0}}], "InvalidArgument"),
        ([{"ID": "a" * 256, "Prefix": "", **DAYS}], "InvalidArgument"),
        ([{"ID": "a", "Prefix": "", **DAYS}, {"ID": "a", "Prefix": "b", **DAYS}], "InvalidArgument"),
    ],
)
def test_a_rule_that_s3_would_not_take_is_not_taken(s3, bucket: str, rules: list[dict[str, Any]], told: str) -> None:
    assert code(put, s3, bucket, *rules) == (told, 400)


def test_an_expired_object_is_gone_for_every_client_and_the_journal_says_so(s3, server: Server, bucket: str) -> None:
    for key in ("old/a", "old/b", "new/a"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"12345")
    before = (server.clock.now() - timedelta(days=40)).timestamp()
    for key in ("old/a", "new/a"):
        os.utime(server.configuration.home / "objects" / bucket / key, (before, before))
    put(s3, bucket, {"ID": "a month", "Filter": {"Prefix": "old/"}, **DAYS})
    settings = RetentionSettings()
    upkeep = Retention(server.store, server.clock, server.configuration, server.objects, settings, server.name)
    upkeep.step(server.clock.now())
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["new/a", "old/b"]
    [line] = server.store.read(lambda tx: tx.journal(kinds=("objects.expired",)))
    assert [line.entry.data[name] for name in ("why", "objects", "bytes")] == ["lifecycle rule a month", 1, 5]


def test_with_objects_elsewhere_rules_are_that_stores_own(s3, server: Server, bucket: str) -> None:
    lifecycles = BucketLifecycles(server.store, Elsewhere())  # type: ignore[arg-type]  # all that is asked of it
    with pytest.raises(Refused, match="own lifecycle rules hold") as told:
        lifecycles.put(bucket, (LifecycleRule("a", "", 1),), "me", server.clock.now())
    assert told.value.fault == "NotImplemented"
