"""A Report for a terminal: compact, readable at 80 columns, and complete without colour.

Names and texts come from the data, so they go in as plain Text (never as markup) with control codes made visible.
"""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from watchpost.reports.figures import JUDGEMENTS, difference, sides, spread, tally, violated
from watchpost.reports.headline import causes, headline, measured, of_a_model
from watchpost.reports.plots import spark_text
from watchpost.reports.typography import ARROW, count, counted, share, shortened, visible
from watchpost.reports.words import (
    DATA_QUALITY,
    DRIFT,
    DRIFT_CHECK,
    FIGURE_CHECKS,
    MISSING_VALUES,
    VIOLATIONS,
    check_words,
)
from watchpost.verdicts import FeatureReport, Figure, Report, Verdict, Violation

LINES = 40  # violations and drifted features shown; the rest is counted
FIGURES = 20  # violated figures shown
PLACES = 3
_MARKS = {"trouble": ("✗", "bold red"), "notice": ("!", "bold"), "calm": ("✓", "bold green")}


def render_terminal(report: Report) -> RenderableType:
    """The report as a rich renderable: print it with `rich.print` or a Console."""
    parts: list[RenderableType] = [_verdict(report)]
    parts += _of_a_model(report) if of_a_model(report) else [_summary(report)]
    others = _not_told(report)
    if others:
        parts += [Text(), Text("Violations", style="bold"), _violations(report, others)]
    if report.violations or report.next_steps:
        parts += _next_steps(report)
    drifted = [f for f in report.features if f.verdict is not None and f.verdict.drifted == "yes"]
    if drifted:
        parts += [Text(), Text("Drifted columns", style="bold"), *_drifted(drifted)]
    if report.quarantine.total:
        parts += [Text(), *_quarantined(report)]
    if report.notes:
        parts += [Text(), Text("Notes", style="bold"), *(_indented(visible(note)) for note in report.notes)]
    return Group(*parts)


def _indented(text: str | Text) -> RenderableType:
    return Padding(Text(text) if isinstance(text, str) else text, (0, 0, 0, 2))


def _verdict(report: Report) -> RenderableType:
    found = headline(report)
    mark, style = _MARKS[found.level]
    line = Text.assemble((f"{mark} ", style))
    for span in found.spans:
        line.append(f"`{span.text}`" if span.name else span.text, style="bold")
    sides = (
        f"{shortened(report.current_name, 60)} ({counted(report.current_rows, 'record')}) against "
        f"{shortened(report.baseline_name, 60)} ({counted(report.baseline_rows, 'record')})"
    )
    return Group(line, _indented(Text(sides, style="dim")))


def _summary(report: Report) -> RenderableType:
    summary = report.summary
    grid = Table.grid(padding=(0, 3))
    grid.add_row(*(Text(words.name) for words in (DATA_QUALITY, DRIFT, MISSING_VALUES, VIOLATIONS)))
    grid.add_row(
        *(
            Text(value, style="bold")
            for value in (
                share(summary.data_quality_score),
                share(summary.drift_score),
                share(summary.missing_value_rate),
                count(summary.violations),
            )
        )
    )
    return Padding(grid, (1, 0, 0, 2))


def _of_a_model(report: Report) -> Iterable[RenderableType]:
    counts = tally(report.figures)
    said = ", ".join(
        f"{count(amount)} {JUDGEMENTS[judged].word.lower()}"
        for judged, amount in (
            ("violated", counts.violated),
            ("kept", counts.kept),
            ("not_enough_data", counts.not_enough_data),
            ("not_judged", counts.not_judged),
        )
        if amount
    )
    wrong = violated(report.figures)
    if wrong:
        yield Padding(_figures(wrong[:FIGURES]), (1, 0, 0, 2))
    if len(wrong) > FIGURES:
        yield _indented(f"and {count(len(wrong) - FIGURES)} more; the page and report.json hold all of them")
    if said:
        yield Padding(Text(f"{counted(counts.total, 'figure')}: {said}"), (1, 0, 0, 2))


