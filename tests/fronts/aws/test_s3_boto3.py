"""S3 by real boto3 over a real socket: what it sends is understood, what it gets back it believes."""

import io
import zlib
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import md5, sha256
from itertools import count
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.fronts.aws.app import application
from watchpost.fronts.aws.s3.crc import crc32c, crc64nvme
from watchpost.service.configuration import Configuration
from watchpost.service.server import Server, open_server

from .asking import client, listening

NUMBERS = count()
MIB = 1 << 20


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with open_server(Configuration(tmp_path_factory.mktemp("s3"))) as server:
        yield server


@pytest.fixture(scope="module")
def url(s3_server: Server) -> Iterator[str]:
    with listening(application(s3_server)) as url:
        yield url


@pytest.fixture(scope="module")
def s3(s3_server: Server, url: str) -> Iterator[object]:
    made = client(s3_server, url, "s3", signature_version="s3v4", retries={"total_max_attempts": 1})
    yield made
    made.close()


@pytest.fixture
def bucket(s3) -> str:
    name = f"bucket-{next(NUMBERS)}"
    s3.create_bucket(Bucket=name)
    return name


def code(call, **asked) -> tuple[str, int]:
    with pytest.raises(ClientError) as told:
        call(**asked)
    answer = told.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


# --- objects ---


def test_an_object_comes_back_as_it_went(s3, bucket):
    made = s3.list_buckets(Prefix=bucket)["Buckets"][0]["CreationDate"].replace(microsecond=0)
    expires = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    put = s3.put_object(
        Bucket=bucket,
        Key="a/b.csv",
        Body=b"1,2\n",
        ContentType="text/csv",
        ContentEncoding="gzip",
        CacheControl="no-store",
        Metadata={"Who": "me"},
        Expires=expires,
        Tagging="team=ml",
    )
    got = s3.get_object(Bucket=bucket, Key="a/b.csv")
    digest = md5(b"1,2\n").hexdigest()
    assert got["Body"].read() == b"1,2\n"
    assert got["ETag"] == put["ETag"] == f'"{digest}"'
    head = s3.head_object(Bucket=bucket, Key="a/b.csv")
    for answer in (got, head):
        assert answer["ContentType"] == "text/csv"
        assert answer["ContentEncoding"] == "gzip"
        assert answer["CacheControl"] == "no-store"
        assert answer["Metadata"] == {"who": "me"}
        assert answer["ContentLength"] == 4
        assert answer["LastModified"] >= made
    assert got["TagCount"] == 1
    assert got["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"


KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=30) | st.lists(
    st.sampled_from(["a", "", ".", "..", "+", " ", "%2F", "?", "#", "&", "ü", "\x01", "'\"<"]), min_size=1, max_size=5
).map("/".join).filter(bool)


@settings(max_examples=15)
@given(st.sets(KEYS, max_size=4))
def test_any_keys_go_there_and_back_and_are_listed_in_order(s3, keys):
    bucket = f"bucket-{next(NUMBERS)}"
    s3.create_bucket(Bucket=bucket)
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for operation in ("list_objects_v2", "list_objects"):
        pages = s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
        assert [item["Key"] for page in pages for item in page.get("Contents", [])] == sorted(keys)
    for key in keys:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
        assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(key.encode())
    # XML has no control characters: such keys are removed one by one, at AWS too.
    for key in keys:
        s3.delete_object(Bucket=bucket, Key=key)
    s3.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize(
    ("wish", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=2-", 2, 10), ("bytes=-3", 7, 10), ("bytes=5-100", 5, 10), ("bytes=-99", 0, 10)],
)
def test_a_range_is_a_part_and_says_so(s3, bucket, wish, start, end):
    s3.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="a", Range=wish)
    assert got["Body"].read() == b"0123456789"[start:end]
    assert got["ContentRange"] == f"bytes {start}-{end - 1}/10"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert s3.head_object(Bucket=bucket, Key="a", Range=wish)["ContentLength"] == end - start


