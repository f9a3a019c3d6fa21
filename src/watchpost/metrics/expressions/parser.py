"""The grammar of metric math.

```
or         := and (("OR" | "||") and)*              comparison := sum (("==" | "!=" | "<" | "<=" | ">" | ">=") sum)*
and        := comparison (("AND" | "&&") comparison)*
sum        := product (("+" | "-") product)*        product := unary (("*" | "/") unary)*
unary      := "-" unary | power                     power := primary ("^" (unary | primary))*    from the right
primary    := number | string | id | WORD | NAME "(" arguments ")" | "[" items "]" | "(" or ")"
```

Unary minus binds looser than `^` (-2^2 is -4). Strings stand in double or single quotes; a backslash escapes the quote
and itself.
"""

import re
from typing import NamedTuple

from watchpost.metrics.expressions.syntax import (
    DEEPEST,
    LONGEST,
    Function,
    InvalidExpression,
    Listing,
    Name,
    Negation,
    Node,
    Number,
    Operation,
    Text,
    Word,
)

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z][A-Za-z0-9_]*)
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^<>()\[\],])""",
    re.VERBOSE | re.DOTALL,
)
_SAME = {"&&": "AND", "||": "OR"}
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"OR"}),
    frozenset({"AND"}),
    frozenset({"==", "!=", "<", "<=", ">", ">="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/"}),
)
_LEVEL_OF = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse(expression: str) -> Node:
    """The node an expression means.

    Raises: InvalidExpression, naming the position (counted from 1), what stands there and what was expected.
    """
    if len(expression) > LONGEST:
        raise InvalidExpression(f"The expression has {len(expression)} characters; at most {LONGEST} are allowed.")
    reader = _Reader(expression)
    if reader.token.kind == "end":
        raise InvalidExpression("The expression is empty: write a metric id, a function or an operation.")
    node = reader.operation(0)
    if reader.token.kind != "end":
        raise reader.unexpected("an operator or the end of the expression")
    return node


def _tokens(expression: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            quoted = expression[at] in "'\""
            why = "opens a string that never ends" if quoted else "has no meaning in metric math"
            raise InvalidExpression(f"At position {at + 1}: {expression[at]!r} {why}.")
        kind, seen = match.lastgroup or "", match.group()
        if kind != "space":
            sign = _SAME.get(seen, seen)
            found.append(_Token("sign" if sign in _LEVEL_OF or kind == "sign" else kind, sign, at))
        at = match.end()
    found.append(_Token("end", "", len(expression)))
    return found


class _Reader:
    """Reads one expression from the left; `token` is the next one."""

    def __init__(self, expression: str) -> None:
        self._tokens = _tokens(expression)
        self._next = 0
        self._depth = 0
        self.token = self._tokens[0]

    def unexpected(self, expected: str) -> InvalidExpression:
        seen = repr(self.token.text) if self.token.kind != "end" else "the end of the expression"
        return InvalidExpression(f"At position {self.token.at + 1}: expected {expected}, found {seen}.")

    def operation(self, level: int) -> Node:
        """Operators of this level and those that bind tighter."""
        left = self._unary()
        return self._continue(left, level)

    def _continue(self, left: Node, level: int) -> Node:
        while (here := _LEVEL_OF.get(self.token.text, -1)) >= level and self.token.kind == "sign":
            rest: list[tuple[str, Node]] = []
            while self.token.kind == "sign" and self.token.text in _LEVELS[here]:
                operator = self._take().text
                rest.append((operator, self.operation(here + 1)))
            left = Operation(left, tuple(rest))
        return left

    def _unary(self) -> Node:
        if not self._at("-"):
            return self._power()
        self._enter()
        self._take()
        node = Negation(self._unary())
        self._depth -= 1
        return node

    def _power(self) -> Node:
        first = self._primary()
        rest: list[tuple[str, Node]] = []
        while self._at("^"):
            self._take()
            rest.append(("^", self._unary() if self._at("-") else self._primary()))
        return Operation(first, tuple(rest)) if rest else first

    def _primary(self) -> Node:
        token = self.token
        match token.kind:
            case "number":
                return self._number()
            case "string":
                self._take()
                return Text(re.sub(rf"\\([\\{token.text[0]}])", r"\1", token.text[1:-1]))
            case "name":
                return self._named()
        if self._at("("):
            self._enter()
            self._take()
            node = self.operation(0)
            self._close(")")
            return node
        if self._at("["):
            self._enter()
            self._take()
            return Listing(self._items("]"))
        raise self.unexpected("a metric id, a number, a string, a function, '[' or '('")

    def _number(self) -> Number:
        value = float(self.token.text)
        if value == float("inf"):
            raise self.unexpected("a number that fits in 64 bits")
        self._take()
        return Number(value)

    def _named(self) -> Node:
        name = self._take().text
        if self._at("("):
            self._enter()
            self._take()
            return Function(name, self._items(")"))
        return Name(name) if name[0].islower() else Word(name)

    def _items(self, close: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if not self._at(close):
            items.append(self.operation(0))
            while self._at(","):
                self._take()
                items.append(self.operation(0))
        self._close(close)
        return tuple(items)

    def _at(self, sign: str) -> bool:
        return self.token.kind == "sign" and self.token.text == sign

    def _take(self) -> _Token:
        taken = self.token
        self._next += 1
        self.token = self._tokens[self._next]
        return taken

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise InvalidExpression(
                f"At position {self.token.at + 1}: nested more than {DEEPEST} levels deep. Name the parts in "
                "queries of their own and refer to their ids."
            )

    def _close(self, sign: str) -> None:
        if not self._at(sign):
            raise self.unexpected(f"{sign!r} or an operator" if sign == "]" else "')', ',' or an operator")
        self._take()
        self._depth -= 1
