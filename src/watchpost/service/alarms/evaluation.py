"""One evaluation: all alarms that are due at a tick, from their datapoints to what is found of those that change."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import structlog
from numpy.typing import NDArray

from watchpost.alarms.blindness import blind_periods
from watchpost.alarms.evaluation_of_many import STATES, Flags, breaching, evaluate_marked
from watchpost.alarms.judgement import Periods, judge
from watchpost.alarms.low_samples import has_few_samples, minds_low_samples
from watchpost.alarms.metric_sources import planned
from watchpost.alarms.records import Judgement, MetricAlarm, State
from watchpost.alarms.thresholds import period_starts, thresholds
from watchpost.alarms.ticks import Pace, due, window_end
from watchpost.errors import Refused
from watchpost.metrics.frame import Settings
from watchpost.metrics.identity import Points
from watchpost.metrics.query import band, series
from watchpost.service.alarms.prefetch import Prefetch, Sighted
from watchpost.service.alarms.roster import Group, Roster, Source
from watchpost.windows import Window

_log = structlog.get_logger(__name__)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Found:
    """What an evaluation found of one alarm: a judgement that differs from `before`, or that it could not be made.

    `trouble` is CloudWatch's EvaluationState; None with no judgement: an earlier trouble is over.
    """

    alarm: MetricAlarm
    before: State
    judgement: Judgement | None = None
    trouble: str | None = None


class Evaluation:
    """Evaluates alarms over the metrics of the server."""

    def __init__(self, metrics: Source, settings: Settings, prefetch: Callable[[], Prefetch]) -> None:
        self._metrics, self._settings, self._prefetch = metrics, settings, prefetch

    def of(self, roster: Roster, tick: datetime, stops: Sequence[Window]) -> list[Found]:
        """What is found of the alarms that are due at the tick; those that stay as they are do not appear."""
        return [found for pace in due(tick) for found in self.at_pace(roster, pace, tick, stops)]

    def at_pace(self, roster: Roster, pace: Pace, tick: datetime, stops: Sequence[Window]) -> list[Found]:
        """What is found of the alarms of one pace."""
        found = [each for group in roster.groups.get(pace, ()) for each in self._group(group, pace, tick, stops)]
        return found + list(self._computed(roster, pace, tick, stops))

    # --- alarms over one metric and a threshold ---------------------------------------------------------------------

    def _group(self, group: Group, pace: Pace, tick: datetime, stops: Sequence[Window]) -> Iterator[Found]:
        end = window_end(pace, tick)
        values = self._metrics.windows(group.selection, end, group.columns)
        conditions = group.conditions_at(end)
        real, hit = ~np.isnan(values), breaching(conditions, values)
        blind = _blind(group, end, stops)
        if blind is not None:
            real &= ~(blind & np.where(hit, group.understated[:, None], group.calmed[:, None]))
        states = evaluate_marked(conditions, real, hit, group.before, blind)
        changed = np.flatnonzero(states != group.before)
        if len(changed):
            alarms = [group.alarm(row) for row in changed.tolist()]
            samples = self._samples(alarms, end, group.columns)
            for row, alarm, counts in zip(changed.tolist(), alarms, samples, strict=True):
                unseen = None if blind is None else blind[row]
                found = _looked_at(alarm, tick, values[row], unseen, counts, end)
                few = minds_low_samples(alarm) and has_few_samples(alarm, counts[-alarm.evaluation_periods :].sum())
                if not few:
                    before = STATES[int(group.before[row])]
                    yield Found(alarm, before, judge(alarm, found, before))

    def _samples(self, alarms: Sequence[MetricAlarm], end: int, columns: int) -> Floats:
        selection = self._metrics.select([alarm.stat for alarm in alarms if alarm.stat is not None])
        return self._metrics.sample_counts(selection, end, columns)

    # --- alarms over metric math and bands --------------------------------------------------------------------------

    def _computed(self, roster: Roster, pace: Pace, tick: datetime, stops: Sequence[Window]) -> Iterator[Found]:
        alarms = roster.computed.get(pace, ())
        fetch = self._prefetch()
        fetch.ahead([(query.stat, *_reach(alarm, tick)) for alarm in alarms for query in alarm.queries if query.stat])
        for alarm in alarms:
            before, trouble = roster.states.get(alarm.name, "INSUFFICIENT_DATA"), roster.troubles.get(alarm.name)
            try:
                judgement = judge(alarm, self._computed_periods(alarm, fetch, tick, stops), before)
            except Refused as refusal:
                if trouble != "EVALUATION_FAILURE":
                    _log.warning("alarm cannot be evaluated", alarm=alarm.name, why=str(refusal))
                    yield Found(alarm, before, trouble="EVALUATION_FAILURE")
            except Exception:  # noqa: BLE001  the top of this alarm's own work; it is logged
                # An alarm that fails must never keep the others from being evaluated.
                if trouble != "EVALUATION_ERROR":
                    _log.exception("alarm evaluation failed", alarm=alarm.name)
                    yield Found(alarm, before, trouble="EVALUATION_ERROR")
            else:
                if judgement.state != before:
                    yield Found(alarm, before, judgement)
                elif trouble is not None:
                    yield Found(alarm, before)

    def _computed_periods(
        self, alarm: MetricAlarm, fetch: Prefetch, tick: datetime, stops: Sequence[Window]
    ) -> Periods:
        starts = period_starts(alarm, tick)
        start, end = _reach(alarm, tick)
        blind = blind_periods(stops, end, alarm.period, alarm.looked_at)
        queries, sighted = planned(alarm.queries), Sighted(fetch, stops)
        if alarm.band is None:
            points = series(queries, sighted, start, end, self._settings)
            limits = thresholds(alarm, starts)
            return Periods(tick, starts, _placed(starts, points), limits, limits, blind)
        banded = band(queries, sighted, start, end, alarm.band, self._settings)
        values, lower, upper = (
            _placed(starts, Points(banded.timestamps, side)) for side in (banded.values, banded.lower, banded.upper)
        )
        return Periods(tick, starts, values, lower, upper, blind)


def _looked_at(
    alarm: MetricAlarm, tick: datetime, values: Floats, blind: Flags | None, samples: Floats, end: int
) -> Periods:
    """The periods that one alarm of a group looks at: the group's newest E."""
    seen = slice(len(values) - alarm.looked_at, None)
    starts = end - alarm.period * np.arange(alarm.looked_at, 0, -1, dtype=np.int64)
    limits = thresholds(alarm, starts)
    unseen = np.zeros(alarm.looked_at, np.bool_) if blind is None else blind[seen]
    return Periods(tick, starts, values[seen], limits, limits, unseen, samples[seen])


def _blind(group: Group, end: int, stops: Sequence[Window]) -> Flags | None:
    """Which periods of which alarm overlap a stop; None: none does."""
    longest = max(group.periods) * group.columns
    near = [stop for stop in stops if stop.end.timestamp() > end - longest]
    if not near:
        return None
    flags = np.zeros((len(group.rows), group.columns), np.bool_)
    for period, rows in group.periods.items():
        flags[rows] = blind_periods(near, end, period, group.columns)
    return flags if flags.any() else None


def _reach(alarm: MetricAlarm, tick: datetime) -> tuple[int, int]:
    starts = period_starts(alarm, tick)
    return int(starts[0]), int(starts[-1]) + alarm.period


def _placed(starts: NDArray[np.int64], points: Points) -> Floats:
    """The points at these starts; NaN where there is none."""
    out = np.full(len(starts), np.nan)
    slots = (points.timestamps - starts[0]) // max(int(starts[1] - starts[0]), 1)
    inside = (slots >= 0) & (slots < len(starts))
    out[slots[inside]] = points.values[inside]
    return out
