"""Objects that expire: walked in key order, deleted in bounded batches, each batch noted before it goes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.service.retention.holds import Holds, hour_of
from watchpost.service.retention.object_expiration import expires_at
from watchpost.stores.objects.objects import Condition, ObjectInfo, Objects
from watchpost.stores.store import Entry, Store, Transaction

BATCH = 500
"""Objects that are deleted between two notes in the journal."""

_HOUR = timedelta(hours=1)
_LAST = "\U0010ffff"
_log = structlog.get_logger(__name__)

Stopped = Callable[[], bool]
"""Whether the server stops: asked between any two objects."""


@dataclass(frozen=True, slots=True)
class Expiring:
    """A rule for a part of a bucket: why it holds, in a word and a name, and for how many days objects are kept.

    captures: only objects in a variant's folder of an hour below the prefix, counted from the end of that hour too.
    """

    why: str
    bucket: str
    prefix: str
    days: int
    captures: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Objects that are about to be deleted, or were: of one rule, between two keys."""

    why: str
    bucket: str
    first: str
    last: str
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep deleted, and what it would have deleted had nobody needed it: objects and bytes."""

    objects: int = 0
    bytes: int = 0
    held: int = 0
    held_bytes: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        """Both together."""
        return Swept(
            self.objects + other.objects,
            self.bytes + other.bytes,
            self.held + other.held,
            self.held_bytes + other.held_bytes,
        )


BEGUN = Kind("retention-batch", Batch)


class ExpiringObjects:
    """Deletes what expired. server: its name, under which a batch is noted until it is done."""

    def __init__(self, store: Store, objects: Objects, server: str, batch: int = BATCH) -> None:
        self._store, self._objects, self._server, self._batch = store, objects, server, batch

    def recover(self, now: datetime) -> None:
        """Take a batch into the journal that an earlier life of this server was cut off in."""

        def work(tx: Transaction) -> None:
            begun = tx.get(BEGUN, self._server)
            if begun is not None:
                self._note(tx, begun, now, {"cut_off": True})

        if self._store.read(lambda tx: tx.get(BEGUN, self._server)) is not None:
            self._store.write(work)

    def sweep(self, rule: Expiring, holds: Holds, now: datetime, stopped: Stopped) -> Swept:
        """Delete what a rule lets expire and nobody needs. Raises: Refused: the store does not answer."""
        if self._objects.bucket(rule.bucket) is None:
            return Swept()
        found = _captures(self._objects, rule, now) if rule.captures else _aged(self._objects, rule, now)
        return self.delete(rule, found, holds, now, stopped)

    def delete(
        self, rule: Expiring, found: Iterator[ObjectInfo], holds: Holds, now: datetime, stopped: Stopped
    ) -> Swept:
        """Delete these objects of a rule's bucket, but for those that are needed."""
        swept, batch = Swept(), list[ObjectInfo]()
        for info in found:
            if stopped():
                break
            if holds.holds(rule.bucket, info.key):
                swept += Swept(held=1, held_bytes=info.size)
                continue
            batch.append(info)
            if len(batch) == self._batch:
                swept += self._delete(rule, batch, now, stopped)
                batch = []
        swept += self._delete(rule, batch, now, stopped)
        if swept.held:
            _log.warning("retention.held", why=rule.why, bucket=rule.bucket, prefix=rule.prefix, objects=swept.held)
        return swept

    def _delete(self, rule: Expiring, batch: list[ObjectInfo], now: datetime, stopped: Stopped) -> Swept:
        if not batch:
            return Swept()
        size = sum(info.size for info in batch)
        begun = Batch(rule.why, rule.bucket, batch[0].key, batch[-1].key, len(batch), size)
        self._store.write(lambda tx: tx.put(BEGUN, self._server, begun))
        gone = [info for info in batch if not stopped() and self._gone(rule.bucket, info)]
        done = Batch(rule.why, rule.bucket, begun.first, begun.last, len(gone), sum(info.size for info in gone))
        self._store.write(lambda tx: self._note(tx, done, now, {}))
        return Swept(done.count, done.bytes)

    def _gone(self, bucket: str, info: ObjectInfo) -> bool:
        try:
            # What was written anew since the walk passed it is another object, and young.
            return self._objects.delete(bucket, info.key, Condition(etag=info.etag))
        except Refused as refused:
            if refused.fault in {"PreconditionFailed", "NoSuchKey", "NoSuchBucket"}:
                return False
            raise

    def _note(self, tx: Transaction, batch: Batch, now: datetime, more: dict[str, object]) -> None:
        tx.delete(BEGUN, self._server)
        if not batch.count:
            return
        data: dict[str, object] = {
            "why": batch.why,
            "objects": batch.count,
            "bytes": batch.bytes,
            "first": batch.first,
            "last": batch.last,
        }
        tx.record(Entry(now, "objects.expired", f"arn:aws:s3:::{batch.bucket}", "server", data | more))


def _aged(objects: Objects, rule: Expiring, now: datetime) -> Iterator[ObjectInfo]:
    for info in objects.walk(rule.bucket, rule.prefix):
        if expires_at(info.modified, rule.days) <= now:
            yield info


def _captures(objects: Objects, rule: Expiring, now: datetime) -> Iterator[ObjectInfo]:
    """Capture files that are old by their hour and by their own time: what was copied here late stays as long."""
    age = timedelta(days=rule.days)
    walk = objects.walk(rule.bucket, rule.prefix)
    for info in walk:
        variant, _, rest = info.key.removeprefix(rule.prefix).partition("/")
        hour = hour_of(rest) if rest[:4].isdecimal() else None
        if hour is None:
            continue
        if hour + _HOUR + age > now:
            # Keys of a variant ascend with the hours: the rest of them is younger.
            walk.skip(f"{rule.prefix}{variant}/{_LAST}")
        elif info.modified + age <= now:
            yield info
