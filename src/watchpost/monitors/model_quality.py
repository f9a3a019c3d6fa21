"""Model quality: are the answers still as good as they were, now that the truth is known?"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from watchpost.constraints.baseline import CONSTRAINTS, STATISTICS
from watchpost.constraints.violations_json import VIOLATIONS
from watchpost.data.dataset import Dataset
from watchpost.data.labels import Coverage
from watchpost.data.quarantine import Quarantine
from watchpost.errors import EmptySource
from watchpost.monitors import LearnedSummary, Monitor, Settings, Terms
from watchpost.monitors._quality_baseline import QualityBaseline
from watchpost.monitors._quality_columns import require_settings
from watchpost.monitors._quality_figures import curves, figures_of_all, figures_of_segments
from watchpost.monitors._quality_notes import next_steps, notes
from watchpost.monitors._quality_observation import QualityObservation, see
from watchpost.quality.chance import LEAST_SUPPORT, Measured, allowances, support
from watchpost.quality.compare import CoverageGate, compare_quality
from watchpost.quality.document import QualityConstraints, QualityStatistics, suggest_quality_constraints
from watchpost.quality.figures import Figures
from watchpost.quality.label_flow import check_label_flow
from watchpost.quality.quality_json import (
    parse_quality_statistics,
    write_quality_constraints,
    write_quality_statistics,
    write_quality_violations,
)
from watchpost.quality.segments import RANKED_BY
from watchpost.quality.spread import SAMPLES
from watchpost.verdicts import Report, Summary, Violation

LEAST_LABELS = 30
"""Labelled predictions that a window is judged from; of fewer, any share moves by more than a tenth by chance."""

MOST_POINTS = 10_000
"""Points that `statistics.json` holds of each curve; areas are those under the whole curve."""


def suggest_baseline(dataset: Dataset, settings: Settings, quarantine: Quarantine) -> QualityBaseline:
    """Learn from labelled predictions of a good time. Raises: EmptySource, InputError."""
    seen = see(dataset, require_settings(settings), settings, quarantine)
    if not seen.figures.rows:
        raise EmptySource(dataset.name)
    return QualityBaseline(suggest_quality_constraints(seen.figures), _statistics(seen), dataset.name)


def observe(
    baseline: QualityBaseline, dataset: Dataset, settings: Settings, quarantine: Quarantine
) -> QualityObservation:
    """See new predictions and as many of their labels as have arrived. Raises: InputError."""
    return see(dataset, require_settings(settings, baseline.problem_type), settings, quarantine)


def recall(data: object) -> QualityObservation | None:
    """What a `statistics.json` of model quality records, when `data` is the path of one. Raises: MalformedBaseline.

    Its standard deviations are half standard errors, of five values each (contract 6.5).
    """
    if not isinstance(data, str | Path) or not str(data).endswith(".json") or not Path(data).is_file():
        return None
    content = Path(data).read_bytes()
    try:
        keys = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not any(key.endswith("_metrics") for key in keys):
        return None
    figures = parse_quality_statistics(content, str(data)).figures
    errors = {m.name: 2 * m.standard_deviation for m in figures.metrics if m.standard_deviation is not None}
    return QualityObservation(str(data), Measured(figures, errors, SAMPLES - 1), Coverage(figures.rows, figures.rows))


def judge(baseline: QualityBaseline, current: QualityObservation, terms: Terms) -> Report:
    """Say everything that is wrong with what was seen. Pure: the same arguments give the same report."""
    learned = baseline.statistics.figures if baseline.statistics else None
    constraints = baseline.constraints if terms.compat else _judgeable(baseline.constraints, current.figures)
    room = {} if terms.compat else allowances(constraints, current.measured, learned)
    outcome = compare_quality(
        constraints,
        current.figures,
        predictions=current.coverage.predictions,
        gate=CoverageGate(least_rows=LEAST_LABELS),
        allowances=room,
        compat=terms.compat,
    )
    flow = _label_flow(current, terms)
    violations = outcome.violations + flow
    figures = (
        *figures_of_all(baseline.constraints, current.measured, learned, outcome, None if terms.compat else room),
        *figures_of_segments(current.segments, baseline.constraints),
    )
    return Report(
        monitor="model_quality",
        compat=terms.compat,
        baseline_name=baseline.name,
        current_name=current.name,
        baseline_rows=learned.rows if learned else 0,
        current_rows=current.figures.rows,
        summary=Summary(None, None, None, len(violations)),
        violations=violations,
        features=(),
        quarantine=current.quarantine,
        notes=tuple(notes(baseline, current, outcome)),
        figures=figures,
        curves=curves(current.figures, learned),
        next_steps=tuple(next_steps(current, outcome, flow)),
    )


def _judgeable(constraints: QualityConstraints, figures: Figures) -> QualityConstraints:
    """Without those whose metric rests on a handful of rows, whatever the window's size."""
    found = ((c, support(figures, c.name)) for c in constraints.constraints)
    kept = tuple(c for c, rows in found if rows is None or rows >= LEAST_SUPPORT)
    return replace(constraints, constraints=kept)


def _label_flow(current: QualityObservation, terms: Terms) -> tuple[Violation, ...]:
    if current.expected_share is None or terms.compat:
        return ()
    violation = check_label_flow(current.coverage, current.expected_share)
    return () if violation is None else (violation,)


def _statistics(seen: QualityObservation) -> QualityStatistics:
    """The figures as the service's file holds them, their curves thinned: one point per score would fill gigabytes."""
    figures = seen.figures
    roc, precision_recall = figures.roc, figures.precision_recall
    return QualityStatistics(
        replace(
            figures,
            roc=None if roc is None else roc.thinned(MOST_POINTS),
            precision_recall=None if precision_recall is None else precision_recall.thinned(MOST_POINTS),
        )
    )


def files(seen: QualityObservation, report: Report) -> Mapping[str, str | None]:
    """What was seen, the constraints it would suggest, and the violations, which name metrics (contract 6.5 to 6.7)."""
    return {
        STATISTICS: write_quality_statistics(_statistics(seen)),
        CONSTRAINTS: write_quality_constraints(suggest_quality_constraints(seen.figures)),
        VIOLATIONS: write_quality_violations(report.violations) if report.violations else None,
    }


def summary(baseline: QualityBaseline) -> LearnedSummary:
    """How good the model was, in a sentence."""
    figures = baseline.statistics.figures if baseline.statistics else None
    rows = figures.rows if figures else 0
    shown = ("rmse", "r2") if baseline.problem_type == "Regression" else ("accuracy", RANKED_BY[baseline.problem_type])
    values = {metric.name: metric.value for metric in figures.metrics} if figures else {}
    known = [f"{name} {value:.4g}" for name in shown if (value := values.get(name)) is not None]
    thresholds = sum(constraint.threshold is not None for constraint in baseline.constraints.constraints)
    sentence = (
        f"Learned {thresholds} thresholds from {rows:,} labelled predictions of {baseline.name}"
        f"{': ' if known else ''}{', '.join(known)}."
    )
    return LearnedSummary(sentence, rows, (STATISTICS, CONSTRAINTS))


plugin = Monitor(
    suggest_baseline=suggest_baseline,
    load=QualityBaseline.load,
    observe=observe,
    judge=judge,
    files=files,
    summary=summary,
    recall=recall,
)
