"""The server as one value: a store, a clock and the use cases built on them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from uuid import uuid4

from watchpost.service.clock import Clock, SystemClock
from watchpost.service.configuration import Configuration
from watchpost.service.credentials import Credentials
from watchpost.service.health import Health, Pulse
from watchpost.service.home import prepared, server_name
from watchpost.service.lifecycle import Loop
from watchpost.service.self_metrics import SelfMetrics
from watchpost.stores.open import open_store
from watchpost.stores.store import Store

_STOP_SECONDS = 20.0


@dataclass(slots=True)
class Server:
    """Everything an operation may use; fronts get one and call its use cases.

    `name` is the same after every restart: what the server calls itself in claims and leases.
    """

    configuration: Configuration
    clock: Clock
    store: Store
    new_id: Callable[[], str]
    name: str
    credentials: Credentials
    self_metrics: SelfMetrics
    loops: tuple[Loop, ...] = ()
    pulse: Pulse = field(init=False)

    def __post_init__(self) -> None:
        self.pulse = Pulse(self.store, self.clock, self.name)

    def start(self) -> None:
        """Begin the background work: evaluation, schedules, deliveries, folding."""
        for loop in self.loops:
            loop.start()

    def health(self) -> Health:
        """What is alive: the store takes writes, every loop comes round."""
        return self.pulse.taken(tuple(loop.state for loop in self.loops))

    def close(self) -> None:
        """Stop the background work, wait for it, let go of the store. Closing twice is no fault."""
        for loop in self.loops:
            loop.stop()
        for loop in self.loops:
            loop.join(_STOP_SECONDS)
        self.store.close()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def random_id() -> str:
    """A new identifier: a random UUID."""
    return str(uuid4())


def open_server(
    configuration: Configuration, clock: Clock | None = None, new_id: Callable[[], str] = random_id
) -> Server:
    """The server of a home folder, its store open and its use cases built; nothing runs before `start`.

    Raises: Misconfigured: a setting makes no sense. StoreUnavailable: the database cannot be opened.
    """
    clock = clock or SystemClock()
    home = prepared(configuration.home)
    self_metrics = SelfMetrics()
    store = open_store(configuration.database or home / "watchpost.db", self_metrics.committed)
    try:
        return _composed(configuration, clock, new_id, store, self_metrics)
    except BaseException:
        store.close()
        raise


def _composed(
    configuration: Configuration, clock: Clock, new_id: Callable[[], str], store: Store, self_metrics: SelfMetrics
) -> Server:
    self_metrics.watch(
        "watchpost_queue_tasks", "Tasks in a work queue", "queue", lambda: store.read(lambda tx: tx.waiting())
    )
    name, credentials = server_name(configuration.home), Credentials(configuration.home)
    return Server(configuration, clock, store, new_id, name, credentials, self_metrics)
