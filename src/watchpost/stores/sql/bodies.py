"""Documents of one kind as they lie in the store: for readers that need a little of each of very many."""

from sqlalchemy import Connection, bindparam, select

from watchpost.stores.sql.schema import documents

_ALL = select(documents.c.key, documents.c.body).where(documents.c.kind == bindparam("kind")).order_by(documents.c.key)
# Rows that are let go of before there are 700 of them never wake the garbage collector, whose rounds through all
# objects of a server take longer than reading ten thousand documents.
_AT_ONCE = 250


def bodies(connection: Connection, kind: str) -> tuple[list[str], list[bytes]]:
    """Keys in order, and the encoded documents behind them (`documents.Kind.decode` reads one)."""
    keys: list[str] = []
    found: list[bytes] = []
    for rows in connection.execute(_ALL, {"kind": kind}).partitions(_AT_ONCE):
        keys += [row[0] for row in rows]
        found += [row[1] for row in rows]
    return keys, found
