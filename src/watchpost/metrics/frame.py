"""The values of a request's queries over one span of time, read from a store that is an argument."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from watchpost.metrics import insights, search
from watchpost.metrics.anomaly import HISTORY, BandSettings, anomaly_band
from watchpost.metrics.expressions.evaluation import evaluate
from watchpost.metrics.expressions.syntax import InvalidExpression, Node
from watchpost.metrics.expressions.values import Array, Grid, Series, Value, from_points, on_grid, type_name
from watchpost.metrics.identity import Metric, MetricStat, Points
from watchpost.metrics.labels import default_labels
from watchpost.metrics.periods import valid_period
from watchpost.metrics.plan import Plan, in_query
from watchpost.metrics.selection import combined

DEFAULT_PERIOD = 300
"""Seconds, where neither SEARCH nor its query names a period. Source: CloudWatch's dashboards."""


MOST_CELLS = 25_000_000
"""Periods of all series that one request may hold in memory for its expressions (200 MB)."""

MOST_OPERATIONS = 500_000_000
"""Operations on single values that the expressions of one request may take (some seconds)."""


class Fetch(Protocol):
    """What queries need of the store of metrics."""

    def read_many(self, stats: Sequence[MetricStat], start: int, end: int) -> list[Points]:
        """For each question its points with start <= timestamp < end, the first period beginning at `start`."""

    def metrics(
        self,
        namespace: str | None = None,
        name: str | None = None,
        dimensions: Sequence[tuple[str, str | None]] = (),
        *,
        now: datetime,
    ) -> list[Metric]:
        """Metrics that had data in the two weeks before `now`."""

    def units(self, metrics: Sequence[Metric]) -> list[tuple[str, ...]]:
        """For each metric the units that its data of the last two weeks were reported in."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time asked for, [start, end) in epoch seconds, and when.

    With `aligned`, periods begin at multiples of their length (GetMetricData); without, at `start`, so an alarm's
    windows can slide by a minute.
    """

    start: int
    end: int
    now: int
    aligned: bool = True


Settings = Callable[[str], BandSettings]
"""The settings of the anomaly detector for a subject (`plan.subject_of`, `Plan.subject`); the default ones if none."""


def default_settings(subject: str) -> BandSettings:  # noqa: ARG001  the shape of Settings
    """The settings of a metric that no anomaly detector was made for."""
    return BandSettings()


@dataclass(slots=True)
class Budget:
    """What a request may still cost: values to hold, and operations on them."""

    cells: int = MOST_CELLS
    operations: int = MOST_OPERATIONS

    def spend(self, cells: int, operations: int) -> None:
        """Take note of a cost. Raises: InvalidExpression: it is more than what is left."""
        self.cells -= cells
        self.operations -= operations
        if self.cells < 0 or self.operations < 0:
            raise InvalidExpression(
                "The request asks for more computing than one request may take. Take longer periods, a shorter range "
                "or fewer expressions."
            )


