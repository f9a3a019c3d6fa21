"""The history of the tables leads to the tables as they are declared."""

from importlib import import_module

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, inspect, text

from watchpost.errors import Misconfigured, StoreUnavailable
from watchpost.stores.open import open_store
from watchpost.stores.sql import migrations
from watchpost.stores.sql.engines import connect
from watchpost.stores.sql.schema import alembic_version, metadata
from watchpost.stores.sql.store import define_every_table


def migrated(connection: Connection) -> MigrationContext:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": metadata})
    with Operations.context(context):
        for module in migrations.revisions().values():
            import_module(module).upgrade()
    alembic_version.create(connection)
    return context


def shape(connection: Connection) -> dict[str, object]:
    """Columns, keys and indexes of every table, as the database tells them."""
    seen = inspect(connection)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(table)],
            seen.get_pk_constraint(table),
            sorted((i["name"] or "", i["column_names"], i["unique"]) for i in seen.get_indexes(table)),
            sorted(seen.get_unique_constraints(table), key=str),
        )
        for table in sorted(seen.get_table_names())
    }


def test_the_revisions_lead_to_the_declared_tables(database: str) -> None:
    define_every_table()
    engines = connect(database)
    with engines.writing.connect() as connection, connection.begin():
        assert compare_metadata(migrated(connection), metadata) == []
        stepwise = shape(connection)
        connection.rollback()
    with engines.writing.connect() as connection, connection.begin():
        metadata.create_all(connection)
        assert shape(connection) == stepwise
    engines.dispose()


def test_revisions_are_numbered_without_a_gap() -> None:
    assert list(migrations.revisions()) == [f"{n + 1:04}" for n in range(len(migrations.revisions()))]


def test_opening_again_finds_everything_in_its_place(database: str) -> None:
    open_store(database).close()
    open_store(database).close()


def test_a_store_of_a_newer_release_is_refused(database: str) -> None:
    store = open_store(database)
    store.write(lambda tx: tx.connection.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None)
    store.close()
    with pytest.raises(StoreUnavailable, match=r"revision '9999'.*A newer release wrote it: upgrade Watchpost"):
        open_store(database)


def test_a_file_that_is_no_database_is_refused(tmp_path: object) -> None:
    path = f"{tmp_path}/notes.txt"
    with open(path, "w") as file:  # noqa: PTH123
        file.write("not a database, but long enough to be looked at as if it were one" * 20)
    with pytest.raises(StoreUnavailable, match=r"notes\.txt.*not a database"):
        open_store(path)


def test_a_database_that_cannot_be_reached_is_told_without_its_password() -> None:
    pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed")
    with pytest.raises(StoreUnavailable) as told:
        open_store("postgresql://me:secret@127.0.0.1:1/none")
    assert "127.0.0.1:1" in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("where", ["mysql://me@host/name", "postgres ql://x", "sqlite://host/path"])
def test_another_kind_of_database_is_refused(where: str) -> None:
    with pytest.raises(Misconfigured, match="postgresql://"):
        open_store(where)
