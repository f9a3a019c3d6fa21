"""Connections and API destinations: made, changed, listed and removed. Secrets are sealed and never shown again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.events.destinations import Connection, Destination
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.events.kept_connections import (
    CONNECTION,
    KeptConnection,
    kept,
    misses_secrets,
    opened_or_blank,
    without_secrets,
)
from watchpost.service.sealing import SecretKey
from watchpost.stores.store import Entry, Store, Transaction

API_DESTINATION = Kind("api-destination", Destination)


def destination_key(arn: str) -> str:
    """The key of an API destination that an ARN names: its name."""
    return arn.partition("api-destination/")[2].partition("/")[0]


def connection_key(arn: str) -> str:
    """The key of a connection that an ARN names: its name."""
    return arn.partition("connection/")[2].partition("/")[0]


class Connections:
    """What API destinations are reached through.

    Connections that are returned have no secrets: those leave the store with an invocation only.
    """

    def __init__(
        self, store: Store, clock: Clock, configuration: Configuration, new_id: Callable[[], str], key: SecretKey
    ) -> None:
        self._store, self._clock, self._new_id, self._key = store, clock, new_id, key
        self._prefix = f"arn:aws:events:{configuration.region}:{configuration.account}"

    def create(self, wanted: Connection, actor: str) -> Connection:
        """Make a connection; `arn`, `created` and `changed` are ours.

        Raises: Refused: ResourceAlreadyExistsException.
        """
        now = self._clock.now()
        made = replace(
            wanted, arn=f"{self._prefix}:connection/{wanted.name}/{self._new_id()}", created=now, changed=now
        )
        sealed = kept(made, self._key)

        def work(tx: Transaction) -> None:
            if tx.get(CONNECTION, made.name) is not None:
                raise Refused("ResourceAlreadyExistsException", f"Connection {made.name} already exists.")
            _write_connection(tx, sealed, "event-connection.create", actor, now)

        self._store.write(work)
        return without_secrets(sealed)

    def describe(self, name: str) -> Connection:
        """The connection. Raises: Refused: ResourceNotFoundException."""
        return without_secrets(self._store.read(lambda tx: _connection(tx, name)))

    def change(self, name: str, changed: Callable[[Connection], Connection], actor: str) -> Connection:
        """Change a connection; one whose secrets are lost with their key is deauthorised until they are given anew.

        Raises: Refused: ResourceNotFoundException, and what `changed` raises.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> Connection:
            before, lost = opened_or_blank(_connection(tx, name), self._key)
            connection = replace(changed(before), changed=now)
            if lost and misses_secrets(connection):
                connection = replace(connection, live=False)
            sealed = kept(connection, self._key)
            _write_connection(tx, sealed, "event-connection.update", actor, now)
            return without_secrets(sealed)

        return self._store.write(work)

    def delete(self, name: str, actor: str) -> Connection:
        """Remove a connection; what it was. Raises: Refused: ResourceNotFoundException."""
        now = self._clock.now()

        def work(tx: Transaction) -> Connection:
            connection = without_secrets(_connection(tx, name))
            tx.delete(CONNECTION, name)
            tx.record(Entry(now, "event-connection.delete", connection.arn, actor, {}))
            return connection

        return self._store.write(work)

    def connections(self, prefix: str = "", after: str = "", limit: int = 100) -> list[Connection]:
        """Connections whose names start with `prefix` and are greater than `after`, by name."""
        found = self._store.read(lambda tx: tx.scan(CONNECTION, prefix=prefix, after=after, limit=limit))
        return [without_secrets(connection) for _, connection in found]

    def seal(self) -> int:
        """Seal the secrets that a release wrote which did not do so; how many connections that were.

        Raises: Misconfigured: the key in the home folder cannot be read.
        """
        plain = [
            (name, kept(each.connection, self._key))
            for name, each in self._store.read(lambda tx: tx.scan(CONNECTION))
            if not each.sealed
        ]

        def work(tx: Transaction) -> None:
            for name, sealed in plain:
                found = tx.get(CONNECTION, name)
                if found is not None and not found.sealed and found.connection.changed == sealed.connection.changed:
                    tx.put(CONNECTION, name, sealed)

        if plain:
            self._store.write(work)
        return len(plain)

    def create_destination(self, wanted: Destination, actor: str) -> Destination:
        """Make an API destination; `arn`, `created` and `changed` are ours.

        Raises: Refused: ResourceAlreadyExistsException, ValidationException, ResourceNotFoundException (connection).
        """
        now = self._clock.now()
        arn = f"{self._prefix}:api-destination/{wanted.name}/{self._new_id()}"
        made = replace(wanted, arn=arn, created=now, changed=now)

        def work(tx: Transaction) -> None:
            if tx.get(API_DESTINATION, made.name) is not None:
                raise Refused("ResourceAlreadyExistsException", f"ApiDestination {made.name} already exists.")
            _write_destination(tx, made, "api-destination.create", actor, now)

        self._store.write(work)
        return made

    def describe_destination(self, name: str) -> Destination:
        """The API destination. Raises: Refused: ResourceNotFoundException."""
        return self._store.read(lambda tx: _destination(tx, name))

    def change_destination(self, name: str, changed: Callable[[Destination], Destination], actor: str) -> Destination:
        """Change an API destination. Raises: Refused: ResourceNotFoundException, ValidationException."""
        now = self._clock.now()

        def work(tx: Transaction) -> Destination:
            destination = replace(changed(_destination(tx, name)), changed=now)
            _write_destination(tx, destination, "api-destination.update", actor, now)
            return destination

        return self._store.write(work)

    def delete_destination(self, name: str, actor: str) -> None:
        """Remove an API destination. Raises: Refused: ResourceNotFoundException."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            destination = _destination(tx, name)
            tx.delete(API_DESTINATION, name)
            tx.record(Entry(now, "api-destination.delete", destination.arn, actor, {}))

        self._store.write(work)

    def destinations(
        self, prefix: str = "", connection: str | None = None, after: str = "", limit: int = 100
    ) -> list[Destination]:
        """API destinations by name: of a prefix, greater than `after`, of one connection (its ARN) or of any."""
        found = self._store.read(lambda tx: tx.scan(API_DESTINATION, prefix=prefix, after=after))
        return [one for _, one in found if connection in (None, one.connection)][:limit]


def _connection(tx: Transaction, name: str) -> KeptConnection:
    connection = tx.get(CONNECTION, name)
    if connection is None:
        raise Refused(
            "ResourceNotFoundException", f"Failed to describe the connection(s). Connection '{name}' does not exist."
        )
    return connection


def _destination(tx: Transaction, name: str) -> Destination:
    destination = tx.get(API_DESTINATION, name)
    if destination is None:
        raise Refused(
            "ResourceNotFoundException",
            f"Failed to describe the api-destination(s). An api-destination '{name}' does not exist.",
        )
    return destination


def _write_connection(tx: Transaction, sealed: KeptConnection, kind: str, actor: str, now: datetime) -> None:
    connection = sealed.connection
    tx.put(CONNECTION, connection.name, sealed)
    tx.record(
        Entry(now, kind, connection.arn, actor, {"authorization": connection.authorization, "live": connection.live})
    )


def _write_destination(tx: Transaction, destination: Destination, kind: str, actor: str, now: datetime) -> None:
    if not destination.endpoint.startswith(("https://", "http://")):
        raise Refused(
            "ValidationException", "Parameter InvocationEndpoint is not valid. Expected an http or https address."
        )
    connection = tx.get(CONNECTION, connection_key(destination.connection))
    if connection is None or connection.connection.arn != destination.connection:
        raise Refused("ResourceNotFoundException", f"Connection '{destination.connection}' does not exist.")
    tx.put(API_DESTINATION, destination.name, destination)
    data: dict[str, object] = {"endpoint": destination.endpoint, "connection": destination.connection}
    tx.record(Entry(now, kind, destination.arn, actor, data))
