"""What a text cell looks like: the contract's classes, and the number in it.

Source: contract 2.5. `.5`, `5.`, `NaN`, `inf` and `1,000` are text by these rules, as in the original.
"""

import re

import polars as pl

from watchpost.profiles.statistics import ClassCounts, InferredType

INTEGRAL = r"^[-+]? ?[0-9]+$"
FRACTIONAL = r"^[-+]? ?[0-9]+(?:\.[0-9]+|(?:\.[0-9]+)?[Ee][-+]?[0-9]+)$"
BOOLEAN = r"^(?:true|false)$"
_NUMERIC_START = r"^[-+]? ?[0-9]"

# The same for a few texts, where polars' start-up would cost more than the work.
INTEGRAL_TEXT = re.compile(INTEGRAL)
FRACTIONAL_TEXT = re.compile(FRACTIONAL)
MAY_BE_NUMERIC = re.compile(_NUMERIC_START)
TRUTH_VALUES = frozenset(("true", "false"))


def is_integral(cells: pl.Expr) -> pl.Expr:
    """Which text cells are whole numbers."""
    return cells.str.contains(INTEGRAL)


def is_fractional(cells: pl.Expr) -> pl.Expr:
    """Which text cells are numbers with a fraction or an exponent."""
    return cells.str.contains(FRACTIONAL)


def is_numeric(cells: pl.Expr) -> pl.Expr:
    """Which text cells are numbers of either class."""
    return is_integral(cells) | is_fractional(cells)


def may_be_numeric(cells: pl.Expr) -> pl.Expr:
    """Which text cells begin like a number: all numbers and some others, at a third of the cost."""
    return cells.str.contains(_NUMERIC_START)


def is_boolean(cells: pl.Expr) -> pl.Expr:
    """Which text cells are truth values."""
    return cells.str.contains(BOOLEAN)


def number(cells: pl.Expr) -> pl.Expr:
    """The number in a text cell of class Integral or Fractional (a blank may stand behind the sign)."""
    return cells.str.replace_all(" ", "", literal=True).cast(pl.Float64, strict=False)


def infer_type(counts: ClassCounts) -> InferredType:
    """The type of a column whose cells have these classes; null cells have no say.

    A column of truth values, or of truth values and numbers, is String in the files. NaN and infinities of a typed
    column say nothing about the type, unless there is nothing else.
    """
    if counts.string or counts.boolean:
        return "String"
    if counts.fractional:
        return "Fractional"
    if counts.integral:
        return "Integral"
    return "Fractional" if counts.non_finite else "Unknown"


def plus(a: ClassCounts, b: ClassCounts) -> ClassCounts:
    """The cells of both."""
    return ClassCounts(
        a.integral + b.integral,
        a.fractional + b.fractional,
        a.boolean + b.boolean,
        a.string + b.string,
        a.non_finite + b.non_finite,
    )
