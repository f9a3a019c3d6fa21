"""What the event bus keeps in the store, the keys it is kept under, and how other use cases are called."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.events.rules import DEFAULT_BUS, Bus, Rule, Target
from watchpost.stores.store import Transaction

RULE = Kind("event-rule", Rule)
BUS = Kind("event-bus", Bus)


@dataclass(frozen=True, slots=True)
class Fired:
    """When a schedule fired last: the instant it named, not the one at which the server got to it."""

    last: datetime


FIRED = Kind("event-schedule", Fired)


@dataclass(frozen=True, slots=True)
class Invocation:
    """An event on its way to one target of one rule: `event` is its envelope as JSON.

    `ingested` is when the server took the event in; `hops` how many buses handed it on before.
    """

    event: str
    rule_arn: str
    rule_name: str
    target: Target
    ingested: datetime
    hops: int = 0


INVOCATION = Kind("event-invocation", Invocation)

PASS_ON, INVOKE = "targets", "invocations"
"""The two queues: what only writes to the store may be done again after a crash, what leaves the server may not."""


class PublishesMessages(Protocol):
    """What is asked of topics."""

    def publish(
        self,
        tx: Transaction,
        topic_arn: str,
        message: str,
        subject: str | None = None,
        attributes: Mapping[str, object] = ...,
        *,
        now: datetime,
    ) -> str:
        """Send a message to a topic; its id. Raises: Refused: NotFound."""

    def exists(self, tx: Transaction, arn: str) -> bool:
        """Whether there is such a topic."""


class Stored(Protocol):
    """What a log store says of a put."""

    @property
    def number(self) -> int:
        """0 when it took no event."""


PutLogEvents = Callable[[str, str, Sequence[tuple[int, str]], datetime, bool], Stored]
"""Group, stream, (epoch milliseconds, message) pairs, now, whether to create what is missing."""


def key(bus: str, rule: str) -> str:
    """The key of a rule; no name holds a bar."""
    return f"{bus}|{rule}"


def must_exist(tx: Transaction, bus: str) -> None:
    """Refuse what names a bus that is not there. Raises: Refused: ResourceNotFoundException."""
    if bus != DEFAULT_BUS and tx.get(BUS, bus) is None:
        raise Refused("ResourceNotFoundException", f"Event bus {bus} does not exist.")


def the_rule(tx: Transaction, bus: str, name: str) -> Rule:
    """The rule of that name. Raises: Refused: ResourceNotFoundException, for the bus or the rule."""
    must_exist(tx, bus)
    rule = tx.get(RULE, key(bus, name))
    if rule is None:
        raise Refused("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus}.")
    return rule
