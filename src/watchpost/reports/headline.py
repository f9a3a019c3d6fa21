"""The verdict of a whole report in one sentence, and of each column in one tag."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from watchpost.reports.typography import change, count, counted, share, shortened
from watchpost.reports.words import check_words, importance
from watchpost.verdicts import Drifted, FeatureReport, Report, Verdict, Violation

Level = Literal["trouble", "notice", "calm"]

NAMES_SHOWN = 2  # per cause: more and the sentence stops being one
CAUSES_SHOWN = 3
RENAMED, MISSING, EXTRA = "renamed_column_check", "missing_column_check", "extra_column_check"
NAME_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a sentence; `name` when it is a column's name, which pages set in their own type."""

    text: str
    name: bool = False


@dataclass(frozen=True, slots=True)
class Headline:
    """The sentence in pieces. level: trouble (violations), notice (nothing is proven) or calm (all was checked)."""

    level: Level
    spans: tuple[Span, ...]

    def __str__(self) -> str:
        return "".join(f"`{s.text}`" if s.name else s.text for s in self.spans)


@dataclass(frozen=True, slots=True)
class Status:
    """One column's state: how worried, and in two or three words."""

    level: Level
    word: str


@dataclass(frozen=True, slots=True)
class Cause:
    """The violations that one cause explains; check_type: the check whose words describe it."""

    check_type: str
    violations: tuple[Violation, ...]


_OF_DRIFT: Mapping[Drifted, Status] = {
    "yes": Status("notice", "Drifted, allowed"),
    "not_enough_data": Status("notice", "Drift not judged"),
    "no": Status("calm", "OK"),
}


def causes(report: Report) -> tuple[Cause, ...]:
    """Violations grouped by what caused them, the most important cause first.

    A group is a check type; a renamed column takes in the missing and the new column it explains. Inside a group the
    column whose distribution moved most comes first, else the report's order holds.
    """
    renames = renamed(report)
    explained = set(renames) | set(renames.values())
    groups: dict[str, list[Violation]] = {}
    for violation in report.violations:
        check_type = violation.constraint_check_type
        if check_type in {MISSING, EXTRA} and violation.feature_name in explained:
            check_type = RENAMED
        groups.setdefault(check_type, []).append(violation)
    effects = {name: verdict.effect_size or 0.0 for name, verdict in report.verdicts.items()}
    for group in groups.values():
        group.sort(key=lambda v: -effects.get(v.feature_name, 0.0))
    # The sentence that names both columns comes before the two it explains.
    groups.get(RENAMED, []).sort(key=lambda v: v.constraint_check_type != RENAMED)
    return tuple(Cause(t, tuple(groups[t])) for t in sorted(groups, key=lambda t: (importance(t), t)))


def renamed(report: Report) -> dict[str, str]:
    """New name by old name, as far as the violations tell: a new column named in quotes where a rename is described."""
    arrived = [f.name for f in report.features if f.baseline is None]
    found = {}
    for violation in report.violations:
        if violation.constraint_check_type == RENAMED:
            quoted = [n for n in arrived if any(f"{q}{n}{q}" in violation.description for q in "'\"`")]
            if len(quoted) == 1 and quoted[0] != violation.feature_name:
                found[violation.feature_name] = quoted[0]
    return found


def measured(verdict: Verdict) -> str:
    """A verdict's figures on one line: test, statistic, threshold, effect size."""
    if verdict.statistic is None:
        return f"{verdict.test}: not computed"
    figures = change(verdict.statistic, verdict.threshold)
    effect = f"; effect size {share(verdict.effect_size)}" if verdict.effect_size is not None else ""
    kind = verdict.kind.replace("p_value", "p-value")
    return f"{verdict.test}: {kind} {figures.before}, {verdict.direction} {figures.now}{effect}"


def status(feature: FeatureReport) -> Status:
    """What to say of a column in a tag. What could not be judged is said, never shown as fine."""
    if feature.violations:
        worst = min(feature.violations, key=lambda v: importance(v.constraint_check_type))
        return Status("trouble", check_words(worst.constraint_check_type).title)
    if feature.current is None or feature.baseline is None:
        return Status("notice", "Not in current data" if feature.baseline else "Not in baseline")
    if not feature.current.present + feature.current.missing:
        return Status("notice", "No data")
    if feature.verdict is None:
        return Status("calm", "Drift not judged")
    return _OF_DRIFT[feature.verdict.drifted]


