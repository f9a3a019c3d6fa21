"""Filter patterns over fields separated by spaces: `[ip, user, ..., status=4* || status=5*, bytes>1000]`."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from watchpost.errors import Refused
from watchpost.logs.json_pattern import JsonPattern
from watchpost.logs.pattern_values import NUMBER, Comparison, Found, comparison, search

_FIELD = re.compile(r'"([^"]*)"|\[([^\]]*)\]|(\S+)')
_NAME = re.compile(r"\s*(\w[\w\-.]*)\s*")
_CONDITION = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<both>&&)|(?P<either>\|\|)
        |(?P<name>\w[\w\-.]*)?\s*(?P<operator><=|>=|!=|=|<|>)\s*
         (?P<value>"(?:[^"\\]|\\.)*"|%(?:[^%\\]|\\.)+%|[^\s(),"=<>!&|\]]+))""",
    re.VERBOSE | re.DOTALL,
)
_DEEPEST = 32

Condition = Callable[[str, Found], bool]
"""Whether a field's text satisfies something, given where regular expressions were found."""


@dataclass(frozen=True, slots=True)
class Field:
    """One place of the pattern: its name (`$3` for the third if it has none) and what its text must satisfy."""

    name: str
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class FieldPattern:
    """Fields before and after an ellipsis; without one the message must have exactly as many fields as the pattern."""

    head: tuple[Field, ...]
    tail: tuple[Field, ...]
    ellipsis: bool
    searches: tuple[str, ...] = ()

    @property
    def expressions(self) -> int:
        """How many regular expressions it holds."""
        return len(self.searches)

    def select(self, messages: Sequence[str]) -> list[bool]:
        """Which messages have the fields and satisfy their conditions."""
        rows = [split(message) for message in messages]
        found = search(self.searches, {text for row in rows for text in row}) if self.searches else {}
        return [self._fields(row, found) is not None for row in rows]

    def may_match(self, block: str) -> bool:  # noqa: ARG002
        """Always: fields have no text in common."""
        return True

    def extract(self, message: str) -> Mapping[str, str]:
        """Every field of the message: `$name`, or `$n` (from 1) where the pattern gives no name."""
        return dict(self._read(message))

    def value(self, message: str, reference: str) -> str | None:
        """The text of `$name`; `$.field` reads the message as JSON."""
        if reference.startswith("$."):
            return JsonPattern.field(message, reference)
        return self._read(message).get(reference)

    def _read(self, message: str) -> dict[str, str]:
        texts = split(message)
        return self._fields(texts, search(self.searches, texts)) or {}

    def _fields(self, texts: Sequence[str], searched: Found) -> dict[str, str] | None:
        skipped = len(texts) - len(self.head) - len(self.tail)
        if skipped < 0 or (skipped and not self.ellipsis):
            return None
        places = [*self.head, *(Field(f"${len(self.head) + n + 1}") for n in range(skipped))]
        places += [
            field if not field.name[1:].isdigit() else Field(f"${len(places) + n + 1}", field.condition)
            for n, field in enumerate(self.tail)
        ]
        found: dict[str, str] = {}
        for field, text in zip(places, texts, strict=True):
            if field.condition is not None and not field.condition(text, searched):
                return None
            found[field.name] = text
        return found


def split(message: str) -> list[str]:
    """The fields of a message: what stands in quotes or brackets is one field, without them."""
    return [a or b or c or "" for a, b, c in _FIELD.findall(message)]


def compile_fields(text: str) -> FieldPattern:
    """The pattern `[ … ]`.

    Raises: Refused InvalidParameterException: it breaks the grammar.
    """
    if not text.endswith("]"):
        raise _malformed("the closing ']' is missing")
    head: list[Field] = []
    tail: list[Field] = []
    searches: list[str] = []
    ellipsis = False
    inner = text[1:-1].strip()
    for item in _items(inner) if inner else []:
        place = tail if ellipsis else head
        if item.strip() == "...":
            if ellipsis:
                raise _malformed("'...' may stand once only")
            ellipsis = True
            continue
        if _NAME.fullmatch(item):
            place.append(Field(f"${item.strip()}"))
            continue
        if not item.strip():
            place.append(Field(f"${len(head) + len(tail) + 1}"))
            continue
        parser = _Conditions(item)
        condition = parser.whole()
        place.append(Field(f"${parser.name or len(head) + len(tail) + 1}", condition))
        searches += parser.searches
    return FieldPattern(tuple(head), tuple(tail), ellipsis, tuple(searches))


def _malformed(why: str) -> Refused:
    return Refused("InvalidParameterException", f"Invalid space-delimited filter pattern: {why}")


def _items(text: str) -> list[str]:
    """The text between commas that stand outside quotes and regular expressions."""
    return [item.group(1) for item in re.finditer(r'((?:"(?:[^"\\]|\\.)*"|%(?:[^%\\]|\\.)+%|[^,])*)(?:,|$)', text)][
        : _commas(text) + 1
    ]


def _commas(text: str) -> int:
    return re.sub(r'"(?:[^"\\]|\\.)*"|%(?:[^%\\]|\\.)+%', "", text).count(",")


class _Conditions:
    """Reads `w1=a || (w1!=b && w1<3)`; every part speaks of the one field of its place."""

    def __init__(self, text: str) -> None:
        self.tokens: list[re.Match[str]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            found = _CONDITION.match(text, at)
            if found is None:
                raise _malformed(f"unexpected text at {text[at:].strip()[:20]!r}")
            self.tokens.append(found)
            at = found.end()
        self.at = self.depth = 0
        self.searches: list[str] = []
        self.name = ""

    def whole(self) -> Condition:
        condition = self.either()
        if self.at < len(self.tokens):
            raise _malformed(f"unexpected {self.tokens[self.at][0].strip()!r}")
        return condition

    def accept(self, group: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at][group] is not None
        self.at += found
        return found

    def either(self) -> Condition:
        conditions = [self.both()]
        while self.accept("either"):
            conditions.append(self.both())
        return (
            conditions[0] if len(conditions) == 1 else lambda text, found: any(each(text, found) for each in conditions)
        )

    def both(self) -> Condition:
        conditions = [self.single()]
        while self.accept("both"):
            conditions.append(self.single())
        return (
            conditions[0] if len(conditions) == 1 else lambda text, found: all(each(text, found) for each in conditions)
        )

    def single(self) -> Condition:
        if self.accept("open"):
            self.depth += 1
            if self.depth > _DEEPEST:
                raise _malformed(f"parentheses nest deeper than {_DEEPEST}")
            inner = self.either()
            if not self.accept("close"):
                raise _malformed("a ')' is missing")
            self.depth -= 1
            return inner
        if not self.accept("operator"):
            raise _malformed("a condition such as field=value was expected")
        token = self.tokens[self.at - 1]
        name = token["name"] or ""
        if name and self.name and name != self.name:
            raise _malformed(f"{name!r} and {self.name!r} are compared in one place")
        self.name = self.name or name
        compared = comparison(token["operator"], token["value"])
        if compared.expression is not None:
            self.searches.append(compared.expression)
        return lambda text, found: _holds(compared, text, found)


def _holds(compared: Comparison, text: str, found: Found) -> bool:
    return compared.holds(text, float(text) if NUMBER.fullmatch(text) else None, found)
