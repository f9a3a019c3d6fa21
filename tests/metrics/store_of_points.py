"""A store of metrics in memory, written as text: what the tests of queries ask instead of the real one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from watchpost.metrics.identity import Metric, MetricStat, Points
from watchpost.metrics.query import Query

MINUTE = 60
START = 1_700_000_040  # a full minute


def points(values: Sequence[float | None], start: int = START, period: int = MINUTE) -> Points:
    """Points of consecutive periods; None where there is none."""
    present = [i for i, value in enumerate(values) if value is not None]
    return Points(
        np.array([start + i * period for i in present], dtype=np.int64),
        np.array([value for value in values if value is not None], dtype=np.float64),
    )


@dataclass
class StoreOfPoints:
    """Answers by metric name, whatever statistic was asked; `asked` notes every batch."""

    by_name: Mapping[str, Points] = field(default_factory=dict)
    listed: Sequence[Metric] = ()
    by_metric: Mapping[Metric, Points] = field(default_factory=dict)
    by_stat: Mapping[tuple[Metric, str], Points] = field(default_factory=dict)
    units_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    asked: list[tuple[tuple[MetricStat, ...], int, int]] = field(default_factory=list)

    def read_many(self, stats: Sequence[MetricStat], start: int, end: int) -> list[Points]:
        self.asked.append((tuple(stats), start, end))
        return [self._read(stat, start, end) for stat in stats]

    def _read(self, stat: MetricStat, start: int, end: int) -> Points:
        nothing = points([])
        found = self.by_stat.get((stat.metric, stat.stat)) or self.by_metric.get(stat.metric)
        found = found or self.by_name.get(stat.metric.name, nothing)
        inside = (found.timestamps >= start) & (found.timestamps < end)
        return Points(found.timestamps[inside], found.values[inside])

    def metrics(
        self,
        namespace: str | None = None,
        name: str | None = None,
        dimensions: Sequence[tuple[str, str | None]] = (),
        *,
        now: datetime,
    ) -> list[Metric]:
        return [m for m in self.listed if namespace in (None, m.namespace) and name in (None, m.name)]

    def units(self, metrics: Sequence[Metric], start: int, end: int) -> list[tuple[str, ...]]:
        return [self.units_of.get(metric.name, ("None",)) for metric in metrics]


def metric_query(id: str, period: int = MINUTE, stat: str = "Average", **options: object) -> Query:
    """A query for the metric that is called like the id."""
    return Query(id, MetricStat(Metric("test", id), period, stat), **options)  # type: ignore[arg-type]
