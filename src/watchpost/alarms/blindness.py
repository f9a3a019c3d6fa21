"""Stretches of time in which our server was not running, so that nothing could be reported to it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from watchpost.alarms.breaches import OPERATORS
from watchpost.alarms.records import MetricAlarm
from watchpost.windows import Window


def blind_periods(stops: Sequence[Window], end: int, period: int, count: int) -> NDArray[np.bool_]:
    """Which of `count` periods that end at `end` (epoch seconds), oldest first, overlap a stop."""
    return overlapping(stops, end - period * np.arange(count, 0, -1, dtype=np.int64), period)


def overlapping(stops: Sequence[Window], starts: NDArray[np.int64], period: int) -> NDArray[np.bool_]:
    """Which of the periods that begin at `starts` (epoch seconds) overlap a stop."""
    flags = np.zeros(len(starts), np.bool_)
    for stop in stops:
        flags |= (starts < stop.end.timestamp()) & (starts + period > stop.start.timestamp())
    return flags


def understated_when_blind(stat: str, operator: str) -> bool:
    """Whether a datapoint of a partly blind period can breach only because part of it is missing.

    So it is with sums and counts that are to stay above a threshold: such a breach is worth as much as no datapoint.
    """
    return adds_up(stat) and OPERATORS[operator].below


def calmed_when_blind(stat: str, operator: str) -> bool:
    """Whether a datapoint of a partly blind period can fail to breach only because part of it is missing.

    So it is with sums and counts that are to stay below a threshold: such a datapoint ends no alarm.
    """
    return adds_up(stat) and OPERATORS[operator].above


def doubtful_when_blind(alarm: MetricAlarm) -> bool:
    """Whether a datapoint of a partly blind period may stand on either side of the threshold: it is worth nothing.

    So it is with whatever metric math makes of half a period, or fills in for a whole one, and with sums beside a band.
    """
    if alarm.stat is not None:
        return False
    watched = [query.stat for query in alarm.queries if query.return_data is not False and query.id != alarm.band]
    return not any(stat is not None and not adds_up(stat.stat) for stat in watched)


def adds_up(stat: str) -> bool:
    """Whether a statistic grows with the number of samples, so that part of a period says too little.

    >>> [stat for stat in ("Average", "Sum", "SampleCount", "p99", "tc90", "TS(:80%)", "tm90") if adds_up(stat)]
    ['Sum', 'SampleCount', 'tc90', 'TS(:80%)']
    """
    return stat in {"Sum", "SampleCount"} or stat.lower().startswith(("tc", "ts"))
