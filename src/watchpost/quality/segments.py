"""Every figure by the values of a categorical column: where the model is worst, although it looks fine as a whole."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from watchpost.errors import InputError
from watchpost.quality.attributes import Attributes
from watchpost.quality.evaluation import evaluate
from watchpost.quality.figures import Figures
from watchpost.quality.metrics import ProblemType, definition

RANKED_BY: dict[ProblemType, str] = {
    "Regression": "mae",
    "BinaryClassification": "f1",
    "MulticlassClassification": "weighted_f1",
}
"""What segments are ranked by unless another metric is named."""

MOST_SEGMENTS = 120  # as many values as the contract lists of a categorical column (2.5)
LEAST_ROWS = 30  # below, a share moves by more than a tenth by chance alone


@dataclass(frozen=True, slots=True)
class Segment:
    """The rows whose cell in `column` is `value` (None: the empty cells), and how good the answers were there.

    small: True when there are too few rows to say; its figures are then those of chance, and it ranks last.
    """

    column: str
    value: str | None
    figures: Figures
    small: bool


def segments(
    frame: pl.DataFrame,
    attributes: Attributes,
    column: str,
    *,
    ranked_by: str | None = None,
    least_rows: int = LEAST_ROWS,
) -> tuple[Segment, ...]:
    """The figures by each value of a column, worst first, then the small ones, largest first.

    Args: frame: labelled predictions, with the column. ranked_by: a metric; one that is undefined in a segment ranks
    the segment behind the others.
    Raises: InputError when the column is absent, or has more than MOST_SEGMENTS values.
    """
    if column not in frame.columns:
        raise InputError(f"There is no column {column!r} to make segments of. Name one of {', '.join(frame.columns)}.")
    values = frame[column].n_unique()
    if values > MOST_SEGMENTS:
        raise InputError(
            f"Column {column!r} has {values} distinct values, more than {MOST_SEGMENTS}: not segments. "
            "Bin it, or choose a categorical column."
        )
    found = []
    for cell in frame[column].unique(maintain_order=True):
        rows = frame.filter(pl.col(column).eq_missing(pl.lit(cell, dtype=frame[column].dtype)))
        figures = evaluate(rows, attributes)
        found.append(Segment(column, None if cell is None else str(cell), figures, figures.rows < least_rows))
    return worst_first(found, attributes.problem_type, ranked_by)


def worst_first(
    found: Iterable[Segment], problem_type: ProblemType, ranked_by: str | None = None
) -> tuple[Segment, ...]:
    """Segments in the order of `segments`. Raises: InputError when that metric has no better direction."""
    metric = definition(problem_type, ranked_by or RANKED_BY[problem_type])
    if metric is None or metric.better is None:
        raise InputError(f"Segments cannot be ranked by {ranked_by!r}: it is no metric with a better direction.")
    sign = 1.0 if metric.better == "higher" else -1.0

    def rank(segment: Segment) -> tuple[bool, float, int]:
        value = segment.figures.value(metric.name)
        worth = float("inf") if value is None else sign * value
        return segment.small, 0.0 if segment.small else worth, -segment.figures.rows

    return tuple(sorted(found, key=rank))
