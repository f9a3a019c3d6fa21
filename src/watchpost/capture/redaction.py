"""Fields that must not be written as they are: nothing, or a keyed hash, takes their place."""

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import blake2b

from watchpost.capture.fields import Change, Field, Side


def replacements(side: Side, redact: Sequence[Field], hashed: Sequence[Field], key: bytes) -> Mapping[Field, Change]:
    """What replaces the fields of one side. A field named twice is redacted."""
    hashing = partial(keyed_hash, key=key)
    changes: dict[Field, Change] = {field: hashing for field in hashed if field.side == side}
    return changes | {field: nothing for field in redact if field.side == side}


def nothing(_cell: str | None) -> None:
    """An empty CSV cell, a JSON null."""


def keyed_hash(cell: str | None, key: bytes) -> str | None:
    """32 hex digits that only who has the key can test a guess against; a missing cell stays missing.

    Equal texts give equal digits, so counts of distinct values, categories and joins stay possible. A number is hashed
    as its JSON text. Source: BLAKE2, RFC 7693, keyed.

    >>> keyed_hash("4111", b"secret")
    '...'
    """
    return None if cell is None else blake2b(cell.encode(), key=key, digest_size=16).hexdigest()
