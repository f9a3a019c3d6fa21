"""SEARCH: metrics found by the words in their names.

`{Namespace, Dim1, Dim2} terms`. The schema in braces is the exact set of dimension names; without it any fits. A term
is a word (matched against the tokens of any property), `"exact text"`, or one of both behind `Namespace=`,
`MetricName=` or `Dimension=`; terms are joined by AND (or a blank), OR, NOT and parentheses.

Source: CloudWatch's user guide, search expression syntax.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from watchpost.metrics.expressions.syntax import DEEPEST, InvalidExpression
from watchpost.metrics.identity import Metric

LONGEST_SEARCH = 1024
MOST_FOUND = 500
"""Time series one SEARCH gives."""

_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_NOT_WORD = re.compile(r"[\W_]+")
_TOKEN = re.compile(
    r"""(?P<space>\s+)|"(?P<exact>(?:[^"\\]|\\.)*)"|(?P<sign>[(){},=])|(?P<word>(?:[^\s"(){},=\\]|\\.)+)""", re.DOTALL
)


def tokens(name: str) -> frozenset[str]:
    """What a word may match in a name: its pieces and the whole, in lower case.

    A name is cut at everything that is no letter or digit, at changes of case and between letters and digits.

    >>> sorted(tokens("Project2-trial333"))
    ['2', '333', 'project', 'project2trial333', 'trial']
    """
    return frozenset([*(piece.lower() for piece in _PIECE.findall(name)), _whole(name)])


@dataclass(frozen=True, slots=True)
class Term:
    """A word or an exact text, in one property (`namespace`, `name` or `dimension:NAME`) or, None, in any."""

    text: str
    exact: bool
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """Metrics that do not match."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class All:
    """Metrics that match every one; none given matches all."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Metrics that match at least one."""

    conditions: tuple["Condition", ...]


Condition: TypeAlias = Term | Not | All | AnyOf


@dataclass(frozen=True, slots=True)
class Search:
    """A parsed search: namespace and exact dimension names (None: any), and the terms."""

    namespace: str | None
    schema: frozenset[str] | None
    condition: Condition


def find(search: Search, metrics: Iterable[Metric]) -> list[Metric]:
    """The metrics that match, sorted; all of them, the caller cuts at MOST_FOUND."""
    seen: dict[str, frozenset[str]] = {}

    def of(name: str) -> frozenset[str]:
        if name not in seen:
            seen[name] = tokens(name)
        return seen[name]

    found = []
    for metric in metrics:
        names = frozenset(name for name, _ in metric.dimensions)
        in_namespace = search.namespace is None or metric.namespace == search.namespace
        in_schema = search.schema is None or names == search.schema
        if in_namespace and in_schema and _matches(search.condition, metric, of):
            found.append(metric)
    return sorted(found)


def labels(metrics: Sequence[Metric]) -> list[str]:
    """For each metric what tells it from the others: the properties that differ, or its name if none does."""
    namespaces = {metric.namespace for metric in metrics}
    names = {metric.name for metric in metrics}
    values: dict[str, set[str | None]] = {}
    for metric in metrics:
        for name, _ in metric.dimensions:
            values.setdefault(name, set())
    for metric in metrics:
        own = dict(metric.dimensions)
        for name, known in values.items():
            known.add(own.get(name))
    differing = {name for name, known in values.items() if len(known) > 1}

    def label(metric: Metric) -> str:
        parts = [metric.namespace] if len(namespaces) > 1 else []
        parts += [value for name, value in metric.dimensions if name in differing]
        parts += [metric.name] if len(names) > 1 or not parts else []
        return " ".join(parts)

    return [label(metric) for metric in metrics]


def parse_search(expression: str) -> Search:
    r"""The search; a backslash escapes `"`, `(`, `)` and itself.

    Raises: InvalidExpression, naming the position, what stands there and what was expected.
    """
    if len(expression) > LONGEST_SEARCH:
        raise InvalidExpression(f"SEARCH takes at most {LONGEST_SEARCH} characters, not {len(expression)}.")
    return _Reader(expression).search()


def _matches(condition: Condition, metric: Metric, of: Callable[[str], frozenset[str]]) -> bool:
    match condition:
        case Not(inner):
            return not _matches(inner, metric, of)
        case All(conditions):
            return all(_matches(each, metric, of) for each in conditions)
        case AnyOf(conditions):
            return any(_matches(each, metric, of) for each in conditions)
        case Term(text, True, where):
            return text in _properties(metric, where)
        case Term(text, _, where):
            return any(_word_in(text, value, of) for value in _properties(metric, where))


