"""GetMetricData as a pure function: queries in, labelled time series out. The store is an argument.

`data` answers a whole request; `series` the one series that an alarm watches; `band` a series with its anomaly
detection band.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from watchpost.errors import Refused
from watchpost.metrics.expressions.syntax import InvalidExpression
from watchpost.metrics.expressions.values import Array, Series, stacked, type_name
from watchpost.metrics.frame import Fetch, Frame, Settings, Span, default_settings
from watchpost.metrics.identity import MetricStat, Points
from watchpost.metrics.labels import Surroundings, is_dynamic, resolve
from watchpost.metrics.plan import Query, plan

__all__ = ["Banded", "Fetch", "Query", "Result", "Span", "Surroundings", "band", "data", "plan", "series"]


@dataclass(frozen=True, slots=True)
class Result:
    """One time series of an answer.

    `messages` are (code, text). `stat` is the metric behind it, if it is just that.
    """

    id: str
    label: str
    points: Points
    messages: tuple[tuple[str, str], ...] = ()
    stat: MetricStat | None = None


@dataclass(frozen=True, slots=True)
class Banded:
    """A series and its band on the same periods: timestamps int64 [n], the others float64 [n], NaN where there is none.

    No band where the history is too short for one.
    """

    timestamps: NDArray[np.int64]
    values: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def data(
    queries: Sequence[Query],
    fetch: Fetch,
    span: Span,
    around: Surroundings,
    settings: Settings = default_settings,
) -> list[Result]:
    """Every series of every query that returns data, in the order of the queries; points ascend.

    Raises: Refused: queries that do not fit together, an expression that fails or ends in a scalar.
    """
    planned = plan(queries)
    returned = [query for query in queries if query.returned]
    frame = Frame(planned, fetch, span, settings, [query.id for query in returned])
    results: list[Result] = []
    for query in returned:
        results.extend(_results(query, frame, around))
    return results


def series(
    queries: Sequence[Query], fetch: Fetch, start: int, end: int, settings: Settings = default_settings
) -> Points:
    """The one time series that a metric-math alarm watches: what its only ReturnData query gives.

    Periods begin at `start` (epoch seconds), whatever the clock says, so windows may slide; an array of exactly one
    series counts as that series. `Refused` if the result is anything else.
    """
    returned = [query.id for query in queries if query.returned]
    if len(returned) != 1:
        raise Refused("ValidationError", f"{len(returned)} queries return data; exactly one must, the watched series.")
    watched = returned[0]
    frame = Frame(plan(queries), fetch, Span(start, end, end, aligned=False), settings, [watched])
    return frame.one(watched).points()


def band(
    queries: Sequence[Query],
    fetch: Fetch,
    start: int,
    end: int,
    threshold: str,
    settings: Settings = default_settings,
) -> Banded:
    """The series and its band that a band alarm compares; `threshold` is the id of the band (ThresholdMetricId).

    The watched series is the other query that returns data. Periods begin at `start`. Raises: Refused: not exactly one
    other query returns data, or the threshold is no band.
    """
    watched = [query.id for query in queries if query.returned and query.id != threshold]
    if len(watched) != 1:
        raise Refused("ValidationError", f"Beside the band {threshold!r} exactly one query must return data.")
    planned = plan(queries)
    if threshold not in planned.queries:
        raise Refused("ValidationError", f"ThresholdMetricId names {threshold!r}, which is no query of this alarm.")
    frame = Frame(planned, fetch, Span(start, end, end, aligned=False), settings, [watched[0], threshold])
    limits = frame.value(threshold)
    if not isinstance(limits, Array) or len(limits.members) != 2:
        raise Refused("ValidationError", f"ThresholdMetricId names {threshold!r}, which is no anomaly detection band.")
    grid, values = stacked([frame.one(watched[0]), *limits.members])
    return Banded(grid.timestamps(), values[0], values[1], values[2])


def _results(query: Query, frame: Frame, around: Surroundings) -> list[Result]:
    default = query.id
    if query.stat is not None:
        found = [Result(query.id, frame.label(query.id), frame.points(query.id), frame.messages(query.id), query.stat)]
        default = frame.default_label(query.id)
    else:
        match frame.value(query.id):
            case Series() as one:
                found = [Result(query.id, query.label or query.id, one.points(), (), one.stat)]
            case Array(members):
                found = [_member(query, each) for each in members]
                found = [replace(each, messages=frame.messages(query.id)) for each in found]
            case other:
                raise InvalidExpression(
                    f"Error in expression '{query.id}': it gives {type_name(other)}, but a result must be a time "
                    "series or an array of them. TIME_SERIES(…) makes a series of a scalar."
                )
    if query.label is None or not is_dynamic(query.label):
        return found
    return [
        replace(each, label=resolve(query.label, default if query.stat else each.label, each.points, each.stat, around))
        for each in found
    ]


def _member(query: Query, member: Series) -> Result:
    """One series of an array; the query's own label stands before the member's."""
    own = member.label or query.id
    label = f"{query.label} {own}" if query.label and not is_dynamic(query.label) else own
    return Result(query.id, label, member.points(), (), member.stat)
