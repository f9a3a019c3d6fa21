"""The queries of one request: what each asks, whether they fit together, and in which order they are computed."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from watchpost.errors import Refused
from watchpost.metrics.expressions.expression import Expression, expression, read
from watchpost.metrics.expressions.syntax import Function, InvalidExpression, Name, Node, text, walk
from watchpost.metrics.identity import MetricStat
from watchpost.metrics.insights import Selection, is_insights, parse_insights
from watchpost.metrics.periods import valid_period
from watchpost.metrics.statistics import parse_statistic

MOST_SEARCHES = 100
"""SEARCH functions in one request. Source: CloudWatch quotas."""

MOST_BANDED = 10
"""Metrics below an anomaly detection band."""

_BAND = "ANOMALY_DETECTION_BAND"
_ID = re.compile(r"[a-z][A-Za-z0-9_]{0,254}")


@dataclass(frozen=True, slots=True)
class Query:
    """One metric data query: a metric's statistic, or an expression over the other queries of its request.

    Exactly one of `stat` and `expression` is given. `returned` is ReturnData. `period` (seconds) belongs to expressions
    that have no metric to take it from: Metrics Insights, SEARCH without a period, TIME_SERIES.
    """

    id: str
    stat: MetricStat | None = None
    expression: str | None = None
    label: str | None = None
    returned: bool = True
    period: int | None = None


Parsed: TypeAlias = Node | Selection


@dataclass(frozen=True, slots=True)
class Plan:
    """Queries that fit together. `parsed` holds what each expression means; `order` every id after those it needs."""

    queries: Mapping[str, Query]
    parsed: Mapping[str, Parsed]
    order: tuple[str, ...]
    read: Mapping[str, Expression]

    def needed(self, ids: Iterable[str]) -> tuple[str, ...]:
        """These ids and all they refer to, in computing order."""
        wanted = set(ids)
        for each in reversed(self.order):
            if each in wanted:
                wanted |= self.refers_to(each)
        return tuple(each for each in self.order if each in wanted)

    def refers_to(self, query: str) -> frozenset[str]:
        """The ids a query names, and with METRICS() those of all metric queries."""
        return self._referred(self.read[query]) if query in self.read else frozenset()

    def mentioned(self, node: Node) -> frozenset[str]:
        """The ids that an expression names itself, or takes by METRICS()."""
        return self._referred(expression(node))

    def _referred(self, expression: Expression) -> frozenset[str]:
        if "METRICS" not in expression.functions:
            return expression.names
        return expression.names | {each for each, query in self.queries.items() if query.stat is not None}

    def check_band(self, node: Node) -> int:
        """That an anomaly detection band can be taken of the expression; the period of its metrics in seconds.

        Raises: InvalidExpression: no or more than ten metrics below, not all of one period from a minute to an hour,
        METRICS, SEARCH, a Metrics Insights query or another band.
        """
        needed = self.needed(self.mentioned(node))
        for each in (node, *(self.parsed[name] for name in needed if name in self.parsed)):
            if isinstance(each, Selection):
                raise InvalidExpression("ANOMALY_DETECTION_BAND takes metrics, not a Metrics Insights query.")
            inside = {inner.name for inner in walk(each) if isinstance(inner, Function)}
            if wrong := inside & {"METRICS", "SEARCH", _BAND}:
                raise InvalidExpression(f"ANOMALY_DETECTION_BAND cannot be taken of {min(wrong)}.")
        periods = [stat.period for stat in (self.queries[name].stat for name in needed) if stat is not None]
        if not 1 <= len(periods) <= MOST_BANDED:
            raise InvalidExpression(f"ANOMALY_DETECTION_BAND takes one to {MOST_BANDED} metrics, not {len(periods)}.")
        if len(set(periods)) > 1 or not 60 <= periods[0] <= 3600:
            seen = ", ".join(str(period) for period in sorted(set(periods)))
            raise InvalidExpression(
                f"ANOMALY_DETECTION_BAND takes metrics of one period, from 60 to 3600 seconds, not {seen}."
            )
        return periods[0]

    def subject(self, node: Node) -> str:
        """A fingerprint of what an expression computes from which metrics, whatever the ids and periods."""
        prints: dict[str, str] = {}
        for each in self.needed(self.mentioned(node)):
            stat, inner = self.queries[each].stat, self.parsed.get(each)
            if stat is not None:
                prints[each] = subject_of(stat)
            elif inner is not None and not isinstance(inner, Selection):
                prints[each] = _fingerprint(inner, prints)
        return _fingerprint(node, prints)


def subject_of(stat: MetricStat) -> str:
    """The fingerprint of a metric's statistic, whatever the period."""
    return hashlib.sha256(repr((tuple(stat.metric), stat.stat, stat.unit)).encode()).hexdigest()


