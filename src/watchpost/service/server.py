"""The server as one value: a store, a clock and the use cases built on them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchpost.service.clock import Clock
    from watchpost.service.configuration import Configuration
    from watchpost.stores.store import Store


@dataclass(slots=True)
class Server:
    """Everything an operation may use; fronts get one and call its use cases."""

    configuration: "Configuration"
    clock: "Clock"
    store: "Store"
    new_id: "Callable[[], str]"
