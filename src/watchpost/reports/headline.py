"""The verdict of a whole report in one sentence, and of each column in one tag."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from watchpost.reports.figures import is_named, said_title, sides, tally, violated
from watchpost.reports.typography import change, count, counted, share, shortened
from watchpost.reports.words import FIGURE_CHECKS, check_words, importance
from watchpost.verdicts import Drifted, FeatureReport, Figure, Report, Verdict, Violation

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


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a monitor of models speaks of, with its sentence's beginnings. are: what is said of violated figures."""

    name: str
    moved: str
    are: tuple[str, str]


_SUBJECTS = {
    "model_quality": _Subject(
        "Model quality",
        "Model quality",
        ("is worse than the baseline allows", "are worse than the baseline allows"),
    ),
    "bias": _Subject(
        "Fairness",
        "Fairness",
        ("is farther from even than the baseline allows", "are farther from even than the baseline allows"),
    ),
    "explainability": _Subject(
        "What drives the model",
        "What drives the model changed",
        ("moved farther than the baseline allows", "moved farther than the baseline allows"),
    ),
}
_OTHER = _Subject("The model", "The model", ("is not as the baseline allows", "are not as the baseline allows"))

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
    """The report in a sentence or two, what matters most first; a renamed column counts as one."""
    if of_a_model(report):
        return _of_a_model(report)
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


def of_a_model(report: Report) -> bool:
    """Whether the report speaks of figures of a model rather than of columns of data."""
    return bool(report.figures) or report.monitor in _SUBJECTS


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


def _of_a_model(report: Report) -> Headline:
    if report.ok:
        return _model_without_violations(report)
    subject = _SUBJECTS.get(report.monitor, _OTHER)
    wrong, counts = violated(report.figures), tally(report.figures)
    types = dict.fromkeys(cause.check_type for cause in causes(report))
    clauses: list[tuple[Span, ...]] = []
    if wrong:
        of_all = f"{count(len(wrong))} of {counted(counts.judged, 'figure')} {subject.are[len(wrong) > 1]}: "
        # A model with one output has one group of attributions, and its name tells nothing.
        one = report.monitor == "explainability" and len({figure.group for figure in report.figures}) == 1
        clauses.append((Span(of_all), *_of_figures([replace(f, group="") for f in wrong] if one else wrong)))
    clauses += [(Span(check_words(t).whole),) for t in types if not (wrong and t in FIGURE_CHECKS)]
    opening = Span(f"{subject.moved if wrong else subject.name}: ")
    few = counts.not_enough_data
    rest = f" {count(few)} more had too little data." if wrong else f" {counted(few, 'figure')} had too little data."
    return Headline("trouble", (opening, *_joined(clauses), Span(f".{rest if few else ''}")))


def _of_figures(figures: Sequence[Figure]) -> tuple[Span, ...]:
    shown = figures[:NAMES_SHOWN]
    parts = [_figure(figure) for figure in shown]
    rest = len(figures) - len(shown)
    return _apart([*parts, (Span(f"{count(rest)} more"),)] if rest else parts, ", ", " and ")


def _figure(figure: Figure) -> tuple[Span, ...]:
    both = sides(figure)
    where = (Span(" for "), _name(figure.group)) if figure.group else ()
    beside = f" (baseline {both.before})" if figure.baseline is not None else ""
    title = _name(figure.name) if is_named(figure) else Span(said_title(figure))
    value = both.now if figure.value is not None else "has no value"
    return title, *where, Span(f" {value}{beside}")


def _model_without_violations(report: Report) -> Headline:
    subject, counts = _SUBJECTS.get(report.monitor, _OTHER), tally(report.figures)
    aside = f" {counted(report.quarantine.total, 'record')} could not be read." if report.quarantine.total else ""
    of_what = f"{subject.name[:1].lower()}{subject.name[1:]}"
    if not report.current_rows and not counts.judged:
        return _plain("notice", f"There were no records to judge, so this says nothing about {of_what}.{aside}")
    # A file of an earlier run holds its figures, but not how many records they came from.
    records = counted(report.current_rows, "record") if report.current_rows else "what was recorded"
    few = counts.not_enough_data
    if not counts.judged:
        why = f"not enough data in {records}" if few else "no figure was held to a rule"
        return _plain("notice", f"{subject.name} could not be judged: {why}.{aside}")
    if counts.violated:
        broken = f"{count(counts.violated)} of {counted(counts.judged, 'figure')}"
        return _plain("notice", f"{subject.name}: no violations, but {broken} left what was expected.{aside}")
    are = "is" if counts.kept == 1 else "are"
    kept = (
        f"{subject.name}: no violations; {counted(counts.kept, 'judged figure')} {are} as expected in {records}.{aside}"
    )
    return _plain("calm", f"{kept} {count(few)} more had too little data." if few else kept)
