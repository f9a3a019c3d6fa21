"""Data quality: is the data still what the model was trained on?"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from watchpost.constraints.baseline import CONSTRAINTS, STATISTICS, Baseline
from watchpost.constraints.check import check_constraints
from watchpost.constraints.constraints_json import write_constraints
from watchpost.constraints.document import Rules
from watchpost.constraints.suggest import suggest_constraints
from watchpost.constraints.violations_json import VIOLATIONS, write_violations
from watchpost.data.dataset import Dataset, Identified
from watchpost.data.identifiers import RepeatedIds
from watchpost.data.quarantine import Quarantine
from watchpost.data.weights import Tallied, Weighted, WeightSums, resampled, with_weights
from watchpost.drift import judge as judge_drift
from watchpost.drift import load as load_test
from watchpost.errors import EmptySource
from watchpost.monitors import LearnedSummary, Monitor, Observation, Settings, Terms, observed_elsewhere
from watchpost.monitors._weighting import resampling, with_traces
from watchpost.profiles.bins import bins
from watchpost.profiles.gap import is_numeric
from watchpost.profiles.profile import profile
from watchpost.profiles.statistics import FeatureStatistics, Statistics
from watchpost.profiles.statistics_json import write_statistics
from watchpost.verdicts import FeatureReport, Report, Side, Summary, Verdict, Violation


def suggest_baseline(dataset: Dataset, settings: Settings, quarantine: Quarantine) -> Baseline:
    """Learn statistics and constraints; records sampled unequally count by their weights.

    Raises: EmptySource, InputError.
    """
    plain, sample, _ = _seen(dataset, dataset, None, settings, quarantine)
    statistics = plain if sample is None else sample
    if not statistics.item_count:
        raise EmptySource(dataset.name)
    return Baseline(suggest_constraints(statistics), statistics, dataset.name)


def observe(baseline: Baseline, dataset: Dataset, settings: Settings, quarantine: Quarantine) -> Observation:
    """See new data, its numbers counted in the baseline's cells, and its records' ids. Raises: InputError."""
    ids = RepeatedIds()
    table = dataset.counting(ids) if isinstance(dataset, Identified) else dataset
    plain, sample, weights = _seen(table, dataset, baseline.statistics, settings, quarantine)
    counts = ids.counts()
    identifiers = counts if counts.records else None
    return Observation(
        dataset.name,
        replace(plain, identifiers=identifiers),
        quarantine.summary(),
        None if sample is None else replace(sample, identifiers=identifiers),
        weights,
    )


def _seen(
    table: Dataset, again: Dataset, baseline: Statistics | None, settings: Settings, quarantine: Quarantine
) -> tuple[Statistics, Statistics | None, WeightSums | None]:
    """The statistics of the rows, and of a sample drawn by their weights where these differ.

    again: the same rows, to be read once more where they do.
    """
    tallied = Tallied(with_weights(table)) if isinstance(table, Weighted) else None
    plain = profile(table if tallied is None else tallied, baseline=baseline, quarantine=quarantine).statistics()
    if tallied is None or tallied.alike:
        return plain, None, None
    drawn = resampled(again, tallied, np.random.default_rng([settings.seed, 3]))
    sample = profile(drawn, baseline=baseline, quarantine=Quarantine()).statistics()
    return plain, with_traces(sample, plain), tallied.sums


def judge(baseline: Baseline, current: Observation, terms: Terms) -> Report:
    """Say everything that is wrong with what was seen. Pure: the same arguments give the same report."""
    outcome = check_constraints(
        baseline.statistics,
        baseline.constraints,
        current.judged,
        quarantine=current.quarantine,
        compat=terms.compat,
    )
    verdicts = {verdict.feature: verdict for verdict in _verdicts(baseline, current.judged, terms)}
    drifted = [verdict for verdict in verdicts.values() if verdict.drifted == "yes"]
    violations = outcome.violations + tuple(_drift_violation(verdict) for verdict in drifted)
    notes = outcome.notes
    if current.weights is not None:
        notes = (resampling(current.weights, current.judged.item_count), *notes)
    if baseline.statistics is None:
        notes += ("The baseline has no statistics.json, so drift was not judged.",)
    compared = sum(verdict.drifted != "not_enough_data" for verdict in verdicts.values())
    return Report(
        monitor="data_quality",
        compat=terms.compat,
        baseline_name=baseline.name,
        current_name=current.name,
        baseline_rows=baseline.statistics.item_count if baseline.statistics else 0,
        current_rows=current.statistics.item_count,
        summary=Summary(
            data_quality_score=1 - outcome.failed / outcome.evaluated if outcome.evaluated else None,
            drift_score=len(drifted) / compared if compared else None,
            missing_value_rate=_missing_value_rate(baseline, current.judged),
            violations=len(violations),
        ),
        violations=violations,
        features=tuple(_features(baseline, current.judged, violations, verdicts)),
        quarantine=current.quarantine,
        notes=notes,
    )


def _verdicts(baseline: Baseline, current: Statistics, terms: Terms) -> Iterator[Verdict]:
    """The drift verdict of every feature both sides have, and whose comparison is not switched off."""
    if baseline.statistics is None or not baseline.constraints.evaluated or not current.item_count:
        return
    before = {feature.name: feature for feature in baseline.statistics.features}
    now = {feature.name: feature for feature in current.features}
    for constraints in baseline.constraints.features:
        rules = baseline.constraints.rules_for(constraints)
        wanted = rules.evaluate_constraints and rules.perform_comparison
        if wanted and constraints.name in before and constraints.name in now:
            yield _verdict(rules, before[constraints.name], now[constraints.name], terms)


def _verdict(rules: Rules, before: FeatureStatistics, now: FeatureStatistics, terms: Terms) -> Verdict:
    if terms.drift_test is not None and not terms.compat:
        kind = "numeric" if is_numeric(before) else "categorical"
        if kind in load_test(terms.drift_test).kinds:
            return judge_drift(before, now, test=terms.drift_test)
    method = "robust" if rules.comparison_method == "Robust" else "simple"
    if is_numeric(before):
        test, threshold = method, rules.comparison_threshold
    elif rules.categorical_drift_method == "LInfinity":
        test, threshold = method, rules.categorical_comparison_threshold
    else:
        test = "chi_squared" if method == "robust" else "chi_squared_statistic"
        threshold = rules.categorical_comparison_threshold
    return judge_drift(before, now, test=test, threshold=threshold, compat=terms.compat)


def _drift_violation(verdict: Verdict) -> Violation:
    """The original's wording, which people's own scripts parse (contract 4.2)."""
    return Violation(
        verdict.feature,
        "baseline_drift_check",
        f"Baseline drift distance: {verdict.statistic} exceeds threshold: {verdict.threshold}",
    )


def _missing_value_rate(baseline: Baseline, current: Statistics) -> float | None:
    """Share of the cells the baseline's columns should have here that hold no value; a column not there has none."""
    present = {feature.name: feature.present for feature in current.features}
    cells = current.item_count * len(baseline.column_names)
    return 1 - sum(present.get(name, 0) for name in baseline.column_names) / cells if cells else None


