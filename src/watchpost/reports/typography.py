"""How numbers and names look, the same in sentences, on the page and in the terminal.

Nothing rounds to a claim that is not true: 99.99 % is never shown as 100 %, and two different numbers never look alike.
"""

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

ARROW = "→"
NOTHING = "—"

# Direction overrides and isolates can make a line read backwards; plain right-to-left letters need none of them.
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_COMPACT = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def visible(text: str) -> str:
    """A text from the data on one line, with everything that could steer a terminal or page written as an escape."""
    if text.isprintable() and not text.isspace():
        return text or "(empty)"
    shown = "".join(_escaped(c) if _steers(c) else c for c in " ".join(text.split()))
    return shown or "(blank)"


def _steers(character: str) -> bool:
    # Cc: control codes such as ESC. Cs: half a character, which UTF-8 cannot write.
    return unicodedata.category(character) in {"Cc", "Cs"} or character in _DIRECTION_MARKS


def _escaped(character: str) -> str:
    point = ord(character)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters of a visible text, the cut marked by an ellipsis."""
    shown = visible(text)
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def count(amount: int) -> str:
    """A whole number with thousands separators."""
    return f"{amount:,}"


def counted(amount: int, one: str, many: str | None = None) -> str:
    """A count with its noun: `1 record`, `12,340 records`."""
    return f"{count(amount)} {one if amount == 1 else many or one + 's'}"


def number(value: float | None, digits: int = 4) -> str:
    """A number with about `digits` significant digits, its whole part never cut.

    Thousands are separated from 10,000 on, so that years stay years.
    """
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size and (size >= 1e15 or size < 1e-4):
        return f"{value:.{digits - 1}e}"
    whole = len(str(int(size))) if size >= 1 else 1 + math.floor(math.log10(size)) if size else 1
    decimals = max(0, digits - whole)
    text = f"{value:,.{decimals}f}" if size >= 9999.5 else f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def compact(value: float) -> str:
    """A number short enough for an axis: `450k`, `1.25M`."""
    for size, letter in _COMPACT:
        if abs(value) >= 10 * size or (size > 1e3 and abs(value) >= size):
            return number(value / size, 3) + letter
    return number(value, 3)


def share(ratio: float | None, digits: int = 3) -> str:
    """A ratio in percent. Only 0 reads 0% and only 1 reads 100%."""
    if ratio is None or math.isnan(ratio):
        return NOTHING
    text = number(100 * ratio, digits)
    if 0 < ratio < 1e-4:
        return "<0.01%"
    if ratio < 1 and text == "100":
        return f"{math.floor(ratio * 10000) / 100:.2f}%"
    return f"{text}%"


@dataclass(frozen=True, slots=True)
class Change:
    """A figure on both sides as texts; `same` when there is nothing to tell apart."""

    before: str
    now: str

    @property
    def same(self) -> bool:
        """True when both sides read alike."""
        return self.before == self.now

    def __str__(self) -> str:
        return self.now if self.same else f"{self.before} {ARROW} {self.now}"


def change(before: float | None, now: float | None, form: Callable[[float | None, int], str] = number) -> Change:
    """Both sides of a figure with as many digits as it takes to tell them apart (up to 15)."""
    for digits in (4 if form is number else 3, 6, 9, 15):
        texts = Change(form(before, digits), form(now, digits))
        if not texts.same or before == now:
            return texts
    return texts
