"""The newest data of watched series as dense arrays, so that ten thousand windows are cut out of them in a few ms.

Columns of `step` seconds lie in a ring; rows are moments and columns series, since a question asks for few moments of
many series. Only series that somebody watches (alarms) are kept.
"""

import numpy as np
from numpy.typing import NDArray

from watchpost.metrics.cells import EMPTY, Cells, merge, rolled
from watchpost.metrics.sketch import Floats, Integers

# So many series are taken in while a question waits; more of them wait until they are asked for again.
_MOST_AT_ONCE = 1000
_FIGURES = 4  # count, total, low, high
_NOTHING = np.array([0.0, 0.0, np.inf, -np.inf])
_COMBINED = (np.add, np.add, np.minimum, np.maximum)


class Recent:
    """Count, sum, minimum and maximum of watched series, by moments of `step` seconds, `length` moments back."""

    def __init__(self, step: int, length: int) -> None:
        self.step, self.length = step, length
        self._watched = 0
        self._slots: Integers = np.empty(0, dtype=np.int64)  # by number of series, -1 where nobody watches
        self._figures: NDArray[np.float64] = _blank(length, 0)
        self._end = 0  # the first moment (epoch // step) that the ring does not hold yet
        self._ahead: Cells = EMPTY  # of moments that are still to come
        self._asked = -1  # when series were put off, epoch seconds
        self.put_off: Integers = np.empty(0, dtype=np.int64)

    @property
    def start(self) -> int:
        """The first moment that is held, in epoch seconds."""
        return (self._end - self.length) * self.step

    def covers(self, start: int, end: int) -> bool:
        """Whether the moments of [start, end), epoch seconds, are all held."""
        return start % self.step == 0 == end % self.step and self._end * self.step >= end and start >= self.start

    def unwatched(self, series: Integers) -> Integers:
        """Which of these series have no place yet, ascending, each once."""
        return _distinct(series[self._slots_of(series) < 0])

    def puts_off(self, new: Integers, now: int) -> bool:
        """Whether these series, which have no place, are to be answered for without the ring this time.

        Whoever asks for thousands for the first time, as a server does that just started, gets an answer sooner from
        history. The series are kept in `put_off` meanwhile. Args: now: epoch seconds; a later one is another time.
        """
        if len(new) <= _MOST_AT_ONCE or self._asked not in {-1, now}:
            return False
        self._asked = now
        self.put_off = _distinct(np.concatenate((self.put_off, new)))
        return True

    def watch(self, series: Integers, history: Cells) -> None:
        """Give series that have none a place; `history` is what is known of them (ascending cells)."""
        old, new = self._watched, self._watched + len(series)
        if new > self._figures.shape[2]:
            grown = _blank(self.length, max(2 * old, new))
            grown[:, :, :old] = self._figures[:, :, :old]
            self._figures = grown
        if len(series) and series[-1] >= len(self._slots):
            more = np.full(max(series[-1] + 1, 2 * len(self._slots)) - len(self._slots), -1, dtype=np.int64)
            self._slots = np.concatenate((self._slots, more))
        self._slots[series] = np.arange(old, new)
        self._watched = new
        self._asked, self.put_off = -1, np.empty(0, dtype=np.int64)
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
        if not self._watched or not len(cells):
            return
        wanted = (self._slots_of(cells.series) >= 0) & (cells.start >= self.start)
        if not wanted.any():
            return
        cells = rolled(cells.plain()[wanted], self.step)
        later = cells.start >= self._end * self.step
        if later.any():
            self._ahead = merge([self._ahead, cells[later]])
            cells = cells[~later]
        slot = self._slots[cells.series]
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
        slots, rows = self._slots[series], self._figures[figure]
        # Most of a row is summed up faster as it lies than what is wanted of it is picked out first.
        most = 2 * len(slots) > self._watched
        answer = np.empty((count, self._watched if most else len(slots)))
        for number in range(count):
            of_period = moments[number * each : (number + 1) * each]
            part = rows[of_period, : self._watched] if most else rows[of_period[:, None], slots]
            _COMBINED[figure].reduce(part, axis=0, out=answer[number])
        return answer[:, slots] if most else answer

    def _slots_of(self, series: Integers) -> Integers:
        if not len(self._slots):
            return np.full(len(series), -1, dtype=np.int64)
        slots: Integers = self._slots[np.minimum(series, len(self._slots) - 1)]
        return np.where(series < len(self._slots), slots, -1)


def _distinct(numbers: Integers) -> Integers:
    # numpy's own unique hashes, which takes ten times as long as sorting.
    ordered = np.sort(numbers)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def _blank(length: int, slots: int) -> NDArray[np.float64]:
    return np.broadcast_to(_NOTHING[:, None, None], (_FIGURES, length, slots)).copy()