def _word_in(word: str, name: str, of: Callable[[str], frozenset[str]]) -> bool:
    """Whether the word is a token of the name, or its own pieces (`my-app` in `my-app-prod`) all are."""
    if _whole(word) in of(name):
        return True
    pieces = [piece.lower() for piece in _PIECE.findall(word)]
    return bool(_NOT_WORD.search(word)) and bool(pieces) and set(pieces) <= of(name)


def _properties(metric: Metric, where: str | None) -> list[str]:
    match where:
        case None:
            return [metric.namespace, metric.name, *(part for pair in metric.dimensions for part in pair)]
        case "Namespace":
            return [metric.namespace]
        case "MetricName":
            return [metric.name]
        case dimension:
            return [value for name, value in metric.dimensions if name == dimension]


def _whole(name: str) -> str:
    return _NOT_WORD.sub("", name).lower()


class _Reader:
    def __init__(self, expression: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        self._depth = 0
        at = 0
        while at < len(expression):
            match = _TOKEN.match(expression, at)
            if match is None:
                raise InvalidExpression(f"SEARCH, position {at + 1}: {expression[at]!r} is not understood here.")
            kind = match.lastgroup or ""
            if kind != "space":
                self._tokens.append((kind, re.sub(r"\\(.)", r"\1", match.group(kind), flags=re.DOTALL), at))
            at = match.end()
        self._tokens.append(("end", "the end", len(expression)))

    def search(self) -> Search:
        namespace, schema = self._schema() if self._at("{") else (None, None)
        condition = self._any() if self._tokens[0][0] != "end" else All(())
        if self._tokens[0][0] != "end":
            raise self._unexpected("a term, AND, OR or the end")
        return Search(namespace, schema, condition)

    def _schema(self) -> tuple[str, frozenset[str]]:
        self._take("{")
        names = [self._name()]
        while self._at(","):
            self._take(",")
            names.append(self._name())
        self._take("}")
        return names[0], frozenset(names[1:])

    def _name(self) -> str:
        if self._tokens[0][0] not in ("word", "exact"):
            raise self._unexpected("a namespace or a dimension name")
        return self._tokens.pop(0)[1]

    def _any(self) -> Condition:
        found = [self._all()]
        while self._word("OR"):
            self._tokens.pop(0)
            found.append(self._all())
        return found[0] if len(found) == 1 else AnyOf(tuple(found))

    def _all(self) -> Condition:
        found = [self._not()]
        while self._word("AND") or (
            not self._word("OR") and (self._tokens[0][0] in ("word", "exact") or self._at("("))
        ):
            if self._word("AND"):
                self._tokens.pop(0)
            found.append(self._not())
        return found[0] if len(found) == 1 else All(tuple(found))

    def _not(self) -> Condition:
        negated = False
        while self._word("NOT"):
            self._tokens.pop(0)
            negated = not negated
        condition = self._term(None)
        return Not(condition) if negated else condition

    def _term(self, where: str | None) -> Condition:
        kind, text, _ = self._tokens[0]
        if self._at("("):
            return self._group(where)
        if kind not in ("word", "exact") or text in ("AND", "OR", "NOT"):
            raise self._unexpected("a word, a text in double quotes or '('")
        self._tokens.pop(0)
        if where is None and self._at("="):
            self._take("=")
            if text == ":aws.AccountId":
                raise InvalidExpression("SEARCH by :aws.AccountId is not supported: this server has one account.")
            return self._term(text)
        return Term(text, kind == "exact", where)

    def _group(self, where: str | None) -> Condition:
        self._take("(")
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._unexpected(f"at most {DEEPEST} levels of parentheses")
        # Behind `Dimension=` a group lists what that property may be.
        condition = self._any() if where is None else self._within(where)
        self._take(")")
        self._depth -= 1
        return condition

    def _within(self, where: str) -> Condition:
        found = [self._term(where)]
        while self._word("OR"):
            self._tokens.pop(0)
            found.append(self._term(where))
        return AnyOf(tuple(found))

    def _at(self, sign: str) -> bool:
        return self._tokens[0][:2] == ("sign", sign)

    def _word(self, word: str) -> bool:
        return self._tokens[0][:2] == ("word", word)

    def _take(self, sign: str) -> None:
        if not self._at(sign):
            raise self._unexpected(repr(sign))
        self._tokens.pop(0)

    def _unexpected(self, expected: str) -> InvalidExpression:
        _, text, at = self._tokens[0]
        return InvalidExpression(f"SEARCH, position {at + 1}: expected {expected}, found {text!r}.")
