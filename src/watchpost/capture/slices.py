"""Lines of many calls at once: the way that nearly all calls go, at a third of what they would cost one by one.

What makes a line of a call that needs no looking into is the same few steps for every call. Here each step is done
once for a slice of the queue: one scan proves all bodies to be text and escapes them, one draw makes all ids, one join
all lines. The bytes are those that `Transcriber.line` makes; whatever is out of the ordinary is left to it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from math import isfinite

import msgspec

from watchpost.capture.record import Handed, Transcriber, event_id, line_end

FEWEST = 16
"""Calls that are worth it: what is done once costs as much as a few lines."""

MOST_BYTES = 1 << 18
"""Of the bodies of a slice: while they are scanned, which takes a nanosecond a byte or so, no other thread works."""

_HOUR = 3600
_ID_BYTES = 18
_ESCAPED_NUL = b"\\u0000"
_VARIANTS = bytes.maketrans(b"0123456789abcdef", b"89ab" * 4)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of calls of one hour. at: of the earliest, in seconds since 1970."""

    body: bytes
    records: int
    at: float


def event_ids(count: int, random_bytes: Callable[[int], bytes]) -> list[bytes]:
    """So many UUIDs of version 4 (RFC 9562, 5.4), of as many random bytes as `random_bytes` is asked for.

    >>> event_ids(2, bytes)
    [b'00000000-0000-4000-8000-000000000000', b'00000000-0000-4000-8000-000000000000']
    """
    # An id has 36 digits and hyphens. So many digits are drawn, and what is none takes its place, in all at once.
    digits = bytearray(random_bytes(_ID_BYTES * count).hex(" ", _ID_BYTES).encode())
    every, hyphens = 2 * _ID_BYTES + 1, b"-" * count
    for place in (8, 13, 18, 23):
        digits[place::every] = hyphens
    digits[14::every] = b"4" * count
    digits[19::every] = digits[19::every].translate(_VARIANTS)
    return bytes(digits).split(b" ")


def lines_at_once(
    calls: Sequence[Handed], now: float, transcriber: Transcriber, random_bytes: Callable[[int], bytes]
) -> Lines | None:
    """The lines of one or more calls, in their order; None if not all are plain, of one hour, and small together.

    Args: now: the instant of calls that have none, in seconds since 1970. random_bytes: makes so many, for ids.
    Raises: anything, of members that are not what they should be.
    """
    if not transcriber.plain:
        return None
    asked, answered, asked_as, answered_as, named, attributes, instants, events, packed, repacked, sizes = zip(
        *calls, strict=True
    )
    if any(attributes) or any(packed) or any(repacked) or None in asked or None in answered:
        return None
    around = _around(transcriber, asked_as, answered_as)
    bodies = None if around is None else _escaped((*asked, *answered), sum(sizes), transcriber.most_bytes)
    if around is None or bodies is None:
        return None
    if None in instants:
        instants = tuple(now if at is None else at for at in instants)
    first, last = min(instants), max(instants)
    if first // _HOUR != last // _HOUR or not isfinite(sum(instants)):
        return None
    count = len(calls)
    same = int(first) == int(last)
    lines = zip(
        around[0],
        bodies[:count],
        around[1],
        bodies[count:],
        around[2],
        _ids(events, random_bytes),
        [_given(one) for one in named] if any(named) else repeat(b'"'),
        repeat(line_end(int(first))) if same else [line_end(int(at)) for at in instants],
        strict=False,  # some go on for ever
    )
    return Lines(b"".join(chain.from_iterable(lines)), count, first)


def _around(
    transcriber: Transcriber, asked_as: Sequence[str | bytes], answered_as: Sequence[str | bytes]
) -> Sequence[Iterable[bytes]] | None:
    """What stands before, between and after the bodies of each call; None if one has a body that is no text."""
    first, count = transcriber.around(asked_as[0], answered_as[0]), len(asked_as)
    if first is not None and asked_as.count(asked_as[0]) == answered_as.count(answered_as[0]) == count:
        return [repeat(part) for part in first]
    each = [found for found in map(transcriber.around, asked_as, answered_as) if found is not None]
    return list(zip(*each, strict=True)) if len(each) == count else None


def _escaped(bodies: Sequence[bytes], size: int, most_bytes: int) -> Sequence[bytes] | None:
    """The bodies as they stand between a JSON string's quotes; None if one is too long, no UTF-8, or holds a NUL.

    size: bytes of all.
    """
    if size > MOST_BYTES or (size > most_bytes and max(map(len, bodies)) > most_bytes):
        return None
    joined = b"\0".join(bodies)
    try:
        text = joined.decode()
    except UnicodeDecodeError:
        return None
    escaped, separators = _encode(text), len(bodies) - 1
    if len(escaped) == len(joined) + (len(_ESCAPED_NUL) - 1) * separators + len(b'""'):
        # Nothing was escaped but what they were joined by.
        return bodies
    # A NUL completes no character that a body begins, and is escaped to what nothing else is part of: its backslash
    # begins it, and a text's own backslash is doubled. So as many pieces as bodies are the bodies.
    pieces = escaped[1:-1].split(_ESCAPED_NUL)
    return pieces if len(pieces) == len(bodies) else None


def _ids(events: Sequence[int | None], random_bytes: Callable[[int], bytes]) -> list[bytes]:
    if events.count(None) == len(events):
        return event_ids(len(events), random_bytes)
    drawn = (int.from_bytes(random_bytes(16)) if event is None else event for event in events)
    return [event_id(event).encode() for event in drawn]


def _given(inference_id: str | None) -> bytes:
    return b'","inferenceId":' + _encode(inference_id) if inference_id else b'"'
