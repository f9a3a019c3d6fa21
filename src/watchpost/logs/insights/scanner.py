"""The words of an Insights query, read one at a time, and the refusal of a malformed one."""

import re

from watchpost.errors import Refused

_SPACE = re.compile(r"(?:\s+|#[^\n]*)*")
_TOKEN = re.compile(
    r"""(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.@]))
    | (?P<period>\d+\s*(?:ms|mo|mon|month|months|s|sec|m|min|h|hr|d|day|days|w|week|weeks|q|qtr|y|yr|year)\b)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | `(?P<quoted>[^`]+)`
    | (?P<word>[@A-Za-z_][\w.@]*(?:\.`[^`]+`)*)
    | (?P<sign>=~|!=|<=|>=|==|[=<>+\-*/^%(),|\[\]])""",
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/((?:[^/\\\n]|\\.)+)/")


def malformed(message: str, start: int = 0, end: int | None = None) -> Refused:
    """The refusal of a query, with the place in its text."""
    place = {"startCharOffset": start, "endCharOffset": start if end is None else end}
    return Refused("MalformedQueryException", message, {"queryCompileError": {"location": place, "message": message}})


class Scanner:
    """Reads words from a position; `at` is where the next one starts."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.end = text, 0, 0
        self._skip()

    @property
    def done(self) -> bool:
        """Whether nothing follows."""
        return self.at >= len(self.text)

    def peek(self) -> re.Match[str] | None:
        """The next word, None at the end.

        Raises: Refused MalformedQueryException: what follows is no word.
        """
        if self.done:
            return None
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            raise malformed(f"unexpected symbol found {self.text[self.at]} at position {self.at}", self.at, self.at + 1)
        return found

    def next(self, expected: str) -> re.Match[str]:
        """The next word, passed over."""
        found = self.peek()
        if found is None:
            raise malformed(f"unexpected end of query: {expected} expected", self.at)
        self._pass(found.end())
        return found

    def sign(self, *signs: str) -> str | None:
        """Pass over one of these signs if it comes next."""
        found = self.peek()
        if found is None or found["sign"] not in signs:
            return None
        self._pass(found.end())
        return found["sign"]

    def keyword(self, *words: str) -> str | None:
        """Pass over one of these words if it comes next, in whatever case."""
        if self.done:
            return None
        found = _TOKEN.match(self.text, self.at)
        if found is None or found["word"] is None or found["word"].lower() not in words:
            return None
        self._pass(found.end())
        return found["word"].lower()

    def expect(self, sign: str) -> None:
        """Pass over this sign.

        Raises: Refused MalformedQueryException: something else comes.
        """
        if self.sign(sign) is None:
            raise self.unexpected(f"'{sign}'")

    def regex(self) -> str | None:
        """Pass over `/expression/` if it comes next."""
        found = _REGEX.match(self.text, self.at)
        if found is None:
            return None
        self._pass(found.end())
        return found[1].replace("\\/", "/")

    def unexpected(self, expected: str) -> Refused:
        """The refusal of what comes next."""
        found = None if self.done else _TOKEN.match(self.text, self.at)
        seen = "end of query" if self.done else f"symbol found {found[0] if found else self.text[self.at]}"
        return malformed(f"unexpected {seen} at position {self.at}: {expected} expected", self.at, self.at + 1)

    def source(self, start: int) -> str:
        """The text from a position to the end of the word passed last."""
        return self.text[start : self.end]

    def _pass(self, end: int) -> None:
        self.at = self.end = end
        self._skip()

    def _skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        if found is not None:
            self.at = found.end()


def text_value(token: str) -> str:
    """The text that a quoted word means: a backslash before a quote or a backslash stands for that sign."""
    return re.sub(r"""\\(["'\\])""", r"\1", token[1:-1])