def headline(report: Report) -> Headline:
    """The report in one sentence, what matters most first; a renamed column counts as one."""
    if report.ok:
        return _without_violations(report)
    renames = renamed(report)
    columns = {f.name for f in report.features} - set(renames.values())
    worst = {n: t for n, t in _worst_of_each(report).items() if n not in renames.values()}
    affected = [name for name in worst if name in columns]
    types = sorted(set(worst.values()), key=lambda t: (importance(t), t))
    of_columns = [_of_columns(t, [n for n in affected if worst[n] == t], renames) for t in types]
    # "Columns are missing" adds nothing beside the name of the column that is missing.
    told = {worst[n] for n in affected} & {MISSING, EXTRA} | ({MISSING, EXTRA} if renames else set())
    whole = {worst[n] for n in worst if n not in columns} - told
    clauses = [c for c in of_columns if c] + [(Span(check_words(t).whole),) for t in types if t in whole]
    if not affected:
        first, *others = _joined(clauses)
        return Headline("trouble", (Span(first.text[:1].upper() + first.text[1:]), *others, Span(".")))
    verb = "needs" if len(affected) == 1 else "need"
    opening = f"{count(len(affected))} of {counted(len(columns), 'column')} {verb} attention: "
    return Headline("trouble", (Span(opening), *_joined(clauses), Span(".")))


def _worst_of_each(report: Report) -> dict[str, str]:
    """The most important check type of each name that has a violation."""
    worst: dict[str, str] = {}
    ordered = [violation for cause in causes(report) for violation in cause.violations]
    for violation in sorted(ordered, key=lambda v: importance(v.constraint_check_type)):
        worst.setdefault(violation.feature_name, violation.constraint_check_type)
    return worst


def _of_columns(check_type: str, names: Sequence[str], renames: Mapping[str, str]) -> tuple[Span, ...]:
    if not names:
        return ()
    words = check_words(check_type)
    if check_type == RENAMED and len(names) == 1 and names[0] in renames:
        return _name(names[0]), Span(" looks renamed to "), _name(renames[names[0]])
    shown = [(_name(n),) for n in names[:NAMES_SHOWN]]
    rest = len(names) - len(shown)
    subject = _apart([*shown, (Span(f"{count(rest)} more"),)] if rest else shown, ", ", " and ")
    return (*subject, Span(f" {words.singular if len(names) == 1 else words.plural}"))


def _name(name: str) -> Span:
    return Span(shortened(name, NAME_LENGTH), name=True)


def _joined(clauses: Sequence[tuple[Span, ...]]) -> tuple[Span, ...]:
    """Clauses in a row, apart by semicolons; those beyond the first few are only counted."""
    if len(clauses) > CAUSES_SHOWN + 1:  # one more costs no more words than saying so
        rest = len(clauses) - CAUSES_SHOWN
        clauses = [*clauses[:CAUSES_SHOWN], (Span(f"and {count(rest)} more kinds of trouble"),)]
    return _apart(clauses, "; ", "; ")


def _apart(parts: Sequence[tuple[Span, ...]], between: str, before_last: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    for i, part in enumerate(parts):
        if i:
            spans.append(Span(before_last if i == len(parts) - 1 else between))
        spans += part
    return tuple(spans)


def _without_violations(report: Report) -> Headline:
    summary = report.summary
    aside = f" {counted(report.quarantine.total, 'record')} could not be read." if report.quarantine.total else ""
    if not report.current_rows:
        return _plain("notice", f"There were no records to check, so this says nothing about the data.{aside}")
    if summary.data_quality_score is None and summary.drift_score is None:
        return _plain("notice", f"Nothing was checked, so this says nothing about the data.{aside}")
    drifts = [v.drifted for v in report.verdicts.values()]
    checked = f"{counted(len(report.features), 'column')} in {counted(report.current_rows, 'record')}"
    text = f"No violations: {checked} match the baseline.{aside}"
    if "yes" in drifts:
        drifted = counted(drifts.count("yes"), "column")
        return _plain("notice", f"No violations in {checked}, but {drifted} drifted without being held to it.{aside}")
    if "not_enough_data" in drifts:
        few = counted(drifts.count("not_enough_data"), "column")
        return _plain("calm", f"{text} Drift could not be judged in {few}.")
    return _plain("calm", text)


def _plain(level: Level, text: str) -> Headline:
    return Headline(level, (Span(text),))