def test_a_range_behind_the_end_is_refused_and_one_that_is_none_is_not_heeded(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert code(s3.get_object, Bucket=bucket, Key="a", Range="bytes=10-") == ("InvalidRange", 416)
    assert code(s3.get_object, Bucket=bucket, Key="empty", Range="bytes=0-") == ("InvalidRange", 416)
    assert s3.get_object(Bucket=bucket, Key="a", Range="lines=1-2")["ContentLength"] == 10


def test_reads_and_writes_hold_to_their_conditions(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"1", IfNoneMatch="*")["ETag"]
    written = s3.head_object(Bucket=bucket, Key="a")["LastModified"]
    late, early = written + timedelta(days=1), written - timedelta(days=1)
    failed, unchanged = ("PreconditionFailed", 412), ("304", 304)
    assert code(s3.put_object, Bucket=bucket, Key="a", Body=b"2", IfNoneMatch="*") == failed
    assert code(s3.put_object, Bucket=bucket, Key="a", Body=b"2", IfMatch='"other"') == failed
    assert code(s3.put_object, Bucket=bucket, Key="none", Body=b"2", IfMatch=etag) == ("NoSuchKey", 404)
    assert code(s3.get_object, Bucket=bucket, Key="a", IfMatch='"other"') == failed
    assert code(s3.get_object, Bucket=bucket, Key="a", IfNoneMatch=etag) == unchanged
    assert code(s3.get_object, Bucket=bucket, Key="a", IfModifiedSince=late) == unchanged
    assert code(s3.get_object, Bucket=bucket, Key="a", IfUnmodifiedSince=early) == failed
    assert code(s3.delete_object, Bucket=bucket, Key="a", IfMatch='"other"') == failed
    # The stricter word of two decides. Source: RFC 9110, 13.2.2.
    assert s3.get_object(Bucket=bucket, Key="a", IfMatch=etag, IfUnmodifiedSince=early)["ContentLength"] == 1
    assert s3.put_object(Bucket=bucket, Key="a", Body=b"2", IfMatch=etag)["ETag"] != etag


@pytest.mark.parametrize(
    ("algorithm", "of"),
    [
        ("CRC32", lambda body: zlib.crc32(body).to_bytes(4, "big")),
        ("CRC32C", lambda body: crc32c().update(body).to_bytes(4, "big")),
        ("CRC64NVME", lambda body: crc64nvme().update(body).to_bytes(8, "big")),
        ("SHA256", lambda body: sha256(body).digest()),
    ],
)
def test_checksums_are_verified_kept_and_given_back(s3, bucket, algorithm, of):
    body = bytes(range(256)) * 1000
    right, wrong = (b64encode(of(content)).decode() for content in (body, body[1:]))
    put = s3.put_object(Bucket=bucket, Key="a", Body=body, **{f"Checksum{algorithm}": right})
    assert put[f"Checksum{algorithm}"] == right
    head = s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert (head[f"Checksum{algorithm}"], head["ChecksumType"]) == (right, "FULL_OBJECT")
    refused = code(s3.put_object, Bucket=bucket, Key="b", Body=body, **{f"Checksum{algorithm}": wrong})
    assert refused == ("BadDigest", 400)
    assert (
        code(s3.put_object, Bucket=bucket, Key="b", Body=body, **{f"Checksum{algorithm}": "!"})[0] == "InvalidRequest"
    )
    assert code(s3.head_object, Bucket=bucket, Key="b") == ("404", 404)


def test_a_wrong_content_md5_is_refused(s3, bucket):
    digest = b64encode(md5(b"other").digest()).decode()
    assert code(s3.put_object, Bucket=bucket, Key="a", Body=b"x", ContentMD5=digest) == ("BadDigest", 400)
    assert code(s3.put_object, Bucket=bucket, Key="a", Body=b"x", ContentMD5="x") == ("InvalidDigest", 400)


def test_a_copy_takes_what_is_kept_along_or_gets_its_own(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a ü+", Body=b"x", ContentType="text/csv", Metadata={"k": "v"}, Tagging="t=1")
    source = {"Bucket": bucket, "Key": "a ü+"}
    assert s3.copy_object(Bucket=bucket, Key="b", CopySource=source)["CopyObjectResult"]["ETag"]
    got = s3.get_object(Bucket=bucket, Key="b")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"], got["TagCount"]) == (
        b"x",
        "text/csv",
        {"k": "v"},
        1,
    )
    s3.copy_object(Bucket=bucket, Key="c", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "w"})
    head = s3.head_object(Bucket=bucket, Key="c")
    assert (head["Metadata"], head["ContentType"]) == ({"n": "w"}, "binary/octet-stream")
    assert code(s3.copy_object, Bucket=bucket, Key="a ü+", CopySource=source)[0] == "InvalidRequest"
    gone = {"Bucket": bucket, "Key": "none"}
    assert code(s3.copy_object, Bucket=bucket, Key="d", CopySource=gone) == ("NoSuchKey", 404)
    other = code(s3.copy_object, Bucket=bucket, Key="d", CopySource=source, CopySourceIfMatch="x")
    assert other == ("PreconditionFailed", 412)


