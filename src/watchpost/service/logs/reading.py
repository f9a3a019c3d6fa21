"""Reading log events back: one stream page by page in both directions, and a group through a filter pattern."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchpost.errors import Refused
from watchpost.logs.blocks import NO_EVENTS, EventKey, Events, concatenated
from watchpost.logs.filter_pattern import Pattern
from watchpost.logs.scan import Span, ascending, descending
from watchpost.logs.tokens import page_token, read_token
from watchpost.service.logs.documents import group_of, stream_of
from watchpost.stores.sql import log_events
from watchpost.stores.store import Store, Transaction

MOST_EVENTS = 10_000
MOST_BYTES = 1_048_576
# A page that looked at so many events answers with what it found and a token, so that no request takes for ever.
_MOST_LOOKED_AT = 400_000
_LATEST = 10**16
# Later than every timestamp (epoch milliseconds), and short enough for the digits of a token.


@dataclass(frozen=True, slots=True)
class StreamEvents:
    """A page of a stream, oldest first, and the keys from which reading goes on in both directions."""

    events: Events
    forward: EventKey
    backward: EventKey


@dataclass(frozen=True, slots=True)
class GroupEvents:
    """A page of a group and the token that continues it; None: there is no more."""

    events: Events
    token: str | None


class LogReading:
    """Reads the events of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def stream(
        self,
        group: str,
        stream: str,
        now: int,
        *,
        start: int | None = None,
        end: int | None = None,
        token: str | None = None,
        from_head: bool = False,
        limit: int | None = None,
    ) -> StreamEvents:
        """A page of a stream: timestamps in [start, end), epoch milliseconds.

        Raises: Refused ResourceNotFoundException; InvalidParameterException for a token that is none.
        """
        key = None if token is None else _stream_token(token)
        forward = token.startswith("f/") if token is not None else from_head
        span = Span(
            min(start or 0, _LATEST),
            _bounded(end) - 1,
            after=key if forward else None,
            before=None if forward else key,
        )

        def work(tx: Transaction) -> Events:
            oldest = group_of(tx, group).horizon(now)
            stream_of(tx, group, stream)
            within = Span(max(span.start, oldest), span.end, span.after, span.before)
            return _page(tx, group, (stream,), within, limit or MOST_EVENTS, forward=forward)[0]

        events = self._store.read(work)
        if len(events):
            return StreamEvents(events, events.key(-1), events.key(0))
        if key is None:
            key = EventKey(span.start, 0, 0) if forward else EventKey(span.end + 1 if end is not None else now, 0, 0)
        # The token given comes back: that is how a client sees the end. The other leads back over its own event.
        return StreamEvents(NO_EVENTS, key if forward else key.before, key if not forward else key.after)

    def filter(
        self,
        group: str,
        pattern: Pattern | None,
        now: int,
        *,
        streams: Sequence[str] | None = None,
        prefix: str = "",
        start: int | None = None,
        end: int | None = None,
        token: str | None = None,
        limit: int | None = None,
        from_head: bool = True,
    ) -> GroupEvents:
        """A page of the events of a group that match, by time over all its streams.

        Timestamps in [start, end], epoch milliseconds. A page may be empty and yet be continued.

        Raises: Refused ResourceNotFoundException; InvalidParameterException for a token that is none.
        """
        key = None if token is None else _filter_token(token)

        def work(tx: Transaction) -> tuple[Events, EventKey | None]:
            oldest = group_of(tx, group).horizon(now)
            for stream in streams or ():
                stream_of(tx, group, stream)
            span = Span(
                max(min(start or 0, _LATEST), oldest),
                _bounded(end),
                after=key if from_head else None,
                before=None if from_head else key,
                pattern=pattern,
            )
            return _page(tx, group, streams, span, limit or MOST_EVENTS, forward=from_head, prefix=prefix)

        events, seen = self._store.read(work)
        if not from_head:
            events = events.take(_reversed(len(events)))
        return GroupEvents(events, None if seen is None else page_token(seen.text()))


def _page(
    tx: Transaction,
    group: str,
    streams: Sequence[str] | None,
    span: Span,
    limit: int,
    *,
    forward: bool,
    prefix: str = "",
) -> tuple[Events, EventKey | None]:
    """Up to `limit` events from one end of the span, ascending, and where to go on; None: there is no more."""
    headers = log_events.headers(tx.connection, group, span.first, span.last, streams)
    if prefix:
        headers = [header for header in headers if header.stream.startswith(prefix)]
    scan = ascending if forward else descending
    found: list[Events] = []
    left, room, looked_at = limit, MOST_BYTES, 0
    sizes = {header.id: header.events for header in headers}

    def load(blocks: Sequence[int]) -> dict[int, bytes]:
        nonlocal looked_at
        looked_at += sum(sizes[block] for block in blocks)
        return log_events.bodies(tx.connection, blocks)

    for piece in scan(headers, load, span):
        taken, room = _fitting(piece.events, left, room, forward=forward, first=left == limit)
        left -= len(taken)
        found.append(taken)
        if len(taken) < len(piece.events):
            return _together(found, forward=forward), _last_key(found, forward=forward)
        if piece.last:
            break
        if left == 0 or looked_at >= _MOST_LOOKED_AT:
            return _together(found, forward=forward), piece.seen
    return _together(found, forward=forward), None


def _last_key(found: list[Events], *, forward: bool) -> EventKey:
    """The key of the event that was read last; there is one, for the first always finds room."""
    part = next(part for part in reversed(found) if len(part))
    return part.key(-1 if forward else 0)


def _fitting(events: Events, left: int, room: int, *, forward: bool, first: bool) -> tuple[Events, int]:
    """As many of the events as the page has place for, from the end where reading starts; the room that is left."""
    count = 0
    order = range(len(events)) if forward else range(len(events) - 1, -1, -1)
    for index in order:
        size = len(events.messages[index].encode())
        # One event always fits, or a page could never get past it.
        if count == left or (size > room and not (first and count == 0)):
            break
        count, room = count + 1, room - size
    if count == len(events):
        return events, room
    kept = _range(0, count) if forward else _range(len(events) - count, len(events))
    return events.take(kept), room


def _bounded(end: int | None) -> int:
    return _LATEST if end is None else min(end, _LATEST)


def _together(parts: list[Events], *, forward: bool) -> Events:
    return concatenated([part for part in (parts if forward else parts[::-1]) if len(part)])


def _range(start: int, end: int) -> NDArray[np.int64]:
    return np.arange(start, end, dtype=np.int64)


def _reversed(count: int) -> NDArray[np.int64]:
    return np.arange(count - 1, -1, -1, dtype=np.int64)


def _stream_token(token: str) -> EventKey:
    if token[:2] not in {"f/", "b/"}:
        raise _invalid_token()
    return _key(token[2:])


def _filter_token(token: str) -> EventKey:
    return _key(read_token(token))


def _key(text: str) -> EventKey:
    try:
        return EventKey.parse(text)
    except ValueError as problem:
        raise _invalid_token() from problem


def _invalid_token() -> Refused:
    return Refused("InvalidParameterException", "The specified nextToken is invalid.")
