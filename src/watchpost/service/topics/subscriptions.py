"""Who gets a topic's messages: subscribing, confirming, ending, and each subscription's attributes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Literal

from watchpost.channels import Settings, channel_of, protocols
from watchpost.errors import Refused
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.topics.documents import (
    DELIVERY,
    ENDED,
    SUBSCRIPTION,
    TOPIC,
    Delivery,
    delivery_queue,
    expired,
    of_topic,
    remove_subscription,
    the_topic,
)
from watchpost.stores.store import Entry, Store, Transaction
from watchpost.topics.attributes import check_subscription_attributes, shown_subscription_attributes
from watchpost.topics.limits import check_arn, invalid
from watchpost.topics.topic import Message, Pairs, Subscription

PAGE = 100
TOKEN_VALID = timedelta(days=2)
_TOKEN = re.compile("[0-9a-f]+")
_MOST_OF_TOPIC = 10_000
_TOLD_OF_ITS_END = frozenset({"http", "https", "email", "email-json"})


@dataclass(frozen=True, slots=True)
class Listed:
    """A subscription in a list; `arn` is `PendingConfirmation` until it is confirmed, secrets in `endpoint` masked."""

    arn: str
    protocol: str
    endpoint: str
    topic_arn: str


def new_token() -> str:
    """A token nobody can guess."""
    return token_hex(64)


class Subscriptions:
    """Subscriptions by their ARN. `actor` is who asks, for the journal; None where a link was opened."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        configuration: Configuration,
        new_id: Callable[[], str],
        settings: Settings,
        new_token: Callable[[], str] = new_token,
    ) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._account, self._new_id, self._new_token = configuration.account, new_id, new_token

    def subscribe(
        self, topic_arn: str, protocol: str, endpoint: str, attributes: Mapping[str, str], actor: str
    ) -> Subscription:
        """Subscribe an endpoint, or find its subscription; one that is pending is asked to confirm once more.

        Raises: Refused: no such topic or protocol, an endpoint that cannot be served, attributes that break a rule or
        differ from those it was subscribed with.
        """
        check_arn(topic_arn)
        channel = channel_of(protocol)
        channel.check(protocol, endpoint, self._settings)
        check_subscription_attributes(protocol, attributes, "Attributes Reason: ")
        given = _pairs({name: value for name, value in attributes.items() if value})
        now, token, arn = self._clock.now(), self._new_token(), f"{topic_arn}:{self._new_id()}"

        def work(tx: Transaction) -> Subscription:
            the_topic(tx, topic_arn)
            others = tx.scan(SUBSCRIPTION, prefix=f"{topic_arn}:")
            for key, other in others:
                if expired(other, now):
                    remove_subscription(tx, key)
                elif (other.protocol, other.endpoint) == (protocol, endpoint):
                    return self._again(tx, other, given, now)
            if len(others) >= _MOST_OF_TOPIC:
                raise Refused(
                    "SubscriptionLimitExceededException", f"A topic has at most {_MOST_OF_TOPIC} subscriptions"
                )
            sure = now if protocol in channel.confirmed else None
            made = Subscription(
                arn, protocol, endpoint, given, now, token, now + TOKEN_VALID, sure, authenticated=sure is not None
            )
            tx.put(SUBSCRIPTION, arn, made)
            data: dict[str, object] = {"protocol": protocol, "endpoint": channel.shown(endpoint)}
            tx.record(Entry(now, "subscription.create", arn, actor, data | {"attributes": dict(given)}))
            if sure is None:
                self._ask(tx, "confirmation", made, now)
            return made

        return self._store.write(work)

    def confirm(
        self, topic_arn: str, token: str, actor: str | None, authenticate_on_unsubscribe: bool = False
    ) -> Subscription:
        """Confirm, or restore, the subscription that the token was sent to; confirming again changes nothing.

        Raises: Refused: NotFound, no such topic; InvalidParameter, the token is none of the topic's, or too old.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> Subscription:
            the_topic(tx, topic_arn)
            ended = tx.get(ENDED, f"{topic_arn}/{token}")
            found = [s for s in of_topic(tx, topic_arn, now) if s.token == token]
            if ended is not None and ended.token_expires > now:
                tx.delete(ENDED, f"{topic_arn}/{token}")
                found = [replace(ended, confirmed=None)]
            if not found:
                raise _unknown_token(token)
            (subscription,) = found
            if subscription.confirmed is not None:
                return subscription
            sure = replace(
                subscription,
                confirmed=now,
                authenticated=actor is not None,
                authenticate_on_unsubscribe=authenticate_on_unsubscribe and actor is not None,
            )
            tx.put(SUBSCRIPTION, sure.arn, sure)
            tx.record(Entry(now, "subscription.confirm", sure.arn, actor or "link", {}))
            return sure

        return self._store.write(work)

    def unsubscribe(self, arn: str, actor: str | None) -> None:
        """End a subscription; one that is not there is no fault. Who opened the link can restore it for two days.

        Raises: Refused: InvalidParameter, it is no subscription's ARN; AuthorizationError, it must be signed.
        """
        check_subscription_arn(arn)
        now, token = self._clock.now(), self._new_token()

        def work(tx: Transaction) -> None:
            subscription = tx.get(SUBSCRIPTION, arn)
            if subscription is None:
                return
            if subscription.authenticate_on_unsubscribe and actor is None:
                raise Refused("AuthorizationErrorException", "This subscription can only be ended by a signed request")
            remove_subscription(tx, arn)
            topic = tx.get(TOPIC, subscription.topic_arn)
            if topic is not None:
                tx.put(TOPIC, topic.arn, replace(topic, deleted=topic.deleted + 1))
            tx.record(Entry(now, "subscription.delete", arn, actor or "link", {}))
            if subscription.confirmed is not None and subscription.protocol in _TOLD_OF_ITS_END:
                ended = replace(subscription, token=token, token_expires=now + TOKEN_VALID)
                tx.put(ENDED, f"{subscription.topic_arn}/{token}", ended)
                self._ask(tx, "farewell", ended, now)

        self._store.write(work)

    def attributes(self, arn: str) -> dict[str, str]:
        """All attributes as SNS shows them. Raises: Refused: InvalidParameter or NotFound."""

        def work(tx: Transaction) -> dict[str, str]:
            subscription = self._the(tx, arn)
            endpoint = channel_of(subscription.protocol).shown(subscription.endpoint)
            topic = the_topic(tx, subscription.topic_arn)
            return shown_subscription_attributes(subscription, topic, self._account, endpoint)

        return self._store.read(work)

    def set_attribute(self, arn: str, name: str, value: str, actor: str) -> None:
        """Set one attribute; an empty value brings the default back.

        Raises: Refused: no such subscription or attribute, or a value it cannot have.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            subscription = self._the(tx, arn)
            kept = {key: text for key, text in subscription.attributes if key != name}
            # All of them together: a scope and a policy must agree.
            check_subscription_attributes(subscription.protocol, kept | {name: value}, "")
            changed = {key: text for key, text in (kept | {name: value}).items() if text and not _is_default(key, text)}
            tx.put(SUBSCRIPTION, arn, replace(subscription, attributes=_pairs(changed)))
            data: dict[str, object] = {"name": name, "value": value}
            tx.record(Entry(now, "subscription.set-attribute", arn, actor, data))

        self._store.write(work)

    def page(self, topic_arn: str | None = None, after: str = "") -> tuple[list[Listed], str | None]:
        """Up to 100 subscriptions in order of their ARNs, greater than `after`, and where the next page begins.

        Raises: Refused: NotFound, no such topic.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> list[tuple[str, Subscription]]:
            if topic_arn is not None:
                the_topic(tx, topic_arn)
            prefix = "" if topic_arn is None else f"{topic_arn}:"
            return tx.scan(SUBSCRIPTION, prefix=prefix, after=after, limit=PAGE + 1)

        found = self._store.read(work)
        listed = [_listed(subscription) for _, subscription in found[:PAGE] if not expired(subscription, now)]
        return listed, found[PAGE - 1][0] if len(found) > PAGE else None

    # --- parts ------------------------------------------------------------------------------------------------------

    def _again(self, tx: Transaction, subscription: Subscription, given: Pairs, now: datetime) -> Subscription:
        if given and given != subscription.attributes:
            raise invalid("Attributes Reason: Subscription already exists with different attributes")
        if subscription.confirmed is not None:
            return subscription
        asked = replace(subscription, token_expires=now + TOKEN_VALID)
        tx.put(SUBSCRIPTION, asked.arn, asked)
        self._ask(tx, "confirmation", asked, now)
        return asked

    def _ask(
        self, tx: Transaction, kind: Literal["confirmation", "farewell"], subscription: Subscription, now: datetime
    ) -> None:
        message = Message(self._new_id(), subscription.topic_arn, "", None, now)
        protocol, endpoint = subscription.protocol, subscription.endpoint
        delivery = Delivery(kind, protocol, endpoint, subscription.arn, message, token=subscription.token)
        tx.enqueue(delivery_queue(protocols()[protocol]), DELIVERY.encode(delivery), now, now)

    def _the(self, tx: Transaction, arn: str) -> Subscription:
        check_subscription_arn(arn)
        subscription = tx.get(SUBSCRIPTION, arn)
        if subscription is None or expired(subscription, self._clock.now()):
            raise Refused("NotFoundException", "Subscription does not exist")
        return subscription


def check_subscription_arn(arn: str) -> None:
    """Raise Refused unless it looks like the ARN of a subscription: a topic's with one part more."""
    check_arn(arn, "SubscriptionArn")
    parts = arn.split(":")
    if len(parts) != 7 or not parts[6]:
        raise invalid(f"SubscriptionArn Reason: An ARN must have at least 7 elements, not {len(parts)}")


def _is_default(name: str, value: str) -> bool:
    return name == "RawMessageDelivery" and value.lower() == "false"


def _listed(subscription: Subscription) -> Listed:
    arn = "PendingConfirmation" if subscription.confirmed is None else subscription.arn
    endpoint = channel_of(subscription.protocol).shown(subscription.endpoint)
    return Listed(arn, subscription.protocol, endpoint, subscription.topic_arn)


def _pairs(values: Mapping[str, str]) -> Pairs:
    return tuple(sorted(values.items()))


def _unknown_token(token: str) -> Refused:
    """What SNS says of a token it does not know, and of a text that is none: its tokens are hexadecimal digits."""
    return Refused("InvalidParameterException", "Invalid token") if _TOKEN.fullmatch(token) else invalid("Token")
