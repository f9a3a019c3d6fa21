"""A Metrics Insights query's series from the series of the metrics it looks at."""

from collections.abc import Callable, Sequence

import numpy as np

from watchpost.metrics.expressions.reductions import sort
from watchpost.metrics.expressions.values import Array, Floats, Grid, Series, from_points
from watchpost.metrics.identity import Metric, Points
from watchpost.metrics.insights import Selection, groups

# Which statistic of each metric the function is made from; AVG is the sum of all over the count of all.
_STATISTIC = {"AVG": "Sum", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}


def combined(
    selection: Selection, metrics: Sequence[Metric], read: Callable[[str], list[Points]], grid: Grid
) -> Series | Array:
    """One series per group, labelled by the group's values; a lone series without GROUP BY.

    `read` gives the points of a statistic for each of the metrics.
    """
    values = _on_grid(read(_STATISTIC[selection.aggregate]), grid)
    counts = _on_grid(read("SampleCount"), grid) if selection.aggregate == "AVG" else None
    rows = {metric: row for row, metric in enumerate(metrics)}
    found: list[Series] = []
    for label, members in groups(selection, metrics).items():
        chosen = [rows[metric] for metric in members]
        found.append(
            Series(grid, _merged(selection, values[chosen], None if counts is None else counts[chosen]), label)
        )
    if not selection.group:
        return found[0] if found else Series(grid, np.full(grid.count, np.nan))
    return _ordered(selection, Array(tuple(found)))


def _ordered(selection: Selection, array: Array) -> Array:
    if selection.order is None:
        return Array(array.members[: selection.limit])
    by, descending = selection.order
    reduction = "DATAPOINT_COUNT" if by == "COUNT" else by
    return sort(array, reduction, "DESC" if descending else "ASC", selection.limit)


def _merged(selection: Selection, values: Floats, counts: Floats | None) -> Floats:
    """Values of shape [metrics, slots] as one series, NaN where no metric has a point."""
    some = ~np.isnan(values).all(axis=0)
    out = np.full(values.shape[1], np.nan)
    present = values[:, some]
    match selection.aggregate:
        case "MAX":
            out[some] = np.nanmax(present, axis=0)
        case "MIN":
            out[some] = np.nanmin(present, axis=0)
        case _:
            out[some] = np.nansum(present, axis=0)
    if counts is not None:
        out[some] /= np.nansum(counts[:, some], axis=0)
    return np.where(np.isfinite(out), out, np.nan)


def _on_grid(points: Sequence[Points], grid: Grid) -> Floats:
    rows = [from_points(each, grid).values for each in points]
    return np.stack(rows) if rows else np.empty((0, grid.count))