def _features(
    baseline: Baseline, current: Statistics, violations: tuple[Violation, ...], verdicts: Mapping[str, Verdict]
) -> Iterator[FeatureReport]:
    before = {feature.name: feature for feature in baseline.statistics.features} if baseline.statistics else {}
    now = {feature.name: feature for feature in current.features}
    about: dict[str, list[Violation]] = {}
    for violation in violations:
        about.setdefault(violation.feature_name, []).append(violation)
    for name in dict.fromkeys((*baseline.column_names, *before, *now)):
        yield FeatureReport(
            name,
            _side(before.get(name)),
            _side(now.get(name)),
            tuple(about.get(name, ())),
            verdicts.get(name),
            bins(before.get(name), now.get(name)),
        )


def _side(feature: FeatureStatistics | None) -> Side | None:
    if feature is None:
        return None
    numbers = feature.numeric
    return Side(
        feature.inferred_type,
        feature.present,
        feature.missing,
        mean=numbers.mean if numbers else None,
        std_dev=numbers.std_dev if numbers else None,
        minimum=numbers.min if numbers else None,
        maximum=numbers.max if numbers else None,
        distinct=feature.distinct,
    )


def files(seen: Observation, report: Report) -> Mapping[str, str | None]:
    """What was seen, the constraints it would suggest, and the violations (contract 9.3)."""
    return {
        STATISTICS: write_statistics(seen.statistics),
        CONSTRAINTS: write_constraints(suggest_constraints(seen.statistics)),
        VIOLATIONS: write_violations(report.violations) if report.violations else None,
    }


def summary(baseline: Baseline) -> LearnedSummary:
    """How much was learned, in a sentence."""
    kinds = tuple((feature.name, feature.inferred_type) for feature in baseline.constraints.features)
    numeric = sum(kind in ("Integral", "Fractional") for _, kind in kinds)
    rows = baseline.statistics.item_count if baseline.statistics else 0
    sentence = (
        f"Learned {len(kinds)} columns ({numeric} numeric, {len(kinds) - numeric} other) from {rows:,} rows of "
        f"{baseline.name}."
    )
    return LearnedSummary(sentence, rows, (STATISTICS, CONSTRAINTS), kinds)


plugin = Monitor(
    suggest_baseline=suggest_baseline,
    load=Baseline.load,
    observe=observe,
    judge=judge,
    files=files,
    summary=summary,
    recall=observed_elsewhere,
)