def test_tags_are_put_read_and_taken_away_without_touching_the_object(s3, bucket):
    before = s3.put_object(Bucket=bucket, Key="a", Body=b"x", Metadata={"k": "v"})["ETag"]
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "team", "Value": "ml"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [{"Key": "team", "Value": "ml"}]
    head = s3.head_object(Bucket=bucket, Key="a")
    assert (head["ETag"], head["Metadata"]) == (before, {"k": "v"})
    s3.delete_object_tagging(Bucket=bucket, Key="a")
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == []
    many = {"TagSet": [{"Key": str(n), "Value": ""} for n in range(11)]}
    assert code(s3.put_object_tagging, Bucket=bucket, Key="a", Tagging=many)[0] == "BadRequest"


# --- listings ---


def test_keys_with_a_common_beginning_are_rolled_up_over_pages(s3, bucket):
    for key in ("a.csv", "b/1", "b/2", "b/c/3", "d/4", "d/5", "e"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    for operation in ("list_objects_v2", "list_objects"):
        for size in (1, 2, 1000):
            pages = s3.get_paginator(operation).paginate(
                Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}
            )
            pages = list(pages)
            assert [item["Key"] for page in pages for item in page.get("Contents", [])] == ["a.csv", "e"]
            assert [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])] == ["b/", "d/"]
    inner = s3.list_objects_v2(Bucket=bucket, Prefix="b/", Delimiter="/")
    assert [item["Key"] for item in inner["Contents"]] == ["b/1", "b/2"]
    assert inner["CommonPrefixes"] == [{"Prefix": "b/c/"}]
    assert [i["Key"] for i in s3.list_objects_v2(Bucket=bucket, StartAfter="d/4")["Contents"]] == ["d/5", "e"]
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0


def test_many_objects_are_removed_in_one_call_each_with_its_own_answer(s3, bucket):
    for key in ("a", "b/c", "d"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    named = [{"Key": "a"}, {"Key": "none"}, {"Key": "b/c", "ETag": '"other"'}]
    done = s3.delete_objects(Bucket=bucket, Delete={"Objects": named})
    assert [each["Key"] for each in done["Deleted"]] == ["a", "none"]
    assert [(each["Key"], each["Code"]) for each in done["Errors"]] == [("b/c", "PreconditionFailed")]
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "d"}], "Quiet": True})
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["b/c"]


# --- uploads in parts ---


