"""The shared structures of many texts: what varies in them becomes a token, and texts that are then equal are one.

Three steps, none of which depends on the order of the texts:

1. What has the shape of a time, an IP address, an id or a number becomes `<Time>`, `<IP>`, `<ID>` or `<Number>`.
2. Texts that are equal now are one pattern.
3. Where five or more patterns differ in a single word, that word becomes `<Token>` and they are one; the largest such
   family first, until there is none. Then the same for two words, if at least two others stay for each. Names of log
   levels stay as they are.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import polars as pl

# Signs of Unicode's private use stand for tokens while patterns are found.
_TIME, _ID, _IP, _NUMBER, _TOKEN = "\ue000", "\ue001", "\ue002", "\ue003", "\ue004"
_WORDS = {_TIME: "Time", _ID: "ID", _IP: "IP", _NUMBER: "Number", _TOKEN: "Token"}
_ANY = re.compile("[\ue000-\ue004]")
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
_SHAPES = (
    # 2026-11-21T05:00:00.000Z, 21/Nov/2026:05:00:00 +0000, Nov 21 05:00:00, 2026-11-21, 05:00:00
    (rf"\b\d{{4}}[-/]\d{{2}}[-/]\d{{2}}(?:[T ,]\s?{_CLOCK}(?:\s?(?:Z\b|[+-]\d{{2}}:?\d{{2}}\b))?)?", _TIME),
    (rf"\b\d{{2}}/[A-Z][a-z]{{2}}/\d{{4}}:{_CLOCK}(?:\s[+-]\d{{4}})?", _TIME),
    (rf"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d{{1,2}}\s{_CLOCK}", _TIME),
    (r"\b\d{2}:\d{2}:\d{2}(?:[.,]\d+)?\b", _TIME),
    (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", _ID),
    (r"\b0x[0-9a-fA-F]+\b", _ID),
    (r"\b(?:\d{1,3}\.){3}\d{1,3}\b", _IP),
    (r"\b(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}\b", _IP),
    (r"\b\d+\.\d+(?:[eE][-+]?\d+)?", _NUMBER),
    # An id has letters and at least three digits, or groups of digits with hyphens, the first of four or more.
    (r"\b[A-Za-z](?:[A-Za-z_-]*[0-9]){3}[0-9A-Za-z_-]*\b", _ID),
    (r"\b[0-9][0-9_-]*[A-Za-z](?:[A-Za-z_-]*[0-9]){2}[0-9A-Za-z_-]*\b", _ID),
    (r"\b[0-9]{2}[0-9_-]*[A-Za-z][A-Za-z_-]*[0-9][0-9A-Za-z_-]*\b", _ID),
    (r"\b[0-9]{4,}(?:-[0-9]+)+\b", _ID),
    (r"\b\d+(?:[eE][-+]?\d+)?", _NUMBER),
)
_BETWEEN = re.compile(r"""([\s"'(),:;=\[\]{}<>|&?]+)""")
_LEVELS = {
    "FATAL": "Error", "CRITICAL": "Error", "ERROR": "Error", "ERR": "Error", "WARNING": "Warning", "WARN": "Warning",
    "INFO": "Info", "DEBUG": "Debug", "TRACE": "Debug",
}  # fmt: skip

FAMILY = 5
"""How many patterns must differ in the same words for those words to be tokens."""
_MOST_COMPARED = {1: 2_000, 2: 1_000}
"""Patterns, the most frequent first, that are compared with each other in so many words; others join what they fit."""
_LONGEST = {1: 60, 2: 20}
"""Words of a pattern that is compared so: the choices of words that could be tokens are kept in memory."""

_Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A shared structure and how many texts have it; `level` is `Error`, `Warning`, `Info`, `Debug` or None."""

    text: str
    count: int
    level: str | None


def patterns_of(texts: pl.Series) -> list[Pattern]:
    """The patterns of texts (String; missing ones do not count), the most frequent first, equal ones by their text."""
    masked = texts.drop_nulls().alias("m").to_frame().lazy()
    shape = pl.col("m").str.replace_all("[\ue000-\ue004]", "?")
    for expression, sign in _SHAPES:
        shape = shape.str.replace_all(expression, sign)
    counted = masked.select(shape).group_by("m").len().collect()
    families = _merged({tuple(_BETWEEN.split(text)): count for text, count in counted.iter_rows()})
    found = [_pattern(words, count) for words, count in families.items()]
    return sorted(found, key=lambda pattern: (-pattern.count, pattern.text))


def _merged(counts: dict[_Words, int]) -> dict[_Words, int]:
    found = counts
    while True:
        fewer = _families(_families(found, 1), 2)
        if len(fewer) == len(found):
            return found
        found = fewer


def _families(counts: dict[_Words, int], tokens: int) -> dict[_Words, int]:
    """The patterns after those that differ in so many words have become one."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    compared, rest = dict(ranked[: _MOST_COMPARED[tokens]]), ranked[_MOST_COMPARED[tokens] :]
    families = defaultdict[_Words, list[_Words]](list)
    for words in compared:
        for key in _with_tokens(words, tokens):
            families[key].append(words)
    large = [(key, members) for key, members in families.items() if len(members) >= FAMILY]
    for key, members in sorted(large, key=lambda item: (-len(item[1]), item[0])):
        left = [words for words in members if words in compared]
        if len(left) >= FAMILY:
            compared[key] = compared.get(key, 0) + sum(compared.pop(words) for words in left)
    for words, count in rest:
        fitting = next((key for key in _with_tokens(words, tokens) if key in compared), words)
        compared[fitting] = compared.get(fitting, 0) + count
    return compared


def _with_tokens(words: _Words, tokens: int) -> Iterator[_Words]:
    """The words with tokens for each choice of so many of them that leaves enough of the others."""
    if len(words) > 2 * _LONGEST[tokens]:
        return
    plain = [place for place in range(0, len(words), 2) if _is_plain(words[place])]
    others = sum(bool(word) and word != _TOKEN for word in words[::2]) - tokens
    if others < (1 if tokens == 1 else 2 * tokens):
        return
    for places in combinations(plain, tokens):
        changed = list(words)
        for place in places:
            changed[place] = _TOKEN
        yield tuple(changed)


def _is_plain(word: str) -> bool:
    """Whether a word may become a token: it says something, it is none yet, and no level."""
    return bool(word) and word != _TOKEN and word.strip("-.").upper() not in _LEVELS


def _pattern(words: _Words, count: int) -> Pattern:
    numbers = iter(range(1, 1 << 30))
    text = _ANY.sub(lambda sign: f"<{_WORDS[sign[0]]}-{next(numbers)}>", "".join(words))
    levels = (_LEVELS.get(word.strip("-.").upper()) for word in words[::2])
    return Pattern(text, count, next((level for level in levels if level), None))
