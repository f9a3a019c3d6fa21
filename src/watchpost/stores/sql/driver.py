"""SQL handed to the database's driver as it is, for the statements of every transaction.

SQLAlchemy takes 17 µs to execute a statement on whose one row SQLite works for 3 µs. The statements of documents, the
queue and the journal are few and run by the million, so they are written out in the SQL that both databases speak, `?`
where a value goes. Failures are SQLAlchemy's own, as of any other statement.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor, DBAPIModule
from sqlalchemy.exc import DBAPIError

from watchpost.stores.sql.schema import EPOCH, MICROSECOND

Value = str | bytes | int | None
"""What a statement's `?` stands for; instants go as `microseconds`."""


class Driver:
    """The driver below a connection that is in a transaction."""

    __slots__ = ("_connection", "_dbapi", "_question_mark")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dbapi = connection.connection.dbapi_connection
        self._question_mark = connection.dialect.paramstyle == "qmark"

    def rows(self, statement: str, *values: Value) -> Sequence[Any]:  # a driver does not know its columns' types
        """The rows that a statement returns, as tuples. Raises: sqlalchemy.exc.DBAPIError."""
        try:
            return self._executed(statement, values).fetchall()
        except self._faults as fault:
            raise self._told(statement, fault) from fault

    def change(self, statement: str, *values: Value) -> int:
        """Run a statement that returns nothing; how many rows it changed. Raises: sqlalchemy.exc.DBAPIError."""
        try:
            return self._executed(statement, values).rowcount
        except self._faults as fault:
            raise self._told(statement, fault) from fault

    def _executed(self, statement: str, values: Sequence[Value]) -> DBAPICursor:
        assert self._dbapi is not None
        cursor = self._dbapi.cursor()
        cursor.execute(statement if self._question_mark else statement.replace("?", "%s"), values)
        return cursor

    @property
    def _faults(self) -> type[DBAPIModule.Error]:
        return self._connection.dialect.loaded_dbapi.Error

    def _told(self, statement: str, fault: DBAPIModule.Error) -> Exception:
        """The driver's failure as SQLAlchemy tells it; a connection that is lost is not used again."""
        lost = self._connection.dialect.is_disconnect(fault, self._connection.connection, None)
        if lost:
            self._connection.invalidate(fault)
        told = DBAPIError.instance(statement, None, fault, self._faults, connection_invalidated=lost)
        assert isinstance(told, Exception)
        return told


def microseconds(at: datetime) -> int:
    """An aware instant as it is stored. Raises: TypeError: it is naive."""
    return (at - EPOCH) // MICROSECOND


def instant(stored: int) -> datetime:
    """The aware datetime, in UTC, of a stored instant."""
    return EPOCH + stored * MICROSECOND
