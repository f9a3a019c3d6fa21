"""The log service: events in, events out, and everything that happens to them on the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event

from watchpost.errors import Refused
from watchpost.logs.admission import admit, check_batch, check_span, size, storable
from watchpost.logs.records import Rejected
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.logs.documents import LOG_GROUP, LOG_STREAM, group_of, stream_key, stream_of
from watchpost.service.logs.fields import LogFields
from watchpost.service.logs.filters import LogFilters
from watchpost.service.logs.groups import LogGroups, milliseconds
from watchpost.service.logs.ingestion import MetricSink, Rules, TopicSink, prepare, write
from watchpost.service.logs.queries import LogQueries
from watchpost.service.logs.query_library import LogQueryLibrary
from watchpost.service.logs.reading import LogReading
from watchpost.service.logs.upkeep import LogUpkeep
from watchpost.stores.store import Store, Transaction

_SERVER = "watchpost"


@dataclass(frozen=True, slots=True)
class Put:
    """What a put did: `number` of its block (0 if no event was taken) and the events it did not take."""

    number: int
    rejected: Rejected


class Logs:
    """Log groups, their events, filters and queries.

    Args: metrics and topics: where metric filters and subscriptions write, in the transaction of the events. name: this
    server's, the same after a restart.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: MetricSink,
        topics: TopicSink,
        configuration: Configuration,
        new_id: Callable[[], str],
        name: str = "",
    ) -> None:
        self._store, self._clock, self._configuration = store, clock, configuration
        self._metrics, self._topics = metrics, topics
        self._rules: dict[str, Rules] = {}
        self.groups = LogGroups(store, configuration)
        self.filters = LogFilters(store, configuration, topics)
        self.events = LogReading(store)
        self.queries = LogQueries(store, clock, configuration, new_id, name)
        self.library = LogQueryLibrary(store, configuration, new_id)
        self.fields = LogFields(store, configuration)
        self.upkeep = LogUpkeep(store, metrics)

    def put(
        self, group: str, stream: str, events: Sequence[tuple[int, str]], now: datetime, create: bool = False
    ) -> Put:
        """Take in events of (epoch milliseconds, message), ascending; durable on return.

        The metric data of filters and embedded metrics and the messages to subscribers are in the same transaction.

        Args: create: make the group and the stream if they are not there (the server's own writing).
        Raises: Refused ResourceNotFoundException; InvalidParameterException when the batch breaks a limit.
        """
        timestamps = [timestamp for timestamp, _ in events]
        messages = [storable(message) for _, message in events]
        check_batch(timestamps, size(messages))
        while True:
            known = self._rules.get(group)
            rules = known or self._read_rules(group, now, create=create)
            admitted = admit(timestamps, milliseconds(now), rules.group.horizon(milliseconds(now)))
            kept = slice(admitted.first, admitted.end)
            try:
                check_span(timestamps[kept])
            except Refused:
                if known is None:
                    raise
                number = None  # perhaps only because the group as it was known kept events longer
            else:
                number = self._write(rules, stream, timestamps[kept], messages[kept], now, create=create)
            if number is not None:
                return Put(number, admitted.rejected)
            # The group may have changed since its rules were compiled: once more with the new ones.
            self._rules.pop(group, None)

    def _read_rules(self, group: str, now: datetime, *, create: bool) -> Rules:
        try:
            found = self._store.read(lambda tx: group_of(tx, group))
        except Refused:
            if not create:
                raise
            try:
                self.groups.create(group, now, _SERVER)
            except Refused as refusal:
                if refusal.fault != "ResourceAlreadyExistsException":
                    raise
            found = self._store.read(lambda tx: group_of(tx, group))
        rules = Rules.of(found)
        self._rules[group] = rules
        return rules

    def _write(
        self,
        rules: Rules,
        stream: str,
        timestamps: Sequence[int],
        messages: Sequence[str],
        now: datetime,
        *,
        create: bool,
    ) -> int | None:
        """The number of the new block, 0 without events; None when the rules are not those of the group any more."""
        name = rules.group.name
        ingestion = (
            prepare(rules, stream, timestamps, messages, size(messages), milliseconds(now)) if timestamps else None
        )

        def work(tx: Transaction) -> int | None:
            group = group_of(tx, name) if not create else tx.get(LOG_GROUP, name)
            if group != rules.group:
                return None
            if not create:
                stream_of(tx, name, stream)
            elif tx.get(LOG_STREAM, stream_key(name, stream)) is None:
                self.groups.create_stream_within(tx, name, stream, now, _SERVER)
            if ingestion is None:
                return 0
            return write(tx, ingestion, self._metrics, self._topics, self._configuration.account, now)

        return self._store.write(work)

    def step(self, now: datetime) -> None:
        """Do all background work that is due once."""
        self.upkeep.report_quiet_minutes(now)
        self.upkeep.merge()
        self.upkeep.expire(now)
        self.queries.forget(now)

    def run(self, stop: Event) -> None:
        """Do the background work until `stop` is set; then queries that still run are stopped."""
        rounds = 0
        while not stop.is_set():
            now = self._clock.now()
            self.upkeep.report_quiet_minutes(now)
            if rounds % 15 == 0:
                self.upkeep.merge()
                self.queries.forget(now)
            if rounds % 300 == 0:
                self.upkeep.expire(now)
            rounds += 1
            self._clock.wait(stop, 2.0)
        self.queries.close()
