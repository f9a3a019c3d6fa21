"""Explainability: does the model still rely on its features as it did?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isclose
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from watchpost.attribution import (
    EXPLAINERS,
    Analysis,
    AnalysisConfig,
    GlobalAttribution,
    ModelMetadata,
    Task,
    compare,
    differences,
    next_steps,
    parse_config,
    summarise,
    write_violations,
)
from watchpost.attribution.rows import EXPLAINED_ROWS, sample_rows, typical_row
from watchpost.data import open_dataset
from watchpost.data.dataset import Dataset
from watchpost.data.quarantine import Quarantine
from watchpost.errors import EmptySource
from watchpost.monitors import LearnedSummary, Monitor, Settings, Terms
from watchpost.monitors._attribution_baseline import (
    CONFIG,
    METADATA,
    AttributionBaseline,
    execution_files,
)
from watchpost.monitors._attribution_report import figures_of, violations_of, with_labels
from watchpost.monitors._explained_model import LOGGED, MissingModel, explainer_for, open_model
from watchpost.monitors._explained_rows import Sample, feature_rows, read_sample
from watchpost.monitors._weighting import representative, resampling
from watchpost.verdicts import QuarantineSummary, Report, Summary, Violation

VIOLATIONS = "constraint_violations.json"


@dataclass(frozen=True, slots=True, eq=False)  # attributions hold arrays
class Explained:
    """What was seen of new data: its attributions, which are None for a dataset without a row, and how they came about.

    metadata: None for attributions that the service made. seed: of the judgement's random draws.
    notes: what a reader of the verdict should know.
    """

    name: str
    attribution: GlobalAttribution | None
    metadata: ModelMetadata | None = None
    quarantine: QuarantineSummary = field(default_factory=QuarantineSummary)
    seed: int = 0
    notes: tuple[str, ...] = ()


def suggest_baseline(dataset: Dataset, settings: Settings, quarantine: Quarantine) -> AttributionBaseline:
    """Explain rows of good data. Raises: InputError, MalformedBaseline for the configuration, AttributionError."""
    config = _config(settings)
    rng = np.random.default_rng([settings.seed, 0])
    seen = _explained(dataset, settings, quarantine, config or AnalysisConfig(), None, rng)
    if seen.attribution is None:
        raise EmptySource(dataset.name)
    return AttributionBaseline(
        Analysis(seen.attribution.labels), config, seen.metadata, seen.attribution.explanation, dataset.name
    )


def observe(baseline: AttributionBaseline, dataset: Dataset, settings: Settings, quarantine: Quarantine) -> Explained:
    """Explain rows of new data as the baseline's were explained, whatever of that is not given anew.

    Raises: InputError (MissingModel when there is nothing to explain with), AttributionError.
    """
    config = _config(settings) or baseline.config or AnalysisConfig(aggregation=baseline.attribution.aggregation)
    return _explained(dataset, settings, quarantine, config, baseline, np.random.default_rng([settings.seed, 1]))


def recall(data: object) -> Explained | None:
    """The attributions that an `analysis.json` records, with its rows if they lie beside it; None for other data.

    Raises: MalformedBaseline.
    """
    if not isinstance(data, str | Path) or not str(data).endswith(".json") or not Path(data).is_file():
        return None
    try:
        msgspec.json.decode(Path(data).read_bytes(), type=_Outline)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    found = AttributionBaseline.load(data)
    return Explained(str(data), found.attribution, found.metadata, notes=found.notes)


class _Outline(msgspec.Struct):
    """The key that tells an analysis.json with attributions from any other JSON."""

    explanations: msgspec.Raw


def judge(baseline: AttributionBaseline, seen: Explained, terms: Terms) -> Report:
    """Say what drives the model differently. Pure: the same arguments give the same report.

    Raises: Incomparable where the two sides were made too differently.
    """
    before = baseline.attribution
    report = Report(
        monitor="explainability",
        compat=terms.compat,
        baseline_name=baseline.name,
        current_name=seen.name,
        baseline_rows=baseline.metadata.explained_rows if baseline.metadata is not None else 0,
        current_rows=seen.metadata.explained_rows if seen.metadata is not None else 0,
        summary=Summary(None, None, None, 0),
        violations=(),
        features=(),
        quarantine=seen.quarantine,
        notes=tuple(dict.fromkeys((*baseline.notes, *seen.notes, *_how_made(baseline, seen)))),
    )
    if seen.attribution is None:
        return report if terms.compat else _concluded(report, (Violation("Rows", _EMPTY, _NO_ROWS),))
    # A file that the service made does not say how it was aggregated: as its baseline was.
    now = seen.attribution if seen.metadata is not None else replace(seen.attribution, aggregation=before.aggregation)
    drift = compare(before, now, np.random.default_rng([seen.seed, 2]), compat=terms.compat)
    rows = [side.explanation.rows for side in (before, now) if side.explanation is not None]
    return replace(
        _concluded(report, tuple(violations_of(drift))),
        figures=figures_of(drift, min(rows) if len(rows) == 2 else None, compat=terms.compat),
        next_steps=next_steps(drift),
        notes=report.notes + drift.notes,
    )


def files(seen: Explained, report: Report) -> Mapping[str, str | None]:
    """The attributions, how they were made, the explained rows, and the violations in the service's shape."""
    labels = seen.attribution.labels if seen.attribution is not None else ()
    explanation = seen.attribution.explanation if seen.attribution is not None else None
    listed = with_labels(report.violations, report.figures)
    return {
        **execution_files(Analysis(labels), explanation, seen.metadata),
        VIOLATIONS: write_violations(listed) if listed else None,
    }


