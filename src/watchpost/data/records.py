"""JSON text as records: exact, with every fault named.

msgspec is the one decoder: it takes RFC 8259 and nothing else (no NaN, no lone surrogates, no trailing text), and whole
numbers keep all their digits. What it does not see, a key that is written twice, is found here.
"""

import json
import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

T = TypeVar("T")

_DECODER = msgspec.json.Decoder()
_MEMBER = re.compile(rb'"[ \t\r\n]*:')


class RecordError(Exception):
    """A record that cannot be read. reason: the kind of fault, counted by; detail: what is particular to this one."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def decode_json(text: bytes) -> object:
    """One JSON value. Raises: RecordError for what is no JSON, is no UTF-8, or writes a key twice in one object."""
    try:
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise RecordError("invalid UTF-8", f"byte {error.start} of a string") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise RecordError("not JSON", str(error)) from error
    check_keys(text, value)
    return value


def decode_objects(data: bytes, count: int) -> list[dict[str, object]] | None:
    """All lines of a block as objects; None when any line must be looked at alone (blank, bad, repeated key)."""
    try:
        rows = _DECODER.decode_lines(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if len(rows) != count or not all(type(row) is dict for row in rows):
        return None
    return rows if _no_key_repeats(data, rows) else None


def check_keys(text: bytes, value: object) -> None:
    """Raises RecordError when an object in the text writes one key twice; `value` is the decoded text."""
    if _no_key_repeats(text, (value,)):
        return
    # A colon inside a string looks like one more member: only now is the slower, certain way worth its time.
    try:
        json.loads(text, object_pairs_hook=_refuse_repeats)
    except _RepeatedKeyError as error:
        raise RecordError("duplicate key", repr(error.key)) from error
    except RecursionError as error:
        raise RecordError("not JSON", "nested too deep") from error


def _no_key_repeats(text: bytes, values: Sequence[object]) -> bool:
    """True only if certain: as many members survived decoding as the text can have at most."""
    members = _count_members(values)
    return text.count(b":") == members or len(_MEMBER.findall(text)) == members


def _count_members(values: Sequence[object]) -> int:
    members = 0
    pending: list[object] = list(values)
    while pending:
        value = pending.pop()
        if type(value) is dict:
            members += len(value)
            pending.extend(v for v in value.values() if type(v) is dict or type(v) is list)
        elif type(value) is list:
            pending.extend(v for v in value if type(v) is dict or type(v) is list)
    return members


class _RepeatedKeyError(Exception):
    def __init__(self, key: str) -> None:
        self.key = key


def _refuse_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RepeatedKeyError(key)
            seen.add(key)
    return members


def decode_envelope(line: bytes, decoder: msgspec.json.Decoder[T], unlike: str) -> T:
    """One line as the record that `decoder` knows. unlike: the reason given for JSON of another shape.

    Raises: RecordError.
    """
    try:
        if not line.isascii():
            line.decode("utf-8")  # msgspec skips members it does not know without looking at their bytes
        return decoder.decode(line)
    except UnicodeDecodeError as error:
        raise RecordError("invalid UTF-8", f"byte {error.start} of the line") from error
    except msgspec.ValidationError as error:
        raise RecordError(unlike, str(error)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise RecordError("not JSON", str(error)) from error
