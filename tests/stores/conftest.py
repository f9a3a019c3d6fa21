"""Stores of both databases, under one name."""

from collections.abc import Iterator

import pytest

from watchpost.stores.open import open_store
from watchpost.stores.store import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where an empty database is: of SQLite, then of PostgreSQL."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return str(tmp_path_factory.mktemp("database") / "watchpost.db")


@pytest.fixture
def any_store(database: str) -> Iterator[Store]:
    """An empty store, of SQLite and of PostgreSQL."""
    store = open_store(database)
    yield store
    store.close()
