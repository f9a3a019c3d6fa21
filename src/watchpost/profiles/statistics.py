"""Statistics: the plain frozen summary of a table, made from a profile or read from a `statistics.json`.

Checks and drift tests work on two of these and never on rows, so a baseline made by the service works without its data.
What the file format has no place for (class counts, exact cell counts, ranges of text) is None on statistics that were
read from a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from watchpost.data.identifiers import IdentifierCounts
from watchpost.profiles.baseline_json import UnknownField

InferredType = Literal["Integral", "Fractional", "String", "Unknown"]

KLL_SIZE = 2048  # the contract's sketch size k; level h holds about k * c**h items, each standing for 2**h values
KLL_SHRINK = 0.64  # the contract's shrinking factor c


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """How many non-null cells look like what (contract 2.5). non_finite: NaN and infinities of typed columns."""

    integral: int = 0
    fractional: int = 0
    boolean: int = 0
    string: int = 0
    non_finite: int = 0

    @property
    def total(self) -> int:
        """All non-null cells."""
        return self.integral + self.fractional + self.boolean + self.string + self.non_finite


@dataclass(frozen=True, slots=True)
class Bucket:
    """One of the ten equal-width buckets of a numeric feature: [lower_bound, upper_bound), the last one closed."""

    lower_bound: float
    upper_bound: float
    count: float


@dataclass(frozen=True, eq=False, repr=False)  # no slots: the order is remembered
class Sketch:
    """A KLL sketch's content: levels[h] holds items (float64, any order), each standing for 2**h values."""

    levels: tuple[NDArray[np.float64], ...]
    k: float = float(KLL_SIZE)
    c: float = KLL_SHRINK

    @cached_property
    def _ordered(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """What `weighted` gives, remembered: all comparisons start from it, a baseline is compared again and again."""
        if not self.levels:
            return np.empty(0), np.empty(0, dtype=np.int64)
        items = np.concatenate(self.levels)
        items += 0.0  # turns -0.0 into 0.0: one value, written one way
        items, places = _ascending(items)
        weights = np.repeat(np.left_shift(1, np.arange(len(self.levels))), [len(level) for level in self.levels])
        weights = weights.take(places)
        last = last_of_equals(items)
        if last is not None:
            items, weights = items.take(last), np.diff(weights.cumsum().take(last), prepend=0)
        items.flags.writeable = weights.flags.writeable = False
        return items, weights

    def weighted(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distinct values ascending, and the weight of each (shapes (n,), (n,)): the approximate distribution.

        Both arrays are read-only.
        """
        return self._ordered

    def cumulative(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distinct values ascending, and how many of the values fed are at most each (shapes (n,), (n,))."""
        values, weights = self._ordered
        return values, weights.cumsum()

    @property
    def weight(self) -> int:
        """How many values the sketch stands for: exactly as many as were fed to it, for compaction keeps the sum."""
        return sum(len(items) << h for h, items in enumerate(self.levels))

    def __eq__(self, other: object) -> bool:
        """Same parameters and the same items at the same places."""
        if not isinstance(other, Sketch):
            return NotImplemented
        return (self.k, self.c, len(self.levels)) == (other.k, other.c, len(other.levels)) and all(
            np.array_equal(mine, its, equal_nan=True) for mine, its in zip(self.levels, other.levels, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]  # the items are arrays: compared by content, so not to be hashed

    def __repr__(self) -> str:
        """The sizes of the levels, not their thousands of items."""
        return f"Sketch(k={self.k}, c={self.c}, level_sizes={tuple(map(len, self.levels))})"


def last_of_equals(values: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Where equal values end, in ascending ones of shape (n,); None when all differ. There a count is inclusive."""
    last = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=last[:-1])
    return None if last.all() else last.nonzero()[0]


def _ascending(items: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The items from the smallest to the largest, and the place each had, equal ones in any order; shapes (n,), (n,).

    Each item's place is written over the lowest bits of its own significand (13 of 52 for 5,000 items), and these keys
    are sorted: numpy sorts numbers by vector instructions, a fifth of the time of sorting their places. Where two items
    differ in those bits only, the order comes out wrong, which is seen, and the places are sorted after all.
    """
    mask = (1 << len(items).bit_length()) - 1
    places = items.view(np.int64) & ~mask
    places |= np.arange(len(items))
    places.view(np.float64).sort()
    places &= mask
    found = items.take(places)
    if (found[1:] >= found[:-1]).all():
        return found, places
    places = items.argsort(kind="stable")
    return items.take(places), places


@dataclass(frozen=True, slots=True, eq=False)
class CellCounts:
    """Exact counts of the current values in cells cut by given edges: cell i is (edges[i-1], edges[i]], ends open.

    edges: ascending, shape (m,). counts: shape (m + 1,).
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]

    def __eq__(self, other: object) -> bool:
        """Same edges, same counts."""
        if not isinstance(other, CellCounts):
            return NotImplemented
        return np.array_equal(self.edges, other.edges) and np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]  # arrays are compared by content, so not to be hashed


@dataclass(frozen=True, slots=True)
class NumericStatistics:
    """Moments and distribution of a feature's finite numbers; every float is in the column's own unit.

    std_dev: population standard deviation. sketch and buckets are None where a file has none.
    """

    mean: float
    sum: float
    std_dev: float
    min: float
    max: float
    buckets: tuple[Bucket, ...] | None = None
    sketch: Sketch | None = None
    cells: CellCounts | None = None


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """One column.

    present, missing: cells with and without a value. distinct: approximate number of distinct values (None in files of
    older containers for numbers). completeness: as written in a file, None in older ones; use `present_ratio`.
    numeric: for Integral and Fractional features. categories: count by value, only while there are few (contract 2.5:
    at most 120 distinct, approximately). classes: what the cells look like; None when read from a file.
    unknown: fields of the file that we do not know; they come back when it is written.
    """

    name: str
    inferred_type: InferredType
    present: int
    missing: int
    distinct: float | None = None
    completeness: float | None = None
    numeric: NumericStatistics | None = None
    categories: Mapping[str, int] | None = None
    classes: ClassCounts | None = None
    unknown: tuple[UnknownField, ...] = ()

    @property
    def present_ratio(self) -> float:
        """Share of rows with a value, in [0, 1]; 0 without rows."""
        rows = self.present + self.missing
        return self.present / rows if rows else 0.0


@dataclass(frozen=True, slots=True)
class Statistics:
    """A whole table: its rows and its features in column order.

    version, unknown: the file's own version (the original writes 0.0), and its fields that we do not know.
    """

    item_count: int
    features: tuple[FeatureStatistics, ...]
    identifiers: IdentifierCounts | None = None
    version: float = 0.0
    unknown: tuple[UnknownField, ...] = ()

    def feature(self, name: str) -> FeatureStatistics | None:
        """The feature of that name, or None."""
        return next((f for f in self.features if f.name == name), None)