def summary(baseline: AttributionBaseline) -> LearnedSummary:
    """What drives the model, in a sentence."""
    written = tuple(name for name, text in baseline.files().items() if text is not None)
    label = baseline.analysis.labels[0]
    total = sum(map(abs, label.values)) or 1.0
    leaders = sorted(label.by_feature.items(), key=lambda item: -abs(item[1]))[:_LEADERS]
    said = ", ".join(f"{name!r} {100 * abs(value) / total:.0f} %" for name, value in leaders)
    rows, how = 0, ""
    if baseline.metadata is not None:
        rows, how = baseline.metadata.explained_rows, f" ({EXPLAINERS.load(baseline.metadata.explainer).summary})"
    sentence = f"Explained {rows:,} rows of {baseline.name}{how}. What drives {label.label!r} most: {said}."
    return LearnedSummary(sentence, rows, written)


def _config(settings: Settings) -> AnalysisConfig | None:
    return parse_config(settings.analysis_config, CONFIG) if settings.analysis_config is not None else None


def _explained(
    dataset: Dataset,
    settings: Settings,
    quarantine: Quarantine,
    config: AnalysisConfig,
    baseline: AttributionBaseline | None,
    rng: np.random.Generator,
) -> Explained:
    table, weights = representative(dataset, rng)
    sample = read_sample(table, quarantine, rng)
    if not sample.frame.height:
        return Explained(dataset.name, None, quarantine=quarantine.summary(), seed=settings.seed)
    known = baseline.metadata if baseline is not None else None
    columns_are_attributions = settings.model == LOGGED or (
        settings.model is None and known is not None and known.explainer == LOGGED
    )
    if sample.labels is not None or columns_are_attributions:
        name, reference = LOGGED, None
        task = Task(None, sample.frame, labels=sample.labels or config.label_headers)
    else:
        name, reference, task = _task(sample, dataset.name, settings, config, baseline, rng)
    explanation = EXPLAINERS.load(name).explain(task, rng)
    asks = name == "kernel_shap"
    metadata = ModelMetadata(
        name,
        explanation.features,
        explanation.labels,
        config.aggregation,
        explanation.units,
        reference,
        config.num_samples if asks else None,
        tuple(task.background.rows()) if task.background is not None else (),
        explanation.rows,
        explanation.model_rows,
    )
    notes = [] if weights is None else [resampling(weights, sample.records)]
    if sample.records > explanation.rows:
        drawn = f"{explanation.rows:,} of {sample.records:,} rows of {dataset.name}, drawn at random"
        notes.append(f"Explained were {drawn} (seed {settings.seed}).")
    return Explained(
        dataset.name,
        summarise(explanation, config.aggregation),
        metadata,
        quarantine.summary(),
        settings.seed,
        tuple(notes),
    )


