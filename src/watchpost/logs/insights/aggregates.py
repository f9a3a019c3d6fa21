"""The aggregates of `stats`, as expressions over columns of one frame.

Numbers of a group that are missing do not count. Percentiles lie on the straight line between neighbours in rank (as
numpy's default); the standard deviation is that of the values at hand (divided by n).
"""

from collections.abc import Callable

import polars as pl

from watchpost.logs.insights.natural import ranks
from watchpost.logs.insights.scanner import malformed
from watchpost.logs.insights.syntax import Call, Constant

ORDER = "\0order"
"""The column by which `earliest` and `latest` order: milliseconds, then the place in the input."""


def needs_numbers(call: Call) -> bool:
    """Whether the aggregate reads numbers; the others read texts."""
    return call.function in {"avg", "sum", "min", "max", "pct", "percentile", "median", "stddev"}


def keeps_form(call: Call) -> bool:
    """Whether the result is one of the values themselves."""
    return call.function in {"earliest", "latest"}


def reduction(call: Call, column: str) -> pl.Expr:
    """The aggregate of a column, which holds numbers or texts as `needs_numbers` says."""
    value = pl.col(column)
    if call.star:
        return pl.len().cast(pl.Float64)
    if call.function in {"pct", "percentile"}:
        return value.quantile(_percent(call) / 100, "linear")
    return _REDUCTIONS[call.function](value, column)


def _by(order: str, value: pl.Expr) -> pl.Expr:
    return value.sort_by(order, maintain_order=True).drop_nulls()


_REDUCTIONS: dict[str, Callable[[pl.Expr, str], pl.Expr]] = {
    "count": lambda value, _: value.is_not_null().sum().cast(pl.Float64),
    "count_distinct": lambda value, _: value.drop_nulls().n_unique().cast(pl.Float64),
    "sum": lambda value, _: pl.when(value.is_not_null().any()).then(value.sum()),
    "avg": lambda value, _: value.mean(),
    "min": lambda value, _: value.min(),
    "max": lambda value, _: value.max(),
    "stddev": lambda value, _: value.std(ddof=0),
    "median": lambda value, _: value.quantile(0.5, "linear"),
    "earliest": lambda value, _: _by(ORDER, value).first(),
    "latest": lambda value, _: _by(ORDER, value).last(),
    "sortsFirst": lambda value, column: _by(f"{column}\0rank", value).first(),
    "sortsLast": lambda value, column: _by(f"{column}\0rank", value).last(),
}


def rank_column(column: str, series: pl.Series) -> pl.Series:
    """What `sortsFirst` and `sortsLast` order by."""
    return ranks(series).alias(f"{column}\0rank")


def _percent(call: Call) -> float:
    wanted = call.arguments[1]
    if not isinstance(wanted, Constant) or not isinstance(wanted.value, float) or not 0 <= wanted.value <= 100:
        raise malformed(f"{call.source}: the percentile must be a number from 0 to 100")
    return wanted.value
