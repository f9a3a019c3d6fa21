"""Windows of many statistics at once, for alarms: cut out of the rings, or of history where those do not reach."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from watchpost.metrics.cells import Cells, rolled
from watchpost.metrics.identity import MetricStat
from watchpost.metrics.periods import visible_from
from watchpost.metrics.recent import Recent
from watchpost.metrics.statistics import Statistic, evaluate, parse_statistic
from watchpost.stores.sql.metrics import names_of

if TYPE_CHECKING:
    from watchpost.service.metrics.tail import Tail

# (numbers of series, start, end, whether sketches are needed) -> their cells
History = Callable[[Sequence[int], int, int, bool], Cells]
Windows = NDArray[np.float64]

# Data may be stamped so many seconds ahead of the clock, and wait in a ring for their time to come.
_AHEAD = 3 * 3600


_COUNT = Statistic("SampleCount")


@dataclass(frozen=True, slots=True)
class _Alike:
    """The questions of one period (seconds) and statistic, by their places in the selection."""

    period: int
    statistic: Statistic
    places: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Columns:
    """Statistics in columns of equal length: `MetricStat` in a form that thousands are made of quickly.

    Args: metrics: names as the store writes them (`names_of`). periods: seconds. units: None: whatever was reported.
    """

    metrics: Sequence[str]
    periods: Sequence[int]
    stats: Sequence[str]
    units: Sequence[str | None]

    @classmethod
    def of(cls, stats: Sequence[MetricStat]) -> "Columns":
        """The columns of such statistics."""
        return cls(
            [names_of(stat.metric) for stat in stats],
            [stat.period for stat in stats],
            [stat.stat for stat in stats],
            [stat.unit for stat in stats],
        )

    def __len__(self) -> int:
        return len(self.metrics)


class Selection:
    """Statistics that are asked for together again and again. Made by `Metrics.select`, used by `Metrics.windows`."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        places: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
        for place, asked in enumerate(zip(columns.periods, columns.stats, strict=True)):
            places[asked].append(place)
        self._asked = [
            _Alike(period, parse_statistic(stat), np.array(found, dtype=np.int64))
            for (period, stat), found in places.items()
        ]
        self._numbers = np.full(len(columns), -1, dtype=np.int64)
        self._known: list[_Alike] = []
        self._version = -1

    def windows(self, tail: "Tail", history: History, counts: bool, end: int, count: int, now: int) -> Windows:
        """See `Metrics.windows`; with `counts`, `Metrics.sample_counts`. To be called while the tail stands still."""
        answer = np.full((len(self._columns), count), np.nan)
        if count <= 0 or not len(self._columns):
            return answer
        self._look_up(tail)
        for alike in self._known:
            period, statistic = alike.period, _COUNT if counts else alike.statistic
            numbers = self._numbers[alike.places]
            start = end - count * period
            ring = _ring(tail, history, numbers, period, start, end, now) if statistic.plain else None
            if ring is not None:
                answer[alike.places] = _from_ring(ring, statistic, numbers, start, period, count)
            else:
                answer[alike.places] = _from_history(history, statistic, numbers, start, period, count, now)
        return answer

    def _look_up(self, tail: "Tail") -> None:
        registry = tail.registry
        if registry.version != self._version:
            self._numbers = registry.numbers_of(self._columns.metrics, self._columns.units)
            self._version = registry.version
            known = (replace(alike, places=alike.places[self._numbers[alike.places] >= 0]) for alike in self._asked)
            self._known = [alike for alike in known if len(alike.places)]


def _ring(
    tail: "Tail", history: History, numbers: NDArray[np.int64], period: int, start: int, end: int, now: int
) -> Recent | None:
    """The coarsest ring that holds these windows, with the series in it; None if there is none."""
    for ring in tail.rings:
        if period % ring.step == 0 and start % ring.step == 0:
            ring.advance(now + ring.step)
            if ring.covers(start, end):
                new = ring.unwatched(numbers)
                if ring.puts_off(new, now):
                    return None
                if len(new):
                    ring.watch(new, history(new.tolist(), ring.start, now + _AHEAD, False))
                return ring
    return None


def watch_put_off(tail: "Tail", history: History, now: int) -> None:
    """Take into the rings what was put off. To be called while the tail stands still."""
    for ring in tail.rings:
        new = ring.unwatched(ring.put_off)
        if len(new):
            ring.advance(now + ring.step)
            ring.watch(new, history(new.tolist(), ring.start, now + _AHEAD, False))


def _from_ring(
    ring: Recent, statistic: Statistic, numbers: NDArray[np.int64], start: int, period: int, count: int
) -> Windows:
    def figure(number: int) -> Windows:
        return ring.window(number, numbers, start, period, count)

    samples = figure(0)
    nothing = samples == 0
    match statistic.form:
        case "SampleCount":
            answer = samples
        case "Sum":
            answer = figure(1)
        case "Minimum":
            answer = figure(2)
        case "Maximum":
            answer = figure(3)
        case _:
            with np.errstate(invalid="ignore"):
                answer = np.clip(figure(1) / samples, figure(2), figure(3))
    return np.where(nothing, np.nan, answer).T


def _from_history(
    history: History, statistic: Statistic, numbers: NDArray[np.int64], start: int, period: int, count: int, now: int
) -> Windows:
    unique, place = np.unique(numbers, return_inverse=True)
    cells = rolled(history(unique.tolist(), start, start + count * period, not statistic.plain), period, start)
    if start < visible_from(period, now):
        cells = cells[cells.start >= visible_from(period, now)]
    answer = np.full((len(unique), count), np.nan)
    answer[np.searchsorted(unique, cells.series), (cells.start - start) // period] = evaluate(cells, statistic)
    return answer[place]
