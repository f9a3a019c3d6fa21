"""What stands in the array at a leaf of a pattern: plain values and operators, compiled to one test of a value.

Source: Amazon EventBridge user guide, "Content filtering"; the refusals are in the words of the service. Amazon SNS's
filter policies use the same operators.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from operator import eq, ge, gt, le, lt

import msgspec

from watchpost.events.wildcard import Wildcard, compile_wildcard

Scalar = str | int | float | bool | None
Test = Callable[[Scalar], bool]


class MalformedPattern(ValueError):
    """A pattern breaks the language; `reason` says why in the words of the service."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Leaf:
    """The values a field may have: one of `exact`, or what one of `tests` accepts; `absent` when it may be missing."""

    exact: frozenset[object]
    tests: tuple[Test, ...]
    absent: bool

    def accepts(self, value: Scalar) -> bool:
        """Whether a field that is there may have this value."""
        return _key(value) in self.exact or any(test(value) for test in self.tests)

    @property
    def strings(self) -> frozenset[str] | None:
        """The strings it accepts when it accepts nothing else, else None: what an index can look up."""
        strings = frozenset(value for value in self.exact if isinstance(value, str))
        return None if self.tests or self.absent or len(strings) < len(self.exact) else strings


def compile_leaf(values: Sequence[object]) -> Leaf:
    """The test that an array of plain values and operators stands for; any of them suffices.

    Args: values: what a JSON array holds. Raises: MalformedPattern.
    """
    if not values:
        raise MalformedPattern("Empty arrays are not allowed")
    exact, tests, absent = set[object](), list[Test](), False
    for value in values:
        if isinstance(value, Mapping):
            name, operand = _operator(value)
            if name == "exists":
                if not isinstance(operand, bool):
                    raise MalformedPattern("exists match pattern must be either true or false.")
                absent |= not operand
                tests += [_anything] if operand else []
            else:
                tests.append(compile_operator(name, operand))
        elif value is None or isinstance(value, str | int | float):
            exact.add(_key(value))
        else:
            raise MalformedPattern("Match value must be String, number, true, false, or null")
    return Leaf(frozenset(exact), tuple(tests), absent)


def compile_operator(name: str, operand: object) -> Test:
    """The test of one operator, any but `exists`, on a value that is there. Raises: MalformedPattern."""
    match name:
        case "prefix" | "suffix":
            return _affix(name, operand)
        case "equals-ignore-case":
            return partial(_same_letters, _text(operand, name).lower())
        case "wildcard":
            return partial(_described, _wildcard(operand).matches)
        case "numeric":
            return _numeric(operand)
        case "cidr":
            return partial(_inside, _network(operand))
        case "anything-but":
            return _anything_but(operand)
    raise MalformedPattern(f"Unrecognized match type {name}")


def _operator(value: Mapping[str, object]) -> tuple[str, object]:
    if not value:
        raise MalformedPattern("Match expression name not found")
    (name, operand), *more = value.items()
    if more:
        # The first name is read before anybody sees that there are more.
        if name != "exists":
            compile_operator(name, operand)
        raise MalformedPattern("Only one key allowed in match expression")
    return name, operand


def _key(value: Scalar) -> object:
    """What equal JSON scalars share: 300 and 300.0 are one number, but true is no 1."""
    return ("boolean", value) if isinstance(value, bool) else value


def _text(operand: object, name: str) -> str:
    if not isinstance(operand, str):
        raise MalformedPattern(f"{name} match pattern must be a string")
    return operand


def _anything(_value: Scalar) -> bool:
    return True


def _affix(name: str, operand: object) -> Test:
    if isinstance(operand, Mapping) and list(operand) == ["equals-ignore-case"]:
        return partial(_begins if name == "prefix" else _ends, _text(operand["equals-ignore-case"], name).lower())
    affix = _text(operand, name)
    return partial(_begins_exactly if name == "prefix" else _ends_exactly, affix)


def _begins_exactly(prefix: str, value: Scalar) -> bool:
    return isinstance(value, str) and value.startswith(prefix)


def _ends_exactly(suffix: str, value: Scalar) -> bool:
    return isinstance(value, str) and value.endswith(suffix)


def _begins(prefix: str, value: Scalar) -> bool:
    return isinstance(value, str) and value.lower().startswith(prefix)


def _ends(suffix: str, value: Scalar) -> bool:
    return isinstance(value, str) and value.lower().endswith(suffix)


def _same_letters(lowered: str, value: Scalar) -> bool:
    return isinstance(value, str) and value.lower() == lowered


def _described(matches: Callable[[str], bool], value: Scalar) -> bool:
    return isinstance(value, str) and matches(value)


def _wildcard(operand: object) -> Wildcard:
    text = _text(operand, "wildcard")
    try:
        return compile_wildcard(text)
    except ValueError as problem:
        raise MalformedPattern(str(problem)) from None


