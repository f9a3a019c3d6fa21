"""Reported data: taken in durably, listed, and answered for by statistic and period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from watchpost.metrics.batch import Batch, Series, batch
from watchpost.metrics.cells import Cells, merge, rolled
from watchpost.metrics.identity import Datum, Metric, MetricStat, Points
from watchpost.metrics.packing import pack, unpack
from watchpost.metrics.periods import DAY, HOUR, LISTED, MINUTE, TIERS, visible_from
from watchpost.metrics.statistics import Statistic, evaluate, parse_statistic
from watchpost.metrics.units import preference
from watchpost.service.metrics.folding import fold, roll_up
from watchpost.service.metrics.replacing import put_replacing
from watchpost.service.metrics.tail import Tail
from watchpost.service.metrics.windows import Columns, History, Selection, watch_put_off
from watchpost.stores.sql import metrics as tables

if TYPE_CHECKING:
    from watchpost.service.clock import Clock
    from watchpost.stores.store import Store, Transaction

_LOOK_SECONDS, _BETWEEN_FOLDS = 2.0, timedelta(minutes=1)
_MOST_ENTRIES = 5000  # of up to a thousand data each
_NOTHING = Points(np.empty(0, dtype=np.int64), np.empty(0))


@dataclass(frozen=True, slots=True)
class Column:
    """Datapoints of one unit: `timestamps` int64 epoch seconds, starts of periods; `values` [statistics, periods].

    float64, NaN where a statistic has no value.
    """

    unit: str
    timestamps: NDArray[np.int64]
    values: NDArray[np.float64]


class Metrics:
    """The store of reported data. Every method may be called from any thread."""

    def __init__(self, store: "Store", clock: "Clock", most_recent: int = 4_000_000) -> None:
        """`most_recent`: how many cells (series and minute) or items of sketches are kept in memory at most."""
        self._store, self._clock, self._most_recent = store, clock, most_recent
        self._tail = Tail(store, clock)

    # --- taking in --------------------------------------------------------------------------------------------------

    def put(self, data: Sequence[Datum]) -> None:
        """Take in data; durable on return. Raises: ValueError: see `batch`."""
        self.put_batch(batch(data))

    def put_batch(self, arrived: Batch) -> None:
        """The same for data that are columns already."""
        if not len(arrived):
            return
        numbers = self._tail.registry.numbers
        try:
            entry = pack(arrived.numbered(numbers))
        except KeyError:
            new = self._store.write(lambda tx: _put_with_names(tx, arrived))
            with self._tail.lock:
                self._tail.registry.add(tables.Known(number, series, second) for series, number, second in new)
        else:
            self._store.write(lambda tx: tables.append(tx.connection, entry))

    def put_within(self, tx: "Transaction", data: Sequence[Datum]) -> None:
        """Take in data as part of a transaction of the caller's."""
        if data:
            arrived = batch(data)
            numbers = self._tail.registry.numbers
            if all(series in numbers for series in arrived.series):
                tables.append(tx.connection, pack(arrived.numbered(numbers)))
            else:
                _put_with_names(tx, arrived)

    def replace_within(self, tx: "Transaction", data: Sequence[Datum], gone: Sequence[Datum] = ()) -> None:
        """Take in data instead of what their series had at their times, as part of a transaction; see `put_replacing`.

        gone: data whose series and times are to have nothing any more. Raises: ValueError: see `batch`.
        """
        put_replacing(tx, data, gone)

    # --- answering --------------------------------------------------------------------------------------------------

    def read(self, stat: MetricStat, start: int, end: int) -> Points:
        """The answer to one question; see `read_many`."""
        return self.read_many([stat], start, end)[0]

    def read_many(self, stats: Sequence[MetricStat], start: int, end: int) -> list[Points]:
        """For each question its datapoints with start <= timestamp < end (epoch seconds).

        Periods begin at `start`; the last one is whole even where it reaches beyond `end`. What is older than its
        period allows (`periods.visible_from`) is left out. Without a unit, that of `units.PREFERENCE` which comes
        first among those with data in the range answers. Raises: Refused: a statistic is none.
        """
        parsed = [parse_statistic(stat.stat) for stat in stats]
        now = int(self._clock.now().timestamp())
        if start >= end or not stats:
            return [_NOTHING] * len(stats)
        longest = max(stat.period for stat in stats)

        def answer(tx: "Transaction", parts: tuple[Cells, ...]) -> list[Points]:
            series = self._series_of(tx, stats, start, now)
            numbers = {number for own in series for number in own}
            sketches = not all(p.plain for p in parsed)
            found = self._parts(tx, parts, numbers, start, end + longest, sketches, now)
            groups: dict[tuple[int, Statistic], list[int]] = {}
            for place, (stat, asked) in enumerate(zip(stats, parsed, strict=True)):
                groups.setdefault((stat.period, asked), []).append(place)
            points = [_NOTHING] * len(stats)
            for (period, asked), places in groups.items():
                first = _first_visible(start, period, now)
                last = start - (start - end) // period * period
                wanted = [series[place] for place in places]
                for place, own in zip(places, _points(found, wanted, asked, period, first, last), strict=True):
                    points[place] = own
            return points

        return self._tail.question(answer)

    def statistics(
        self, metric: Metric, stats: Sequence[str], period: int, start: int, end: int, unit: str | None = None
    ) -> list[Column]:
        """Several statistics of one metric, for each unit (or the one given) that has data; periods begin at `start`.

        Raises: Refused: a statistic is none.
        """
        parsed = [parse_statistic(stat) for stat in stats]
        now = int(self._clock.now().timestamp())
        question = MetricStat(metric, period, stats[0], unit)
        last = start - (start - end) // period * period

        def answer(tx: "Transaction", parts: tuple[Cells, ...]) -> list[Column]:
            [numbers] = self._series_of(tx, [question], start, now)
            sketches = not all(p.plain for p in parsed)
            cells = self._cells(tx, parts, set(numbers), start, last, sketches, now)
            columns = []
            for number, name in numbers.items():
                own = cells.of(np.array([number]), _first_visible(start, period, now), last)
                by_period = rolled(own, period, start)
                if len(by_period):
                    values = np.stack([evaluate(by_period, asked) for asked in parsed])
                    columns.append(Column(name, by_period.start, values))
            return columns

        return self._tail.question(answer)

    def metrics(
        self,
        namespace: str | None = None,
        name: str | None = None,
        dimensions: Sequence[tuple[str, str | None]] = (),
        *,
        now: datetime,
        active_seconds: int = LISTED,
    ) -> list[Metric]:
        """Metrics with data in the last two weeks (or `active_seconds`) that have all of these dimensions, in order.

        A dimension with value None may have any value.
        """
        since = int(now.timestamp()) - active_seconds

        def answer(_tx: "Transaction", _parts: tuple[Cells, ...]) -> list[Metric]:
            return self._tail.registry.metrics(namespace, name, dimensions, since)

        return self._tail.held_question(answer)

    def units(self, metrics: Sequence[Metric]) -> list[tuple[str, ...]]:
        """For each metric the units that its data of the last two weeks were reported in, the preferred one first."""

        def answer(_tx: "Transaction", _parts: tuple[Cells, ...]) -> list[tuple[str, ...]]:
            return [tuple(sorted(self._tail.registry.units(metric), key=preference)) for metric in metrics]

        return self._tail.held_question(answer)

    # --- windows of alarms ------------------------------------------------------------------------------------------

    def select(self, stats: Sequence[MetricStat]) -> Selection:
        """Prepare to ask for the same statistics again and again. Raises: Refused: a statistic is none."""
        return Selection(Columns.of(stats))

    def select_columns(self, columns: Columns) -> Selection:
        """The same for statistics in columns. Raises: Refused: a statistic is none."""
        return Selection(columns)

    def windows(self, selection: Selection, end: int, count: int) -> NDArray[np.float64]:
        """The last `count` periods of each statistic before `end` (epoch seconds): [statistics, count].

        Oldest first, NaN where there is no datapoint; column j covers [end - (count - j) period, end - (count - j - 1)
        period), each statistic by its own period.
        """
        return self._windows(selection, end, count, counts=False)

    def sample_counts(self, selection: Selection, end: int, count: int) -> NDArray[np.float64]:
        """How many samples those windows have, 0 where there is no datapoint; same shape."""
        counted = self._windows(selection, end, count, counts=True)
        return np.nan_to_num(counted, copy=False)

    def _windows(self, selection: Selection, end: int, count: int, *, counts: bool) -> NDArray[np.float64]:
        now = int(self._clock.now().timestamp())

        def answer(tx: "Transaction", parts: tuple[Cells, ...]) -> NDArray[np.float64]:
            return selection.windows(self._tail, self._history(tx, parts, now), counts, end, count, now)

        return self._tail.held_question(answer)

    def _history(self, tx: "Transaction", parts: tuple[Cells, ...], now: int) -> History:
        def history(numbers: Sequence[int], start: int, until: int, sketches: bool) -> Cells:
            return self._cells(tx, parts, set(numbers), start, until, sketches, now)

        return history

    # --- upkeep -----------------------------------------------------------------------------------------------------

    def run(self, stop: Event) -> None:
        """Keep the log short and history in its tiers until `stop` is set, then once more."""
        due = self._clock.now()
        while not self._clock.wait(stop, _LOOK_SECONDS):
            self.look()
            now = self._clock.now()
            if now >= due or self._tail.unfolded > _MOST_ENTRIES:
                self.fold(now)
                due = now + _BETWEEN_FOLDS
        self.fold(self._clock.now())

    def look(self) -> None:
        """Read on, and make ready for what alarms will ask again; changes no answer. Raises: StoreUnavailable.

        Doing so often keeps the next question quick, however much comes in while nobody asks.
        """
        now = int(self._clock.now().timestamp())
        self._tail.held_question(lambda _tx, _parts: self._tail.registry.read_names())
        self._tail.held_question(lambda tx, parts: watch_put_off(self._tail, self._history(tx, parts, now), now))

    def fold(self, now: datetime) -> None:
        """One round of that; changes no answer. Raises: StoreUnavailable."""
        second = int(now.timestamp())
        with self._tail.lock:
            self._tail.registry.drop_silent(second - LISTED - DAY)
        # What was read is noted as seen; so the list of metrics survives the log's entries.
        self._tail.question(lambda _tx, _parts: None)
        with self._tail.lock:
            seen = self._tail.registry.overdue()
        fold(self._store, second, self._most_recent, seen)
        with self._tail.lock:
            self._tail.registry.stored(seen)
            self._tail.unfolded = 0
        while roll_up(self._store, second):
            pass

    # ----------------------------------------------------------------------------------------------------------------

    def _series_of(self, tx: "Transaction", stats: Sequence[MetricStat], start: int, now: int) -> list[dict[int, str]]:
        """For each question the numbers of the series that may answer it, the preferred unit first."""
        older: dict[Metric, dict[str, int]] = {}
        if start < now - LISTED:
            # Series that have been silent for two weeks are not in memory any more, but their history is kept.
            for number, series, _ in tables.series_of(tx.connection, {stat.metric for stat in stats}):
                older.setdefault(series.metric, {})[series.unit] = number
        with self._tail.lock:
            known = [{**older.get(stat.metric, {}), **self._tail.registry.units(stat.metric)} for stat in stats]
        return [
            {units[unit]: unit for unit in sorted(units, key=preference) if stat.unit in {None, unit}}
            for stat, units in zip(stats, known, strict=True)
        ]

    def _cells(
        self,
        tx: "Transaction",
        parts: tuple[Cells, ...],
        numbers: set[int],
        start: int,
        end: int,
        sketches: bool,
        now: int,
    ) -> Cells:
        """All cells of some series in [start, end), from chunks and tail."""
        return merge(self._parts(tx, parts, numbers, start, end, sketches, now))

    def _parts(
        self,
        tx: "Transaction",
        parts: tuple[Cells, ...],
        numbers: set[int],
        start: int,
        end: int,
        sketches: bool,
        now: int,
    ) -> list[Cells]:
        """The same in parts, each ascending, which may have cells of the same series and moment."""
        ordered = sorted(numbers)
        if not ordered:
            return []
        spans = {
            tier.step: (start - start % tier.chunk, end)
            for tier, younger in zip(TIERS, (None, TIERS[0], *TIERS[1:-1]), strict=True)
            # Fine tiers may hold what is older than they must keep; coarse ones nothing younger than the finer keeps.
            if younger is None or tier.step <= MINUTE or start < now - younger.kept + HOUR
        }
        series = np.array(ordered, dtype=np.int64)
        # Chunks hold more than the range; the tail's cells are cut out of it.
        stored = merge([unpack(tables.packs_between(tx.connection, ordered, spans, sketches), sketches)])
        recent = [part.of(series, start, end) for part in parts]
        found = [stored.of(series, start, end), *(recent if sketches else [part.plain() for part in recent])]
        return [part for part in found if len(part)]


