"""The JSON of the baseline files: read field by field with the place of every fault, written as the original writes it.

`statistics.json` and `constraints.json` are edited by hand and extended by their users, so what we do not know is kept
(`UnknownField`) and comes back at the same place when the file is written again.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchpost.errors import MalformedBaseline

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Tree: TypeAlias = "bool | int | float | str | NDArray[np.float64] | list[Tree] | dict[str, Tree] | None"

_ENCODER = json.JSONEncoder(ensure_ascii=False)  # kept: making one costs five times what quoting a name does

_SPELLED_NUMBERS = {
    "NaN": math.nan,
    "Infinity": math.inf,
    "+Infinity": math.inf,
    "-Infinity": -math.inf,
    "INF": math.inf,
    "-INF": -math.inf,
}


@dataclass(frozen=True, slots=True)
class UnknownField:
    """A field of a file that is not ours to understand.

    place: keys and list indexes from the owning object down to the field. json: its value, as compact JSON.
    """

    place: tuple[str | int, ...]
    json: str


def decode(text: str | bytes, path: str) -> "Fields":
    """The file's outermost object. Accepts a byte order mark and the non-standard NaN and Infinity.

    Raises: MalformedBaseline when the text is no JSON, or its outermost value is no object.
    """
    try:
        tree: Json = json.loads(text.removeprefix("\ufeff") if isinstance(text, str) else text)
    except json.JSONDecodeError as fault:
        where = f"line {fault.lineno}, column {fault.colno}"
        raise MalformedBaseline(path, where, f"this is no JSON ({fault.msg})") from fault
    except (ValueError, RecursionError) as fault:  # undecodable bytes, absurd numbers, absurd nesting
        raise MalformedBaseline(path, "$", f"this is no readable JSON ({fault})") from fault
    if not isinstance(tree, dict):
        raise MalformedBaseline(path, "$", f"expected an object at the top, found {_seen(tree)}")
    return Fields(tree, path, "", ())


class Fields:
    """One object of a file, asked for its fields by name; every answer of the wrong shape is a MalformedBaseline.

    A field that is null counts as absent. What was never asked for, here and in child objects, is `unknown`.
    """

    __slots__ = ("_asked", "_children", "_path", "_place", "_tree", "_where")

    def __init__(self, tree: dict[str, Json], path: str, where: str, place: tuple[str | int, ...]) -> None:
        self._tree, self._path, self._where, self._place = tree, path, where, place
        self._asked: set[str] = set()
        self._children: list[Fields] = []

    def refuse(self, key: str, expected: str) -> MalformedBaseline:
        """The error for a field that is not what was expected (absent, of another shape, or out of its range)."""
        found = f"found {_seen(self._tree[key])}" if key in self._tree else "but there is no such field"
        return MalformedBaseline(self._path, f"{self._where}{key}", f"expected {expected}, {found}")

    def has(self, key: str) -> bool:
        """True when the field is there and not null; does not count as asking for it."""
        return self._tree.get(key) is not None

    def text(self, key: str, allowed: tuple[str, ...] | None = None) -> str:
        """A string, one of `allowed` if given."""
        value = self._value(key)
        if not isinstance(value, str) or (allowed is not None and value not in allowed):
            raise self.refuse(key, "a string" if allowed is None else f"one of {', '.join(map(repr, allowed))}")
        return value

    def flag(self, key: str) -> bool:
        """A true or false."""
        value = self._value(key)
        if not isinstance(value, bool):
            raise self.refuse(key, "true or false")
        return value

    def number(self, key: str, least: float = -math.inf, most: float = math.inf) -> float:
        """A number within [least, most]; NaN (a bare or quoted one) only where there is no bound."""
        value = _number(self._value(key))
        bounded = least > -math.inf or most < math.inf
        if value is None or (bounded and not least <= value <= most):
            above = f" of at least {least:g}" if most == math.inf else f" from {least:g} to {most:g}"
            raise self.refuse(key, f"a number{above if bounded else ''}")
        return value

    def count(self, key: str) -> int:
        """A whole number, zero or more."""
        value = _number(self._value(key))
        if value is None or not math.isfinite(value) or value < 0 or value != int(value):
            raise self.refuse(key, "a whole number of at least 0")
        return int(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self._value(key)
        if not isinstance(value, list):
            raise self.refuse(key, "a list of strings")
        texts = tuple(item for item in value if isinstance(item, str))
        if len(texts) != len(value):
            raise self.refuse(key, "a list of strings")
        return texts

    def numbers(self, key: str) -> tuple[NDArray[np.float64], ...]:
        """A list of lists of numbers."""
        value = self._value(key)
        if not isinstance(value, list):
            raise self.refuse(key, "a list of lists of numbers")
        return tuple(self._row(key, index, row) for index, row in enumerate(value))

    def child(self, key: str) -> "Fields | None":
        """The object in that field, or None when there is none."""
        if not self.has(key):
            return None
        value = self._value(key)
        if not isinstance(value, dict):
            raise self.refuse(key, "an object")
        child = Fields(value, self._path, f"{self._where}{key}.", (*self._place, key))
        self._children.append(child)
        return child

    def children(self, key: str, *, detached: bool = False) -> list["Fields"]:
        """The objects listed in that field. detached: each keeps its unknown fields to itself."""
        value = self._value(key)
        if not isinstance(value, list):
            raise self.refuse(key, "a list of objects")
        listed = []
        for index, item in enumerate(value):
            where = f"{self._where}{key}[{index}]"
            if not isinstance(item, dict):
                raise MalformedBaseline(self._path, where, f"expected an object, found {_seen(item)}")
            listed.append(Fields(item, self._path, f"{where}.", () if detached else (*self._place, key, index)))
        if not detached:
            self._children.extend(listed)
        return listed

    def unknown(self) -> tuple[UnknownField, ...]:
        """All fields nobody asked for so far, in file order, those of child objects last."""
        own = [
            UnknownField((*self._place, key), json.dumps(value, separators=(",", ":")))
            for key, value in self._tree.items()
            if key not in self._asked
        ]
        return (*own, *(field for child in self._children for field in child.unknown()))

    def _value(self, key: str) -> Json:
        self._asked.add(key)
        return self._tree.get(key)

    def _row(self, key: str, index: int, row: Json) -> NDArray[np.float64]:
        where = f"{self._where}{key}[{index}]"
        if not isinstance(row, list):
            raise MalformedBaseline(self._path, where, f"expected a list of numbers, found {_seen(row)}")
        if set(map(type, row)) <= {float}:
            return np.array(row, dtype=np.float64)
        numbers = [_number(item) for item in row]
        if None in numbers:
            at = numbers.index(None)
            raise MalformedBaseline(self._path, f"{where}[{at}]", f"expected a number, found {_seen(row[at])}")
        return np.array(numbers, dtype=np.float64)


def graft(tree: dict[str, Tree], unknown: Iterable[UnknownField]) -> None:
    """Put unknown fields back at their places in `tree`, in place; one whose surroundings are gone is left out."""
    for field in unknown:
        parent: Tree = tree
        for step in field.place[:-1]:
            match parent, step:
                case dict(), str():
                    parent = parent.setdefault(step, {})
                case list(), int() if step < len(parent):
                    parent = parent[step]
                case _:
                    parent = None
        last = field.place[-1]
        if isinstance(parent, dict) and isinstance(last, str):
            parent.setdefault(last, json.loads(field.json))


def pretty(tree: Tree) -> str:
    """The text of a tree in the layout of Jackson's default pretty printer, which the original files have.

    Two blanks per object, `"key" : value`, lists on one line with objects opened inside (`[ {`), NaN and infinities
    as strings. An array of numbers prints as a list.
    """
    parts: list[str] = []
    _print(tree, "\n", parts)
    return "".join(parts)


def java_double(value: float) -> str:
    """The shortest text of a double in Java's notation: `1.0E-4`, `1.4402689218907343E10`, else as in Python."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(float(value))
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    text = repr(float(value))
    sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # Where the decimal point stands, counted from behind the first significant digit.
    power = int(exponent or 0) + len(whole) - 1 - (len(whole + fraction) - len(digits) if whole == "0" else 0)
    digits = digits.rstrip("0")
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{power}"


