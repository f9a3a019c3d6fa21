"""Labels met with the predictions they belong to, and how many predictions have one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from watchpost.data.ground_truth import EVENT_ID, EVENT_ROW

TRUTH_PREFIX = "groundTruthData_"
"""Begins the names of label columns in a joined table: `groundTruthData_0`, `groundTruthData_label` (contract 6.4)."""

WITHDRAWN = "withdrawn"

_PLACE = "place"
_LEAST_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of a window's predictions have a label, as of some instant.

    withdrawn: predictions whose latest word is that the label was wrong, without a new one. ambiguous: predictions that
    share their id and row with another one; each gets the label, which was given for only one of them.
    """

    predictions: int
    labelled: int
    withdrawn: int = 0
    ambiguous: int = 0

    @property
    def labelled_share(self) -> float:
        """Share of the predictions that have a label, in [0, 1]; 0 without predictions."""
        return self.labelled / self.predictions if self.predictions else 0.0

    def plus(self, other: "Coverage") -> "Coverage":
        """Of two windows together."""
        return Coverage(
            self.predictions + other.predictions,
            self.labelled + other.labelled,
            self.withdrawn + other.withdrawn,
            self.ambiguous + other.ambiguous,
        )


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPredictions:
    """rows: the predictions that have a label, in their order, the label's cells behind them. coverage: of them all."""

    rows: pl.DataFrame
    coverage: Coverage


def join_key(inference_ids: Sequence[str | None] | pl.Series, event_ids: Sequence[str | None] | pl.Series) -> pl.Series:
    """The id a label is given under: the inference id if there is one, else the event id (contract 6.2)."""
    inference, event = (pl.Series(EVENT_ID, ids, dtype=pl.String) for ids in (inference_ids, event_ids))
    return inference.replace("", None).zip_with(inference.is_not_null() & (inference != ""), event)


def join_labels(predictions: pl.DataFrame, labels: pl.DataFrame) -> LabelledPredictions:
    """Each prediction with its label; predictions without one, and labels without a prediction, are left out.

    Args: predictions: any columns, with EVENT_ID (see `join_key`), and EVENT_ROW where one record holds several rows.
    labels: of `LabelLedger.as_of`, every event's row once. Label column `_c0` becomes `groundTruthData_0`, `label`
    becomes `groundTruthData_label`.
    """
    asked = predictions if EVENT_ROW in predictions.columns else predictions.with_columns(pl.lit(0).alias(EVENT_ROW))
    asked = asked.with_columns(pl.col(EVENT_ROW).cast(pl.Int64), pl.col(EVENT_ID).cast(pl.String))
    answers = labels.rename({name: truth_name(name) for name in labels.columns if name not in _KEYS})
    met = asked.join(answers, on=[EVENT_ID, EVENT_ROW], how="inner", maintain_order="left")
    withdrawn = met.filter(WITHDRAWN).height
    rows = met.filter(~pl.col(WITHDRAWN)).drop(WITHDRAWN)
    ambiguous = asked.filter(pl.col(EVENT_ID).is_not_null() & pl.struct(EVENT_ID, EVENT_ROW).is_duplicated()).height
    return LabelledPredictions(rows, Coverage(predictions.height, rows.height, withdrawn, ambiguous))


def join_batches(predictions: Iterable[pl.DataFrame], labels: pl.DataFrame) -> Iterator[LabelledPredictions]:
    """The same for a stream of predictions, a part of which is joined at a time; coverages add up to that of all.

    Memory is bounded by the labels and as many predictions. Args: as of `join_labels`; label columns that a batch
    already has are replaced.
    """
    # A join costs as much as its larger side, so each takes in as many predictions as there are labels: time stays
    # proportional to both together, however small the batches are.
    least = max(_LEAST_ROWS, labels.height)
    held: list[pl.DataFrame] = []
    for batch in predictions:
        held.append(batch)
        if sum(frame.height for frame in held) >= least:
            yield from _joined(held, labels)
            held = []
    if held:
        yield from _joined(held, labels)


def _joined(held: list[pl.DataFrame], labels: pl.DataFrame) -> Iterator[LabelledPredictions]:
    keys = pl.concat([_keys(frame) for frame in held]).with_row_index(_PLACE)
    met = join_labels(keys, labels)
    places, truth = met.rows[_PLACE], met.rows.drop(_PLACE, EVENT_ID, EVENT_ROW)
    start, coverage = 0, met.coverage
    for frame in held:
        # Places ascend, so a frame's rows lie between its ends.
        first = places.search_sorted(start, side="left")
        last = places.search_sorted(start + frame.height, side="left")
        rows = frame[places[first:last] - start]
        own = rows.drop([name for name in rows.columns if name.startswith(TRUTH_PREFIX)])
        yield LabelledPredictions(own.hstack(truth[first:last]), coverage)
        start, coverage = start + frame.height, Coverage(0, 0)


def _keys(frame: pl.DataFrame) -> pl.DataFrame:
    row = pl.col(EVENT_ROW).cast(pl.Int64) if EVENT_ROW in frame.columns else pl.lit(0, dtype=pl.Int64).alias(EVENT_ROW)
    return frame.select(pl.col(EVENT_ID).cast(pl.String), row)


_KEYS = (EVENT_ID, EVENT_ROW, WITHDRAWN)


def truth_name(name: str) -> str:
    """What a label's column is called beside the captured ones.

    >>> truth_name("_c0"), truth_name("label")
    ('groundTruthData_0', 'groundTruthData_label')
    """
    if name == TRUTH_PREFIX[:-1]:  # a JSON label that is a bare number or text
        return TRUTH_PREFIX + "0"
    return TRUTH_PREFIX + (name[2:] if name.startswith("_c") and name[2:].isdigit() else name)