def _put_with_names(tx: "Transaction", arrived: Batch) -> list[tuple[Series, int, int]]:
    """Append data some of whose series may be new; every series with its number and newest datum."""
    newest: dict[Series, int] = {}
    for series, start in zip(arrived.series, arrived.cells.start.tolist(), strict=True):
        newest[series] = max(newest.get(series, 0), start)
    numbers = tables.numbers_of(tx.connection, newest)
    tables.append(tx.connection, pack(arrived.numbered(numbers)))
    return [(series, number, newest[series]) for series, number in numbers.items()]


def _first_visible(start: int, period: int, now: int) -> int:
    """The first of the periods that begin at `start` of which the question learns anything."""
    hidden = visible_from(period, now) - start
    return start if hidden <= 0 else start - (-hidden // period) * period


def _points(
    parts: Sequence[Cells], wanted: Sequence[dict[int, str]], asked: Statistic, period: int, first: int, last: int
) -> list[Points]:
    """One statistic of several questions; of each question's series the first that has data answers."""
    numbers = np.array(sorted({number for own in wanted for number in own}), dtype=np.int64)
    # Each part by periods first: then there is little left to merge.
    by_period = merge([rolled(part.of(numbers, first, last), period, first) for part in parts])
    values = evaluate(by_period, asked)
    there = ~np.isnan(values)
    series, timestamps, values = by_period.series[there], by_period.start[there], values[there]
    place = {number: i for i, number in enumerate(numbers.tolist())}
    begins = np.searchsorted(series, numbers).tolist()
    ends = np.searchsorted(series, numbers, side="right").tolist()
    points = []
    for own in wanted:
        found = _NOTHING
        for number in own:
            i = place[number]
            if begins[i] < ends[i]:
                found = Points(timestamps[begins[i] : ends[i]], values[begins[i] : ends[i]])
                break
        points.append(found)
    return points
