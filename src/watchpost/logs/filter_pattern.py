"""Filter patterns of CloudWatch Logs: which log events metric filters, subscriptions and FilterLogEvents select.

Three languages share one text: terms (`ERROR "not found" -debug`), JSON (`{ $.status >= 500 }`) and fields separated by
spaces (`[ip, user, ..., status=5*, bytes]`). A pattern is compiled once and then asked about many messages at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from watchpost.errors import Refused
from watchpost.logs.field_pattern import FieldPattern, compile_fields
from watchpost.logs.json_pattern import JsonPattern, compile_json
from watchpost.logs.term_pattern import compile_terms

LONGEST = 1024
"""Characters of a filter pattern."""


class Pattern(Protocol):
    """A compiled filter pattern."""

    @property
    def expressions(self) -> int:
        """How many regular expressions it holds."""

    def select(self, messages: Sequence[str]) -> list[bool]:
        """Which messages match, in their order."""

    def may_match(self, block: str) -> bool:
        """False only if no part of this text can match: lets a scan skip whole blocks of messages."""

    def extract(self, message: str) -> Mapping[str, str]:
        """What TestMetricFilter shows of a message that matches: values by `$.field` or `$field`."""

    def value(self, message: str, reference: str) -> str | None:
        """The text of `$.field` or `$field` in a message, None if it is not there or null."""


@dataclass(frozen=True, slots=True)
class Everything:
    """The empty pattern: it matches all messages."""

    expressions: int = 0

    def select(self, messages: Sequence[str]) -> list[bool]:
        """All of them."""
        return [True] * len(messages)

    def may_match(self, block: str) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def extract(self, message: str) -> Mapping[str, str]:  # noqa: ARG002
        """Nothing."""
        return {}

    def value(self, message: str, reference: str) -> str | None:
        """A JSON field of the message; an empty pattern names no other."""
        return JsonPattern.field(message, reference)


def compile_pattern(text: str) -> Pattern:
    """The pattern of this text.

    Raises: Refused InvalidParameterException: it is longer than 1024 characters, holds more than two regular
    expressions, or breaks the grammar.
    """
    if len(text) > LONGEST:
        raise Refused("InvalidParameterException", f"Filter pattern is longer than {LONGEST} characters: {len(text)}")
    stripped = text.strip()
    compiled: Pattern
    if not stripped:
        return Everything()
    if stripped.startswith("{"):
        compiled = compile_json(stripped)
    elif stripped.startswith("["):
        compiled = compile_fields(stripped)
    else:
        compiled = compile_terms(stripped)
    if compiled.expressions > 2:
        raise Refused("InvalidParameterException", "A filter pattern may hold at most 2 regular expressions")
    return compiled


__all__ = ["LONGEST", "Everything", "FieldPattern", "JsonPattern", "Pattern", "compile_pattern"]
