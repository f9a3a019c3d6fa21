"""Who belongs to which group: rules that turn a column's cells into yes, no or unknown."""

import math
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from watchpost.bias.configuration import BiasConfiguration, Facet, Scalar
from watchpost.errors import UnreadableSource

_FEW_VALUES = 10
"""A number is taken for one of a column's values, and not for a threshold, in columns of at most that many values.

The original asks whether fewer than 5 % of the rows have values of their own, and takes every fractional column for
measured: so labels 0.0 and 1.0, or windows of less than 40 rows, silently have no positive label at all.
"""
_ORIGINAL_UNIQUENESS = 0.05
MOST_VALUES = 1000
"""Groups of one facet: a column of more values is no group of people but an identifier or a measurement."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Cells equal to one of the values; numbers are compared as numbers, whatever the column's type."""

    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Above:
    """Cells greater than the threshold, in the column's own unit."""

    threshold: float


@dataclass(frozen=True, slots=True)
class EachValue:
    """Every value of the column is a group of its own, compared with all others."""


Rule: TypeAlias = OneOf | Above


@dataclass(frozen=True, slots=True)
class FacetRule:
    """How one column, or two of them together, tell people apart.

    columns, rules: one or two each. With two, a group is what both have in common (women over 40), and it is
    compared with everyone else.
    """

    columns: tuple[str, ...]
    rules: tuple[Rule | EachValue, ...]

    @property
    def name(self) -> str:
        """The column, or both joined by ` & `."""
        return " & ".join(self.columns)


@dataclass(frozen=True, slots=True)
class Grouping:
    """Everything that decides who is counted where.

    label, predicted: columns of observed and predicted labels; without predictions only the pre-training metrics exist.
    positive_label, positive_prediction: which of their cells are the wanted outcome. weight: a column of row weights,
    finite and not negative; None counts every row once.
    """

    label: str
    positive_label: Rule
    facets: tuple[FacetRule, ...]
    predicted: str | None = None
    positive_prediction: Rule = OneOf((1,))
    group_variable: str | None = None
    weight: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that counting reads, each once."""
        optional = (self.predicted, self.group_variable, self.weight)
        facets = (column for facet in self.facets for column in facet.columns)
        return tuple(dict.fromkeys((self.label, *facets, *(name for name in optional if name is not None))))


def grouping(
    configuration: BiasConfiguration,
    frame: pl.DataFrame,
    *,
    predicted: str | None = None,
    probability_threshold: float | None = None,
    intersections: tuple[tuple[str, str], ...] = (),
    weight: str | None = None,
    compat: bool = False,
) -> Grouping:
    """Settle against data what a configuration leaves open: whether a single number is a value or a threshold.

    A number is a value when the column has at most 10 different ones and it is among them; otherwise cells above it
    belong to the group. compat: decide as the original does, by the share of distinct values. Settle it once, on the
    baseline, and keep the answer: a window of few rows has few values.

    Args: predicted: the column of predictions; scores if a probability_threshold is given, else labels.
    intersections: pairs of the configuration's facets whose common groups are compared too.
    Raises: UnreadableSource when the data lacks a column, or an intersection names no facet.
    """
    predicted = predicted or configuration.predicted_label
    threshold = configuration.probability_threshold if probability_threshold is None else probability_threshold
    label = _settle(frame, configuration.label, configuration.positive, compat)
    alone = {facet.name: _facet_rule(frame, facet, compat) for facet in configuration.facets}
    settled = Grouping(
        label=configuration.label,
        positive_label=label,
        facets=(*alone.values(), *(_intersection(pair, alone) for pair in intersections)),
        predicted=predicted,
        positive_prediction=label if threshold is None else Above(threshold),
        group_variable=configuration.group_variable,
        weight=weight,
    )
    for name in settled.columns:
        _column(frame, name)
    return settled


def _facet_rule(frame: pl.DataFrame, facet: Facet, compat: bool) -> FacetRule:
    each = facet.values is None
    return FacetRule((facet.name,), (EachValue() if each else _settle(frame, facet.name, facet.values or (), compat),))


def _intersection(pair: tuple[str, str], alone: dict[str, FacetRule]) -> FacetRule:
    for name in pair:
        if name not in alone:
            known = ", ".join(map(repr, alone))
            raise UnreadableSource("intersections", f"{name!r} is no facet; facets are {known}", "Name two of them")
    return FacetRule(pair, tuple(alone[name].rules[0] for name in pair))


def _column(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        seen = ", ".join(map(repr, frame.columns[:20]))
        raise UnreadableSource("the data", f"there is no column {name!r} among {seen}", "Name the columns as they are")
    return frame[name]


def _settle(frame: pl.DataFrame, name: str, values: tuple[Scalar, ...], compat: bool) -> Rule:
    column = _column(frame, name)
    number = _number(values[0]) if len(values) == 1 and not isinstance(values[0], bool) else None
    if number is None or not column.dtype.is_numeric():
        return OneOf(values)
    cells = column.drop_nulls()
    distinct = cells.n_unique()
    if compat:
        measured = column.dtype.is_float() or distinct >= _ORIGINAL_UNIQUENESS * max(len(cells), 1)
    else:
        measured = distinct > _FEW_VALUES or not bool((cells.cast(pl.Float64) == number).any())
    return Above(number) if measured else OneOf(values)


def membership(column: str, dtype: pl.DataType, rule: Rule) -> pl.Expr:
    """The rule as an expression: true, false, or null where the cell holds nothing that could be judged (NaN too)."""
    cell = pl.col(column)
    if dtype == pl.Null:
        return cell.cast(pl.Boolean)  # one null for each row, where a literal would be a single one
    numbers = (
        cell.cast(pl.Float64, strict=False)
        if dtype != pl.String
        else cell.str.strip_chars().cast(pl.Float64, strict=False)
    )
    if isinstance(rule, Above):
        return numbers.fill_nan(None) > rule.threshold
    wanted = [n for n in map(_number, rule.values) if n is not None]
    if dtype != pl.String:
        return numbers.fill_nan(None).is_in(wanted)
    # Text is compared as text, except with a value that was given as a number.
    given = [n for n in (_number(v) for v in rule.values if not isinstance(v, str)) if n is not None]
    as_number = numbers.is_in(given).fill_null(value=False) if given else pl.lit(value=False)
    texts = [t for value in rule.values for t in _spellings(value)]
    return pl.when(cell.is_not_null()).then(cell.is_in(texts) | as_number)


def _spellings(value: Scalar) -> tuple[str, ...]:
    match value:
        case bool():
            return (str(value), str(value).lower())
        case str():
            return (value,)
        case _:
            return (str(value),)


def group_names(frame: pl.DataFrame, facet: FacetRule) -> pl.Series:
    """The group of every row by name, null for rows that are in none of the facet's groups."""
    parts = [_names(frame[column], rule) for column, rule in zip(facet.columns, facet.rules, strict=True)]
    if len(parts) == 1:
        return parts[0]
    return pl.select(pl.concat_str(parts, separator=" & ", ignore_nulls=False)).to_series()


