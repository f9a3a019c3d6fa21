"""Gathering messages to people: one letter per subscription and window, each incident told once."""

from collections.abc import Callable
from datetime import datetime, timedelta

from watchpost.channels import Settings, protocols
from watchpost.service.configuration import Configuration
from watchpost.service.topics.documents import (
    DELIVERY,
    GATHER_QUEUE,
    GATHERING,
    SUBSCRIPTION,
    TOLD,
    TOPIC,
    WAITING,
    Delivery,
    Gathering,
    delivery_queue,
)
from watchpost.service.worker import Done, Outcome, Performer
from watchpost.stores.store import Entry, Task, Transaction
from watchpost.topics.alarm_news import alarm_news
from watchpost.topics.incidents import compose
from watchpost.topics.topic import Message, Subscription


class Incidents:
    """Turns the messages of a window into letters. Only writes to the store, so it may be done again after a stop."""

    def __init__(self, configuration: Configuration, new_id: Callable[[], str], settings: Settings) -> None:
        self._base_url, self._new_id = configuration.base_url, new_id
        self._window = timedelta(seconds=settings.incidents.window_seconds)
        self._repeat = timedelta(hours=settings.incidents.repeat_hours)

    def performers(self) -> dict[str, Performer]:
        """What does the tasks of the queue of gathered messages."""
        return {GATHER_QUEUE: self._perform}

    def gather(self, tx: Transaction, subscription: Subscription, message: Message, now: datetime) -> None:
        """Let a message wait for others to the same subscription; the first begins the window."""
        gathering = tx.get(GATHERING, subscription.arn)
        if gathering is None:
            gathering = Gathering(0)
            tx.enqueue(GATHER_QUEUE, subscription.arn.encode(), now + self._window, now)
        tx.put(WAITING, f"{subscription.arn}/{gathering.count:010d}", message)
        tx.put(GATHERING, subscription.arn, Gathering(gathering.count + 1))

    def _perform(self, task: Task, now: datetime) -> Outcome:
        return Done(lambda tx: self._send(tx, task.body.decode(), now))

    def _send(self, tx: Transaction, arn: str, now: datetime) -> None:
        waiting = tx.scan(WAITING, prefix=f"{arn}/")
        for key, _ in waiting:
            tx.delete(WAITING, key)
        tx.delete(GATHERING, arn)
        subscription = tx.get(SUBSCRIPTION, arn)
        if subscription is None or not waiting:
            return
        messages = [message for _, message in waiting]
        news = {found.arn for message in messages if (found := alarm_news(message)) is not None}
        told = {alarm: known for alarm in news if (known := tx.get(TOLD, f"{arn}/{alarm}")) is not None}
        topic = tx.get(TOPIC, subscription.topic_arn)
        sender = (topic.attribute("DisplayName") or topic.name) if topic is not None else "Notification"
        letter, changes = compose(messages, told, now, self._repeat, subscription.protocol, sender, self._base_url)
        for alarm, after in changes.items():
            if after is None:
                tx.delete(TOLD, f"{arn}/{alarm}")
            else:
                tx.put(TOLD, f"{arn}/{alarm}", after)
        if letter is None:
            data: dict[str, object] = {"messages": [message.id for message in messages], "alarms": sorted(news)}
            tx.record(Entry(now, "notification.held-back", arn, "server", data))
            return
        # A lone message keeps its id, so that it can be followed from the publisher to the mailbox.
        letter_id = messages[0].id if len(messages) == 1 else self._new_id()
        message = Message(letter_id, subscription.topic_arn, letter.text, letter.subject, now)
        delivery = Delivery("letter", subscription.protocol, subscription.endpoint, arn, message, alarms=letter.alarms)
        tx.enqueue(delivery_queue(protocols()[subscription.protocol]), DELIVERY.encode(delivery), now, now)
