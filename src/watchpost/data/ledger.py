"""The ledger of labels: everything ever said about the truth, so that it can be told what was known at any instant.

Labels arrive late, out of order, twice, corrected and withdrawn. The ledger keeps each word with the instant at which
it was observed, and answers with the last word known at an instant.

What counts as one word is a record: all rows of one event that were observed together. A later word replaces the
earlier one as a whole. Between words of one event observed at the same instant the one recorded later holds (contract
6.2: the last label wins), unless the recorder numbers them itself (`sequence`), which makes the order of recording
irrelevant altogether.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from watchpost.data.dataset import Dataset
from watchpost.data.ground_truth import EVENT_ID, EVENT_ROW
from watchpost.data.labels import WITHDRAWN
from watchpost.data.quarantine import Quarantine
from watchpost.errors import InputError

_OBSERVED, _SEQUENCE = "observed_at", "sequence"
_KEYS = (EVENT_ID, EVENT_ROW, _OBSERVED, _SEQUENCE, WITHDRAWN)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Revision:
    """One word about one event: its label's rows (cells by column), or that the earlier label was wrong."""

    observed_at: datetime
    rows: tuple[tuple[tuple[str, object], ...], ...]
    withdrawn: bool = False


class LabelLedger:
    """Labels under their events, with their whole history; grows by every word, and forgets only when told to."""

    def __init__(self) -> None:
        self._words = pl.DataFrame(schema=_SCHEMA)
        self._pending: list[pl.DataFrame] = []
        self._recorded = 0

    def record(self, labels: pl.DataFrame, observed_at: datetime, *, sequence: int | None = None) -> None:
        """Take in labels observed at one instant.

        Args: labels: EVENT_ID, EVENT_ROW (0 for all if absent) and the label's cells, as `GroundTruthFiles` reads them;
        an event's rows stand together, and row 0 begins a new word. observed_at: aware. sequence: the place of these
        words among those of the same instant; None is the order of recording.
        Raises: ValueError for a naive instant.
        """
        if labels.is_empty():
            return
        rows = labels if EVENT_ROW in labels.columns else labels.with_columns(pl.lit(0).alias(EVENT_ROW))
        begins = rows[EVENT_ROW].cast(pl.Int64) == 0
        self._take(rows, observed_at, begins.cum_sum().cast(pl.Int64), sequence, withdrawn=False)

    def withdraw(self, events: Iterable[str], observed_at: datetime, *, sequence: int | None = None) -> None:
        """Take in that the labels of these events were wrong, and no new ones are known. Arguments as of `record`."""
        ids = pl.DataFrame({EVENT_ID: list(events)}, schema={EVENT_ID: pl.String})
        if not ids.is_empty():
            rows = ids.with_columns(pl.lit(0).alias(EVENT_ROW))
            self._take(rows, observed_at, pl.int_range(1, ids.height + 1, eager=True), sequence, withdrawn=True)

    def merge(self, other: "LabelLedger") -> "LabelLedger":
        """A new ledger of both sides' words; the other's count as recorded after this one's."""
        merged = LabelLedger()
        later = other._settled().with_columns(pl.col(_SEQUENCE) + self._recorded)
        merged._words = _united([self._settled(), later])
        merged._recorded = self._recorded + other._recorded
        return merged

    def as_of(self, instant: datetime) -> pl.DataFrame:
        """The last words known at that instant: EVENT_ID, EVENT_ROW, `withdrawn`, and the label's cells.

        A withdrawn event has one row, without a label. Rows are in no particular order.
        Raises: ValueError for a naive instant.
        """
        known = self._settled().filter(pl.col(_OBSERVED) <= _microseconds(instant))
        last = _last_words(known)
        return last.unique([EVENT_ID, EVENT_ROW], keep="last").drop(_OBSERVED, _SEQUENCE)

    def instants(self, events: pl.Series | None = None) -> tuple[datetime, ...]:
        """When something was said, ascending, each once: a window's quality can have changed only then.

        events: of these only, such as the ids of a window's predictions.
        """
        words = self._settled()
        if events is not None:
            words = words.filter(pl.col(EVENT_ID).is_in(events.cast(pl.String).unique().implode()))
        return tuple(_instant(at) for at in words[_OBSERVED].unique().sort())

    def revisions(self, event: str) -> tuple[Revision, ...]:
        """All that was ever said about an event, first to last; a word that repeats the one before it is left out."""
        words = self._settled().filter(pl.col(EVENT_ID) == event).sort(_OBSERVED, _SEQUENCE, EVENT_ROW)
        found: list[Revision] = []
        for (at, _), word in words.group_by(_OBSERVED, _SEQUENCE, maintain_order=True):
            withdrawn = bool(word[WITHDRAWN][0])
            cells = [name for name in word.columns if name not in _KEYS]
            rows = () if withdrawn else tuple(tuple(zip(cells, row, strict=True)) for row in word.select(cells).rows())
            moment = _instant(at if isinstance(at, int) else 0)
            if not found or (found[-1].rows, found[-1].withdrawn) != (rows, withdrawn):
                found.append(Revision(moment, rows, withdrawn))
        return tuple(found)

    def forget_before(self, instant: datetime) -> "LabelLedger":
        """A new ledger that answers as this one for every instant from that one on, and keeps nothing older."""
        words, at = self._settled(), _microseconds(instant)
        kept = LabelLedger()
        kept._words = _united(
            [_last_words(words.filter(pl.col(_OBSERVED) <= at)), words.filter(pl.col(_OBSERVED) > at)]
        )
        kept._recorded = self._recorded
        return kept

    def _take(
        self, rows: pl.DataFrame, observed_at: datetime, words: pl.Series, sequence: int | None, *, withdrawn: bool
    ) -> None:
        # Words of one call are told apart by their place in it, also when the caller numbers the calls.
        stamps = words + self._recorded if sequence is None else words + (sequence << 32)
        self._recorded += rows.height
        self._pending.append(
            rows.with_columns(
                pl.col(EVENT_ID).cast(pl.String),
                pl.col(EVENT_ROW).cast(pl.Int64),
                pl.lit(_microseconds(observed_at), dtype=pl.Int64).alias(_OBSERVED),
                stamps.alias(_SEQUENCE),
                pl.lit(withdrawn).alias(WITHDRAWN),
            )
        )

    def _settled(self) -> pl.DataFrame:
        if self._pending:
            self._words, self._pending = _united([self._words, *self._pending]), []
        return self._words


