"""How often inference ids repeat, counted in bounded memory.

The distinct ids' 64-bit hashes are kept with their counts. Above a cap, only the hashes below 2**(64 - level) are
kept, the level rising by one each time the cap is passed: a uniform sample of the *ids*, every record of a sampled id
counted, so the scaled count of repetitions is unbiased. What is kept depends only on the set of ids, so counters merge
in any order.
Source: Gibbons 2001, "Distinct sampling for highly-accurate answers to distinct values queries", VLDB, 541-550.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray

CAP = 1 << 20
"""Distinct ids counted exactly: 16 MiB of state."""

_WIDTH = 64  # bytes of an id that are hashed directly; a UUID has 36
_PENDING = 1 << 18


@dataclass(frozen=True, slots=True)
class IdentifierCounts:
    """How often inference ids repeat: ids seen, and how many records carry an id that an earlier record carried.

    exact: False when there were too many ids to keep them all and the figures are estimates from a uniform sample.
    """

    records: int
    repeated: int
    exact: bool = True


class RepeatedIds:
    """Counts the records whose id an earlier record carried. Null ids are not counted.

    Args: cap: distinct ids kept at most.
    """

    def __init__(self, cap: int = CAP) -> None:
        self._cap = cap
        self._records = 0
        self._level = 0
        self._hashes: NDArray[np.uint64] = np.empty(0, np.uint64)  # ascending, distinct
        self._counts: NDArray[np.int64] = np.empty(0, np.int64)
        self._pending: list[NDArray[np.uint64]] = []
        self._waiting = 0

    def add(self, ids: pl.Series | Sequence[str | None]) -> None:
        """Counts the ids of some records, in any order."""
        hashes = hash_ids(ids if isinstance(ids, pl.Series) else pl.Series(ids, dtype=pl.String))
        self._records += len(hashes)
        kept = hashes[hashes <= self._limit]
        self._pending.append(kept)
        self._waiting += len(kept)
        if self._waiting >= _PENDING:
            self._settle()

    def merge(self, other: "RepeatedIds") -> "RepeatedIds":
        """A new counter of both sides' records, equal to one that saw them all; the smaller cap holds."""
        self._settle()
        other._settle()
        merged = RepeatedIds(min(self._cap, other._cap))
        merged._records = self._records + other._records
        merged._level = max(self._level, other._level)
        merged._absorb(np.concatenate((self._hashes, other._hashes)), np.concatenate((self._counts, other._counts)))
        return merged

    def counts(self) -> IdentifierCounts:
        """The figures so far."""
        self._settle()
        repeated = int((self._counts - 1).sum()) << self._level
        return IdentifierCounts(self._records, min(repeated, max(self._records - 1, 0)), exact=self._level == 0)

    @property
    def _limit(self) -> np.uint64:
        return np.uint64((1 << (64 - self._level)) - 1)

    def _settle(self) -> None:
        if self._pending:
            fresh = np.concatenate(self._pending)
            self._pending, self._waiting = [], 0
            ones = np.ones(len(fresh), np.int64)
            self._absorb(np.concatenate((self._hashes, fresh)), np.concatenate((self._counts, ones)))

    def _absorb(self, hashes: NDArray[np.uint64], counts: NDArray[np.int64]) -> None:
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.empty(0, np.intp)
        self._hashes = ordered[starts]
        self._counts = np.add.reduceat(counts[order], starts) if len(starts) else np.empty(0, np.int64)
        self._cut()
        while len(self._hashes) > self._cap:
            self._level += 1
            self._cut()

    def _cut(self) -> None:
        kept = int(np.searchsorted(self._hashes, self._limit, side="right"))
        self._hashes, self._counts = self._hashes[:kept], self._counts[:kept]


def hash_ids(ids: pl.Series) -> NDArray[np.uint64]:
    """64-bit hashes of the non-null ids, the same in every process and version; shape (non-null ids,)."""
    present = ids.drop_nulls()
    if present.is_empty():
        return np.empty(0, np.uint64)
    plain = present.str.len_bytes().eq(present.str.len_chars()) & (present.str.len_bytes() <= _WIDTH)
    if not plain.all():
        present = pl.Series([i if ok else _digest(i) for i, ok in zip(present, plain, strict=True)], dtype=pl.String)
    width = (_longest(present) + 7) // 8 * 8
    padded: str = present.str.pad_end(width, "\0").str.join("").item()
    words = np.frombuffer(padded.encode(), "<u8").reshape(len(present), width // 8)
    hashes = present.str.len_bytes().to_numpy().astype(np.uint64)
    for position, salt in enumerate(_SALTS[: width // 8]):
        # Subtracting the salt's own image makes a padding word count nothing, so the batch's width does not matter.
        hashes = hashes + _mix(words[:, position] ^ salt) - _mix(np.full(1, salt))
    return _mix(hashes)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=_WIDTH // 2).hexdigest()


def _longest(ids: pl.Series) -> int:
    longest = ids.str.len_bytes().max()
    return max(longest, 1) if isinstance(longest, int) else 1


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64, a bijection: every output bit depends on every input bit (Steele et al. 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


_SALTS = _mix(np.arange(1, _WIDTH // 8 + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
