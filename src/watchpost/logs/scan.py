"""Reading blocks of log events in the order of their keys, without holding more of them than overlap in time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from watchpost.logs.blocks import EventKey, Events, concatenated, text_of, unpack
from watchpost.logs.filter_pattern import Pattern

LATEST = 2**62
"""Later than every timestamp, in epoch milliseconds."""

_BATCH_BYTES, _BATCH_EVENTS, _BATCH_BLOCKS = 4 << 20, 10_000, 200
# Bodies that are asked for at once: enough to make a query worth while, little enough to stop early.


@dataclass(frozen=True, slots=True)
class Header:
    """A block, without its body: times of its first and last event in epoch milliseconds, bytes as stored."""

    id: int
    stream: str
    first: int
    last: int
    events: int
    size: int


@dataclass(frozen=True, slots=True)
class Span:
    """What is wanted: timestamps in [start, end] and keys strictly between `after` and `before`."""

    start: int = 0
    end: int = LATEST
    after: EventKey | None = None
    before: EventKey | None = None
    pattern: Pattern | None = None

    @property
    def first(self) -> int:
        """The earliest timestamp that can be in it."""
        return self.start if self.after is None else max(self.start, self.after.timestamp)

    @property
    def last(self) -> int:
        """The latest timestamp that can be in it."""
        return self.end if self.before is None else min(self.end, self.before.timestamp)


@dataclass(frozen=True, slots=True)
class Piece:
    """Events in order, and the key up to which everything was seen: it may go on there unless it is the last."""

    events: Events
    seen: EventKey  # below all events of its instant: numbers of blocks start at 1
    last: bool


Load = Callable[[Sequence[int]], dict[int, bytes]]
"""The bodies of blocks by their numbers."""


def ascending(headers: Sequence[Header], load: Load, span: Span) -> Iterator[Piece]:
    """The events of a span, oldest first. `headers` in any order."""
    waiting: list[Events] = []
    batches = _batches(sorted(headers, key=lambda header: (header.first, header.id)))
    for batch, following in zip_longest(batches, batches[1:], fillvalue=_NOTHING):
        waiting += _loaded(batch, load, span)
        horizon = following[0].first if following else LATEST
        ready, rest = _divided(waiting, horizon, later=False)
        yield Piece(ready.ordered(), EventKey(horizon, 0, 0), not following)
        waiting = rest


def descending(headers: Sequence[Header], load: Load, span: Span) -> Iterator[Piece]:
    """The events of a span, newest first; each piece is ascending in itself."""
    waiting: list[Events] = []
    batches = _batches(sorted(headers, key=lambda header: (header.last, header.id), reverse=True))
    for batch, following in zip_longest(batches, batches[1:], fillvalue=_NOTHING):
        waiting += _loaded(batch, load, span)
        horizon = following[0].last if following else -1
        ready, rest = _divided(waiting, horizon + 1, later=True)
        yield Piece(ready.ordered(), EventKey(horizon + 1, 0, 0), not following)
        waiting = rest


def unordered(headers: Sequence[Header], load: Load, span: Span) -> Iterator[Events]:
    """The events of a span as they lie in the blocks."""
    for batch in _batches(headers):
        for events in _loaded(batch, load, span):
            if len(events):
                yield events


_NOTHING: list[Header] = []


def _batches(headers: Sequence[Header]) -> list[list[Header]]:
    batches: list[list[Header]] = []
    size = count = 0
    for header in headers:
        if not batches or size >= _BATCH_BYTES or count >= _BATCH_EVENTS or len(batches[-1]) >= _BATCH_BLOCKS:
            batches.append([])
            size = count = 0
        batches[-1].append(header)
        size, count = size + header.size, count + header.events
    return batches


def _loaded(batch: Sequence[Header], load: Load, span: Span) -> list[Events]:
    bodies = load([header.id for header in batch])
    found: list[Events] = []
    for header in batch:
        body = bodies.get(header.id)
        # A block that is gone was merged or expired since its header was read; the reader's snapshot prevents that.
        if body is None or (span.pattern is not None and not span.pattern.may_match(text_of(body))):
            continue
        events = _within(unpack(body, header.id, header.stream), span)
        if span.pattern is not None:
            chosen = span.pattern.select(events.messages)
            events = events if all(chosen) else events.take(np.flatnonzero(chosen))
        found.append(events)
    return found


def _within(events: Events, span: Span) -> Events:
    wanted = (events.timestamps >= span.start) & (events.timestamps <= span.end)
    for key, above in ((span.after, True), (span.before, False)):
        if key is not None:
            sign = 1 if above else -1
            later = sign * (events.timestamps - key.timestamp)
            newer = sign * (events.origins - key.origin)
            # A key just below the first place of an origin has the largest place there is, beyond int64.
            further = sign * (events.places - min(key.place, 2**62))
            wanted &= (later > 0) | ((later == 0) & ((newer > 0) | ((newer == 0) & (further > 0))))
    return events if bool(wanted.all()) else events.take(np.flatnonzero(wanted))


def _divided(waiting: Sequence[Events], instant: int, *, later: bool) -> tuple[Events, list[Events]]:
    """The events on one side of an instant, together; those on the other, as they were. The instant counts as later."""
    ready: list[Events] = []
    rest: list[Events] = []
    for events in waiting:
        side = (events.timestamps >= instant) == later
        if bool(side.all()):
            ready.append(events)
        else:
            ready.append(events.take(np.flatnonzero(side)))
            rest.append(events.take(np.flatnonzero(~side)))
    return concatenated(ready), rest
