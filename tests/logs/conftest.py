"""The log service over a store, with sinks that remember what metric filters and subscriptions sent them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from watchpost.metrics.identity import Datum
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.logs.logs import Logs
from watchpost.stores.store import Store, Transaction

STRANGER = "arn:aws:sns:us-east-1:000000000000:stranger"


@dataclass
class Sinks:
    """Metrics and topics that remember. What a transaction that failed wrote is remembered too."""

    data: list[Datum] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    fault: Exception | None = None

    def put_within(self, tx: Transaction, data: Sequence[Datum]) -> None:
        if self.fault is not None:
            raise self.fault
        self.data += data

    def exists(self, tx: Transaction, topic_arn: str) -> bool:
        return topic_arn != STRANGER

    def publish(
        self,
        tx: Transaction,
        topic_arn: str,
        message: str,
        subject: str | None = None,
        attributes: Mapping[str, object] = {},
        *,
        now: datetime,
    ) -> str:
        self.sent.append((topic_arn, message))
        return f"message-{len(self.sent)}"


@pytest.fixture
def sinks() -> Sinks:
    return Sinks()


@pytest.fixture
def logs(store: Store, clock: ManualClock, sinks: Sinks) -> Iterator[Logs]:
    numbers = count(1)
    made = Logs(store, clock, sinks, sinks, Configuration(Path("home")), lambda: f"id-{next(numbers)}", "server-1")
    yield made
    made.queries.close()
