"""The topics themselves: created, described, changed, deleted, tagged; their policies kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from watchpost.errors import Refused
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.topics.documents import (
    ACCEPTED,
    ACCEPTED_ORDER,
    ENDED,
    NUMBERING,
    SUBSCRIPTION,
    TOPIC,
    clear,
    of_topic,
    remove_subscription,
    the_topic,
)
from watchpost.stores.store import Entry, Store, Transaction
from watchpost.topics.attributes import check_topic_attribute, shown_topic_attributes
from watchpost.topics.limits import check_arn, check_topic_name, invalid
from watchpost.topics.policies import default_policy, with_permission, without_permission
from watchpost.topics.topic import Pairs, Topic, topic_arn

PAGE = 100
_MOST_TAGS = 50


class TopicCatalogue:
    """Topics by their ARN. `actor` is who asks, for the journal."""

    def __init__(self, store: Store, clock: Clock, configuration: Configuration) -> None:
        self._store, self._clock = store, clock
        self._region, self._account = configuration.region, configuration.account

    def create(self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str], actor: str) -> str:
        """Create a topic, or find the one of that name; its ARN.

        Raises: Refused: the name or an attribute breaks a rule, or the topic is there with other attributes or tags.
        """
        given = {key: value for key, value in attributes.items() if value != ""}
        fifo = given.get("FifoTopic", "false").lower() == "true"
        check_topic_name(name, fifo)
        for key, value in given.items():
            check_topic_attribute(key, value, fifo, "Attributes Reason: ", creating=True)
        if fifo:
            given["FifoTopic"] = "true"
            given.setdefault("ContentBasedDeduplication", "false")
        _check_tags(tags)
        arn, now = topic_arn(self._region, self._account, name), self._clock.now()

        def work(tx: Transaction) -> str:
            topic = tx.get(TOPIC, arn)
            if topic is not None:
                _check_same(topic, given, tags)
                return arn
            tx.put(TOPIC, arn, Topic(arn, _pairs(given), _pairs(tags), now))
            tx.record(Entry(now, "topic.create", arn, actor, {"attributes": dict(given), "tags": dict(tags)}))
            return arn

        return self._store.write(work)

    def delete(self, arn: str, actor: str) -> None:
        """Delete a topic and its subscriptions; one that is not there is no fault."""
        check_arn(arn)
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            if not tx.delete(TOPIC, arn):
                return
            for key, _ in tx.scan(SUBSCRIPTION, prefix=f"{arn}:"):
                remove_subscription(tx, key)
            clear(tx, ENDED, f"{arn}/")
            clear(tx, ACCEPTED, f"{arn}/")
            clear(tx, ACCEPTED_ORDER, f"{arn}/")
            tx.delete(NUMBERING, arn)
            tx.record(Entry(now, "topic.delete", arn, actor, {}))

        self._store.write(work)

    def page(self, after: str = "") -> tuple[list[str], str | None]:
        """Up to 100 ARNs in order, greater than `after`, and where the next page begins."""
        found = self._store.read(lambda tx: tx.scan(TOPIC, after=after, limit=PAGE + 1))
        arns = [arn for arn, _ in found[:PAGE]]
        return arns, arns[-1] if len(found) > PAGE else None

    def attributes(self, arn: str) -> dict[str, str]:
        """All attributes as SNS shows them."""
        now = self._clock.now()

        def work(tx: Transaction) -> dict[str, str]:
            topic = the_topic(tx, arn)
            confirmed = [s.confirmed is not None for s in of_topic(tx, arn, now)]
            return shown_topic_attributes(topic, self._account, sum(confirmed), len(confirmed) - sum(confirmed))

        return self._store.read(work)

    def set_attribute(self, arn: str, name: str, value: str, actor: str) -> None:
        """Set one attribute; an empty value brings the default back.

        Raises: Refused: no such topic, no such attribute, or a value it cannot have.
        """

        def change(topic: Topic) -> Topic:
            if value:
                check_topic_attribute(name, value, topic.fifo, "")
            else:
                check_topic_attribute(name, None, topic.fifo, "")
            kept = {key: text for key, text in topic.attributes if key != name}
            return replace(topic, attributes=_pairs(kept | ({name: value} if value else {})))

        self._change(arn, change, "topic.set-attribute", actor, {"name": name, "value": value})

    def add_permission(self, arn: str, label: str, accounts: Sequence[str], actions: Sequence[str], actor: str) -> None:
        """Add a statement to the topic's policy, which is kept and shown but not enforced.

        Raises: Refused: no such topic, or a statement with that label is there.
        """

        def change(topic: Topic) -> Topic:
            policy = topic.attribute("Policy") or default_policy(topic.arn, self._account)
            kept = dict(topic.attributes) | {"Policy": with_permission(policy, arn, label, accounts, actions)}
            return replace(topic, attributes=_pairs(kept))

        self._change(arn, change, "topic.add-permission", actor, {"label": label})

    def remove_permission(self, arn: str, label: str, actor: str) -> None:
        """Remove the statement with that label from the topic's policy."""

        def change(topic: Topic) -> Topic:
            policy = topic.attribute("Policy") or default_policy(topic.arn, self._account)
            return replace(
                topic, attributes=_pairs(dict(topic.attributes) | {"Policy": without_permission(policy, label)})
            )

        self._change(arn, change, "topic.remove-permission", actor, {"label": label})

    def tags(self, arn: str) -> dict[str, str]:
        """The topic's tags. Raises: Refused: ResourceNotFound."""
        return dict(self._store.read(lambda tx: _tagged(tx, arn)).tags)

    def tag(self, arn: str, tags: Mapping[str, str], actor: str) -> None:
        """Add tags, replacing those with the same key."""

        def change(topic: Topic) -> Topic:
            merged = dict(topic.tags) | dict(tags)
            _check_tags(merged)
            return replace(topic, tags=_pairs(merged))

        self._change(arn, change, "topic.tag", actor, {"tags": dict(tags)}, tagging=True)

    def untag(self, arn: str, keys: Sequence[str], actor: str) -> None:
        """Remove tags by key; a key that is not there is no fault."""

        def change(topic: Topic) -> Topic:
            return replace(topic, tags=tuple(pair for pair in topic.tags if pair[0] not in keys))

        self._change(arn, change, "topic.untag", actor, {"keys": list(keys)}, tagging=True)

    def _change(
        self,
        arn: str,
        change: "_Change",
        kind: str,
        actor: str,
        data: dict[str, object],
        tagging: bool = False,
    ) -> None:
        now: datetime = self._clock.now()

        def work(tx: Transaction) -> None:
            topic = _tagged(tx, arn) if tagging else the_topic(tx, arn)
            tx.put(TOPIC, arn, change(topic))
            tx.record(Entry(now, kind, arn, actor, data))

        self._store.write(work)


_Change = Callable[[Topic], Topic]


def _tagged(tx: Transaction, arn: str) -> Topic:
    check_arn(arn, "ResourceArn")
    topic = tx.get(TOPIC, arn)
    if topic is None:
        raise Refused("ResourceNotFoundException", "Resource does not exist")
    return topic


def _check_same(topic: Topic, attributes: Mapping[str, str], tags: Mapping[str, str]) -> None:
    if any(topic.attribute(name) != value for name, value in attributes.items()):
        raise invalid("Attributes Reason: Topic already exists with different attributes")
    if tags and dict(tags) != dict(topic.tags):
        raise invalid("Tags Reason: Topic already exists with different tags")


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise Refused("TagLimitExceededException", "Could not complete request: tag quota of per resource exceeded")


def _pairs(values: Mapping[str, str]) -> Pairs:
    return tuple(sorted(values.items()))
