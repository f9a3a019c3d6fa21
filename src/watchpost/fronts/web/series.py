"""What an alarm watched over the last hours, with the limits that held, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from watchpost.alarms.breaches import OPERATORS
from watchpost.alarms.metric_sources import planned
from watchpost.alarms.records import MetricAlarm
from watchpost.alarms.thresholds import thresholds
from watchpost.alarms.ticks import pace, window_end
from watchpost.metrics.query import band, series

if TYPE_CHECKING:
    from watchpost.service.server import Server

Floats = NDArray[np.float64]

SPANS = {
    "1h": timedelta(hours=1),
    "3h": timedelta(hours=3),
    "12h": timedelta(hours=12),
    "1d": timedelta(days=1),
    "3d": timedelta(days=3),
    "1w": timedelta(days=7),
    "4w": timedelta(days=28),
    "12w": timedelta(days=84),
}
"""Lengths of time that can be asked for, by name."""

_FEWEST, _MOST = 36, 4400
_LONGEST_BY_ITSELF = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Watched:
    """A series on a grid of periods, oldest first, all arrays of one length.

    Args: starts: epoch seconds. values: NaN where there is no datapoint. lower, upper: below and above which a value
    breaches; NaN where there is no limit. hits: which values breach.
    """

    starts: NDArray[np.int64]
    values: Floats
    lower: Floats
    upper: Floats
    hits: NDArray[np.bool_]
    period: int
    is_band: bool


def possible_spans(alarm: MetricAlarm) -> tuple[str, ...]:
    """Names of the spans that hold a few periods of the alarm and not too many to draw."""
    fitting = [n for n, span in SPANS.items() if 6 <= span.total_seconds() / alarm.period <= _MOST]
    return tuple(fitting or ["12w"])


def usual_span(alarm: MetricAlarm, since: datetime, now: datetime) -> str:
    """The shortest span with enough periods that also shows how the alarm came into its state, if that is not long ago.

    A letter that is opened in the evening still leads to a picture of what went wrong at night.
    """
    names = possible_spans(alarm)
    reach = (now - since) * 1.25
    for name in names:
        seconds = SPANS[name].total_seconds()
        seen = reach <= SPANS[name] or reach > _LONGEST_BY_ITSELF
        if seconds >= _FEWEST * alarm.period and seen:
            return name
    return names[-1]


def watched_series(server: "Server", alarm: MetricAlarm, span: timedelta, now: datetime) -> Watched:
    """The series over the span that ends now, on the periods the alarm is evaluated on.

    Raises: Refused: its metric math cannot be computed.
    """
    count = max(2, int(span.total_seconds()) // alarm.period)
    end = window_end(pace(alarm), now)
    starts = end - alarm.period * np.arange(count, 0, -1, dtype=np.int64)
    operator = OPERATORS[alarm.operator]
    settings = server.anomaly_detectors.settings
    if alarm.band is not None:
        found = band(planned(alarm.queries), server.metrics, int(starts[0]), end, alarm.band, settings)
        sides = (found.values, found.lower, found.upper)
        values, lower, upper = (_placed(starts, alarm.period, found.timestamps, side) for side in sides)
    else:
        if alarm.stat is not None:
            points = server.metrics.read_many([alarm.stat], int(starts[0]), end)[0]
        else:
            points = series(planned(alarm.queries), server.metrics, int(starts[0]), end, settings)
        values = _placed(starts, alarm.period, points.timestamps, points.values)
        lower = upper = thresholds(alarm, starts)
    hits = operator.breaches(values, lower, upper)
    nothing = np.full(count, np.nan)
    return Watched(
        starts,
        values,
        lower if operator.below else nothing,
        upper if operator.above else nothing,
        hits,
        alarm.period,
        alarm.band is not None,
    )


def newest(watched: Watched, limit: int) -> Sequence[tuple[int, float, bool]]:
    """The newest datapoints, newest first: when their period begins, the value, whether it breaches."""
    there = np.flatnonzero(~np.isnan(watched.values))[::-1][:limit]
    return [(int(watched.starts[i]), float(watched.values[i]), bool(watched.hits[i])) for i in there.tolist()]


def _placed(starts: NDArray[np.int64], period: int, timestamps: NDArray[np.int64], values: Floats) -> Floats:
    """The points on the grid; NaN where there is none."""
    out = np.full(len(starts), np.nan)
    slots = (timestamps - starts[0]) // period
    inside = (slots >= 0) & (slots < len(starts))
    out[slots[inside]] = values[inside]
    return out
