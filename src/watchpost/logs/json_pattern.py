"""Filter patterns over JSON messages: `{ ($.status >= 500) && ($.path = "/api/*") || $.error IS TRUE }`."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import msgspec

from watchpost.errors import Refused
from watchpost.logs.pattern_values import Comparison, Found, comparison, search

Condition = Callable[[object, Found], bool]
"""Whether a JSON value satisfies something, given where regular expressions were found."""

NONE_FOUND: Found = {}

Path = tuple[str | int | None, ...]
"""Steps into a JSON value: a member's name, an element's index, None for every member or element."""

_DEEPEST = 32
# Parentheses may nest this deep; a hand-written pattern of 1024 characters needs far less.

_SELECTOR_TEXT = r"""\$(?:\.?\[\s*(?:"[^"]*"|'[^']*'|\d+|\*)\s*\]|\.(?:\*|[\w\-@:/\#+~]+))+"""
_SELECTOR = re.compile(_SELECTOR_TEXT)
_STEP = re.compile(
    r"""\.?\[\s*(?:"(?P<a>[^"]*)"|'(?P<b>[^']*)'|(?P<index>\d+)|(?P<all>\*))\s*\]|\.(?P<name>\*|[^.\[]+)"""
)
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<selector>"""
    + _SELECTOR_TEXT
    + r""")
        | (?P<word>(?:IS\s+(?:NULL|TRUE|FALSE)|NOT\s+EXISTS|EXISTS))\b
        | (?P<operator><=|>=|!=|=|<|>)\s*(?P<value>"(?:[^"\\]|\\.)*"|%(?:[^%\\]|\\.)+%|[^\s(){}"=<>!&|]+)
        | (?P<sign>&&|\|\||\(|\))
    )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class JsonPattern:
    """A condition over the members of a JSON object; a message that is none never matches."""

    condition: Condition
    selectors: tuple[str, ...]
    searches: tuple[tuple[Path, str], ...] = ()

    @property
    def expressions(self) -> int:
        """How many regular expressions it holds."""
        return len(self.searches)

    def select(self, messages: Sequence[str]) -> list[bool]:
        """Which messages are JSON objects that satisfy the condition."""
        decoded = [parse_object(message) for message in messages]
        found = self._search(decoded) if self.searches else NONE_FOUND
        return [each is not None and self.condition(each, found) for each in decoded]

    def may_match(self, block: str) -> bool:
        """Whether there is an object at all."""
        return "{" in block

    def extract(self, message: str) -> Mapping[str, str]:
        """The texts of the selectors it names, of those that are there."""
        found = {selector: self.field(message, selector) for selector in self.selectors}
        return {selector: text for selector, text in found.items() if text is not None}

    def value(self, message: str, reference: str) -> str | None:
        """The text of the first value that `$.field` selects."""
        return self.field(message, reference)

    def _search(self, decoded: Sequence[object]) -> Found:
        paths = {path for path, _ in self.searches}
        values = (value for each in decoded for path in paths for value in resolve(each, path))
        return search({each for _, each in self.searches}, {scalar_text(value) for value in values})

    @staticmethod
    def field(message: str, reference: str) -> str | None:
        """The text of the first scalar that a selector finds in a JSON message; None if there is none or it is null."""
        decoded = parse_object(message)
        if decoded is None or not reference.startswith("$"):
            return None
        return next(
            (scalar_text(found) for found in resolve(decoded, parse_path(reference)) if found is not None), None
        )


