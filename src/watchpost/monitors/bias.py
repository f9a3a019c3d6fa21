"""Bias: do groups of people fare farther apart than they did in the baseline?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import polars as pl

from watchpost.bias import (
    BiasCounts,
    BiasTable,
    BiasViolation,
    Grouping,
    OneOf,
    as_analysis,
    compare_bias,
    count,
    tabulate,
    write_analysis,
)
from watchpost.bias.compare import BiasComparison, write_bias_violations
from watchpost.bias.table import FlipOutcome
from watchpost.constraints.violations_json import VIOLATIONS
from watchpost.data.dataset import Dataset
from watchpost.data.labels import Coverage
from watchpost.data.quarantine import Quarantine
from watchpost.data.weights import WEIGHT
from watchpost.errors import EmptySource
from watchpost.monitors import LearnedSummary, Monitor, Settings, Terms
from watchpost.monitors._bias_baseline import ANALYSIS, BiasBaseline
from watchpost.monitors._bias_columns import PREDICTED, BiasColumns, completed
from watchpost.monitors._bias_counts_json import COUNTS, Learned, write_counts
from watchpost.monitors._bias_figures import figures, group_name, said
from watchpost.monitors._bias_next_steps import next_steps
from watchpost.monitors._bias_notes import notes
from watchpost.monitors._bias_settings import CONFIGURATION, Asked, attributes, configured
from watchpost.monitors._bias_survey import Survey, flip_features
from watchpost.monitors._flip_rows import FlipRows
from watchpost.verdicts import QuarantineSummary, Report, Summary, Violation

_TEXT = "The original's flip test does not support text columns, such as {!r}."
_EMPTY = Violation("Rows", "empty_window_check", "The current dataset holds no rows: nothing was recorded, or read.")


@dataclass(frozen=True, slots=True, eq=False)
class BiasObservation:
    """What was seen of the current data: counts and the outcomes of flip tests, and no row.

    groups: facet and value of every group of the baseline, as its file has them. coverage: how many predictions had a
    label, where labels arrived later. empty: not one record came.
    """

    name: str
    seen: Learned
    groups: tuple[tuple[str, str], ...]
    coverage: Coverage | None
    empty: bool
    quarantine: QuarantineSummary


def suggest_baseline(dataset: Dataset, settings: Settings, quarantine: Quarantine) -> BiasBaseline:
    """Learn how groups fare now; without predictions, how their labels differ.

    The data is read twice: whether a number is a value or a threshold is settled first, by all of it.
    Raises: InputError where the configuration or the data leave a group or an outcome empty; EmptySource.
    """
    question = configured(settings)
    survey = Survey(question)
    look = _columns(question, settings, None)
    for batch in look.batches(dataset, settings.ground_truth, Quarantine()):
        survey.add(batch)
    if not look.rows:
        raise EmptySource(dataset.name)
    look.require(survey.wanted)
    who = survey.settled(predicted=PREDICTED in look.columns)
    features, text = survey.features(look)
    reader = _columns(question, settings, who)
    counts, flips = _seen(reader, dataset, settings, quarantine, who, features)
    survey.refuse_emptiness(counts)
    columns = tuple(name for name in look.columns if name != PREDICTED)
    inputs = tuple(name for name in columns if name != who.label and name not in look.answers)
    learned = Learned(counts, flips, columns, inputs, features or (), text, settings.seed)
    return BiasBaseline(as_analysis(tabulate(counts, flips)), question, learned, dataset.name)


def observe(baseline: BiasBaseline, dataset: Dataset, settings: Settings, quarantine: Quarantine) -> BiasObservation:
    """Count new data in the baseline's groups, batch by batch. Raises: InputError."""
    question = configured(settings, baseline.asked)
    who = baseline.grouping(question)
    learned = baseline.learned
    reader = _columns(question, settings, who, learned)
    features = learned.features if learned is not None else None
    counts, flips = _seen(reader, dataset, settings, quarantine, who, features)
    reader.require(who.columns)
    columns = tuple(name for name in reader.columns if name != PREDICTED)
    seen = Learned(
        counts,
        flips,
        columns,
        tuple(name for name in columns if name != who.label and name not in reader.answers),
        features or (),
        learned.text if learned is not None else (),
        settings.seed,
    )
    coverage = reader.coverage
    empty = reader.rows == 0 and (coverage is None or coverage.predictions == 0)
    groups = dict.fromkeys((g.facet, g.value_or_threshold) for stage in baseline.analysis.stages for g in stage.groups)
    return BiasObservation(dataset.name, seen, tuple(groups), coverage, empty, quarantine.summary())


def _columns(question: Asked, settings: Settings, who: Grouping | None, learned: Learned | None = None) -> BiasColumns:
    configuration = question.configuration
    headers = configuration.headers
    names = learned.columns if learned is not None and not headers else headers
    inputs = learned.inputs if learned is not None else [name for name in headers if name != configuration.label]
    return BiasColumns(
        configuration,
        attributes(settings, configuration),
        names=names,
        inputs=inputs,
        positive=who.positive_label if who is not None else OneOf(configuration.positive),
    )


