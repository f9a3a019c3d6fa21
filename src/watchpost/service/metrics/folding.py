"""From the log of reported data to chunks of history, and from fine chunks to coarse ones.

A request appends one entry to the log: that is what makes it durable, and it is fast. From time to time the log is
condensed (its entries become one), hours that are over move into chunks (a series, an hour), chunks that grow old are
rolled up into coarser ones, and the oldest are removed. Every step is planned on a snapshot, without holding up
writers, and then written in one transaction if nobody else has rewritten the log or the chunks meanwhile. No answer
changes by it, whenever it happens.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from watchpost.metrics.cells import EMPTY, Cells, merge, rolled
from watchpost.metrics.packing import Pack, pack, pack_each, unpack
from watchpost.metrics.periods import HOUR, LISTED, TIERS, Tier
from watchpost.service.metrics.tail import MARK, MARK_KEY, Mark
from watchpost.stores.sql import metrics as tables
from watchpost.stores.sql.metrics import ChunkKey

if TYPE_CHECKING:
    from watchpost.stores.store import Store, Transaction

# Data are a little late as a rule: an hour moves when it has been over for so long, and not more often than that.
_GRACE, _BETWEEN_MOVES = 300, 900
_AT_ONCE = 2000  # chunks rolled up in one transaction
_SERIES_KEPT = TIERS[-1].kept + LISTED


@dataclass(frozen=True, slots=True)
class Fold:
    """What is to be written: the mark it was planned on, the next one, the log's new entry, chunks and series.

    `entry` None: nothing is left in the log up to the next mark's `upto`.
    """

    planned_on: Mark
    mark: Mark
    entry: Pack | None
    chunks: tuple[tuple[ChunkKey, Pack], ...]
    gone: tuple[ChunkKey, ...] = ()


def fold(store: "Store", now: int, most: int, seen: Sequence[tuple[int, int]] = ()) -> None:
    """Condense the log and move the hours that are over into chunks, as of `now` (epoch seconds).

    Args: most: how many cells or items of sketches may stay in the log and in every server's memory; if there are more,
    all move, over or not. seen: newest data of series by number, to be remembered in passing.
    """
    planned = store.read(lambda tx: _plan(tx, now, most))
    if planned is not None or seen:
        store.write(lambda tx: _write(tx, planned, seen))


def roll_up(store: "Store", now: int) -> bool:
    """Roll some old chunks up and remove what is past keeping; whether there may be more to do."""
    planned = store.read(lambda tx: _plan_rolling(tx, now))
    if planned is not None:
        store.write(lambda tx: _write(tx, planned, ()))
        return True
    return store.write(lambda tx: _remove(tx, now))


def _plan(tx: "Transaction", now: int, most: int) -> Fold | None:
    mark = tx.get(MARK, MARK_KEY) or Mark()
    cells, upto = EMPTY, 0
    for portion in tables.entries(tx.connection, 0):
        cells, upto = merge([cells, merge([unpack(entry for _, entry in portion)])]), portion[-1][0]
    over = _over(cells, mark, now, most)
    if upto <= mark.upto and not over.any():
        return None
    rest = cells[~over]
    after = replace(mark, upto=upto, changes=mark.changes + 1)
    chunks: tuple[tuple[ChunkKey, Pack], ...] = ()
    if over.any():
        after = replace(after, moved=mark.moved + 1, moved_at=now)
        moving = cells[over]
        chunks = tuple(
            chunk
            for tier, part in ((TIERS[0], moving[moving.fine]), (TIERS[1], moving[~moving.fine]))
            for chunk in _chunks(tx, part, tier)
        )
    return Fold(mark, after, pack(rest) if len(rest) else None, chunks)


def _over(cells: Cells, mark: Mark, now: int, most: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which cells are to move into chunks."""
    if max(len(cells), len(cells.values)) > most:
        return np.ones(len(cells), dtype=np.bool_)
    if now - mark.moved_at < _BETWEEN_MOVES:
        return np.zeros(len(cells), dtype=np.bool_)
    start = cells.start
    return np.asarray(start - start % HOUR + HOUR + _GRACE <= now, dtype=np.bool_)


def _chunks(tx: "Transaction", cells: Cells, tier: Tier) -> Iterable[tuple[ChunkKey, Pack]]:
    """The chunks that cells (ascending, all of one resolution) belong to, with what they held before."""
    if not len(cells):
        return ()
    keys, _ = _stretches(cells, tier)
    held = merge([unpack(tables.chunks_at(tx.connection, keys)), cells])
    keys, first = _stretches(held, tier)
    return zip(keys, pack_each(held, first), strict=True)


def _stretches(cells: Cells, tier: Tier) -> tuple[list[ChunkKey], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The chunks that cells (ascending) lie in, and the position of the first cell of each."""
    series, chunk = cells.series, cells.start // tier.chunk
    new = (series[1:] != series[:-1]) | (chunk[1:] != chunk[:-1])
    first = np.concatenate(([0], np.flatnonzero(new) + 1))
    numbers, starts = series[first].tolist(), (chunk[first] * tier.chunk).tolist()
    return [ChunkKey(number, tier.step, start) for number, start in zip(numbers, starts, strict=True)], first


def _plan_rolling(tx: "Transaction", now: int) -> Fold | None:
    """Chunks of a tier that go into the next: when the coarser chunk that takes them is wholly past keeping."""
    for tier, into in pairwise(TIERS):
        before = (now - tier.kept) // into.chunk * into.chunk
        found = tables.chunks_before(tx.connection, tier.step, before, _AT_ONCE)
        if found:
            mark = tx.get(MARK, MARK_KEY) or Mark()
            cells = rolled(merge([unpack(entry for _, entry in found)]), into.step)
            after = replace(mark, changes=mark.changes + 1)
            return Fold(mark, after, None, tuple(_chunks(tx, cells, into)), tuple(key for key, _ in found))
    return None


def _write(tx: "Transaction", planned: Fold | None, seen: Sequence[tuple[int, int]]) -> None:
    tables.note_seen(tx.connection, seen)
    if planned is None or (tx.get(MARK, MARK_KEY) or Mark()) != planned.planned_on:
        return  # somebody else was faster; the next round sees what they left
    tables.put_chunks(tx.connection, planned.chunks)
    tables.delete_chunks(tx.connection, planned.gone)
    if planned.mark.upto != planned.planned_on.upto or planned.mark.moved != planned.planned_on.moved:
        tables.condense(tx.connection, planned.mark.upto, planned.entry)
    tx.put(MARK, MARK_KEY, planned.mark)


def _remove(tx: "Transaction", now: int) -> bool:
    last = TIERS[-1]
    old = tables.chunks_before(tx.connection, last.step, now - last.kept - last.chunk, _AT_ONCE)
    tables.delete_chunks(tx.connection, [key for key, _ in old])
    # Longer than any chunk is kept: so whoever still holds a series' number has heard of it since.
    tables.forget_series(tx.connection, now - _SERIES_KEPT)
    return bool(old)
