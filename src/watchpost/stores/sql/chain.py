"""The journal's chain: each line carries the hash of the line before, so that no line can change unseen.

The hash of a line is SHA-256, in hex, over the previous line's hash (64 hex digits; zeros before the first) followed by
the line as JSON: keys `actor`, `at`, `data`, `kind`, `number`, `subject` in this order, no white space, UTF-8, `at` in
microseconds since 1970, `data` exactly as stored, its keys sorted.
"""

from dataclasses import dataclass
from hashlib import sha256

import msgspec
from sqlalchemy import Connection, Row, bindparam, select

from watchpost.stores.sql.driver import microseconds
from watchpost.stores.sql.schema import journal
from watchpost.stores.store import Entry, Recorded, Store

BEGINNING = "0" * 64
_PAGE = 1000
_PAGED = select(journal).where(journal.c.number > bindparam("after")).order_by(journal.c.number).limit(_PAGE)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first line of the journal that does not follow from the line before; `why` in a sentence."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: number and hash of its last line. Kept elsewhere, it proves that nothing was cut off."""

    number: int
    hash: str


def stored_data(data: dict[str, object]) -> str:
    """The data of an entry as canonical JSON."""
    return msgspec.json.encode(data, order="deterministic").decode()


def line_hash(previous: str, number: int, entry: Entry, data: str) -> str:
    """The hash of a line; `data` is the entry's data as stored."""
    line = {
        "actor": entry.actor,
        "at": microseconds(entry.at),
        "data": msgspec.Raw(data.encode()),
        "kind": entry.kind,
        "number": number,
        "subject": entry.subject,
    }
    return sha256(previous.encode() + msgspec.json.encode(line)).hexdigest()


def recorded(row: Row[tuple[object, ...]]) -> Recorded:
    """A row of the journal as a line."""
    entry = Entry(row.at, row.kind, row.subject, row.actor, msgspec.json.decode(row.data, type=dict[str, object]))
    return Recorded(row.number, entry, row.hash, row.previous)


def verify(store: Store, anchor: Head | None = None) -> Broken | None:
    """Follow the chain from its beginning; the first line that is wrong or missing, or None if all is well.

    `anchor` is a head that was noted earlier: with it, lines cut off at the end are found too.
    """
    return store.read(lambda tx: _verify(tx.connection, anchor))


def _verify(connection: Connection, anchor: Head | None) -> Broken | None:
    head = Head(0, BEGINNING)
    while rows := connection.execute(_PAGED, {"after": head.number}).all():
        for row in rows:
            why = _fault(head, row)
            if why is not None:
                return Broken(head.number + 1, why)
            head = Head(row.number, row.hash)
            if anchor is not None and anchor.number == head.number and anchor.hash != head.hash:
                return Broken(head.number, "its hash is not the one that was noted earlier")
    if anchor is not None and head.number < anchor.number:
        return Broken(head.number + 1, f"the journal ends before line {anchor.number}, which was noted earlier")
    return None


def _fault(head: Head, row: Row[tuple[object, ...]]) -> str | None:
    if row.number != head.number + 1:
        return f"it is missing: line {row.number} follows line {head.number}"
    if row.previous != head.hash:
        return "it does not carry the hash of the line before"
    entry = Entry(row.at, row.kind, row.subject, row.actor, {})
    if line_hash(row.previous, row.number, entry, row.data) != row.hash:
        return "its content was changed: it does not have the hash it was recorded with"
    return None
