"""An object's key as a path below its bucket's folder, and back.

A key is a plain path wherever its segments are safe file names: `a/b.csv` is the file `b.csv` in the folder `a`. What
is not safe gets a name that starts with `%`:

| name | means |
|---|---|
| `%=text` | the segment `text`, percent-encoded: empty, `.`, `..`, with `%` in front or a control character in it |
| `%+text` | a folder: the first 200 bytes of a segment that goes on inside it |
| `%@text` | the object `text`, beside a folder of that name (`a`, where there is `a/b`) |

No other name that starts with `%` is an object. Every folder holds the keys that start with one text and no others, so
a walk through the folders in the order of these texts meets the keys in their order.
"""

import re
from typing import Literal
from urllib.parse import unquote

_ENCODED = re.compile("[\x00-\x1f\x7f%]")
_ENCODED_PLAIN = re.compile("[\x00-\x1f\x7f]")
# Bytes of a name. Names may have 255; encoding a segment of this width adds little to it.
_WIDEST = 200

Kind = Literal["segment", "continued", "object"]


def path_of(key: str) -> tuple[str, ...]:
    """The names of the folders and the file of a key, from the bucket's folder inwards.

    >>> path_of("a/b.csv"), path_of("a//../c/"), path_of("50%/%5")
    (('a', 'b.csv'), ('a', '%=', '%=%2E%2E', 'c', '%='), ('50%', '%=%255'))
    """
    names = list[str]()
    for segment in key.split("/"):
        rest = segment
        while (cut := _cut(rest)) is not None:
            names.append(f"%+{_encoded(rest[:cut])}")
            rest = rest[cut:]
        names.append(_name(rest))
    return tuple(names)


def beside(name: str) -> str:
    """The name of an object's file where `name`, its own, is a folder's.

    >>> beside("a"), beside("%=")
    ('%@a', '%@')
    """
    meant = meaning(name)
    return f"%@{_encoded(meant[1] if meant else name)}"


def meaning(name: str) -> tuple[Kind, str] | None:
    """What a file or folder of this name is part of a key as: its kind and text; None if it is no part of any.

    >>> meaning("b.csv"), meaning("%=%2E"), meaning("%tmp")
    (('segment', 'b.csv'), ('segment', '.'), None)
    """
    try:
        if not name.startswith("%"):
            return ("segment", name) if _cut(name) is None and _name(name) == name else None
        text = unquote(name[2:], errors="strict")
        match name[:2]:
            case "%=" if _cut(text) is None and _name(text) == name:
                return "segment", text
            case "%+" if _cut(text) == len(text) and f"%+{_encoded(text)}" == name:
                return "continued", text
            case "%@" if _cut(text) is None and f"%@{_encoded(text)}" == name:
                return "object", text
    except UnicodeError:
        pass
    return None


def _cut(text: str) -> int | None:
    """How many characters of a segment the folder takes that it goes on in; None if it is short enough for a file.

    Decided by the beginning of the text alone: of two texts with one beginning of that width both are cut there.
    """
    # Quick for what nearly all segments are: a short one, or printable ASCII, a byte a character.
    if len(text) * 4 < _WIDEST:
        return None
    if text.isascii() and text.isprintable() and "%" not in text:
        return _WIDEST if len(text) >= _WIDEST else None
    width = 0
    for index, character in enumerate(text):
        width += 3 if _ENCODED.match(character) else len(character.encode())
        if width >= _WIDEST:
            return index + 1
    return None


def _name(segment: str) -> str:
    if segment and segment not in {".", ".."} and segment[0] != "%" and not _ENCODED_PLAIN.search(segment):
        segment.encode()
        return segment
    return f"%={_encoded(segment)}"


def _encoded(text: str) -> str:
    if text in {".", ".."}:
        return text.replace(".", "%2E")
    return _ENCODED.sub(lambda found: f"%{ord(found[0]):02X}", text)
