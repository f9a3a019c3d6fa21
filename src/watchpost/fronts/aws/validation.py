"""An input against the constraints of its model: required members, ranges, lengths, patterns, enums.

Checks are compiled once for each shape. The words are those of AWS's own framework: `1 validation error detected:
Value 'x' at 'stateValue' failed to satisfy constraint: Member must …`.
"""

import re
from collections.abc import Callable, Mapping, Sequence, Sized
from datetime import datetime
from functools import cache
from math import inf

from watchpost.errors import Refused
from watchpost.fronts.aws.model import OperationModel, ServiceModel, Shape
from watchpost.fronts.aws.once import Once
from watchpost.fronts.aws.patterns import compiled

# Where in the input: None is the top, else (the place around it, name of the member).
Place = tuple["Place", str] | None
# Appends a sentence for each constraint the value breaks.
Check = Callable[[object, Place, list[str]], None]
# The constraints a single value breaks; nearly always none, which costs nothing to say.
Rule = Callable[[object], Sequence[str]]

_TOLD = 20
_SHOWN = 1000
_pattern = cache(compiled)


class Validator:
    """The checks of one service's operations."""

    def __init__(self, service: ServiceModel) -> None:
        self._checks = Once[str, Check | None]()
        self._structures: dict[str, Check | None] = {}
        self._fault = fault_of(service)

    def check(self, operation: OperationModel, members: Mapping[str, object]) -> None:
        """Raises: Refused: the input breaks constraints, all of which are told."""
        shape = operation.input
        if shape is None:
            return
        check = self._checks.get(operation.name, lambda: self._of(shape))
        if check is None:
            return
        problems: list[str] = []
        check(members, None, problems)
        if problems:
            count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
            more = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
            raise Refused(self._fault, count + "; ".join(problems[:_TOLD]) + more)

    def _of(self, shape: Shape) -> Check | None:
        if shape.document:
            return None
        match shape.kind:
            case "structure":
                return self._structures[shape.name] if shape.name in self._structures else self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case _:
                return _single(shape)

    def _structure(self, shape: Shape) -> Check | None:
        required = tuple(shape.definition.required)
        checks: dict[str, Check] = {}
        union = tuple(shape.members) if shape.definition.union else ()

        def check(value: object, place: Place, problems: list[str]) -> None:
            assert isinstance(value, dict)
            for name in required:
                if name not in value:
                    at = _path((place, name))
                    problems.append(f"Value null at '{at}' failed to satisfy constraint: Member must not be null")
            if union and len(value) != 1:
                constraint = f"Member must have exactly one of the members [{', '.join(union)}]"
                problems.append(f"Value at '{_path(place)}' failed to satisfy constraint: {constraint}")
            for name, item in value.items():
                inner = checks.get(name)
                if inner is not None:
                    inner(item, (place, name), problems)

        # Known before its members are, so that a shape may hold itself.
        self._structures[shape.name] = check
        for name, member in shape.members.items():
            inner = self._of(member)
            if inner is not None:
                checks[name] = inner
        if not required and not checks and not union:
            self._structures[shape.name] = None
            return None
        return check

    def _list(self, shape: Shape) -> Check | None:
        length = _length(shape)
        rule = _rule(shape.member)
        each = None if rule else self._of(shape.member)
        if length is None and rule is None and each is None:
            return None

        def check(value: object, place: Place, problems: list[str]) -> None:
            assert isinstance(value, list | tuple)
            broken = length(value) if length else ()
            problems += [_sentence(value, place, constraint) for constraint in broken]
            if rule is not None and any(rule(item) for item in value):
                constraint = f"Member must satisfy constraint: [{', '.join(_constraints(shape.member))}]"
                problems.append(_sentence(value, place, constraint))
            if each is not None:
                for index, item in enumerate(value, 1):
                    each(item, ((place, str(index)), "member"), problems)

        return check

    def _map(self, shape: Shape) -> Check | None:
        length = _length(shape)
        key_rule, value_rule = _rule(shape.key), _rule(shape.value)
        each = None if value_rule else self._of(shape.value)
        if length is None and key_rule is None and value_rule is None and each is None:
            return None

        def check(value: object, place: Place, problems: list[str]) -> None:
            assert isinstance(value, dict)
            broken = length(value) if length else ()
            problems += [_sentence(value, place, constraint) for constraint in broken]
            for what, rule, part, items in (
                ("keys", key_rule, shape.key, value.keys()),
                ("value", value_rule, shape.value, value.values()),
            ):
                if rule is not None and any(rule(item) for item in items):
                    constraint = f"Map {what} must satisfy constraint: [{', '.join(_constraints(part))}]"
                    problems.append(_sentence(value, place, constraint))
            if each is not None:
                for key, item in value.items():
                    each(item, ((place, str(key)), "member"), problems)

        return check