def test_a_large_object_goes_up_and_down_in_parts_that_boto3_checks(s3, bucket):
    body = bytes(range(256)) * (20 * MIB // 256) + b"rest"
    s3.upload_fileobj(io.BytesIO(body), bucket, "big")
    back = io.BytesIO()
    s3.download_fileobj(bucket, "big", back)
    assert back.getvalue() == body
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == body
    told = s3.get_object_attributes(
        Bucket=bucket, Key="big", ObjectAttributes=["ObjectParts", "ObjectSize", "Checksum"]
    )
    assert told["ObjectParts"]["TotalPartsCount"] == 3
    assert told["ObjectSize"] == len(body)
    assert told["Checksum"]["ChecksumType"] == "COMPOSITE"
    second = s3.get_object(Bucket=bucket, Key="big", PartNumber=2)
    assert second["Body"].read() == body[8 * MIB : 16 * MIB]
    assert second["PartsCount"] == 3


def test_an_upload_is_listed_completed_by_its_rules_and_gone(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a", Metadata={"k": "v"}, ContentType="text/csv")["UploadId"]
    at = {"Bucket": bucket, "Key": "a", "UploadId": upload}
    one = s3.upload_part(**at, PartNumber=1, Body=b"1" * 5 * MIB)["ETag"]
    small = s3.upload_part(**at, PartNumber=2, Body=b"2")["ETag"]
    s3.put_object(Bucket=bucket, Key="source", Body=b"0123456789")
    copied = s3.upload_part_copy(
        **at, PartNumber=3, CopySource={"Bucket": bucket, "Key": "source"}, CopySourceRange="bytes=2-4"
    )["CopyPartResult"]["ETag"]
    assert [(part["PartNumber"], part["Size"]) for part in s3.list_parts(**at)["Parts"]] == [
        (1, 5 * MIB),
        (2, 1),
        (3, 3),
    ]
    assert s3.list_parts(**at, MaxParts=1)["IsTruncated"]
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]

    def complete(*parts):
        named = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        return s3.complete_multipart_upload(**at, MultipartUpload={"Parts": named})

    assert code(lambda: complete((2, small), (1, one)))[0] == "InvalidPartOrder"
    assert code(lambda: complete((1, small)))[0] == "InvalidPart"
    assert code(lambda: complete((9, one)))[0] == "InvalidPart"
    assert code(lambda: complete((1, one), (2, small), (3, copied)))[0] == "EntityTooSmall"
    assert complete((1, one), (3, copied))["ETag"].endswith('-2"')
    got = s3.get_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == b"1" * 5 * MIB + b"234"
    assert (got["Metadata"], got["ContentType"]) == ({"k": "v"}, "text/csv")
    assert code(s3.list_parts, **at) == ("NoSuchUpload", 404)
    assert code(lambda: complete((1, one))) == ("NoSuchUpload", 404)
    assert code(s3.upload_part, **{**at, "PartNumber": 10_001}, Body=b"")[0] == "InvalidArgument"


def test_a_checksum_of_the_whole_object_is_made_of_all_its_parts(s3, bucket):
    began = s3.create_multipart_upload(Bucket=bucket, Key="a", ChecksumAlgorithm="CRC64NVME")
    at = {"Bucket": bucket, "Key": "a", "UploadId": began["UploadId"]}
    pieces = [b"1" * 5 * MIB, b"rest"]
    parts = []
    for number, piece in enumerate(pieces, 1):
        sum_ = b64encode(crc64nvme().update(piece).to_bytes(8, "big")).decode()
        part = s3.upload_part(**at, PartNumber=number, Body=piece, ChecksumCRC64NVME=sum_)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    done = s3.complete_multipart_upload(**at, MultipartUpload={"Parts": parts})
    whole = b64encode(crc64nvme().update(b"".join(pieces)).to_bytes(8, "big")).decode()
    assert (done["ChecksumCRC64NVME"], done["ChecksumType"]) == (whole, "FULL_OBJECT")


# --- buckets and refusals ---


def test_buckets_are_made_found_and_removed(s3, s3_server):
    name = f"bucket-{next(NUMBERS)}"
    assert code(s3.head_bucket, Bucket=name) == ("404", 404)
    s3.create_bucket(Bucket=name)
    # In us-east-1 S3 takes the same again as done. Source: S3 API, CreateBucket, BucketAlreadyOwnedByYou.
    s3.create_bucket(Bucket=name)
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)
    assert name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.put_object(Bucket=name, Key="a", Body=b"")
    assert code(s3.delete_bucket, Bucket=name) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket=name, Key="a")
    s3.delete_object(Bucket=name, Key="a")
    s3.delete_bucket(Bucket=name)
    told = s3_server.store.read(lambda tx: tx.journal(subject=f"arn:aws:s3:::{name}"))
    assert [line.entry.kind for line in told] == ["bucket.deleted", "bucket.created"]


