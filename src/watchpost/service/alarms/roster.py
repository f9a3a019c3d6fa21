"""The metric alarms in the form in which they are evaluated: arrays of those that can go together, and the rest."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from watchpost.alarms.blindness import adds_up
from watchpost.alarms.evaluation_of_many import BELOW, OPERATOR_NAMES, STATES, TREATMENTS, Codes, Conditions, Flags
from watchpost.alarms.records import EXTRA_PERIODS, INSUFFICIENT_DATA, MetricAlarm, State, Treatment
from watchpost.alarms.thresholds import thresholds
from watchpost.alarms.ticks import Pace, pace, pace_of
from watchpost.metrics.identity import Metric, MetricStat, Points
from watchpost.service.alarms.documents import METRIC_ALARM, STATE
from watchpost.service.alarms.outlines import Outline, outlines, standings
from watchpost.service.metrics.windows import Columns, Selection
from watchpost.stores.sql.bodies import bodies
from watchpost.stores.store import Store, Transaction

Floats = NDArray[np.float64]

_CODES: Mapping[State, int] = {state: code for code, state in enumerate(STATES)}
_OPERATORS = {name: code for code, name in enumerate(OPERATOR_NAMES)}
# An alarm that says nothing of missing data treats them as missing.
_TREATMENTS: Mapping[Treatment | None, int] = {None: 0, **{name: code for code, name in enumerate(TREATMENTS)}}


class Source(Protocol):
    """What evaluation needs of metrics."""

    def select(self, stats: Sequence[MetricStat]) -> Selection:
        """Make ready to ask again and again about the same statistics."""

    def select_columns(self, columns: Columns) -> Selection:
        """The same for statistics in columns."""

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

    `rows` says which row is whose, `documents` are their configurations as stored. `before` holds their states, indexes
    of STATES. `understated`, `calmed`: what a blind period does to each, see `blindness`. `periods`: which lengths of
    period there are, in seconds, and which alarms have them. `by_hours`: by row those whose threshold depends on the
    hour.
    """

    rows: Mapping[str, int]
    documents: tuple[bytes, ...]
    conditions: Conditions
    selection: Selection
    columns: int
    before: Codes
    understated: Flags
    calmed: Flags
    periods: Mapping[int, Flags]
    by_hours: Mapping[int, MetricAlarm]

    def alarm(self, row: int) -> MetricAlarm:
        """The alarm of a row, in full."""
        return METRIC_ALARM.decode(self.documents[row])

    def conditions_at(self, end: int) -> Conditions:
        """The conditions, with the thresholds that hold in the periods that end at `end`."""
        if not self.by_hours:
            return self.conditions
        limits = np.repeat(self.conditions.threshold[:, None], self.columns, axis=1)
        for row, alarm in self.by_hours.items():
            starts = end - alarm.period * np.arange(self.columns, 0, -1, dtype=np.int64)
            limits[row] = thresholds(alarm, starts)
        told = self.conditions
        return Conditions(told.periods, told.needed, told.looked_at, told.treatment, told.operator, limits)


@dataclass(frozen=True, slots=True)
class Roster:
    """All metric alarms: plain ones in groups by pace, those over metric math one by one; and their states."""

    groups: Mapping[Pace, tuple[Group, ...]]
    computed: Mapping[Pace, tuple[MetricAlarm, ...]]
    states: dict[str, State]
    troubles: dict[str, str]

    def note(self, name: str, state: State) -> None:
        """The alarm is in that state now."""
        self.states[name] = state
        self.troubles.pop(name, None)
        for group in self._groups():
            if (row := group.rows.get(name)) is not None:
                group.before[row] = _CODES[state]

    def note_all(self, states: Mapping[str, State], troubles: Mapping[str, str]) -> None:
        """All alarms are in these states, some in trouble."""
        self.states.clear()
        self.states.update(states)
        self.troubles.clear()
        self.troubles.update(troubles)
        for group in self._groups():
            group.before[:] = [_CODES[states.get(name, INSUFFICIENT_DATA)] for name in group.rows]

    def _groups(self) -> Iterator[Group]:
        return chain.from_iterable(self.groups.values())


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
        self._roster = Roster({}, {}, {}, {})

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
            self._roster = roster_of(*bodies(tx.connection, METRIC_ALARM.name), self._metrics)
        names, documents = bodies(tx.connection, STATE.name)
        stand = standings(documents)
        self._roster.note_all(
            {name: each.value for name, each in zip(names, stand, strict=True)},
            {name: each.trouble for name, each in zip(names, stand, strict=True) if each.trouble is not None},
        )
        self._revisions = found