def _names(column: pl.Series, rule: Rule | EachValue) -> pl.Series:
    if not isinstance(rule, EachValue):
        inside = membership(column.name, column.dtype, rule)
        return column.to_frame().select(pl.when(inside).then(pl.lit(rule_text(rule))).alias("name")).to_series()
    cells = column.fill_nan(None) if column.dtype.is_float() else column
    distinct = cells.unique().drop_nulls()
    if len(distinct) > MOST_VALUES:
        why = f"facet {column.name!r} has {len(distinct)} different values"
        raise UnreadableSource("the data", why, "Give value_or_threshold for it")
    names = pl.Series([value_name(cell) for cell in distinct.to_list()], dtype=pl.String)
    return cells.replace_strict(distinct, names, default=None, return_dtype=pl.String)


def value_name(cell: object) -> str | None:
    """What a cell is called when every value is a group: whole numbers without a point, None for nothing."""
    match cell:
        case None:
            return None
        case float():
            return None if math.isnan(cell) else str(int(cell)) if cell.is_integer() else repr(cell)
        case _:
            return str(cell)


def rule_text(rule: Rule, maximum: float | None = None) -> str:
    """The rule as `analysis.json` prints it: values joined by commas, or an interval up to the largest cell."""
    match rule:
        case Above(threshold):
            return f"({_plain(threshold)}, {_plain(math.inf if maximum is None else maximum)}]"
        case OneOf(values):
            return ",".join(map(str, values))


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)


def _number(value: Scalar) -> float | None:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return {"true": 1.0, "false": 0.0}.get(str(value).lower())
    return number if math.isfinite(number) else None
