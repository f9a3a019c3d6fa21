"""Uploads in parts: what is completed is the parts one behind the other, and what is not leaves nothing."""

from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path

import pytest

from watchpost.errors import Refused
from watchpost.stores.objects.folder import FolderObjects
from watchpost.stores.objects.uploads import Upload, Uploads

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    objects = FolderObjects(tmp_path / "objects")
    objects.create_bucket("lake")
    return objects


@pytest.fixture
def uploads(objects: FolderObjects, tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "objects" / ".uploads", objects)


def begun(uploads: Uploads, name: str = "one", key: str = "a", at: datetime = NOON) -> Upload:
    upload = Upload(name, "lake", key, at)
    uploads.create(upload)
    return upload


def test_an_object_is_its_parts_in_order_with_the_etag_of_their_etags(objects, uploads, tmp_path):
    upload = begun(uploads)
    uploads.put(upload, 2, b"second", {}, NOON)
    uploads.put(upload, 1, b"will be replaced", {}, NOON)
    uploads.put(upload, 1, b"first ", {}, NOON)
    # A server that was restarted in between knows the upload still.
    uploads = Uploads(tmp_path / "objects" / ".uploads", objects)
    upload = uploads.find("lake", "a", "one")
    info = uploads.complete(upload, uploads.parts(upload), {})
    digests = md5(b"first ").digest() + md5(b"second").digest()
    assert info.etag == f"{md5(digests).hexdigest()}-2"
    assert objects.get("lake", "a") == b"first second"
    assert objects.head("lake", "a").about.part_sizes == (6, 6)
    with pytest.raises(Refused, match="does not exist"):
        uploads.find("lake", "a", "one")


def test_nothing_is_seen_of_an_upload_before_it_is_completed(objects, uploads):
    upload = begun(uploads)
    uploads.put(upload, 1, b"x", {}, NOON)
    assert objects.list("lake") == []
    assert [u.id for u in uploads.under_way("lake")] == ["one"]
    uploads.abort(upload)
    assert uploads.under_way("lake") == []
    with pytest.raises(Refused, match="aborted"):
        uploads.put(upload, 2, b"x", {}, NOON)


def test_only_forgotten_uploads_expire(uploads):
    begun(uploads, "old", at=NOON - timedelta(days=8))
    begun(uploads, "new")
    assert uploads.expire(NOON - timedelta(days=7)) == 1
    assert [u.id for u in uploads.under_way("lake")] == ["new"]


@pytest.mark.parametrize("identity", ["../one", "", "one/..", ".", "two"])
def test_an_upload_is_found_by_the_id_it_was_given_only(uploads, identity):
    begun(uploads)
    with pytest.raises(Refused) as told:
        uploads.find("lake", "a", identity)
    assert told.value.fault == "NoSuchUpload"


def test_the_parts_of_a_key_are_not_another_keys(uploads):
    begun(uploads)
    with pytest.raises(Refused, match="does not exist"):
        uploads.find("lake", "b", "one")
