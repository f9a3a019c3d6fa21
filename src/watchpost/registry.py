"""A family: many of one kind, one file each, found by its name.

A module in a family folder ends with one frozen record named `plugin`; the file's name is the member's name everywhere
(code, configuration, labels). Packages from outside join by an entry point in the group named like the folder.
"""

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Generic, TypeVar

from watchpost.errors import NameTaken, UnknownName, WrongFamily

T = TypeVar("T")


class Family(Generic[T]):
    """The members of one package, listed without importing them and loaded one at a time.

    Args: package: dotted name of the folder, also the entry-point group. kind: the record type every member must offer.
    """

    def __init__(self, package: str, kind: type[T]) -> None:
        self.package, self.kind = package, kind

    def names(self) -> tuple[str, ...]:
        """All names, sorted; no member is imported."""
        return tuple(sorted(self._built_in() | set(self._foreign())))

    def load(self, name: str) -> T:
        """The member of that name. Raises: UnknownName, NameTaken, WrongFamily."""
        built_in, foreign = self._built_in(), self._foreign()
        if name in built_in and name in foreign:
            raise NameTaken(self.package, name, foreign[name].value)
        if name not in built_in and name not in foreign:
            raise UnknownName(self.package, name, self.names())
        plugin = import_module(f"{self.package}.{name}").plugin if name in built_in else foreign[name].load()
        if not isinstance(plugin, self.kind):
            raise WrongFamily(self.package, name, type(plugin))
        return plugin

    def _built_in(self) -> set[str]:
        return {m.name for m in iter_modules(import_module(self.package).__path__) if not m.name.startswith("_")}

    def _foreign(self) -> dict[str, EntryPoint]:
        return {e.name: e for e in entry_points(group=self.package)}
