"""The figures of a bias report: every metric of every group in plain words, and what became of it."""

import re

from watchpost.bias import BiasTable, BiasVerdict
from watchpost.bias.compare import BiasComparison
from watchpost.bias.table import GroupBias, MetricValue
from watchpost.bias.words import neutral, words
from watchpost.verdicts import Figure, Violation

_ORDER = ("violated", "not_enough_data", "kept", "not_judged")
_TELLING = (
    *("DI", "DPPL", "CDDPL", "RD", "SD", "AD", "DAR", "DRR", "TE", "DCA", "DCR", "FT", "GE"),
    *("DPL", "CDDL", "CI", "TVD", "KS", "JS", "KL", "LP"),
)
"""What the model does to people before what the data says of them; what people know before what they have to learn."""
_BETWEEN = " & "


def group_name(facet: str, value: str) -> str:
    """A group as people would say it.

    >>> group_name("Sex", "0"), group_name("Age", "(40, 61.0]"), group_name("Sex & Race", "F & Black")
    ('Sex = 0', 'Age > 40', 'Sex = F and Race = Black')
    """
    names, values = facet.split(_BETWEEN), value.split(_BETWEEN)
    if len(names) != len(values):
        names, values = [facet], [value]
    return " and ".join(_cell(name, text) for name, text in zip(names, values, strict=True))


def _cell(name: str, text: str) -> str:
    interval = re.fullmatch(r"\(([^,]+), [^,]+\]", text)
    return f"{name} > {interval[1]}" if interval else f"{name} = {text.replace(',', ' or ')}"


def figures(judged: BiasComparison, table: BiasTable, *, compat: bool) -> tuple[Figure, ...]:
    """All of them, by group; groups with a violation first, and within a group what is violated."""
    now = {(group_name(g.facet, g.value), v.metric.name): (g, v) for g in table.groups for v in g.values}
    groups: dict[str, list[Figure]] = {}
    for verdict in judged.verdicts:
        group = group_name(verdict.facet, verdict.value)
        seen = now.pop((group, verdict.metric), None)
        groups.setdefault(group, []).append(_judged(verdict, seen, table, compat=compat))
    for (group, name), (who, value) in now.items():
        groups.setdefault(group, []).append(_unjudged(group, name, who, value, table))
    for members in groups.values():
        members.sort(key=lambda figure: (_ORDER.index(figure.judged), _TELLING.index(figure.name)))
    in_order = sorted(groups.values(), key=lambda members: _ORDER.index(members[0].judged) > 0)
    return tuple(figure for members in in_order for figure in members)


def _judged(
    verdict: BiasVerdict, seen: tuple[GroupBias, MetricValue] | None, table: BiasTable, *, compat: bool
) -> Figure:
    interval = verdict.interval
    return Figure(
        verdict.metric,
        verdict.current,
        group_name(verdict.facet, verdict.value),
        words(verdict.metric).title,
        meaning(verdict.metric, table, seen[0] if seen is not None else None),
        None,
        interval.low if interval is not None else None,
        interval.high if interval is not None else None,
        verdict.baseline,
        rule(verdict, compat=compat),
        {"yes": "violated", "no": "kept", "not_enough_data": "not_enough_data"}[verdict.drifted],  # type: ignore[arg-type]  # a dict's values are plain text to mypy
        seen[0].rows + seen[0].other_rows if seen is not None else 0,
        verdict.reason if verdict.drifted == "not_enough_data" else "",
    )


def _unjudged(group: str, name: str, who: GroupBias, value: MetricValue, table: BiasTable) -> Figure:
    interval = value.interval
    return Figure(
        name,
        value.value,
        group,
        words(name).title,
        meaning(name, table, who),
        None,
        interval.low if interval is not None else None,
        interval.high if interval is not None else None,
        rows=who.rows + who.other_rows,
        error=value.error or "",
    )


def meaning(name: str, table: BiasTable, group: GroupBias | None) -> str:
    """What a metric says, and which people it compares."""
    if group is None:
        return words(name).meaning
    compared = words(name).compares.format(
        group=f"people with {group_name(group.facet, group.value)} ({group.rows:,} rows)",
        others=f"everyone else ({group.other_rows:,} rows)",
        outcome=_cell(table.label, table.label_text),
    )
    return f"{words(name).meaning} {compared}"


def rule(verdict: BiasVerdict, *, compat: bool) -> str:
    """What would be a violation."""
    if verdict.baseline is None:
        return ""
    if compat:
        return f"an absolute value above {abs(verdict.baseline):.4g}"
    even = neutral(verdict.metric)
    return f"surely farther from {even:g} than {verdict.baseline:.4g}"


def said(judged: BiasComparison, *, compat: bool) -> tuple[Violation, ...]:
    """The violations by group and metric: how far, and which way; in compat the original's sentence and order."""
    ordered = judged.violations
    if not compat:
        ordered = tuple(sorted(ordered, key=lambda v: _TELLING.index(v.metric_name)))
    return tuple(
        Violation(
            f"{group_name(v.facet, v.facet_value)}, {v.metric_name}",
            v.constraint_check_type,
            v.description if compat else f"{v.description} {words(v.metric_name).direction}",
        )
        for v in ordered
    )
