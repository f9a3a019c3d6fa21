"""Log events in packed blocks: columns of many events of one stream, compressed as one piece.

A million short events take a few dozen megabytes this way, and scanning them costs one decompression per thousands of
events. Every event has a key of its own, given once and kept when blocks are merged: its timestamp, the number of the
block that brought it (its origin) and its place therein. Keys are unique in the store and order the events.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchpost.errors import StoreUnavailable

_PLACE = 10**19
_ORIGIN = 10**20
_LAST_ORIGIN = 2**62 - 1


class EventKey(NamedTuple):
    """Where an event stands among all: epoch milliseconds, number of its origin, place in it."""

    timestamp: int
    origin: int
    place: int

    def text(self) -> str:
        """56 digits that sort as the keys do: the event's id in CloudWatch's own form.

        >>> EventKey.parse(EventKey(1763700000000, 7, 3).text())
        EventKey(timestamp=1763700000000, origin=7, place=3)
        """
        return f"{self.timestamp:017d}{self.origin:020d}{self.place:019d}"

    @classmethod
    def parse(cls, text: str) -> "EventKey":
        """The key that `text` wrote.

        Raises: ValueError: these are not 56 digits.
        """
        if len(text) != 56 or not text.isascii() or not text.isdigit():
            raise ValueError(f"{text!r} is not an event id of 56 digits")
        number = int(text)
        rest, place = divmod(number, _PLACE)
        timestamp, origin = divmod(rest, _ORIGIN)
        if origin > _LAST_ORIGIN:
            raise ValueError(f"{text!r} names a block beyond all that can be")
        return cls(timestamp, origin, place)

    @property
    def before(self) -> "EventKey":
        """A key below this one with no event's key between; the least key is its own."""
        if self.place > 0:
            return EventKey(self.timestamp, self.origin, self.place - 1)
        if self.origin > 0:
            return EventKey(self.timestamp, self.origin - 1, _PLACE - 1)
        return EventKey(self.timestamp - 1, _LAST_ORIGIN, _PLACE - 1) if self.timestamp > 0 else self

    @property
    def after(self) -> "EventKey":
        """The key above this one with no key between."""
        return EventKey(self.timestamp, self.origin, self.place + 1)


@dataclass(frozen=True, slots=True)
class Events:
    """Columns of equally many events.

    `timestamps` and `ingested` are int64 epoch milliseconds, `origins` and `places` int64 (see `EventKey`), `streams`
    one name each, `messages` their texts.
    """

    timestamps: NDArray[np.int64]
    ingested: NDArray[np.int64]
    origins: NDArray[np.int64]
    places: NDArray[np.int64]
    streams: Sequence[str]
    messages: Sequence[str]

    def __len__(self) -> int:
        return len(self.messages)

    def key(self, index: int) -> EventKey:
        """The key of one event."""
        return EventKey(int(self.timestamps[index]), int(self.origins[index]), int(self.places[index]))

    def take(self, indexes: NDArray[np.int64]) -> "Events":
        """Some of the events, in this order."""
        wanted = indexes.tolist()
        return Events(
            self.timestamps[indexes],
            self.ingested[indexes],
            self.origins[indexes],
            self.places[indexes],
            [self.streams[index] for index in wanted],
            [self.messages[index] for index in wanted],
        )

    def ordered(self) -> "Events":
        """The same events by ascending key."""
        order = np.lexsort((self.places, self.origins, self.timestamps))
        return self if bool((order[1:] > order[:-1]).all()) else self.take(order)


NO_EVENTS = Events(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), (), ())


def concatenated(parts: Sequence[Events]) -> Events:
    """All events of these, part after part."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return NO_EVENTS
    return Events(
        np.concatenate([part.timestamps for part in parts]),
        np.concatenate([part.ingested for part in parts]),
        np.concatenate([part.origins for part in parts]),
        np.concatenate([part.places for part in parts]),
        list(chain.from_iterable(part.streams for part in parts)),
        list(chain.from_iterable(part.messages for part in parts)),
    )


class _Packed(msgspec.Struct, array_like=True):
    """What a block's body holds, before compression. Without `origins` the events come from this very block."""

    count: int
    timestamps: bytes  # int64 differences, little-endian
    ingested: bytes  # int64 differences
    lengths: bytes  # int32 characters of each message
    text: str
    origins: bytes | None = None  # int64
    places: bytes | None = None  # int64


_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(_Packed)
# Below this many bytes compression gains nothing.
_SMALL = 256
_PLAIN, _DEFLATED = b"\x00", b"\x01"


def pack(timestamps: Sequence[int], messages: Sequence[str], ingested: int) -> bytes:
    """The body of a new block: events in the order given, all taken in at the same instant."""
    times = np.asarray(timestamps, np.int64)
    taken = np.zeros(len(times), np.int64)
    taken[:1] = ingested
    return _body(_Packed(len(times), _differences(times), taken.tobytes(), _lengths(messages), "".join(messages)))


def repack(events: Events) -> bytes:
    """The body of a block that takes over events of other blocks, keys included."""
    return _body(
        _Packed(
            len(events),
            _differences(events.timestamps),
            _differences(events.ingested),
            _lengths(events.messages),
            "".join(events.messages),
            events.origins.tobytes(),
            events.places.tobytes(),
        )
    )


def unpack(body: bytes, block: int, stream: str) -> Events:
    """The events of a block with this number.

    Raises: StoreUnavailable: the bytes are no block.
    """
    packed = _packed(body)
    count = packed.count
    return Events(
        np.cumsum(np.frombuffer(packed.timestamps, np.int64)),
        np.cumsum(np.frombuffer(packed.ingested, np.int64)),
        np.full(count, block, np.int64) if packed.origins is None else np.frombuffer(packed.origins, np.int64),
        np.arange(count, dtype=np.int64) if packed.places is None else np.frombuffer(packed.places, np.int64),
        [stream] * count,
        _split(packed),
    )


def text_of(body: bytes) -> str:
    """All messages of a block as one text, to see whether looking closer is worth while."""
    return _packed(body).text


def _body(packed: _Packed) -> bytes:
    plain = _ENCODER.encode(packed)
    return _PLAIN + plain if len(plain) < _SMALL else _DEFLATED + zlib.compress(plain, 1)


def _packed(body: bytes) -> _Packed:
    try:
        return _DECODER.decode(zlib.decompress(body[1:]) if body[:1] == _DEFLATED else body[1:])
    except (zlib.error, msgspec.MsgspecError) as problem:
        raise StoreUnavailable(
            "log_blocks", "holds a block that cannot be read", "Restore it from a backup"
        ) from problem


def _differences(values: NDArray[np.int64]) -> bytes:
    return np.diff(values, prepend=np.zeros(1, np.int64)).tobytes()


def _lengths(messages: Sequence[str]) -> bytes:
    return np.fromiter(map(len, messages), np.int32, len(messages)).tobytes()


def _split(packed: _Packed) -> list[str]:
    ends = np.cumsum(np.frombuffer(packed.lengths, np.int32), dtype=np.int64).tolist()
    text = packed.text
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
