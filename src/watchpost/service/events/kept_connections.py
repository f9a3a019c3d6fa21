"""Connections as they lie in the store: their secrets sealed with the key of the home folder."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from watchpost.documents import Kind
from watchpost.errors import Misconfigured
from watchpost.events.destinations import Connection
from watchpost.service.sealing import SecretKey


@dataclass(frozen=True, slots=True)
class KeptConnection:
    """A connection whose secrets are sealed; not yet, if a release wrote it that did not seal (`sealed` false)."""

    connection: Connection
    sealed: bool


CONNECTION = Kind(
    "event-connection",
    KeptConnection,
    version=2,
    upgrades={1: lambda plain: {"connection": plain, "sealed": False}},
)


def kept(connection: Connection, key: SecretKey) -> KeptConnection:
    """The connection with its secrets sealed. Raises: Misconfigured: the key cannot be read."""
    return KeptConnection(_each_secret(connection, lambda text: key.seal(text, connection.arn)), sealed=True)


def opened(stored: KeptConnection, key: SecretKey) -> Connection:
    """The connection with its secrets. Raises: Misconfigured: they were sealed with a key that is not there."""
    connection = stored.connection
    if not stored.sealed:
        return connection
    return _each_secret(connection, lambda text: key.open(text, connection.arn))


def opened_or_blank(stored: KeptConnection, key: SecretKey) -> tuple[Connection, bool]:
    """The connection to be changed, and whether its secrets are lost: then they are empty, to be given anew."""
    try:
        return opened(stored, key), False
    except Misconfigured:
        return without_secrets(stored), True


def without_secrets(stored: KeptConnection) -> Connection:
    """The connection as it is shown."""
    return _each_secret(stored.connection, lambda _: "")


def misses_secrets(connection: Connection) -> bool:
    """Whether a secret is empty."""
    return not connection.secret or any(each.secret and not each.value for each in connection.parameters)


def _each_secret(connection: Connection, change: Callable[[str], str]) -> Connection:
    parameters = tuple(
        replace(each, value=change(each.value)) if each.secret else each for each in connection.parameters
    )
    return replace(connection, secret=change(connection.secret), parameters=parameters)
