"""The series that had data lately, in memory: names to numbers, numbers to names, and when they were last heard of.

Alarms ask by the stored text of a metric's names, which need not be read for that: a server that just started evaluates
ten thousand alarms before it has read a name. Whoever asks by parts of names has them read first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from watchpost.metrics.batch import Series
from watchpost.metrics.cells import Cells
from watchpost.metrics.identity import Metric
from watchpost.metrics.sketch import Integers
from watchpost.metrics.units import preference
from watchpost.stores.sql import metrics as tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from watchpost.stores.sql.metrics import Known, Names

# How far the stored instant of the newest datum may lag behind, in seconds: a write per series and quarter of an hour.
_LAG = 900


class Registry:
    """Known series. Not for several threads at once; `numbers` alone may be read by any thread at any time.

    `numbers` lacks the series whose names were not read yet.
    """

    def __init__(self) -> None:
        self.numbers: dict[Series, int] = {}
        # Counts up whenever a series is added or dropped: what a cache of numbers compares.
        self.version = 0
        # By the text of a metric's names its series, or the first of several; by number of a series its unit.
        self._by_text: dict[str, int] = {}
        self._unit: dict[int, str] = {}
        self._several: dict[str, dict[str, int]] = {}
        self._unread: dict[int, str] = {}
        self._series: dict[int, Series] = {}
        self._units: defaultdict[str, dict[Metric, dict[str, int]]] = defaultdict(dict)
        self._seen: Integers = np.zeros(1024, dtype=np.int64)
        self._stored: Integers = np.zeros(1024, dtype=np.int64)

    # --- learning ---------------------------------------------------------------------------------------------------

    def start(self, names: "Names") -> None:
        """Learn of the series in the store; to be called once."""
        if not names.numbers:
            return
        self._make_room(max(names.numbers))
        numbers = np.array(names.numbers, dtype=np.int64)
        self._seen[numbers] = np.maximum(self._seen[numbers], names.seen)
        self._stored[numbers] = np.maximum(self._stored[numbers], names.seen)
        self._unit = dict(zip(names.numbers, names.units, strict=True))
        self._by_text = dict(zip(names.metrics, names.numbers, strict=True))
        self._unread = dict(zip(names.numbers, names.metrics, strict=True))
        self._several = {}
        if len(self._by_text) < len(names.numbers):
            for number, text, unit in zip(names.numbers, names.metrics, names.units, strict=True):
                self._place(number, text, unit)
        self.version += 1

    def add(self, known: "Iterable[Known]") -> None:
        """Learn of series."""
        for number, series, seen in known:
            self._make_room(number)
            self._seen[number] = max(self._seen[number], seen)
            self._stored[number] = max(self._stored[number], seen)
            if number not in self._unit:
                self._unit[number] = series.unit
                self._place(number, tables.names_of(series.metric), series.unit)
                self._name(number, series)
                self.version += 1

    def notice(self, connection: "Connection", cells: Cells) -> None:
        """Take note of new cells (ascending): their series, and how new they are."""
        if not len(cells):
            return
        numbers = cells.series
        last = np.append(np.flatnonzero(numbers[1:] != numbers[:-1]), len(numbers) - 1)
        own, newest = numbers[last], cells.start[last]
        unknown = [number for number in own.tolist() if number not in self._unit]
        if unknown:
            self.add(tables.series_numbered(connection, unknown))
        self._make_room(int(own[-1]))
        self._seen[own] = np.maximum(self._seen[own], newest)

    def read_names(self) -> None:
        """Read the names that nobody has asked for yet."""
        if self._unread:
            metrics = tables.read_names(list(self._unread.values()))
            for number, metric in zip(self._unread, metrics, strict=True):
                self._name(number, Series(metric, self._unit[number]))
            self._unread = {}

    def drop_silent(self, before: int) -> None:
        """Forget series without data since an epoch second."""
        silent = np.flatnonzero((self._seen > 0) & (self._seen < before)).tolist()
        if silent:
            self.read_names()
        for number in silent:
            self._seen[number] = 0
            if number not in self._series:
                continue
            series = self._series.pop(number)
            self.numbers.pop(series, None)
            of_namespace = self._units[series.metric.namespace]
            units = of_namespace.get(series.metric, {})
            units.pop(series.unit, None)
            if not units:
                of_namespace.pop(series.metric, None)
            self._displace(number, tables.names_of(series.metric), units)
        self.version += bool(silent)

    def _name(self, number: int, series: Series) -> None:
        self._series[number] = series
        self._units[series.metric.namespace].setdefault(series.metric, {})[series.unit] = number
        self.numbers[series] = number

    def _place(self, number: int, text: str, unit: str) -> None:
        first = self._by_text.setdefault(text, number)
        if first != number:
            self._several.setdefault(text, {self._unit[first]: first})[unit] = number

    def _displace(self, number: int, text: str, left: Mapping[str, int]) -> None:
        self._unit.pop(number, None)
        self._by_text.pop(text, None)
        self._several.pop(text, None)
        for unit, other in left.items():
            self._place(other, text, unit)

    # --- answering --------------------------------------------------------------------------------------------------

    def units(self, metric: Metric) -> Mapping[str, int]:
        """The units of a metric, each with the number of its series."""
        text = tables.names_of(metric)
        if text in self._several:
            return self._several[text]
        number = self._by_text.get(text)
        return {} if number is None else {self._unit[number]: number}

    def numbers_of(self, texts: Sequence[str], units: Sequence[str | None]) -> Integers:
        """The numbers of the series that questions mean, -1 where there is none.

        Args: texts: metrics as `names_of` writes them. units: None: the unit that is preferred of those there are.
        """
        found = list(map(self._by_text.get, texts, repeat(-1)))
        if self._several or any(units):
            for place, (text, unit, number) in enumerate(zip(texts, units, found, strict=True)):
                if (several := self._several.get(text)) is not None:
                    found[place] = several[min(several, key=preference)] if unit is None else several.get(unit, -1)
                elif number >= 0 and unit not in {None, self._unit[number]}:
                    found[place] = -1
        return np.array(found, dtype=np.int64)

    def metrics(
        self, namespace: str | None, name: str | None, dimensions: Sequence[tuple[str, str | None]], since: int
    ) -> list[Metric]:
        """Metrics with data since an epoch second, in order; a dimension without value may have any."""
        self.read_names()
        spaces = [self._units.get(namespace, {})] if namespace is not None else list(self._units.values())
        wanted = {(n, v) for n, v in dimensions if v is not None}
        any_value = {n for n, v in dimensions if v is None}
        return sorted(
            metric
            for space in spaces
            for metric, units in space.items()
            if (name is None or metric.name == name)
            and wanted.issubset(metric.dimensions)
            and (not any_value or any_value.issubset(n for n, _ in metric.dimensions))
            and max(self._seen[number] for number in units.values()) >= since
        )

    def overdue(self) -> list[tuple[int, int]]:
        """(number, newest datum) of the series whose stored instant lags behind."""
        lagging = np.flatnonzero(self._seen - self._stored >= _LAG)
        return list(zip(lagging.tolist(), self._seen[lagging].tolist(), strict=True))

    def stored(self, seen: Sequence[tuple[int, int]]) -> None:
        """Those instants are stored now."""
        for number, newest in seen:
            self._stored[number] = newest

    def _make_room(self, number: int) -> None:
        if number >= len(self._seen):
            more = np.zeros(max(number + 1, 2 * len(self._seen)) - len(self._seen), dtype=np.int64)
            self._seen = np.concatenate((self._seen, more))
            self._stored = np.concatenate((self._stored, more))
