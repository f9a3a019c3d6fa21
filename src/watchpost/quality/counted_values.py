"""Distinct values and how much weight each carries, in bounded memory, whatever the order in which they come.

Exact while there are at most `cap` distinct values. Beyond, the lowest `level` bits of every value's ordered 64-bit
pattern are dropped, `level` being the smallest that leaves at most `cells` of them: cells that are narrow where the
values are small (about 5e-5 of the value). Both the level and the cells follow from the set of values alone, so tables
merge in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from watchpost.quality.dense_cells import DenseCells, KeyedRows

Floats = NDArray[np.float64]
Keys = NDArray[np.int64]
_Number = TypeVar("_Number", bound=np.generic)
_Bits: TypeAlias = NDArray[np.uint64] | NDArray[np.uint32]
_Rows: TypeAlias = tuple[Floats, NDArray[np.integer | np.bool_] | None, Floats | None]

MOST_VALUES = 1 << 20
MOST_CELLS = 1 << 18  # areas under curves are then off by about 1e-8, far less than chance moves them
_PENDING = 1 << 21  # values gathered before they are counted: 16 MiB
_DENSE = 4  # times as many cells are counted by place, instead of by sorting, where values lie close enough together
_PIECE = 1 << 15  # values whose temporaries stay in the processor's cache
_SIGN = np.int64(0x7FFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True, slots=True, eq=False)
class ValueTable:
    """values: distinct, ascending, shape (n,). weights[k, i]: weight of kind k at values[i], shape (kinds, n).

    exact: False when a value stands for the middle of a cell of several.
    """

    values: Floats
    weights: Floats
    exact: bool = True


class CountedValues:
    """A growing table of finite values of a few kinds (say: scores of negatives and of positives).

    Args: kinds: how many kinds of values there are. cap: distinct values kept at most, 4096 or more.
    """

    def __init__(self, kinds: int = 1, cap: int = MOST_VALUES) -> None:
        self._kinds, self._cap, self._cells, self._level = kinds, cap, min(cap, MOST_CELLS), 0
        self._keys: Keys = np.empty(0, np.int64)  # ordered patterns shifted right by the level; ascending, distinct
        self._weights: Floats = np.empty((kinds, 0))
        self._dense: DenseCells | None = None  # cells apart from the known ones, once there is a level
        self._pending: list[_Rows] = []
        self._waiting = 0
        self._most_waiting = min(_PENDING, 2 * cap)  # many small tables together hold no more than a large one

    def add(
        self,
        values: Floats,
        kinds: NDArray[np.integer | np.bool_] | None = None,
        weights: Floats | None = None,
    ) -> None:
        """Count values, shape (n,). kinds: of each, in [0, kinds); None is all 0. weights: of each; None is all 1.

        The arrays are kept until they are counted: they must not change afterwards.
        """
        for start in range(0, len(values), self._most_waiting):
            piece = slice(start, start + self._most_waiting)
            if self._waiting + len(values[piece]) > self._most_waiting:
                self._settle()
            self._pending.append(
                (values[piece], None if kinds is None else kinds[piece], None if weights is None else weights[piece])
            )
            self._waiting += len(values[piece])

    def merge(self, other: "CountedValues") -> "CountedValues":
        """A new table of both sides' values, equal to one that counted them all; the smaller cap holds."""
        for side in (self, other):
            side._settle()
            side._spread()
        merged = CountedValues(self._kinds, min(self._cap, other._cap))
        merged._level = max(self._level, other._level)
        merged._absorb([(side._keys >> (merged._level - side._level), side._weights) for side in (self, other)])
        return merged

    def table(self) -> ValueTable:
        """The table so far."""
        self._settle()
        self._spread()
        keys = self._keys << self._level
        if self._level:
            keys = keys + (1 << (self._level - 1))
        return ValueTable(_unordered(keys), self._weights, exact=self._level == 0)

    def _settle(self) -> None:
        """Count what waits."""
        if not self._pending:
            return
        pending, self._pending, self._waiting = self._pending, [], 0
        if not self._level and len(self._keys) + sum(len(values) for values, *_ in pending) > self._cap:
            self._coarsen(_joined([_ordered(values) for values, *_ in pending]))
        if self._level:
            rest = self._count_densely(pending)
            if not len(rest.keys):
                return
        else:
            rest = _in_a_row([KeyedRows(_ordered(values), kinds, weights) for values, kinds, weights in pending])
        keys, kinds, weights = rest
        parts = []
        for kind in range(self._kinds):
            own, held = keys, weights
            if self._kinds > 1 and kinds is not None:
                chosen = kinds == kind
                own, held = keys[chosen], None if weights is None else weights[chosen]
            elif kind:
                break
            distinct, totals = _runs(own, held)
            spread = np.zeros((self._kinds, len(distinct)))
            spread[kind] = totals
            parts.append((distinct, spread))
        self._spread(parts)

    def _coarsen(self, keys: Keys) -> None:
        """Raise the level as far as the known keys and these need it.

        Seeing it before they are counted saves the sorting by kind and merging of a million keys that will not stay.
        """
        drop = _needed_drop(np.concatenate((self._keys, keys)), self._cap, self._cells)
        if drop:
            self._level += drop
            self._keys, self._weights = _gathered(self._keys >> drop, self._weights)

    def _count_densely(self, pending: list[_Rows]) -> KeyedRows:
        """Count what lies in a range of cells (`_range`) by place, and return the rest by key.

        Once values are cut to cells, most lie close together; counting by place takes a tenth of sorting them.
        """
        if self._dense is None:
            low, high = self._range([values for values, *_ in pending])
            self._dense = DenseCells(low, high - low + 1, self._kinds)
        pieces = (
            KeyedRows(
                _ordered(values[start : start + _PIECE], self._level),
                None if kinds is None else kinds[start : start + _PIECE],
                None if weights is None else weights[start : start + _PIECE],
            )
            for values, kinds, weights in pending
            for start in range(0, len(values), _PIECE)
        )
        weighted = any(weights is not None for *_, weights in pending)
        return _in_a_row(self._dense.count(pieces, sum(len(values) for values, *_ in pending), weighted=weighted))

    def _range(self, values: list[Floats]) -> tuple[int, int]:
        """The lowest and the highest cell to count by place: the known ones and room for some that are yet to come."""
        ends = _ordered(np.array([end for own in values for end in (own.min(), own.max())]), self._level)
        known = np.concatenate((self._keys[:1], self._keys[-1:], ends))
        low, high, most = int(known.min()), int(known.max()), _DENSE * self._cells
        margin = min((high - low) // 4, most // 16)
        return max(low - margin, high + margin - most + 1), high + margin

    def _spread(self, more: Sequence[tuple[Keys, Floats]] = ()) -> None:
        """Put the cells counted by place, and more of this level, among the known ones."""
        parts = [(self._keys, self._weights), *more]
        if self._dense is not None:
            parts.append(self._dense.cells())
            self._dense = None
        if len(parts) > 1:
            self._absorb(parts)

    def _absorb(self, parts: list[tuple[Keys, Floats]]) -> None:
        parts = [part for part in parts if len(part[0])]
        if len(parts) == 1:
            self._keys, self._weights = parts[0]
        elif parts:
            keys, weights = np.concatenate([k for k, _ in parts]), np.concatenate([w for _, w in parts], axis=1)
            order = keys.argsort(kind="stable")  # a merge of sorted runs
            self._keys, self._weights = _gathered(keys[order], weights[:, order])
        if len(self._keys) > (self._cells if self._level else self._cap):
            drop = _least_drop(self._keys.view(np.uint64), self._cells)
            self._level += drop
            self._keys, self._weights = _gathered(self._keys >> drop, self._weights)


def _ordered(values: Floats, level: int = 0) -> Keys:
    """64-bit integers in the order of the values, shifted right by the level; both zeros are one."""
    keys = np.empty(len(values), np.int64)
    for start in range(0, len(values), _PIECE):
        bits = np.ascontiguousarray(values[start : start + _PIECE]).view(np.int64)
        if int(bits.min()) < 0:
            bits = (values[start : start + _PIECE] + 0.0).view(np.int64)
            flipped = bits >> 63
            flipped &= _SIGN
            flipped ^= bits
            bits = flipped
        np.right_shift(bits, level, out=keys[start : start + _PIECE])
    return keys


def _in_a_row(pieces: list[KeyedRows]) -> KeyedRows:
    """All the rows as one piece."""
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        return KeyedRows(np.empty(0, np.int64))
    kinds = [np.zeros(len(p.keys), np.uint8) if p.kinds is None else p.kinds for p in pieces]
    weights = [np.ones(len(p.keys)) if p.weights is None else p.weights for p in pieces]
    return KeyedRows(
        np.concatenate([p.keys for p in pieces]),
        None if all(p.kinds is None for p in pieces) else np.concatenate(kinds),
        None if all(p.weights is None for p in pieces) else np.concatenate(weights),
    )


def _joined(pieces: list[NDArray[_Number]]) -> NDArray[_Number]:
    """The pieces in a row; one alone is not copied."""
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _unordered(keys: Keys) -> Floats:
    return (keys ^ ((keys >> 63) & _SIGN)).view(np.float64)


def _runs(keys: Keys, weights: Floats | None) -> tuple[Keys, Floats]:
    """Distinct keys ascending, and the weight of each."""
    if weights is not None:
        order = keys.argsort(kind="stable")
        return _gathered(keys[order], weights[order])
    ordered = np.sort(keys)
    starts = _starts(ordered)
    return ordered[starts], np.diff(starts, append=len(ordered)).astype(np.float64)


def _gathered(keys: Keys, weights: Floats) -> tuple[Keys, Floats]:
    """Ascending keys made distinct, their weights added up."""
    starts = _starts(keys)
    if len(starts) == len(keys):
        return keys, weights
    return keys[starts], np.add.reduceat(weights, starts, axis=-1)


def _starts(keys: Keys) -> NDArray[np.intp]:
    """Where each run of equal ascending keys begins."""
    if not len(keys):
        return np.empty(0, np.intp)
    return np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))