def plan(queries: Sequence[Query]) -> Plan:
    """The plan of a request.

    Raises: Refused (ValidationError): ids that are malformed, doubled, unknown or in a circle; a query with both or
    neither of metric and expression; an expression that cannot be understood; more than one Metrics Insights query or
    100 SEARCH functions.
    """
    by_id: dict[str, Query] = {}
    for number, query in enumerate(queries, 1):
        _check_shape(number, query)
        if query.id in by_id:
            raise Refused("ValidationError", "The values for parameter each in MetricDataQueries are not unique.")
        by_id[query.id] = query
    parsed = {query.id: _parse(query, by_id) for query in queries if query.expression is not None}
    read = {each: found for each, found in parsed.items() if isinstance(found, Expression)}
    _check_counts(parsed)
    meanings = {each: found.node if isinstance(found, Expression) else found for each, found in parsed.items()}
    planned = Plan(by_id, meanings, _order(by_id, parsed), read)
    _check_bands(planned)
    return planned


def _check_bands(planned: Plan) -> None:
    for query, found in planned.read.items():
        for node in found.banded:
            try:
                planned.check_band(node)
            except InvalidExpression as problem:
                raise in_query(query, problem) from problem


def _check_shape(number: int, query: Query) -> None:
    if not _ID.fullmatch(query.id):
        raise Refused(
            "ValidationError",
            f"The value {query.id} for parameter MetricDataQueries.member.{number}.Id is invalid: an id begins with a "
            "lower-case letter and holds letters, digits and underscores.",
        )
    if query.stat is None and query.expression is None:
        raise Refused("ValidationError", f"The parameter MetricDataQueries.member.{number}.MetricStat is required.\n")
    if query.stat is not None and query.expression is not None:
        raise Refused(
            "ValidationError",
            f"The parameters MetricDataQueries.member.{number}.Expression and MetricDataQueries.member.{number}."
            "MetricStat are mutually exclusive and you have specified both.",
        )
    if query.period is not None and query.stat is not None:
        raise Refused(
            "ValidationError",
            f"The parameters MetricDataQueries.member.{number}.Period and MetricDataQueries.member.{number}.MetricStat "
            "are mutually exclusive and you have specified both.",
        )
    if query.stat is not None:
        parse_statistic(query.stat.stat)
    period = query.stat.period if query.stat is not None else query.period
    if period is not None and not valid_period(period):
        raise Refused(
            "ValidationError",
            f"The value {period} for parameter MetricDataQueries.member.{number}.Period is invalid: a period is 1, 5, "
            "10, 20, 30 or a multiple of 60 seconds.",
        )


def _parse(query: Query, known: Mapping[str, Query]) -> Expression | Selection:
    try:
        return _parsed(query.expression or "", query.period, known)
    except InvalidExpression as problem:
        raise in_query(query.id, problem) from problem


def _parsed(text: str, period: int | None, known: Mapping[str, Query]) -> Expression | Selection:
    if is_insights(text):
        if period is None:
            raise InvalidExpression("A Metrics Insights query needs a Period.")
        return parse_insights(text)
    found = read(text)
    for name in sorted(found.names):
        if name not in known:
            raise InvalidExpression(f"There is no query with the id {name!r} in this request.")
    return found


def in_query(query: str, problem: InvalidExpression) -> InvalidExpression:
    """The problem, with the id of the query it was found in."""
    if problem.message.startswith("Error in expression"):
        return problem
    return InvalidExpression(f"Error in expression '{query}': {problem.message}")


def _check_counts(parsed: Mapping[str, Expression | Selection]) -> None:
    selections = sum(isinstance(each, Selection) for each in parsed.values())
    if selections > 1:
        raise Refused("ValidationError", f"{selections} Metrics Insights queries were given; a request may have one.")
    searches = sum(each.functions.count("SEARCH") for each in parsed.values() if isinstance(each, Expression))
    if searches > MOST_SEARCHES:
        raise Refused("ValidationError", f"{searches} SEARCH functions were given; at most {MOST_SEARCHES} may be.")


def _order(queries: Mapping[str, Query], parsed: Mapping[str, Expression | Selection]) -> tuple[str, ...]:
    """Every id after those its expression names; metric queries, which name none, first."""
    waits = {id_: found.names if isinstance(found, Expression) else frozenset[str]() for id_, found in parsed.items()}
    done = dict.fromkeys(each for each in queries if each not in parsed)
    while waits:
        ready = [each for each, names in waits.items() if names <= done.keys()]
        if not ready:
            circle = ", ".join(sorted(waits))
            raise Refused("ValidationError", f"The expressions {circle} refer to each other in a circle: break it.")
        for each in ready:
            done[each] = None
            del waits[each]
    return tuple(done)


def _fingerprint(node: Node, prints: Mapping[str, str]) -> str:
    names = {each.name for each in walk(node) if isinstance(each, Name)}
    if isinstance(node, Name):
        return prints[node.name]
    known = sorted((prints[name], name) for name in names)
    written = text(node)
    for print_, name in known:
        written = re.sub(rf"\b{name}\b", f"#{print_}", written)
    return hashlib.sha256(written.encode()).hexdigest()
