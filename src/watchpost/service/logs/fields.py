"""The fields of single events and of a group's recent events."""

from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections import Counter

import numpy as np

from watchpost.errors import Refused
from watchpost.logs.blocks import EventKey, Events
from watchpost.logs.insights.fields import SYSTEM, flattened, parse_document
from watchpost.logs.scan import Span, descending, unordered
from watchpost.service.configuration import Configuration
from watchpost.service.logs.documents import group_of
from watchpost.stores.sql import log_events
from watchpost.stores.store import Store, Transaction

_HALF_WINDOW = 8 * 60_000
_WINDOW = 15 * 60_000
_SAMPLE = 10_000


class LogFields:
    """Looks into events for their fields."""

    def __init__(self, store: Store, configuration: Configuration) -> None:
        self._store, self._configuration = store, configuration

    def event(self, pointer: str, now: int) -> dict[str, str]:
        """All fields of the event that `@ptr` points to; `now` in epoch milliseconds.

        Raises: Refused InvalidParameterException: it is no pointer; ResourceNotFoundException: the event is gone.
        """
        try:
            group, stream, text = urlsafe_b64decode(pointer.encode("ascii")).decode().split(":")
            key = EventKey.parse(text)
        except (ValueError, Base64Error) as problem:
            raise Refused("InvalidParameterException", "The specified logRecordPointer is invalid.") from problem
        span = Span(key.timestamp, key.timestamp, after=key.before, before=key.after)

        def work(tx: Transaction) -> list[Events]:
            if group_of(tx, group).horizon(now) > key.timestamp:
                return []
            headers = log_events.headers(tx.connection, group, key.timestamp, key.timestamp, (stream,))
            return list(unordered(headers, lambda blocks: log_events.bodies(tx.connection, blocks), span))

        found = next((part for part in self._store.read(work) if len(part)), None)
        if found is None:
            raise Refused(
                "ResourceNotFoundException", "The log event that the pointer stands for is not there any more."
            )
        message = found.messages[0]
        own = {
            "@timestamp": str(key.timestamp),
            "@ingestionTime": str(int(found.ingested[0])),
            "@message": message,
            "@logStream": stream,
            "@log": f"{self._configuration.account}:{group}",
            "@ptr": pointer,
        }
        return {**flattened(parse_document(message) or {}), **own}

    def of_group(self, group: str, time: int | None, now: int) -> dict[str, int]:
        """The fields of a group's events and in how many percent of them each occurs, most frequent first.

        Looks at the newest 10,000 events of eight minutes before and after `time`, or of the last 15 minutes; epoch
        milliseconds.

        Raises: Refused ResourceNotFoundException.
        """
        first, last = (now - _WINDOW, now) if time is None else (time - _HALF_WINDOW, time + _HALF_WINDOW)

        def work(tx: Transaction) -> tuple[Counter[str], int]:
            span = Span(max(first, group_of(tx, group).horizon(now)), last)
            headers = log_events.headers(tx.connection, group, span.start, span.end)
            counted: Counter[str] = Counter()
            seen = 0
            for piece in descending(headers, lambda blocks: log_events.bodies(tx.connection, blocks), span):
                newest = piece.events.take(np.arange(max(0, len(piece.events) - _SAMPLE + seen), len(piece.events)))
                for message in newest.messages:
                    counted.update(flattened(parse_document(message) or {}).keys())
                seen += len(newest)
                if seen >= _SAMPLE:
                    break
            return counted, seen

        counted, seen = self._store.read(work)
        counted.update(dict.fromkeys(SYSTEM, seen))
        ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
        return {name: 100 * count // seen for name, count in ordered if seen}