def _seen(
    reader: BiasColumns,
    dataset: Dataset,
    settings: Settings,
    quarantine: Quarantine,
    who: Grouping,
    features: tuple[str, ...] | None,
) -> tuple[BiasCounts, Mapping[tuple[str, str], FlipOutcome]]:
    """Everything counted, and the flip tests. features: None takes all that the first batch has to offer."""
    parts: list[BiasCounts] = []
    rows: FlipRows | None = None
    for batch in reader.batches(dataset, settings.ground_truth, quarantine):
        weighted = replace(who, weight=WEIGHT) if WEIGHT in batch.columns else who
        parts.append(replace(count(completed(batch, who.columns), weighted), grouping=who))
        if rows is None:
            going_by = features if features is not None else flip_features(reader, (), who.label)
            rows = FlipRows(who.columns, going_by, np.random.default_rng(settings.seed))
        rows.add(batch)
    if not parts:
        return count(pl.DataFrame(schema=dict.fromkeys(who.columns, pl.String())), who), {}
    counts = reduce(BiasCounts.merge, parts)
    return counts, rows.outcomes(counts) if rows is not None else {}


def judge(baseline: BiasBaseline, current: BiasObservation, terms: Terms) -> Report:
    """Say which groups fare farther apart than they did. Pure: the same arguments give the same report."""
    table = _table(current.seen, compat=terms.compat, intervals=True)
    learned = None
    if baseline.learned is not None and not terms.compat:
        learned = _table(baseline.learned, compat=False, intervals=True)
    outcome = compare_bias(baseline.analysis, table, learned=learned, compat=terms.compat)
    facets = {facet.rule.name: facet.rule for facet in current.seen.counts.facets}
    judged = BiasComparison(tuple(v for v in outcome.verdicts if v.facet in facets), outcome.violations)
    shown = figures(judged, table, compat=terms.compat)
    violations = said(judged, compat=terms.compat)
    if current.empty:
        violations = (_EMPTY, *violations)
    return Report(
        monitor="bias",
        compat=terms.compat,
        baseline_name=baseline.name,
        current_name=current.name,
        baseline_rows=baseline.rows,
        current_rows=current.seen.counts.rows,
        summary=Summary(None, None, None, len(violations)),
        violations=violations,
        features=(),
        quarantine=current.quarantine,
        notes=notes(baseline, current.seen, table, current.coverage, compat=terms.compat),
        figures=shown,
        next_steps=next_steps(judged, table),
    )


def _table(seen: Learned, *, compat: bool, intervals: bool) -> BiasTable:
    flips = seen.flips
    if compat and seen.text:
        flips = dict.fromkeys(flips, _TEXT.format(seen.text[0]))
    return tabulate(seen.counts, flips, rng=np.random.default_rng(seen.seed) if intervals else None)


def files(current: BiasObservation, report: Report) -> Mapping[str, str | None]:
    """The window's own analysis, its violations in Clarify's five fields, and the counts they rest on."""
    table = _table(current.seen, compat=report.compat, intervals=False)
    return {
        ANALYSIS: write_analysis(as_analysis(table)),
        VIOLATIONS: _violations(current, report) if report.violations else None,
        COUNTS: write_counts(current.seen),
    }


def _violations(current: BiasObservation, report: Report) -> str:
    known = {group_name(facet, value): (facet, value) for facet, value in current.groups}
    listed = []
    for violation in report.violations:
        group, _, metric = violation.feature_name.rpartition(", ")
        facet, value = known.get(group, (violation.feature_name, ""))
        listed.append(
            BiasViolation(
                facet,
                value,
                metric if group in known else "",
                violation.constraint_check_type,
                violation.description,
            )
        )
    return write_bias_violations(BiasComparison((), tuple(listed)))


def summary(baseline: BiasBaseline) -> LearnedSummary:
    """How much was learned, in a sentence."""
    groups = dict.fromkeys(
        group_name(g.facet, g.value_or_threshold) for stage in baseline.analysis.stages for g in stage.groups
    )
    metrics = sum(len(g.metrics) for stage in baseline.analysis.stages for g in stage.groups)
    what = "labels and predictions" if baseline.predicted else "labels alone, as there are no predictions"
    sentence = (
        f"Learned {metrics} bias metrics of {len(groups)} {'group' if len(groups) == 1 else 'groups'} "
        f"({', '.join(list(groups)[:5])}{', …' if len(groups) > 5 else ''}) from {what} in {baseline.rows:,} rows of "
        f"{baseline.name}."
    )
    return LearnedSummary(sentence, baseline.rows, (ANALYSIS, CONFIGURATION, COUNTS), ())


plugin = Monitor(
    suggest_baseline=suggest_baseline,
    load=BiasBaseline.load,
    observe=observe,
    judge=judge,
    files=files,
    summary=summary,
)
