"""Log groups and log streams: creating, describing, retention, tags, deleting."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from watchpost.errors import Refused
from watchpost.logs.records import RETENTION_DAYS, LogGroup, LogStream
from watchpost.logs.tokens import page_token, read_token
from watchpost.service.configuration import Configuration
from watchpost.service.logs.documents import (
    LOG_GROUP,
    LOG_STREAM,
    group_arn,
    group_of,
    stream_arn,
    stream_key,
    stream_of,
)
from watchpost.stores.sql import log_events
from watchpost.stores.sql.log_events import Summary
from watchpost.stores.store import Entry, Store, Transaction

MOST_TAGS = 50
_CLASSES = ("STANDARD", "INFREQUENT_ACCESS")


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Some groups with the bytes each holds, and the token that continues the listing."""

    groups: tuple[tuple[LogGroup, int], ...]
    token: str | None


@dataclass(frozen=True, slots=True)
class StreamPage:
    """Some streams with what each holds, if anything, and the token that continues the listing."""

    streams: tuple[tuple[LogStream, Summary | None], ...]
    token: str | None


def milliseconds(instant: datetime) -> int:
    """Epoch milliseconds of an aware instant."""
    return int(instant.timestamp() * 1000)


class LogGroups:
    """The groups and streams of a store. `actor` in its methods is who asks, for the journal."""

    def __init__(self, store: Store, configuration: Configuration) -> None:
        self._store, self._configuration = store, configuration

    def create(
        self,
        name: str,
        now: datetime,
        actor: str,
        *,
        tags: Mapping[str, str] | None = None,
        log_class: str = "STANDARD",
        protected: bool = False,
    ) -> None:
        """Make a group.

        Raises: Refused ResourceAlreadyExistsException; InvalidParameterException for a name of AWS's own or a class
        that would promise what nothing here keeps.
        """
        if name.lower().startswith("aws/"):
            raise Refused("InvalidParameterException", "Log groups starting with AWS/ are reserved for AWS.")
        if log_class not in _CLASSES:
            raise Refused("InvalidParameterException", f"Log group class {log_class} is not supported here.")
        group = LogGroup(
            name, milliseconds(now), log_class=log_class, protected=protected, tags=tuple(sorted((tags or {}).items()))
        )

        def work(tx: Transaction) -> None:
            if tx.get(LOG_GROUP, name) is not None:
                raise Refused("ResourceAlreadyExistsException", "The specified log group already exists")
            tx.put(LOG_GROUP, name, group)
            self._note(tx, "log-group.created", name, now, actor, {"tags": dict(group.tags), "class": log_class})

        self._store.write(work)

    def delete(self, name: str, now: datetime, actor: str) -> None:
        """Delete a group with all its streams, events and filters.

        Raises: Refused ResourceNotFoundException; ValidationException when it is protected.
        """

        def work(tx: Transaction) -> None:
            if group_of(tx, name).protected:
                raise Refused(
                    "ValidationException",
                    "The specified log group is protected from deletion. Remove the protection first.",
                )
            for key, _ in tx.scan(LOG_STREAM, f"{name}:"):
                tx.delete(LOG_STREAM, key)
            log_events.remove(tx.connection, name)
            tx.delete(LOG_GROUP, name)
            self._note(tx, "log-group.deleted", name, now, actor, {})

        self._store.write(work)

    def change(
        self, name: str, what: str, update: Callable[[LogGroup], LogGroup], now: datetime, actor: str
    ) -> LogGroup:
        """Put an updated group in its place, journalled as `log-group.<what>`.

        Raises: Refused ResourceNotFoundException, and what `update` raises.
        """

        def work(tx: Transaction) -> LogGroup:
            group = group_of(tx, name)
            changed = update(group)
            if changed != group:
                tx.put(LOG_GROUP, name, changed)
                data: dict[str, object] = {"retention": changed.retention, "tags": dict(changed.tags)}
                self._note(tx, f"log-group.{what}", name, now, actor, {**data, "protected": changed.protected})
            return changed

        return self._store.write(work)

    def retain(self, name: str, days: int | None, now: datetime, actor: str) -> None:
        """Keep a group's events so many days; None: for ever.

        Raises: Refused ResourceNotFoundException; InvalidParameterException for a number CloudWatch does not know.
        """
        if days is not None and days not in RETENTION_DAYS:
            known = ", ".join(map(str, RETENTION_DAYS))
            raise Refused(
                "InvalidParameterException",
                f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{known}]",
            )
        self.change(name, "retention-changed", lambda group: replace(group, retention=days), now, actor)

    def tag(self, name: str, tags: Mapping[str, str], now: datetime, actor: str) -> None:
        """Add or change tags.

        Raises: Refused ResourceNotFoundException; TooManyTagsException beyond 50.
        """

        def update(group: LogGroup) -> LogGroup:
            merged = {**dict(group.tags), **tags}
            if len(merged) > MOST_TAGS:
                raise Refused("TooManyTagsException", f"A resource can have at most {MOST_TAGS} tags.")
            return replace(group, tags=tuple(sorted(merged.items())))

        self.change(name, "tagged", update, now, actor)

    def untag(self, name: str, keys: Sequence[str], now: datetime, actor: str) -> None:
        """Remove tags, also such as are not there."""

        def update(group: LogGroup) -> LogGroup:
            return replace(group, tags=tuple(tag for tag in group.tags if tag[0] not in keys))

        self.change(name, "untagged", update, now, actor)

    def group(self, name: str) -> LogGroup:
        """The group.

        Raises: Refused ResourceNotFoundException.
        """
        return self._store.read(lambda tx: group_of(tx, name))

    def describe(
        self,
        chosen: Callable[[LogGroup], bool],
        prefix: str = "",
        token: str | None = None,
        limit: int = 50,
    ) -> GroupPage:
        """The groups by name: of a prefix, and such as `chosen` picks."""
        after = "" if token is None else read_token(token)

        def work(tx: Transaction) -> GroupPage:
            groups: list[LogGroup] = []
            place = after
            while len(groups) <= limit:
                found = tx.scan(LOG_GROUP, prefix, place, limit + 1)
                groups += [group for _, group in found if chosen(group)]
                if len(found) <= limit:
                    break
                place = found[-1][0]
            page = groups[:limit]
            held = log_events.stored_bytes(tx.connection, [group.name for group in page])
            more = page_token(page[-1].name) if len(groups) > limit else None
            return GroupPage(tuple((group, held.get(group.name, 0)) for group in page), more)

        return self._store.read(work)

    # --- streams ----------------------------------------------------------------------------------------------------

    def create_stream(self, group: str, name: str, now: datetime, actor: str) -> None:
        """Make a stream.

        Raises: Refused ResourceNotFoundException, ResourceAlreadyExistsException.
        """

        def work(tx: Transaction) -> None:
            group_of(tx, group)
            if tx.get(LOG_STREAM, stream_key(group, name)) is not None:
                raise Refused("ResourceAlreadyExistsException", "The specified log stream already exists")
            self.create_stream_within(tx, group, name, now, actor)

        self._store.write(work)

    def create_stream_within(self, tx: Transaction, group: str, name: str, now: datetime, actor: str) -> None:
        """Make a stream that is known not to be there, of a group that is."""
        tx.put(LOG_STREAM, stream_key(group, name), LogStream(group, name, milliseconds(now)))
        arn = stream_arn(self._configuration, group, name)
        tx.record(Entry(now, "log-stream.created", arn, actor, {}))

    def delete_stream(self, group: str, name: str, now: datetime, actor: str) -> None:
        """Delete a stream with its events.

        Raises: Refused ResourceNotFoundException.
        """

        def work(tx: Transaction) -> None:
            group_of(tx, group)
            stream_of(tx, group, name)
            log_events.remove(tx.connection, group, name)
            tx.delete(LOG_STREAM, stream_key(group, name))
            tx.record(Entry(now, "log-stream.deleted", stream_arn(self._configuration, group, name), actor, {}))

        self._store.write(work)

    def streams(
        self,
        group: str,
        now: datetime,
        *,
        prefix: str = "",
        by_last_event: bool = False,
        descending: bool = False,
        token: str | None = None,
        limit: int = 50,
    ) -> StreamPage:
        """The streams of a group, by name or by the time of their last event (such as have none come first).

        Raises: Refused ResourceNotFoundException; InvalidParameterException for a prefix with an order by time.
        """
        if by_last_event and prefix:
            raise Refused("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
        after = None if token is None else _place(token)

        def work(tx: Transaction) -> StreamPage:
            horizon = group_of(tx, group).horizon(milliseconds(now))
            found = [stream for _, stream in tx.scan(LOG_STREAM, f"{group}:{prefix}")]
            held = log_events.summaries(tx.connection, group, horizon)

            def place(stream: LogStream) -> tuple[int, str]:
                summary = held.get(stream.name)
                return (summary.last if by_last_event and summary else 0, stream.name)

            found.sort(key=place, reverse=descending)
            if after is not None:
                found = [each for each in found if (place(each) < after if descending else place(each) > after)]
            page = found[:limit]
            more = None
            if len(found) > limit:
                last = place(page[-1])
                more = page_token(f"{last[0]}:{last[1]}")
            return StreamPage(tuple((stream, held.get(stream.name)) for stream in page), more)

        return self._store.read(work)

    def _note(self, tx: Transaction, kind: str, name: str, now: datetime, actor: str, data: dict[str, object]) -> None:
        tx.record(Entry(now, kind, group_arn(self._configuration, name), actor, data))


def _place(token: str) -> tuple[int, str]:
    instant, _, name = read_token(token).partition(":")
    if not instant.isdigit():
        raise Refused("InvalidParameterException", "The specified nextToken is invalid.")
    return int(instant), name
