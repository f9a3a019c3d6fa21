"""What a reader of a bias report should know that is no violation."""

from collections.abc import Iterator

from watchpost.bias import BiasTable
from watchpost.bias.table import LEAST_ROWS
from watchpost.data.labels import Coverage
from watchpost.data.weights import WeightSums
from watchpost.monitors._bias_baseline import BiasBaseline
from watchpost.monitors._bias_counts_json import COUNTS, Learned
from watchpost.monitors._bias_figures import group_name
from watchpost.monitors._weighting import weighing


def notes(
    baseline: BiasBaseline, seen: Learned, table: BiasTable, coverage: Coverage | None, *, compat: bool
) -> tuple[str, ...]:
    """Sentences: rows that are in no figure, groups too small, and what the figures do not take into account."""
    return (
        *_of_rows(seen, coverage),
        *_of_groups(baseline, seen, table),
        *_of_flip_tests(seen, compat=compat),
        *_of_baseline(baseline, compat=compat),
    )


def _of_rows(seen: Learned, coverage: Coverage | None) -> Iterator[str]:
    counts = seen.counts
    if any(facet.squares is not None for facet in counts.facets):
        yield weighing(WeightSums(counts.rows, counts.weight, counts.squares))
    if coverage is not None:
        withdrawn = f"; {coverage.withdrawn:,} labels were withdrawn" if coverage.withdrawn else ""
        yield (
            f"{coverage.labelled:,} of {coverage.predictions:,} predictions have a label{withdrawn}. The others are in "
            "no figure."
        )
        if coverage.ambiguous:
            yield f"{coverage.ambiguous:,} predictions share their id with another one, and so its label."
    if counts.left_out:
        lacking = "label or prediction" if counts.grouping.predicted else "label"
        yield f"{counts.left_out:,} of {counts.rows + counts.left_out:,} rows lack {lacking}, and are in no figure."


def _of_groups(baseline: BiasBaseline, seen: Learned, table: BiasTable) -> Iterator[str]:
    for group in table.groups:
        name = group_name(group.facet, group.value)
        if group.rows < LEAST_ROWS:
            yield f"{name} has {group.rows} rows; it takes {LEAST_ROWS} to judge it."
        if group.other_rows < LEAST_ROWS:
            yield f"Everyone else than {name} has {group.other_rows} rows; it takes {LEAST_ROWS} to judge by."
    compared = {facet.rule.name for facet in seen.counts.facets}
    stored = dict.fromkeys(group.facet for stage in baseline.analysis.stages for group in stage.groups)
    for facet in stored:
        if facet not in compared:
            yield f"The baseline's facet {facet!r} is none of the configuration's, so it was not judged."


def _of_flip_tests(seen: Learned, *, compat: bool) -> Iterator[str]:
    if seen.text and not compat:
        shown = ", ".join(map(repr, seen.text[:5])) + (", …" if len(seen.text) > 5 else "")
        yield (
            f"The flip test finds similar people by {len(seen.features)} columns of numbers; text is left out "
            f"({shown}). The original computes none where there is text."
        )
    if any(not isinstance(flip, str) and flip.sampled for flip in seen.flips.values()):
        yield "The flip test asked a random part of the rows, as there are very many; its interval says how sure it is."


def _of_baseline(baseline: BiasBaseline, *, compat: bool) -> Iterator[str]:
    if baseline.learned is None and not compat:
        yield (
            f"The baseline has no {COUNTS}, so its figures are taken as exact. The fewer rows it had, the more "
            "false alarms."
        )
