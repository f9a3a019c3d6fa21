r"""The models' regular expressions, written for Java, in the words of Python's `re`.

What differs: `\p{…}` classes, a hyphen beside a class escape (`[\w-_]`), `\z`, surrogate pairs in ranges, a quantified
anchor. Java's `\w`, `\d`, `\s` are ASCII, and a pattern must match the whole value.
"""

import re
import sys
import unicodedata
from functools import cache
from itertools import groupby

_PROPERTY = re.compile(r"\\p\{(\w+)\}")
_NAMED = {
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Lower": "a-z",
    "Upper": "A-Z",
    "Space": r"\t-\r ",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "ASCII": r"\x00-\x7f",
}
# Patterns over which a backtracking matcher takes exponentially long, each with an equal one that is linear: what one
# of the nested repetitions matches, the other matches too.
_LINEAR = {
    r"^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$": r"\t*[^\x00-\x1F:\x7F][^\x00-\x08\x0A-\x1F:\x7F]*",
    r"^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$": r"\t*[\x20-\x7E][\t\x20-\x7E]*",
    r"[a-z0-9]([-a-z0-9]*[a-z0-9]){0,39}?": r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
}


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, for `fullmatch`. Raises: re.error: it uses what neither Python nor this module knows."""
    return re.compile(translated(_LINEAR.get(pattern, pattern)), re.ASCII)


def translated(pattern: str) -> str:
    r"""The pattern in Python's words.

    >>> translated(r"[\w-_]*"), translated(r"\A\S\z"), translated("[a${1,2}]*${1,9}")
    ('[\\w\\-_]*', '\\A\\S\\Z', '[a${1,2}]*$')
    """
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF").replace(r"\z", r"\Z")
    out, at, inside = list[str](), 0, False
    while at < len(pattern):
        here = pattern[at]
        found = _PROPERTY.match(pattern, at)
        if found:
            members = _NAMED.get(found[1]) or _category(found[1])
            out.append(members if inside else f"[{members}]")
            at = found.end()
            here = "\\p"
        elif here == "\\":
            here = pattern[at : at + 2]
            out.append(here)
            at += 2
        else:
            inside = here == "[" or (inside and here != "]")
            # Python warns of `[[`, which a later release may read as a set within a set, as Java does.
            out.append("\\[" if here == "[" and out and out[-1] == "[" else here)
            at += 1
        if inside and here in {r"\w", r"\d", r"\s", "\\p"} and pattern[at : at + 1] == "-":
            out.append(r"\-")
            at += 1
        if here == "$" and not inside and pattern[at : at + 1] == "{":
            at = pattern.index("}", at) + 1
    return "".join(out)


def _category(name: str) -> str:
    """The members of a Unicode general category (`L`, `Nd`) as ranges for a character class."""
    ranges = [run for category, run in _runs() if category.startswith(name)]
    if not ranges:
        raise re.error(f"no character has the property {name!r}")
    return "".join(ranges)


@cache
def _runs() -> list[tuple[str, str]]:
    """(category, range) for each run of code points of one category, found in a single pass over all of them."""
    runs, start = list[tuple[str, str]](), 0
    for category, members in groupby(map(unicodedata.category, map(chr, range(sys.maxunicode + 1)))):
        end = start + sum(1 for _ in members)
        runs.append((category, f"\\U{start:08x}-\\U{end - 1:08x}"))
        start = end
    return runs
