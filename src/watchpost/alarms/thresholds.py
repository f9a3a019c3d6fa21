"""Which periods an alarm looks at, and which threshold holds in each."""

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from watchpost.alarms.judgement import Floats
from watchpost.alarms.records import MetricAlarm
from watchpost.alarms.ticks import pace, window_end


def period_starts(alarm: MetricAlarm, instant: datetime) -> NDArray[np.int64]:
    """Epoch seconds at which the periods begin that the alarm looks at, oldest first."""
    end = window_end(pace(alarm), instant)
    return end - alarm.period * np.arange(alarm.looked_at, 0, -1, dtype=np.int64)


def thresholds(alarm: MetricAlarm, starts: NDArray[np.int64]) -> Floats:
    """The threshold for each period: one for all, or by business hours. For alarms that have a threshold."""
    assert alarm.threshold is not None
    if alarm.hours is None:
        return np.full(len(starts), alarm.threshold)
    return np.array([threshold_at(alarm, datetime.fromtimestamp(int(start), UTC)) for start in starts])


def threshold_at(alarm: MetricAlarm, instant: datetime) -> float:
    """The threshold that holds at an instant. For alarms that have a threshold."""
    assert alarm.threshold is not None
    return alarm.threshold if alarm.hours is None else alarm.hours.threshold(alarm.threshold, instant)
