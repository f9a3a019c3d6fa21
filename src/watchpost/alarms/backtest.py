"""The past again: what an alarm would have done over recorded data."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from watchpost.alarms.blindness import blind_periods
from watchpost.alarms.judgement import Floats, Periods, judge
from watchpost.alarms.records import AlarmState, MetricAlarm, Transition, initial_state
from watchpost.alarms.thresholds import period_starts, thresholds
from watchpost.alarms.ticks import due, last_tick, next_tick, pace
from watchpost.metrics.identity import Points
from watchpost.windows import Window


def backtest(
    alarm: MetricAlarm,
    series: Points,
    window: Window,
    band: tuple[Points, Points] | None = None,
    stops: Sequence[Window] = (),
) -> list[Transition]:
    """The transitions of an alarm that was created, without a state yet, at the start of the window.

    Args: series: datapoints by the alarm's period; they must stand where its sliding windows fall, so for periods over
    a minute give one datapoint for every minute, each over the whole period that begins there. band: lower and upper
    thresholds on the same instants, for band alarms. stops: when the server was not running.
    """
    at = dict(zip(series.timestamps.tolist(), series.values.tolist(), strict=True))
    limits = [dict(zip(side.timestamps.tolist(), side.values.tolist(), strict=True)) for side in band or ()]
    state, found = initial_state(window.start), []
    tick = last_tick(window.start) if last_tick(window.start) == window.start else next_tick(window.start)
    while tick < window.end:
        if pace(alarm) in due(tick):
            starts = period_starts(alarm, tick)
            values = _at(at, starts)
            lower, upper = (_at(side, starts) for side in limits) if limits else (thresholds(alarm, starts),) * 2
            blind = blind_periods(stops, int(starts[-1]) + alarm.period, alarm.period, len(starts))
            judged = judge(alarm, Periods(tick, starts, values, lower, upper, blind), state.value)
            if judged.state != state.value:
                after = AlarmState(judged.state, judged.reason, tick, judged.reason_data, transitioned=tick, tick=tick)
                found.append(Transition(tick, state, after))
                state = after
        tick = next_tick(tick)
    return found


def _at(values: dict[int, float], starts: NDArray[np.int64]) -> Floats:
    return np.array([values.get(int(start), np.nan) for start in starts])
