"""Stretches of time in which our server was not running, so that nothing could be reported to it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from watchpost.alarms.breaches import OPERATORS
from watchpost.alarms.records import MetricAlarm
from watchpost.windows import Window


def blind_periods(stops: Sequence[Window], end: int, period: int, count: int) -> NDArray[np.bool_]:
    """Which of `count` periods that end at `end` (epoch seconds), oldest first, overlap a stop."""
    starts = end - period * np.arange(count, 0, -1, dtype=np.int64)
    flags = np.zeros(count, np.bool_)
    for stop in stops:
        flags |= (starts < stop.end.timestamp()) & (starts + period > stop.start.timestamp())
    return flags


def understated_when_blind(alarm: MetricAlarm) -> bool:
    """Whether a datapoint of a partly blind period can breach only because part of it is missing.

    So it is with sums and counts that are to stay above a threshold: such a breach is worth as much as no datapoint.
    """
    return _adds_up(alarm) and OPERATORS[alarm.operator].below


def calmed_when_blind(alarm: MetricAlarm) -> bool:
    """Whether a datapoint of a partly blind period can fail to breach only because part of it is missing.

    So it is with sums and counts that are to stay below a threshold: such a datapoint ends no alarm.
    """
    return _adds_up(alarm) and OPERATORS[alarm.operator].above


def _adds_up(alarm: MetricAlarm) -> bool:
    return alarm.stat is not None and (
        alarm.stat.stat in {"Sum", "SampleCount"} or alarm.stat.stat.lower().startswith(("tc", "ts"))
    )
