"""What a reader of a model quality report should know beside the figures, and what to do next."""

from collections.abc import Iterator, Sequence

from watchpost.monitors._quality_baseline import QualityBaseline
from watchpost.monitors._quality_figures import group_of
from watchpost.monitors._quality_observation import QualityObservation
from watchpost.monitors._weighting import weighing
from watchpost.quality.compare import QualityOutcome
from watchpost.quality.figures import Figures
from watchpost.quality.metrics import BEST_CONSTANT
from watchpost.quality.segments import RANKED_BY, Segment
from watchpost.verdicts import Violation


def notes(baseline: QualityBaseline, current: QualityObservation, outcome: QualityOutcome) -> Iterator[str]:
    """Things that are no violation, how complete the window is first."""
    coverage, figures = current.coverage, current.figures
    if current.weights is not None:
        yield weighing(current.weights, current.weight_attribute)
    if coverage.labelled < coverage.predictions:
        yield f"{coverage.labelled:,} of {coverage.predictions:,} predictions have a label so far."
    if coverage.withdrawn:
        yield f"{coverage.withdrawn:,} predictions had a label that was withdrawn."
    if coverage.ambiguous:
        yield f"{coverage.ambiguous:,} predictions share their id with another one, and its label."
    if current.unusable:
        yield (
            f"{current.unusable:,} labelled predictions were left out: their answer or label is missing, or not what "
            f"{figures.problem_type} asks for."
        )
    if outcome.verdict == "not_enough_data":
        yield f"Not judged: {outcome.reason}"
    yield from outcome.notes
    if baseline.statistics is None:
        yield "The baseline has no statistics.json, so its thresholds are taken as exact."
    if not figures.exact:
        yield "There were too many distinct scores or errors to keep each, so curves, areas and quantiles are rounded."
    for worst in _worst(current.segments):
        name = RANKED_BY[figures.problem_type]
        value, whole = worst.figures.value(name), figures.value(name)
        if value is not None and whole is not None:
            yield f"Worst segment: {group_of(worst)}, {name} {value:.4g} (of all: {whole:.4g})."


def next_steps(current: QualityObservation, outcome: QualityOutcome, flow: Sequence[Violation]) -> Iterator[str]:
    """What to do, most urgent first."""
    coverage = current.coverage
    if flow or (coverage.predictions and not coverage.labelled):
        yield (
            "Find out why labels stay away: look at the job that delivers ground truth, and whether its event ids are "
            "the captured inference ids."
        )
    if outcome.violations:
        yield from _after_violations(current)
    if outcome.verdict == "not_enough_data" and coverage.labelled < coverage.predictions:
        yield "Check the same predictions again once more labels have arrived."


def _after_violations(current: QualityObservation) -> Iterator[str]:
    constant = _beaten_by_a_constant(current.figures)
    if constant is not None:
        yield f"Stop relying on the model: always giving one and the same answer has a better {constant}."
    worst = [group_of(segment) for segment in _worst(current.segments)]
    if worst:
        yield f"Look first where it is worst: {', '.join(worst)}."
    else:
        yield "Find out where it got worse: give the columns that matter by --segment."
    yield "Run the data-quality monitor on the same window: a changed input explains most drops in quality."
    yield "If the inputs are as before, the world has changed: retrain on recent labels, then make a new baseline."


def _beaten_by_a_constant(figures: Figures) -> str | None:
    values = {metric.name: metric.value for metric in figures.metrics}
    own, constant = values.get("accuracy"), values.get("accuracy" + BEST_CONSTANT)
    return "accuracy" if own is not None and constant is not None and own < constant else None


def _worst(segments: Sequence[Segment]) -> Iterator[Segment]:
    """The worst segment of every column that has segments large enough to tell."""
    seen: set[str] = set()
    for segment in segments:
        if segment.column not in seen and not segment.small:
            seen.add(segment.column)
            yield segment
