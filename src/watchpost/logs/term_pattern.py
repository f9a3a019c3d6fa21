"""Filter patterns made of terms: `ERROR "not found"`, `?ERROR ?WARN`, `-debug`, `%4\\d\\d%`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchpost.errors import Refused
from watchpost.logs import pattern_regex
from watchpost.logs.json_pattern import JsonPattern

_TOKEN = re.compile(
    r"""\s*(?P<sign>[-?]?)(?:
        "(?P<phrase>(?:[^"\\]|\\.)*)"
        | %(?P<regex>(?:[^%\\]|\\.)+)%
        | (?P<word>\w+)
    )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Term:
    """A text that must be contained, or (`expression`) a regular expression that must be found."""

    text: str
    expression: bool = False

    def select(self, messages: Sequence[str]) -> list[bool]:
        """Which messages contain it."""
        if self.expression:
            return pattern_regex.select(self.text, messages)
        return [self.text in message for message in messages]


@dataclass(frozen=True, slots=True)
class TermPattern:
    """All of `needed`, none of `excluded`, and any of `optional` (which is empty when plain terms are given too)."""

    needed: tuple[Term, ...]
    excluded: tuple[Term, ...]
    optional: tuple[Term, ...]

    @property
    def expressions(self) -> int:
        """How many regular expressions it holds."""
        return sum(term.expression for term in (*self.needed, *self.excluded, *self.optional))

    def select(self, messages: Sequence[str]) -> list[bool]:
        """Which messages match."""
        chosen = [True] * len(messages)
        for term in self.needed:
            chosen = [a and b for a, b in zip(chosen, term.select(messages), strict=True)]
        for term in self.excluded:
            chosen = [a and not b for a, b in zip(chosen, term.select(messages), strict=True)]
        if self.optional:
            columns = [term.select(messages) for term in self.optional]
            chosen = [a and any(row) for a, row in zip(chosen, zip(*columns, strict=True), strict=True)]
        return chosen

    def may_match(self, block: str) -> bool:
        """Whether the plain texts that are needed occur at all."""
        needed = all(term.expression or term.text in block for term in self.needed)
        return needed and (not self.optional or any(t.expression or t.text in block for t in self.optional))

    def extract(self, message: str) -> Mapping[str, str]:  # noqa: ARG002
        """Nothing: terms name no fields."""
        return {}

    def value(self, message: str, reference: str) -> str | None:
        """A JSON field of the message (`$.field`); terms name no other."""
        return JsonPattern.field(message, reference)


def compile_terms(text: str) -> TermPattern:
    """The pattern of these terms.

    A `?` term counts only among its like: beside a plain or an excluded term it is ignored, as CloudWatch documents.

    Raises: Refused InvalidParameterException: a character that must stand in quotes does not.
    """
    signed: dict[str, list[Term]] = {"": [], "-": [], "?": []}
    at = 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _misplaced(text, at)
        at = found.end()
        if found["regex"] is not None:
            term = Term(pattern_regex.engine_expression(found["regex"]), expression=True)
            pattern_regex.check(term.text)
        elif found["phrase"] is not None:
            term = Term(re.sub(r"\\(.)", r"\1", found["phrase"], flags=re.DOTALL))
        else:
            term = Term(found["word"])
        signed[found["sign"]].append(term)
    optional = () if signed[""] or signed["-"] else tuple(signed["?"])
    return TermPattern(tuple(signed[""]), tuple(signed["-"]), optional)


def _misplaced(text: str, at: int) -> Refused:
    sign = text[at:].lstrip()[:2]
    sign = sign[1:] or sign if sign[0] in "-?" else sign[0]
    return Refused("InvalidParameterException", f"Invalid character(s) in term '{sign}'")
