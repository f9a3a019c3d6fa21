"""Deliveries: what waits in the queues of the channels is put into its final form, signed and sent."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from random import random

from watchpost.channels import CHANNELS, Failed, Parcel, Sent, Settings, channel_of, protocols
from watchpost.errors import Refused
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.topics.documents import (
    CERTIFICATE,
    DELIVERY,
    SUBSCRIPTION,
    TOLD,
    TOPIC,
    Delivery,
    delivery_queue,
)
from watchpost.service.topics.signing import Signer
from watchpost.service.worker import Done, GiveUp, Outcome, Performer, Retry
from watchpost.stores.store import Entry, Store, Task, Transaction
from watchpost.topics.alarm_news import alarm_news
from watchpost.topics.delivery_policy import PEOPLE, HttpPolicy, effective_policy, next_attempt
from watchpost.topics.messages import (
    Confirmation,
    chosen_body,
    confirm_url,
    confirmation,
    confirmation_mail,
    encoded,
    http_headers,
    mail_footer,
    notification,
    text_to_sign,
    unsubscribe_url,
)
from watchpost.topics.topic import Message, Subscription, Topic

Redrive = Callable[[Transaction, str, Delivery, str, datetime], None]
"""Publishes to the topic of that ARN what could not be delivered, and why."""

REDRIVEN = "RedrivenFrom"
"""The attribute of a message that came to a topic as a dead letter; it is not redriven again."""


class Deliveries:
    """Sends what the queues of the channels hold. `jitter` gives numbers in [0, 1)."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        configuration: Configuration,
        new_id: Callable[[], str],
        settings: Settings,
        signer: Signer,
        redrive: Redrive,
        jitter: Callable[[], float] = random,
    ) -> None:
        self._store, self._clock, self._settings, self._signer = store, clock, settings, signer
        self._base_url, self._new_id = configuration.base_url, new_id
        self._redrive, self._jitter = redrive, jitter
        self._published_certificate = ""

    def performers(self) -> dict[str, Performer]:
        """What does the tasks of each channel's queue."""
        return {delivery_queue(channel): self._perform for channel in CHANNELS.names()}

    def certificate(self, name: str) -> bytes | None:
        """The certificate of that file name; any server that shares the store has those of all."""
        found = self._store.read(lambda tx: tx.get(CERTIFICATE, name))
        return None if found is None else found.encode()

    def interrupted(self, tx: Transaction, task: Task, now: datetime) -> str:
        """Tell people that a message may or may not have reached them; the ARN of their subscription."""
        delivery = DELIVERY.decode(task.body)
        subject = delivery.subscription_arn or delivery.endpoint
        # A channel that is gone since (a package from outside) must not keep the server from starting.
        known = delivery.protocol in protocols()
        if delivery.kind == "notice" or not known or delivery.protocol not in channel_of(delivery.protocol).people:
            return subject
        text = (
            f"The delivery of message {delivery.message.id} was interrupted by a stop of the server. It may or may not "
            f"have reached you: {delivery.message.subject or delivery.message.body[:200]}"
        )
        about = delivery.message.subject
        message = Message(
            self._new_id(), delivery.message.topic_arn, text, f"Interrupted: {about}" if about else None, now
        )
        notice = replace(delivery, kind="notice", message=message, alarms=())
        tx.enqueue(task.queue, DELIVERY.encode(notice), now, now)
        return subject

    # --- one delivery -----------------------------------------------------------------------------------------------

    def _perform(self, task: Task, _now: datetime) -> Outcome:
        delivery = DELIVERY.decode(task.body)
        arn = delivery.subscription_arn
        topic, subscription = self._store.read(
            lambda tx: (tx.get(TOPIC, delivery.message.topic_arn), tx.get(SUBSCRIPTION, arn) if arn else None)
        )
        if arn and subscription is None and delivery.kind != "farewell":
            return Done(lambda tx: self._note(tx, "delivery.dropped", delivery, {"why": "the subscription ended"}))
        policy = _policy(topic, subscription)
        try:
            parcel = self._parcel(delivery, topic, subscription, policy)
            answer = channel_of(delivery.protocol).send(parcel, self._settings)
        except Refused as refused:
            answer = Failed(refused.message, lasting=True)
        if isinstance(answer, Sent):
            said: dict[str, object] = {"answer": answer.answer, "attempt": task.attempts + 1}
            return Done(lambda tx: self._note(tx, "delivery", delivery, said))
        retry = policy.retry if delivery.protocol in {"http", "https", "command"} else PEOPLE
        again = None if answer.lasting else next_attempt(retry, task.attempts + 1, self._clock.now(), self._jitter())
        if again is not None:
            return Retry(again, answer.why)
        return GiveUp(
            answer.why, arn or delivery.endpoint, lambda tx: self._given_up(tx, delivery, subscription, answer.why)
        )

    def _given_up(self, tx: Transaction, delivery: Delivery, subscription: Subscription | None, why: str) -> None:
        self._note(tx, "delivery.failed", delivery, {"why": why})
        for alarm in delivery.alarms:
            # Nobody was told after all: the next news of this incident must not be held back.
            tx.delete(TOLD, f"{delivery.subscription_arn}/{alarm}")
        redrive = subscription.attribute("RedrivePolicy") if subscription is not None else ""
        already = any(a.name == REDRIVEN for a in delivery.message.attributes)
        if redrive and not already and delivery.kind in {"notification", "letter"}:
            target = json.loads(redrive)["deadLetterTargetArn"]
            self._redrive(tx, target, delivery, why, self._clock.now())

    def _note(self, tx: Transaction, kind: str, delivery: Delivery, data: dict[str, object]) -> None:
        data |= {"message": delivery.message.id, "protocol": delivery.protocol, "kind": delivery.kind}
        news = alarm_news(delivery.message)
        if alarms := delivery.alarms or ((news.arn,) if news is not None else ()):
            # The page of an alarm tells who heard of it.
            data["alarms"] = list(alarms)
        subject = delivery.subscription_arn or delivery.endpoint
        tx.record(Entry(self._clock.now(), kind, subject, "server", data))

    # --- its final form ---------------------------------------------------------------------------------------------

    def _parcel(
        self, delivery: Delivery, topic: Topic | None, subscription: Subscription | None, policy: HttpPolicy
    ) -> Parcel:
        message, protocol, arn = delivery.message, delivery.protocol, delivery.subscription_arn
        version = "2" if topic is not None and topic.attribute("SignatureVersion") == "2" else "1"
        raw = subscription is not None and subscription.raw and delivery.kind == "notification"
        name = (topic.attribute("DisplayName") or topic.name) if topic is not None else "Notification"
        subject: str | None = message.subject
        headers: tuple[tuple[str, str], ...] = ()
        if delivery.kind in {"confirmation", "farewell"}:
            subject, body, kind = self._confirmation(delivery, version)
        elif protocol in channel_of(protocol).people:
            body, kind = self._for_people(delivery), "Notification"
            subject = subject or name
        elif raw:
            body, kind = chosen_body(message, protocol), "Notification"
        else:
            link = unsubscribe_url(self._base_url, arn)
            body = self._signed(notification(message, protocol, version, self._certificate_url(), link))
            kind, subject = "Notification", subject or name
        if protocol in {"http", "https"}:
            told = None if kind == "SubscriptionConfirmation" else arn
            content_type = policy.content_type if kind == "Notification" else None
            headers = http_headers(kind, message.id, message.topic_arn, told, content_type, raw)
        return Parcel(message.id, message.at, protocol, delivery.endpoint, subject, body, headers)

    def _for_people(self, delivery: Delivery) -> str:
        text = chosen_body(delivery.message, delivery.protocol)
        if delivery.protocol != "email":
            return text
        return text + mail_footer(unsubscribe_url(self._base_url, delivery.subscription_arn), delivery.endpoint)

    def _confirmation(self, delivery: Delivery, version: str) -> tuple[str, str, str]:
        """Subject, body and type of a message that asks to confirm, or tells of an end."""
        message, arn = delivery.message, delivery.subscription_arn
        link = confirm_url(self._base_url, message.topic_arn, delivery.token)
        asks = delivery.kind == "confirmation"
        subject = "Subscription Confirmation" if asks else "Unsubscribe Confirmation"
        if delivery.protocol == "email":
            return subject, confirmation_mail(message.topic_arn, link, ended=not asks), subject
        kind: Confirmation = "SubscriptionConfirmation" if asks else "UnsubscribeConfirmation"
        url = self._certificate_url()
        members = confirmation(kind, message.id, arn, delivery.token, link, message.at, version, url)
        return subject, self._signed(members), kind

    def _signed(self, members: dict[str, object]) -> str:
        members["Signature"] = self._signer.sign(text_to_sign(members), str(members["SignatureVersion"]))
        return encoded(members)

    def _certificate_url(self) -> str:
        """Where the certificate is found; it is in the store before anybody is sent there."""
        name = self._signer.name
        if self._published_certificate != name:
            text = self._signer.certificate.decode()
            self._store.write(lambda tx: tx.put(CERTIFICATE, name, text))
            self._published_certificate = name
        return self._signer.certificate_url


def _policy(topic: Topic | None, subscription: Subscription | None) -> HttpPolicy:
    return effective_policy(
        topic.attribute("DeliveryPolicy") if topic is not None else "",
        subscription.attribute("DeliveryPolicy") if subscription is not None else "",
    )
