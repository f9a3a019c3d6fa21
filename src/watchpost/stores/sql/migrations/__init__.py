"""The history of the tables: one module a revision in `versions/`, its file name starting with its number.

A new database gets today's tables at once; an older one is taken through the revisions it has not seen. Both ways lead
to the same tables (held by a test). `python -m watchpost.stores.sql.migrations NAME` writes the next revision: the
difference between the last one and the tables as they are declared.
"""

from importlib import import_module
from pkgutil import iter_modules

from sqlalchemy import Connection, inspect, select, update

from watchpost.errors import StoreUnavailable
from watchpost.stores.sql.engines import Engines
from watchpost.stores.sql.migrations import versions
from watchpost.stores.sql.schema import alembic_version, metadata


def revisions() -> dict[str, str]:
    """Every revision, oldest first: its number, and the name of its module."""
    modules = sorted(module.name for module in iter_modules(versions.__path__))
    return {name.partition("_")[0]: f"{versions.__name__}.{name}" for name in modules}


def bring_up_to_date(engines: Engines) -> None:
    """Create the tables or run the revisions that are missing, in one transaction.

    Raises: StoreUnavailable: a newer release wrote this database.
    """
    known = revisions()
    latest = max(known)
    with engines.writing.connect() as connection, connection.begin():
        present = _version(connection)
        if present == latest:
            return
        if present is None:
            metadata.create_all(connection)
            connection.execute(alembic_version.insert(), {"version_num": latest})
            return
        if present not in known:
            raise StoreUnavailable(
                engines.name,
                f"has tables of revision {present!r}, this release knows up to {latest!r}",
                "A newer release wrote it: upgrade Watchpost, or restore the backup made before the upgrade",
            )
        _upgrade(connection, [module for number, module in known.items() if number > present])
        connection.execute(update(alembic_version).values(version_num=latest))


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(alembic_version.name):
        return None
    return connection.execute(select(alembic_version.c.version_num)).scalar()


def _upgrade(connection: Connection, modules: list[str]) -> None:
    # Only who upgrades pays for importing alembic.
    from alembic.migration import MigrationContext  # noqa: PLC0415
    from alembic.operations import Operations  # noqa: PLC0415

    with Operations.context(MigrationContext.configure(connection)):
        for module in modules:
            import_module(module).upgrade()
