"""Objects kept in an S3-compatible store elsewhere, here moto's server."""

from collections.abc import Iterator
from contextlib import closing

import boto3
import pytest

from watchpost.errors import Misconfigured, Refused
from watchpost.stores.objects.objects import About, Condition
from watchpost.stores.objects.open import open_objects
from watchpost.stores.objects.remote import RemoteObjects


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    server_module = pytest.importorskip("moto.server", reason="no S3 server to test with: install moto[s3,server]")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_REGION", "us-east-1")
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="team")
        yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def objects(elsewhere: str, request: pytest.FixtureRequest) -> RemoteObjects:
    objects = open_objects(f"s3://team/watchpost/{abs(hash(request.node.name))}")
    objects.create_bucket("lake")
    return objects


def test_an_object_comes_back_with_what_is_kept_about_it(objects):
    about = About("text/csv", {"who": "me"}, {"cache-control": "no-store"})
    put = objects.put("lake", "in/a.csv", b"x\n1\n", about=about)
    assert objects.head("lake", "in/a.csv") == put
    assert (put.size, put.content_type, dict(put.metadata)) == (4, "text/csv", {"who": "me"})
    assert put.about.headers == {"cache-control": "no-store"}
    assert objects.get("lake", "in/a.csv", 1, 3) == b"\n1"
    with closing(objects.open("lake", "in/a.csv")) as opened:
        assert b"".join(opened.read()) == b"x\n1\n"


def test_keys_are_listed_in_order_by_any_prefix_and_from_any_key(objects):
    keys = sorted(f"{a}/{b}.csv" for a in ("2026", "2027", "x") for b in range(5))
    for key in keys:
        objects.put("lake", key, b"1")
    for prefix in ("", "2", "2026", "2026/", "2027/3", "none"):
        for after in ("", "2026/3.csv", "2027/", "z"):
            listed = [info.key for info in objects.list("lake", prefix, after)]
            assert listed == [key for key in keys if key.startswith(prefix) and key > after]
    walk = objects.walk("lake")
    seen = []
    for info in walk:
        seen.append(info.key)
        walk.skip(f"{info.key.partition('/')[0]}/\U0010ffff")
    assert seen == ["2026/0.csv", "2027/0.csv", "x/0.csv"]


def test_writes_hold_to_their_conditions(objects):
    first = objects.put("lake", "a", b"1", condition=Condition(absent=True))
    for condition in (Condition(absent=True), Condition(etag="other")):
        with pytest.raises(Refused) as told:
            objects.put("lake", "a", b"2", condition=condition)
        assert told.value.fault == "PreconditionFailed"
    objects.put("lake", "a", b"2", condition=Condition(etag=first.etag))
    assert objects.get("lake", "a") == b"2"


def test_large_content_comes_in_pieces(objects):
    pieces = [bytes([n]) * (1 << 20) for n in range(24)]
    objects.put("lake", "big", iter(pieces))
    assert objects.get("lake", "big") == b"".join(pieces)
    objects.copy(("lake", "big"), ("lake", "again"))
    assert objects.head("lake", "again").size == 24 << 20
    objects.copy(("lake", "big"), ("lake", "again"), About("text/csv"))
    assert objects.head("lake", "again").content_type == "text/csv"


def test_buckets_are_made_listed_and_removed_when_empty(objects):
    assert not objects.create_bucket("lake")
    objects.create_bucket("other")
    assert [bucket.name for bucket in objects.buckets()] == ["lake", "other"]
    objects.put("lake", "a", b"")
    with pytest.raises(Refused, match="not empty"):
        objects.delete_bucket("lake")
    assert objects.delete("lake", "a")
    assert not objects.delete("lake", "a")
    objects.delete_bucket("lake")
    assert objects.bucket("lake") is None
    with pytest.raises(Refused) as told:
        objects.get("lake", "a")
    assert told.value.fault == "NoSuchBucket"


def test_the_engine_is_told_where_the_objects_really_are(objects):
    assert objects.local_path("s3://lake/in/") is None
    assert objects.location("s3://lake/in/").startswith("s3://team/watchpost/")
    assert objects.location("s3://lake/in/").endswith("/lake/in/")


@pytest.mark.parametrize("key", ["a//b", "../a", "a/", "\x01"])
def test_a_key_that_the_client_library_would_change_is_refused(objects, key):
    with pytest.raises(Refused, match="cannot be kept in a remote store"):
        objects.put("lake", key, b"")


def test_a_store_that_is_not_there_stops_the_start(elsewhere):
    with pytest.raises(Misconfigured, match="one that answers"):
        open_objects("s3://no-such-bucket/x")
    with pytest.raises(Misconfigured, match="s3://bucket/prefix"):
        open_objects("gs://team/x")