def _task(
    sample: Sample,
    source: str,
    settings: Settings,
    config: AnalysisConfig,
    baseline: AttributionBaseline | None,
    rng: np.random.Generator,
) -> tuple[str, str, Task]:
    """Which explainer, what the model is called, and what to explain."""
    known = baseline.metadata if baseline is not None else None
    if settings.model is None:
        raise MissingModel(source, known.model if known is not None else None)
    score = settings.probability_attribute
    place = int(score) if score is not None and score.isdecimal() else score
    opened = open_model(settings.model, replace(config.wire(), score=place))
    # A baseline that does not say how it was made is the service's, and the service has Kernel SHAP only.
    wanted = known.explainer if known is not None else "kernel_shap" if baseline is not None else None
    name, model = explainer_for(opened.model, wanted)
    rows = feature_rows(sample.frame, _features(config, baseline), config, settings, training=baseline is None)
    background = None
    if EXPLAINERS.load(name).needs_background:
        background = _background(rows, config, known, rng)
    task = Task(
        model,
        rows,
        background,
        labels=config.label_headers,
        num_samples=config.num_samples,
        use_logit=config.use_logit,
    )
    return name, opened.name, task


def _features(config: AnalysisConfig, baseline: AttributionBaseline | None) -> tuple[str, ...]:
    """The features in the model's order, as far as they are known: the service's file need not keep that order."""
    if baseline is None or (baseline.metadata is None and config.headers):
        return ()
    return baseline.features


def _background(
    rows: pl.DataFrame, config: AnalysisConfig, known: ModelMetadata | None, rng: np.random.Generator
) -> pl.DataFrame:
    """The rows that stand for an unknown feature: as given, else the baseline's, else one typical row."""
    features = tuple(rows.columns)
    given = config.background(features)
    if given is None and known is not None and known.background:
        given = replace(config, baseline=known.background).background(known.features)
    if given is None and config.baseline_uri is not None:
        found = open_dataset(config.baseline_uri, header=False, names=features)
        given = sample_rows(found.batches(Quarantine()), EXPLAINED_ROWS, rng)
    return given.select(features) if given is not None and set(features) <= set(given.columns) else typical_row(rows)


def _how_made(baseline: AttributionBaseline, seen: Explained) -> Iterator[str]:
    """What tells the two sides apart but the data."""
    before, now = baseline.metadata, seen.metadata
    if before is None or now is None:
        if seen.attribution is not None:
            side = "baseline's" if before is None else "current"
            yield (
                f"Nothing says how the {side} attributions were made (no {METADATA}), so both sides are taken to be "
                f"made alike."
            )
        return
    yield from differences(before, now)
    if before.explainer != now.explainer or before.background != now.background or now.explainer == LOGGED:
        return
    if seen.attribution is None:
        return
    expected = {label.label: label.expected for label in seen.attribution.labels}
    for label in baseline.analysis.labels:
        is_now = expected.get(label.label)
        if label.expected is None or is_now is None or isclose(label.expected, is_now, rel_tol=1e-6, abs_tol=1e-9):
            continue
        yield (
            f"The expected value of {label.label!r} was {label.expected:.6g} and is {is_now:.6g}. It does not depend "
            f"on the data, so the model itself is another one than the baseline's."
        )


def _concluded(report: Report, violations: tuple[Violation, ...]) -> Report:
    return replace(report, violations=violations, summary=replace(report.summary, violations=len(violations)))


_EMPTY = "empty_window_check"
_NO_ROWS = "The current dataset holds no rows: nothing was recorded, or read."
_LEADERS = 3  # features that the sentence on a new baseline names

plugin = Monitor(
    suggest_baseline=suggest_baseline,
    load=AttributionBaseline.load,
    observe=observe,
    judge=judge,
    files=files,
    summary=summary,
    recall=recall,
)
