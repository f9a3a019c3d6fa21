"""Values shaped like JSON against the model: readers and writers, compiled once for each shape.

JSON and CBOR differ in how members are called and how single values look (`Dialect`); everything else is here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from watchpost.fronts.aws.model import Shape
from watchpost.fronts.aws.scalars import epoch, unfit
from watchpost.fronts.aws.wire import Mismatch

Conversion = Callable[[object], object]

# No served model nests a free-form document deeper than a person would.
_DOCUMENT_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a protocol writes what is in the tree.

    `key` gives a member's name on the wire; `readers` and `writers` make the conversion of a single value's shape, by
    its kind. What has no writer goes out as it stands.
    """

    key: Callable[[str, Shape], str]
    readers: Mapping[str, Callable[[Shape], Conversion]]
    writers: Mapping[str, Callable[[Shape], Conversion]]


class Reader:
    """Compiles shapes into functions from the parsed tree to the operation's input; unknown members are ignored."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._structures: dict[str, Conversion] = {}

    def of(self, shape: Shape) -> Conversion:
        """The function for a shape. It raises Mismatch where a value is not of the shape's type."""
        if shape.document:
            return _document
        match shape.kind:
            case "structure":
                return self._structures.get(shape.name) or self._structure(shape)
            case "list":
                return _list_reader(self.of(shape.member))
            case "map":
                return _map_reader(self.of(shape.key), self.of(shape.value))
            case kind:
                return self._dialect.readers[kind](shape)

    def fields(self, shape: Shape, names: Sequence[str]) -> Conversion:
        """The function for a structure of which only the members `names` are in the tree."""
        fields = {self._dialect.key(name, shape.members[name]): (name, self.of(shape.members[name])) for name in names}
        return _structure_reader(fields)

    def _structure(self, shape: Shape) -> Conversion:
        fields: dict[str, tuple[str, Conversion]] = {}
        # Known before its members are, so that a shape may hold itself.
        self._structures[shape.name] = read = _structure_reader(fields)
        for name, member in shape.members.items():
            fields[self._dialect.key(name, member)] = (name, self.of(member))
        return read


def _structure_reader(fields: Mapping[str, tuple[str, Conversion]]) -> Conversion:
    def read(value: object) -> object:
        if type(value) is not dict:
            raise unfit(value, "structure")
        members: dict[str, object] = {}
        name = ""
        try:
            for key, item in value.items():
                field = fields.get(key)
                if field is not None and item is not None:
                    name, convert = field
                    members[name] = convert(item)
        except Mismatch as mismatch:
            raise mismatch.under(name) from None
        return members

    return read


def _list_reader(convert: Conversion) -> Conversion:
    def read(value: object) -> object:
        if type(value) is not list:
            raise unfit(value, "list")
        items: list[object] = []
        try:
            for item in value:
                items.append(convert(item))  # noqa: PERF401  how far it came says which item was wrong
        except Mismatch as mismatch:
            raise mismatch.under("member").under(str(len(items) + 1)) from None
        return items

    return read


def _map_reader(convert_key: Conversion, convert: Conversion) -> Conversion:
    def read(value: object) -> object:
        if type(value) is not dict:
            raise unfit(value, "map")
        entries: dict[object, object] = {}
        key: object = ""
        try:
            for key, item in value.items():
                if item is not None:
                    entries[convert_key(key)] = convert(item)
        except Mismatch as mismatch:
            raise mismatch.under(str(key)[:64]) from None
        return entries

    return read


def _document(value: object, depth: int = 0) -> object:
    if depth > _DOCUMENT_DEPTH:
        raise Mismatch(f"The document is nested more than {_DOCUMENT_DEPTH} levels deep")
    if isinstance(value, dict):
        for item in value.values():
            _document(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _document(item, depth + 1)
    return value


class Writer:
    """Compiles shapes into functions from an operation's answer to the tree; members that are None stay away.

    A member the model does not have is our own mistake and raises KeyError.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._structures: dict[str, Conversion] = {}

    def of(self, shape: Shape) -> Conversion:
        """The function for a shape."""
        if shape.document:
            return _as_it_stands
        match shape.kind:
            case "structure":
                return self._structures.get(shape.name) or self._structure(shape)
            case "list":
                return _list_writer(self.of(shape.member), shape.member.kind)
            case "map":
                return _map_writer(self.of(shape.value))
            case kind:
                make = self._dialect.writers.get(kind)
                return make(shape) if make else _as_it_stands

    def _structure(self, shape: Shape) -> Conversion:
        fields: dict[str, tuple[str, Conversion]] = {}

        def write(value: object) -> object:
            if not isinstance(value, Mapping):
                raise TypeError(f"{shape.name} is a structure, but the answer holds a {type(value).__name__}.")
            tree: dict[str, object] = {}
            for name, item in value.items():
                if item is not None:
                    key, convert = fields[name]
                    tree[key] = convert(item)
            return tree

        self._structures[shape.name] = write
        for name, member in shape.members.items():
            fields[name] = (self._dialect.key(name, member), self.of(member))
        return write


def _as_it_stands(value: object) -> object:
    return value


def _list_writer(convert: Conversion, kind: str) -> Conversion:
    def write(value: object) -> object:
        items = listed(value)
        # GetMetricData answers numbers by the hundred thousand: a list of finite floats is already what is sent, and
        # so is one of whole epoch seconds where instants are written like that.
        # A sum that is finite has finite parts; one that is not is looked at one by one.
        if kind == "double" and set(map(type, items)) == {float} and isfinite(sum(items)):  # type: ignore[arg-type]
            return items
        if convert is epoch and set(map(type, items)) == {int}:
            return items
        return [convert(item) for item in items]

    return write


def _map_writer(convert: Conversion) -> Conversion:
    def write(value: object) -> object:
        if not isinstance(value, Mapping):
            raise TypeError(f"A map is wanted, but the answer holds a {type(value).__name__}.")
        return {key: convert(item) for key, item in value.items() if item is not None}

    return write


def listed(value: object) -> list[object]:
    """The items of any sequence but text, as a list."""
    if isinstance(value, list):
        return value
    if isinstance(value, Sequence | frozenset | set) and not isinstance(value, str | bytes):
        return list(value)
    raise TypeError(f"A list is wanted, but the answer holds a {type(value).__name__}.")
