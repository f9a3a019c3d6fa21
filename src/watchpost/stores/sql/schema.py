"""The tables that every chapter shares, and the MetaData that a chapter's own tables join.

Works on SQLite and PostgreSQL alike. Text that is compared or sorted has the type `NAME`: it sorts by code point on
both. Instants are stored as whole microseconds since 1970, so they come back exactly as they went in.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

# Constraints and indexes have names of their own, so that a migration can speak of them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# SQLite compares bytes of UTF-8, which is the order of code points; PostgreSQL must be told to.
NAME = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite counts rows by itself only in a column called exactly INTEGER.
ROW_ID = BigInteger().with_variant(Integer, "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970 (UTC)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Microseconds of an aware datetime; a naive one is refused by the subtraction (TypeError)."""
        del dialect
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """The aware datetime in UTC."""
        del dialect
        return None if value is None else EPOCH + value * MICROSECOND


documents = Table(
    "documents",
    metadata,
    Column("kind", NAME, primary_key=True),
    Column("key", NAME, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    # A scan reads one kind in key order: rows lie in that order on disk.
    sqlite_with_rowid=False,
)

revisions = Table(
    "revisions",
    metadata,
    Column("kind", NAME, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("queue", NAME, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("due", Instant, nullable=False),
    Column("enqueued", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("worker", NAME, nullable=True),
    Column("claimed", Instant, nullable=True),
    # Ids are never given out twice, not even after the newest task is gone.
    sqlite_autoincrement=True,
)
Index(None, tasks.c.queue, tasks.c.worker, tasks.c.due, tasks.c.id)

journal = Table(
    "journal",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("kind", NAME, nullable=False),
    Column("subject", NAME, nullable=False),
    Column("actor", NAME, nullable=False),
    Column("data", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
)
Index(None, journal.c.subject, journal.c.number)
Index(None, journal.c.kind, journal.c.number)

# The revision of the tables themselves, in alembic's own table and words.
alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), primary_key=True),
)