def fault_of(service: ServiceModel) -> str:
    """The fault that a broken constraint is in this service."""
    if service.name == "logs":
        return "InvalidParameterException"
    if "ValidationError" in service.faults or service.protocols == {"query"}:
        return "ValidationError"
    return "ValidationException"


def _single(shape: Shape) -> Check | None:
    rule = _rule(shape)
    if rule is None:
        return None
    sensitive = shape.definition.sensitive

    def check(value: object, place: Place, problems: list[str]) -> None:
        for constraint in rule(value):
            if sensitive:
                problems.append(f"Value at '{_path(place)}' failed to satisfy constraint: {constraint}")
            else:
                problems.append(_sentence(value, place, constraint))

    return check


def _rule(shape: Shape) -> Rule | None:
    """What a single value must keep; None for shapes that hold others, and for those without constraints."""
    definition = shape.definition
    match shape.kind:
        case "string" | "character":
            return _text(shape)
        case "blob":
            return None if shape.streaming else _length(shape)
        case "integer" | "long" | "float" | "double" | "short" | "byte":
            low, high = definition.min, definition.max
            return _range(low, high) if low is not None or high is not None else None
        case _:
            return None


def _text(shape: Shape) -> Rule | None:
    definition = shape.definition
    if definition.enum:
        values, told = frozenset(definition.enum), (_enum(shape),)
        return lambda value: () if value in values else told
    low, high = definition.min or 0, definition.max if definition.max is not None else inf
    pattern = _pattern(definition.pattern) if definition.pattern else None
    if low <= 0 and high == inf and pattern is None:
        return None
    at_least, at_most, regex = (_at_least(shape),), (_at_most(shape),), (_regex(shape),)

    def rule(value: object) -> Sequence[str]:
        assert isinstance(value, str)
        if not low <= len(value) <= high:
            # Not matched: some patterns take long over a long text, and the length is told already.
            return at_least if len(value) < low else at_most
        return () if pattern is None or pattern.fullmatch(value) else regex

    return rule


def _length(shape: Shape) -> Rule | None:
    low, high = shape.definition.min or 0, shape.definition.max
    if low <= 0 and high is None:
        return None
    at_least, at_most = _at_least(shape), _at_most(shape)

    def rule(value: object) -> Sequence[str]:
        assert isinstance(value, Sized)
        length = len(value)
        if length < low:
            return [at_least]
        return [at_most] if high is not None and length > high else ()

    return rule


def _range(low: float | None, high: float | None) -> Rule:
    def rule(value: object) -> Sequence[str]:
        assert isinstance(value, int | float)
        if low is not None and value < low:
            return [f"Member must have value greater than or equal to {low:.15g}"]
        if high is not None and value > high:
            return [f"Member must have value less than or equal to {high:.15g}"]
        return ()

    return rule


def _constraints(shape: Shape) -> list[str]:
    """All constraints of a shape, as AWS lists them for what a list or map holds."""
    definition = shape.definition
    if definition.enum:
        return [_enum(shape)]
    if shape.kind in {"string", "blob", "character"}:
        return [
            *([_at_most(shape)] if definition.max is not None else []),
            *([_at_least(shape)] if definition.min is not None else []),
            *([_regex(shape)] if definition.pattern else []),
        ]
    return [
        *(
            [f"Member must have value less than or equal to {definition.max:.15g}"]
            if definition.max is not None
            else ()
        ),
        *(
            [f"Member must have value greater than or equal to {definition.min:.15g}"]
            if definition.min is not None
            else ()
        ),
    ]


def _at_least(shape: Shape) -> str:
    return f"Member must have length greater than or equal to {shape.definition.min or 0:.15g}"


def _at_most(shape: Shape) -> str:
    return f"Member must have length less than or equal to {shape.definition.max or 0:.15g}"


def _regex(shape: Shape) -> str:
    return f"Member must satisfy regular expression pattern: {shape.definition.pattern}"


def _enum(shape: Shape) -> str:
    # The one message recorded from the real service has the model's order reversed.
    return f"Member must satisfy enum value set: [{', '.join(reversed(shape.definition.enum))}]"


def _sentence(value: object, place: Place, constraint: str) -> str:
    shown = _shown(value)
    cut = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
    return f"Value '{cut}' at '{_path(place)}' failed to satisfy constraint: {constraint}"


def _shown(value: object) -> str:
    """A value as Java's toString gives it."""
    match value:
        case bool():
            return "true" if value else "false"
        case bytes():
            return f"({len(value)} bytes)"
        case datetime():
            return value.isoformat()
        case list() | tuple():
            return f"[{', '.join(_shown(item) for item in value[:_TOLD])}]"
        case dict():
            return "{" + ", ".join(f"{key}={_shown(item)}" for key, item in list(value.items())[:_TOLD]) + "}"
        case _:
            return re.sub(r"[\x00-\x1f]", " ", str(value))


def _path(place: Place) -> str:
    parts: list[str] = []
    while place is not None:
        place, name = place
        parts.append(name[:1].lower() + name[1:])
    return ".".join(reversed(parts))
