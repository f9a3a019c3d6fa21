"""Metrics Insights: SELECT over metrics as a table, one row a metric.

```
SELECT FUNC(metric) FROM namespace | SCHEMA(namespace[, dimension…])
[WHERE key = 'value' | key != 'value' [AND …]] [GROUP BY key, …] [ORDER BY FUNC() [ASC | DESC]] [LIMIT n]
```
Source: CloudWatch's user guide, Metrics Insights query components and syntax.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from watchpost.metrics.expressions.syntax import LONGEST, InvalidExpression
from watchpost.metrics.identity import Metric

MOST_SERIES = 500
"""Series one query may give, and the highest LIMIT."""

MOST_METRICS = 10_000
"""Metrics one query may look at."""

Aggregate = Literal["AVG", "COUNT", "MAX", "MIN", "SUM"]
_AGGREGATES: dict[str, Aggregate] = {"AVG": "AVG", "COUNT": "COUNT", "MAX": "MAX", "MIN": "MIN", "SUM": "SUM"}

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<name>[\w.:/]+)|"(?P<quoted>[^"]+)"|'(?P<string>(?:[^']|'')*)'|(?P<sign>!=|[=(),])"""
)


@dataclass(frozen=True, slots=True)
class Selection:
    """A parsed query.

    `schema` is the exact set of dimension names a metric must have, None for any. `where` holds (key, wanted, value):
    equal if `wanted`, else different. `order` is the function to sort the groups by and whether descending.
    """

    aggregate: Aggregate
    metric: str
    namespace: str
    schema: frozenset[str] | None = None
    where: tuple[tuple[str, bool, str], ...] = ()
    group: tuple[str, ...] = ()
    order: tuple[Aggregate, bool] | None = None
    limit: int = MOST_SERIES


def is_insights(expression: str) -> bool:
    """Whether the expression is a Metrics Insights query rather than metric math."""
    return re.match(r"\s*SELECT\b", expression, re.IGNORECASE) is not None


def parse_insights(expression: str) -> Selection:
    """The query.

    Raises: InvalidExpression, naming the position, what stands there and what was expected.
    """
    if len(expression) > LONGEST:
        raise InvalidExpression(f"The query has {len(expression)} characters; at most {LONGEST} are allowed.")
    return _Reader(expression).selection()


def chosen(selection: Selection, metrics: Sequence[Metric]) -> list[Metric]:
    """The metrics the query looks at, at most 10,000."""
    found = []
    for metric in metrics:
        dimensions = dict(metric.dimensions)
        fits = (
            metric.namespace == selection.namespace
            and metric.name == selection.metric
            and (selection.schema is None or selection.schema == dimensions.keys())
            # A key that a metric lacks equals nothing and differs from nothing, as NULL in SQL.
            and all(
                key in dimensions and (dimensions[key] == value) == wanted for key, wanted, value in selection.where
            )
        )
        if fits:
            found.append(metric)
    return found[:MOST_METRICS]


def groups(selection: Selection, metrics: Sequence[Metric]) -> dict[str, list[Metric]]:
    """The metrics by the label of their group, in order of first sight; one group without GROUP BY.

    A metric that lacks a key of the group belongs to `Other` under that key.
    """
    found: dict[str, list[Metric]] = {}
    for metric in metrics:
        dimensions = dict(metric.dimensions)
        label = " ".join(dimensions.get(key, "Other") for key in selection.group)
        found.setdefault(label, []).append(metric)
    return found


@dataclass(slots=True)
class _Token:
    kind: str
    text: str
    at: int