class Frame:
    """The values of a plan's queries over one span: the request that expressions ask (`evaluation.Request`)."""

    def __init__(
        self,
        planned: Plan,
        fetch: Fetch,
        span: Span,
        settings: Settings,
        wanted: Sequence[str],
        budget: Budget | None = None,
    ) -> None:
        self._plan, self._fetch, self._span, self._settings = planned, fetch, span, settings
        self._budget = budget or Budget()
        self._stats = {each: query.stat for each, query in planned.queries.items() if query.stat is not None}
        self._defaults = default_labels(self._stats)
        self._points: dict[str, Points] = {}
        self._values: dict[str, Value] = {}
        self._messages: dict[str, tuple[tuple[str, str], ...]] = {}
        self._current = ""
        needed = planned.needed(wanted)
        self._read([each for each in needed if each in self._stats])
        for each in needed:
            if each in planned.parsed:
                self._compute(each)

    def points(self, query: str) -> Points:
        """The points of a metric query."""
        return self._points[query]

    def messages(self, query: str) -> tuple[tuple[str, str], ...]:
        """What there is to say about the query's data: (code, text)."""
        return self._messages.get(query, ())

    def default_label(self, query: str) -> str:
        """What a metric query is called when nobody named it."""
        return self._defaults[query]

    def label(self, query: str) -> str:
        """What a metric query is called."""
        return self._plan.queries[query].label or self._defaults[query]

    def one(self, query: str) -> Series:
        """The single series of a query; Refused if it gives anything else."""
        match self.value(query):
            case Series() as one:
                return one
            case Array((one,)):
                return one
            case Array(members):
                seen = f"{len(members)} time series"
            case other:
                seen = type_name(other)
        raise InvalidExpression(f"Error in expression '{query}': an alarm watches exactly one time series, not {seen}.")

    # --- evaluation.Request ------------------------------------------------------------------------------------------

    def value(self, name: str) -> Value:
        """What another query gives."""
        if name not in self._values:
            if name not in self._points:
                raise InvalidExpression(f"There is no query with the id {name!r} in this request.")
            stat = self._stats[name]
            grid = self._grid(stat.period)
            self._budget.spend(grid.count, 0)
            self._values[name] = from_points(self._points[name], grid, self.label(name), stat)
        return self._values[name]

    def stats(self, name_part: str) -> Array:
        """The metric queries whose id contains the text."""
        members = (self.value(each) for each in self._stats if name_part in each)
        return Array(tuple(each for each in members if isinstance(each, Series)))

    def grid(self, name: str | None) -> Grid:
        """The periods of a metric query, or of a constant here."""
        if name is not None:
            if name not in self._stats:
                raise InvalidExpression(f"PERIOD takes the id of a metric; {name!r} is an expression.")
            return self._grid(self._stats[name].period)
        own = self._plan.queries[self._current].period
        return self._grid(own or min((stat.period for stat in self._stats.values()), default=DEFAULT_PERIOD))

    def search(self, expression: str, stat: str, period: int | None) -> Array:
        """The series of the metrics that the words find."""
        seconds = period or self._plan.queries[self._current].period or DEFAULT_PERIOD
        if not valid_period(seconds):
            raise InvalidExpression(f"SEARCH's period is 1, 5, 10, 20, 30 or a multiple of 60 seconds, not {seconds}.")
        query = search.parse_search(expression)
        known = self._fetch.metrics(query.namespace, now=self._now())
        found = search.find(query, known)
        if len(found) > search.MOST_FOUND:
            self._say(
                "MaxMetricsExceeded",
                f"The search matched {len(found)} metrics; the first {search.MOST_FOUND} are returned.",
            )
            found = found[: search.MOST_FOUND]
        grid = self._grid(seconds)
        self._budget.spend(grid.count * len(found), 0)
        stats = [MetricStat(metric, seconds, stat) for metric in found]
        read = self._fetch.read_many(stats, grid.start, self._span.end)
        named = zip(search.labels(found), stats, read, strict=True)
        return Array(tuple(from_points(points, grid, label, stat) for label, stat, points in named))

    def band(self, node: Node, deviations: float) -> Array:
        """Lower and upper limit, learned from the two weeks before each point."""
        period = self._plan.check_band(node)
        grid = self._grid(period)
        earlier = grid.start - -(-HISTORY // period) * period
        wide = Span(earlier, self._span.end, self._span.now, aligned=False)
        wanted = sorted(self._plan.mentioned(node))
        frame = Frame(self._plan, self._fetch, wide, self._settings, wanted, self._budget)
        frame._current = self._current
        history = evaluate(node, frame)
        if not isinstance(history, Series):
            raise InvalidExpression(f"ANOMALY_DETECTION_BAND takes one time series, not {type_name(history)}.")
        whole = Grid.over(earlier, grid.end, period, aligned=False)
        settings = self._settings(self._plan.subject(node))
        found = anomaly_band(on_grid(history, whole), whole.start, period, settings, deviations, grid.count)
        label = history.label or self._current
        return Array((Series(grid, found.lower, f"{label} (low)"), Series(grid, found.upper, f"{label} (high)")))

    # -----------------------------------------------------------------------------------------------------------------

    def _start(self, period: int) -> int:
        return self._span.start - self._span.start % period if self._span.aligned else self._span.start

    def _grid(self, period: int) -> Grid:
        return Grid.over(self._span.start, self._span.end, period, self._span.aligned)

    def _read(self, queries: Sequence[str]) -> None:
        """Points of metric queries, in one batch for each instant that first periods begin at."""
        batches: dict[int, list[str]] = {}
        for each in queries:
            batches.setdefault(self._start(self._stats[each].period), []).append(each)
        for start, batch in batches.items():
            read = self._fetch.read_many([self._stats[each] for each in batch], start, self._span.end)
            self._points.update(zip(batch, read, strict=True))
        unitless = [each for each in queries if self._stats[each].unit is None]
        stored = self._fetch.units([self._stats[each].metric for each in unitless])
        for each, units in zip(unitless, stored, strict=True):
            if len(units) > 1:
                self._warn_of_units(each, units)

    def _warn_of_units(self, query: str, units: tuple[str, ...]) -> None:
        """Several units were reported lately; were they in this span?"""
        stat = self._stats[query]
        each_unit = [replace(stat, unit=unit) for unit in units]
        read = self._fetch.read_many(each_unit, self._start(stat.period), self._span.end)
        seen = sorted(unit for unit, points in zip(units, read, strict=True) if len(points))
        if len(seen) > 1:
            self._messages[query] = (("MultipleUnits", f"Multiple units returned: '[{', '.join(seen)}]'"),)

    def _say(self, code: str, text: str) -> None:
        self._messages[self._current] = (*self.messages(self._current), (code, text))

    def _compute(self, query: str) -> None:
        parsed = self._plan.parsed[query]
        self._current = query
        try:
            if isinstance(parsed, insights.Selection):
                self._values[query] = self._selected(parsed, self._plan.queries[query].period or DEFAULT_PERIOD)
            else:
                self._budget.spend(*self._cost(query))
                self._values[query] = evaluate(parsed, self)
        except InvalidExpression as problem:
            raise in_query(query, problem) from problem

    def _cost(self, query: str) -> tuple[int, int]:
        """About how many values an expression leaves in memory, and how many it computes on the way."""
        expression = self._plan.read[query]
        own = self._plan.queries[query].period
        names = [name for name in self._plan.needed([query]) if name in self._stats]
        period = min([self._stats[name].period for name in names] + ([own] if own else []), default=DEFAULT_PERIOD)
        slots = (self._span.end - self._span.start) // period + 1
        series = len(self._stats) if "METRICS" in expression.functions else 1
        return slots * series, slots * series * expression.size

    def _selected(self, selection: insights.Selection, period: int) -> Series | Array:
        known = self._fetch.metrics(selection.namespace, selection.metric, now=self._now())
        metrics = insights.chosen(selection, known)
        grid = self._grid(period)
        self._budget.spend(grid.count * len(metrics), 0)

        def read(stat: str) -> list[Points]:
            return self._fetch.read_many(
                [MetricStat(each, period, stat) for each in metrics], grid.start, self._span.end
            )

        return combined(selection, metrics, read, grid)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._span.now, UTC)
