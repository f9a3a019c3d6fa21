"""The pattern language of events: which events a rule is about.

A pattern is a JSON object shaped like the event. At its leaves stand arrays: of the values and operators of one array
any may hold, of all leaves every one must. An array in the event matches when one of its elements does; when leaves
speak of members of objects in one array, the same element must satisfy them all.

Source: Amazon EventBridge user guide, "Event patterns"; Event Ruler for arrays of objects.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from watchpost.errors import Refused
from watchpost.events.fields import Fields, Place, take_apart
from watchpost.events.operators import Leaf, MalformedPattern, compile_leaf

MOST_COMBINATIONS = 1000
"""How many combinations the `$or` of a pattern may multiply to (the service's own bound)."""

Branch = tuple[tuple[str, Leaf], ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern: it holds when every leaf of one of its branches does."""

    branches: tuple[Branch, ...]

    def matches(self, event: Mapping[str, object]) -> bool:
        """Whether it holds for an event, a JSON object."""
        return self.matches_fields(take_apart(event))

    def matches_fields(self, fields: Fields) -> bool:
        """Whether it holds for an event that was taken apart already, as one event is for many patterns."""
        return any(_holds(branch, fields) for branch in self.branches)

    def strings(self, path: str) -> frozenset[str] | None:
        """The only values of the field under which it can hold, when all are strings; None when it cannot be told."""
        found = set[str]()
        for branch in self.branches:
            told = [leaf.strings for at, leaf in branch if at == path and leaf.strings is not None]
            if not told:
                return None
            found |= told[0]
        return frozenset(found)


def compile_pattern(text: str) -> Pattern:
    """The pattern a JSON text stands for.

    Raises: Refused: InvalidEventPatternException, in the service's words.
    """
    try:
        parsed = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
        raise _invalid(f"{problem}") from None
    try:
        return compile_parsed(parsed)
    except MalformedPattern as problem:
        raise _invalid(problem.reason) from None
    except RecursionError:
        raise _invalid("It is nested too deeply") from None


def compile_parsed(pattern: object) -> Pattern:
    """The pattern a JSON value stands for. Raises: MalformedPattern."""
    if not isinstance(pattern, Mapping):
        raise MalformedPattern("Filter is not an object")
    return Pattern(tuple(_branches(pattern, "")))


def _invalid(reason: str) -> Refused:
    return Refused("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")


def _branches(pattern: Mapping[str, object], stem: str) -> list[Branch]:
    if not pattern:
        raise MalformedPattern("Empty objects are not allowed")
    product: list[Branch] = [()]
    for key, value in pattern.items():
        factors = _alternatives(value, stem) if key == "$or" else _of_key(key, value, stem)
        if len(product) * len(factors) > MOST_COMBINATIONS:
            raise MalformedPattern(
                f"Rule is too complex - its $or arrays multiply to more than {MOST_COMBINATIONS} combinations"
            )
        product = [(*first, *second) for first in product for second in factors]
    return product


def _of_key(key: str, value: object, stem: str) -> list[Branch]:
    if isinstance(value, Mapping):
        return _branches(value, f"{stem}{key}.")
    if not isinstance(value, list | tuple):
        raise MalformedPattern(f'"{key}" must be an object or an array')
    return [((f"{stem}{key}", compile_leaf(value)),)]


def _alternatives(value: object, stem: str) -> list[Branch]:
    if not isinstance(value, list | tuple):
        raise MalformedPattern("It must be an Array followed with $or.")
    if not all(isinstance(member, Mapping) for member in value):
        raise MalformedPattern("Only JSON object is allowed in array of $or relationship.")
    if len(value) < 2:
        raise MalformedPattern("There must have at least 2 Objects in $or relationship.")
    return [branch for member in value for branch in _branches(member, stem)]


def _holds(branch: Branch, fields: Fields) -> bool:
    chosen: list[tuple[Place, ...]] = []
    absent: list[tuple[Place, ...]] = []
    either: list[tuple[tuple[Place, ...], tuple[Place, ...]]] = []
    for path, leaf in branch:
        values = fields.at(path)
        if not values:
            if not leaf.absent:
                return False
            continue
        places = tuple(place for value, place in values if leaf.accepts(value))
        if () in places:
            continue
        if not leaf.absent:
            if not places:
                return False
            chosen.append(places)
        elif places:
            either.append((places, tuple(place for _, place in values)))
        else:
            absent.append(tuple(place for _, place in values))
    if not (chosen or absent or either):
        return True
    return any(_consistent([*chosen, *one], [*absent, *other]) for one, other in _choices(either))


Places = list[tuple[Place, ...]]


def _choices(either: list[tuple[tuple[Place, ...], tuple[Place, ...]]]) -> Iterator[tuple[Places, Places]]:
    """Every way to let each leaf that accepts a value or none be satisfied by a value, or by there being none."""
    if not either:
        yield [], []
        return
    (places, all_places), *rest = either
    for chosen, absent in _choices(rest):
        yield [places, *chosen], absent
        yield chosen, [all_places, *absent]


def _consistent(chosen: Places, absent: Places) -> bool:
    """Whether one element of each array can be picked so that every chosen leaf finds a place, no absent one does.

    A leaf is blocked by every value that does not stand in another element of an array that was picked from.
    """
    absent = [places for places in absent if places]
    if any(() in places for places in absent):
        return False
    chosen = [places for places in chosen if () not in places]
    if not chosen:
        return not absent
    array = chosen[0][0][0][0]
    here = [all(place[0][0] == array for place in places) for places in chosen]
    inner = [places for places, inside in zip(chosen, here, strict=True) if inside]
    outer = [places for places, inside in zip(chosen, here, strict=True) if not inside]
    if not inner:  # one leaf, places in several arrays: keys with dots in them can do that
        first, *others = chosen
        return any(_consistent([(place,), *others], absent) for place in first)
    apart = [tuple(place for place in places if place[0][0] != array) for places in absent]
    if not _consistent(outer, apart):
        return False
    blocking = [tuple(place for place in places if place[0][0] == array) for places in absent]
    elements = sorted({place[0][1] for place in inner[0]})
    return any(_inside(inner, blocking, element) for element in elements)


def _inside(chosen: Places, absent: Places, element: int) -> bool:
    """Whether that element of the array that all these places are in can be the one that is picked."""
    within = [tuple(place[1:] for place in places if place[0][1] == element) for places in chosen]
    if not all(within):
        return False
    return _consistent(within, [tuple(p[1:] for p in places if p[0][1] == element) for places in absent])
