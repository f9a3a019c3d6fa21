"""An event taken apart: every value that is no object and no array, under its path, and where in arrays it stood."""

from collections.abc import Mapping
from dataclasses import dataclass

from watchpost.events.operators import Scalar

Place = tuple[tuple[int, int], ...]
"""The elements of arrays around a value, outermost first: (number of the array in the event, index in it)."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The values of an event by path; a path is the keys from the root, joined by dots."""

    values: Mapping[str, tuple[tuple[Scalar, Place], ...]]

    def at(self, path: str) -> tuple[tuple[Scalar, Place], ...]:
        """The values under the path with their places; none when it is missing, an object or an empty array."""
        return self.values.get(path, ())


def take_apart(event: Mapping[str, object]) -> Fields:
    """The fields of a JSON object.

    The elements of an array stand under the path of the array. Because keys are joined by dots, `{"a": {"b": 1}}` and
    `{"a.b": 1}` have the same fields, as in the service.
    """
    found: dict[str, list[tuple[Scalar, Place]]] = {}
    arrays = 0
    waiting: list[tuple[str | None, object, Place]] = [(None, event, ())]
    while waiting:
        path, value, place = waiting.pop()
        match value:
            case Mapping():
                stem = "" if path is None else f"{path}."
                waiting += [(stem + key, member, place) for key, member in reversed([*value.items()])]
            case list() | tuple():
                arrays += 1
                inner = any(isinstance(member, Mapping | list | tuple) for member in value)
                waiting += [
                    (path, member, (*place, (arrays, at)) if inner else place)
                    for at, member in reversed([*enumerate(value)])
                ]
            case None | str() | int() | float():
                found.setdefault(path or "", []).append((value, place))
            case _:
                raise TypeError(f"{path}: a {type(value).__name__} is no JSON value")
    return Fields({path: tuple(values) for path, values in found.items()})


def depth(value: object) -> int:
    """How many objects and arrays of a JSON value stand inside each other: 0 for a scalar, 1 for `{}`."""
    levels, here = 0, [value]
    while here := [one for one in here if isinstance(one, Mapping | list | tuple)]:
        levels += 1
        here = [inner for one in here for inner in (one.values() if isinstance(one, Mapping) else one)]
    return levels
