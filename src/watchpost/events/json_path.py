"""The part of JSONPath that inputs of targets are written in: `$`, `.name`, `['name']`, `[0]` and `[*]`.

Source: Amazon EventBridge user guide, "Input transformation", and its list of what of JSONPath is supported.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_STEP = re.compile(r"\.([A-Za-z0-9_\-]+)|\[(\d+)\]|\[(\*)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]", re.ASCII)


class Missing:
    """What a path leads to when the event has nothing there; `MISSING` is the only one."""

    __slots__ = ()


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A compiled path: keys (str), indexes (int) and every element (None), from the root."""

    steps: tuple[str | int | None, ...]

    def find(self, value: object) -> object:
        """What the path leads to, a list of all of them when it holds `[*]`; MISSING when it leads nowhere."""
        found, many = [value], False
        for step in self.steps:
            many |= step is None
            found = [inner for outer in found for inner in _inner(outer, step)]
        return found if many else next(iter(found), MISSING)


def compile_path(text: str) -> JsonPath:
    """The path a text stands for.

    Raises: ValueError: it is none, or uses a part of JSONPath that is not supported.
    """
    steps: list[str | int | None] = []
    at = 1
    while text.startswith("$") and at < len(text) and (found := _STEP.match(text, at)):
        name, index, every, quoted, double = found.groups()
        steps.append(
            int(index) if index else None if every else next(k for k in (name, quoted, double) if k is not None)
        )
        at = found.end()
    if not text.startswith("$") or at < len(text):
        raise ValueError(f"{text!r} is not a supported JSONPath: expected $, then .name, ['name'], [0] or [*].")
    return JsonPath(tuple(steps))


def _inner(value: object, step: str | int | None) -> list[object]:
    match step:
        case str():
            return [value[step]] if isinstance(value, Mapping) and step in value else []
        case int():
            return [value[step]] if isinstance(value, list | tuple) and step < len(value) else []
    return list(value) if isinstance(value, list | tuple) else []