def _needed_drop(keys: Keys, cap: int, cells: int) -> int:
    """0 for at most `cap` distinct keys, in any order; else the fewest low bits whose loss leaves at most `cells`."""
    # Bits that all keys share tell nothing, and 32 of the others mostly tell enough; as many sort in half the time.
    spread = int((keys.min() ^ keys.max()).view(np.uint64)).bit_length()
    for lost in (max(spread - 32, 0), 0):
        ordered: _Bits = (keys >> lost).astype(np.uint32) if spread - lost <= 32 else keys.astype(np.uint64)
        ordered.sort()
        if np.count_nonzero(ordered[1:] != ordered[:-1]) >= cap:
            drop = _least_drop(ordered, cells)
            if not lost or drop > 1:
                return lost + drop
        elif not lost:
            return 0
    return 0


def _least_drop(keys: _Bits, cap: int) -> int:
    """The fewest low bits whose loss leaves at most cap distinct keys, of ascending ones."""
    apart = keys[1:] ^ keys[:-1]  # neighbours stay distinct while their highest differing bit stays
    low, high = 1, 8 * keys.itemsize - 1
    while low < high:
        middle = (low + high) // 2
        if np.count_nonzero(apart >= (1 << middle)) < cap:
            high = middle
        else:
            low = middle + 1
    return low
