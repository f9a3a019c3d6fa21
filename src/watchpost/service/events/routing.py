"""From an event to the targets of every rule that it matches, inside the transaction that made the event."""

from dataclasses import dataclass
from datetime import datetime

from watchpost.events.envelope import Event
from watchpost.events.pattern import Pattern, compile_pattern
from watchpost.events.rule_index import RuleIndex
from watchpost.events.rules import DEFAULT_BUS, Rule, kind_of
from watchpost.service.events.documents import INVOCATION, INVOKE, PASS_ON, RULE, Invocation
from watchpost.stores.store import Transaction


@dataclass(frozen=True, slots=True)
class Rules:
    """The enabled rules with a pattern, by bus, as they stood at a revision."""

    revision: int
    by_key: dict[str, Rule]
    by_bus: dict[str, RuleIndex[str]]


class EventRouting:
    """Matches events; keeps the compiled rules until one of them changes."""

    def __init__(self) -> None:
        self._rules = Rules(-1, {}, {})
        self._compiled: dict[str, Pattern] = {}

    def matching(self, tx: Transaction, event: Event, bus: str = DEFAULT_BUS) -> list[Rule]:
        """The enabled rules of the bus whose patterns hold for the event, by name."""
        rules = self._current(tx)
        index = rules.by_bus.get(bus)
        return [] if index is None else [rules.by_key[key] for key in index.matching(event.plain())]

    def publish(self, tx: Transaction, event: Event, now: datetime, bus: str = DEFAULT_BUS, hops: int = 0) -> int:
        """Enqueue one invocation for each target of each rule that matches; how many."""
        return sum(enqueue(tx, rule, event, now, hops) for rule in self.matching(tx, event, bus))

    def refresh(self, tx: Transaction) -> None:
        """Keep the rules as they stand; only in a transaction that reads.

        What a writing transaction sees may never be committed, and its revision be given to other rules later.
        """
        self._rules = self._current(tx)
        self._compiled = {
            text: self._pattern(text) for text in {rule.pattern or "" for rule in self._rules.by_key.values()}
        }

    def _current(self, tx: Transaction) -> Rules:
        revision = tx.revision(RULE)
        rules = self._rules
        if rules.revision == revision:
            return rules
        by_key = {key: rule for key, rule in tx.scan(RULE) if rule.enabled and rule.pattern is not None}
        buses: dict[str, dict[str, Pattern]] = {}
        for key, rule in by_key.items():
            buses.setdefault(rule.bus, {})[key] = self._pattern(rule.pattern or "")
        return Rules(revision, by_key, {bus: RuleIndex.of(patterns) for bus, patterns in buses.items()})

    def _pattern(self, text: str) -> Pattern:
        return self._compiled.get(text) or compile_pattern(text)


def enqueue(tx: Transaction, rule: Rule, event: Event, now: datetime, hops: int = 0) -> int:
    """Put an invocation of each target of the rule into its queue; how many."""
    text = event.to_json()
    for target in rule.targets:
        queue = PASS_ON if kind_of(target.arn) in {"sns", "event-bus"} else INVOKE
        invocation = Invocation(text, rule.arn, rule.name, target, now, hops)
        tx.enqueue(queue, INVOCATION.encode(invocation), now, now)
    return len(rule.targets)
