"""When objects expire: the lifecycle configurations that S3's users give their buckets."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.stores.objects.objects import Objects
from watchpost.stores.store import Entry, Store, Transaction

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    """Objects whose keys start with `prefix` expire `days` after they were written.

    filtered: the prefix was given in a Filter, as descriptions must show it; else in the rule itself.
    """

    id: str
    prefix: str
    days: int
    enabled: bool = True
    filtered: bool = True


@dataclass(frozen=True, slots=True)
class BucketLifecycle:
    """The rules of a bucket, in the order in which they were given."""

    rules: tuple[LifecycleRule, ...]


LIFECYCLE = Kind("bucket-lifecycle", BucketLifecycle)


def expires_at(modified: datetime, days: int) -> datetime:
    """When an object expires: the midnight (UTC) at which it is older than so many days.

    Source: S3 User Guide, "Lifecycle configuration elements": the result is rounded up to the next day, midnight UTC.

    >>> expires_at(datetime(2026, 1, 15, 10, 30, tzinfo=UTC), 3).isoformat()
    '2026-01-19T00:00:00+00:00'
    """
    aged = modified.astimezone(UTC) + days * _DAY
    midnight = aged.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == aged else midnight + _DAY


class BucketLifecycles:
    """The lifecycle configurations of a server's buckets."""

    def __init__(self, store: Store, objects: Objects) -> None:
        self._store, self._objects = store, objects

    def put(self, bucket: str, rules: tuple[LifecycleRule, ...], actor: str, now: datetime) -> None:
        """Replace a bucket's rules. Raises: Refused: NotImplemented: the objects are in a store elsewhere."""
        if is_remote(self._objects):
            told = (
                "Objects of this server are kept in another S3-compatible store, whose own lifecycle rules hold for "
                "them: give the rules to the bucket there."
            )
            raise Refused("NotImplemented", told)
        data: dict[str, object] = {
            "rules": [{"id": r.id, "prefix": r.prefix, "days": r.days, "enabled": r.enabled} for r in rules]
        }
        entry = Entry(now, "bucket.lifecycle.put", f"arn:aws:s3:::{bucket}", actor, data)

        def work(tx: Transaction) -> None:
            tx.put(LIFECYCLE, bucket, BucketLifecycle(rules))
            tx.record(entry)

        self._store.write(work)

    def of(self, bucket: str) -> tuple[LifecycleRule, ...]:
        """The rules of a bucket; empty: it has none."""
        found = self._store.read(lambda tx: tx.get(LIFECYCLE, bucket))
        return found.rules if found is not None else ()

    def delete(self, bucket: str, actor: str, now: datetime) -> None:
        """Take a bucket's rules away; that there are none is no fault."""
        entry = Entry(now, "bucket.lifecycle.delete", f"arn:aws:s3:::{bucket}", actor, {})
        self._store.write(lambda tx: tx.record(entry) if tx.delete(LIFECYCLE, bucket) else None)

    def all(self) -> dict[str, tuple[LifecycleRule, ...]]:
        """The rules by bucket."""
        return {bucket: found.rules for bucket, found in self._store.read(lambda tx: tx.scan(LIFECYCLE))}


def is_remote(objects: Objects) -> bool:
    """Whether objects lie in a store elsewhere, and not in a folder of this machine."""
    return objects.local_path("s3://any-bucket/") is None
