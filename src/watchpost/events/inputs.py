"""What a target is given of an event: all of it, a constant, a part, or a text with parts filled in.

Source: Amazon EventBridge user guide, "Input transformation".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from watchpost.events.envelope import Event, timestamp
from watchpost.events.json_path import MISSING, compile_path

PREDEFINED = frozenset(
    {
        "aws.events.rule-arn",
        "aws.events.rule-name",
        "aws.events.event.ingestion-time",
        "aws.events.event",
        "aws.events.event.json",
    }
)
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.\-]+)>", re.ASCII)
_QUOTES = re.compile(r'\\.|"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Transformer:
    """A text with placeholders `<name>`; `paths` are (name, JSONPath) pairs that say what stands for each."""

    template: str
    paths: tuple[tuple[str, str], ...] = ()

    def unknown(self) -> list[str]:
        """Placeholders of the template that nothing stands for, in their order."""
        known = {name for name, _ in self.paths} | PREDEFINED
        return [found[1] for found in _PLACEHOLDER.finditer(self.template) if found[1] not in known]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as it reached a rule: `ingested` is when the server took it in (aware)."""

    event: Event
    rule_arn: str
    rule_name: str
    ingested: datetime


def selected(path: str, event: Event) -> str:
    """The part of the event under a JSONPath, as JSON; `null` when there is none. Raises: ValueError: no such path."""
    found = compile_path(path).find(event.plain())
    return _json(None if found is MISSING else found)


def transformed(transformer: Transformer, arrival: Arrival) -> str:
    """The template with its placeholders filled in from the event.

    Where a placeholder stands outside quotation marks its value is written as JSON; inside them text is written as the
    string's own characters, and objects and lists lose their quotation marks. Nothing under a path: an empty string.
    """
    plain = arrival.event.plain()
    values = {name: compile_path(path).find(plain) for name, path in transformer.paths}
    values |= {name: _predefined(name, arrival, plain) for name in PREDEFINED}
    written, at = [], 0
    for found, quoted in _placeholders(transformer.template):
        name = found[1]
        value = "" if values.get(name, MISSING) is MISSING else values[name]
        written += [transformer.template[at : found.start()], _within(value) if quoted else _json(value)]
        at = found.end()
    return "".join([*written, transformer.template[at:]])


def _placeholders(template: str) -> Iterator[tuple[re.Match[str], bool]]:
    """Each placeholder, and whether it stands inside quotation marks."""
    at, quoted = 0, False
    for found in _PLACEHOLDER.finditer(template):
        marks = [mark for mark in _QUOTES.findall(template, at, found.start()) if mark == '"']
        quoted ^= len(marks) % 2 == 1
        yield found, quoted
        at = found.end()


def _predefined(name: str, arrival: Arrival, plain: Mapping[str, object]) -> object:
    match name:
        case "aws.events.rule-arn":
            return arrival.rule_arn
        case "aws.events.rule-name":
            return arrival.rule_name
        case "aws.events.event.ingestion-time":
            return timestamp(arrival.ingested)
        case "aws.events.event.json":
            return plain
    # The envelope without its detail; the service writes this one key in another way here.
    return {"detailType" if key == "detail-type" else key: value for key, value in plain.items() if key != "detail"}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _within(value: object) -> str:
    """A value as it reads inside a JSON string."""
    if isinstance(value, str):
        return _json(value)[1:-1]
    return _json(value).replace('"', "")
