"""Windows of many statistics at once, for alarms: cut out of the rings, or of history where those do not reach."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from watchpost.metrics.cells import Cells, rolled
from watchpost.metrics.identity import MetricStat
from watchpost.metrics.periods import visible_from
from watchpost.metrics.recent import Recent
from watchpost.metrics.statistics import Statistic, evaluate, parse_statistic

if TYPE_CHECKING:
    from watchpost.service.metrics.tail import Tail

# (numbers of series, start, end, whether sketches are needed) -> their cells
History = Callable[[Sequence[int], int, int, bool], Cells]
Windows = NDArray[np.float64]


class Selection:
    """Statistics that are asked for together again and again. Made by `Metrics.select`, used by `Metrics.windows`."""

    def __init__(self, stats: Sequence[MetricStat]) -> None:
        self.stats = tuple(stats)
        self.asked = tuple(parse_statistic(stat.stat) for stat in self.stats)
        self._period = np.array([stat.period for stat in self.stats], dtype=np.int64)
        self._numbers = np.full(len(self.stats), -1, dtype=np.int64)
        self._groups: dict[tuple[int, Statistic], NDArray[np.int64]] = {}
        self._counts: dict[tuple[int, Statistic], NDArray[np.int64]] | None = None
        self._version = -1

    def windows(self, tail: "Tail", history: History, counts: bool, end: int, count: int, now: int) -> Windows:
        """See `Metrics.windows`; with `counts`, `Metrics.sample_counts`. To be called while the tail stands still."""
        answer = np.full((len(self.stats), count), np.nan)
        if count <= 0 or not self.stats:
            return answer
        self._look_up(tail)
        for (period, statistic), places in (self._counted() if counts else self._groups).items():
            numbers = self._numbers[places]
            start = end - count * period
            ring = _ring(tail, history, numbers, period, start, end, now) if statistic.plain else None
            if ring is not None:
                answer[places] = _from_ring(ring, statistic, numbers, start, period, count)
            else:
                answer[places] = _from_history(history, statistic, numbers, start, period, count, now)
        return answer

    def _look_up(self, tail: "Tail") -> None:
        registry = tail.registry
        if registry.version != self._version:
            numbers = [registry.number(stat.metric, stat.unit) for stat in self.stats]
            self._numbers, self._version = np.array(numbers, dtype=np.int64), registry.version
            self._groups = self._grouped(self.asked)
            self._counts = None

    def _counted(self) -> dict[tuple[int, Statistic], NDArray[np.int64]]:
        # Asked for by few alarms, and by those only when they change.
        if self._counts is None:
            self._counts = self._grouped((Statistic("SampleCount"),) * len(self.stats))
        return self._counts

    def _grouped(self, asked: Sequence[Statistic]) -> dict[tuple[int, Statistic], NDArray[np.int64]]:
        groups: dict[tuple[int, Statistic], list[int]] = {}
        for place, (period, statistic) in enumerate(zip(self._period.tolist(), asked, strict=True)):
            if self._numbers[place] >= 0:
                groups.setdefault((period, statistic), []).append(place)
        return {group: np.array(places, dtype=np.int64) for group, places in groups.items()}


def _ring(
    tail: "Tail", history: History, numbers: NDArray[np.int64], period: int, start: int, end: int, now: int
) -> Recent | None:
    """The coarsest ring that holds these windows, with the series in it; None if there is none."""
    for ring in tail.rings:
        if period % ring.step == 0 and start % ring.step == 0:
            ring.advance(now + ring.step)
            if ring.covers(start, end):
                new = ring.unwatched(numbers)
                if len(new):
                    ring.watch(new, history(new.tolist(), ring.start, now + 3 * 3600, False))
                return ring
    return None


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
    cells = cells[cells.start >= visible_from(period, now)]
    answer = np.full((len(unique), count), np.nan)
    answer[np.searchsorted(unique, cells.series), (cells.start - start) // period] = evaluate(cells, statistic)
    return answer[place]
