"""Open the store that a URL or path names."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchpost.stores.store import Store

Observer = Callable[[int, float], None]


def open_store(where: str | Path, observe: Observer = lambda _works, _seconds: None) -> "Store":
    """The store at `where`, its tables created or brought up to date.

    Args: where: a path or `sqlite:///path` for SQLite; `sqlite://` for a private database that vanishes when it is
    closed (for tests and trials; survives no crash); `postgresql://user@host/name` for PostgreSQL, which several
    servers may share. observe: called after each commit with the number of works in it and the seconds it took.
    Raises: StoreUnavailable: it cannot be opened, or a newer release wrote it.
    """
    from watchpost.stores.sql.store import open_sql_store  # noqa: PLC0415 - SQLAlchemy takes 0.2 s to import

    return open_sql_store(str(where), observe)
