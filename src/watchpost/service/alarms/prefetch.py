"""Reading for many metric-math alarms at once: what they will ask is asked of the store in a few questions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from watchpost.alarms.blindness import adds_up, overlapping
from watchpost.metrics.frame import Fetch
from watchpost.metrics.identity import Metric, MetricStat, Points
from watchpost.windows import Window

Question = tuple[MetricStat, int, int]


class Sighted:
    """A `Fetch` for metric math that leaves out what a stop of the server cut short: sums and counts of its periods.

    So that neither a difference to them nor a running total counts what was only seen in part.
    """

    def __init__(self, fetch: Fetch, stops: Sequence[Window]) -> None:
        self._fetch, self._stops = fetch, stops

    def read_many(self, stats: Sequence[MetricStat], start: int, end: int) -> list[Points]:
        """As `Fetch` has it."""
        read = self._fetch.read_many(stats, start, end)
        return [self._whole(stat, points) for stat, points in zip(stats, read, strict=True)]

    def metrics(
        self,
        namespace: str | None = None,
        name: str | None = None,
        dimensions: Sequence[tuple[str, str | None]] = (),
        *,
        now: datetime,
    ) -> list[Metric]:
        """As `Fetch` has it."""
        return self._fetch.metrics(namespace, name, dimensions, now=now)

    def units(self, metrics: Sequence[Metric]) -> list[tuple[str, ...]]:
        """As `Fetch` has it."""
        return self._fetch.units(metrics)

    def _whole(self, stat: MetricStat, points: Points) -> Points:
        if not self._stops or not adds_up(stat.stat) or not len(points):
            return points
        whole = ~overlapping(self._stops, points.timestamps, stat.period)
        return points if whole.all() else Points(points.timestamps[whole], points.values[whole])


class Prefetch:
    """A `Fetch` that answers what was asked ahead from memory, and the rest from the store."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[Question, Points] = {}

    def ahead(self, questions: Iterable[Question]) -> None:
        """Ask all of this now, as (statistic, start, end)."""
        together: defaultdict[tuple[int, int], set[MetricStat]] = defaultdict(set)
        for stat, start, end in questions:
            together[start, end].add(stat)
        for (start, end), stats in together.items():
            asked = list(stats)
            for stat, points in zip(asked, self._fetch.read_many(asked, start, end), strict=True):
                self._known[stat, start, end] = points

    def read_many(self, stats: Sequence[MetricStat], start: int, end: int) -> list[Points]:
        """The datapoints of each statistic in [start, end), periods beginning at `start`."""
        missing = [stat for stat in stats if (stat, start, end) not in self._known]
        if missing:
            self.ahead([(stat, start, end) for stat in missing])
        return [self._known[stat, start, end] for stat in stats]

    def metrics(
        self,
        namespace: str | None = None,
        name: str | None = None,
        dimensions: Sequence[tuple[str, str | None]] = (),
        *,
        now: datetime,
    ) -> list[Metric]:
        """Metrics that had data in the two weeks before `now`."""
        return self._fetch.metrics(namespace, name, dimensions, now=now)

    def units(self, metrics: Sequence[Metric]) -> list[tuple[str, ...]]:
        """None: units are asked for to warn of several, and an alarm shows no such warning."""
        return [() for _ in metrics]
