"""Carrying out a query: row by row commands chunk after chunk, then what needs all rows together."""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from watchpost.logs.blocks import EventKey, Events
from watchpost.logs.insights import aggregates
from watchpost.logs.insights.columns import Column
from watchpost.logs.insights.expressions import evaluate, extract
from watchpost.logs.insights.functions import AGGREGATES, finite
from watchpost.logs.insights.natural import sort_key
from watchpost.logs.insights.patterns import patterns_of
from watchpost.logs.insights.syntax import (
    Binary,
    Call,
    Command,
    Dedup,
    Expression,
    Field,
    Fields,
    Filter,
    Limit,
    Parse,
    PatternOf,
    Query,
    Sort,
    Stats,
    Unary,
    Unnest,
    expressions_of,
    fields_of,
)
from watchpost.logs.insights.table import Chunk, Table, table_of, together

MOST_ROWS = 10_000
"""Rows of a result when the query sets no limit."""
_DEFAULT = ("@timestamp", "@message")
_NEWEST_FIRST = Sort(((Field("@timestamp", "@timestamp"), True),))
_ROWWISE = (Fields, Filter, Parse, Unnest)
_REDUCING = (Stats, PatternOf)
# Rows that are gathered before those that cannot be in the result are dropped.
_GATHERED = 200_000

Row = tuple[tuple[str, str], ...]
"""The fields of a row that are not missing, with their texts."""


@dataclass(frozen=True, slots=True)
class Result:
    """The rows of a query; `matched` of the `scanned` events passed the filters, `bytes` is what all messages hold."""

    rows: tuple[Row, ...]
    matched: int
    scanned: int
    bytes: int


class Stopped(Exception):
    """The query was told to stop, or its time was up."""


