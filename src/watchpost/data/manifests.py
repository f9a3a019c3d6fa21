"""Manifests: JSON that lists objects, as batch transform jobs leave them behind (contract 1.5)."""

import msgspec

from watchpost.errors import UnreadableSource


def parse_manifest(text: bytes, name: str) -> tuple[str, ...]:
    """The URIs that a manifest lists, in order.

    `[{"prefix": "s3://bucket/out/"}, "a.csv.out", "b.csv.out"]`; a single whole object has itself as prefix and "" as
    its only entry. Raises: UnreadableSource.

    >>> parse_manifest(b'[{"prefix": "s3://b/out/"}, "1.csv.out", "2.csv.out"]', "m.json")
    ('s3://b/out/1.csv.out', 's3://b/out/2.csv.out')
    """
    todo = 'Expected [{"prefix": "s3://bucket/folder/"}, "file", ...]'
    try:
        entries = msgspec.json.decode(text, type=list[dict[str, str] | str])
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise UnreadableSource(name, f"it is no manifest ({fault})", todo) from fault
    prefix, found = "", list[str]()
    for entry in entries:
        if isinstance(entry, dict):
            if "prefix" not in entry:
                raise UnreadableSource(name, "it has an entry without a prefix", todo)
            prefix = entry["prefix"]
        else:
            found.append(prefix + entry)
    return tuple(found)


def is_manifest(head: bytes) -> bool:
    """Whether a file's beginning is that of a manifest."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"[") and start[1:].lstrip().startswith(b"{") and b'"prefix"' in start[:200]
