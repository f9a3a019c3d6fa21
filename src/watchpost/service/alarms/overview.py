"""How all alarms stand at a glance: counted by state, listed in pages, the newest trouble first."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchpost.alarms.records import Alarm, AlarmState, MuteRule, State
from watchpost.alarms.state_changes import instant_of
from watchpost.service.alarms.actions import alarm_of
from watchpost.service.alarms.compositions import Dependants
from watchpost.service.alarms.documents import STATE
from watchpost.stores.store import Store, Transaction
from watchpost.windows import Window


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm, where it stands, and the rule that mutes it now with its window."""

    alarm: Alarm
    state: AlarmState
    muted: tuple[MuteRule, Window] | None = None

    @property
    def since(self) -> datetime:
        """When it entered its state."""
        return instant_of(self.state)


@dataclass(frozen=True, slots=True)
class Overview:
    """Some alarms, how many there are by state, and whether more follow."""

    standings: tuple[Standing, ...]
    counts: Mapping[State, int]
    more: bool

    @property
    def total(self) -> int:
        """How many alarms there are in all states."""
        return sum(self.counts.values())


class AlarmOverview:
    """Reads the states of all alarms; only those that are shown are read whole."""

    def __init__(self, store: Store, dependants: Dependants) -> None:
        self._store, self._dependants = store, dependants

    def page(self, prefix: str, state: State | None, after: str, limit: int, now: datetime) -> Overview:
        """Up to `limit` alarms by name, with names behind `after` that begin with `prefix`, in a state or in any.

        The counts are of all alarms with the prefix.
        """

        def work(tx: Transaction) -> Overview:
            states = tx.scan(STATE, prefix=prefix)
            found = [(name, s) for name, s in states if name > after and state in {None, s.value}]
            return self._overview(tx, states, found, limit, now)

        return self._store.read(work)

    def newest(self, state: State, limit: int, now: datetime) -> Overview:
        """The alarms that entered a state last, the newest first. The counts are of all alarms."""

        def work(tx: Transaction) -> Overview:
            states = tx.scan(STATE)
            found = [each for each in states if each[1].value == state]
            found.sort(key=lambda each: instant_of(each[1]), reverse=True)
            return self._overview(tx, states, found, limit, now)

        return self._store.read(work)

    def one(self, name: str, now: datetime) -> Standing | None:
        """The alarm of that name; None: there is none."""

        def work(tx: Transaction) -> Standing | None:
            state = tx.get(STATE, name)
            return None if state is None else self._standing(tx, name, state, now)

        return self._store.read(work)

    def _overview(
        self,
        tx: Transaction,
        states: Sequence[tuple[str, AlarmState]],
        found: Sequence[tuple[str, AlarmState]],
        limit: int,
        now: datetime,
    ) -> Overview:
        standings = (self._standing(tx, name, state, now) for name, state in found[:limit])
        counts = Counter(state.value for _, state in states)
        return Overview(tuple(each for each in standings if each is not None), counts, len(found) > limit)

    def _standing(self, tx: Transaction, name: str, state: AlarmState, now: datetime) -> Standing | None:
        alarm = alarm_of(tx, name)
        return None if alarm is None else Standing(alarm, state, self._dependants.of(tx).muted_by(name, now))
