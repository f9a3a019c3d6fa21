"""The newest data of watched series as dense arrays, so that ten thousand windows are cut out of them in a few ms.

Columns of `step` seconds lie in a ring; rows are moments and columns series, since a question asks for few moments of
many series. Only series that somebody watches (alarms) are kept.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from watchpost.metrics.cells import EMPTY, Cells, merge, rolled
from watchpost.metrics.sketch import Floats, Integers

_FIGURES = 4  # count, total, low, high
_NOTHING = np.array([0.0, 0.0, np.inf, -np.inf])


class Recent:
    """Count, sum, minimum and maximum of watched series, by moments of `step` seconds, `length` moments back."""

    def __init__(self, step: int, length: int) -> None:
        self.step, self.length = step, length
        self._slot_of: dict[int, int] = {}
        self._watched: Integers = np.empty(0, dtype=np.int64)  # ascending
        self._slots: Integers = np.empty(0, dtype=np.int64)  # of `_watched`, in its order
        self._figures: NDArray[np.float64] = _blank(length, 0)
        self._end = 0  # the first moment (epoch // step) that the ring does not hold yet
        self._ahead: Cells = EMPTY  # of moments that are still to come

    @property
    def series(self) -> Integers:
        """The numbers of the watched series, ascending."""
        return self._watched

    def covers(self, start: int, end: int) -> bool:
        """Whether the moments of [start, end), epoch seconds, are all held."""
        return start % self.step == 0 == end % self.step and self._end * self.step >= end and start >= self._start

    @property
    def _start(self) -> int:
        return (self._end - self.length) * self.step

    def unwatched(self, series: Sequence[int]) -> list[int]:
        """Which of these series have no place yet."""
        return [number for number in dict.fromkeys(series) if number not in self._slot_of]

    def watch(self, series: Sequence[int], history: Cells) -> None:
        """Give new series a place; `history` is what is known of them (ascending cells)."""
        old, new = len(self._slot_of), self.unwatched(series)
        if not new:
            return
        for number in new:
            self._slot_of[number] = len(self._slot_of)
        if len(self._slot_of) > self._figures.shape[2]:
            grown = _blank(self.length, max(2 * old, len(self._slot_of)))
            grown[:, :, :old] = self._figures[:, :, :old]
            self._figures = grown
        self._watched = np.sort(np.fromiter(self._slot_of, dtype=np.int64))
        self._slots = np.array([self._slot_of[number] for number in self._watched.tolist()], dtype=np.int64)
        self.add(history)

    def advance(self, end: int) -> None:
        """Hold the moments up to `end` (epoch seconds); what fell out behind is gone."""
        moment = -(-end // self.step)
        if moment <= self._end:
            return
        fresh = np.arange(max(self._end, moment - self.length), moment) % self.length
        self._figures[:, fresh, :] = _NOTHING[:, None, None]
        self._end = moment
        ahead, self._ahead = self._ahead, EMPTY
        self.add(ahead)

    def add(self, cells: Cells) -> None:
        """Take in cells (ascending); those of series nobody watches and those from before the ring are left out."""
        if not len(self._watched) or not len(cells):
            return
        place = np.minimum(np.searchsorted(self._watched, cells.series), len(self._watched) - 1)
        wanted = (self._watched[place] == cells.series) & (cells.start >= self._start)
        if not wanted.any():
            return
        cells = rolled(cells[wanted].plain(), self.step)
        later = cells.start >= self._end * self.step
        if later.any():
            self._ahead = merge([self._ahead, cells[later]])
            cells = cells[~later]
        slot = self._slots[np.searchsorted(self._watched, cells.series)]
        moment = cells.start // self.step % self.length
        count, total, low, high = self._figures
        count[moment, slot] += cells.count
        total[moment, slot] += cells.total
        low[moment, slot] = np.minimum(low[moment, slot], cells.low)
        high[moment, slot] = np.maximum(high[moment, slot], cells.high)

    def window(self, figure: int, series: Integers, start: int, period: int, count: int) -> Floats:
        """One figure of series by periods: [count, len(series)], oldest first.

        Args: figure: 0 count, 1 sum, 2 minimum, 3 maximum; where nothing was reported 0, 0, inf, -inf. series: watched
        ones. start: epoch seconds; `covers` holds for all of the periods.
        """
        each = period // self.step
        moments = (np.arange(count * each) + start // self.step) % self.length
        slots = self._slots[np.searchsorted(self._watched, series)]
        whole_row = len(slots) == len(self._slot_of) and bool((slots == np.arange(len(slots))).all())
        rows = self._figures[figure]
        if each == 1:
            return rows[moments, : len(slots)] if whole_row else rows[moments[:, None], slots]
        answer = np.empty((count, len(slots)))
        for number in range(count):
            # Period by period, so that what is worked on stays in the processor's cache.
            part = rows[moments[number * each : (number + 1) * each]][:, slots]
            answer[number] = (np.add, np.add, np.minimum, np.maximum)[figure].reduce(part, axis=0)
        return answer


def _blank(length: int, slots: int) -> NDArray[np.float64]:
    return np.broadcast_to(_NOTHING[:, None, None], (_FIGURES, length, slots)).copy()
