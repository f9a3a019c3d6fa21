"""Regular expressions of filter patterns: `%…%`, a dialect without groups, checked, then run by a linear-time engine.

The text is parsed by CloudWatch's own short list of what is allowed and written anew for the engine, so that nothing
the engine knows beyond that list (groups, set operations, flags) can slip in, and no expression takes more than linear
time.
"""

from collections.abc import Sequence

from watchpost.errors import Refused

# Letters, digits and the documented symbols.
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_#=@/;,-")
# ASCII classes, as the dialect knows no other letters.
_CLASSES = {
    "d": "[0-9]",
    "D": "[^0-9]",
    "s": r"[\t\n\x0b\x0c\r ]",
    "S": r"[^\t\n\x0b\x0c\r ]",
    "w": "[0-9A-Za-z_]",
    "W": "[^0-9A-Za-z_]",
}
_OPERATORS = frozenset("^$?[]{}|\\*+.")


def engine_expression(text: str) -> str:
    """The expression between the percent signs, in the syntax of the engine (Rust's `regex`, as polars runs it).

    Raises: Refused InvalidParameterException: something outside the dialect, or an operator without its operand.
    """
    return _Reader(text).alternatives()


def select(expression: str, messages: Sequence[str]) -> list[bool]:
    """Which of the texts contain a match of an engine expression."""
    import polars as pl  # noqa: PLC0415  half a second of start-up that only regular expressions need

    found = pl.Series("m", messages, dtype=pl.String).to_frame().select(pl.col("m").str.contains(expression))
    return [bool(each) for each in found.to_series()]


def check(expression: str) -> None:
    """Let the engine compile it once, so that an expression it finds too large is refused when it is put.

    Raises: Refused InvalidParameterException.
    """
    import polars as pl  # noqa: PLC0415  see `select`

    try:
        select(expression, ("",))
    except pl.exceptions.ComputeError as problem:
        raise _invalid(expression, "it is too large or malformed") from problem


def _invalid(text: str, why: str) -> Refused:
    return Refused("InvalidParameterException", f"Invalid regular expression '%{text}%' in filter pattern: {why}")


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def alternatives(self) -> str:
        if not self.text:
            raise _invalid(self.text, "it is empty")
        branches = [self.branch()]
        while self.at < len(self.text):
            self.at += 1  # the bar that ended the branch
            branches.append(self.branch())
        return "|".join(f"(?:{branch})" for branch in branches)

    def branch(self) -> str:
        parts: list[str] = []
        while self.at < len(self.text) and self.text[self.at] != "|":
            parts.append(self.atom() + self.quantifier())
        return "".join(parts)

    def atom(self) -> str:
        sign = self.text[self.at]
        self.at += 1
        if sign in "^$.":
            return sign
        if sign == "\\":
            return self.escape()
        if sign == "[":
            return self.bracket()
        if sign in _OPERATORS:
            raise _invalid(self.text, f"'{sign}' at position {self.at - 1} has nothing to act on")
        return _escaped(self.literal(sign))

    def literal(self, sign: str) -> str:
        if sign in _ALLOWED:
            return sign
        hint = f"write it as \\x{ord(sign):02X}" if ord(sign) < 128 else "only ASCII is supported"
        raise _invalid(self.text, f"'{sign}' at position {self.at - 1} is not supported; {hint}")

    def escape(self) -> str:
        if self.at >= len(self.text):
            raise _invalid(self.text, "a backslash ends it")
        sign = self.text[self.at]
        self.at += 1
        if sign in _CLASSES:
            return _CLASSES[sign]
        if sign == "x":
            digits = self.text[self.at : self.at + 2]
            if len(digits) < 2 or any(d not in "0123456789abcdefABCDEF" for d in digits):
                raise _invalid(self.text, f"\\x at position {self.at - 2} needs two hexadecimal digits")
            self.at += 2
            return f"\\x{{{digits}}}"
        if sign.isascii() and not sign.isalnum():
            return _escaped(sign)
        raise _invalid(self.text, f"\\{sign} at position {self.at - 2} is not supported")

    def bracket(self) -> str:
        start, parts = self.at - 1, []
        negated = self.text.startswith("^", self.at)
        self.at += negated
        first = True
        while first or not self.text.startswith("]", self.at):
            if self.at >= len(self.text):
                raise _invalid(self.text, f"the bracket at position {start} is not closed")
            parts.append(self.member())
            first = False
        self.at += 1
        return "[" + ("^" if negated else "") + "".join(parts) + "]"

    def member(self) -> str:
        low = self.single()
        if low.startswith("["):
            return low  # a class such as \d starts no range
        if self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at):
            self.at += 1
            high = self.single() if self.at < len(self.text) else ""
            if not high or high.startswith("["):
                raise _invalid(self.text, "a range in brackets has no end")
            return f"{low}-{high}"
        return low

    def single(self) -> str:
        sign = self.text[self.at]
        self.at += 1
        if sign == "\\":
            return self.escape()
        return _escaped(sign if sign in _OPERATORS else self.literal(sign))

    def quantifier(self) -> str:
        if self.at >= len(self.text):
            return ""
        sign = self.text[self.at]
        if sign == "{":
            end = self.text.find("}", self.at)
            counts = self.text[self.at + 1 : end].split(",") if end > 0 else []
            if not 1 <= len(counts) <= 2 or not counts[0].isdigit() or not (counts[-1].isdigit() or counts[-1] == ""):
                raise _invalid(self.text, f"the repetition at position {self.at} must read {{n}}, {{n,}} or {{n,m}}")
            found, self.at = self.text[self.at : end + 1], end + 1
        elif sign in "?*+":
            found, self.at = sign, self.at + 1
        else:
            return ""
        if self.text.startswith("?", self.at):
            self.at += 1  # lazy or greedy makes no difference to whether there is a match
        return found


def _escaped(sign: str) -> str:
    return sign if sign.isalnum() or sign == "_" else f"\\x{{{ord(sign):02X}}}"
