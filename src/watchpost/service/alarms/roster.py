"""The metric alarms in the form in which they are evaluated: arrays of those that can go together, and the rest."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from watchpost.alarms.blindness import calmed_when_blind, understated_when_blind
from watchpost.alarms.evaluation_of_many import OPERATOR_NAMES, STATES, TREATMENTS, Codes, Conditions, Flags
from watchpost.alarms.records import MetricAlarm, State
from watchpost.alarms.thresholds import thresholds
from watchpost.alarms.ticks import Pace, pace
from watchpost.metrics.identity import Metric, MetricStat, Points
from watchpost.service.alarms.documents import METRIC_ALARM, STATE
from watchpost.service.metrics.windows import Selection
from watchpost.stores.store import Store, Transaction

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Source(Protocol):
    """What evaluation needs of metrics."""

    def select(self, stats: Sequence[MetricStat]) -> Selection:
        """Make ready to ask again and again about the same statistics."""

    def windows(self, selection: Selection, end: int, count: int) -> Floats:
        """The newest `count` periods that end at `end`, for each statistic; NaN = no datapoint."""

    def sample_counts(self, selection: Selection, end: int, count: int) -> Floats:
        """How many samples each of those periods has."""

    def read_many(self, stats: Sequence[MetricStat], start: int, end: int) -> list[Points]:
        """The datapoints of each statistic in [start, end), periods beginning at `start`."""

    def units(self, metrics: Sequence[Metric]) -> list[tuple[str, ...]]:
        """For each metric the units that its data were reported in."""


@dataclass(slots=True)
class Group:
    """Alarms of one pace that look at about as many periods: evaluated in one go.

    `before` holds their states, indexes of STATES. `understated`, `calmed`: what a blind period does to each, see
    `blindness`. `periods`: which lengths of period there are, in seconds, and which alarms have them. `by_hours` are
    the rows whose threshold depends on the hour.
    """

    alarms: tuple[MetricAlarm, ...]
    conditions: Conditions
    selection: Selection
    columns: int
    before: Codes
    understated: Flags
    calmed: Flags
    periods: Mapping[int, Flags]
    by_hours: tuple[int, ...]

    def conditions_at(self, end: int) -> Conditions:
        """The conditions, with the thresholds that hold in the periods that end at `end`."""
        if not self.by_hours:
            return self.conditions
        limits = np.repeat(self.conditions.threshold[:, None], self.columns, axis=1)
        for row in self.by_hours:
            alarm = self.alarms[row]
            starts = end - alarm.period * np.arange(self.columns, 0, -1, dtype=np.int64)
            limits[row] = thresholds(alarm, starts)
        told = self.conditions
        return Conditions(told.periods, told.needed, told.looked_at, told.treatment, told.operator, limits)


@dataclass(frozen=True, slots=True)
class Roster:
    """All metric alarms: plain ones in groups by pace, those over metric math one by one; and their states."""

    groups: Mapping[Pace, tuple[Group, ...]]
    computed: Mapping[Pace, tuple[MetricAlarm, ...]]
    places: Mapping[str, tuple[Group, int]]
    states: dict[str, State]
    troubles: dict[str, str]

    def note(self, name: str, state: State) -> None:
        """The alarm is in that state now."""
        self.states[name] = state
        self.troubles.pop(name, None)
        if (place := self.places.get(name)) is not None:
            place[0].before[place[1]] = STATES.index(state)


@dataclass(frozen=True, slots=True)
class Revisions:
    """Of which changes a roster knows."""

    alarms: int
    states: int


class RosterKeeper:
    """Keeps the roster in step with the store, reading only what changed."""

    def __init__(self, store: Store, metrics: Source) -> None:
        self._store, self._metrics = store, metrics
        self._revisions: Revisions | None = None
        self._roster = Roster({}, {}, {}, {}, {})

    def current(self) -> Roster:
        """The roster of what is committed."""
        self._store.read(self._catch_up)
        return self._roster

    def moved(self, before: int, after: int, states: Mapping[str, State]) -> None:
        """Own transitions took the revision of states from `before` to `after`; spares reading them all again."""
        known = self._revisions
        if known is not None and known.states == before:
            self._revisions = Revisions(known.alarms, after)
            for name, state in states.items():
                self._roster.note(name, state)

    def _catch_up(self, tx: Transaction) -> None:
        found = Revisions(tx.revision(METRIC_ALARM), tx.revision(STATE))
        known = self._revisions
        if known == found:
            return
        if known is None or known.alarms != found.alarms:
            self._roster = roster_of([alarm for _, alarm in tx.scan(METRIC_ALARM)], self._metrics)
        for name, state in tx.scan(STATE):
            self._roster.note(name, state.value)
            if state.trouble is not None:
                self._roster.troubles[name] = state.trouble
        self._revisions = found


def roster_of(alarms: Sequence[MetricAlarm], metrics: Source) -> Roster:
    """The alarms arranged for evaluation; their states are not known yet."""
    alike: defaultdict[tuple[Pace, int], list[MetricAlarm]] = defaultdict(list)
    computed: defaultdict[Pace, list[MetricAlarm]] = defaultdict(list)
    for alarm in alarms:
        if alarm.stat is not None and alarm.threshold is not None:
            alike[pace(alarm), _columns(alarm)].append(alarm)
        else:
            computed[pace(alarm)].append(alarm)
    groups: defaultdict[Pace, list[Group]] = defaultdict(list)
    for (of_pace, columns), members in alike.items():
        groups[of_pace].append(_group(members, columns, metrics))
    places = {
        alarm.name: (group, row)
        for of_pace in groups.values()
        for group in of_pace
        for row, alarm in enumerate(group.alarms)
    }
    return Roster(
        {of_pace: tuple(found) for of_pace, found in groups.items()},
        {of_pace: tuple(found) for of_pace, found in computed.items()},
        places,
        {},
        {},
    )


def _columns(alarm: MetricAlarm) -> int:
    """How many periods a group of such alarms reads: E, rounded up above 8, so that groups stay few."""
    return alarm.looked_at if alarm.looked_at <= 8 else 1 << (alarm.looked_at - 1).bit_length()


def _group(alarms: Sequence[MetricAlarm], columns: int, metrics: Source) -> Group:
    conditions = Conditions(
        periods=np.array([alarm.evaluation_periods for alarm in alarms], np.int32),
        needed=np.array([alarm.needed for alarm in alarms], np.int32),
        looked_at=np.array([alarm.looked_at for alarm in alarms], np.int32),
        treatment=np.array([TREATMENTS.index(alarm.treatment or "missing") for alarm in alarms], np.int8),
        operator=np.array([OPERATOR_NAMES.index(alarm.operator) for alarm in alarms], np.int8),
        threshold=np.array([alarm.threshold for alarm in alarms], np.float64),
    )
    period = np.array([alarm.period for alarm in alarms], np.int64)
    return Group(
        alarms=tuple(alarms),
        conditions=conditions,
        selection=metrics.select([alarm.stat for alarm in alarms if alarm.stat is not None]),
        columns=columns,
        before=np.full(len(alarms), STATES.index("INSUFFICIENT_DATA"), np.int8),
        understated=np.array([understated_when_blind(alarm) for alarm in alarms], np.bool_),
        calmed=np.array([calmed_when_blind(alarm) for alarm in alarms], np.bool_),
        periods={seconds: period == seconds for seconds in set(period.tolist())},
        by_hours=tuple(row for row, alarm in enumerate(alarms) if alarm.hours is not None),
    )