def test_elsewhere_a_bucket_is_made_once_and_has_its_region(tmp_path):
    with open_server(Configuration(tmp_path, region="eu-west-1")) as server, listening(application(server)) as url:
        s3 = client(server, url, "s3")
        here = {"LocationConstraint": "eu-west-1"}
        s3.create_bucket(Bucket="mine", CreateBucketConfiguration=here)
        with pytest.raises(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket="mine", CreateBucketConfiguration=here)
        assert s3.get_bucket_location(Bucket="mine")["LocationConstraint"] == "eu-west-1"
        s3.close()


def test_what_is_not_there_raises_the_class_that_boto3_has_for_it(s3, bucket):
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="none")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.get_object(Bucket="no-such-bucket", Key="none")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="no-such-bucket")
    with pytest.raises(s3.exceptions.NoSuchUpload):
        s3.abort_multipart_upload(Bucket=bucket, Key="a", UploadId="none")
    assert code(s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"")[0] == "KeyTooLongError"


@pytest.mark.parametrize(
    "asked",
    [
        {"ServerSideEncryption": "aws:kms"},
        {"StorageClass": "GLACIER"},
        {"ACL": "public-read"},
        {"ObjectLockMode": "GOVERNANCE"},
        {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32},
        {"IfNoneMatch": '"etag"'},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_what_would_be_ignored_is_refused_by_name(s3, bucket, asked):
    assert code(s3.put_object, Bucket=bucket, Key="a", Body=b"", **asked) == ("NotImplemented", 501)
    assert code(s3.head_object, Bucket=bucket, Key="a") == ("404", 404)


def test_what_changes_nothing_is_taken(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"", ACL="bucket-owner-full-control", StorageClass="STANDARD")
    assert s3.head_object(Bucket=bucket, Key="a", ExpectedBucketOwner="000000000000")["ContentLength"] == 0
    assert code(s3.head_object, Bucket=bucket, Key="a", ExpectedBucketOwner="111111111111") == ("403", 403)


def test_an_operation_that_is_not_there_is_refused_by_name(s3, bucket):
    assert code(s3.get_bucket_acl, Bucket=bucket) == ("NotImplemented", 501)
    assert code(s3.list_object_versions, Bucket=bucket) == ("NotImplemented", 501)


# --- presigned URLs ---


def test_a_presigned_url_needs_no_keys_and_ends(s3, bucket):
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a ü"}, ExpiresIn=60)
    with urlopen(Request(put, data=b"body", headers={"Content-Type": ""}, method="PUT"), timeout=10) as answer:
        assert answer.status == 200
    asked = {"Bucket": bucket, "Key": "a ü", "ResponseContentType": "text/csv"}
    get = s3.generate_presigned_url("get_object", Params=asked, ExpiresIn=60)
    with urlopen(get, timeout=10) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"body", "text/csv")
    for wrong in (get.replace(bucket, "other"), get[:-4] + "0000", get.partition("?")[0]):
        with pytest.raises(HTTPError) as told:
            urlopen(wrong, timeout=10)
        assert told.value.code == 403
        told.value.close()