def parse_object(message: str) -> dict[str, object] | None:
    """The JSON object that the whole message is, or None."""
    if message.lstrip()[:1] != "{":
        return None
    try:
        return msgspec.json.decode(message, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def parse_path(selector: str) -> Path:
    """The steps of `$.a.b[0]`, `$.list[*]`, `$.*`, `$.['odd.name']`.

    Raises: Refused InvalidParameterException: it is no selector.
    """
    if not _SELECTOR.fullmatch(selector):
        raise Refused("InvalidParameterException", f"Invalid JSON selector in filter pattern: '{selector}'")
    steps: list[str | int | None] = []
    for step in _STEP.finditer(selector, 1):
        if step["index"] is not None:
            steps.append(int(step["index"]))
        elif step["all"] is not None or step["name"] == "*":
            steps.append(None)
        else:
            steps.append(step["name"] or step["a"] or step["b"] or "")
    return tuple(steps)


def resolve(value: object, path: Path) -> Iterator[object]:
    """The values a path leads to, in document order."""
    if not path:
        yield value
        return
    step, rest = path[0], path[1:]
    match value:
        case dict() if step is None:
            for each in value.values():
                yield from resolve(each, rest)
        case dict() if isinstance(step, str) and step in value:
            yield from resolve(value[step], rest)
        case list() if step is None:
            for each in value:
                yield from resolve(each, rest)
        case list() if isinstance(step, int) and step < len(value):
            yield from resolve(value[step], rest)
        case _:
            return


def scalar_text(value: object) -> str:
    """How a JSON value reads as text: strings as they are, numbers as shortest, objects and arrays as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def compile_json(text: str) -> JsonPattern:
    """The pattern `{ … }`. `&&` binds tighter than `||`, parentheses tightest.

    A comparison with a member that is not there is false, also for `!=`; where a selector finds several values, one
    that satisfies it is enough.

    Raises: Refused InvalidParameterException: it breaks the grammar.
    """
    if not text.endswith("}"):
        raise _malformed("the closing '}' is missing")
    return _Parser(text[1:-1]).pattern()


def _malformed(why: str) -> Refused:
    return Refused("InvalidParameterException", f"Invalid JSON filter pattern: {why}")


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[re.Match[str]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise _malformed(f"unexpected text at {text[at:].strip()[:20]!r}")
            self.tokens.append(found)
            at = found.end()
        self.at = self.depth = 0
        self.selectors: dict[str, None] = {}
        self.searches: list[tuple[Path, str]] = []

    def pattern(self) -> JsonPattern:
        condition = self.either()
        if self.at < len(self.tokens):
            raise _malformed(f"unexpected {self.tokens[self.at][0].strip()!r}")
        return JsonPattern(condition, tuple(self.selectors), tuple(self.searches))

    def next(self) -> re.Match[str]:
        if self.at >= len(self.tokens):
            raise _malformed("it ends where a condition was expected")
        self.at += 1
        return self.tokens[self.at - 1]

    def accept(self, sign: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at]["sign"] == sign
        self.at += found
        return found

    def either(self) -> Condition:
        conditions = [self.both()]
        while self.accept("||"):
            conditions.append(self.both())
        return (
            conditions[0]
            if len(conditions) == 1
            else lambda value, found: any(each(value, found) for each in conditions)
        )

    def both(self) -> Condition:
        conditions = [self.single()]
        while self.accept("&&"):
            conditions.append(self.single())
        return (
            conditions[0]
            if len(conditions) == 1
            else lambda value, found: all(each(value, found) for each in conditions)
        )

    def single(self) -> Condition:
        if self.accept("("):
            self.depth += 1
            if self.depth > _DEEPEST:
                raise _malformed(f"parentheses nest deeper than {_DEEPEST}")
            inner = self.either()
            if not self.accept(")"):
                raise _malformed("a ')' is missing")
            self.depth -= 1
            return inner
        selector = self.next()["selector"]
        if selector is None:
            raise _malformed("a condition starts with a selector such as $.field")
        self.selectors[selector] = None
        path, token = parse_path(selector), self.next()
        if token["word"] is not None:
            return _state(path, " ".join(token["word"].split()))
        if token["operator"] is None:
            raise _malformed(f"{selector} is followed by no operator")
        compared = comparison(token["operator"], token["value"])
        if compared.expression is not None:
            self.searches.append((path, compared.expression))
        return lambda value, found: any(_holds(compared, each, found) for each in resolve(value, path))


def _state(path: Path, word: str) -> Condition:
    match word:
        case "NOT EXISTS":
            return lambda value, _: next(resolve(value, path), _ABSENT) is _ABSENT
        case "EXISTS":
            return lambda value, _: next(resolve(value, path), _ABSENT) is not _ABSENT
        case "IS NULL":
            return lambda value, _: any(each is None for each in resolve(value, path))
        case _:
            wanted = word == "IS TRUE"
            return lambda value, _: any(each is wanted for each in resolve(value, path))


_ABSENT = object()


def _holds(compared: Comparison, value: object, found: Found) -> bool:
    if value is None or isinstance(value, (dict, list)):
        return False
    return compared.holds(scalar_text(value), _number(value), found)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return inf if value > 0 else -inf
