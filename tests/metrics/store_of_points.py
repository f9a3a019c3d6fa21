"""A store of metrics in memory, written as lists: what the tests of queries ask instead of the real one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from watchpost.metrics.identity import Metric, MetricStat, Points
from watchpost.metrics.query import Query, Result, Span, Surroundings, data

MINUTE = 60
START = 1_700_000_040  # a full minute

Values = Sequence[float | None]


def points(values: Values, start: int = START, period: int = MINUTE) -> Points:
    """Points of consecutive periods; None where there is none."""
    present = [i for i, value in enumerate(values) if value is not None]
    return Points(
        np.array([start + i * period for i in present], dtype=np.int64),
        np.array([value for value in values if value is not None], dtype=np.float64),
    )


@dataclass
class StoreOfPoints:
    """Answers by metric name, by metric, or by metric and statistic; `asked` notes every batch."""

    by_name: Mapping[str, Points] = field(default_factory=dict)
    listed: Sequence[Metric] = ()
    by_metric: Mapping[Metric, Points] = field(default_factory=dict)
    by_stat: Mapping[tuple[Metric, str], Points] = field(default_factory=dict)
    by_unit: Mapping[tuple[str, str], Points] = field(default_factory=dict)
    asked: list[tuple[tuple[MetricStat, ...], int, int]] = field(default_factory=list)

    def read_many(self, stats: Sequence[MetricStat], start: int, end: int) -> list[Points]:
        self.asked.append((tuple(stats), start, end))
        return [self._read(stat, start, end) for stat in stats]

    def _read(self, stat: MetricStat, start: int, end: int) -> Points:
        found = (
            self.by_unit.get((stat.metric.name, stat.unit or ""))
            or self.by_stat.get((stat.metric, stat.stat))
            or self.by_metric.get(stat.metric)
            or self.by_name.get(stat.metric.name)
            or points([])
        )
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

    def units(self, metrics: Sequence[Metric]) -> list[tuple[str, ...]]:
        return [tuple(u for name, u in self.by_unit if name == metric.name) or ("None",) for metric in metrics]


def metric_query(id: str, period: int = MINUTE, stat: str = "Average", **options: object) -> Query:
    """A query for the metric that is called like the id."""
    return Query(id, MetricStat(Metric("test", id), period, stat), **options)  # type: ignore[arg-type]


def listed(found: Points, count: int, start: int = START, period: int = MINUTE) -> list[float | None]:
    """One value a period, None where there is none."""
    known = dict(zip(found.timestamps.tolist(), found.values.tolist(), strict=True))
    return [known.get(start + i * period) for i in range(count)]


def results(expression: str, **metrics: Values) -> list[Result]:
    """What an expression over metrics by id gives, the metrics all a point a minute."""
    count = max((len(values) for values in metrics.values()), default=5)
    queries = [metric_query(name, returned=False) for name in metrics]
    store = StoreOfPoints({name: points(values) for name, values in metrics.items()})
    span = Span(START, START + count * MINUTE, START + count * MINUTE)
    return data([*queries, Query("e", expression=expression)], store, span, Surroundings(span.now))


def calculated(expression: str, **metrics: Values) -> list[float | None]:
    """The values of the one series that an expression gives."""
    [result] = results(expression, **metrics)
    return listed(result.points, max((len(values) for values in metrics.values()), default=5))
