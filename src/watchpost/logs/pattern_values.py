"""What a field is compared with in JSON and space-delimited filter patterns, and how."""

import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from watchpost.errors import Refused
from watchpost.logs import pattern_regex

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


Found = Mapping[str, Collection[str]]
"""For each regular expression, the texts among those at hand in which it is found."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison with a constant: `operator` is one of `= != < <= > >=`.

    Exactly one of the constants is set: `number`, `text` (`*` stands for any run of characters if `wildcard`), or
    `expression`, a regular expression of the engine. `source` is how it was written.
    """

    operator: str
    source: str
    number: float | None = None
    wildcard: re.Pattern[str] | None = None
    text: str | None = None
    expression: str | None = None

    def holds(self, text: str, number: float | None, found: Found) -> bool:
        """Whether a field of this text, and this number if it is one, satisfies it."""
        if self.operator in ORDER:
            return self.number is not None and number is not None and ORDER[self.operator](number, self.number)
        return self._equals(text, number, found) == (self.operator == "=")

    def _equals(self, text: str, number: float | None, found: Found) -> bool:
        if self.expression is not None:
            return text in found[self.expression]
        if self.number is not None:
            return number == self.number if number is not None else text == self.source
        if self.wildcard is not None:
            return self.wildcard.fullmatch(text) is not None
        return text == self.text


def search(expressions: Collection[str], texts: Collection[str]) -> Found:
    """In which of these texts each regular expression is found: the engine is asked once for all texts."""
    different = list(set(texts))
    return {
        each: {text for text, found in zip(different, pattern_regex.select(each, different), strict=True) if found}
        for each in expressions
    }


def comparison(operator_: str, source: str) -> Comparison:
    """The comparison with a constant as written: a number, a text with or without quotes, or `%expression%`.

    Raises: Refused InvalidParameterException: the constant does not fit the operator or is malformed.
    """
    if operator_ not in {"=", "!=", *ORDER}:
        raise Refused("InvalidParameterException", f"Invalid filter pattern: unknown operator '{operator_}'")
    if NUMBER.fullmatch(source):
        return Comparison(operator_, source, number=float(source))
    if operator_ in ORDER:
        raise Refused(
            "InvalidParameterException", f"Invalid filter pattern: '{operator_}' needs a number, not '{source}'"
        )
    if len(source) > 2 and source.startswith("%") and source.endswith("%"):
        expression = pattern_regex.engine_expression(source[1:-1])
        pattern_regex.check(expression)
        return Comparison(operator_, source, expression=expression)
    text = source
    if len(source) >= 2 and source.startswith('"'):
        text = re.sub(r"\\(.)", r"\1", source[1:-1], flags=re.DOTALL)
    if "*" in text:
        # Runs of stars are one star, and each piece between stars matches at its first place only (possessive), so a
        # pattern of many stars cannot take exponential time.
        return Comparison(operator_, source, wildcard=_wildcard(text), text=text)
    return Comparison(operator_, source, text=text)


def _wildcard(text: str) -> re.Pattern[str]:
    pieces = re.split(r"\*+", text)
    middle = "".join(f"(?>.*?{re.escape(piece)})" for piece in pieces[1:-1] if piece)
    return re.compile(f"{re.escape(pieces[0])}{middle}.*{re.escape(pieces[-1])}", re.DOTALL)
