"""What the log service does by itself: default values of quiet minutes, merging small blocks, expired events."""

from datetime import datetime

import numpy as np

from watchpost.logs.admission import OVERHEAD
from watchpost.logs.blocks import concatenated, repack, unpack
from watchpost.logs.metric_filter import MetricFilter, default_datum
from watchpost.service.logs.documents import LOG_GROUP
from watchpost.service.logs.ingestion import MetricSink
from watchpost.stores.sql import log_events
from watchpost.stores.sql.log_events import NewBlock, Small
from watchpost.stores.store import Store, Transaction

# A block of so many events is as good as a larger one; so many smaller ones are worth merging, and at most so many
# at once, so that no transaction carries much.
_SMALL = Small(events=5000, size=256 * 1024)
_MANY, _MOST = 40, 400
_LARGEST = 1024 * 1024
# Stored bytes that are merged at once: compressed, so the events may take some dozen times that in memory.
_MINUTES_KEPT = 15 * 86400


class LogUpkeep:
    """The background work on the events of a store. Every method may be called again after a crash at any point."""

    def __init__(self, store: Store, metrics: MetricSink) -> None:
        self._store, self._metrics = store, metrics

    def report_quiet_minutes(self, now: datetime) -> int:
        """Report the default values of metric filters for minutes that are over; how many.

        The report and the note that it was made are one transaction: no minute is reported twice.
        """
        seconds = int(now.timestamp())
        if not self._store.read(lambda tx: log_events.quiet_minutes(tx.connection, seconds, 1)):
            return 0

        def work(tx: Transaction) -> int:
            minutes = log_events.quiet_minutes(tx.connection, seconds)
            filters: dict[tuple[str, str], MetricFilter] = {}
            for group in {each.group for each in minutes}:
                found = tx.get(LOG_GROUP, group)
                filters |= {(group, each.name): each for each in (found.metric_filters if found else ())}
            known = [
                (filters[each.group, each.filter], each.minute)
                for each in minutes
                if (each.group, each.filter) in filters
            ]
            data = [default_datum(definition, minute) for definition, minute in known]
            if data:
                self._metrics.put_within(tx, data)
            log_events.settle_minutes(tx.connection, minutes)
            log_events.forget_minutes(tx.connection, seconds - _MINUTES_KEPT)
            return len(data)

        return self._store.write(work)

    def merge(self, least: int = _MANY, most_streams: int = 20) -> int:
        """Merge the small blocks of streams that have at least so many; how many blocks went."""
        streams = self._store.read(lambda tx: log_events.crowded(tx.connection, _SMALL, least, most_streams))
        return sum(self._merge(group, stream) for group, stream in streams)

    def expire(self, now: datetime) -> int:
        """Delete blocks whose events their groups keep no longer; how many."""
        milliseconds = int(now.timestamp() * 1000)
        groups = self._store.read(lambda tx: [group for _, group in tx.scan(LOG_GROUP) if group.retention is not None])
        return sum(self._purge(group.name, group.horizon(milliseconds)) for group in groups)

    def _purge(self, group: str, horizon: int) -> int:
        return self._store.write(lambda tx: log_events.purge(tx.connection, group, horizon))

    def _merge(self, group: str, stream: str) -> int:
        def read(tx: Transaction) -> tuple[list[int], NewBlock] | None:
            # Neighbours in time, so that merged blocks overlap little; packed here, outside of what writes wait for.
            headers = log_events.small_headers(tx.connection, group, stream, _SMALL, _MOST)
            chosen, count, size = [], 0, 0
            for header in headers:
                if count >= _SMALL.events or size >= _LARGEST:
                    break
                chosen.append(header)
                count, size = count + header.events, size + header.size
            if len(chosen) < 2:
                return None
            numbers = [header.id for header in chosen]
            bodies = log_events.bodies(tx.connection, numbers)
            events = concatenated([unpack(bodies[number], number, stream) for number in numbers]).ordered()
            counted = sum(len(message.encode()) for message in events.messages) + OVERHEAD * len(events)
            return numbers, NewBlock(
                group,
                stream,
                int(events.timestamps[0]),
                int(events.timestamps[-1]),
                int(np.max(events.ingested)),
                len(events),
                counted,
                repack(events),
            )

        found = self._store.read(read)
        if found is None:
            return 0
        numbers, merged = found
        done = self._store.write(lambda tx: log_events.replace(tx.connection, numbers, merged))
        return len(numbers) if done else 0