def last_labels(labels: Dataset, quarantine: Quarantine) -> pl.DataFrame:
    """The last label of every event in a dataset that is read in the order in which it was written.

    Args: labels: `GroundTruthFiles`, or any table with a column EVENT_ID. Returns: as `LabelLedger.as_of`.
    Raises: InputError when the table says not what its labels belong to.
    """
    ledger = LabelLedger()
    for batch in labels.batches(quarantine):
        if EVENT_ID not in batch.columns:
            raise InputError(
                f"{labels.name!r} has no column {EVENT_ID!r}, so its labels belong to nothing. Give ground truth JSON "
                f"lines, or name the column of inference ids {EVENT_ID!r}."
            )
        ledger.record(batch.filter(pl.col(EVENT_ID).is_not_null()), _EPOCH)
    return ledger.as_of(_EPOCH)


_SCHEMA = {
    EVENT_ID: pl.String,
    EVENT_ROW: pl.Int64,
    _OBSERVED: pl.Int64,
    _SEQUENCE: pl.Int64,
    WITHDRAWN: pl.Boolean,
}


def _last_words(words: pl.DataFrame) -> pl.DataFrame:
    """The rows of every event's last word."""
    latest = words.filter(pl.col(_OBSERVED) == pl.col(_OBSERVED).max().over(EVENT_ID))
    return latest.filter(pl.col(_SEQUENCE) == pl.col(_SEQUENCE).max().over(EVENT_ID))


def _united(pieces: list[pl.DataFrame]) -> pl.DataFrame:
    """All rows under all columns; a label that is a number here and text there becomes text everywhere."""
    dtypes: dict[str, set[pl.DataType]] = {}
    for piece in pieces:
        for name, dtype in piece.schema.items():
            if dtype != pl.Null:
                dtypes.setdefault(name, set()).add(dtype)
    mixed = [name for name, found in dtypes.items() if len(found) > 1]
    alike = []
    for piece in pieces:
        casts = [
            pl.col(name).cast(pl.Float64 if _numeric(dtypes[name]) else pl.String)
            for name in mixed
            if name in piece.columns
        ]
        alike.append(piece.with_columns(casts))
    return pl.concat(alike, how="diagonal_relaxed") if alike else pl.DataFrame(schema=_SCHEMA)


def _numeric(dtypes: set[pl.DataType]) -> bool:
    return all(dtype.is_numeric() for dtype in dtypes)


def _microseconds(instant: datetime) -> int:
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no offset: an instant must be aware, e.g. in UTC.")
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
