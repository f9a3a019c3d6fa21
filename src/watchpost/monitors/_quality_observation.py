"""What model quality sees of a window: its figures, how sure they are, by segment, and how many labels there are."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from watchpost.data.ahead import read_ahead
from watchpost.data.dataset import Dataset, Identified
from watchpost.data.ground_truth import EVENT_ID
from watchpost.data.labels import Coverage, LabelledPredictions, join_batches
from watchpost.data.ledger import last_labels
from watchpost.data.quarantine import Quarantine
from watchpost.data.weights import WeightSums, relative
from watchpost.errors import InputError
from watchpost.monitors._quality_columns import TRUTH, QualityColumns, segment_name
from watchpost.monitors._settings import ProblemType, Settings
from watchpost.quality.attributes import class_names
from watchpost.quality.chance import Measured
from watchpost.quality.evaluation import Evaluation
from watchpost.quality.figures import Figures
from watchpost.quality.segments import LEAST_ROWS, MOST_SEGMENTS, Segment, worst_first
from watchpost.verdicts import QuarantineSummary

_SEGMENT_CAP = 1 << 14  # distinct scores kept of a segment: a hundred segments then hold no more than the whole


@dataclass(frozen=True, slots=True)
class QualityObservation:
    """What was seen of a window: everything a judgement needs, and no row.

    measured: the figures of the predictions with a usable label. coverage: of all predictions. unusable: predictions
    with a label that were left out, as answer or label is missing, or is not what the problem type asks for.
    segments: by column, worst first. expected_share: of predictions that have a label by now, if somebody said so.
    weights: what those of the judged predictions come to; None where all weigh the same. weight_attribute: the column
    they come from; None for those of captured records.
    """

    name: str
    measured: Measured
    coverage: Coverage
    unusable: int = 0
    segments: tuple[Segment, ...] = ()
    expected_share: float | None = None
    quarantine: QuarantineSummary = field(default_factory=QuarantineSummary)
    weights: WeightSums | None = None
    weight_attribute: str | None = None

    @property
    def figures(self) -> Figures:
        """The figures of the window."""
        return self.measured.figures


def see(dataset: Dataset, problem_type: ProblemType, settings: Settings, quarantine: Quarantine) -> QualityObservation:
    """Read a window of labelled predictions. Raises: InputError when it cannot be judged as asked."""
    columns = QualityColumns(problem_type, settings)
    rng = np.random.default_rng(settings.seed)
    whole = Evaluation(columns.attributes)
    parts = {name: _Parts(name) for name in settings.segments}
    coverage = Coverage(0, 0)
    for met in _labelled(dataset, columns, settings, quarantine):
        coverage = coverage.plus(met.coverage)
        if met.rows.width:
            whole.add(columns.outcomes(met.rows), rng)
            for part in parts.values():
                part.update(met.rows, columns, rng)
    columns.require()
    figures = whole.figures(rng).per_row()
    if coverage.labelled and not figures.rows:
        raise InputError(_none_usable(dataset.name, problem_type, coverage.labelled))
    return QualityObservation(
        dataset.name,
        Measured(figures, whole.standard_errors(rng)),
        coverage,
        coverage.labelled - figures.rows,
        tuple(segment for part in parts.values() for segment in part.segments(problem_type, rng)),
        settings.expected_label_share,
        quarantine.summary(),
        whole.weights,
        settings.weight_attribute,
    )


def _labelled(
    dataset: Dataset, columns: QualityColumns, settings: Settings, quarantine: Quarantine
) -> Iterator[LabelledPredictions]:
    """The rows that have a label, as TRUTH beside the answers, batch by batch."""
    table = relative(dataset.by_event() if isinstance(dataset, Identified) else dataset)
    if settings.ground_truth is not None:
        labels = last_labels(settings.ground_truth, quarantine)
        for met in join_batches(_predictions(table, columns, quarantine), labels):
            if met.rows.is_empty():
                # No label yet is a matter of coverage, and no column is missing for it.
                yield LabelledPredictions(pl.DataFrame(), met.coverage)
                continue
            truth = columns.truth(met.rows)
            whole = truth is not None and columns.answered(met.rows)
            rows = _with_truth(met.rows, truth) if truth is not None and whole else pl.DataFrame()
            yield LabelledPredictions(rows, met.coverage)
        return
    for batch in read_ahead(table.batches(quarantine)):
        answers, truth = columns.answers(batch), columns.truth(batch)
        if answers is None or truth is None:
            # Rows of which only a part is there still count: as labelled, if it is the answer that is missing.
            present = 0 if truth is None else len(truth) - truth.null_count()
            yield LabelledPredictions(pl.DataFrame(), Coverage(batch.height, present))
        else:
            rows = _with_truth(answers, truth)
            yield LabelledPredictions(rows, Coverage(batch.height, rows.height))


def _predictions(table: Dataset, columns: QualityColumns, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
    for batch in read_ahead(table.batches(quarantine)):
        if EVENT_ID not in batch.columns:
            raise InputError(
                f"{table.name!r} has no column {EVENT_ID!r}, so labels that arrived later cannot be joined. Name the "
                f"column of inference ids {EVENT_ID!r}, or give capture files."
            )
        answers = columns.answers(batch)
        # A batch without answers still counts its predictions.
        yield batch.select(EVENT_ID) if answers is None else answers


def _with_truth(answers: pl.DataFrame, truth: pl.Series) -> pl.DataFrame:
    rows = answers.with_columns(truth.alias(TRUTH))
    return rows.filter(pl.col(TRUTH).is_not_null()) if truth.null_count() else rows


class _Parts:
    """The evaluations of one column's values."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._evaluations: dict[str | None, Evaluation] = {}

    def update(self, rows: pl.DataFrame, columns: QualityColumns, rng: np.random.Generator) -> None:
        """Take in rows. Raises: InputError when the column has too many values."""
        values = class_names(rows[segment_name(self._column)])
        for value in values.unique(maintain_order=True):
            own = self._evaluations.get(value)
            if own is None:
                own = self._evaluations[value] = Evaluation(columns.attributes, _SEGMENT_CAP)
            if len(self._evaluations) > MOST_SEGMENTS:
                raise InputError(
                    f"--segment {self._column!r} (Settings.segments) has more than {MOST_SEGMENTS} distinct values: "
                    "those are no segments. Bin the column, or choose a categorical one."
                )
            own.add(columns.outcomes(rows.filter(values.eq_missing(value))), rng)

    def segments(self, problem_type: ProblemType, rng: np.random.Generator) -> tuple[Segment, ...]:
        """The figures of every value, worst first."""
        measured = ((value, own.figures(rng).per_row()) for value, own in self._evaluations.items())
        found = (Segment(self._column, value, figures, figures.rows < LEAST_ROWS) for value, figures in measured)
        return worst_first(found, problem_type)


def _none_usable(name: str, problem_type: ProblemType, labelled: int) -> str:
    wanted = {
        "Regression": "a finite number as answer and as label",
        "BinaryClassification": "1 or 0 (true or false) as label and as answer, and a number as probability",
        "MulticlassClassification": "the name of a class as label and as answer, or its probabilities",
    }[problem_type]
    return (
        f"None of the {labelled:,} labelled rows of {name!r} can be judged: every row needs {wanted}. Check the "
        "attributes, and what these columns hold."
    )
