"""A memory of the texts a column held lately, so that most cells need no second look.

Text columns repeat themselves. Grouping the cells of a batch costs 10 to 80 ns each; hashing one and finding that hash
at its place costs 5. The memory is bounded: a text whose two places are taken by others is grouped as if it were new,
which costs time and changes nothing.

The hash is polars' own. It differs between versions and is never stored; two texts of one column are taken for the same
when all 64 bits agree.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.kernels import distinct

_BITS = 18  # places: 2 MiB of hashes and 512 KiB of numbers a column
_EVEN = (1 << _BITS) - 2
_NUMBER_BITS = 12
_SEED = 0
_STRIDE = 65_536  # cells looked up at once

WORTH_REMEMBERING = 2_000  # cells in a batch from which it pays to remember its numbers
WORTH_ROWS = 50_000  # cells in a batch from which a memory of this size pays

Hashes = NDArray[np.uint64]


class SeenTexts:
    """Texts seen that are no numbers. Texts with a count of their own have a number from 1 on, all others have 0."""

    __slots__ = ("_hashes", "_numbers", "_texts")

    def __init__(self) -> None:
        self._hashes = np.zeros(1 << _BITS, dtype=np.uint64)
        self._numbers = np.zeros(1 << _BITS, dtype=np.uint16)
        self._texts: dict[str, int] = {}

    def look_up(self, cells: pl.Series) -> tuple[Mapping[str, int], int, pl.Series]:
        """What is known of these cells (no nulls).

        Returns: the cells of each counted text, the number of cells of other known texts, and the unknown cells, in
        their order.
        """
        hashes = cells.hash(_SEED).to_numpy()
        counts = np.zeros(1 + len(self._texts), dtype=np.int64)
        found = distinct.look_up(hashes, self._hashes, self._numbers, counts)
        if found is not None:
            return self._counted(counts), int(counts[0]), cells.gather(found) if len(found) else cells.clear()
        unknown = []
        for start in range(0, len(hashes), _STRIDE):
            part = hashes[start : start + _STRIDE]
            places = _places(part)
            places += self._hashes[places] != part
            known = self._hashes[places] == part
            if not known.all():
                unknown.append(cells[start : start + _STRIDE].filter(pl.Series(~known)))
                places = places[known]
            counts += np.bincount(self._numbers[places], minlength=len(counts))
        return self._counted(counts), int(counts[0]), pl.concat(unknown) if unknown else cells.clear()

    def _counted(self, counts: NDArray[np.int64]) -> dict[str, int]:
        return {text: count for text, count in zip(self._texts, counts[1:].tolist(), strict=True) if count}

    def remember(self, texts: pl.Series, *, counted: bool) -> None:
        """Take distinct texts in, in place of earlier ones that hash to the same places.

        counted: whether each is to be counted by itself. Of all texts ever counted there must be fewer than 2**16.
        """
        hashes = texts.hash(_SEED).to_numpy()
        numbers = np.zeros(len(texts), dtype=np.uint16)
        if counted:
            numbers[:] = [self._texts.setdefault(text, len(self._texts) + 1) for text in texts.to_list()]
        places = _places(hashes)
        # Who was here moves to the place beside; who was there is forgotten.
        self._hashes[places + 1], self._numbers[places + 1] = self._hashes[places], self._numbers[places]
        self._hashes[places], self._numbers[places] = hashes, numbers
        # Of two new ones with the same first place, the other goes beside it.
        lost = self._hashes[places] != hashes
        beside = places[lost] + 1
        self._hashes[beside], self._numbers[beside] = hashes[lost], numbers[lost]


def _places(hashes: Hashes) -> NDArray[np.int64]:
    """The first of each hash's two places; the other is the next."""
    return (hashes >> np.uint64(64 - _BITS) & np.uint64(_EVEN)).view(np.int64)


class SeenNumbers:
    """The texts of a column that holds few different ones, all of them numbers: each is understood once."""

    __slots__ = ("_codes", "_hashes", "_integral", "_texts", "_values")

    def __init__(self) -> None:
        self._hashes = np.zeros(1 << _NUMBER_BITS, dtype=np.uint64)
        self._codes = np.zeros(1 << _NUMBER_BITS, dtype=np.uint16)
        self._texts: dict[str, int] = {}
        self._values: NDArray[np.float64] = np.empty(0)
        self._integral: NDArray[np.bool_] = np.empty(0, np.bool_)

    def look_up(self, cells: pl.Series) -> "NumberCells | None":
        """What these cells are (no nulls); None if one of them is not known, or without the compiled kernels."""
        codes = distinct.codes_of(cells.hash(_SEED).to_numpy(), self._hashes, self._codes)
        if codes is None:
            return None
        counts = np.bincount(codes, minlength=len(self._texts))
        counted = {text: count for text, count in zip(self._texts, counts.tolist(), strict=True) if count}
        return NumberCells(self._values[codes], counted, int(counts[self._integral].sum()))

    def remember(self, texts: Mapping[str, float], integral: Collection[str]) -> None:
        """Take texts in, each with its number. integral: those of class Integral. Fewer than 2**11 in all."""
        new = [text for text in texts if text not in self._texts]
        for text, own in zip(new, pl.Series(new, dtype=pl.String).hash(_SEED).to_list(), strict=True):
            place = own >> (64 - _NUMBER_BITS)
            while self._hashes[place]:
                place = (place + 1) % len(self._hashes)
            # A text whose hash is 0 would be an empty place, and stays unknown.
            self._hashes[place], self._codes[place] = own, len(self._texts)
            self._texts[text] = len(self._texts)
        self._values = np.append(self._values, [texts[text] for text in new])
        self._integral = np.append(self._integral, [text in integral for text in new])


@dataclass(frozen=True, slots=True)
class NumberCells:
    """Cells that are numbers. values: in their order. texts: how often each text is there. integral: how many are."""

    values: NDArray[np.float64]
    texts: Mapping[str, int]
    integral: int
