"""Ground truth files as rows of labels, each under the event it belongs to (contract 6.1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import polars as pl

from watchpost.data.cells import frame_of, typed_text_column
from watchpost.data.envelopes import CapturedSide
from watchpost.data.jsonl import name_of
from watchpost.data.lines import line_blocks
from watchpost.data.names import positional_names
from watchpost.data.payloads import Named, decode_payload
from watchpost.data.quarantine import Quarantine
from watchpost.data.records import RecordError, check_keys, decode_envelope
from watchpost.data.sources import Source
from watchpost.data.uniform import LineParts, read_payloads, side_by_side

EVENT_ID = "event_id"
"""The column of `eventMetadata.eventId`: the captured inference id, or else the captured event id (contract 6.2)."""

EVENT_ROW = "event_row"
"""The column that holds the row's 0-based place within its event; labels pair with captured rows by it."""


class _Metadata(msgspec.Struct, frozen=True):
    eventId: str  # noqa: N815  the file's word


class _Record(msgspec.Struct, frozen=True):
    groundTruthData: CapturedSide  # noqa: N815  the file's word
    eventMetadata: _Metadata  # noqa: N815  the file's word


_DECODER = msgspec.json.Decoder(_Record)


@dataclass(frozen=True, slots=True)
class GroundTruthFiles:
    """A Dataset of ground truth JSON lines: EVENT_ID, EVENT_ROW, then the label's cells.

    A CSV label's cells are `_c0`, `_c1`, …; a JSON label's are named by its keys. Typing as in capture files. An event
    that several lines speak of keeps all its rows, in reading order: which one holds is for the join to say.
    """

    sources: Sequence[Source]

    @property
    def name(self) -> str:
        """The first source, and how many more there are."""
        return name_of(self.sources)

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See Dataset.batches."""
        for block in line_blocks(self.sources, quarantine):
            uniform = read_payloads(block.data, block.count, _of_line)
            if uniform is not None:
                (labels,) = uniform.payloads
                assert labels is not None
                place = pl.zeros(len(uniform.ids), dtype=pl.Int64, eager=True)
                yield pl.DataFrame([uniform.ids.alias(EVENT_ID), place.alias(EVENT_ROW), *side_by_side([labels])])
                continue
            rows: list[Named] = []
            for index, line in enumerate(block.lines()):
                if not line.strip():
                    continue
                try:
                    rows.extend(_label_rows(line))
                except RecordError as fault:
                    source, number = block.place(index)
                    quarantine.add(source, number, fault.reason, fault.detail, line[:200].decode("utf-8", "replace"))
            if rows:
                yield _typed(frame_of(rows))


def _of_line(line: bytes) -> LineParts:
    record = _decode(line)
    return LineParts((record.groundTruthData,), record.eventMetadata.eventId)


def _label_rows(line: bytes) -> list[Named]:
    """The rows of one line. Raises: RecordError."""
    record = _decode(line)
    truth, event = record.groundTruthData, record.eventMetadata.eventId
    labels = decode_payload(truth.data, truth.encoding, truth.observedContentType or "", "groundTruthData")
    cells: list[Named] = [dict(zip(positional_names(len(c)), c, strict=True)) for c in labels.positional]
    return [_label_row(event, row, label) for row, label in enumerate([*cells, *labels.named])]


def _decode(line: bytes) -> _Record:
    record = decode_envelope(line, _DECODER, "not a ground truth record")
    check_keys(line, msgspec.json.decode(line))
    if not record.eventMetadata.eventId:
        raise RecordError(
            "not a ground truth record", "eventMetadata.eventId is empty, so the label belongs to nothing"
        )
    return record


def _label_row(event: str, row: int, label: Named) -> Named:
    if EVENT_ID in label or EVENT_ROW in label:
        raise RecordError("colliding names", f"the label has a key named {EVENT_ID!r} or {EVENT_ROW!r}; rename it")
    place: Named = {EVENT_ID: event, EVENT_ROW: row}
    return place | label


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    """CSV labels arrive as text: number types where every cell certainly is one."""
    positional = set(positional_names(frame.width))
    return pl.DataFrame([typed_text_column(c) if c.name in positional and c.dtype == pl.String else c for c in frame])