def _numeric(operand: object) -> Test:
    """One bound, or a lower and an upper one: `["=", 3]`, `[">", 0, "<=", 5]`."""
    if not isinstance(operand, Sequence) or isinstance(operand, str):
        raise MalformedPattern("Value of numeric must be an array.")
    members = list(operand)
    operator, bound = (*members[:2], None, None)[:2]
    if not isinstance(operator, str):
        raise MalformedPattern(f"Invalid member in numeric match: {_shown(operator)}")
    if operator not in _COMPARISONS:
        raise MalformedPattern(f"Unrecognized numeric range operator: {operator}")
    low = _number(bound, "equals" if operator == "=" else operator)
    if len(members) <= 2:
        return partial(_compared, ((_COMPARISONS[operator], low),))
    if operator not in {">", ">="}:
        raise MalformedPattern("Too many elements in numeric expression")
    upper = members[2]
    if not isinstance(upper, str):
        raise MalformedPattern(f"Bad value in numeric range: {_shown(upper)}")
    if upper not in {"<", "<="}:
        raise MalformedPattern(f"Bad numeric range operator: {upper}")
    high = _number(members[3] if len(members) > 3 else None, upper)
    if len(members) > 4:
        raise MalformedPattern("Too many terms in numeric range expression")
    if low >= high:
        raise MalformedPattern("Bottom must be less than top")
    return partial(_compared, ((_COMPARISONS[operator], low), (_COMPARISONS[upper], high)))


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}


def _number(value: object, operator: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedPattern(f"Value of {operator} must be numeric")
    return value


def _shown(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _compared(bounds: tuple[tuple[Callable[[float, float], bool], float], ...], value: Scalar) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return all(compare(value, bound) for compare, bound in bounds)


def _network(operand: object) -> IPv4Network | IPv6Network:
    # The service itself says "prefix" here.
    text = _text(operand, "prefix")
    if text.count("/") != 1:
        raise MalformedPattern("Malformed CIDR, one '/' required")
    address, _, bits = text.partition("/")
    if not (bits.isascii() and bits.isdigit()):
        raise MalformedPattern("Malformed CIDR, mask bits must be an integer")
    parsed = _address(address)
    if parsed is None:
        raise MalformedPattern(f"Nonstandard IP address: {address}")
    if int(bits) > parsed.max_prefixlen:
        raise MalformedPattern(f"Malformed CIDR, mask bits must be at most {parsed.max_prefixlen}")
    return ip_network(text, strict=False)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _inside(network: IPv4Network | IPv6Network, value: Scalar) -> bool:
    address = _address(value) if isinstance(value, str) else None
    return address is not None and address in network


def _anything_but(operand: object) -> Test:
    """Accepts every value that is there but these. Null is a value."""
    if isinstance(operand, Mapping):
        return partial(_none_of, _excluded(operand))
    values = operand if isinstance(operand, list | tuple) else [operand]
    if values is not operand and (isinstance(operand, bool) or not isinstance(operand, str | int | float)):
        raise MalformedPattern("Value of anything-but must be an array or single string/number value.")
    if any(isinstance(value, bool) or not isinstance(value, str | int | float) for value in values):
        raise MalformedPattern("Inside anything but list, start|null|boolean is not supported.")
    if len({isinstance(value, str) for value in values}) != 1:
        raise MalformedPattern(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    return partial(_outside, frozenset(values))


def _excluded(operand: Mapping[str, object]) -> tuple[Test, ...]:
    """The tests that none may pass: one for each value that stands in an object inside `anything-but`."""
    if not operand:
        raise MalformedPattern("Anything-But expression name not found")
    name, value = next(iter(operand.items()))
    if name not in {"prefix", "suffix", "equals-ignore-case", "wildcard"}:
        raise MalformedPattern(f"Unsupported anything-but pattern: {name}")
    if isinstance(value, Mapping):
        raise MalformedPattern("Value of anything-but must be an array or single string/number value.")
    values = value if isinstance(value, list | tuple) else [value]
    if not values:
        raise MalformedPattern("Empty arrays are not allowed")
    if any(not isinstance(text, str) for text in values):
        raise MalformedPattern(_NOT_TEXT[name])
    if name in {"prefix", "suffix"} and "" in values:
        raise MalformedPattern("Null prefix/suffix not allowed")
    if len(operand) > 1:
        raise MalformedPattern("Only one key allowed in match expression")
    return tuple(compile_operator(name, text) for text in values)


_NOT_TEXT: Mapping[str, str] = {
    "prefix": "prefix/suffix match pattern must be a string",
    "suffix": "prefix/suffix match pattern must be a string",
    "equals-ignore-case": ("Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."),
    "wildcard": "wildcard match pattern must be a string",
}


def _none_of(tests: tuple[Test, ...], value: Scalar) -> bool:
    return not any(test(value) for test in tests)


def _outside(excluded: frozenset[object], value: Scalar) -> bool:
    return isinstance(value, bool) or value not in excluded
