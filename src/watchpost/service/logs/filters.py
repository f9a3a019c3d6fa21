"""Metric filters and subscription filters of log groups: putting, describing, deleting, testing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import TypeVar

from watchpost.errors import Refused
from watchpost.logs.filter_pattern import compile_pattern
from watchpost.logs.metric_filter import MetricFilter, compile_filter
from watchpost.logs.records import LogGroup, SubscriptionFilter
from watchpost.logs.tokens import page_token, read_token
from watchpost.service.configuration import Configuration
from watchpost.service.logs.documents import LOG_GROUP, group_arn, group_of
from watchpost.service.logs.ingestion import TopicSink
from watchpost.stores.sql import log_events
from watchpost.stores.store import Entry, Store, Transaction

MOST_METRIC_FILTERS = 100
MOST_SUBSCRIPTIONS = 2
MOST_WITH_EXPRESSIONS = 5

T = TypeVar("T", MetricFilter, SubscriptionFilter)


@dataclass(frozen=True, slots=True)
class Match:
    """A test message that matches: its number from 1, its text, and the values that the pattern names."""

    number: int
    message: str
    values: tuple[tuple[str, str], ...]


class LogFilters:
    """The filters of the groups of a store. `actor` in its methods is who asks, for the journal."""

    def __init__(self, store: Store, configuration: Configuration, topics: TopicSink) -> None:
        self._store, self._configuration, self._topics = store, configuration, topics

    def put_metric_filter(self, definition: MetricFilter, now: datetime, actor: str) -> None:
        """Make or replace a metric filter; it sees events that come after.

        Raises: Refused ResourceNotFoundException, InvalidParameterException, LimitExceededException beyond 100 filters
        or five patterns with regular expressions.
        """
        compile_filter(definition)

        def update(tx: Transaction, group: LogGroup) -> LogGroup:
            filters = _with(group.metric_filters, definition, MOST_METRIC_FILTERS)
            log_events.forget_filter(tx.connection, group.name, definition.name)
            return replace(group, metric_filters=filters)

        data: dict[str, object] = {"filter": definition.name, "pattern": definition.pattern}
        self._change(definition.group, "metric-filter.put", update, now, actor, data)

    def delete_metric_filter(self, group: str, name: str, now: datetime, actor: str) -> None:
        """Delete a metric filter.

        Raises: Refused ResourceNotFoundException.
        """

        def update(tx: Transaction, found: LogGroup) -> LogGroup:
            log_events.forget_filter(tx.connection, group, name)
            return replace(found, metric_filters=_without(found.metric_filters, name, "metric"))

        self._change(group, "metric-filter.deleted", update, now, actor, {"filter": name})

    def metric_filters(
        self, group: str | None, chosen: Callable[[MetricFilter], bool], token: str | None, limit: int
    ) -> tuple[list[MetricFilter], str | None]:
        """Metric filters of a group, or of all, by group and name; and the token that continues the listing."""

        def work(tx: Transaction) -> list[MetricFilter]:
            groups = [group_of(tx, group)] if group is not None else [each for _, each in tx.scan(LOG_GROUP)]
            return [each for found in groups for each in found.metric_filters if chosen(each)]

        return _page(self._store.read(work), token, limit)

    def put_subscription(self, definition: SubscriptionFilter, now: datetime, actor: str) -> None:
        """Make or replace a subscription filter.

        Raises: Refused ResourceNotFoundException; InvalidParameterException for a destination that is no topic of this
        server; LimitExceededException beyond two filters.
        """
        compile_pattern(definition.pattern)
        service = [*definition.destination.split(":", 3), "", "", ""][2]
        if service != "sns":
            raise Refused(
                "InvalidParameterException",
                f"Destinations of service {service or definition.destination!r} are not supported here: give the ARN "
                "of an SNS topic of this server, whose subscriptions (webhooks, e-mail, …) then get the events.",
            )

        def update(tx: Transaction, group: LogGroup) -> LogGroup:
            if not self._topics.exists(tx, definition.destination):
                raise Refused(
                    "InvalidParameterException",
                    "Could not deliver test message to specified destination. "
                    "Check if the destination is valid: there is no such topic.",
                )
            return replace(group, subscriptions=_with(group.subscriptions, definition, MOST_SUBSCRIPTIONS))

        data: dict[str, object] = {
            "filter": definition.name,
            "pattern": definition.pattern,
            "destination": definition.destination,
        }
        self._change(definition.group, "subscription-filter.put", update, now, actor, data)

    def delete_subscription(self, group: str, name: str, now: datetime, actor: str) -> None:
        """Delete a subscription filter.

        Raises: Refused ResourceNotFoundException.
        """

        def update(_tx: Transaction, found: LogGroup) -> LogGroup:
            return replace(found, subscriptions=_without(found.subscriptions, name, "subscription"))

        self._change(group, "subscription-filter.deleted", update, now, actor, {"filter": name})

    def subscriptions(
        self, group: str, prefix: str, token: str | None, limit: int
    ) -> tuple[list[SubscriptionFilter], str | None]:
        """Subscription filters of a group by name; and the token that continues the listing."""
        found = self._store.read(lambda tx: group_of(tx, group)).subscriptions
        return _page([each for each in found if each.name.startswith(prefix)], token, limit)

    @staticmethod
    def test(pattern: str, messages: Sequence[str]) -> list[Match]:
        """Which messages match a pattern, and what it reads from them.

        Raises: Refused InvalidParameterException.
        """
        compiled = compile_pattern(pattern)
        return [
            Match(number, message, tuple(compiled.extract(message).items()))
            for number, (message, chosen) in enumerate(zip(messages, compiled.select(messages), strict=True), 1)
            if chosen
        ]

    def _change(
        self,
        name: str,
        kind: str,
        update: Callable[[Transaction, LogGroup], LogGroup],
        now: datetime,
        actor: str,
        data: dict[str, object],
    ) -> None:
        def work(tx: Transaction) -> None:
            changed = update(tx, group_of(tx, name))
            patterns = [each.pattern for each in changed.metric_filters]
            patterns += [each.pattern for each in changed.subscriptions]
            if (
                sum(compile_pattern(pattern).expressions > 0 for pattern in patterns if "%" in pattern)
                > MOST_WITH_EXPRESSIONS
            ):
                raise Refused(
                    "LimitExceededException",
                    f"A log group can have at most {MOST_WITH_EXPRESSIONS} filter patterns with regular expressions.",
                )
            tx.put(LOG_GROUP, name, changed)
            tx.record(Entry(now, kind, group_arn(self._configuration, name), actor, data))

        self._store.write(work)


def _with(filters: tuple[T, ...], new: T, most: int) -> tuple[T, ...]:
    there = {each.name: each for each in filters}
    there[new.name] = new
    if len(there) > most:
        raise Refused("LimitExceededException", "Resource limit exceeded.")
    return tuple(sorted(there.values(), key=attrgetter("name")))


def _without(filters: tuple[T, ...], name: str, what: str) -> tuple[T, ...]:
    left = tuple(each for each in filters if each.name != name)
    if len(left) == len(filters):
        raise Refused("ResourceNotFoundException", f"The specified {what} filter does not exist.")
    return left


def _page(found: list[T], token: str | None, limit: int) -> tuple[list[T], str | None]:
    if token is not None:
        after = tuple(read_token(token).split(":", 1))
        found = [each for each in found if (each.group, each.name) > after]
    more = f"{found[limit - 1].group}:{found[limit - 1].name}" if len(found) > limit else None
    return found[:limit], None if more is None else page_token(more)