def _print(tree: Tree, newline: str, parts: list[str]) -> None:
    match tree:
        case dict():
            _print_object(tree, newline, parts)
        case list():
            parts.append("[ ")
            for index, item in enumerate(tree):
                if index:
                    parts.append(", ")
                _print(item, newline, parts)
            parts.append(" ]" if tree else "]")
        case np.ndarray():
            parts.append(_number_list(tree))
        case str():
            parts.append(_quoted(tree))
        case bool():
            parts.append("true" if tree else "false")
        case float():
            parts.append(java_double(tree) if math.isfinite(tree) else f'"{java_double(tree)}"')
        case int():
            parts.append(str(tree))
        case None:
            parts.append("null")


def _print_object(tree: dict[str, Tree], newline: str, parts: list[str]) -> None:
    if not tree:
        parts.append("{ }")
        return
    inner = newline + "  "
    opening = "{" + inner
    for key, value in tree.items():
        parts.append(f"{opening}{_quoted(key)} : ")
        _print(value, inner, parts)
        opening = "," + inner
    parts.append(newline + "}")


def _number_list(values: NDArray[np.float64]) -> str:
    if not len(values):
        return "[ ]"
    size = np.abs(values)
    if bool(np.all((size == 0) | ((size >= 1e-3) & (size < 1e7)))):
        # Java, Python and msgspec agree on the digits here, and msgspec writes a sketch of 5,000 items in 0.3 ms.
        return "[ " + msgspec.json.encode(values.tolist())[1:-1].decode().replace(",", ", ") + " ]"
    texts = (java_double(v) if math.isfinite(v) else f'"{java_double(v)}"' for v in values.tolist())
    return f"[ {', '.join(texts)} ]"


def _quoted(text: str) -> str:
    quoted = _ENCODER.encode(text)
    try:
        quoted.encode()
    except UnicodeEncodeError:  # half a surrogate pair: only an escape keeps the file valid UTF-8
        return json.dumps(text)
    return quoted


def _number(value: Json) -> float | None:
    match value:
        case bool():
            return None
        case int() | float():
            try:
                return float(value)
            except OverflowError:
                return None
        case str():
            return _SPELLED_NUMBERS.get(value)
        case _:
            return None


def _seen(value: Json) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            shown = json.dumps(value)
            return shown if len(shown) <= 60 else f"{shown[:60]}…"
