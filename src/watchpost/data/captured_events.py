"""Capture files as predictions under their events, every cell named by its side (contract 6.4)."""

import re
from collections.abc import Iterator, Sequence

import polars as pl

from watchpost.data.capture_blocks import capture_blocks, decode_side, set_aside
from watchpost.data.cells import frame_of, typed_text_column
from watchpost.data.envelopes import CaptureRecord, decode_capture
from watchpost.data.ground_truth import EVENT_ID, EVENT_ROW
from watchpost.data.jsonl import name_of
from watchpost.data.labels import truth_name
from watchpost.data.lines import BLOCK_BYTES, LineBlock
from watchpost.data.names import positional_names
from watchpost.data.payloads import Named, Rows, Side
from watchpost.data.quarantine import Quarantine
from watchpost.data.records import RecordError
from watchpost.data.sources import Source
from watchpost.data.uniform import UniformBlock
from watchpost.data.weights import carrying


class CapturedEvents:
    """A Dataset of capture JSON lines: EVENT_ID, EVENT_ROW, then the cells of output, input and merged ground truth.

    EVENT_ID is the inference id, else the event id (contract 6.2), null where a record has neither. A CSV cell, and an
    element of a bare JSON array, is named by its place: `endpointOutput_0`; any other JSON cell by its key:
    `endpointOutput_score`. Rows of input and output pair by position; a record whose sides differ in rows is set aside,
    as is one that cannot be read. How many cells a row has is not judged here: places count from the side's own first.

    Args: block_bytes: how much is read at a time.
    """

    def __init__(self, sources: Sequence[Source], *, block_bytes: int = BLOCK_BYTES) -> None:
        self._sources, self._block_bytes = tuple(sources), block_bytes
        self._weighted = False

    @property
    def name(self) -> str:
        """The first source, and how many more there are."""
        return name_of(self._sources)

    def weighted(self) -> "CapturedEvents":
        """See Weighted.weighted."""
        twin = CapturedEvents(self._sources, block_bytes=self._block_bytes)
        twin._weighted = True
        return twin

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See Dataset.batches."""
        for block, uniform in capture_blocks(self._sources, quarantine, self._block_bytes):
            weights: Sequence[float] | pl.Series | None
            if uniform is None:
                frame, weights = _read_exactly(block, quarantine)
            else:
                frame, weights = _named(uniform), uniform.weights
            if frame.height:
                yield carrying(frame, weights) if self._weighted else frame


def _named(block: UniformBlock) -> pl.DataFrame:
    frame = block.frame
    outputs = [cell_name("endpointOutput", name) for name in positional_names(block.outputs)]
    inputs = [cell_name("endpointInput", name) for name in positional_names(frame.width - block.outputs)]
    ids = block.ids if len(block.ids) else pl.Series([None] * frame.height, dtype=pl.String)
    rows = pl.zeros(frame.height, dtype=pl.Int64, eager=True)
    columns = [ids.alias(EVENT_ID), rows.alias(EVENT_ROW)]
    columns += [cell.alias(name) for cell, name in zip(frame, [*outputs, *inputs], strict=True)]
    if block.truth is not None:
        places = positional_names(block.truth.width)
        columns += [cell.alias(truth_name(name)) for cell, name in zip(block.truth, places, strict=True)]
    return pl.DataFrame(columns)


def _read_exactly(block: LineBlock, quarantine: Quarantine) -> tuple[pl.DataFrame, list[float]]:
    """The rows of a block and their weights, line by line, every fault named."""
    rows: list[Named] = []
    weights: list[float] = []
    text: set[str] = set()
    for index, line in enumerate(block.lines()):
        if not line.strip():
            continue
        try:
            record = decode_capture(line)
            found = _rows(record, text)
            rows.extend(found)
            weights.extend([record.weight] * len(found))
        except RecordError as fault:
            set_aside(quarantine, block, index, fault)
    frame = frame_of(rows)
    typed = [typed_text_column(c) if c.name in text and c.dtype == pl.String else c for c in frame]
    return pl.DataFrame([c.cast(pl.String) if c.name == EVENT_ID else c for c in typed]), weights


def _rows(record: CaptureRecord, text: set[str]) -> list[Named]:
    """A record's rows; the names of CSV cells, whose types their text tells, go into `text`. Raises: RecordError."""
    captured: tuple[tuple[Side, Rows | None], ...] = (
        ("endpointOutput", decode_side(record.captureData.output, "endpointOutput")),
        ("endpointInput", decode_side(record.captureData.input, "endpointInput")),
        ("groundTruthData", decode_side(record.groundTruthData, "groundTruthData")),
    )
    sides = [(name, side) for name, side in captured if side is not None]
    counts = {side.count for _, side in sides}
    if len(counts) > 1:
        detail = ", ".join(f"{name} {side.count}" for name, side in sides)
        raise RecordError("sides differ in rows", f"{detail}; they must pair by position")
    found: list[Named] = []
    for place in range(counts.pop()):
        row: Named = {EVENT_ID: record.identifier, EVENT_ROW: place}
        for name, side in sides:
            row |= _cells(name, side, place, text)
        found.append(row)
    return found


def _cells(side: Side, rows: Rows, place: int, text: set[str]) -> Named:
    if rows.named:
        return {cell_name(side, key): cell for key, cell in rows.named[place].items()}
    cells = rows.positional[place]
    names = [cell_name(side, name) for name in positional_names(len(cells))]
    text.update(names)
    return dict(zip(names, cells, strict=True))


def cell_name(side: Side, name: str) -> str:
    """What a cell is called: by its place if it has no name of its own, else by its key.

    >>> cell_name("endpointOutput", "_c1"), cell_name("endpointOutput", "endpointOutput[1]")
    ('endpointOutput_1', 'endpointOutput_1')
    >>> cell_name("endpointInput", "customer.age"), cell_name("groundTruthData", "groundTruthData")
    ('endpointInput_customer.age', 'groundTruthData_0')
    """
    if name == side:
        return f"{side}_0"
    unnamed = re.fullmatch(rf"(?:_c|{side}\[)([0-9]+)\]?", name)
    return f"{side}_{unnamed[1] if unnamed else name}"
