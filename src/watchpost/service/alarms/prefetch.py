"""Reading for many metric-math alarms at once: what they will ask is asked of the store in a few questions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from watchpost.metrics.frame import Fetch
from watchpost.metrics.identity import Metric, MetricStat, Points

Question = tuple[MetricStat, int, int]


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
