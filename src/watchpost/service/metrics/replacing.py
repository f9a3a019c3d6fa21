"""Data that replace what their series had: a figure that is known better now, not one more sample.

Reported data add up, wherever they lie: in the log, in its condensed entry, in chunks of every tier. To replace a
datapoint, its cell is taken out of all of them in one transaction, and what every server remembers of the log is made
void by the same mark that folding uses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from watchpost.metrics.batch import Series, batch
from watchpost.metrics.cells import Cells, merge
from watchpost.metrics.identity import Datum
from watchpost.metrics.packing import Pack, pack, unpack
from watchpost.metrics.periods import MINUTE, TIERS, Tier
from watchpost.metrics.sketch import Flags
from watchpost.service.metrics.tail import MARK, MARK_KEY, Mark
from watchpost.stores.sql import metrics as tables
from watchpost.stores.sql.metrics import ChunkKey

if TYPE_CHECKING:
    from watchpost.stores.store import Transaction

# Series by number, and epoch seconds.
Place = tuple[int, int]


def put_replacing(tx: "Transaction", data: Sequence[Datum], gone: Sequence[Datum]) -> None:
    """Take in data instead of what their series had in the same minute, and remove what `gone` names.

    Of history that was rolled up, the whole period of five minutes or an hour is replaced. Raises: ValueError: see
    `batch`.
    """
    if not data and not gone:
        return
    arrived = batch([*data, *gone])
    newest: dict[Series, int] = {}
    for series, start in zip(arrived.series, arrived.cells.start.tolist(), strict=True):
        newest[series] = max(newest.get(series, 0), start)
    numbers = tables.numbers_of(tx.connection, newest)
    cells = arrived.numbered(numbers)
    places = set(zip(cells.series.tolist(), cells.start.tolist(), strict=True))
    for tier in TIERS:
        _take_out(tx, tier, places)
    log, before = _log(tx)
    rest = log[~_among(log, places, MINUTE)] if len(log) else log
    # Its number is above all that any server has read, so every one of them reads the log anew.
    tables.append(tx.connection, pack(cells[: len(data)]))
    last = max(portion[-1][0] for portion in tables.entries(tx.connection, before))
    whole = merge([rest, cells[: len(data)]])
    tables.condense(tx.connection, last, pack(whole) if len(whole) else None)
    mark = tx.get(MARK, MARK_KEY) or Mark()
    tx.put(MARK, MARK_KEY, replace(mark, upto=last, moved=mark.moved + 1, changes=mark.changes + 1))


def _log(tx: "Transaction") -> tuple[Cells, int]:
    """All cells of the log, and the number of its last entry."""
    cells, last = merge([]), 0
    for portion in tables.entries(tx.connection, 0):
        cells, last = merge([cells, merge([unpack(entry for _, entry in portion)])]), portion[-1][0]
    return cells, last


def _take_out(tx: "Transaction", tier: Tier, places: set[Place]) -> None:
    """Remove the cells at these places from the chunks of a tier."""
    keys = sorted({ChunkKey(series, tier.step, start - start % tier.chunk) for series, start in places})
    kept: list[tuple[ChunkKey, Pack]] = []
    emptied: list[ChunkKey] = []
    for key, cells in _chunks(tx, keys):
        out = _among(cells, places, max(tier.step, MINUTE))
        if out.all():
            emptied.append(key)
        elif out.any():
            kept.append((key, pack(cells[~out])))
    tables.put_chunks(tx.connection, kept)
    tables.delete_chunks(tx.connection, emptied)


def _chunks(tx: "Transaction", keys: Sequence[ChunkKey]) -> Iterator[tuple[ChunkKey, Cells]]:
    for key in keys:
        found = list(tables.chunks_at(tx.connection, [key]))
        if found:
            yield key, merge([unpack(found)])


def _among(cells: Cells, places: set[Place], step: int) -> Flags:
    """Which cells begin in the period of `step` seconds of one of the places."""
    wanted = {(series, start - start % step) for series, start in places}
    starts = (cells.start - cells.start % step).tolist()
    return np.array([each in wanted for each in zip(cells.series.tolist(), starts, strict=True)], dtype=np.bool_)
