"""A server's alarms over an empty store, with topics and events that only remember."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from watchpost.errors import Refused
from watchpost.events.envelope import Event
from watchpost.metrics.identity import Datum, Metric
from watchpost.service.alarms.alarms import Alarms
from watchpost.service.alarms.reading import Described
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.metrics.metrics import Metrics
from watchpost.stores.sql.alarm_history import HistoryFilter, HistoryItem
from watchpost.stores.store import Recorded, Store, Transaction

TOPIC = "arn:aws:sns:us-east-1:000000000000:alerts"
LATENCY = Metric.of("app", "latency")


@dataclass(frozen=True)
class Sent:
    """A message as topics got it."""

    at: datetime
    subject: str
    body: dict[str, Any]
    readable: str


@dataclass
class Topics:
    """Topics that remember what was published; there is but one."""

    sent: list[Sent] = field(default_factory=list)

    def publish(
        self,
        tx: Transaction,
        topic_arn: str,
        message: str,
        subject: str | None = None,
        attributes: Mapping[str, object] = {},
        *,
        now: datetime,
        readable: str | None = None,
    ) -> str:
        if topic_arn != TOPIC:
            raise Refused("NotFound", "Topic does not exist")
        self.sent.append(Sent(now, subject or "", json.loads(message), readable or ""))
        return f"message-{len(self.sent)}"


@dataclass
class Events:
    """Events that remember what was published."""

    published: list[Event] = field(default_factory=list)

    def publish(self, tx: Transaction, event: Event) -> None:
        self.published.append(event)


@dataclass
class House:
    """Alarms with everything around them."""

    store: Store
    clock: ManualClock
    metrics: Metrics
    topics: Topics
    events: Events
    alarms: Alarms

    @classmethod
    def over(cls, store: Store, clock: ManualClock, holder: str = "one") -> "House":
        metrics, topics, events, ids = Metrics(store, clock), Topics(), Events(), count()
        configuration = Configuration(home=Path("unused"), base_url="http://watchpost.example")
        alarms = Alarms(store, clock, metrics, topics, events, configuration, lambda: f"id-{next(ids)}", holder=holder)
        return cls(store, clock, metrics, topics, events, alarms)

    def put(self, name: str = "latency", **members: object) -> None:
        """Make an alarm on average latency above 10 in one minute, or as the members say."""
        given: dict[str, object] = {
            "AlarmName": name,
            "MetricName": "latency",
            "Namespace": "app",
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 10.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "AlarmActions": [TOPIC],
            "OKActions": [TOPIC],
        }
        given |= members
        self.alarms.changes.put_metric_alarm({key: value for key, value in given.items() if value is not None})

    def compose(self, name: str, rule: str, **members: object) -> None:
        """Make a composite alarm."""
        given = {"AlarmName": name, "AlarmRule": rule, "AlarmActions": [TOPIC], "OKActions": [TOPIC], **members}
        self.alarms.changes.put_composite_alarm(given)

    def set(self, name: str, state: Any) -> None:
        """Put an alarm into a state by hand."""
        self.alarms.changes.set_state(name, state, "by hand")

    def report(self, *values: float, metric: Metric = LATENCY) -> None:
        """Report values now."""
        counts = (1.0,) * len(values)
        self.metrics.put([Datum(metric, self.clock.now().timestamp(), values=values, counts=counts)])

    def minute(self, *values: float) -> int:
        """Report values, let a minute pass and evaluate; how many alarms changed."""
        if values:
            self.report(*values)
        return self.pass_(60)

    def pass_(self, seconds: float) -> int:
        """Let time pass and evaluate; how many alarms changed."""
        return self.alarms.tick(self.clock.advance(seconds))

    def described(self, name: str = "latency") -> Described:
        """An alarm and its state."""
        return self.alarms.reading.one(name)

    def state(self, name: str = "latency") -> str:
        """The state an alarm is in."""
        return self.described(name).state.value

    def told(self) -> list[str]:
        """The subjects of what was published, without the region."""
        return [sent.subject.partition(" in ")[0] for sent in self.topics.sent]

    def history(self, **wanted: Any) -> list[HistoryItem]:
        """History, oldest first."""
        return list(self.alarms.reading.history(HistoryFilter(**wanted), 1000, newest_first=False).items)

    def journal(self, *kinds: str) -> list[Recorded]:
        """The journal's lines of these kinds, oldest first."""
        return self.store.read(lambda tx: tx.journal(kinds=kinds, limit=1000))[::-1]


@pytest.fixture
def house(store: Store, clock: ManualClock) -> House:
    return House.over(store, clock)
