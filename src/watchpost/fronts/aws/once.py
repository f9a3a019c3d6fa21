"""Something made once for each key, by one thread, and read by all."""

from collections.abc import Callable
from threading import RLock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Once(Generic[K, V]):
    """What compiling a shape gives: nobody may see it half made, and nobody waits for what is ready."""

    def __init__(self) -> None:
        self._made: dict[K, V] = {}
        self._lock = RLock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, made now if it is the first time. Raises: what `make` raises; nothing is kept then."""
        try:
            return self._made[key]
        except KeyError:
            with self._lock:
                if key not in self._made:
                    self._made[key] = make()
                return self._made[key]
