"""Capture files as a table: what endpoints were asked and answered, in the order of the lines (contract 1.6)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from watchpost.data.capture_blocks import capture_blocks, decode_side, set_aside
from watchpost.data.captured_events import CapturedEvents
from watchpost.data.cells import Scalar, frame_of, typed_text
from watchpost.data.envelopes import CaptureRecord, decode_capture
from watchpost.data.flatten import require_cells
from watchpost.data.identifiers import RepeatedIds
from watchpost.data.jsonl import name_of
from watchpost.data.lines import BLOCK_BYTES, LineBlock
from watchpost.data.names import distinct_names, positional_names
from watchpost.data.payloads import Named, Positional, Rows
from watchpost.data.quarantine import Quarantine
from watchpost.data.records import RecordError
from watchpost.data.sources import Source
from watchpost.data.uniform import UniformBlock
from watchpost.data.weights import carrying


@dataclass(frozen=True, slots=True)
class _Row:
    """One row before its cells have names.

    index: its line in the block. cells: CSV, output first. members: JSON. weight: of its record.
    """

    index: int
    cells: Positional
    members: Named
    weight: float = 1.0


class CaptureFiles:
    """A Dataset of capture JSON lines.

    Each side is decoded by its own encoding, and one record may hold many rows; the rows of input and output pair by
    position. CSV cells stand output first, then input, and are named by `names` when the counts agree, else `_c0`,
    `_c1` and so on; JSON keys are names, both sides' united; a key on both sides is the output's, and the input's
    becomes `endpointInput.<key>`. In a record of one CSV and one JSON side, `names` less the JSON keys name the CSV
    cells.

    The width of CSV rows is that of `names` if any row of the first block has it, else the first block's commonest;
    rows of another width are quarantined, and so is a record that cannot be read or whose sides differ in rows.

    Args: names: the baseline's column names, in order. block_bytes: how much is read at a time.
    """

    def __init__(
        self, sources: Sequence[Source], *, names: Sequence[str] | None = None, block_bytes: int = BLOCK_BYTES
    ) -> None:
        self._sources, self._block_bytes = tuple(sources), block_bytes
        self._names = None if names is None else tuple(distinct_names(names))
        self._identifiers: RepeatedIds | None = None
        self._weighted = False

    @property
    def name(self) -> str:
        """The first source, and how many more there are."""
        return name_of(self._sources)

    def counting(self, identifiers: RepeatedIds) -> "CaptureFiles":
        """See Identified.counting."""
        twin = self._twin()
        twin._identifiers = identifiers
        return twin

    def weighted(self) -> "CaptureFiles":
        """See Weighted.weighted."""
        twin = self._twin()
        twin._weighted = True
        return twin

    def _twin(self) -> "CaptureFiles":
        twin = CaptureFiles(self._sources, names=self._names, block_bytes=self._block_bytes)
        twin._identifiers, twin._weighted = self._identifiers, self._weighted
        return twin

    def by_event(self) -> CapturedEvents:
        """See Identified.by_event."""
        return CapturedEvents(self._sources, block_bytes=self._block_bytes)

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See Dataset.batches."""
        window = _Window(self._names)
        for block, uniform in capture_blocks(self._sources, quarantine, self._block_bytes):
            if uniform is not None and window.takes(uniform):
                ids, frame, weights = uniform.ids, window.named(uniform.frame), uniform.weights
            else:
                ids, frame, weights = _read_exactly(block, window, quarantine)
            if self._identifiers is not None:
                self._identifiers.add(ids)
            if frame.height:
                yield carrying(frame, weights) if self._weighted else frame


