"""Event buses beside the default one, which is always there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from watchpost.errors import Refused
from watchpost.events.rules import DEFAULT_BUS, Bus, bus_arn
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.events.documents import BUS, RULE, key, must_exist
from watchpost.service.events.rules import merged_tags
from watchpost.stores.store import Entry, Store, Transaction
from watchpost.windows import EPOCH

MOST_BUSES = 100


class EventBuses:
    """The buses of the server."""

    def __init__(self, store: Store, clock: Clock, configuration: Configuration) -> None:
        self._store, self._clock = store, clock
        self._region, self._account = configuration.region, configuration.account

    def create(self, name: str, description: str | None, tags: Mapping[str, str], actor: str) -> Bus:
        """Make a bus. Raises: Refused: ResourceAlreadyExistsException, ValidationException, LimitExceededException."""
        if "/" in name:
            raise Refused(
                "ValidationException", "Event bus name must not contain '/': partner buses are not supported."
            )
        now = self._clock.now()
        arn = bus_arn(self._region, self._account, name)
        bus = Bus(name, arn, now, now, description, merged_tags((), tags, ()))

        def work(tx: Transaction) -> None:
            if name == DEFAULT_BUS or tx.get(BUS, name) is not None:
                raise Refused("ResourceAlreadyExistsException", f"Event bus {name} already exists.")
            if len(tx.scan(BUS, limit=MOST_BUSES)) >= MOST_BUSES:
                raise Refused("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
            tx.put(BUS, name, bus)
            tx.record(Entry(now, "event-bus.create", arn, actor, {"description": description}))

        self._store.write(work)
        return bus

    def describe(self, name: str) -> Bus:
        """The bus. Raises: Refused: ResourceNotFoundException."""

        def work(tx: Transaction) -> Bus:
            must_exist(tx, name)
            return tx.get(BUS, name) or self._default()

        return self._store.read(work)

    def buses(self, prefix: str = "", after: str = "", limit: int = 100) -> list[Bus]:
        """Buses whose names start with `prefix` and are greater than `after`, by name, the default one among them."""
        made = self._store.read(lambda tx: tx.scan(BUS, prefix=prefix, after=after, limit=limit))
        found = dict(made)
        if DEFAULT_BUS.startswith(prefix) and after < DEFAULT_BUS:
            found.setdefault(DEFAULT_BUS, self._default())
        return [found[name] for name in sorted(found)][:limit]

    def update(self, name: str, description: str | None, actor: str) -> Bus:
        """Change the description. Raises: Refused: ResourceNotFoundException."""
        return self._change(name, "event-bus.update", actor, lambda bus: replace(bus, description=description))

    def tag(self, name: str, added: Mapping[str, str], removed: Sequence[str], actor: str) -> None:
        """Add, change and remove tags. Raises: Refused: ResourceNotFoundException, LimitExceededException."""
        self._change(
            name, "event-bus.tags", actor, lambda bus: replace(bus, tags=merged_tags(bus.tags, added, removed))
        )

    def delete(self, name: str, actor: str) -> None:
        """Remove a bus; one that is not there is no fault. Raises: Refused: ValidationException: it has rules."""
        if name == DEFAULT_BUS:
            raise Refused("ValidationException", "Cannot delete event bus default.")
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            bus = tx.get(BUS, name)
            if bus is None:
                return
            if tx.scan(RULE, prefix=key(name, ""), limit=1):
                raise Refused("ValidationException", "Event bus can't be deleted since it has rules.")
            tx.delete(BUS, name)
            tx.record(Entry(now, "event-bus.delete", bus.arn, actor, {}))

        self._store.write(work)

    def _default(self) -> Bus:
        return Bus(DEFAULT_BUS, bus_arn(self._region, self._account, DEFAULT_BUS), EPOCH, EPOCH)

    def _change(self, name: str, kind: str, actor: str, changed: Callable[[Bus], Bus]) -> Bus:
        now = self._clock.now()

        def work(tx: Transaction) -> Bus:
            must_exist(tx, name)
            # The default bus has a document from its first change on; it can be neither made nor removed.
            bus = replace(changed(tx.get(BUS, name) or self._default()), changed=now)
            tx.put(BUS, name, bus)
            tx.record(Entry(now, kind, bus.arn, actor, {"description": bus.description, "tags": dict(bus.tags)}))
            return bus

        return self._store.write(work)