def _figures(figures: Sequence[Figure]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("", width=1)
    table.add_column("Figure", overflow="fold", ratio=2)
    grouped = any(figure.group for figure in figures)
    if grouped:
        table.add_column("Of", max_width=22, overflow="fold")
    for name in ("Now", "Baseline", "Change"):
        table.add_column(name, justify="right", overflow="fold")
    for figure in figures:
        sign = JUDGEMENTS[figure.judged].sign
        both, sure = sides(figure), spread(figure)
        now = Text(f"{both.now} {sure}".strip())
        of = [Text(shortened(figure.group, 60) if figure.group else "all data")] if grouped else []
        title = Text(shortened(figure.title or figure.name, 80), style="bold")
        table.add_row(Text(sign, style="bold red"), title, *of, now, Text(both.before), Text(difference(figure)))
    return table


def _not_told(report: Report) -> list[tuple[str, Violation]]:
    """Violations by cause, without those that the table of violated figures has told."""
    told = FIGURE_CHECKS if violated(report.figures) else frozenset()
    return [(cause.check_type, v) for cause in causes(report) for v in cause.violations if cause.check_type not in told]


def _violations(report: Report, violations: Sequence[tuple[str, Violation]]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("What", max_width=20, overflow="fold")
    table.add_column("Of" if of_a_model(report) else "Column", max_width=26, overflow="fold")
    table.add_column("Why", overflow="fold", ratio=1)
    verdicts = report.verdicts
    shown = violations[:LINES]
    for check_type, violation in shown:
        table.add_row(
            Text(shortened(check_words(check_type).title, 60)),
            Text(shortened(violation.feature_name, 80), style="bold"),
            Text(_why(violation, verdicts.get(violation.feature_name))),
        )
    rest = len(violations) - len(shown)
    parts: list[RenderableType] = [Padding(table, (0, 0, 0, 2))]
    if rest:
        parts.append(_indented(f"and {count(rest)} more; the page and report.json hold all of them"))
    return Group(*parts)


def _why(violation: Violation, verdict: Verdict | None) -> str:
    # The sentence of a drift stands below with its picture; here its figures are enough.
    if violation.constraint_check_type == DRIFT_CHECK and verdict is not None:
        return visible(measured(verdict))
    return visible(violation.description)


def _next_steps(report: Report) -> Iterable[RenderableType]:
    yield Text()
    yield Text("What to do", style="bold")
    for step in report.next_steps:
        hanging = Table.grid(padding=(0, 1))
        hanging.add_row(Text("-"), Text(visible(step)))
        yield Padding(hanging, (0, 0, 0, 2))
    for cause in causes(report):
        words = check_words(cause.check_type)
        yield _indented(Text.assemble((f"{shortened(words.title, 60)}: ", "bold"), words.todo))


def _drifted(features: list[FeatureReport]) -> Iterable[RenderableType]:
    for feature in features[:LINES]:
        line = Text.assemble((shortened(feature.name, 60), "bold"))
        was, now = spark_text(feature.bins, current=False), spark_text(feature.bins, current=True)
        if was and now:
            line.append(f"  {was[:24]} {ARROW} {now[:24]}")
        yield _indented(line)
        if feature.verdict is not None:
            yield Padding(Text(visible(feature.verdict.reason)), (0, 0, 0, 4))
    if len(features) > LINES:
        yield _indented(f"and {count(len(features) - LINES)} more")


def _quarantined(report: Report) -> Iterable[RenderableType]:
    quarantine = report.quarantine
    yield Text(f"{counted(quarantine.total, 'record')} could not be read and set aside", style="bold")
    reasons = sorted((quarantine.reasons or {}).items(), key=lambda item: -item[1])
    for reason, amount in reasons:
        yield _indented(f"{count(amount)}  {visible(reason)}")
    for record in quarantine.first[:PLACES]:
        place = visible(record.source) + (f", line {count(record.line)}" if record.line is not None else "")
        yield _indented(f"first: {place}: {visible(record.reason)}" if not reasons else f"at {place}")
