"""The series that had data lately, in memory: names to numbers, numbers to names, and when they were last heard of."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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

    from watchpost.stores.sql.metrics import Known

# How far the stored instant of the newest datum may lag behind, in seconds: a write per series and quarter of an hour.
_LAG = 900


class Registry:
    """Known series. Not for several threads at once; `numbers` alone may be read by any thread at any time."""

    def __init__(self) -> None:
        self.numbers: dict[Series, int] = {}
        # Counts up whenever a series is added or dropped: what a cache of numbers compares.
        self.version = 0
        self._series: dict[int, Series] = {}
        self._units: defaultdict[str, dict[Metric, dict[str, int]]] = defaultdict(dict)
        self._seen: Integers = np.zeros(1024, dtype=np.int64)
        self._stored: Integers = np.zeros(1024, dtype=np.int64)

    def add(self, known: "Iterable[Known]") -> None:
        """Learn of series."""
        for number, series, seen in known:
            self._make_room(number)
            self._seen[number] = max(self._seen[number], seen)
            self._stored[number] = max(self._stored[number], seen)
            if number not in self._series:
                self._series[number] = series
                self._units[series.metric.namespace].setdefault(series.metric, {})[series.unit] = number
                self.numbers[series] = number
                self.version += 1

    def notice(self, connection: "Connection", cells: Cells) -> None:
        """Take note of new cells (ascending): their series, and how new they are."""
        if not len(cells):
            return
        numbers = cells.series
        last = np.append(np.flatnonzero(numbers[1:] != numbers[:-1]), len(numbers) - 1)
        own, newest = numbers[last], cells.start[last]
        unknown = [number for number in own.tolist() if number not in self._series]
        if unknown:
            self.add(tables.series_numbered(connection, unknown))
        self._make_room(int(own[-1]))
        self._seen[own] = np.maximum(self._seen[own], newest)

    def drop_silent(self, before: int) -> None:
        """Forget series without data since an epoch second."""
        silent = np.flatnonzero((self._seen > 0) & (self._seen < before)).tolist()
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
        self.version += bool(silent)

    def units(self, metric: Metric) -> Mapping[str, int]:
        """The units of a metric, each with the number of its series."""
        return self._units[metric.namespace].get(metric, {}) if metric.namespace in self._units else {}

    def number(self, metric: Metric, unit: str | None) -> int:
        """The number of the series that a question means, -1 if there is none.

        Without a unit: of the unit that is preferred.
        """
        units = self.units(metric)
        if unit is not None:
            return units.get(unit, -1)
        return units[min(units, key=preference)] if units else -1

    def metrics(
        self, namespace: str | None, name: str | None, dimensions: Sequence[tuple[str, str | None]], since: int
    ) -> list[Metric]:
        """Metrics with data since an epoch second, in order; a dimension without value may have any."""
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
