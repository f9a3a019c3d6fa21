"""Wildcard patterns: `*` stands for any characters, none included; `\\*` and `\\\\` stand for themselves."""

from dataclasses import dataclass

# How many beginnings of a pattern may be open at one place of a value. Amazon does not publish its bound; its guide
# refuses `*:*:*:*:*:event-bus/*`, which counts 11 here, and accepts `arn:aws:events:us-east-1:*:event-bus/*`, 3.
MOST_OPEN = 10


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A compiled wildcard pattern: the literal pieces between its stars, the outer ones included even when empty."""

    pieces: tuple[str, ...]

    def matches(self, text: str) -> bool:
        """Whether the whole text is one the pattern describes. Linear in the text for each star."""
        first, *middle = self.pieces
        if not middle:
            return text == first
        last = middle.pop()
        if not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for piece in middle:
            found = text.find(piece, at, max(end, at))
            if found < 0:
                return False
            at = found + len(piece)
        return at <= end

    @property
    def open(self) -> int:
        """The most beginnings of the pattern that can be open at one place of a value: a measure of its complexity."""
        return sum(1 + _overlap(piece) for piece in self.pieces[1:])


def compile_wildcard(text: str) -> Wildcard:
    """The pattern that the text names.

    Raises: ValueError, in EventBridge's words: two stars in a row, an escape of something else, or too complex.
    """
    pieces, at = [""], 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            if text[at + 1 : at + 2] not in {"*", "\\"}:
                raise ValueError(f"Invalid escape character at pos {_position(text, at)}")
            at += 1
            pieces[-1] += text[at]
        elif character == "*":
            if text[at + 1 : at + 2] == "*":
                raise ValueError(f"Consecutive wildcard characters at pos {_position(text, at)}")
            pieces.append("")
        else:
            pieces[-1] += character
        at += 1
    wildcard = Wildcard(tuple(pieces))
    if wildcard.open > MOST_OPEN:
        raise ValueError(
            "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after "
            "a wildcard character"
        )
    return wildcard


def _position(text: str, at: int) -> int:
    """Where EventBridge counts it: in bytes of UTF-8, an opening quotation mark before them."""
    return len(text[:at].encode("utf-8", "surrogatepass")) + 1


def _overlap(piece: str) -> int:
    """How many beginnings of the piece, itself included, can end at one place: its longest chain of borders."""
    border, depth, most = [0] * (len(piece) + 1), [0] * (len(piece) + 1), 0
    longest = 0
    for end, character in enumerate(piece, 1):
        while end > 1 and longest and piece[longest] != character:
            longest = border[longest]
        if end > 1 and piece[longest] == character:
            longest += 1
        border[end], depth[end] = longest, depth[longest] + 1
        most = max(most, depth[end])
    return most
