"""Expressions of Insights, evaluated for all rows of a table at once."""

import re

import polars as pl

from watchpost.logs.insights import functions
from watchpost.logs.insights.columns import Column, constant
from watchpost.logs.insights.scanner import malformed
from watchpost.logs.insights.syntax import (
    Binary,
    Call,
    Constant,
    Expression,
    Field,
    Match,
    Membership,
    Period,
    Unary,
)
from watchpost.logs.insights.table import Table

_ORDER = {"<", "<=", ">", ">="}
_TEXTUAL = {"text", "json", "item"}


def evaluate(expression: Expression, table: Table, now: float) -> Column:  # noqa: PLR0911  one for each kind
    """The values of an expression; `now` in epoch seconds.

    A column that bears the expression's own text for a name, as `count(*)` does after `stats`, is that expression.
    """
    if expression.source in table.columns and not isinstance(expression, Constant):
        return table.columns[expression.source]
    match expression:
        case Field(name=name):
            return table.column(name)
        case Constant(value=value):
            return constant(value, table.height)
        case Period(source=source):
            raise malformed(f"a period such as {source} may stand in bin, datefloor and dateceil only")
        case Call():
            return _call(expression, table, now)
        case Unary(operator="-", operand=operand):
            return Column("number", -evaluate(operand, table, now).number)
        case Unary(operand=operand):
            return Column("truth", ~evaluate(operand, table, now).truth)
        case Binary():
            return _binary(expression, table, now)
        case Membership(operand=operand, items=items):
            left = evaluate(operand, table, now)
            found = pl.repeat(value=False, n=table.height, dtype=pl.Boolean, eager=True)
            for item in items:
                found = found | _compare("=", left, evaluate(item, table, now))
            return Column("truth", found)
        case Match(operand=operand, pattern=pattern, expression=regular):
            texts = evaluate(operand, table, now).text
            return Column("truth", texts.str.contains(pattern, literal=not regular).fill_null(value=False))


def _call(call: Call, table: Table, now: float) -> Column:
    if call.function in functions.AGGREGATES:
        raise malformed(f"{call.source}: aggregates belong into stats")
    if call.function in {"bin", "datefloor", "dateceil"}:
        period = call.arguments[-1]
        if not isinstance(period, Period):
            raise malformed(f"{call.source}: a period such as 5m was expected")
        first = Field("@timestamp", "@timestamp") if call.function == "bin" else call.arguments[0]
        return functions.rounded(call.function, evaluate(first, table, now), period)
    return functions.call(call.function, [evaluate(each, table, now) for each in call.arguments], table.height, now)


def _binary(binary: Binary, table: Table, now: float) -> Column:
    left, right = evaluate(binary.left, table, now), evaluate(binary.right, table, now)
    match binary.operator:
        case "and":
            return Column("truth", left.truth & right.truth)
        case "or":
            return Column("truth", left.truth | right.truth)
        case "!=":
            return Column("truth", ~_compare("=", left, right))
        case operator if operator == "=" or operator in _ORDER:
            return Column("truth", _compare(operator, left, right))
        case operator:
            return Column("number", functions.arithmetic(operator, left.number, right.number))


def _compare(operator: str, left: Column, right: Column) -> pl.Series:
    """`=` or an order: of two numbers as numbers, of two texts as texts; false where a value is missing.

    A number and a text that is none are unequal and in no order.
    """
    numeric = _apply(operator, left.number, right.number)
    if left.form not in _TEXTUAL and right.form not in _TEXTUAL:
        return numeric.fill_null(value=False)
    textual = _apply(operator, left.text, right.text)
    numbers = left.number.is_not_null(), right.number.is_not_null()
    same = (numbers[0] == numbers[1]) if operator in _ORDER else pl.Series([True])
    return (
        pl.select(pl.when(numbers[0] & numbers[1]).then(numeric).otherwise(textual & same))
        .to_series()
        .fill_null(value=False)
    )


def _apply(operator: str, left: pl.Series, right: pl.Series) -> pl.Series:
    match operator:
        case "=":
            return left == right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right


def extract(texts: pl.Series, expression: str, names: tuple[str, ...]) -> list[Column]:
    """The groups of an expression in each text; missing where it is not found."""
    # Python allows one group of a name only; the engine numbers them in the order they open.
    groups = texts.to_frame("m").select(pl.col("m").str.extract_groups(re.sub(r"\(\?P?<(?![=!])\w+>", "(", expression)))
    found = groups.to_series().struct.unnest()
    return [Column("text", found[found.columns[place]]) for place in range(len(names))]
