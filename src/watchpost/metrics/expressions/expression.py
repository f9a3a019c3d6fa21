"""An expression as it was read: its nodes, and what a request needs to know of them without another walk."""

from dataclasses import dataclass
from functools import lru_cache

from watchpost.metrics.expressions.evaluation import check_function
from watchpost.metrics.expressions.parser import parse
from watchpost.metrics.expressions.syntax import Function, Name, Node, walk


@dataclass(frozen=True, slots=True)
class Expression:
    """`names` are the ids it mentions; `functions` the names of all functions in it, one each time.

    `banded` are the expressions that a band is taken of; `size` is how many nodes there are.
    """

    node: Node
    names: frozenset[str]
    functions: tuple[str, ...]
    banded: tuple[Node, ...]
    size: int


# Alarms and dashboards ask with the same few expressions again and again.
@lru_cache(maxsize=1024)
def read(text: str) -> Expression:
    """The expression a text means. Raises: InvalidExpression: see `parse` and `check_function`."""
    return expression(parse(text))


def expression(node: Node) -> Expression:
    """The expression of these nodes. Raises: InvalidExpression: an unknown function, or a wrong number of arguments."""
    below = walk(node)
    functions = [each for each in below if isinstance(each, Function)]
    for each in functions:
        check_function(each.name, len(each.arguments))
    names = frozenset(each.name for each in below if isinstance(each, Name))
    banded = tuple(each.arguments[0] for each in functions if each.name == "ANOMALY_DETECTION_BAND")
    return Expression(node, names, tuple(each.name for each in functions), banded, len(below))