def run(
    query: Query,
    chunks: Iterable[Chunk],
    now: float,
    limit: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Result:
    """The result of a query over these events; `now` in epoch seconds, `limit` holds if the query sets none.

    `stopped` is asked between chunks.

    Raises: Refused MalformedQueryException for what shows only now; Stopped.
    """
    rowwise, rest = _divided(query.commands)
    rest = _completed(rest, limit or MOST_ROWS)
    names = _names(query)
    most = _most_needed(rest)
    tables: list[Table] = []
    matched = scanned = size = gathered = 0
    for chunk in chunks:
        if stopped():
            raise Stopped
        scanned += len(chunk.events)
        size += sum(map(len, chunk.events.messages))
        table = table_of(chunk, names)
        passed: int | None = None
        for command in rowwise:
            if isinstance(command, Unnest) and passed is None:
                passed = table.height  # from here on rows are elements, no events
            table = _apply(command, table, now)
        matched += table.height if passed is None else passed
        if table.height == 0 and tables:
            continue
        tables.append(table.keep(_needed(rest, table)))
        gathered += table.height
        if most is not None and gathered > max(_GATHERED, 4 * most):
            tables = [_head(_sorted(together(tables), rest, now), most)]
            gathered = tables[0].height
    if not tables or not gathered:
        return Result((), matched, scanned, size)
    table = together(tables)
    for command in rest:
        if stopped():
            raise Stopped
        table = _apply(command, table, now)
    return Result(_rows(table), matched, scanned, size)


def check(query: Query) -> None:
    """Carry the query out over one event without fields, so that what is wrong with it shows before it starts.

    Raises: Refused MalformedQueryException.
    """
    rowwise, rest = _divided(query.commands)
    zero = np.zeros(1, np.int64)
    table = table_of(Chunk("", Events(zero, zero, zero, zero, [""], ["{}"])), _names(query))
    for command in (*rowwise, *_completed(rest, MOST_ROWS)):
        if isinstance(command, Filter):
            evaluate(command.condition, table, 0.0)  # it may keep nothing, and then nothing after it would be tried
        else:
            table = _apply(command, table, 0.0)


def _names(query: Query) -> frozenset[str]:
    """Every field the query reads."""
    return frozenset().union(*(fields_of(e) for command in query.commands for e in expressions_of(command)))


def _divided(commands: Sequence[Command]) -> tuple[list[Command], list[Command]]:
    """The commands before the first that needs all rows, and the others."""
    for place, command in enumerate(commands):
        if not isinstance(command, _ROWWISE):
            return list(commands[:place]), list(commands[place:])
    return list(commands), []


def _completed(rest: list[Command], limit: int) -> list[Command]:
    """The commands with what holds silently: newest first, and a limit.

    Without a sort before them, `limit` and `dedup` take the newest.
    """
    first = next((command for command in rest if not isinstance(command, _ROWWISE)), None)
    complete = rest if isinstance(first, (Sort, *_REDUCING)) else [_NEWEST_FIRST, *rest]
    if not any(isinstance(command, Limit) for command in complete):
        complete = [*complete, Limit(limit)]
    return complete


def _most_needed(rest: Sequence[Command]) -> int | None:
    """How many rows of the first order can matter; None: all of them."""
    if not isinstance(rest[0], Sort):
        return None
    for command in rest[1:]:
        if isinstance(command, Limit):
            return command.count
        if not isinstance(command, Fields):
            return None
    return None


def _sorted(table: Table, rest: Sequence[Command], now: float) -> Table:
    return _apply(rest[0], table, now)


def _needed(rest: Sequence[Command], table: Table) -> set[str]:
    later = {name for command in rest for expression in expressions_of(command) for name in fields_of(expression)}
    # A column may be named by the text of its expression, and be asked for by that.
    named = {e.source for command in rest for e in expressions_of(command)} & set(table.columns)
    shown = set(table.shown)
    if any(isinstance(command, _REDUCING) for command in rest):
        shown = set()
    elif not table.shown:
        shown = set(_DEFAULT)
    roots = {name.split(".", 1)[0] for name in later}
    return later | named | shown | (roots & set(table.columns))


def _apply(command: Command, table: Table, now: float) -> Table:  # noqa: PLR0911  one for each command
    match command:
        case Fields(items=items, only=only):
            for item in items:
                table.with_column(item.name, evaluate(item.expression, table, now))
            if only:
                return replace(table, shown=tuple(item.name for item in items), only=True)
            table.show([item.name for item in items])
            return table
        case Filter(condition=condition):
            return table.take(evaluate(condition, table, now).truth)
        case Parse(operand=operand, expression=expression, names=names):
            texts = evaluate(operand, table, now).text
            for name, column in zip(names, extract(texts, expression, names), strict=True):
                table.with_column(name, column)
            table.show(names)
            return table
        case Unnest(operand=operand, name=name):
            return table.unnest(operand.name, name)
        case Stats():
            return _stats(command, table, now)
        case PatternOf(operand=operand):
            return _patterns(evaluate(operand, table, now))
        case Sort(keys=keys):
            return _ordered(table, [(evaluate(key, table, now), descending) for key, descending in keys])
        case Limit(count=count):
            return _head(table, count)
        case Dedup(keys=items):
            return _dedup(table, [evaluate(item.expression, table, now) for item in items])


def _head(table: Table, count: int) -> Table:
    if table.height <= count:
        return table
    return table.gather(pl.arange(0, count, dtype=pl.UInt32, eager=True))


def _ordered(table: Table, keys: Sequence[tuple[Column, bool]]) -> Table:
    frame = pl.DataFrame([sort_key(column).alias(str(place)) for place, (column, _) in enumerate(keys)])
    descending = [descends for _, descends in keys]
    if table.base is not None:
        # Equal rows come by their keys in the direction of the first, so that the order never hangs on storage.
        frame = frame.with_columns(table.base["t"], table.base["o"], table.base["p"])
        descending += [descending[0]] * 3
    order = frame.select(
        pl.arg_sort_by([pl.col(name) for name in frame.columns], descending=descending, maintain_order=True)
    ).to_series()
    return table.gather(order)


def _dedup(table: Table, keys: Sequence[Column]) -> Table:
    """The first row of each combination; rows that miss one of the values are all kept."""
    frame = pl.DataFrame([column.text.alias(str(place)) for place, column in enumerate(keys)])
    whole = frame.select(pl.all_horizontal(pl.all().is_not_null())).to_series()
    return table.take(frame.select(pl.struct(pl.all()).is_first_distinct()).to_series() | ~whole)


def _stats(stats: Stats, table: Table, now: float) -> Table:
    groups = [evaluate(item.expression, table, now) for item in stats.by]
    groups = [Column("text", each.text) if each.form == "item" else each for each in groups]
    series = [each.series.alias(f"g{n}") for n, each in enumerate(groups)]
    calls = list(dict.fromkeys(call for item in stats.aggregates for call in _aggregates(item.expression)))
    reductions: list[pl.Expr] = []
    forms: list[Column] = []
    for place, call in enumerate(calls):
        column = Column("number", pl.Series([], dtype=pl.Float64))
        if not call.star:
            column = evaluate(call.arguments[0], table, now)
            values = column.number if aggregates.needs_numbers(call) else _values(column, call)
            series.append(values.alias(f"a{place}"))
            if call.function in {"sortsFirst", "sortsLast"}:
                series.append(aggregates.rank_column(f"a{place}", column.text))
        forms.append(column)
        reductions.append(aggregates.reduction(call, f"a{place}").alias(f"r{place}"))
    series.append(_order(table).alias(aggregates.ORDER))
    frame = pl.DataFrame(series)
    if groups:
        reduced = frame.group_by([f"g{n}" for n in range(len(groups))], maintain_order=True).agg(reductions)
    else:
        reduced = frame.select(reductions)
    result = Table(reduced.height, {}, None, frozenset())
    for n, (item, column) in enumerate(zip(stats.by, groups, strict=True)):
        result.with_column(item.name, Column(column.form, reduced[f"g{n}"]))
    for place, (call, column) in enumerate(zip(calls, forms, strict=True)):
        result.with_column(call.source, _reduced(call, column, reduced[f"r{place}"]))
    for item in stats.aggregates:
        result.with_column(item.name, evaluate(item.expression, result, now))
    return replace(result, shown=tuple(item.name for item in (*stats.by, *stats.aggregates)))


def _patterns(column: Column) -> Table:
    found = patterns_of(column.text)
    total = sum(each.count for each in found)
    counts = pl.Series([each.count for each in found], dtype=pl.Float64)
    columns = {
        "@pattern": Column("text", pl.Series([each.text for each in found], dtype=pl.String)),
        "@ratio": Column("number", (counts / total).round(4)),
        "@sampleCount": Column("number", counts),
        "@severityLabel": Column("text", pl.Series([each.level for each in found], dtype=pl.String)),
    }
    return Table(len(found), columns, None, frozenset(), shown=tuple(columns))


def _values(column: Column, call: Call) -> pl.Series:
    return column.series if aggregates.keeps_form(call) and column.form != "truth" else column.text


def _reduced(call: Call, column: Column, values: pl.Series) -> Column:
    if aggregates.keeps_form(call) and column.form != "truth":
        return Column(column.form, values)
    if call.function in {"earliest", "latest", "sortsFirst", "sortsLast"}:
        return Column("text", values)
    return Column("number", finite(values.cast(pl.Float64)))


def _order(table: Table) -> pl.Series:
    """The order of the events in time; of rows that are no events, the one they have."""
    if table.base is None:
        return pl.arange(0, table.height, eager=True)
    return table.base.select(pl.struct("t", "o", "p").rank("ordinal")).to_series()


def _aggregates(expression: Expression) -> list[Call]:
    match expression:
        case Call(function=name) if name in AGGREGATES:
            return [expression]
        case Call(arguments=arguments):
            return [call for each in arguments for call in _aggregates(each)]
        case Unary(operand=operand):
            return _aggregates(operand)
        case Binary(left=left, right=right):
            return _aggregates(left) + _aggregates(right)
        case _:
            return []


def _rows(table: Table) -> tuple[Row, ...]:
    names = table.shown or (_DEFAULT if table.base is not None else tuple(table.columns))
    columns = [(name, table.column(name).text.to_list()) for name in names if name != "@ptr"]
    if table.base is not None:
        columns.append(("@ptr", _pointers(table.base)))
    return tuple(
        tuple((name, texts[row]) for name, texts in columns if texts[row] is not None) for row in range(table.height)
    )


def _pointers(base: pl.DataFrame) -> list[str]:
    rows = base.select("l", "s", "t", "o", "p").iter_rows()
    return [pointer(log.partition(":")[2], stream, EventKey(t, o, p)) for log, stream, t, o, p in rows]


def pointer(group: str, stream: str, key: EventKey) -> str:
    """What `@ptr` says of an event: where GetLogRecord finds it again."""
    return urlsafe_b64encode(f"{group}:{stream}:{key.text()}".encode()).decode()
