"""The objects of a server: what `s3://bucket/key` means to it, and the uploads that are under way."""

from datetime import datetime, timedelta

from watchpost.service.configuration import Configuration
from watchpost.service.retention.object_expiration import LIFECYCLE
from watchpost.stores.objects.objects import Objects
from watchpost.stores.objects.open import open_objects
from watchpost.stores.objects.uploads import Uploads
from watchpost.stores.store import Entry, Store, Transaction

# S3 keeps the parts of a forgotten upload, and bills them, until somebody looks. A week is the limit that AWS's own
# guide proposes for its life cycle rule.
_UPLOAD_AGE = timedelta(days=7)


def opened_objects(configuration: Configuration, now: datetime) -> tuple[Objects, Uploads]:
    """The configured store of objects, and the uploads to it; uploads older than a week are aborted.

    Raises: Misconfigured: the store cannot be used.
    """
    home = configuration.home / "objects"
    objects = open_objects(configuration.objects or home)
    uploads = Uploads(home / ".uploads", objects)
    uploads.expire(now - _UPLOAD_AGE)
    return objects, uploads


def create_bucket(objects: Objects, store: Store, name: str, actor: str, now: datetime) -> bool:
    """Make a bucket and note it in the journal; False if it was there already. Raises: Refused: the name is none."""
    if not objects.create_bucket(name):
        return False
    store.write(lambda tx: tx.record(Entry(now, "bucket.created", f"arn:aws:s3:::{name}", actor, {})))
    return True


def delete_bucket(objects: Objects, store: Store, name: str, actor: str, now: datetime) -> None:
    """Remove an empty bucket with its rules; the journal notes it. Raises: Refused: BucketNotEmpty, NoSuchBucket."""
    objects.delete_bucket(name)

    def work(tx: Transaction) -> None:
        tx.delete(LIFECYCLE, name)
        tx.record(Entry(now, "bucket.deleted", f"arn:aws:s3:::{name}", actor, {}))

    store.write(work)
