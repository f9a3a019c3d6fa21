"""The nodes of a metric math expression, and the text that means them."""

from dataclasses import dataclass
from typing import TypeAlias

from watchpost.errors import Refused

LONGEST = 2048
"""Characters an expression may have. Source: CloudWatch API reference, MetricDataQuery."""

DEEPEST = 50
"""Levels of nesting that are followed; keeps the walk over the nodes far from Python's own limit."""


class InvalidExpression(Refused):
    """A metric math expression that cannot be understood, or whose types do not fit; the message names the place."""

    code = "invalid-expression"

    def __init__(self, message: str) -> None:
        super().__init__("ValidationError", message)


@dataclass(frozen=True, slots=True)
class Number:
    """A number, never negative: a minus sign is a Negation."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """The id of another query of the request."""

    name: str


@dataclass(frozen=True, slots=True)
class Word:
    """An option of a function: REPEAT, LINEAR, ASC, DESC, or the name of a function as SORT's second argument."""

    word: str


@dataclass(frozen=True, slots=True)
class Negation:
    """Unary minus."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class Operation:
    """`first op operand op operand …` with operators of one precedence.

    Evaluated from the left, but for `^`, which is evaluated from the right. A chain is one node, so a sum of six
    hundred terms is not six hundred levels deep.
    """

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """`[a, b]`."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Function:
    """`NAME(argument, …)`."""

    name: str
    arguments: tuple["Node", ...]


Node: TypeAlias = Number | Text | Name | Word | Negation | Operation | Listing | Function


def text(node: Node) -> str:  # noqa: PLR0911  one return a kind of node
    """An expression that parses to exactly this node; nested operations stand in parentheses."""
    match node:
        case Number(value):
            return repr(int(value)) if value.is_integer() and value < 1e15 else repr(value)
        case Text(value):
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"'{escaped}'"
        case Name(word) | Word(word):
            return word
        case Negation(operand):
            return f"-{_operand(operand)}"
        case Operation(first, rest):
            return " ".join([_operand(first), *(f"{operator} {_operand(operand)}" for operator, operand in rest)])
        case Listing(items):
            return f"[{', '.join(map(text, items))}]"
        case Function(name, arguments):
            return f"{name}({', '.join(map(text, arguments))})"


def _operand(node: Node) -> str:
    return f"({text(node)})" if isinstance(node, Operation | Negation) else text(node)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below this one."""
    match node:
        case Negation(operand):
            return (operand,)
        case Operation(first, rest):
            return (first, *(operand for _, operand in rest))
        case Listing(items) | Function(_, items):
            return items
        case _:
            return ()


def walk(node: Node) -> tuple[Node, ...]:
    """The node and everything below it, in reading order."""
    found: list[Node] = []
    waiting = [node]
    while waiting:
        current = waiting.pop()
        found.append(current)
        waiting.extend(reversed(children(current)))
    return tuple(found)