def roster_of(names: Sequence[str], documents: Sequence[bytes], metrics: Source) -> Roster:
    """Metric alarms (as stored) arranged for evaluation; their states are not known yet."""
    read = outlines(documents)
    alike: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    computed: defaultdict[Pace, list[MetricAlarm]] = defaultdict(list)
    for place, outline in enumerate(read):
        if outline.stat is not None and outline.threshold is not None:
            alike[outline.stat.period, outline.evaluation_periods].append(place)
        else:
            alarm = METRIC_ALARM.decode(documents[place])
            computed[pace(alarm)].append(alarm)
    together: defaultdict[tuple[Pace, int], list[int]] = defaultdict(list)
    for (period, evaluation_periods), places in alike.items():
        together[pace_of(period, evaluation_periods), _columns(evaluation_periods + EXTRA_PERIODS)] += places
    groups: defaultdict[Pace, list[Group]] = defaultdict(list)
    for (of_pace, columns), places in together.items():
        members = _Plain([names[i] for i in places], [documents[i] for i in places], [read[i] for i in places])
        groups[of_pace].append(_group(members, columns, metrics))
    return Roster(
        {of_pace: tuple(found) for of_pace, found in groups.items()},
        {of_pace: tuple(found) for of_pace, found in computed.items()},
        {},
        {},
    )


@dataclass(frozen=True, slots=True)
class _Plain:
    """Alarms over one metric and a threshold, in columns of equal length."""

    names: list[str]
    documents: list[bytes]
    outlines: list[Outline]


def _columns(looked_at: int) -> int:
    """How many periods a group of alarms that look at so many reads: rounded up above 8, so that groups stay few."""
    return looked_at if looked_at <= 8 else 1 << (looked_at - 1).bit_length()


def _group(alarms: _Plain, columns: int, metrics: Source) -> Group:
    told = alarms.outlines
    watched = [each.stat for each in told if each.stat is not None]
    periods = np.array([each.evaluation_periods for each in told], np.int32)
    operators = np.array([_OPERATORS[each.operator] for each in told], np.int8)
    conditions = Conditions(
        periods=periods,
        needed=np.array([each.datapoints_to_alarm or each.evaluation_periods for each in told], np.int32),
        looked_at=periods + np.int32(EXTRA_PERIODS),
        treatment=np.array([_TREATMENTS[each.treatment] for each in told], np.int8),
        operator=operators,
        threshold=np.array([each.threshold for each in told], np.float64),
    )
    seconds, stats = [each.period for each in watched], [each.stat for each in watched]
    length, sums = np.array(seconds, np.int64), {stat: adds_up(stat) for stat in set(stats)}
    adding = np.array([sums[stat] for stat in stats], np.bool_)
    texts = [str(each.metric, "utf-8") for each in watched]
    return Group(
        rows=dict(zip(alarms.names, range(len(told)), strict=True)),
        documents=tuple(alarms.documents),
        conditions=conditions,
        selection=metrics.select_columns(Columns(texts, seconds, stats, [each.unit for each in watched])),
        columns=columns,
        before=np.full(len(told), _CODES[INSUFFICIENT_DATA], np.int8),
        understated=adding & BELOW[operators],
        calmed=adding & ~BELOW[operators],
        periods={period: length == period for period in set(seconds)},
        by_hours={
            row: METRIC_ALARM.decode(alarms.documents[row]) for row, each in enumerate(told) if each.hours is not None
        },
    )
