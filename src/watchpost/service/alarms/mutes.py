"""Mute rules: creating, listing, deleting."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from watchpost.alarms import requests
from watchpost.alarms.mutes import Status, status
from watchpost.alarms.records import MuteRule
from watchpost.alarms.requests import Place
from watchpost.errors import Refused
from watchpost.service.alarms.actions import Actions
from watchpost.service.alarms.compositions import Dependants
from watchpost.service.alarms.documents import MUTE_RULE, TAGS
from watchpost.service.clock import Clock
from watchpost.stores.store import Entry, Store, Transaction

MOST_RULES = 2000


@dataclass(frozen=True, slots=True)
class MutePage:
    """Some rules with their status, and whether more follow."""

    rules: tuple[tuple[MuteRule, Status], ...]
    more: bool


class AlarmMutes:
    """The mute rules. A change that ends a mute performs what it withheld."""

    def __init__(self, store: Store, clock: Clock, actions: Actions, dependants: Dependants, place: Place) -> None:
        self._store, self._clock, self._place = store, clock, place
        self._actions, self._dependants = actions, dependants

    def put(self, given: Mapping[str, object], actor: str = "server") -> None:
        """Create or replace a rule, from the members of PutAlarmMuteRule.

        Raises: Refused: see `requests.mute_rule`; there are 2000 rules already.
        """
        now = self._clock.now()
        rule, tags = requests.mute_rule(given, self._place, now), requests.tags(given.get("Tags"))

        def work(tx: Transaction) -> None:
            is_new = tx.get(MUTE_RULE, rule.name) is None
            if is_new and len(tx.scan(MUTE_RULE)) >= MOST_RULES:
                raise Refused("LimitExceededFault", f"There are {MOST_RULES} mute rules already")
            tx.put(MUTE_RULE, rule.name, rule)
            if is_new and tags:
                tx.put(TAGS, rule.arn, tags)
            self._settle(tx, "alarm-mute-rule.put", rule, actor, now)

        self._store.write(work)

    def get(self, name: str) -> tuple[MuteRule, Status]:
        """A rule and its status. Raises: Refused (ResourceNotFoundException)."""
        rule = self._store.read(lambda tx: tx.get(MUTE_RULE, name))
        if rule is None:
            raise Refused(
                "ResourceNotFoundException",
                f"The alarm mute rule {name} does not exist",
                {"ResourceType": "AlarmMuteRule", "ResourceId": name},
            )
        return rule, status(rule, self._clock.now())

    def page(self, alarm: str | None, statuses: tuple[Status, ...], after: str, limit: int) -> MutePage:
        """Rules by name behind `after`: those that target an alarm, those of some statuses."""
        now = self._clock.now()
        rules = self._store.read(lambda tx: tx.scan(MUTE_RULE, after=after))
        found = [
            (rule, stands)
            for _, rule in rules
            if (alarm is None or alarm in rule.alarms) and ((stands := status(rule, now)) in statuses or not statuses)
        ]
        return MutePage(tuple(found[:limit]), len(found) > limit)

    def delete(self, name: str, actor: str = "server") -> None:
        """Delete a rule; one that does not exist is no fault."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            rule = tx.get(MUTE_RULE, name)
            if rule is not None:
                tx.delete(MUTE_RULE, name)
                tx.delete(TAGS, rule.arn)
                self._settle(tx, "alarm-mute-rule.delete", rule, actor, now)

        self._store.write(work)

    def _settle(self, tx: Transaction, kind: str, rule: MuteRule, actor: str, now: datetime) -> None:
        data: dict[str, object] = {
            "expression": rule.expression,
            "duration": rule.duration,
            "timezone": rule.timezone,
            "alarms": list(rule.alarms),
        }
        tx.record(Entry(now, kind, rule.arn, actor, data))
        self._actions.release(tx, now, self._dependants.of(tx))
