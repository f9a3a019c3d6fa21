"""Labels met with the predictions they belong to, and how many predictions have one."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from watchpost.data.ground_truth import EVENT_ID, EVENT_ROW

TRUTH_PREFIX = "groundTruthData_"
"""Begins the names of label columns in a joined table: `groundTruthData_0`, `groundTruthData_label` (contract 6.4)."""

WITHDRAWN = "withdrawn"


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


_KEYS = (EVENT_ID, EVENT_ROW, WITHDRAWN)


def truth_name(name: str) -> str:
    """What a label's column is called beside the captured ones.

    >>> truth_name("_c0"), truth_name("label")
    ('groundTruthData_0', 'groundTruthData_label')
    """
    return TRUTH_PREFIX + (name[2:] if name.startswith("_c") and name[2:].isdigit() else name)