class _Window:
    """What holds for all blocks of one pass: how wide CSV rows are, and what their cells are called."""

    def __init__(self, names: tuple[str, ...] | None) -> None:
        self._names = names
        self._widths: dict[bool, int] = {}  # rows with JSON members beside them have a width of their own

    def takes(self, block: UniformBlock) -> bool:
        """True if the block's rows have the window's width; decides it if they are the first."""
        return self.width(False, Counter({block.frame.width: block.frame.height})) == block.frame.width

    def width(self, beside_members: bool, seen: Counter[int]) -> int:
        """The width of CSV rows, decided by the first widths seen."""
        if beside_members not in self._widths:
            given = len(self._names or ())
            agrees = not beside_members and seen[given]
            self._widths[beside_members] = given if agrees else seen.most_common(1)[0][0]
        return self._widths[beside_members]

    def names(self, width: int, members: Named) -> tuple[str, ...]:
        """The names of a row's CSV cells."""
        free = tuple(n for n in self._names or () if n not in members)
        return free if len(free) == width else tuple(positional_names(width))

    def named(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A frame of CSV rows under its names."""
        frame.columns = list(self.names(frame.width, {}))
        return frame


def _read_exactly(
    block: LineBlock, window: _Window, quarantine: Quarantine
) -> tuple[pl.Series, pl.DataFrame, pl.Series]:
    """The ids of a block's records, its rows and their weights, line by line, every fault named."""
    lines = block.lines()
    ids: list[str | None] = []
    rows: list[_Row] = []
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            record = decode_capture(line)
            found = _rows(record, index)
            for row in found:
                if not row.cells:
                    require_cells(row.members)
            rows.extend(found)
        except RecordError as fault:
            set_aside(quarantine, block, index, fault)
        else:
            ids.append(record.identifier)
    kept = []
    seen = {kind: Counter(len(r.cells) for r in rows if bool(r.members) is kind) for kind in (False, True)}
    for row in rows:
        width = window.width(bool(row.members), seen[bool(row.members)])
        if len(row.cells) == width:
            kept.append(row)
        else:
            wrong = RecordError("wrong number of columns", f"expected {width} CSV cells, found {len(row.cells)}")
            set_aside(quarantine, block, row.index, wrong)
    weights = pl.Series([row.weight for row in kept], dtype=pl.Float64)
    return pl.Series(ids, dtype=pl.String), _frame(kept, window), weights


def _rows(record: CaptureRecord, index: int) -> list[_Row]:
    """A record's rows. Raises: RecordError."""
    output = decode_side(record.captureData.output, "endpointOutput")
    input_ = decode_side(record.captureData.input, "endpointInput")
    if output is None or input_ is None:
        rows = output or input_ or Rows()
        return [_Row(index, *_cells(rows, i), record.weight) for i in range(rows.count)]
    if output.count != input_.count:
        detail = f"the output holds {output.count} rows, the input {input_.count}; they must pair by position"
        raise RecordError("sides differ in rows", detail)
    paired = []
    for i in range(output.count):
        (left, members), (right, asked) = _cells(output, i), _cells(input_, i)
        united = members | {f"endpointInput.{k}" if k in members else k: v for k, v in asked.items()}
        if len(united) != len(members) + len(asked):
            raise RecordError("colliding names", "a key of the output is named like an input's renamed key")
        paired.append(_Row(index, left + right, united, record.weight))
    return paired


def _cells(rows: Rows, i: int) -> tuple[Positional, Named]:
    return (rows.positional[i], {}) if rows.positional else ((), rows.named[i])


def _frame(rows: Sequence[_Row], window: _Window) -> pl.DataFrame:
    """Rows as typed columns. Beside JSON records, CSV cells stay text: their class is read from it all the same."""
    if not rows:
        return pl.DataFrame()
    if not any(row.members for row in rows):
        columns = zip(*(row.cells for row in rows), strict=True)
        text = [pl.Series(f"_c{i}", cells, dtype=pl.String) for i, cells in enumerate(columns)]
        return window.named(typed_text(pl.DataFrame(text)))
    united = []
    for row in rows:
        names = window.names(len(row.cells), row.members)
        if not row.members.keys().isdisjoint(names):
            names = tuple(f"{n}#csv" if n in row.members else n for n in names)
        cells: dict[str, Scalar] = dict(zip(names, row.cells, strict=True))
        united.append(cells | row.members)
    return frame_of(united)
