"""What an Insights query is made of. Every expression keeps its `source`, for that is the name of its column."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Field:
    """A field by name: a system field, a discovered one, or an alias."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A number or a text."""

    value: float | str
    source: str


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time, `5m`: `count` of `unit` (`ms s m h d w mo q y`)."""

    count: int
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of some arguments; `star` for `count(*)`."""

    function: str
    arguments: tuple["Expression", ...]
    source: str
    star: bool = False


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `not x`."""

    operator: Literal["-", "not"]
    operand: "Expression"
    source: str


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, a comparison, `and` or `or`."""

    operator: str
    left: "Expression"
    right: "Expression"
    source: str


@dataclass(frozen=True, slots=True)
class Membership:
    """`x in [a, b]`."""

    operand: "Expression"
    items: tuple["Expression", ...]
    source: str


@dataclass(frozen=True, slots=True)
class Match:
    """`x like "text"` (contained) or `x like /expression/` (found)."""

    operand: "Expression"
    pattern: str
    expression: bool
    source: str


Expression = Field | Constant | Period | Call | Unary | Binary | Membership | Match


@dataclass(frozen=True, slots=True)
class Named:
    """An expression and the name of its column: its alias, or its source."""

    expression: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Fields:
    """`fields` and `display` (which shows these columns and no others)."""

    items: tuple[Named, ...]
    only: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """Keeps the rows for which the condition holds."""

    condition: Expression


@dataclass(frozen=True, slots=True)
class Parse:
    """Takes fields out of a text.

    `expression` has one group for each name, in their order.
    """

    operand: Expression
    expression: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """Aggregates by groups."""

    aggregates: tuple[Named, ...]
    by: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Sort:
    """Keys with whether each descends."""

    keys: tuple[tuple[Expression, bool], ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """Keeps the first rows."""

    count: int


@dataclass(frozen=True, slots=True)
class Dedup:
    """Keeps the first row of each combination of values."""

    keys: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Unnest:
    """Makes a row of each element of a list."""

    operand: Field
    name: str


@dataclass(frozen=True, slots=True)
class PatternOf:
    """Replaces the rows by the patterns of a text."""

    operand: Expression


Command = Fields | Filter | Parse | Unnest | Stats | PatternOf | Sort | Limit | Dedup


@dataclass(frozen=True, slots=True)
class Query:
    """The commands in the order in which they are carried out."""

    commands: tuple[Command, ...]


def parts(expression: Expression) -> tuple[Expression, ...]:
    """The expressions that this one is made of directly."""
    match expression:
        case Call(arguments=arguments):
            return arguments
        case Unary(operand=operand) | Match(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
        case Membership(operand=operand, items=items):
            return (operand, *items)
        case _:
            return ()


def fields_of(expression: Expression) -> set[str]:
    """The names of all fields an expression reads; `bin` reads the timestamp."""
    own: set[str] = set()
    if isinstance(expression, Field):
        own = {expression.name}
    elif isinstance(expression, Call) and expression.function == "bin":
        own = {"@timestamp"}
    return own.union(*(fields_of(part) for part in parts(expression)))


def expressions_of(command: Command) -> tuple[Expression, ...]:
    """The expressions a command evaluates."""
    match command:
        case Fields(items=items) | Dedup(keys=items):
            return tuple(item.expression for item in items)
        case Filter(condition=condition):
            return (condition,)
        case Parse(operand=operand) | Unnest(operand=operand) | PatternOf(operand=operand):
            return (operand,)
        case Stats(aggregates=aggregates, by=by):
            return tuple(item.expression for item in (*aggregates, *by))
        case Sort(keys=keys):
            return tuple(key for key, _ in keys)
        case Limit():
            return ()