@dataclass(slots=True)
class _Reader:
    """Reads one query from the left."""

    expression: str
    tokens: list[_Token] = field(default_factory=list)

    def __post_init__(self) -> None:
        at = 0
        while at < len(self.expression):
            match = _TOKEN.match(self.expression, at)
            if match is None:
                raise InvalidExpression(f"At position {at + 1}: {self.expression[at]!r} has no meaning here.")
            kind = match.lastgroup or ""
            if kind != "space":
                text = match.group(kind)
                self.tokens.append(_Token(kind, text.replace("''", "'") if kind == "string" else text, at))
            at = match.end()
        self.tokens.append(_Token("end", "the end of the query", len(self.expression)))

    def selection(self) -> Selection:
        self._keyword("SELECT")
        aggregate = self._aggregate()
        self._sign("(")
        metric = self._name("the name of a metric")
        self._sign(")")
        self._keyword("FROM")
        namespace, schema = self._source()
        where = self._where() if self._is("WHERE") else ()
        group = self._group() if self._is("GROUP") else ()
        order = self._order() if self._is("ORDER") else None
        limit = self._limit() if self._is("LIMIT") else MOST_SERIES
        if self.tokens[0].kind != "end":
            raise self._unexpected("WHERE, GROUP BY, ORDER BY, LIMIT or the end of the query, in this order")
        return Selection(aggregate, metric, namespace, schema, where, group, order, limit)

    def _source(self) -> tuple[str, frozenset[str] | None]:
        if not (self._is("SCHEMA") and self.tokens[1].text == "("):
            return self._name("a namespace"), None
        self._keyword("SCHEMA")
        self._sign("(")
        namespace, *dimensions = self._names("a namespace")
        self._sign(")")
        return namespace, frozenset(dimensions)

    def _where(self) -> tuple[tuple[str, bool, str], ...]:
        self._keyword("WHERE")
        found = [self._condition()]
        while self._is("AND"):
            self._keyword("AND")
            found.append(self._condition())
        return tuple(found)

    def _condition(self) -> tuple[str, bool, str]:
        key = self._key()
        wanted = self.tokens[0].text == "="
        if not wanted and self.tokens[0].text != "!=":
            raise self._unexpected("= or !=")
        self.tokens.pop(0)
        if self.tokens[0].kind != "string":
            raise self._unexpected("a value in single quotes")
        return key, wanted, self.tokens.pop(0).text

    def _group(self) -> tuple[str, ...]:
        self._keyword("GROUP")
        self._keyword("BY")
        keys = [self._key()]
        while self.tokens[0].text == ",":
            self._sign(",")
            keys.append(self._key())
        return tuple(keys)

    def _order(self) -> tuple[Aggregate, bool]:
        self._keyword("ORDER")
        self._keyword("BY")
        aggregate = self._aggregate()
        self._sign("(")
        self._sign(")")
        descending = self._is("DESC")
        if descending or self._is("ASC"):
            self.tokens.pop(0)
        return aggregate, descending

    def _limit(self) -> int:
        self._keyword("LIMIT")
        token = self.tokens[0]
        if not token.text.isascii() or not token.text.isdigit() or not 1 <= int(token.text) <= MOST_SERIES:
            raise self._unexpected(f"a whole number from 1 to {MOST_SERIES}")
        return int(self.tokens.pop(0).text)

    def _aggregate(self) -> Aggregate:
        function = _AGGREGATES.get(self.tokens[0].text.upper())
        if function is None:
            raise self._unexpected("AVG, COUNT, MAX, MIN or SUM")
        self.tokens.pop(0)
        return function

    def _key(self) -> str:
        key = self._name("the name of a dimension")
        if key.startswith("tag."):
            raise InvalidExpression(f"{key} is not supported: metrics here carry no resource tags. Use a dimension.")
        return key

    def _names(self, what: str) -> list[str]:
        names = [self._name(what)]
        while self.tokens[0].text == ",":
            self._sign(",")
            names.append(self._name("the name of a dimension"))
        return names

    def _name(self, what: str) -> str:
        if self.tokens[0].kind not in ("name", "quoted"):
            raise self._unexpected(what)
        return self.tokens.pop(0).text

    def _is(self, keyword: str) -> bool:
        return self.tokens[0].kind == "name" and self.tokens[0].text.upper() == keyword

    def _keyword(self, keyword: str) -> None:
        if not self._is(keyword):
            raise self._unexpected(keyword)
        self.tokens.pop(0)

    def _sign(self, sign: str) -> None:
        if self.tokens[0].kind != "sign" or self.tokens[0].text != sign:
            raise self._unexpected(repr(sign))
        self.tokens.pop(0)

    def _unexpected(self, expected: str) -> InvalidExpression:
        token = self.tokens[0]
        return InvalidExpression(f"At position {token.at + 1}: expected {expected}, found {token.text!r}.")
