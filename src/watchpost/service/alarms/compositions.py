"""Which alarms hang on which: composite alarms by their children and suppressors, and the mute rules."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from watchpost.alarms.mutes import muting
from watchpost.alarms.records import CompositeAlarm, MuteRule
from watchpost.alarms.rules import Rule, parse_rule
from watchpost.service.alarms.documents import COMPOSITE_ALARM, MUTE_RULE
from watchpost.stores.store import Store, Transaction
from watchpost.windows import Window


@dataclass(frozen=True, slots=True)
class Compositions:
    """All composite alarms, as they hang together.

    Args: rules: parsed, by name. parents: for each alarm the composite alarms that look at it. silenced: for each alarm
    the composite alarms it suppresses. rank: a composite alarm's rank is above those of all its children; who is part
    of a circle, or looks at one, has none and is not evaluated.
    """

    alarms: Mapping[str, CompositeAlarm]
    rules: Mapping[str, Rule]
    parents: Mapping[str, tuple[str, ...]]
    silenced: Mapping[str, tuple[str, ...]]
    rank: Mapping[str, int]

    @classmethod
    def of(cls, alarms: Mapping[str, CompositeAlarm]) -> "Compositions":
        """The composite alarms with what follows from their rules."""
        rules = {name: parse_rule(alarm.rule) for name, alarm in alarms.items()}
        parents: defaultdict[str, list[str]] = defaultdict(list)
        silenced: defaultdict[str, list[str]] = defaultdict(list)
        for name, rule in rules.items():
            for child in rule.children:
                parents[child].append(name)
            if (suppressor := alarms[name].suppressor) is not None:
                silenced[suppressor].append(name)
        return cls(
            alarms,
            rules,
            {name: tuple(found) for name, found in parents.items()},
            {name: tuple(found) for name, found in silenced.items()},
            _ranks(rules),
        )


def _ranks(rules: Mapping[str, Rule]) -> dict[str, int]:
    waiting = {name: {child for child in rule.children if child in rules} for name, rule in rules.items()}
    ranks: dict[str, int] = {}
    while ready := [name for name, children in waiting.items() if children <= ranks.keys()]:
        for name in ready:
            ranks[name] = 1 + max((ranks[child] for child in waiting.pop(name)), default=0)
    return ranks


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What hangs on alarms at one moment; the revisions say which moment."""

    composite_revision: int
    mute_revision: int
    compositions: Compositions
    mutes: tuple[MuteRule, ...]

    def muted_by(self, alarm: str, now: datetime) -> tuple[MuteRule, Window] | None:
        """The rule that mutes the alarm at the instant, with its window."""
        return muting(self.mutes, alarm, now)

    def may_be_muted(self, alarm: str) -> bool:
        """Whether some rule targets the alarm, now or at another time."""
        return any(alarm in rule.alarms for rule in self.mutes)


class Dependants:
    """A view of composite alarms and mute rules that is read again only when one of them changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: Surroundings | None = None

    def refresh(self) -> None:
        """Read again what changed, from what is committed."""
        self._kept = self._store.read(self.of)

    def of(self, tx: Transaction) -> Surroundings:
        """As the transaction sees them."""
        # What a writing transaction reads is not kept: it may be undone, and its revision given to another change.
        composite_revision, mute_revision = tx.revision(COMPOSITE_ALARM), tx.revision(MUTE_RULE)
        kept = self._kept
        if kept is not None and (kept.composite_revision, kept.mute_revision) == (composite_revision, mute_revision):
            return kept
        compositions = Compositions.of(dict(tx.scan(COMPOSITE_ALARM)))
        mutes = tuple(rule for _, rule in tx.scan(MUTE_RULE))
        return Surroundings(composite_revision, mute_revision, compositions, mutes)
